"""Judge a batch of intake events and write what follows from them, in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils import uuid7

from services.catalog import rules
from services.catalog.blobs import Blobs
from services.catalog.consistency import overtaken
from services.catalog.doors import Doors
from services.catalog.numbering import IndexNumbers
from services.catalog.sniff import judge as judge_file
from services.catalog.tables import outbox
from services.catalog.writing import Changes, write_changes
from shared.db import lock_key
from shared.errors import Problem
from shared.events.intake import MAX_RECORD_BYTES, IntakeData, WithdrawalData
from shared.events.outcomes import Outcome
from shared.outbox import Outgoing, reserve_ids


@dataclass(frozen=True)
class Unreadable:
    """An event that could not be read: all its problems, and what could be made out of it."""

    event_id: str
    department: str
    problems: list[Problem]
    source_id: str | None = None


@dataclass
class Batch:
    """What is known in this transaction; every decision updates it, so that events of one batch see each other."""

    now: datetime
    zone: ZoneInfo
    numbers: IndexNumbers
    files: Blobs
    offices: dict[str, rules.Office]
    standings: dict[tuple[str, str], rules.Standing]
    waiting: dict[tuple[str, str], Any]
    receipts: dict[tuple[str, str], tuple[str, dict[str, Any]]]
    blobs: dict[tuple[str, str], Any]
    targets: dict[str, str]
    taken_numbers: set[str]
    serials: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """(department, year) -> serials that new items may take, the lowest last."""
    used: dict[tuple[str, int], int] = field(default_factory=dict)
    """(department, year) -> the last serial that was taken."""
    outbox_ids: list[int] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)


Read = rules.Incoming | Unreadable


async def accept_items(
    session: AsyncSession, events: Sequence[Read], *, now: datetime, doors: Doors, dry: bool = False
) -> list[Outcome]:
    """Return one outcome per event, in order; the caller commits, or with *dry* rolls back.

    Departments are locked, so that two doors never judge one item at once, and the outcomes of one department
    commit in the order of their cursors.
    """
    await lock_departments(session, [event.department for event in events])
    readable = [event for event in events if isinstance(event, rules.Incoming)]
    batch = await _load(session, readable, now=now, doors=doors)
    # taken from the end: they ascend with the events, so their order is the order of the record
    batch.outbox_ids = sorted(await reserve_ids(session, outbox, 2 * len(events)), reverse=True)
    await _number(session, batch, readable)
    outcomes = [_settle(batch, event) for event in events]
    await _note_serials(session, batch)
    await write_changes(session, batch.changes, now=now)
    if dry:
        return outcomes
    for sha256 in sorted({sha256 for _, sha256 in batch.changes.files}):
        await doors.blobs.move(sha256, "public")
    return outcomes


async def lock_departments(session: AsyncSession, codes: Sequence[str]) -> None:
    """Let nobody else judge for *codes* until the transaction ends; take it before any row of theirs."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k"),
        {"keys": sorted({lock_key(f"intake {code}") for code in codes})},
    )


async def _load(
    session: AsyncSession, events: Sequence[rules.Incoming], *, now: datetime, doors: Doors
) -> Batch:
    codes = sorted({event.department for event in events})
    keys = {
        "departments": [event.department for event in events],
        "sources": [event.source_id for event in events],
        "ids": [event.event_id for event in events],
    }
    return Batch(
        now=now,
        zone=doors.zone,
        numbers=doors.numbers,
        files=doors.blobs,
        offices=await _offices(session, codes),
        standings=await _standings(session, events, keys),
        waiting=await _waiting(session, keys),
        receipts=await _receipts(session, keys),
        blobs=await _blobs(session, events),
        targets=await _targets(session, events),
        taken_numbers=await _taken(session, events),
    )


async def _offices(session: AsyncSession, codes: list[str]) -> dict[str, rules.Office]:
    rows = await session.execute(
        text(
            "SELECT code, names, policy, history FROM catalog.department WHERE code = ANY(:codes)"
        ),
        {"codes": codes},
    )
    return {row.code: rules.Office(row.code, row.names, row.policy, row.history) for row in rows}


