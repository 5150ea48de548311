"""Record events of bodies and of the lists of the whole site."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils import uuid7

from services.catalog.rules import NextState
from services.catalog.tables import outbox
from shared.events import record
from shared.outbox import Outgoing, announce, reserve_ids


def record_event(
    following: NextState,
    *,
    outbox_id: int,
    department: str,
    source_id: str,
    now: datetime,
    traceparent: str | None = None,
) -> Outgoing:
    """Return a new version of an item as the event that says it."""
    event_id = str(uuid7())
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/departments/{department}",
        "subject": source_id,
        "type": following.type,
        "time": now,
        "datacontenttype": "application/json",
        "statesha256": following.sha256,
        **({"traceparent": traceparent} if traceparent else {}),
    }
    body = to_json(envelope)[:-1] + b',"data":' + following.data + b"}"
    subject = f"record.{department}.{following.item_id}"
    return Outgoing(outbox_id, event_id, "RECORD", subject, body, traceparent)


async def announce_department(session: AsyncSession, code: str, *, now: datetime) -> None:
    """Say the full state of one body on `record.<department>._department`."""
    row = (
        await session.execute(
            text(
                "SELECT code, version, names, kind, parent, position, contact, about, entries "
                "FROM catalog.department WHERE code = :code"
            ),
            {"code": code},
        )
    ).mappings().one()  # fmt: skip
    state = {name: value for name, value in row.items() if value is not None}
    await _announce(
        session, state, f"record.{code}._department", f"/departments/{code}", record.DEPARTMENT, now
    )


async def announce_list(
    session: AsyncSession, key: str, value: dict[str, Any], *, now: datetime
) -> int:
    """Store a list of the whole site and say it on `record._site.<key>`; return its version."""
    version = (
        await session.execute(
            text(
                "INSERT INTO catalog.site_list AS l (key, version, value) VALUES (:key, 1, CAST(:value AS jsonb)) "
                "ON CONFLICT (key) DO UPDATE SET version = l.version + 1, value = excluded.value RETURNING version"
            ),
            {"key": key, "value": to_json(value).decode()},
        )
    ).scalar_one()
    state = {"key": key, "version": version, "value": value}
    await _announce(session, state, f"record._site.{key}", "/site", record.SITE, now)
    return int(version)


async def _announce(
    session: AsyncSession,
    state: dict[str, Any],
    subject: str,
    source: str,
    kind: str,
    now: datetime,
) -> None:
    data = to_json(state)
    event_id = str(uuid7())
    envelope = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "subject": subject.rsplit(".", 1)[-1],
        "type": kind,
        "time": now,
        "datacontenttype": "application/json",
        "statesha256": sha256(data).hexdigest(),
    }
    body = to_json(envelope)[:-1] + b',"data":' + data + b"}"
    [outbox_id] = await reserve_ids(session, outbox, 1)
    await announce(
        session, outbox, [Outgoing(outbox_id, event_id, "RECORD", subject, body)], now=now
    )
