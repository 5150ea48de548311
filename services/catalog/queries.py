"""Reads for the catalog's edges."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.outbox import with_sequence


async def department_of_key(session: AsyncSession, digest: str) -> str | None:
    """Return the department that the key with this SHA-256 belongs to, unless it was revoked."""
    row = await session.execute(
        text(
            "SELECT department FROM catalog.api_key WHERE sha256 = :digest AND revoked_at IS NULL"
        ),
        {"digest": digest},
    )
    return row.scalar()


PAGE_BYTES = 8 * 1024 * 1024
"""Bytes of events from which on a page of the feed ends, be it as long as was asked for or not."""


async def record_page(
    session: AsyncSession, *, after: int, limit: int, through: int | None, state: bool
) -> dict[str, Any]:
    """Return a stretch of the record feed: every record event in (after, through], in order.

    A page ends after `limit` events or `PAGE_BYTES`, and has one event at least where there is one. `through` in the
    answer is the last sequence that the page covers; `head` the newest there is. The versions
    before a withdrawal are left out for ever, also when the item is published anew: only the tombstone is there.
    """
    head = (await session.execute(text("SELECT epoch, sequence FROM catalog.head"))).one()
    end = head.sequence if through is None else min(head.sequence, through)
    rows = (
        await session.execute(
            text(
                "SELECT * FROM (SELECT o.sequence, CASE WHEN NOT EXISTS (SELECT 1 FROM catalog.version w "
                "WHERE w.item_id = v.item_id AND w.version > v.version AND w.change = 'withdrawal') "
                "THEN nullif(o.body, '') END AS body, octet_length(o.body) AS size, "
                "sum(octet_length(o.body)) OVER (ORDER BY o.sequence) AS total "
                "FROM catalog.outbox o LEFT JOIN catalog.version v ON v.outbox_id = o.outbox_id "
                "WHERE o.sequence > :after AND o.sequence <= :end ORDER BY o.sequence LIMIT :limit) p "
                "WHERE total - size < :bytes ORDER BY sequence"
            ),
            {"after": after, "end": end, "limit": limit, "bytes": PAGE_BYTES},
        )
    ).all()
    records = [
        _entry(row.sequence, row.body, head.epoch, state=state)
        for row in rows
        if row.body is not None
    ]
    is_full = len(rows) == limit or (rows and rows[-1].total >= PAGE_BYTES)
    covered = rows[-1].sequence if is_full else end
    return {
        "epoch": str(head.epoch),
        "head": head.sequence,
        "through": covered,
        "records": records,
    }


def _entry(sequence: int, body: str, epoch: Any, *, state: bool) -> dict[str, Any]:
    event = from_json(with_sequence(body.encode(), sequence, epoch))
    data = event["data"]
    entry = {
        "sequence": sequence,
        "id": event["id"],
        "type": event["type"],
        "source": event["source"],
        "subject": event.get("subject"),
        "time": event["time"],
        "sha256": event["statesha256"],
        "version": data["version"],
    }
    for name in ("item_id", "change", "state", "url", "title", "reason", "key"):
        if data.get(name) is not None:
            entry[name] = data[name]
    if state:
        entry["event"] = event
    return entry


async def outcomes_after(
    session: AsyncSession, code: str, *, after: int, limit: int
) -> list[dict[str, Any]]:
    """Return what OUTCOMES said to a department, later decisions on held items included."""
    rows = await session.execute(
        text(
            "SELECT outbox_id, body FROM catalog.outbox WHERE stream = 'OUTCOMES' AND subject = :subject "
            "AND outbox_id > :after ORDER BY outbox_id LIMIT :limit"
        ),
        {"subject": f"outcomes.{code}.items", "after": after, "limit": limit},
    )
    return [{"cursor": row.outbox_id, "event": from_json(row.body)} for row in rows]


async def public_item(session: AsyncSession, code: str, source_id: str) -> dict[str, Any] | None:
    """Return an item's public state, its versions and its delivery; None for what is not public.

    Of a vanished item only the tombstone is a version.
    """
    row = (
        await session.execute(
            text(
                "SELECT i.item_id, i.version, i.state, i.content_sha256, i.sourceversion, o.body, o.sequence, h.epoch "
                "FROM catalog.item i JOIN catalog.outbox o USING (outbox_id), catalog.head h "
                "WHERE i.department = :code AND i.source_id = :source_id"
            ),
            {"code": code, "source_id": source_id},
        )
    ).one_or_none()
    if row is None:
        return None
    event = from_json(row.body)
    data = event["data"]
    since = row.version if row.state == "vanish" else 1  # the dates of what vanished are nobody's
    return {
        "item_id": str(row.item_id),
        "department": code,
        "source_id": source_id,
        "version": row.version,
        "state": row.state,
        "url": data["url"],
        "sha256": event["statesha256"],
        "sequence": row.sequence,
        "public": data,
        "versions": [entry for entry in data["history"] if entry["version"] >= since],
        "delivery": await _delivery(session, str(row.item_id), since=since),
    }


async def _delivery(
    session: AsyncSession, item_id: str, *, since: int
) -> dict[str, list[dict[str, Any]]]:
    """Return, per projection, which versions from *since* on it showed first when."""
    rows = await session.execute(
        text(
            "SELECT service, version, visible_at FROM catalog.visible WHERE item_id = CAST(:id AS uuid) "
            "AND version >= :since ORDER BY service, version"
        ),
        {"id": item_id, "since": since},
    )
    delivery: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        delivery.setdefault(row.service, []).append(
            {"version": row.version, "since": row.visible_at.isoformat()}
        )
    return delivery


async def events_of(session: AsyncSession, item_id: str) -> list[dict[str, Any]]:
    """Return the events that made an item's versions, for its own department: ids, and what is kept of envelopes."""
    rows = await session.execute(
        text(
            "SELECT version, by_event, attributes FROM catalog.version "
            "WHERE item_id = CAST(:id AS uuid) ORDER BY version"
        ),
        {"id": item_id},
    )
    return [
        {"version": row.version, "id": row.by_event, "attributes": row.attributes or {}}
        for row in rows
        if row.by_event
    ]


