"""A notifier on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.notifier.actions.begin_telling import begin_telling
from services.notifier.links import Links
from shared.db import Database, migrate
from tests.notifier.house import KEY, NOON, House


@pytest.fixture
def notifier_database_url(empty_database_url: str) -> str:
    """Return a fresh database that holds the notifier's schema and no other."""
    migrate(empty_database_url, ["notifier"])
    return empty_database_url


@pytest.fixture
async def house(notifier_database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """Begin a notifier at noon: what happens from a minute later on is news."""
    db = Database(notifier_database_url, "notifier")
    links = Links(KEY, "https://www.qinghe.example")
    async with db.sessions.begin() as session:
        await begin_telling(session, links=links, now=NOON)
    yield House(db, links, tmp_path / "mail")
    await db.close()
