"""What ends a process so that its supervisor starts it again, what a full disk leaves of a page, and late commits."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.instance.nats import Nats
from services.publisher import store as site_store
from services.publisher.store import FolderStore
from shared import streams
from shared.bus import connect
from shared.db import Database
from shared.leader import Connection
from shared.relay import Relay, Row
from tests.faults.disk import grow, small_memory_disk
from tests.shared.test_relay import all_sent, say, stored, until

pytestmark = pytest.mark.timeout(60)
ROOT = Path(__file__).resolve().parents[2]
GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])

CLOSED = """
import asyncio, sys
from shared.bus import Bus
async def main():
    async with Bus(sys.argv[1], name="test") as bus:
        if sys.argv[2] == "control":
            async def nothing(): pass
            bus.client._closed_cb = nothing
        await bus.client._close(2)
        await asyncio.sleep(4)
asyncio.run(main())
"""


@GUARDED
def test_a_connection_that_is_closed_for_good_ends_the_process(
    nats_server: Nats, guarded: bool
) -> None:
    """The process ends with 70 at once, and is started again; without that it would live on, deaf."""
    done = subprocess.run(
        [sys.executable, "-c", CLOSED, nats_server.url, "guarded" if guarded else "control"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode == 70) is guarded, done.stderr


@GUARDED
def test_a_full_disk_leaves_no_half_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """While the site's disk is full the page before stays whole; with room again the new one is written."""
    if not guarded:  # written in its place, as one would without thinking
        monkeypatch.setattr(site_store, "_draft", _written_in_place)
        monkeypatch.setattr(Path, "replace", lambda _, __: None)
    place = tmp_path / "site"
    with small_memory_disk(place, 1):
        site = FolderStore(place)
        site.begin(1)
        site.write(1, {"/a/": b"before " * 1000})
        site.write(1, {"/full/": random.Random(1).randbytes(700_000)})
        after = b"after! " * 60_000
        with pytest.raises(OSError, match="No space"):
            site.write(1, {"/a/": after})
        whole = (place / "trees/1/a/index.html").read_bytes() == b"before " * 1000
        assert whole is guarded
        if guarded:
            grow(place, 16)
            site.write(1, {"/a/": after})
            assert (place / "trees/1/a/index.html").read_bytes() == after
        site.close()


def _written_in_place(place: Path, content: bytes) -> Path:
    place.write_bytes(content)
    return place


class Cursor(Relay):
    """A relay as one would write it without thinking: what is beyond the last id that it has sent."""

    last = 0

    async def _unsent(self, connection: Connection, *, besides: Sequence[Row]) -> list[Row]:
        rows = [
            r for r in await super()._unsent(connection, besides=besides) if r.outbox_id > self.last
        ]
        self.last = max([self.last, *(row.outbox_id for row in rows)])
        return rows


@GUARDED
async def test_a_late_commit_is_not_passed_over(
    database_url: str, nats_server: Nats, guarded: bool
) -> None:
    """What commits after a later id was sent is sent too; a relay with a cursor passes it over for ever."""
    await streams.apply(nats_server.url)
    kind = Relay if guarded else Cursor
    db, client = Database(database_url, "catalog"), await connect(nats_server.url, name="test")
    running = asyncio.create_task(kind(database_url, nats_server.url).run())
    async with db.sessions() as slow:
        transaction = await slow.begin()
        await say(slow, ("late", 1))
        async with db.sessions.begin() as session:
            await say(session, ("early", 1))

        async def one_there() -> bool:
            return len(await stored(client)) == 1

        await until(one_there)
        await transaction.commit()
    if guarded:
        await until(lambda: all_sent(db))
    else:
        await asyncio.sleep(2)
    items = [event["data"]["item"] for event in await stored(client)]
    assert (items == ["early", "late"]) is guarded
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await db.close()
