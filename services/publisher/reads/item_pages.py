"""What the pages of items are made of, read for many items at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.session import together


@dataclass
class ItemParts:
    """One item as the database holds it; parsed where it is rendered."""

    item_id: UUID
    url: str
    standing: str
    version: int
    sequence: int
    sha256: str
    state: str
    published_on: date
    department_code: str
    department: str | None = None
    """The body's state as JSON text."""
    versions: list[Any] = field(default_factory=list)
    """Rows (version, standing, state, sha256), ascending."""
    relations: list[Any] = field(default_factory=list)
    back_links: list[Any] = field(default_factory=list)
    target_title: str | None = None


_FACE = "o.key, o.title, o.url, o.day, o.document_number, o.effective_on"
_ITEMS = (
    "SELECT i.item_id, i.url, i.standing, i.version, i.sequence, i.sha256, i.state, i.day, i.department, d.state AS body "
    "FROM publisher.item i LEFT JOIN publisher.department d ON d.code = i.department WHERE i.item_id = ANY(:ids)"
)
_VERSIONS = (
    "SELECT item_id, version, standing, sha256, state FROM publisher.item_version WHERE item_id = ANY(:ids) "
    "ORDER BY item_id, version"
)
_RELATIONS = (
    f"SELECT false AS back, l.item_id AS item_id, l.type, {_FACE}, l.place, NULL::date AS said_on, 0::bigint AS turn, "
    "NULL::uuid AS said_by FROM publisher.link l JOIN publisher.item o ON o.key = l.target "
    "JOIN publisher.listing seen ON seen.item_id = o.item_id AND seen.listed "
    "WHERE l.item_id = ANY(:ids) AND o.title IS NOT NULL UNION ALL "
    f"SELECT true, me.item_id, l.type, {_FACE}, 0, l.day, l.turn, l.item_id FROM publisher.item me "
    "JOIN publisher.link l ON l.target = me.key JOIN publisher.item o ON o.item_id = l.item_id "
    "WHERE me.item_id = ANY(:ids) AND l.visible AND o.title IS NOT NULL "
    "ORDER BY 1, item_id, place, said_on DESC, turn DESC, said_by DESC, type"
)
"""What items say of others, in their order; then what others say of them, newest first."""
_TARGETS = text(
    "SELECT me.item_id, o.title FROM publisher.item me JOIN publisher.item o ON o.url = me.redirect_to "
    "JOIN publisher.listing seen ON seen.item_id = o.item_id AND seen.listed WHERE me.item_id = ANY(:ids)"
)


async def item_parts(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, ItemParts]:
    """Return *ids* with everything their pages show: a handful of statements, however many items."""
    rows, versions, ties = await together(
        session,
        (_ITEMS, {"ids": list(ids)}),
        (_VERSIONS, {"ids": list(ids)}),
        (_RELATIONS, {"ids": list(ids)}),
    )
    found = {
        row.item_id: ItemParts(
            item_id=row.item_id,
            url=row.url,
            standing=row.standing,
            version=row.version,
            sequence=row.sequence,
            sha256=row.sha256,
            state=row.state,
            published_on=row.day,
            department_code=row.department,
            department=row.body,
        )
        for row in rows
    }
    for row in versions:
        found[row.item_id].versions.append(row)
    for row in ties:
        parts = found[row.item_id]
        (parts.back_links if row.back else parts.relations).append(row)
    redirected = [one for one, parts in found.items() if parts.standing == "redirect"]
    if redirected:
        for row in await session.execute(_TARGETS, {"ids": redirected}):
            found[row.item_id].target_title = row.title
    return found
