"""Which terms of a long question count: those that tell documents apart."""

from __future__ import annotations

from collections.abc import Sequence

from services.search.rules.ask import Term

ALWAYS = 12
"""Of the terms of a question so many of the rarest count, however many documents hold them."""
COMMON = 10_000
"""Documents that may hold a term that counts in any case."""

Scored = Sequence[tuple[Term, float]]


def telling(scored: Scored, held: Sequence[int]) -> list[tuple[Term, float]]:
    """Return the rarest terms, and of the others those that few of the documents hold; *held* says how many hold each.

    A term of very many documents adds next to nothing to a score and costs most of the time.
    """
    if len(scored) <= ALWAYS:
        return list(scored)
    bound = max(COMMON, sorted(held)[ALWAYS - 1])
    return [each for each, number in zip(scored, held, strict=True) if number <= bound]
