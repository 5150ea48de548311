"""A notifier on a database of its own, emptied for each test: making one for each would take most of the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import nats
import psycopg
import pytest

from services.instance.nats import Nats
from services.notifier.actions.begin_telling import begin_telling
from services.notifier.links import Links
from services.notifier.tables import meta
from shared import streams
from shared.db import Database, migrate
from shared.leader import plain_url
from tests.notifier.house import KEY, NOON, House


@pytest.fixture(scope="session")
def notifier_database(postgres_url: str) -> str:
    """Make a database with the notifier's schema and no other; tests of faults have one too."""
    name = f"only_notifier_{uuid4().hex}"
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    base, parted, query = postgres_url.partition("?")
    url = base.rsplit("/", 1)[0] + f"/{name}" + parted + query
    migrate(url, ["notifier"])
    return url


@pytest.fixture
def notifier_database_url(notifier_database: str) -> str:
    """Empty every table of the notifier."""
    tables = ", ".join(table.fullname for table in meta.sorted_tables)
    with psycopg.connect(plain_url(notifier_database), autocommit=True) as connection:
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
    return notifier_database


@pytest.fixture(scope="session")
def notifier_nats(server_folder: Path) -> Iterator[str]:
    """Run a nats-server with our streams for the notifier's tests."""
    folder = server_folder / "notifier-nats"
    folder.mkdir(mode=0o755)
    server = Nats(folder)
    server.start()
    asyncio.run(streams.apply(server.url))
    yield server.url
    server.stop()


@pytest.fixture
async def empty_nats(notifier_nats: str) -> str:
    """Empty every stream."""
    connection = await nats.connect(notifier_nats)
    for stream in streams.STREAMS:
        await connection.jetstream().purge_stream(stream.name)
    await connection.close()
    return notifier_nats


@pytest.fixture
async def house(notifier_database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """Begin a notifier at noon: what happens from a minute later on is news."""
    db = Database(notifier_database_url, "notifier")
    links = Links(KEY, "https://www.qinghe.example")
    async with db.sessions.begin() as session:
        await begin_telling(session, links=links, now=NOON)
    yield House(db, links, tmp_path / "mail")
    await db.close()
