"""Give a department its NATS user: the seed is the department's, the catalog keeps the public key."""

from __future__ import annotations

import os

import nkeys
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.change_department import NoSuchDepartment
from services.catalog.tables import department


async def issue_nkey(session: AsyncSession, code: str) -> str:
    """Return a new user seed for *code*, in place of an earlier one; it is stored nowhere."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(seed).public_key.decode()
    answer = await session.execute(
        update(department)
        .where(department.c.code == code)
        .values(nkey=public)
        .returning(department.c.code)
    )
    if answer.scalar() is None:
        raise NoSuchDepartment(code)
    return str(seed.decode())


async def revoke_nkey(session: AsyncSession, code: str) -> None:
    """Take a department's NATS user away."""
    await session.execute(update(department).where(department.c.code == code).values(nkey=None))
