"""Reads for the edges: one search, its facets, its zero-hit help. Blocking: the edges call them in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Literal

from services.search.engines.engine import FACETS, Engine, HitGone
from services.search.rules.ask import Ask, Filters, First, Hit, Term
from services.search.rules.card import Stored, tails
from services.search.rules.question import IN_TITLE, NUMBER, PART, Question, understand
from services.search.rules.ranking import BEST, ranked
from services.search.rules.snippet import Mark, snippet
from shared.text import find_numbers, number_key

_AGAIN = 3
FACET_SIZE = 50
"""Values of a facet that an answer names; the counts are exact."""


@dataclass(frozen=True)
class Wanted:
    """What a reader asks for."""

    q: str = ""
    filters: Filters = field(default_factory=Filters)
    newest: bool = False
    page: int = 1
    size: int = 10


@dataclass(frozen=True)
class Result:
    """One hit as it is shown."""

    stored: Stored
    score: float
    snippet: str
    """Escaped HTML with `<mark>`."""


@dataclass(frozen=True)
class Results:
    """What a search found."""

    total: int
    hits: list[Result]
    facets: dict[str, list[tuple[str, int]]]
    exact: Literal["number", "part"] | None = None
    """Whether the first hit bears the number that was asked for, in full or by a part of it."""
    question: Question | None = None


def search(engine: Engine, wanted: Wanted, *, facets: Sequence[str] = FACETS) -> Results:
    """Answer one search; again, when a hit was taken away between finding and reading it."""
    for _ in range(_AGAIN):
        with suppress(HitGone):
            return _search(engine, wanted, facets)
    return _search(engine, wanted, facets)


def _search(engine: Engine, wanted: Wanted, facets: Sequence[str]) -> Results:
    question = understand(wanted.q) if wanted.q.strip() else None
    ask = replace(plan(engine, question), filters=wanted.filters)
    newest = wanted.newest or question is None
    total, hits = _page(engine, ask, wanted, newest=newest)
    return Results(
        total=total,
        hits=[
            _result(hit, stored, question)
            for hit, stored in zip(hits, engine.read(hits), strict=True)
        ],
        facets=count_facets(engine, ask, facets),
        exact=_exact(question, hits[0]) if hits and not newest and wanted.page == 1 else None,
        question=question,
    )


def plan(engine: Engine, question: Question | None) -> Ask:
    """Return what to ask *engine* for *question*, without filters.

    A number that is known asks for that number and nothing else, a title for all its words. Otherwise as many words are
    needed as still leave a fair number of hits among everything, so that filters never change what counts as a hit.
    """
    if question is None:
        return Ask()
    if question.number:
        numbered = Ask(score=question.score, firsts=question.number, phrases=question.phrases)
        if engine.count(numbered):
            return numbered
    asked = Ask(
        score=question.score,
        needs=question.needs,
        phrases=question.phrases,
        firsts=_firsts(question),
    )
    if question.titled and engine.count(Ask(firsts=(question.titled,))):
        return replace(asked, at_least=len(question.needs))
    counted = replace(asked, score=(), firsts=())
    for at_least, fair in _levels(len(question.needs)):
        if not fair or engine.count(replace(counted, at_least=at_least)) >= fair:
            return replace(asked, at_least=at_least)
    return asked


def _levels(needs: int) -> list[tuple[int, int]]:
    """Return how many needs must be met, strictest first, each with the number of hits that makes it good enough."""
    fair = 20 if needs <= 2 else 100
    return [(needs, fair), (ceil(needs / 2), fair), (1, 0)] if needs > 1 else [(needs, 0)]


def _firsts(question: Question) -> tuple[First, ...]:
    in_title = [(need, IN_TITLE) for need in question.in_title]
    titled = (question.titled,) if question.titled else ()
    return (*in_title, *question.mentioned, *titled)


def _page(engine: Engine, ask: Ask, wanted: Wanted, *, newest: bool) -> tuple[int, list[Hit]]:
    """Return the exact total and the hits of the page; the best `BEST` are ranked anew, those after them are not."""
    offset = (wanted.page - 1) * wanted.size
    end = offset + wanted.size
    if offset >= BEST and offset >= (total := engine.count(ask)):
        return total, []  # an engine makes room for every hit up to the page
    if newest or offset >= BEST:
        found = engine.search(ask, offset=offset, limit=wanted.size, newest=newest)
        return found.total, found.hits
    found = engine.search(ask, offset=0, limit=max(BEST, end), newest=False)
    return found.total, [*ranked(found.hits[:BEST]), *found.hits[BEST:]][offset:end]


def _exact(question: Question | None, hit: Hit) -> Literal["number", "part"] | None:
    if question is None or not question.number or hit.score < PART:
        return None
    return "number" if hit.score >= NUMBER else "part"


def _result(hit: Hit, stored: Stored, question: Question | None) -> Result:
    summary = stored.facts.get("summary") or ""
    text = f"{summary}\n{stored.text}" if summary else stored.text
    return Result(
        stored, round(hit.score, 4), snippet(text, _marked(text, question) if question else ())
    )


def _marked(text: str, question: Question) -> tuple[Mark, ...]:
    """Return what to mark: the number that was asked for as the text prints it, or the question's words."""
    if not question.keys:
        return question.marked
    printed = (_own_tail(number, question.keys) for number in find_numbers(text))
    return tuple(Mark(n, 1) for n in dict.fromkeys(number.lower() for number in printed if number))


def _own_tail(number: str, keys: Sequence[str]) -> str:
    """Return the shortest end of *number* that still is one of *keys*, without words that cling to it; else nothing."""
    asked = set(keys)
    if not asked & set(tails(number_key(number))):
        return ""
    while len(number) > 1 and asked & set(tails(number_key(number[1:]))):
        number = number[1:]
    return number


def count_facets(
    engine: Engine, ask: Ask, names: Sequence[str]
) -> dict[str, list[tuple[str, int]]]:
    """Count each facet over the hits that all *other* filters leave, so that one can change one's choice."""
    chosen = [name for name in names if name in ask.filters.names()]
    unranked = replace(ask, score=())
    free = [name for name in names if name not in chosen]
    counted = engine.facets(unranked, free, size=FACET_SIZE)
    for name in chosen:
        freed = replace(unranked, filters=ask.filters.without(name))
        counted |= engine.facets(freed, [name], size=FACET_SIZE)
    return {name: counted[name] for name in names}


def nearest_titles(engine: Engine, q: str, *, limit: int = 3) -> list[Stored]:
    """Return the items whose titles share most with *q*, for a search without hits."""
    question = understand(q)
    terms = tuple((Term("title", term.value), weight) for term, weight in question.score)
    if not terms:
        return []
    alike = Ask(score=terms, needs=tuple(((term,),) for term, _ in terms), at_least=1)
    return engine.read(engine.search(alike, offset=0, limit=limit, newest=False).hits)


def explained_by(engine: Engine, keys: Sequence[str]) -> dict[str, Stored]:
    """Return, by `<department>/<source_id>`, the newest interpretation 解读 of each item that has one."""
    found: dict[str, Stored] = {}
    for key in keys:
        ask = Ask(filters=Filters(exact={"marks": (f"interprets:{key}",)}))
        stored = engine.read(engine.search(ask, offset=0, limit=1, newest=True).hits)
        if stored:
            found[key] = stored[0]
    return found
