"""The broker loses its store, its bits, its room, its durables; events repeat, poison and stall. The record mends it all.

Each fault runs twice: as it is, and as a control without the defence, which must fail.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg

from services.instance.nats import Nats
from services.search import inbox as search_inbox
from services.search.actions import index_states
from services.search.rules.ask import Ask
from services.search.rules.card import card_of
from shared import bus as bus_module
from shared import streams
from shared.bus import Listener
from tests.faults.disk import grow, run, small_memory_disk
from tests.faults.quarter import Quarter, until

pytestmark = [
    pytest.mark.timeout(120),
    # a connection that was just being made when the test let its services go
    pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
    ),
]

HEALED = 20.0
NEVER = 4.0
SLOW = pytest.mark.slow
GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])


@pytest.fixture
async def quarter(database_url: str, nats_server: Nats, tmp_path: Path) -> AsyncIterator[Quarter]:
    """A catalog and its relay; search is not started yet."""
    made = Quarter(database_url, nats_server.url, tmp_path)
    async with made.running():
        yield made


def without_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the reading of the record feed away."""

    async def nothing(_: Listener, __: int | None) -> int:
        return 0

    monkeypatch.setattr(Listener, "_catch_up", nothing)


async def heals(quarter: Quarter, *, guarded: bool, within: float = HEALED) -> None:
    """Demand that search comes to show the record; of a control, that it does not."""
    if guarded:
        await quarter.equal(within)
        return
    with pytest.raises(TimeoutError):
        await quarter.equal(NEVER)


# --- the store


def _deleted(store: Path, _: Path) -> None:
    shutil.rmtree(store)


def _rolled_back(store: Path, copy: Path) -> None:
    shutil.rmtree(store)
    run("cp", "-a", copy, store)


def _blocks(store: Path) -> list[Path]:
    return sorted(store.rglob("RECORD/msgs/*.blk"))


def _bits_flipped(store: Path, _: Path) -> None:
    for block in _blocks(store):
        content = bytearray(block.read_bytes())
        for place in (len(content) // 4, len(content) // 2, len(content) - 40):
            content[place] ^= 0x10
        block.write_bytes(content)


def _cut_off(store: Path, _: Path) -> None:
    for block in _blocks(store):
        os.truncate(block, block.stat().st_size // 3)


@GUARDED
@pytest.mark.parametrize(
    "damage",
    [
        _deleted,
        pytest.param(_rolled_back, marks=SLOW),
        _bits_flipped,
        pytest.param(_cut_off, marks=SLOW),
    ],
)
async def test_a_damaged_store_loses_nothing(
    quarter: Quarter,
    nats_server: Nats,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path, Path], None],
    guarded: bool,
) -> None:
    """What the broker confirmed and lost is read from the record feed; without the feed it is never shown."""
    if not guarded:
        without_feed(monkeypatch)
    store = nats_server._folder / "jetstream"
    await quarter.push(1, 10)
    await quarter.sent()
    await asyncio.to_thread(nats_server.stop)
    run("cp", "-a", store, tmp_path / "copy")
    await asyncio.to_thread(nats_server.start)
    await quarter.push(11, 30)
    await quarter.sent()
    await asyncio.to_thread(nats_server.stop)
    damage(store, tmp_path / "copy")
    await asyncio.to_thread(nats_server.start)
    async with quarter.searching():
        await quarter.push(31, 31)
        await heals(quarter, guarded=guarded)


