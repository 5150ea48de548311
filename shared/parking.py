"""Parked events, as an operator sees them: list, hand over again, drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from uuid_utils import uuid7

from shared import streams
from shared.bus import connect
from shared.db import Database
from shared.position import named_in


async def parked(database_url: str, services: Sequence[str]) -> list[dict[str, Any]]:
    """Return every parked event of *services*, oldest first, without its bytes."""
    union = " UNION ALL ".join(
        f"SELECT '{name}' AS service, parked_id, consumer, subject, reason, tries, parked_at FROM {name}.parked"
        for name in services
    )
    db = Database(database_url, "parking", size=1)
    try:
        async with db.sessions() as session:
            rows = await session.execute(text(f"{union} ORDER BY parked_at"))
            return [dict(row) for row in rows.mappings()]
    finally:
        await db.close()


async def drop(database_url: str, service: str, parked_id: int) -> bool:
    """Drop a parked event; False when there is none."""
    db = Database(database_url, service, size=1)
    try:
        async with db.sessions.begin() as session:
            return await _take(session, service, parked_id) is not None
    finally:
        await db.close()


async def retry(database_url: str, nats_url: str, service: str, parked_id: int) -> bool:
    """Hand a parked event to its consumer again; False when there is none.

    A record event is forgotten from the position, so that the consumer reads it from the record feed within half a
    minute; anything else is published on its subject again.
    """
    db = Database(database_url, service, size=1)
    try:
        async with db.sessions.begin() as session:
            row = await _take(session, service, parked_id)
            if row is None:
                return False
            of_record = row.subject.startswith("record.") or row.subject == "feed"
            sequence = named_in(row.raw)[0] if of_record else 0
            if sequence:
                await session.execute(
                    text(
                        f"UPDATE {service}.position SET seen = seen - int8multirange(int8range(:s, :s + 1)) "
                        "WHERE consumer = :consumer"
                    ),
                    {"s": sequence, "consumer": row.consumer},
                )
            else:
                await _publish(nats_url, row)
            return True
    finally:
        await db.close()


async def _take(session: Any, service: str, parked_id: int) -> Any:
    row = await session.execute(
        text(f"DELETE FROM {service}.parked WHERE parked_id = :id RETURNING *"), {"id": parked_id}
    )
    return row.one_or_none()


async def _publish(nats_url: str, row: Any) -> None:
    client = await connect(nats_url, name="parking")
    try:
        stream = streams.DURABLES[row.consumer][0]
        headers = {"Nats-Msg-Id": str(uuid7())}
        await client.jetstream().publish(
            row.subject, row.raw, stream=stream, headers=headers, timeout=5
        )
    finally:
        await client.close()