async def _standings(
    session: AsyncSession, events: Sequence[rules.Incoming], keys: dict[str, list[str]]
) -> dict[tuple[str, str], rules.Standing]:
    rows = await session.execute(
        text(
            "SELECT i.* FROM catalog.item i JOIN (SELECT DISTINCT * FROM unnest(CAST(:departments AS text[]), "
            "CAST(:sources AS text[]))) AS k(d, s) ON i.department = k.d AND i.source_id = k.s ORDER BY i.item_id FOR UPDATE OF i"
        ),
        {"departments": keys["departments"], "sources": keys["sources"]},
    )
    found = {(row.department, row.source_id): _standing(row) for row in rows}
    falling = {
        found[key].outbox_id: key
        for event in events
        if isinstance(event.data, WithdrawalData)
        and (key := (event.department, event.source_id)) in found
    }
    if falling:
        bodies = await session.execute(
            text("SELECT outbox_id, body FROM catalog.outbox WHERE outbox_id = ANY(:ids)"),
            {"ids": list(falling)},
        )
        for row in bodies:
            key = falling[row.outbox_id]
            found[key] = replace(found[key], public=from_json(row.body)["data"])
    return found


def _standing(row: Any) -> rules.Standing:
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
    )


async def _waiting(session: AsyncSession, keys: dict[str, list[str]]) -> dict[tuple[str, str], Any]:
    rows = await session.execute(
        text(
            "SELECT w.* FROM catalog.waiting w JOIN (SELECT DISTINCT * FROM unnest(CAST(:departments AS text[]), "
            "CAST(:sources AS text[]))) AS k(d, s) ON w.department = k.d AND w.source_id = k.s WHERE w.decision IS NULL"
        ),
        {"departments": keys["departments"], "sources": keys["sources"]},
    )
    return {(row.department, row.source_id): row for row in rows}


async def _receipts(
    session: AsyncSession, keys: dict[str, list[str]]
) -> dict[tuple[str, str], tuple[str, dict[str, Any]]]:
    rows = await session.execute(
        text(
            "SELECT r.department, r.event_id, r.content_sha256, r.outcome FROM catalog.receipt r "
            "JOIN (SELECT DISTINCT * FROM unnest(CAST(:departments AS text[]), CAST(:ids AS text[]))) AS k(d, e) "
            "ON r.department = k.d AND r.event_id = k.e"
        ),
        {"departments": keys["departments"], "ids": keys["ids"]},
    )
    return {(row.department, row.event_id): (row.content_sha256, row.outcome) for row in rows}


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


async def _targets(session: AsyncSession, events: Sequence[rules.Incoming]) -> dict[str, str]:
    """Return the urls of the items that redirections point to."""
    names = [
        event.data.redirect_to.split("/", 1)
        for event in events
        if isinstance(event.data, WithdrawalData)
        and event.data.redirect_to
        and "://" not in event.data.redirect_to
    ]
    pairs = [pair for pair in names if len(pair) == 2]
    if not pairs:
        return {}
    rows = await session.execute(
        text(
            "SELECT i.department, i.source_id, i.url FROM catalog.item i JOIN unnest(CAST(:d AS text[]), CAST(:s AS text[])) "
            "AS k(d, s) ON i.department = k.d AND i.source_id = k.s"
        ),
        {"d": [d for d, _ in pairs], "s": [s for _, s in pairs]},
    )
    return {f"{row.department}/{row.source_id}": row.url for row in rows}


async def _taken(session: AsyncSession, events: Sequence[rules.Incoming]) -> set[str]:
    return await _issued(session, _given(events))


def _given(events: Sequence[rules.Incoming]) -> set[str]:
    """Return the index numbers that *events* bring themselves."""
    return {
        e.data.index_number
        for e in events
        if isinstance(e.data, IntakeData) and e.data.index_number
    }


async def _issued(session: AsyncSession, numbers: set[str]) -> set[str]:
    """Return those of *numbers* that belong to an item."""
    if not numbers:
        return set()
    rows = await session.execute(
        text("SELECT index_number FROM catalog.item WHERE index_number = ANY(:numbers)"),
        {"numbers": list(numbers)},
    )
    return {row[0] for row in rows}


