"""What of an item is indexed and what is kept for showing: one card per item that search may find."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from shared.events.record import ItemState
from shared.text import compact, cut, find_numbers, number_key, number_solid, plain

CARD = "1"
"""Layout of a card; another one in an index means that it has to be made anew."""

TOMBSTONE = "tombstone"
"""The mark of a card that is no hit of anything."""
_SEVERAL = re.compile(r"[;；、,，\n]")
_APART = "|"
"""Parts title from summary from text, so that no exact phrase reaches over the border."""
_SIGN_LENGTH = 24


@dataclass(frozen=True)
class Stored:
    """What a card keeps for showing."""

    item_id: str
    facts: dict[str, Any]
    """The public facts of a hit, JSON values only."""
    text: str
    """The text as published, without markup, for snippets; empty for withdrawn items."""


@dataclass(frozen=True)
class Card:
    """One item as an engine holds it; text fields are cut terms parted by one blank."""

    stored: Stored
    words: str
    bigrams: str
    characters: str
    title: str
    """All terms of the title, each once."""
    title_key: str
    numbers: list[str]
    """Keys of its own document and index numbers: `=` in full, `~` without beginning or year, `_` without gaps."""
    cited: list[str]
    """Keys (`~`) of the numbers that its text mentions."""
    department: str
    catalogue: list[str]
    """Its entry and the entries above."""
    genre: str | None
    topics: list[str]
    validity: list[str]
    """`amended` counts as in force as well."""
    year: int
    day: int
    """Day of publication on the site's calendar, as a proleptic ordinal."""
    order: int
    """Moment of publication, then sequence: newest first is the falling order of this."""
    version: int
    sequence: int
    spent: bool
    """Repealed, expired or withdrawn: still found, but after what holds."""
    marks: list[str] = field(default_factory=list)
    """Other exact values: `state:…`, `id:<department>/<source_id>`, `interprets:<department>/<source_id>`."""

    @property
    def item_id(self) -> str:
        """The item's id."""
        return self.stored.item_id


def findable(state: ItemState) -> bool:
    """Say whether search may find this state; gone, redirected and vanished items never (contract, sinks)."""
    return state.state in {"published", "withdrawn"} and bool(state.title)


def card_of(state: ItemState, zone: tzinfo) -> Card:
    """Return the card of a state; a withdrawn item is found by title and number only, a gone one not at all."""
    if not findable(state):
        return tombstone_of(state)
    title = state.title or ""
    standing = state.state == "published"
    text = plain(state.body.content) if standing and state.body else ""
    parts = [title, *(_more(state, text) if standing else ())]
    cuts = [cut(part) for part in parts]
    published = published_at(state, zone)
    local = published.astimezone(zone).date()
    return Card(
        stored=Stored(str(state.item_id), _facts(state, published), text),
        words=" ".join(word for c in cuts for word in c.words),
        bigrams=" ".join(pair for c in cuts for pair in c.bigrams),
        characters=f" {_APART} ".join(" ".join(c.characters) for c in cuts),
        title=" ".join(dict.fromkeys([*cuts[0].words, *cuts[0].bigrams, *cuts[0].characters])),
        title_key=compact(title),
        numbers=_numbers([state.document_number, state.index_number]),
        cited=sorted(
            {
                key
                for part in parts
                for number in find_numbers(part)
                for key in tails(number_key(number))
            }
        ),
        department=state.department.code,
        catalogue=entry_and_above(state.catalogue),
        genre=state.genre,
        topics=list(dict.fromkeys(state.topics)),
        validity=_validity(state),
        year=local.year,
        day=local.toordinal(),
        order=(int(published.timestamp() * 1000) << 20) + state.sequence % (1 << 20),
        version=state.version,
        sequence=state.sequence,
        spent=not standing or state.validity in {"repealed", "expired"},
        marks=_marks(state),
    )


def tombstone_of(state: ItemState) -> Card:
    """Return the card that keeps a version of an item that no search finds, and nothing else of it."""
    return Card(
        stored=Stored(str(state.item_id), {}, ""),
        words="", bigrams="", characters="", title="", title_key="", numbers=[], cited=[], department="", catalogue=[],
        genre=None, topics=[], validity=[], year=0, day=0, order=0,
        version=state.version, sequence=state.sequence, spent=True, marks=[TOMBSTONE],
    )  # fmt: skip


def published_at(state: ItemState, zone: tzinfo) -> datetime:
    """Return the moment that counts as publication: the first one, where history is told."""
    if state.first_published_on:
        return datetime.combine(state.first_published_on, time(), zone).astimezone(UTC)
    return state.published_at.astimezone(UTC)


def entry_and_above(code: str) -> list[str]:
    """Return the entry and those above it: `a.b` → `a`, `a.b`."""
    steps = code.split(".")
    return [".".join(steps[: n + 1]) for n in range(len(steps))]


def tails(key: str) -> list[str]:
    """Return the keys under which people know the number *key*, each with `~` before it.

    The beginning may be cut (国务院令-295 of 中华人民共和国国务院令-295) and the year left out (禾政发-3).
    """
    sign, _, serial = key.partition("-")
    if not serial or not sign or sign.isdigit():
        return []
    serials = [serial]
    year, _, rest = serial.partition("-")
    if rest and len(year) == 4:  # a year before the serial number
        serials.append(rest)
    signs = [sign[n:] for n in range(max(0, len(sign) - _SIGN_LENGTH), len(sign) - 1)] or [sign]
    return [f"~{tail}-{number}" for tail in dict.fromkeys([sign, *signs]) for number in serials]


def _numbers(printed: Iterable[str | None]) -> list[str]:
    keys: dict[str, None] = {}
    for number in printed:
        for part in dict.fromkeys([number, *_SEVERAL.split(number)] if number else []):
            key = number_key(part)
            if any(c.isdigit() for c in key):
                keys |= dict.fromkeys([f"={key}", f"_{number_solid(part)}", *tails(key)])
    return list(keys)


def _more(state: ItemState, text: str) -> list[str]:
    """Return what is searched besides the title, in the order of reading."""
    about = [
        state.issuing_body,
        *state.co_issuers,
        *state.keywords,
        *(place.name for place in state.places),
    ]
    names = [state.department.names.zh_hans, *(attachment.name for attachment in state.attachments)]
    return [
        part for part in (state.summary, text, " ".join(filter(None, [*about, *names]))) if part
    ]


def _validity(state: ItemState) -> list[str]:
    if state.validity is None:
        return []
    return ["amended", "in_force"] if state.validity == "amended" else [state.validity]


def _marks(state: ItemState) -> list[str]:
    ties = [f"interprets:{tie.target}" for tie in state.relations if tie.type == "interprets"]
    return [f"state:{state.state}", f"id:{state.department.code}/{state.source_id}", *ties]


def _facts(state: ItemState, published: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(
        state.model_dump_json(
            include={
                "source_id", "title", "url", "version", "document_number", "index_number", "validity", "state", "reason",
                "genre", "formed_on", "catalogue", "language", "issuing_body", "summary", "updated_at",
            }
        )
    )  # fmt: skip
    if state.state != "published":
        shown["summary"] = None
    return shown | {
        "department": state.department.code,
        "published_at": published.isoformat().replace("+00:00", "Z"),
    }
