"""What a batch of intake events must know of the record before it is judged: read in two round trips, kept up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import rules
from services.catalog.doors import Doors
from services.catalog.numbering import IndexNumbers
from services.catalog.sniff import Kind
from services.catalog.tables import outbox
from services.catalog.writing import Changes, Waits
from shared.arrays import Texts
from shared.db import lock_key
from shared.events.intake import IntakeData, WithdrawalData
from shared.outbox import reserving
from shared.session import Statement, together

Key = tuple[str, str]
"""Department and `source_id`."""
Group = tuple[str, int]
"""Department and year: what a serial runs in."""


@dataclass
class Batch:
    """What is known in this transaction; every decision updates it, so that events of one batch see each other."""

    now: datetime
    earliest: datetime
    """`now`, or the database's where that is behind: one clock that is fast breaks no embargo."""
    zone: ZoneInfo
    today: date
    numbers: IndexNumbers
    kinds: dict[str, Kind]
    """SHA-256 of an attachment -> what its bytes are; files that are not there are left out."""
    offices: dict[str, rules.Office]
    standings: dict[Key, rules.Standing]
    waiting: dict[Key, Waits]
    receipts: dict[Key, tuple[str, dict[str, Any]]]
    """(department, event id) -> hash and outcome of what was heard before."""
    outbox_ids: list[int]
    """Reserved; taken from the end: they ascend with the events, so their order is the order of the record."""
    blobs: dict[tuple[str, str], Any]
    targets: dict[str, Any]
    """Url and state of the items that redirections point to, by `<department>/<source_id>`."""
    taken_numbers: dict[str, UUID]
    """Of the index numbers that the batch brings: those that an item has, or had, by that item."""
    effects: dict[Key, list[rules.Effect]]
    """What other items do to those of the batch."""
    acted: dict[Key, set[Key]]
    """Targets of what items of the batch did to others until now."""
    serials: dict[Group, list[int]] = field(default_factory=dict)
    """Serials that new items may take, the lowest last."""
    used: dict[Group, int] = field(default_factory=dict)
    """The last serial that was taken."""
    changes: Changes = field(default_factory=Changes)

    def first_day(self, event: rules.Incoming) -> date:
        """Return the day of the item's first publication."""
        return _first_day(event, self.today)

    def group(self, event: rules.Incoming) -> Group:
        """Return what the serial of *event*'s item runs in."""
        return event.department, self.first_day(event).year

    def number_of(self, event: rules.Incoming, serial: int) -> str:
        """Return the index number that *serial* would give to *event*'s item."""
        return self.numbers.number(
            department=event.department,
            catalogue=_catalogue(event),
            day=self.first_day(event),
            serial=serial,
        )

    def target(self, name: str) -> Any | None:
        """Return url and state of `<department>/<source_id>`; what this batch has done to it counts."""
        department, _, source_id = name.partition("/")
        return self.standings.get((department, source_id)) or self.targets.get(name)


def locking(departments: Iterable[str]) -> Statement:
    """Return the statement that lets nobody else judge for *departments* until the transaction ends."""
    keys = sorted({lock_key(f"intake {code}") for code in departments})
    return "SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k", {
        "keys": keys
    }


async def load_batch(
    session: AsyncSession, events: Sequence[rules.Read], *, now: datetime, doors: Doors
) -> Batch:
    """Lock the departments and read what judging *events* needs."""
    readable = [event for event in events if isinstance(event, rules.Incoming)]
    departments = Texts(event.department for event in readable)
    keys = {"departments": departments, "sources": Texts(event.source_id for event in readable)}
    ids = {"departments": departments, "ids": Texts(event.event_id for event in readable)}
    today = now.astimezone(doors.zone).date()
    years = {(event.department, _first_day(event, today).year) for event in readable}
    led_to = _led_to(readable)
    _, clock, reserved, offices, serials, standings, waiting, receipts, relations = await together(
        session,
        # targets too, lest two bodies send their readers in a circle at the same moment
        locking([*(event.department for event in events), *(code for code, _ in led_to)]),
        ("SELECT now()", {}),
        reserving(outbox, 2 * len(events)),
        (_OFFICES, {"codes": sorted(set(departments))}),
        (_SERIALS, {"d": [code for code, _ in years], "y": [year for _, year in years]}),
        (_STANDINGS, keys),
        (_WAITING, keys),
        (_RECEIPTS, ids),
        (_RELATIONS, keys),
    )
    tied = relations.all()
    blobs = await _blobs(session, readable)
    batch = Batch(
        now=now,
        earliest=min(now, clock.scalar_one()),
        zone=doors.zone,
        today=today,
        numbers=doors.numbers,
        offices={
            row.code: rules.Office(row.code, row.names, row.policy, row.history) for row in offices
        },
        standings={(row.department, row.source_id): standing_of(row) for row in standings},
        waiting={(row.department, row.source_id): Waits.of(row) for row in waiting},
        receipts={
            (row.department, row.event_id): (row.content_sha256, row.outcome) for row in receipts
        },
        outbox_ids=sorted((row[0] for row in reserved), reverse=True),
        blobs=blobs,
        kinds=await doors.blobs.kinds(sha256 for _, sha256 in blobs) if blobs else {},
        targets=await _targets(session, led_to),
        effects=effects_of(row for row in tied if row.acts),
        acted=_acted(row for row in tied if not row.acts),
        taken_numbers=await _issued(session, _given(readable)),
    )
    await _recall(session, batch, readable)
    last = {(row.department, row.year): row.last for row in serials}
    await _number(session, batch, readable, last)
    return batch


