"""An item's places in lists, and what a move from one to another counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.publisher.rules.dirt import ALL, FULL, YEAR, Bucket, buckets_of, start_of
from services.publisher.rules.items import TOMBSTONES, Scope

CORRECTIONS: Scope = ("", "~corrections")
"""Counter of 更正与撤回, by year."""


@dataclass(frozen=True)
class Place:
    """Where an item stands in lists."""

    scopes: tuple[Scope, ...]
    day: date
    turn: int
    sequence: int
    listed: bool
    corrected_year: int | None
    face: str
    """Digest of what pages of other items show of this one."""


@dataclass
class Delta:
    """What one batch adds to a counter."""

    slots: int = 0
    listed: int = 0
    sequence: int = 0
    at: datetime | None = None
    recount: bool = False
    """A member left: the newest sequence has to be looked up again."""


@dataclass
class Move:
    """One item's step from an old place (None: it had none) to its new one."""

    item_id: UUID
    old: Place | None
    new: Place
    at: datetime

    @property
    def stays(self) -> bool:
        """Whether its rows keep their keys."""
        old, new = self.old, self.new
        return old is not None and (old.scopes, old.day, old.turn) == (
            new.scopes,
            new.day,
            new.turn,
        )


@dataclass
class Moves:
    """The counters that a batch of moves touches."""

    deltas: dict[Bucket, Delta] = field(default_factory=dict)

    def add(self, move: Move) -> None:
        """Count one move."""
        old, new = move.old, move.new
        if old is not None:
            self._count(old, -1, move.at, leaves=not move.stays)
        self._count(new, +1, move.at, leaves=False)

    def _count(self, place: Place, sign: int, at: datetime, *, leaves: bool) -> None:
        for scope in place.scopes:
            for bucket in buckets_of(scope, place.day):
                self._delta(bucket, sign, sign * place.listed, place, at, leaves=leaves)
        if place.corrected_year is not None:
            for step in (ALL, YEAR):
                bucket = Bucket(
                    *CORRECTIONS, step, start_of(step, date(place.corrected_year, 1, 1))
                )
                self._delta(bucket, sign, sign, place, at, leaves=sign < 0)

    def _delta(
        self, bucket: Bucket, slots: int, listed: int, place: Place, at: datetime, *, leaves: bool
    ) -> None:
        delta = self.deltas.setdefault(bucket, Delta())
        delta.slots += slots
        delta.listed += listed
        delta.recount |= leaves
        if slots > 0 and place.sequence > delta.sequence:
            delta.sequence, delta.at = place.sequence, at


def place_of(row: Any) -> Place:
    """Return the place that an item's newest state (columns of `item`) asks for."""
    return Place(
        scopes=tuple((department, entry) for department, entry in row.scopes),
        day=row.day,
        turn=row.turn,
        sequence=row.sequence,
        listed=row.standing not in TOMBSTONES,
        corrected_year=row.corrected_year,
        face=face_of(row),
    )


def place_kept(row: Any) -> Place:
    """Return the place that lists have counted (columns of `listing`)."""
    return Place(
        scopes=tuple((department, entry) for department, entry in row.scopes),
        day=row.day,
        turn=row.turn,
        sequence=row.sequence,
        listed=row.listed,
        corrected_year=row.corrected_year,
        face=row.face,
    )


def face_of(row: Any) -> str:
    """Return the digest of what other items' pages show of an item."""
    shown = ("title", "url", "standing", "day", "document_number", "effective_on")
    return hashlib.sha256(
        "\0".join(str(getattr(row, name)) for name in shown).encode()
    ).hexdigest()[:16]


def cut_day(members: Sequence[Any], *, whole: bool = False) -> list[dict[str, Any]]:
    """Return the parts of a day's *members* (rows with turn, listed, sequence, updated_at, in order).

    A part has 200 places; members of the same turn stay together. *whole*: all of them are one part.
    """
    parts: list[list[Any]] = []
    for row in members:
        if not parts or (len(parts[-1]) >= FULL and row.turn != parts[-1][-1].turn and not whole):
            parts.append([])
        parts[-1].append(row)
    return [_part(rows) for rows in parts]


def _part(rows: Sequence[Any]) -> dict[str, Any]:
    newest = max(rows, key=lambda row: row.sequence)
    return {
        "slots": len(rows),
        "listed": sum(row.listed for row in rows),
        "sequence": newest.sequence,
        "at": newest.updated_at,
        "from_turn": rows[0].turn,
    }