async def nkey_of(session: AsyncSession, department: str) -> str | None:
    """Return the public NATS key of *department*, which also signs its packages; None when it has none."""
    found = await session.execute(
        text("SELECT nkey FROM catalog.department WHERE code = :code"), {"code": department}
    )
    key: str | None = found.scalar()
    return key


async def departments(session: AsyncSession) -> list[dict[str, Any]]:
    """Return every body with its policy, rights and number of items."""
    rows = await session.execute(
        text(
            "SELECT d.code, d.names, d.kind, d.parent, d.policy, d.history, "
            "(SELECT count(*) FROM catalog.item i WHERE i.department = d.code) AS items, "
            "(SELECT count(*) FROM catalog.api_key k WHERE k.department = d.code AND k.revoked_at IS NULL) AS keys "
            "FROM catalog.department d ORDER BY d.position, d.code"
        )
    )
    return [dict(row) for row in rows.mappings()]


async def waiting_list(session: AsyncSession) -> list[dict[str, Any]]:
    """Return what waits for a decision, oldest first; texts are left out."""
    rows = await session.execute(
        text(
            "SELECT waiting_id, department, source_id, kind, because, publish_at, received_at, "
            "event::jsonb ->> 'title' AS title FROM catalog.waiting "
            "WHERE decision IS NULL AND kind = 'held' ORDER BY waiting_id"
        )
    )
    return [dict(row) for row in rows.mappings()]


