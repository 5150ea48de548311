"""Which saved targets fit an item: pure, in memory, fast for hundreds of thousands of phrases.

Each target waits at its rarest token (of a phrase) or at its department or entry; an item looks only at the
targets that wait at its own tokens, and each of those is then compared in full.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.notifier.rules import Target
from shared import text

Tokens = frozenset[str]


@dataclass(frozen=True)
class Sight:
    """An item as a target sees it."""

    department: str
    catalogue: str
    tokens: Tokens = frozenset()


def tokens_of(*texts: str | None) -> Tokens:
    """Return every token of *texts*: words, pairs of characters, single characters."""
    found: set[str] = set()
    for each in texts:
        if each:
            terms = text.cut(each)
            found.update(terms.words, terms.bigrams, terms.characters)
    return frozenset(found)


def cuts_of(phrase: str) -> tuple[Tokens, ...]:
    """Return the sets of tokens of which an item must have one whole: its words, or its pairs of characters.

    The pairs find a phrase that the segmenter cuts in another way inside a sentence.
    """
    if not phrase:
        return ()
    terms = text.cut(phrase)
    covered = set("".join(terms.bigrams))
    pairs = {
        *terms.bigrams,
        *(c for c in terms.characters if not text.is_han(c) or c not in covered),
    }
    return tuple({frozenset(text.words(phrase)): None, frozenset(pairs): None})


@dataclass
class _Waiting:
    target: Target
    cuts: tuple[Tokens, ...]
    anchors: tuple[str, ...]


@dataclass
class Matcher:
    """The targets of all subscriptions, kept up to date by `put` and `drop`."""

    clock: int = -1
    """Up to which change of the subscriptions this matcher knows them."""
    _all: dict[UUID, _Waiting] = field(default_factory=dict)
    _at: defaultdict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    _seen: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def reads(self) -> bool:
        """Whether any target has a phrase: else nobody needs the tokens of a text."""
        return bool(self._seen)

    def put_all(self, targets: Mapping[UUID, Target]) -> None:
        """Add many; all are counted first, so that each can wait at the rarest of its tokens."""
        cuts = {key: cuts_of(target.phrase) for key, target in targets.items()}
        for sets in cuts.values():
            self._seen.update(token for cut in sets for token in cut)
        for key, target in targets.items():
            self._put(key, target, cuts[key])

    def put(self, key: UUID, target: Target) -> None:
        """Add or change one."""
        self.put_all({key: target})

    def _put(self, key: UUID, target: Target, cuts: tuple[Tokens, ...]) -> None:
        self.drop(key)
        anchors = tuple({self._rarest(cut): None for cut in cuts}) or (_place(target),)
        self._all[key] = _Waiting(target, cuts, anchors)
        for anchor in anchors:
            self._at[anchor].add(key)

    def _rarest(self, cut: Tokens) -> str:
        return min(cut, key=lambda token: (self._seen[token], -len(token), token))

    def drop(self, key: UUID) -> None:
        """Take one out, if it is there."""
        waiting = self._all.pop(key, None)
        for anchor in waiting.anchors if waiting else ():
            self._at[anchor].discard(key)
            if not self._at[anchor]:
                del self._at[anchor]

    def match(self, sight: Sight) -> set[UUID]:
        """Return the subscriptions that *sight* fits."""
        places = [_department(sight.department), *map(_entry, _lineage(sight.catalogue))]
        return {
            key for key in self._candidates(sight.tokens, places) if _fits(self._all[key], sight)
        }

    def _candidates(self, tokens: Tokens, places: Iterable[str]) -> set[UUID]:
        at = self._at
        near = [at[token] for token in tokens if token in at]
        return set().union(*near, *(at[place] for place in places if place in at))


def _department(code: str) -> str:
    return f"\0d{code}"


def _entry(code: str) -> str:
    return f"\0c{code}"


def _place(target: Target) -> str:
    return _department(target.department) if target.department else _entry(target.catalogue)


def _lineage(catalogue: str) -> list[str]:
    """Return an entry's code and those above it: `budget.final` → `budget.final`, `budget`."""
    parts = catalogue.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def _fits(waiting: _Waiting, sight: Sight) -> bool:
    target = waiting.target
    return (
        target.department in ("", sight.department)
        and (not target.catalogue or target.catalogue in _lineage(sight.catalogue))
        and (not waiting.cuts or any(cut <= sight.tokens for cut in waiting.cuts))
    )
