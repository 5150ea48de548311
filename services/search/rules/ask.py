"""What an engine is asked, in terms that every engine understands.

An engine knows no Chinese and no grammar: it gets cut terms and adds up BM25 (k1 1.2, b 0.75) over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self


class Term(NamedTuple):
    """One cut term in one field of the index."""

    field: str
    value: str


Way = tuple[Term, ...]
"""Terms that a document must hold all of."""
Need = tuple[Way, ...]
"""Ways of meeting one need; any of them will do."""


First = tuple[Need, float]
"""A need with what meeting it adds to the score."""


@dataclass(frozen=True)
class Filters:
    """What a hit must be, apart from its words."""

    exact: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field → values, any of which will do: department, catalogue, topic, genre, validity."""
    year: int | None = None
    first_day: int | None = None
    """Earliest day of publication, as a proleptic ordinal."""
    last_day: int | None = None

    def without(self, name: str) -> Self:
        """Return these filters without the one called *name*: what the facet of that name counts over."""
        if name == "year":
            return replace(self, year=None)
        return replace(self, exact={key: value for key, value in self.exact.items() if key != name})

    def names(self) -> set[str]:
        """Return the names of the filters that are set and have a facet."""
        return set(self.exact) | ({"year"} if self.year is not None else set())


@dataclass(frozen=True)
class Ask:
    """One question to an engine; without needs, phrases and firsts it asks for everything."""

    score: tuple[tuple[Term, float], ...] = ()
    """Terms with their weights; their BM25 scores add up."""
    needs: tuple[Need, ...] = ()
    at_least: int = 0
    """How many of the needs a hit must meet."""
    phrases: tuple[tuple[str, ...], ...] = ()
    """Units (see `shared.text.Terms.characters`) that must follow one another; all phrases are needed."""
    firsts: tuple[First, ...] = ()
    """They add their amount as it is, and from `ENOUGH` on make a hit by themselves."""
    filters: Filters = field(default_factory=Filters)


ENOUGH = 1000.0
"""A first of this weight or more is a hit whatever the needs say."""


class Hit(NamedTuple):
    """One hit before it is read."""

    handle: object
    """Where the engine finds it again."""
    score: float
    day: int
    """Day of publication, as a proleptic ordinal."""
    spent: bool
    """Repealed, expired or withdrawn."""


class Found(NamedTuple):
    """What an engine found: the exact number of hits and the wanted stretch of them."""

    total: int
    hits: list[Hit]
