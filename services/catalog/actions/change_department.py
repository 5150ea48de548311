"""Change what is known of a body: its names, place, policy, rights, contact, entries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

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


async def change_department(
    session: AsyncSession, code: str, changes: dict[str, Any], *, now: datetime
) -> None:
    """Set the given fields and say the new state of the body; names are merged, the rest replaced."""
    row = (
        await session.execute(
            text("SELECT names FROM catalog.department WHERE code = :code FOR UPDATE"),
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
    if not values:
        return
    values["version"] = department.c.version + 1
    await session.execute(update(department).where(department.c.code == code).values(**values))
    await announce_department(session, code, now=now)
