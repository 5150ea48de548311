"""The order of the best hits: numbers and titles first, what holds before what is over, new before old."""

from __future__ import annotations

from collections.abc import Sequence

from services.search.rules.ask import Hit
from services.search.rules.question import NUMBER, PART, TITLE

BEST = 200
"""How many hits are put in this order; those after them keep the engine's."""
_FRESH = 0.15
"""What the newest of the hits gains at most."""
_HALF_LIFE = 365.0
"""Days after which a hit has half of that gain."""
_SPENT = 0.8
"""What remains of the score of something repealed, expired or withdrawn."""


def ranked(hits: Sequence[Hit]) -> list[Hit]:
    """Return *hits* in the order in which they are shown; equal ones stay as the engine gave them."""
    newest = max((hit.day for hit in hits), default=0)
    return sorted(hits, key=lambda hit: _rank(hit, newest))


def _rank(hit: Hit, newest: int) -> tuple[float, ...]:
    if hit.score >= PART:
        return _fixed(hit)
    age = (newest - hit.day) / _HALF_LIFE
    score = hit.score * (1 + _FRESH * 0.5**age) * (_SPENT if hit.spent else 1.0)
    return (0.0, -round(score, 4))


def _fixed(hit: Hit) -> tuple[float, ...]:
    """Put what the question names: its number, its title (what holds first), its number by a part (newest year first)."""
    if hit.score >= NUMBER:
        return (-3.0, -hit.day)
    if hit.score >= TITLE:
        return (-2.0, float(hit.spent), -hit.day)
    return (-1.0, -hit.day)
