"""One catalog for the tests of its rules; each test brings a department of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from shared.leader import plain_url
from tests.catalog.desk import Desk, Sender, open_desk


@pytest.fixture(scope="session")
def catalog_database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """Make a database that the tests of one run share."""
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE catalog_tests TEMPLATE {template_database}")
    base, parted, query = postgres_url.partition("?")
    yield base.rsplit("/", 1)[0] + "/catalog_tests" + parted + query
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute("DROP DATABASE catalog_tests WITH (FORCE)")


@pytest.fixture(scope="session")
async def desk(
    catalog_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """Open a catalog that tests share; what is about the whole record takes `fresh_desk`."""
    async with open_desk(catalog_database_url, tmp_path_factory.mktemp("blobs")) as opened:
        yield opened


@pytest.fixture
async def sender(desk: Desk) -> Sender:
    """Add a department that publishes directly."""
    return await desk.department()


@pytest.fixture
async def fresh_desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened
