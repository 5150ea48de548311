"""Judge a batch of intake events and write what follows from them, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils import uuid7

from services.catalog import rules
from services.catalog.actions.settle_validity import settle_validity
from services.catalog.announcing import record_event
from services.catalog.batch import Batch, load_batch, noting_serials
from services.catalog.consistency import overtaken
from services.catalog.doors import Doors
from services.catalog.sniff import judge_kind
from services.catalog.writing import Acting, writing
from shared import failpoints
from shared.errors import Problem
from shared.events.intake import MAX_RECORD_BYTES, IntakeData, WithdrawalData
from shared.events.outcomes import Outcome
from shared.outbox import Outgoing
from shared.session import together


async def accept_items(
    session: AsyncSession,
    events: Sequence[rules.Read],
    *,
    now: datetime,
    doors: Doors,
    dry: bool = False,
) -> list[Outcome]:
    """Return one outcome per event, in order; the caller commits, or with *dry* rolls back.

    Departments are locked, so that two doors never judge one item at once, and the outcomes of one department
    commit in the order of their cursors.
    """
    batch = await load_batch(session, events, now=now, doors=doors)
    await failpoints.reach("intake.loaded")
    outcomes = [_settle(batch, event) for event in events]
    await together(session, *noting_serials(batch), *writing(batch.changes, now=now))
    locked = {event.department for event in events}
    mine = {key for key in batch.changes.touched if key[0] in locked}
    if mine:  # targets of other bodies follow in a moment, under their own lock
        await settle_validity(session, mine, now=now, zone=doors.zone)
    if dry:
        return outcomes
    await failpoints.reach("intake.written")
    for sha256 in sorted({sha256 for _, sha256 in batch.changes.files}):
        await doors.blobs.move(sha256, "public")
        await failpoints.reach("intake.moved")
    return outcomes


# --- one event


def _settle(batch: Batch, event: rules.Read) -> Outcome:
    outcome = _outcome(batch, event)
    remembered = isinstance(event, rules.Incoming) and event.remembered and not event.released
    stored = outcome.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if remembered and outcome.outcome in ("accepted", "scheduled", "held"):
        content = event.event_sha256 if isinstance(event, rules.Incoming) else ""
        if (event.department, event.event_id) not in batch.receipts:
            batch.changes.receipts.append(
                (event.department, event.event_id, content, to_json(stored).decode())
            )
            batch.receipts[event.department, event.event_id] = (content, stored)
    if event.department:
        _say_outcome(batch, event, stored)
    return outcome


def _outcome(batch: Batch, event: rules.Read) -> Outcome:
    if isinstance(event, rules.Unreadable):
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
        if known[0] not in (event.event_sha256, ""):  # empty: its content was purged, hash and all
            return _rejected(event, [rules.conflict("/id")])
        return Outcome.model_validate(known[1])
    problems = _problems(batch, event)
    if problems:
        return _rejected(event, problems)
    return _judged(batch, event, office)


def _judged(batch: Batch, event: rules.Incoming, office: rules.Office) -> Outcome:
    key = (event.department, event.source_id)
    standing, waiting = batch.standings.get(key), batch.waiting.get(key)
    decision = rules.judge(_with_findings(batch, event), standing, waiting, office, batch.earliest)
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
            elif (event.sourceversion or 0) > (waiting.sourceversion or 0):
                batch.waiting[key] = batch.changes.raise_waiting(waiting, event.sourceversion)
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
    problems = overtaken(event.data, batch.now, batch.zone)
    for number, attachment in enumerate(event.data.attachments):
        blob = batch.blobs.get((event.department, attachment.sha256))
        kind = batch.kinds.get(attachment.sha256)
        if blob is None or kind is None:  # noted, yet not among the files: lost, or removed by hand
            problems.append(_unknown_attachment(number, attachment.sha256))
        elif blob.size != attachment.size:
            problems.append(_wrong_size(number, attachment.size, blob.size))
        else:
            at = ("data", "attachments", number)
            problems += judge_kind(kind, attachment.name, attachment.media_type, at)
    standing = batch.standings.get((event.department, event.source_id))
    given = event.data.index_number
    owner = batch.taken_numbers.get(given) if given else None
    if given and owner and (standing is None or standing.item_id != owner):
        problems.append(_taken_number(given))
    return problems


def _redirect_problems(batch: Batch, event: rules.Incoming, data: WithdrawalData) -> list[Problem]:
    to = data.redirect_to
    if data.kind != "redirect" or not to or to.startswith("https://"):
        return []
    standing = batch.standings.get((event.department, event.source_id))
    if standing and standing.content_sha256 == event.content_sha256:
        return []  # it stands already, whatever became of its target
    wrong = _wrong_target(batch, event, to)
    if wrong is None:
        return []
    code, message = wrong
    return [
        Problem(
            path="/data/redirect_to",
            code=code,
            message=message,
            fix="请填另一条已公开信息的“单位代码/source_id”，或 https 地址。 / "
            "Give `<department>/<source_id>` of another published item, or an https URL.",
        )
    ]


def _wrong_target(batch: Batch, event: rules.Incoming, to: str) -> tuple[str, str] | None:
    """Return why readers cannot be sent to the item *to*, as code and message."""
    target = batch.target(to)
    if to == f"{event.department}/{event.source_id}":
        return "unknown_target", "信息不能跳转到自身。 / An item cannot lead to itself."
    if target is None:
        return "unknown_target", f"没有找到跳转的目标 {to}。 / The target {to} is not known."
    if target.state == "redirect":  # so no redirections ever go round in a circle
        zh = f"跳转的目标 {to} 自己也跳转到别处，可能绕圈。"
        en = f"The target {to} leads elsewhere itself; readers might go round in a circle."
        return "target_redirects", f"{zh} / {en}"
    if target.state != "published":
        return "target_withdrawn", f"跳转的目标 {to} 已撤回。 / The target {to} is withdrawn."
    return None


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
    key = (event.department, event.source_id)
    turn = rules.Turn(identity, standing, office, batch.now, batch.effects.get(key, ()))
    if isinstance(event.data, WithdrawalData):
        to = event.data.redirect_to
        found = batch.target(to) if to else None
        target = found.url if found else to
        following = rules.withdraw(event, event.data, turn, target=target)
    else:
        following = rules.publish(event, event.data, turn, batch.zone)
    outgoing = record_event(
        following,
        outbox_id=batch.outbox_ids.pop(),
        department=office.code,
        source_id=event.source_id,
        now=batch.now,
        traceparent=event.traceparent,
    )
    if len(outgoing.body) > MAX_RECORD_BYTES:
        batch.outbox_ids.append(outgoing.outbox_id)
        return _rejected(event, [_too_large()])
    if standing is None:
        group = batch.group(event)
        batch.used[group] = batch.serials[group].pop()
    after = _after(event, identity, standing, following, outgoing)
    batch.standings[key] = after
    _relate(batch, event)
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
        batch.taken_numbers[identity.index_number] = identity.item_id
    if standing and standing.index_number and standing.index_number != identity.index_number:
        batch.changes.numbers.append((standing.index_number, standing.item_id))
    return _of(event, after, "accepted")


def _relate(batch: Batch, event: rules.Incoming) -> None:
    """Note what the item does to others from now on, and whom that concerns."""
    key = (event.department, event.source_id)
    before = batch.acted.get(key, set())
    acting = _acting(event.data) if isinstance(event.data, IntakeData) else []
    after = {(one.department, one.source_id) for one in acting}
    if not before and not after:
        return
    batch.changes.relations[key] = acting
    batch.changes.touched |= before | after
    batch.acted[key] = after


def _acting(data: IntakeData) -> list[Acting]:
    found: dict[tuple[str, str], Acting] = {}
    for one in data.relations:
        department, _, source_id = one.target.partition("/")
        if one.type in rules.ACTING and source_id:
            found[one.type, one.target] = Acting(
                one.type, department, source_id, data.title, data.effective_on
            )
    return list(found.values())


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
    group = batch.group(event)
    serial = batch.serials[group][-1]
    url = f"/{group[0]}/{group[1]}/{serial}/"
    issued = number or batch.number_of(event, serial)
    return rules.Identity(UUID(bytes=uuid7().bytes), url, issued, batch.now, first)


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
        public=following.data,
    )


def _say_outcome(batch: Batch, event: rules.Read, outcome: dict[str, Any]) -> None:
    event_id = str(uuid7())
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/services/catalog",
        "subject": event.source_id,
        "type": f"org.opengazette.intake.{outcome['outcome']}.v1",
        "time": batch.now,
        "data": outcome,
    }
    body = to_json({name: value for name, value in envelope.items() if value is not None})
    subject = f"outcomes.{event.department}.items"
    traceparent = event.traceparent if isinstance(event, rules.Incoming) else None
    batch.changes.said.append(
        Outgoing(batch.outbox_ids.pop(), event_id, "OUTCOMES", subject, body, traceparent)
    )
