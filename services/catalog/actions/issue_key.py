"""Issue and revoke a department's API keys."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.change_department import NoSuchDepartment
from services.catalog.tables import api_key, department


def digest(key: str) -> str:
    """Return what is stored of a key: 32 random bytes need no salt and no slow hash."""
    return sha256(key.encode()).hexdigest()


async def issue_key(session: AsyncSession, code: str, *, now: datetime) -> str:
    """Return a new key for *code*; it is shown once and stored as a hash."""
    known = (
        await session.execute(select(department.c.code).where(department.c.code == code))
    ).scalar()
    if known is None:
        raise NoSuchDepartment(code)
    key = f"ogk_{code}_{secrets.token_urlsafe(32)}"
    await session.execute(
        insert(api_key).values(department=code, sha256=digest(key), created_at=now)
    )
    return key


async def revoke_keys(session: AsyncSession, code: str, *, now: datetime) -> int:
    """Revoke every key of *code*; return how many there were."""
    answer = await session.execute(
        update(api_key)
        .where(api_key.c.department == code, api_key.c.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(api_key.c.key_id)
    )
    return len(answer.all())
