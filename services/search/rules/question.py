"""From what a reader types to what an engine is asked. Plain text; only "…" is syntax."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.search.rules.ask import First, Need, Term, Way
from services.search.rules.snippet import Mark
from services.search.rules.words import ASKING, EMPTY, SAME
from shared.text import (
    compact,
    cut,
    find_numbers,
    fold,
    is_han,
    number_key,
    number_solid,
    regional,
    words,
)

NUMBER, TITLE, PART, CITED = 40_000.0, 20_000.0, 10_000.0, 1_000.0
"""Fixed scores: its own number, its own title, its number by a part, a number in its text."""
MENTIONED = 200.0
"""Added for bearing a number that stands among other words of the question."""
IN_TITLE = 1.5
"""Added for each need that the title meets."""
LIKE = 0.3
"""Weight of a word that means the same as one of the question."""
_WEIGHTS = {"words": 1.0, "bigrams": 1.0, "characters": 1.5}
_EMPTY_SIGNS = "".join(sign for sign in EMPTY if len(sign) == 1 and is_han(sign))
_MOST_TERMS = 64
_QUOTED = re.compile(r'"([^"]+)"')
_NUMBER = re.compile(r"(?:[^\W\d_]{1,40}-)?\d+(?:-\d+){0,4}(?:-[a-z]{1,3})?")
_RUN_ON = re.compile(r"(.*\D)?((?:19|20)\d\d)(\d{1,5})")


@dataclass(frozen=True)
class Question:
    """A question as understood."""

    score: tuple[tuple[Term, float], ...]
    needs: tuple[Need, ...]
    in_title: tuple[Need, ...]
    phrases: tuple[tuple[str, ...], ...]
    titled: First | None
    """Bearing the question as title."""
    mentioned: tuple[First, ...]
    """Bearing a number that stands among other words."""
    number: tuple[First, ...]
    """When the whole question looks like a number: the ways of bearing or citing it."""
    keys: tuple[str, ...]
    """The keys of that number, as `card.tails` writes them."""
    dropped: tuple[str, ...]
    """What of it says nothing and was left out."""
    marked: tuple[Mark, ...]
    """What a snippet marks, long ones first."""


def understand(q: str) -> Question:
    """Return *q* as understood; an empty one asks for everything."""
    folded = fold(q)
    phrases = tuple(tuple(cut(m[1]).characters) for m in _QUOTED.finditer(folded))
    bare = folded.replace('"', " ")
    kept = ASKING.sub(" ", bare)
    if not any(word not in EMPTY for word in words(kept)):
        kept = bare
    carrying = list(dict.fromkeys(word for word in words(kept) if word not in EMPTY)) or words(bare)
    carrying = carrying[:_MOST_TERMS]
    number, keys = _as_number(q)
    return Question(
        score=_scores(kept, carrying),
        needs=tuple(_need(word) for word in carrying),
        in_title=tuple(_need(word, "title") for word in carrying),
        phrases=tuple(phrase for phrase in phrases if phrase),
        titled=_titled(bare),
        mentioned=_mentioned(q),
        number=number,
        keys=keys,
        dropped=_dropped(bare, kept),
        marked=_marked(kept, carrying, phrases),
    )


def _scores(kept: str, carrying: list[str]) -> tuple[tuple[Term, float], ...]:
    terms = cut(kept)
    fields = {
        "words": terms.words,
        "bigrams": terms.bigrams,
        "characters": filter(is_han, terms.characters),
    }
    weights = {
        Term(field, value): _WEIGHTS[field]
        for field, values in fields.items()
        for value in list(dict.fromkeys(values))[:_MOST_TERMS]
    }
    for other in (other for word in carrying for other in _same(word)):
        for field, values in zip(("words", "bigrams"), cut(other)[:2], strict=True):
            for value in values:
                weights.setdefault(Term(field, value), LIKE)
    return tuple(weights.items())


def _same(word: str) -> tuple[str, ...]:
    """Return what a document may say instead: the office's word, the word of the other side of the strait."""
    return (*SAME.get(word, ()), *(regional(word) if is_han(word) and len(word) > 1 else ()))


def _need(word: str, field: str | None = None) -> Need:
    """Return the ways of meeting the need for *word*: to hold it, or a word that means the same."""
    return tuple(_way(other, field) for other in (word, *_same(word)))


def _way(word: str, field: str | None) -> Way:
    """Return the terms that together say that *word* stands in a text: its pairs, which no cutting can split."""
    if not is_han(word):
        return (Term(field or "words", word),)
    if len(word) == 1:
        return (Term(field or "characters", word),)
    return tuple(Term(field or "bigrams", word[n : n + 2]) for n in range(len(word) - 1))


def _mentioned(q: str) -> tuple[First, ...]:
    named = dict.fromkeys(number_key(number) for number in find_numbers(q))
    return tuple((((Term("numbers", f"={key}"),),), MENTIONED) for key in named)


def _titled(bare: str) -> First | None:
    key = compact(bare)
    return (((Term("title_key", key),),), TITLE) if key else None


def _as_number(q: str) -> tuple[tuple[First, ...], tuple[str, ...]]:
    """Return the ways of bearing or citing the number *q*, and its keys; nothing when it does not look like one."""
    key, solid = number_key(q), number_solid(q)
    if len(q) > 80 or not _NUMBER.fullmatch(key):
        return (), ()
    run_on = _RUN_ON.fullmatch(solid) if key.count("-") == 1 else None
    keys = tuple(
        f"~{k}" for k in ([key, f"{run_on[1] or ''}-{run_on[2]}-{run_on[3]}"] if run_on else [key])
    )
    own = [(f"={key}", NUMBER), (f"_{solid}", NUMBER), *((k, PART) for k in keys)]
    ways = [("numbers", value, weight) for value, weight in own] + [
        ("cited", k, CITED) for k in keys
    ]
    return tuple((((Term(field, value),),), weight) for field, value, weight in ways), keys


def _dropped(bare: str, kept: str) -> tuple[str, ...]:
    asked = [m[0] for m in ASKING.finditer(bare)] if kept != bare else []
    return tuple(dict.fromkeys(asked))


def _marked(
    kept: str, carrying: Iterable[str], phrases: Iterable[tuple[str, ...]]
) -> tuple[Mark, ...]:
    """Return the question's words, what stood together in it, its exact phrases, and what means the same.

    Single characters only where the question has nothing longer: every 上 marked in a sentence helps nobody.
    """
    own = [*carrying, *(run.strip(_EMPTY_SIGNS) for run in kept.split() if is_han(run))]
    own += [("" if is_han("".join(phrase)) else " ").join(phrase) for phrase in phrases]
    own = [word for word in own if len(word) > 1] or [word for word in own if word]
    same = [other for word in carrying for other in _same(word)]
    weights = dict.fromkeys(same, 1) | dict.fromkeys(own, 3)
    longest_first = sorted(weights, key=lambda word: (-len(word), word))
    return tuple(Mark(word, weights[word] * len(word)) for word in longest_first)
