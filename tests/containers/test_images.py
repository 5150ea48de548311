"""The images of the servers, with the program on them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psycopg
import pytest
from nats.errors import Error as NatsError

from shared.leader import plain_url
from tests.containers.conftest import OURS
from tests.flow.test_two_copies import (
    house,  # noqa: F401 - the fixture, on the servers of this folder
    test_copies_share_the_work_and_a_rolling_restart_loses_no_read,  # noqa: F401 - collected here again
)
from tests.instance.test_nats import FINANCE, connect

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]


async def test_nats_reads_the_users_that_the_catalog_wrote(nats_url: str, users_file: Path) -> None:
    """A department that was just added may log in, and whoever is connected stays so."""
    ours = await connect(nats_url)
    theirs = nats_url.replace(
        f"{OURS['user']}:{OURS['password']}", f"{FINANCE['user']}:{FINANCE['password']}"
    )
    assert not await lets_in(theirs)
    fresh = users_file.with_name("fresh")
    fresh.write_text(json.dumps({"users": [OURS, FINANCE]}), encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(users_file)
    async with asyncio.timeout(30):
        while not await lets_in(theirs):
            await asyncio.sleep(0.2)
    assert ours.is_connected
    assert ours.stats["reconnects"] == 0
    await ours.close()


async def lets_in(url: str) -> bool:
    """Say whether the server takes this user."""
    try:
        connection = await connect(url)
    except (NatsError, OSError):
        return False
    await connection.close()
    return True


def test_postgres_has_checksums_and_keeps_the_order_of_bytes(empty_database_url: str) -> None:
    """What a disk changed is found, and text is ordered as on every other machine."""
    with psycopg.connect(plain_url(empty_database_url)) as connection:
        rows = connection.execute(
            "SELECT current_setting('data_checksums'), datcollate FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
    assert rows == ("on", "C.UTF-8")
