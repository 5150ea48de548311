"""Say the standard catalogue, the vocabulary and the settings of the site when they are new or changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.announcing import announce_list
from services.catalog.standard import with_own


async def lock_lists(session: AsyncSession) -> None:
    """Let nobody else change the lists until the transaction ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('catalog seeds site'))"))


async def seed_site(
    session: AsyncSession, lists: dict[str, dict[str, Any]], *, now: datetime
) -> list[str]:
    """Say each of *lists* (key → value) that differs from what the record holds; return their keys.

    `settings` are only seeded: what an operator has set stays, and so do the entries that one added or changed.
    """
    await lock_lists(session)
    rows = await session.execute(text("SELECT key, value FROM catalog.site_list"))
    known = {row.key: row.value for row in rows}
    said = []
    for key, value in lists.items():
        plain = from_json(to_json(value))
        if key == "catalogue" and key in known:
            plain["entries"] = with_own(plain["entries"], known[key].get("entries", []))
        if known.get(key) == plain or (key == "settings" and key in known):
            continue
        await announce_list(session, key, plain, now=now)
        said.append(key)
    return said