async def unconfirmed_relations(session: AsyncSession) -> list[dict[str, Any]]:
    """Return what items say of those of other bodies, until these bodies have decided; oldest first."""
    rows = await session.execute(
        text(
            "SELECT r.number, r.target_department AS department, r.target_source_id AS source_id, r.type, "
            "r.department || '/' || r.source_id AS source, r.title, r.effective_on, r.said_at FROM catalog.relation r "
            "WHERE r.decision IS NULL ORDER BY r.number"
        )
    )
    return [dict(row) for row in rows.mappings()]


async def waiting_one(session: AsyncSession, waiting_id: int) -> dict[str, Any] | None:
    """Return one waiting event with its data, for the reviewer."""
    row = (
        await session.execute(text("SELECT * FROM catalog.waiting WHERE waiting_id = :id"), {"id": waiting_id})
    ).mappings().one_or_none()  # fmt: skip
    return None if row is None else {**row, "event": from_json(row["event"])}


async def shown_by_the_record(
    session: AsyncSession, *, after: str, limit: int
) -> list[dict[str, Any]]:
    """Return what every projection should show: item, version, SHA-256 of its public state, in order of item."""
    rows = await session.execute(
        text(
            "SELECT i.item_id, i.version, i.state, i.department, i.source_id, v.sha256 FROM catalog.item i "
            "JOIN catalog.version v ON v.item_id = i.item_id AND v.version = i.version "
            "WHERE i.item_id > CAST(:after AS uuid) ORDER BY i.item_id LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [{**row, "item_id": str(row["item_id"])} for row in rows.mappings()]


async def figures(session: AsyncSession) -> dict[str, Any]:
    """Return the numbers of the status screen, which `/metrics` shows to anybody: nothing of what is embargoed."""
    row = (
        await session.execute(
            text(
                "SELECT (SELECT count(*) FROM catalog.item) AS items, (SELECT count(*) FROM catalog.department) AS departments, "
                "(SELECT count(*) FROM catalog.waiting WHERE decision IS NULL AND kind = 'held') AS waiting, "
                "(SELECT sequence FROM catalog.head) AS sequence, (SELECT moved_at FROM catalog.head) AS moved_at, "
                "(SELECT epoch::text FROM catalog.head) AS epoch, "
                "(SELECT count(*) FROM catalog.outbox WHERE NOT sent) AS unsent, "
                "(SELECT count(*) FROM catalog.parked) AS parked"
            )
        )
    ).mappings().one()  # fmt: skip
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}


async def waiting_of(session: AsyncSession, code: str, source_id: str) -> dict[str, Any] | None:
    """Return how an item waits, for its own department; None when it does not."""
    row = (
        await session.execute(
            text(
                "SELECT kind, because, publish_at, received_at FROM catalog.waiting "
                "WHERE department = :code AND source_id = :source_id AND decision IS NULL"
            ),
            {"code": code, "source_id": source_id},
        )
    ).mappings().one_or_none()  # fmt: skip
    return (
        None
        if row is None
        else {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}
    )


async def site_settings(session: AsyncSession) -> dict[str, Any] | None:
    """Return the settings of the site as the record holds them."""
    row = await session.execute(text("SELECT value FROM catalog.site_list WHERE key = 'settings'"))
    return row.scalar()


async def oldest_invisible(session: AsyncSession) -> dict[str, float]:
    """Return, per projection, the age in seconds of the oldest of the newest 2,000 versions that it does not show."""
    rows = await session.execute(
        text(
            "SELECT p.service, coalesce(extract(epoch FROM now() - min(v.at)), 0) AS age "
            "FROM (VALUES ('publisher'), ('search')) AS p(service) LEFT JOIN LATERAL ("
            "SELECT v.at FROM catalog.item i JOIN catalog.version v USING (item_id, version) "
            "WHERE i.outbox_id > (SELECT max(outbox_id) - 4000 FROM catalog.outbox) AND NOT EXISTS ("
            "SELECT 1 FROM catalog.visible s WHERE s.service = p.service AND s.item_id = i.item_id "
            "AND s.version >= i.version)) v ON true GROUP BY p.service"
        )
    )
    return {row.service: float(row.age) for row in rows}