def _catalogue(event: rules.Incoming) -> str:
    return event.data.catalogue if isinstance(event.data, IntakeData) else "other"


def _first_day(event: rules.Incoming, today: date) -> date:
    first = event.data.first_published_on if isinstance(event.data, IntakeData) else None
    return first or today


_OFFICES = "SELECT code, names, policy, history FROM catalog.department WHERE code = ANY(:codes)"
_SERIALS = (
    "SELECT s.department, s.year, s.last FROM catalog.serial s "
    "JOIN unnest(CAST(:d AS text[]), CAST(:y AS int[])) AS k(d, y) ON s.department = k.d AND s.year = k.y"
)
_KEYS = (
    "(SELECT DISTINCT * FROM unnest(CAST(:departments AS text[]), CAST(:{} AS text[]))) AS k(d, s)"
)
_STANDINGS = (
    "SELECT i.*, ARRAY(SELECT v.version FROM catalog.version v WHERE v.item_id = i.item_id AND v.by_event IS NULL) "
    f"AS settled FROM catalog.item i JOIN {_KEYS.format('sources')} "
    "ON i.department = k.d AND i.source_id = k.s ORDER BY i.item_id FOR UPDATE OF i"
)
_WAITING = (
    f"SELECT w.* FROM catalog.waiting w JOIN {_KEYS.format('sources')} "
    "ON w.department = k.d AND w.source_id = k.s WHERE w.decision IS NULL"
)
_RECEIPTS = (
    "SELECT r.department, r.event_id, r.content_sha256, r.outcome FROM catalog.receipt r "
    f"JOIN {_KEYS.format('ids')} ON r.department = k.d AND r.event_id = k.s"
)

_RELATIONS = (
    f"SELECT true AS acts, r.* FROM catalog.relation r JOIN {_KEYS.format('sources')} "
    "ON r.target_department = k.d AND r.target_source_id = k.s WHERE r.decision IN ('own', 'confirmed') "
    f"UNION ALL SELECT false, r.* FROM catalog.relation r JOIN {_KEYS.format('sources')} "
    "ON r.department = k.d AND r.source_id = k.s"
)


def effects_of(rows: Iterable[Any]) -> dict[Key, list[rules.Effect]]:
    """Return what other items do, by target, in an order that does not change."""
    found: dict[Key, list[rules.Effect]] = {}
    for row in sorted(rows, key=lambda row: (row.department, row.source_id, row.type)):
        effect = rules.Effect(
            row.type, f"{row.department}/{row.source_id}", row.title, row.effective_on
        )
        found.setdefault((row.target_department, row.target_source_id), []).append(effect)
    return found


def _acted(rows: Iterable[Any]) -> dict[Key, set[Key]]:
    found: dict[Key, set[Key]] = {}
    for row in rows:
        target = (row.target_department, row.target_source_id)
        found.setdefault((row.department, row.source_id), set()).add(target)
    return found


def standing_of(row: Any, *, public: bytes | None = None) -> rules.Standing:
    """Return what a row of `catalog.item` says."""
    return rules.Standing(
        item_id=row.item_id,
        version=row.version,
        state=row.state,
        content_sha256=row.content_sha256,
        sourceversion=row.sourceversion,
        url=row.url,
        index_number=row.index_number,
        first_published_on=row.first_published_on,
        published_at=row.published_at,
        notice_version=row.notice_version,
        notice_note=row.notice_note,
        history=row.history,
        outbox_id=row.outbox_id,
        public=public,
        settled=frozenset(getattr(row, "settled", ())),  # read where an event may seal them
    )


async def _recall(session: AsyncSession, batch: Batch, events: Sequence[rules.Incoming]) -> None:
    """Read the public state of what falls: its tombstone keeps a part of it."""
    falling = {
        batch.standings[key].outbox_id: key
        for event in events
        if isinstance(event.data, WithdrawalData)
        and (key := (event.department, event.source_id)) in batch.standings
    }
    if not falling:
        return
    rows = await session.execute(
        text(
            "SELECT outbox_id, convert_to(body, 'UTF8') AS body FROM catalog.outbox WHERE outbox_id = ANY(:ids)"
        ),
        {"ids": list(falling)},
    )
    for row in rows:
        key = falling[row.outbox_id]
        public = to_json(from_json(row.body)["data"])
        batch.standings[key] = replace(batch.standings[key], public=public)


