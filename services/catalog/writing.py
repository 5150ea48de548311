"""Everything a batch of intake events changes, written with one statement a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import rules
from services.catalog.tables import outbox
from shared.arrays import Texts
from shared.events.intake import IntakeData
from shared.outbox import Outgoing, announce


@dataclass(frozen=True)
class Waits:
    """An event that waits for a person or for its time."""

    department: str
    source_id: str
    event_id: str
    kind: str
    because: list[str]
    event: str
    content_sha256: str
    sourceversion: int | None
    publish_at: datetime | None
    received_at: datetime


@dataclass
class Changes:
    """What is written at the end of a batch; an item changed twice is written once."""

    items: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)
    said: list[Outgoing] = field(default_factory=list)
    receipts: list[tuple[str, str, str, str]] = field(default_factory=list)
    waiting: list[Waits] = field(default_factory=list)
    closed: list[tuple[str, str, str]] = field(default_factory=list)
    """(department, source_id, decision) of waiting events that are over."""
    sourceversions: list[tuple[UUID, int]] = field(default_factory=list)
    files: set[tuple[str, str]] = field(default_factory=set)
    """(department, sha256) of attachments that became public."""

    def wait(
        self,
        event: rules.Incoming,
        kind: str,
        because: Sequence[str],
        *,
        at: datetime,
        replaces: Any | None,
    ) -> None:
        """Put *event* on the waiting list, in place of an earlier one of the same item."""
        if replaces is not None:
            self._close(event.department, event.source_id, "replaced")
        publish_at = event.data.publish_at if isinstance(event.data, IntakeData) else None
        self.waiting.append(
            Waits(
                event.department,
                event.source_id,
                event.event_id,
                kind,
                list(because),
                event.raw,
                event.content_sha256,
                event.sourceversion,
                publish_at,
                at,
            )
        )

    def _close(self, department: str, source_id: str, decision: str) -> None:
        same = [w for w in self.waiting if (w.department, w.source_id) == (department, source_id)]
        if same:
            self.waiting.remove(same[-1])
        else:
            self.closed.append((department, source_id, decision))

    def apply(
        self,
        event: rules.Incoming,
        after: rules.Standing,
        following: rules.NextState,
        outgoing: Outgoing,
        *,
        zone: ZoneInfo,
        closes: Any | None,
        now: datetime,
    ) -> None:
        """Note a new version of an item."""
        if closes is not None and not event.released:
            self._close(event.department, event.source_id, "replaced")
        data = event.data if isinstance(event.data, IntakeData) else None
        period = data.period if data else None
        self.items[after.item_id] = {
            "item_id": after.item_id,
            "department": event.department,
            "source_id": event.source_id,
            "version": after.version,
            "state": after.state,
            "content_sha256": after.content_sha256,
            "sourceversion": after.sourceversion,
            "url": after.url,
            "index_number": after.index_number,
            "first_published_on": after.first_published_on,
            "published_at": after.published_at,
            "updated_at": now,
            "notice_version": after.notice_version,
            "notice_note": after.notice_note,
            "history": to_json(after.history).decode(),
            "outbox_id": after.outbox_id,
            "opens_at": period.opens_at if period else None,
            "closes_at": period.closes_at if period else None,
            "expires_on": data.expires_on if data else None,
            "remove_after": rules.day_end(data.remove_after, zone)
            if data and data.remove_after
            else None,
        }
        self.versions.append(
            {
                "item_id": after.item_id,
                "version": after.version,
                "at": now,
                "change": following.change,
                "sha256": following.sha256,
                "outbox_id": after.outbox_id,
                "by_event": event.event_id,
                "review": data.review.model_dump_json() if data and data.review else None,
            }
        )
        self.said.append(outgoing)
        if data:
            self.files.update((event.department, a.sha256) for a in data.attachments)


_ITEM = {
    "item_id": "uuid", "department": "text", "source_id": "text", "version": "int", "state": "text",
    "content_sha256": "text", "sourceversion": "bigint", "url": "text", "index_number": "text",
    "first_published_on": "date", "published_at": "timestamptz", "updated_at": "timestamptz", "notice_version": "int",
    "notice_note": "text", "history": "jsonb", "outbox_id": "bigint", "opens_at": "timestamptz",
    "closes_at": "timestamptz", "expires_on": "date", "remove_after": "timestamptz",
}  # fmt: skip
_VERSION = {
    "item_id": "uuid", "version": "int", "at": "timestamptz", "change": "text", "sha256": "text",
    "outbox_id": "bigint", "by_event": "text", "review": "jsonb",
}  # fmt: skip
_WAITING = {
    "department": "text", "source_id": "text", "event_id": "text", "kind": "text", "because": "jsonb", "event": "text",
    "content_sha256": "text", "sourceversion": "bigint", "publish_at": "timestamptz", "received_at": "timestamptz",
}  # fmt: skip


def _insert(table: str, columns: dict[str, str], tail: str = "") -> str:
    """Return an INSERT that takes one array per column: one statement for any number of rows."""
    names = ", ".join(columns)
    picked = ", ".join(
        f"CAST({n} AS jsonb)" if kind == "jsonb" else n for n, kind in columns.items()
    )
    arrays = ", ".join(
        f"CAST(:{n} AS {'text' if kind == 'jsonb' else kind}[])" for n, kind in columns.items()
    )
    return (
        f"INSERT INTO {table} ({names}) SELECT {picked} FROM unnest({arrays}) AS r({names}) {tail}"
    )


_KEPT = {"item_id", "department", "source_id", "url", "published_at"}
_WRITE_ITEM = text(
    _insert(
        "catalog.item",
        _ITEM,
        "ON CONFLICT (item_id) DO UPDATE SET "
        + ", ".join(f"{n} = excluded.{n}" for n in _ITEM if n not in _KEPT),
    )
)
_WRITE_VERSION = text(_insert("catalog.version", _VERSION))
_WRITE_WAITING = text(_insert("catalog.waiting", _WAITING))


def _columns(rows: Sequence[dict[str, Any]], names: dict[str, str]) -> dict[str, list[Any]]:
    return {
        name: (Texts if kind in ("text", "jsonb") else list)(row[name] for row in rows)
        for name, kind in names.items()
    }


async def write_changes(session: AsyncSession, changes: Changes, *, now: datetime) -> None:
    """Write *changes*; the outbox first, since items and versions refer to it."""
    await announce(session, outbox, sorted(changes.said, key=lambda said: said.outbox_id), now=now)
    if changes.items:
        await session.execute(_WRITE_ITEM, _columns(list(changes.items.values()), _ITEM))
        await session.execute(_WRITE_VERSION, _columns(changes.versions, _VERSION))
    if changes.receipts:
        await session.execute(
            text(
                "INSERT INTO catalog.receipt (department, event_id, content_sha256, outcome, received_at) "
                "SELECT d, e, c, CAST(o AS jsonb), CAST(:now AS timestamptz) FROM unnest(CAST(:d AS text[]), "
                "CAST(:e AS text[]), CAST(:c AS text[]), CAST(:o AS text[])) AS r(d, e, c, o)"
            ),
            {"now": now}
            | dict(zip("deco", map(Texts, zip(*changes.receipts, strict=True)), strict=True)),
        )
    await _write_waiting(session, changes, now)
    if changes.sourceversions:
        await session.execute(
            text(
                "UPDATE catalog.item i SET sourceversion = k.v FROM unnest(CAST(:ids AS uuid[]), CAST(:v AS bigint[])) "
                "AS k(id, v) WHERE i.item_id = k.id"
            ),
            {
                "ids": [i for i, _ in changes.sourceversions],
                "v": [v for _, v in changes.sourceversions],
            },
        )
    if changes.files:
        await session.execute(
            text(
                "UPDATE catalog.blob b SET referenced = true FROM unnest(CAST(:d AS text[]), CAST(:s AS text[])) AS k(d, s) "
                "WHERE b.department = k.d AND b.sha256 = k.s"
            ),
            {"d": [d for d, _ in changes.files], "s": [s for _, s in changes.files]},
        )


async def _write_waiting(session: AsyncSession, changes: Changes, now: datetime) -> None:
    if changes.closed:
        await session.execute(
            text(
                "UPDATE catalog.waiting w SET decision = k.x, decided_at = :now FROM unnest(CAST(:d AS text[]), "
                "CAST(:s AS text[]), CAST(:x AS text[])) AS k(d, s, x) "
                "WHERE w.department = k.d AND w.source_id = k.s AND w.decision IS NULL"
            ),
            {"now": now}
            | dict(zip("dsx", map(list, zip(*changes.closed, strict=True)), strict=True)),
        )
    if changes.waiting:
        rows = [{**vars(w), "because": to_json(w.because).decode()} for w in changes.waiting]
        await session.execute(_WRITE_WAITING, _columns(rows, _WAITING))
