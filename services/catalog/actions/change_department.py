"""Change what is known of a body: its names, place, policy, rights, contact, entries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.add_department import NoSuchParent
from services.catalog.announcing import announce_department
from services.catalog.tables import department
from shared.errors import Refused

CHANGEABLE = {
    "names",
    "kind",
    "parent",
    "position",
    "policy",
    "history",
    "contact",
    "about",
    "entries",
}


class NoSuchDepartment(Refused):
    """没有这个公开主体。 / There is no such department."""

    status = 404


class ParentIsBelow(Refused):
    """上级单位不能是它自己，也不能是它的下级。 / A body cannot lie below itself, or below one that lies below it."""


async def change_department(
    session: AsyncSession, code: str, changes: dict[str, Any], *, now: datetime
) -> None:
    """Set the given fields and say the new state of the body; names and contact are merged, the rest replaced.

    An empty part of the contact goes. Raises `NoSuchDepartment`, `NoSuchParent`, `ParentIsBelow`.
    """
    if changes.get("parent") is not None:  # two that move at once could each come below the other
        await session.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('catalog moves departments'))")
        )
    row = (
        await session.execute(
            text("SELECT names, contact FROM catalog.department WHERE code = :code FOR UPDATE"),
            {"code": code},
        )
    ).one_or_none()
    if row is None:
        raise NoSuchDepartment(code)
    values = {
        name: value for name, value in changes.items() if name in CHANGEABLE and value is not None
    }
    if "names" in values:
        values["names"] = row.names | values["names"]
    if "contact" in values:
        parts = (row.contact or {}) | values["contact"]
        values["contact"] = {name: part for name, part in parts.items() if part} or None
    if "parent" in values:
        await _judge_parent(session, code, values["parent"])
    if not values:
        return
    values["version"] = department.c.version + 1
    await session.execute(update(department).where(department.c.code == code).values(**values))
    await announce_department(session, code, now=now)


async def _judge_parent(session: AsyncSession, code: str, parent: str) -> None:
    """Refuse a parent that is not there, is *code* itself or lies below it."""
    rows = await session.execute(
        text(
            "WITH RECURSIVE above(code) AS (SELECT code FROM catalog.department WHERE code = :parent UNION "
            "SELECT d.parent FROM catalog.department d JOIN above a ON d.code = a.code WHERE d.parent IS NOT NULL) "
            "SELECT code FROM above"
        ),
        {"parent": parent},
    )
    above = {row.code for row in rows}
    if not above:
        raise NoSuchParent(parent)
    if code in above:
        raise ParentIsBelow(f"{code} → {parent}")
