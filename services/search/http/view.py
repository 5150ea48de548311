"""What the search page shows, put together from what was found; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from services.search.http.links import Links
from services.search.queries import Result, Results, Wanted
from services.search.rules.card import Stored
from services.search.rules.directory import Directory
from services.search.words import say
from shared.events.record import DepartmentState
from shared.web.dates import Lang
from shared.web.dates import day as day_words

OPEN_VALUES = 6
"""Values of a facet that stand open; the rest folds away."""
FACETS = ("department", "catalogue", "genre", "topic", "year", "validity")


@dataclass(frozen=True)
class Choice:
    """One value of a facet, as a link."""

    label: str
    count: int
    link: str
    chosen: bool


@dataclass(frozen=True)
class Facet:
    """One facet with its values."""

    name: str
    open: list[Choice]
    folded: list[Choice]


@dataclass(frozen=True)
class Chosen:
    """A filter in force, with the address that is without it."""

    label: str
    link: str


@dataclass(frozen=True)
class Row:
    """One hit as the page shows it."""

    title: str
    url: str
    language: str
    badges: list[str]
    genre: str | None
    department: str
    document_number: str | None
    formed_on: date | None
    published_on: datetime
    snippet: Markup
    reason: str | None
    explained_by: Stored | None


@dataclass(frozen=True)
class Nothing:
    """What helps when nothing was found."""

    without_filters: int
    nearest: list[Row]
    body: DepartmentState | None


def facets_of(results: Results, links: Links, names: Directory, lang: Lang) -> list[Facet]:
    """Return the facets that leave a choice."""
    facets = []
    for name in FACETS:
        choices = [_choice(name, v, n, links, names, lang) for v, n in results.facets.get(name, [])]
        if len(choices) > 1 or any(choice.chosen for choice in choices):
            choices.sort(key=lambda choice: not choice.chosen)
            facets.append(Facet(name, choices[:OPEN_VALUES], choices[OPEN_VALUES:]))
    return facets


def _choice(
    name: str, value: str, count: int, links: Links, names: Directory, lang: Lang
) -> Choice:
    filters = links.wanted.filters
    now = (str(filters.year),) if name == "year" else filters.exact.get(name, ())
    chosen = value in now
    return Choice(
        _label(name, value, names, lang),
        count,
        links.to(**{name: None if chosen else value}),
        chosen,
    )


def _label(name: str, value: str, names: Directory, lang: Lang) -> str:
    return say("year_value", lang, n=value) if name == "year" else names.label(name, value, lang)


def chosen_of(links: Links, names: Directory, lang: Lang) -> list[Chosen]:
    """Return the filters in force, in the order of the facets."""
    filters = links.wanted.filters
    chosen = [
        Chosen(_label(name, value, names, lang), links.to(**{name: None}))
        for name in FACETS
        for value in filters.exact.get(name, ())
    ]
    if filters.year is not None:
        chosen.append(Chosen(_label("year", str(filters.year), names, lang), links.to(year=None)))
    for name, key, day in (
        ("from", "since", filters.first_day),
        ("to", "until", filters.last_day),
    ):
        if day is not None:
            words = say(key, lang, day=day_words(date.fromordinal(day), lang))
            chosen.append(Chosen(words, links.to(**{name: None})))
    return chosen


def rows_of(
    results: Sequence[Result], explained: dict[str, Stored], names: Directory, lang: Lang
) -> list[Row]:
    """Return the hits as rows; an explainer 解读 that stands below its policy is no row of its own."""
    shown = {stored.item_id for stored in explained.values()}
    return [
        row_of(result.stored, result.snippet, names, lang, explained.get(key_of(result.stored)))
        for result in results
        if result.stored.item_id not in shown
    ]


def key_of(stored: Stored) -> str:
    """Return `<department>/<source_id>`, by which relations name an item."""
    return f"{stored.facts['department']}/{stored.facts['source_id']}"


def row_of(
    stored: Stored, snippet: str, names: Directory, lang: Lang, explained: Stored | None = None
) -> Row:
    """Return one item as a row."""
    facts = stored.facts
    genre = facts.get("genre")
    formed_on = facts.get("formed_on")
    return Row(
        title=facts["title"],
        url=facts["url"],
        language=facts.get("language") or "zh-Hans",
        badges=badges_of(facts),
        genre=names.label("genre", genre, lang) if genre else None,
        department=names.label("department", facts["department"], lang),
        document_number=facts.get("document_number"),
        formed_on=date.fromisoformat(formed_on) if formed_on else None,
        published_on=datetime.fromisoformat(facts["published_at"]),
        snippet=Markup(snippet),
        reason=facts.get("reason") if facts.get("state") == "withdrawn" else None,
        explained_by=explained,
    )


def badges_of(facts: dict[str, Any]) -> list[str]:
    """Return what a reader must know before opening an item, the severest first."""
    if facts.get("state") == "withdrawn":
        return ["withdrawn"]
    validity = facts.get("validity")
    return [validity] if validity else []


def likely_body(
    nearest: Sequence[Stored], names: Directory, wanted: Wanted
) -> DepartmentState | None:
    """Return the body that a question without hits is likely for: the one chosen, else that of the nearest titles."""
    chosen = wanted.filters.exact.get("department", ())
    codes = Counter(stored.facts["department"] for stored in nearest).most_common(1)
    code = chosen[0] if chosen else (codes[0][0] if codes else None)
    return names.departments.get(code) if code else None
