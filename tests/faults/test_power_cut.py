"""Power cuts: what was confirmed is on the disk. Each control run leaves the syncing out, and must lose."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import nats
import psycopg
import pytest

from services.instance import nats as nats_server
from services.instance import postgres as postgres_server
from services.instance.children import ServerFailed
from services.instance.nats import Nats
from services.instance.postgres import Postgres
from services.publisher import store as site_store
from services.publisher.store import FolderStore
from shared import streams
from shared.db import migrate
from shared.leader import plain_url
from tests.faults.conftest import Say, number
from tests.faults.disk import Disk, disk, kill_all_of
from tests.faults.load import Load
from tests.faults.mails import Mails
from tests.faults.town import Town

pytestmark = pytest.mark.timeout(180)

EVENTS = 200
SYNCED = pytest.mark.parametrize("synced", [True, False], ids=["synced", "control"])


@pytest.fixture
def drive(server_folder: Path) -> Iterator[Disk]:
    """A disk of 600 MB that holds only what is written."""
    folder = server_folder / f"power{random.randrange(10**9)}"
    folder.mkdir(mode=0o755)
    with disk(folder, 600) as made:
        yield made


def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the servers confirm what they have not synced, as their defaults or a thoughtless setting would."""
    settings = Nats._settings
    monkeypatch.setattr(
        Nats,
        "_settings",
        lambda self, port: settings(self, port).replace(
            "sync_interval: always", "sync_interval: 2m"
        ),
    )
    monkeypatch.setattr(nats_server, "demand_durability", lambda _: None)
    monkeypatch.setitem(postgres_server.SETTINGS, "fsync", "off")


@SYNCED
async def test_what_the_broker_confirmed_survives(
    drive: Disk, monkeypatch: pytest.MonkeyPatch, synced: bool
) -> None:
    """Of 200 events with a PubAck none is lost by a power cut; with the server's own default they are."""
    if not synced:
        careless(monkeypatch)
    server = Nats(drive.place)
    server.start()
    await streams.apply(server.url)
    await asyncio.to_thread(_sync_streams)
    connection = await nats.connect(server.url, allow_reconnect=False)
    acks = [
        await connection.jetstream().publish("intake.a.items", b"%d" % n, stream="INTAKE")
        for n in range(EVENTS)
    ]
    kill_all_of("nats-server", drive.place)
    server.stop()
    drive.cut()
    await asyncio.to_thread(server.start)
    again = await nats.connect(server.url)
    state = (await again.jetstream().stream_info("INTAKE")).state
    await again.close()
    await connection.close()
    server.stop()
    assert acks[-1].seq == EVENTS
    assert (state.messages == EVENTS) is synced


def _sync_streams() -> None:
    """Let the streams themselves be on the disk, so that the control loses events and not all."""
    os.sync()


@pytest.mark.slow
@SYNCED
def test_what_the_record_confirmed_survives(
    drive: Disk, monkeypatch: pytest.MonkeyPatch, synced: bool
) -> None:
    """Of 200 commits none is lost by a power cut; with fsync off the database loses them, or does not start."""
    if not synced:
        careless(monkeypatch)
    server = Postgres(drive.place)
    url = plain_url(server.start())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE item (n int)")
        connection.execute("CHECKPOINT")
        for n in range(EVENTS):
            connection.execute("INSERT INTO item VALUES (%s)", [n])
        kill_all_of("postgres", drive.place)
    server.stop()
    drive.cut()
    assert (_rows(server) == EVENTS) is synced


def _rows(server: Postgres) -> int:
    """Return how many rows the database has after the power cut; none when it does not start."""
    try:
        url = plain_url(server.start())
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(*) FROM item").fetchone()
        return int(row[0]) if row else 0
    except (ServerFailed, psycopg.Error):
        return 0
    finally:
        server.stop()


@SYNCED
def test_what_the_site_confirmed_survives(
    drive: Disk, monkeypatch: pytest.MonkeyPatch, synced: bool
) -> None:
    """Pages whose writing was confirmed are whole after a power cut, none is empty; without fsync they are not."""
    if not synced:
        monkeypatch.setattr(site_store, "_sync_one", lambda _: None)
        monkeypatch.setattr(site_store, "_sync_file_system", lambda _: True)
    site = FolderStore(drive.place / "site")
    site.begin(1)
    written: dict[str, bytes] = {}
    for n in range(20):
        pages = {f"/a/2026/{n}-{m}/": f"<p>{n} {m}</p>".encode() * 50 for m in range(n % 12 + 1)}
        site.write(1, dict(pages))
        written |= pages
    site.serve(1)
    site.close()
    drive.cut()
    place = drive.place / "site" / "current"
    whole = sum(
        _holds(place / f"{path[1:]}index.html", content) for path, content in written.items()
    )
    assert (whole == len(written)) is synced


def _holds(place: Path, content: bytes) -> bool:
    return place.is_file() and place.read_bytes() == content


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_many_power_cuts(drive: Disk, tmp_path: Path, mails: Mails, say: Say) -> None:
    """Ten power cuts of everything (record, broker, site, index) under load: 0 accepted lost or doubled, equal in 60 s."""
    cuts, seed = number("CUTS", 10), number("SEED", random.randrange(10**6))
    say(f"GAZETTE_FAULT_SEED={seed}")
    chance = random.Random(seed)
    database, broker = Postgres(drive.place), Nats(drive.place)
    migrate(database.start(), ["catalog", "publisher", "search", "notifier"])
    town = Town(drive.place / "town", database.url, broker.start(), mails.url)
    load = Load(town, seed, size=10, pause=0.05)
    for code in ("news", "moving", "wire"):
        await town.department(code)
    load.begin()
    longest = 0.0
    try:
        for _ in range(cuts):
            before = load.accepted
            town.start()
            await town.ready(90)
            while load.accepted < before + chance.randint(20, 120):
                await asyncio.sleep(0.05)
            town.kill()
            kill_all_of("postgres", drive.place)
            kill_all_of("nats-server", drive.place)
            database.stop()
            broker.stop()
            await asyncio.to_thread(drive.cut)
            await asyncio.to_thread(database.start)
            await asyncio.to_thread(broker.start)
        town.start()
        await load.end()
        longest = await town.equal(60, items=len(load.ledger))
        load.judge()
    finally:
        load.cancel()
        town.kill()
        broker.stop()
        database.stop()
    say(
        f"seed {seed}: {cuts} power cuts, {load.accepted} accepted, {len(load.ledger)} items: "
        f"0 lost, 0 doubled; equal {longest:.0f} s after the last start"
    )