@SLOW
@GUARDED
async def test_a_full_disk_of_the_broker_stops_nobody(
    database_url: str,
    server_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """With the broker's disk full items are accepted and shown all the same; with room again the outbox empties."""
    if not guarded:
        without_feed(monkeypatch)
    place = server_folder / f"small{random.randrange(10**9)}"
    with small_memory_disk(place, 6):
        server = Nats(place)
        server.start()
        quarter = Quarter(database_url, server.url, tmp_path)
        async with quarter.running(), quarter.searching() as search:
            search.listener.anti_entropy = 1.0
            noise = "".join(random.Random(1).choices("天地玄黄宇宙洪荒日月盈昃", k=60_000))
            for n in range(60):
                await quarter.push(n, n, summary=None, body={"format": "text", "content": noise})
            assert await quarter.rows("SELECT count(*) FROM catalog.outbox WHERE NOT sent") != [
                (0,)
            ]
            await heals(quarter, guarded=guarded)
            grow(place, 64)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            await quarter.sent(40)
            await quarter.equal(40)
        server.stop()


@SLOW
@GUARDED
async def test_a_broker_that_hangs_or_dies_comes_back(
    quarter: Quarter, nats_server: Nats, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Stopped for a while, then killed and started: everything arrives; a client that does not reconnect misses it."""
    without_feed(monkeypatch)  # by the stream alone
    assert nats_server.pid is not None
    async with quarter.searching() as search:
        await quarter.push(1, 5)
        await quarter.equal(HEALED)
        if not guarded:
            search.listener.bus.client.options["allow_reconnect"] = False
            search.listener.bus._closing = (
                True  # else the process ends, which has a test of its own
            )
        os.kill(nats_server.pid, signal.SIGSTOP)
        await quarter.push(6, 10)
        await asyncio.sleep(1)
        os.kill(nats_server.pid, signal.SIGCONT)
        os.kill(nats_server.pid, signal.SIGKILL)
        await asyncio.to_thread(nats_server.stop)
        await asyncio.to_thread(nats_server.start)
        await quarter.push(11, 15)
        await heals(quarter, guarded=guarded)


@GUARDED
async def test_a_deleted_durable_is_noticed_and_made_again(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Deleted under a running service, the durable is there again within 30 seconds; without the look it is not."""
    without_feed(monkeypatch)
    if not guarded:

        async def nothing(_: Listener) -> None:
            await asyncio.sleep(0.2)

        monkeypatch.setattr(Listener, "_provision", nothing)
    client = await nats.connect(quarter.nats_url)
    async with quarter.searching():
        await quarter.push(1, 5)
        await quarter.equal(HEALED)
        await client.jetstream().delete_consumer("RECORD", "search")
        await quarter.push(6, 10)
        await heals(quarter, guarded=guarded, within=30)
    await client.close()


# --- events


@GUARDED
async def test_events_may_repeat_and_come_in_any_order(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Every event five times, shuffled, also old ones after a withdrawal: the newest version stands, nothing comes back."""
    if not guarded:
        _believe_everything(monkeypatch)
    async with quarter.searching() as search:
        await quarter.push(1, 5)
        await quarter.push(1, 3, change="minor", title="改过的")
        await quarter.withdraw(1)
        await quarter.sent()
        await quarter.equal(HEALED)
        bodies = [body for body in await quarter.said() if b'"item_id"' in body] * 5
        random.Random(8).shuffle(bodies)
        oldest = next(body for body in bodies if b'"version":1,' in body and b'"s1"' in body)
        before = search.listener.events_handled
        await quarter.replayed([*bodies, oldest])

        async def all_handled() -> bool:
            return bool(search.listener.events_handled >= before + len(bodies) + 1)

        await until(all_handled, 30)
        engine = search.shelf.engine
        right = await quarter._equal() and engine.size() == 5 and _hits(search) == 4
        assert right is guarded


def _hits(search: Any) -> int:
    """Return how many items a reader finds."""
    return int(search.shelf.engine.count(Ask()))


def _believe_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the comparison of versions away, in the table and in the index."""

    async def all_of(_: Any, seen: Sequence[Any]) -> list[Any]:
        return list({each.state.item_id: each for each in seen}.values())

    def write(engine: Any, states: Sequence[Any], zone: Any) -> None:
        engine.write([card_of(state, zone) for state in states])

    monkeypatch.setattr(index_states, "_newer", all_of)
    monkeypatch.setattr(index_states, "write_states", write)


@GUARDED
async def test_poison_is_parked_and_holds_up_nothing(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """An event that always fails is tried a few times alone and parked with its bytes; the others are shown at once."""
    monkeypatch.setattr(bus_module, "TRIES", 3 if guarded else 10**6)
    without_feed(monkeypatch)  # which would hand it over as well
    calls = 0
    real = index_states.index_states

    async def poisoned(session: Any, seen: Sequence[Any], **more: Any) -> Any:
        nonlocal calls
        if any("毒" in (each.state.title or "") for each in seen):
            calls += len(seen) == 1
            raise RuntimeError("cannot digest this")
        return await real(session, seen, **more)

    monkeypatch.setattr(search_inbox, "index_states", poisoned)
    async with quarter.searching():
        await quarter.push(1, 3)
        await quarter.push(4, 4, title="毒")
        await quarter.push(5, 8)

        async def others() -> bool:
            return set(await quarter.shown()) == {f"s{n}" for n in (1, 2, 3, 5, 6, 7, 8)}

        await until(others, HEALED)

        async def parked() -> bool:
            rows = await quarter.rows("SELECT tries, convert_from(raw, 'UTF8') FROM search.parked")
            return [row[0] for row in rows] == [3] and "毒" in rows[0][1]

        if not guarded:
            with pytest.raises(TimeoutError):
                await until(parked, NEVER + 3)
            return
        await until(parked, HEALED)
        assert calls == 3
        monkeypatch.setattr(search_inbox, "index_states", real)
        await quarter.push(4, 4, title="药")
        await quarter.equal(HEALED)


@GUARDED
async def test_slow_work_is_not_done_twice(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Work that takes three times the broker's patience is done once, for it says that it goes on; else again."""
    monkeypatch.setattr(streams, "ACK_WAIT", 1.0)
    client = await nats.connect(quarter.nats_url)
    await client.jetstream().delete_consumer("RECORD", "search")
    await client.jetstream().add_consumer("RECORD", streams.consumer_config("search"))
    without_feed(monkeypatch)
    if not guarded:

        async def silent(_: list[Msg]) -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr(bus_module, "_keep_alive", silent)
    handled = 0
    real = index_states.index_states

    async def slow(session: Any, seen: Sequence[Any], **more: Any) -> Any:
        nonlocal handled
        if seen:
            handled += 1
            await asyncio.sleep(3)
        return await real(session, seen, **more)

    monkeypatch.setattr(search_inbox, "index_states", slow)
    async with quarter.searching():
        await quarter.push(1, 1)
        await quarter.equal(HEALED)
        await asyncio.sleep(1.5)
        assert (handled == 1) is guarded
    await client.close()


async def test_a_lost_ack_brings_the_event_again_and_changes_nothing(
    quarter: Quarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When acks do not arrive events come again; they are known by their version, and their visibility is said once."""
    monkeypatch.setattr(streams, "ACK_WAIT", 1.0)
    client = await nats.connect(quarter.nats_url)
    await client.jetstream().delete_consumer("RECORD", "search")
    await client.jetstream().add_consumer("RECORD", streams.consumer_config("search"))
    lost: list[int] = []
    real = Msg.ack

    async def losing(message: Msg) -> None:
        if message.subject.startswith("record.office.") and message.metadata.num_delivered == 1:
            lost.append(message.metadata.sequence.stream)
            return
        await real(message)

    monkeypatch.setattr(Msg, "ack", losing)
    async with quarter.searching() as search:
        await quarter.push(1, 5)
        await quarter.equal(HEALED)

        async def again() -> bool:
            return await search.listener.pending() == 0

        await until(again, HEALED)
        await quarter.equal(5)
        assert len(lost) >= 5
        assert search.listener.events_handled >= 10
    said = [body for body in await quarter.said("EFFECTS") if b'"search"' in body]
    assert len(said) == 5
    await client.close()


async def test_without_a_broker_events_are_only_delayed(
    quarter: Quarter, nats_server: Nats
) -> None:
    """Items are accepted while the broker is away, and shown from the record feed before it is back."""
    async with quarter.searching() as search:
        search.listener.anti_entropy = 0.5
        await quarter.push(1, 2)
        await quarter.equal(HEALED)
        await asyncio.to_thread(nats_server.stop)
        await quarter.push(3, 9)
        await quarter.equal(HEALED)
        await asyncio.to_thread(nats_server.start)
        await quarter.sent()
        await quarter.equal(HEALED)
