"""The names in memory: searching needs no database."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.search.rules.directory import Directory, directory_of
from services.search.tables import directory


class NameBoard:
    """Holds the newest names; `now` is never changed, only replaced."""

    def __init__(self) -> None:
        self.now = Directory()

    async def read(self, session: AsyncSession) -> None:
        """Take the names from the database."""
        rows = await session.execute(select(directory.c.key, directory.c.state))
        self.now = directory_of((row.key, json.loads(row.state)) for row in rows)
