"""Everything about an intake event that needs no database: reading, cleaning, the gate. CPU work, done in turns."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import quote

from uuid_utils import uuid7

from services.catalog import reading
from services.catalog.cleaning import clean_body
from services.catalog.gate import findings
from services.catalog.reading import Sender
from services.catalog.rules import Incoming, Read, Unreadable
from shared.events.intake import IntakeData, IntakeEvent, WithdrawalData

Known = IntakeData | WithdrawalData
_REASON = re.compile(r"[a-z][a-z_]{0,39}")
MOST_REASONS = 8


@dataclass(frozen=True)
class Received:
    """One intake event as it came in."""

    raw: bytes
    department: str | None
    """Whom the connection belongs to: the NATS subject's token, or the key's department."""
    traceparent: str | None = None


def prepare_events(
    received: Sequence[Received], senders: Mapping[str, Sender], *, now: datetime
) -> list[Read]:
    """Read *received* in order; never raises for what a sender did wrong."""
    return [_prepared(event, senders, now) for event in received]


TURN = 16 * 1024
"""Bytes that are read in one turn of the loop: about two milliseconds. Less than a thread's way there and back, and
two threads that want to compute only hinder each other; a single larger event goes to a thread."""


async def prepare_in_turns(
    received: Sequence[Received], senders: Mapping[str, Sender], *, now: datetime
) -> list[Read]:
    """Read *received* in order as `prepare_events` does, and let others in between."""
    read: list[Read] = []
    for part in _turns(received):
        if len(part[0].raw) > TURN:
            read += await asyncio.to_thread(prepare_events, part, senders, now=now)
        else:
            read += prepare_events(part, senders, now=now)
            await asyncio.sleep(0)
    return read


def _turns(received: Sequence[Received]) -> Iterator[list[Received]]:
    part: list[Received] = []
    size = 0
    for event in received:
        if part and size + len(event.raw) > TURN:
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event.raw)
    if part:
        yield part


def _prepared(received: Received, senders: Mapping[str, Sender], now: datetime) -> Read:
    sender = senders.get(received.department or "")
    event = reading.read_event(received.raw, department=received.department, sender=sender, now=now)
    if isinstance(event, reading.Unreadable):
        return Unreadable(
            event.id, received.department or event.department or "", event.problems, event.source_id
        )
    return incoming(
        event.data,
        department=event.department,
        source_id=event.source_id,
        event_id=event.id,
        sourceversion=event.sourceversion,
        traceparent=received.traceparent,
        asked=_asked(event.hold),
        attributes=_attributes(event),
    )


def _attributes(event: IntakeEvent) -> dict[str, Any] | None:
    """Return what the contract keeps of an envelope as it came: the sender's `time`, and extensions."""
    said = {"time": event.time} | (event.model_extra or {})
    return {name: value for name, value in said.items() if value is not None} or None


def _asked(hold: object) -> tuple[str, ...]:
    """Return the reasons for which the sender itself asks for a person's look (extension `hold`)."""
    words = str(hold or "").split()
    known = [word for word in words if _REASON.fullmatch(word)]
    return tuple(known[:MOST_REASONS] or ["sender_asked"]) if words else ()


def prepare_data(
    raw: bytes,
    *,
    department: str,
    source_id: str,
    withdrawal: bool,
    sender: Sender | None,
    now: datetime,
    traceparent: str | None,
    sourceversion: int | None = None,
) -> Read:
    """Read the body of a PUT (intake data) or DELETE (withdrawal data): the same without a CloudEvent."""
    kind: reading.Kind = "withdrawal" if withdrawal else "item"
    wrong = reading.read_address(source_id, sourceversion)
    data = reading.read_data(raw, kind, sender=sender, now=now, itself=f"{department}/{source_id}")
    event_id = str(uuid7())
    if wrong or isinstance(data, reading.Unreadable):
        told = data.problems if isinstance(data, reading.Unreadable) else []
        named = None if any(problem.path == "/subject" for problem in wrong) else source_id
        return Unreadable(event_id, department, [*wrong, *told], named)
    return incoming(
        data,
        department=department,
        source_id=source_id,
        event_id=event_id,
        sourceversion=sourceversion,
        remembered=False,
        traceparent=traceparent,
    )


def incoming(
    data: Known,
    *,
    department: str,
    source_id: str,
    event_id: str,
    sourceversion: int | None = None,
    remembered: bool = True,
    released: Literal["", "person", "clock"] = "",
    traceparent: str | None = None,
    asked: tuple[str, ...] = (),
    attributes: dict[str, Any] | None = None,
) -> Incoming:
    """Return a readable event with its cleaned body, its hashes and what the gate found, or the sender *asked*."""
    content = reading.data_hash(data)
    kind = "withdrawal" if isinstance(data, WithdrawalData) else "item"
    body_html, found = _cleaned(data) if isinstance(data, IntakeData) else (None, ())
    return Incoming(
        event_id=event_id,
        department=department,
        source_id=source_id,
        data=data,
        content_sha256=content,
        event_sha256=sha256(f"{kind} {sourceversion} {content}".encode()).hexdigest(),
        sourceversion=sourceversion,
        body_html=body_html,
        findings=(*found, *asked),
        remembered=remembered,
        released=released,
        traceparent=traceparent,
        attributes=attributes,
    )


def _cleaned(data: IntakeData) -> tuple[str | None, tuple[str, ...]]:
    files = {a.name: f"/files/{a.sha256}/{quote(a.name)}" for a in data.attachments}
    body = clean_body(data.body.format, data.body.content, files) if data.body else None
    found = findings(data.title, data.summary, body)
    return body, tuple(dict.fromkeys(finding.code for finding in found))


def restored(row: Any, *, released: Literal["person", "clock"]) -> Incoming:
    """Return the event of a row of the waiting list, let out by a person or the clock."""
    return incoming(
        IntakeData.model_validate_json(row.event),
        department=row.department,
        source_id=row.source_id,
        event_id=row.event_id,
        sourceversion=row.sourceversion,
        released=released,
        attributes=row.attributes,
    )