async def _blobs(
    session: AsyncSession, events: Sequence[rules.Incoming]
) -> dict[tuple[str, str], Any]:
    wanted = [
        (event.department, attachment.sha256)
        for event in events
        if isinstance(event.data, IntakeData)
        for attachment in event.data.attachments
    ]
    if not wanted:
        return {}
    rows = await session.execute(
        text(
            "SELECT b.* FROM catalog.blob b JOIN (SELECT DISTINCT * FROM unnest(CAST(:d AS text[]), CAST(:s AS text[]))) "
            "AS k(d, s) ON b.department = k.d AND b.sha256 = k.s"
        ),
        {"d": [d for d, _ in wanted], "s": [s for _, s in wanted]},
    )
    return {(row.department, row.sha256): row for row in rows}


def _led_to(events: Sequence[rules.Incoming]) -> list[Key]:
    """Return the items of this site that redirections point to."""
    names = {
        event.data.redirect_to
        for event in events
        if isinstance(event.data, WithdrawalData) and event.data.redirect_to
    }
    parted = (name.partition("/") for name in sorted(names) if not name.startswith("https://"))
    return [(code, source_id) for code, _, source_id in parted]


async def _targets(session: AsyncSession, led_to: Sequence[Key]) -> dict[str, Any]:
    """Return url and state of the items that redirections point to."""
    if not led_to:
        return {}
    rows = await session.execute(
        text(
            "SELECT i.department, i.source_id, i.url, i.state FROM catalog.item i "
            "JOIN unnest(CAST(:d AS text[]), CAST(:s AS text[])) AS k(d, s) ON i.department = k.d AND i.source_id = k.s"
        ),
        {"d": [d for d, _ in led_to], "s": [s for _, s in led_to]},
    )
    return {f"{row.department}/{row.source_id}": row for row in rows}


def _given(events: Sequence[rules.Incoming]) -> set[str]:
    """Return the index numbers that *events* bring themselves."""
    return {
        e.data.index_number
        for e in events
        if isinstance(e.data, IntakeData) and e.data.index_number
    }


async def _issued(session: AsyncSession, numbers: set[str]) -> dict[str, UUID]:
    """Return those of *numbers* that belong to an item, or once did, and to which."""
    if not numbers:
        return {}
    rows = await session.execute(
        text(
            "SELECT index_number AS number, item_id FROM catalog.item WHERE index_number = ANY(:numbers) "
            "UNION ALL SELECT number, item_id FROM catalog.former_number WHERE number = ANY(:numbers)"
        ),
        {"numbers": list(numbers)},
    )
    return {row.number: row.item_id for row in rows}


async def _number(
    session: AsyncSession,
    batch: Batch,
    events: Sequence[rules.Incoming],
    last: Mapping[Group, int],
) -> None:
    """Find serials for the items that may be new; only what is really used is noted (`noting_serials`)."""
    groups: dict[Group, dict[str, list[rules.Incoming]]] = {}
    for event in events:
        known = (event.department, event.source_id) in batch.standings
        if not known and event.department in batch.offices:
            items = groups.setdefault(batch.group(event), {})
            items.setdefault(event.source_id, []).append(event)
    given = _given(events)
    for group, items in groups.items():
        candidates = [event for same in items.values() for event in same]
        found = await _free_serials(
            session, batch, last.get(group, 0), len(items), candidates, given
        )
        batch.serials[group] = found[::-1]


async def _free_serials(
    session: AsyncSession,
    batch: Batch,
    last: int,
    count: int,
    events: Sequence[rules.Incoming],
    given: set[str],
) -> list[int]:
    """Return *count* serials after *last*; those whose number history has taken already are stepped over."""
    kinds = {(_catalogue(event), batch.first_day(event)): event for event in events}.values()
    free: list[int] = []
    low, width = last + 1, count
    while len(free) < count:
        numbers = {
            serial: {batch.number_of(event, serial) for event in kinds}
            for serial in range(low, low + width)
        }
        taken = given.union(
            await _issued(session, {number for some in numbers.values() for number in some})
        )
        free += [serial for serial, some in numbers.items() if not some & taken]
        low, width = low + width, max(2 * width, 64)
    return free[:count]


def noting_serials(batch: Batch) -> list[Statement]:
    """Return what sets the counters to what was really used: a held or embargoed item leaves no visible gap."""
    if not batch.used:
        return []
    return [
        (
            (
                "INSERT INTO catalog.serial (department, year, last) SELECT * FROM unnest(CAST(:d AS text[]), "
                "CAST(:y AS int[]), CAST(:l AS bigint[])) ON CONFLICT (department, year) DO UPDATE SET last = excluded.last"
            ),
            {
                "d": [d for d, _ in batch.used],
                "y": [y for _, y in batch.used],
                "l": list(batch.used.values()),
            },
        )
    ]
