"""Add a body that owes disclosure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.announcing import announce_department
from services.catalog.tables import department
from shared.errors import Refused
from shared.events.intake import DEPARTMENT_CODE, RESERVED


class BadDepartmentCode(Refused):
    """单位代码不合规定。 / The department code is not allowed."""


class DepartmentExists(Refused):
    """已有这个代码的公开主体。 / There is already a department with this code."""

    status = 409


class NoSuchParent(Refused):
    """没有这个上级单位。 / There is no such parent department."""

    status = 404


class NewDepartment(BaseModel):
    """What `gazette departments add` takes; only the code is needed."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    code: str
    names: dict[str, str] = {}
    kind: str = "bureau"
    parent: str | None = None
    position: int = 0
    policy: str = "direct"
    history: bool = False
    contact: dict[str, Any] | None = None
    about: str | None = None
    entries: list[dict[str, Any]] = []


async def add_department(session: AsyncSession, new: NewDepartment, *, now: datetime) -> None:
    """Add a body, every standard entry on; raises `BadDepartmentCode`, `DepartmentExists`, `NoSuchParent`."""
    if not DEPARTMENT_CODE.fullmatch(new.code):
        raise BadDepartmentCode(
            "代码须以小写字母开头，只含小写字母、数字和连字符，2 至 40 个字符。 / "
            "A code begins with a lower-case letter and has 2 to 40 lower-case letters, digits and hyphens."
        )
    if new.code in RESERVED:
        raise BadDepartmentCode(
            f"{new.code} 是网站的路径，不能作代码。 / {new.code} is a path of the site."
        )
    if new.parent and not await _exists(session, new.parent):
        raise NoSuchParent(new.parent)
    values = new.model_dump() | {"names": {"zh-Hans": new.code} | new.names, "created_at": now}
    answer = await session.execute(
        upsert(department).values(**values).on_conflict_do_nothing().returning(department.c.code)
    )
    if answer.scalar() is None:
        raise DepartmentExists(new.code)
    await announce_department(session, new.code, now=now)


async def _exists(session: AsyncSession, code: str) -> bool:
    return (
        await session.execute(select(department.c.code).where(department.c.code == code))
    ).scalar() is not None