async def _number(session: AsyncSession, batch: Batch, events: Sequence[rules.Incoming]) -> None:
    """Find serials for the items that may be new; only what is really used is noted (`_note_serials`)."""
    groups: dict[tuple[str, int], dict[str, list[rules.Incoming]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for event in events:
        if (
            event.department,
            event.source_id,
        ) not in batch.standings and event.department in batch.offices:
            groups[event.department, _year(batch, event)][event.source_id].append(event)
    if not groups:
        return
    rows = await session.execute(
        text(
            "SELECT s.department, s.year, s.last FROM catalog.serial s JOIN unnest(CAST(:d AS text[]), CAST(:y AS int[])) "
            "AS k(d, y) ON s.department = k.d AND s.year = k.y"
        ),
        {"d": [department for department, _ in groups], "y": [year for _, year in groups]},
    )
    last = {(row.department, row.year): row.last for row in rows}
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
    kinds = {_number_of(batch, event, 1): event for event in events}.values()
    free: list[int] = []
    low, width = last + 1, count
    while len(free) < count:
        numbers = {
            serial: {_number_of(batch, event, serial) for event in kinds}
            for serial in range(low, low + width)
        }
        taken = given | await _issued(
            session, {number for some in numbers.values() for number in some}
        )
        free += [serial for serial, some in numbers.items() if not some & taken]
        low, width = low + width, max(2 * width, 64)
    return free[:count]


def _number_of(batch: Batch, event: rules.Incoming, serial: int) -> str:
    data = event.data if isinstance(event.data, IntakeData) else None
    return batch.numbers.number(
        department=event.department,
        catalogue=data.catalogue if data else "other",
        day=_first_day(batch, event),
        serial=serial,
    )


async def _note_serials(session: AsyncSession, batch: Batch) -> None:
    """Set the counters to what was really used, so that a held or embargoed item leaves no visible gap."""
    if not batch.used:
        return
    await session.execute(
        text(
            "INSERT INTO catalog.serial (department, year, last) SELECT * FROM unnest(CAST(:d AS text[]), "
            "CAST(:y AS int[]), CAST(:l AS bigint[])) ON CONFLICT (department, year) DO UPDATE SET last = excluded.last"
        ),
        {
            "d": [d for d, _ in batch.used],
            "y": [y for _, y in batch.used],
            "l": list(batch.used.values()),
        },
    )


def _first_day(batch: Batch, event: rules.Incoming) -> date:
    first = event.data.first_published_on if isinstance(event.data, IntakeData) else None
    return first or batch.now.astimezone(batch.zone).date()


def _year(batch: Batch, event: rules.Incoming) -> int:
    return _first_day(batch, event).year


# --- one event


def _settle(batch: Batch, event: Read) -> Outcome:
    outcome = _outcome(batch, event)
    remembered = isinstance(event, rules.Incoming) and event.remembered and not event.released
    if remembered and outcome.outcome in ("accepted", "scheduled", "held"):
        content = event.event_sha256 if isinstance(event, rules.Incoming) else ""
        stored = outcome.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        if (event.department, event.event_id) not in batch.receipts:
            batch.changes.receipts.append(
                (event.department, event.event_id, content, to_json(stored).decode())
            )
            batch.receipts[event.department, event.event_id] = (content, stored)
    if event.department:
        _say_outcome(batch, event, outcome)
    return outcome


def _outcome(batch: Batch, event: Read) -> Outcome:
    if isinstance(event, Unreadable):
        return Outcome(
            id=event.event_id,
            outcome="rejected",
            source_id=event.source_id,
            problems=event.problems,
        )
    office = batch.offices.get(event.department)
    if office is None:
        return _rejected(event, [_unknown_department(event.department)])
    known = (
        batch.receipts.get((event.department, event.event_id))
        if event.remembered and not event.released
        else None
    )
    if known is not None:
        if known[0] != event.event_sha256:
            return _rejected(event, [rules.conflict("/id")])
        return Outcome.model_validate(known[1])
    problems = _problems(batch, event)
    if problems:
        return _rejected(event, problems)
    return _judged(batch, event, office)


def _judged(batch: Batch, event: rules.Incoming, office: rules.Office) -> Outcome:
    key = (event.department, event.source_id)
    standing, waiting = batch.standings.get(key), batch.waiting.get(key)
    decision = rules.judge(_with_findings(batch, event), standing, waiting, office, batch.now)
    match decision.verdict:
        case "apply":
            return _apply(batch, event, office, standing)
        case "conflict":
            return _rejected(event, [rules.conflict("/sourceversion")])
        case "held" | "scheduled":
            if waiting is None or waiting.content_sha256 != event.content_sha256:
                batch.changes.wait(
                    event, decision.verdict, decision.because, at=batch.now, replaces=waiting
                )
                batch.waiting[key] = batch.changes.waiting[-1]
            item_id = standing.item_id if standing else None
            return Outcome(
                id=event.event_id,
                outcome=decision.verdict,
                source_id=event.source_id,
                item_id=item_id if decision.verdict == "held" else None,
                held_because=list(decision.because),
            )
        case "ignored":
            return _of(event, standing, "ignored")
        case "unchanged":
            if (
                standing
                and event.sourceversion
                and event.sourceversion > (standing.sourceversion or 0)
            ):
                batch.changes.sourceversions.append((standing.item_id, event.sourceversion))
            return _of(event, standing, "accepted").model_copy(update={"unchanged": True})


def _of(event: rules.Incoming, standing: rules.Standing | None, outcome: str) -> Outcome:
    return Outcome.model_validate(
        {
            "id": event.event_id,
            "outcome": outcome,
            "source_id": event.source_id,
            "item_id": standing.item_id if standing else None,
            "version": standing.version if standing else None,
            "url": standing.url if standing else None,
        }
    )


def _rejected(event: rules.Incoming, problems: list[Problem]) -> Outcome:
    return Outcome(
        id=event.event_id, outcome="rejected", source_id=event.source_id, problems=problems
    )


def _unknown_department(code: str) -> Problem:
    return Problem(
        path="/source",
        code="unknown_department",
        message=f"没有代码为 {code} 的公开主体。 / There is no department with the code {code}.",
        fix="请管理员执行 gazette departments add。 / Ask the operator for `gazette departments add`.",
    )


def _with_findings(batch: Batch, event: rules.Incoming) -> rules.Incoming:
    """Add what the gate found in the attachments when they were uploaded."""
    if not isinstance(event.data, IntakeData) or not event.data.attachments:
        return event
    found = [
        code
        for attachment in event.data.attachments
        if (blob := batch.blobs.get((event.department, attachment.sha256)))
        for code in blob.findings
    ]
    return replace(event, findings=(*event.findings, *found)) if found else event


def _problems(batch: Batch, event: rules.Incoming) -> list[Problem]:
    """Return what only the database can tell to be wrong."""
    if isinstance(event.data, WithdrawalData):
        return _redirect_problems(batch, event, event.data)
    problems = overtaken(event.data, batch.now)
    for number, attachment in enumerate(event.data.attachments):
        blob = batch.blobs.get((event.department, attachment.sha256))
        if blob is None:
            problems.append(_unknown_attachment(number, attachment.sha256))
        elif blob.size != attachment.size:
            problems.append(_wrong_size(number, attachment.size, blob.size))
        elif found := batch.files.find(attachment.sha256):
            at = ("data", "attachments", number)
            problems += judge_file(found[0], attachment.name, attachment.media_type, at)
    standing = batch.standings.get((event.department, event.source_id))
    given = event.data.index_number
    if given and given in batch.taken_numbers and not (standing and standing.index_number == given):
        problems.append(_taken_number(given))
    return problems


def _redirect_problems(batch: Batch, event: rules.Incoming, data: WithdrawalData) -> list[Problem]:
    to = data.redirect_to
    if data.kind != "redirect" or not to or "://" in to:
        return []
    if to == f"{event.department}/{event.source_id}":
        message = "信息不能跳转到自身。 / An item cannot lead to itself."
    elif _url_of(batch, to) is None:
        message = f"没有找到跳转的目标 {to}。 / The target {to} is not known."
    else:
        return []
    return [
        Problem(
            path="/data/redirect_to",
            code="unknown_target",
            message=message,
            fix="请填另一条已公开信息的“单位代码/source_id”，或 https 地址。 / "
            "Give `<department>/<source_id>` of another published item, or an https URL.",
        )
    ]


def _url_of(batch: Batch, target: str) -> str | None:
    """Return the url of `<department>/<source_id>`; what this batch has published counts."""
    department, _, source_id = target.partition("/")
    standing = batch.standings.get((department, source_id))
    return standing.url if standing else batch.targets.get(target)


def _unknown_attachment(number: int, sha: str) -> Problem:
    return Problem(
        path=f"/data/attachments/{number}/sha256",
        code="unknown_attachment",
        message=f"附件 {sha[:12]}… 还没有上传。 / The attachment {sha[:12]}… has not been uploaded.",
        fix="请先用 PUT /api/blobs/<sha256> 上传附件，再发送本条。 / Upload it with PUT /api/blobs/<sha256> first, then send this again.",
    )


def _wrong_size(number: int, said: int, real: int) -> Problem:
    return Problem(
        path=f"/data/attachments/{number}/size",
        code="wrong_size",
        message=f"附件实际为 {real} 字节，不是 {said}。 / The attachment has {real} bytes, not {said}.",
        fix=f"请填 {real}。 / Say {real}.",
    )


def _taken_number(given: str) -> Problem:
    return Problem(
        path="/data/index_number",
        code="index_number_taken",
        message=f"索引号 {given} 已用于另一条信息。 / The index number {given} belongs to another item.",
        fix="请核对索引号，或删去此项由系统编号。 / Check the number, or leave it out and one is issued.",
    )


# --- applying


def _apply(
    batch: Batch, event: rules.Incoming, office: rules.Office, standing: rules.Standing | None
) -> Outcome:
    identity = _identity(batch, event, standing)
    turn = rules.Turn(identity, standing, office, batch.now)
    if isinstance(event.data, WithdrawalData):
        to = event.data.redirect_to
        target = (_url_of(batch, to) or to) if to and event.data.kind == "redirect" else None
        following = rules.withdraw(event, event.data, turn, target=target)
    else:
        following = rules.publish(event, event.data, turn, batch.zone)
    outgoing = _record_event(batch, event, office, following)
    if len(outgoing.body.encode()) > MAX_RECORD_BYTES:
        batch.outbox_ids.append(outgoing.outbox_id)
        return _rejected(event, [_too_large()])
    if standing is None:
        group = event.department, _year(batch, event)
        batch.used[group] = batch.serials[group].pop()
    after = _after(event, identity, standing, following, outgoing)
    key = (event.department, event.source_id)
    batch.standings[key] = after
    batch.changes.apply(
        event,
        after,
        following,
        outgoing,
        zone=batch.zone,
        closes=batch.waiting.pop(key, None),
        now=batch.now,
    )
    if identity.index_number:
        batch.taken_numbers.add(identity.index_number)
    return _of(event, after, "accepted")


def _identity(
    batch: Batch, event: rules.Incoming, standing: rules.Standing | None
) -> rules.Identity:
    data = event.data if isinstance(event.data, IntakeData) else None
    first = data.first_published_on if data else None
    number = data.index_number if data else None
    if standing:
        return rules.Identity(
            standing.item_id,
            standing.url,
            number or standing.index_number,
            standing.published_at,
            first or standing.first_published_on,
        )
    year = _year(batch, event)
    serial = batch.serials[event.department, year][-1]
    url = f"/{event.department}/{year}/{serial}/"
    issued = number or _number_of(batch, event, serial)
    return rules.Identity(UUID(bytes=uuid7().bytes), url, issued, batch.now, first)


def _record_event(
    batch: Batch, event: rules.Incoming, office: rules.Office, following: rules.NextState
) -> Outgoing:
    event_id = str(uuid7())
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/departments/{office.code}",
        "subject": event.source_id,
        "type": following.type,
        "time": batch.now,
        "datacontenttype": "application/json",
        "statesha256": following.sha256,
        **({"traceparent": event.traceparent} if event.traceparent else {}),
    }
    body = to_json(envelope)[:-1] + b',"data":' + following.data + b"}"
    subject = f"record.{office.code}.{following.item_id}"
    return Outgoing(
        batch.outbox_ids.pop(), event_id, "RECORD", subject, body.decode(), event.traceparent
    )


def _too_large() -> Problem:
    return Problem(
        path="/data",
        code="too_large",
        message="信息连同元数据超过 4 MiB。 / The item with its metadata is over 4 MiB.",
        fix="请缩短正文，把长表格、图片改为附件。 / Shorten the body; send long tables and pictures as attachments.",
    )


def _after(
    event: rules.Incoming,
    who: rules.Identity,
    standing: rules.Standing | None,
    following: rules.NextState,
    outgoing: Outgoing,
) -> rules.Standing:
    return rules.Standing(
        item_id=who.item_id,
        version=following.version,
        state=following.state,
        content_sha256=event.content_sha256,
        sourceversion=event.sourceversion or (standing.sourceversion if standing else None),
        url=who.url,
        index_number=who.index_number,
        first_published_on=who.first_published_on,
        published_at=who.published_at,
        notice_version=following.notice_version,
        notice_note=following.notice_note,
        history=following.history,
        outbox_id=outgoing.outbox_id,
        public=from_json(following.data) if isinstance(event.data, IntakeData) else None,
    )


def _say_outcome(batch: Batch, event: Read, outcome: Outcome) -> None:
    event_id = str(uuid7())
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/services/catalog",
        "subject": event.source_id,
        "type": f"org.opengazette.intake.{outcome.outcome}.v1",
        "time": batch.now,
        "data": outcome.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
    }
    body = to_json({name: value for name, value in envelope.items() if value is not None}).decode()
    subject = f"outcomes.{event.department}.items"
    traceparent = event.traceparent if isinstance(event, rules.Incoming) else None
    batch.changes.said.append(
        Outgoing(batch.outbox_ids.pop(), event_id, "OUTCOMES", subject, body, traceparent)
    )
