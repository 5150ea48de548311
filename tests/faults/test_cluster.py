"""Three NATS nodes: streams have three copies, and one node may be lost under load."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from shared import streams
from shared.bus import connect
from tests.faults.cluster import Cluster, cluster
from tests.faults.conftest import Say
from tests.faults.load import Load
from tests.faults.mails import Mails
from tests.faults.town import Town

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow, pytest.mark.long]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes."""
    with cluster(tmp_path / "cluster") as made:
        yield made


async def applied(three: Cluster, replicas: int | None = None) -> list[str]:
    """Make the streams, once the cluster has a leader."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await streams.apply(three.url, replicas=replicas)
            except (NatsError, asyncio.TimeoutError):
                await asyncio.sleep(0.2)


async def leader(three: Cluster, stream: str) -> str:
    """Return the node that leads *stream*, once one does."""
    client = await connect(three.url, name="test")
    found: str | None = None
    async with asyncio.timeout(60):
        while not found:
            with suppress(NatsError, asyncio.TimeoutError):
                info = await client.jetstream(timeout=2).stream_info(stream)
                found = info.cluster.leader if info.cluster else None
            await asyncio.sleep(0.1)
    await client.close()
    return found or ""


async def copies(js: JetStreamContext) -> Counter[int]:
    """Return how many streams have how many copies."""
    return Counter(
        [(await js.stream_info(stream.name)).config.num_replicas or 0 for stream in streams.STREAMS]
    )


async def test_streams_have_three_copies_and_keep_them(three: Cluster) -> None:
    """Nothing need be said: three nodes, three copies; a service that mends while a node is away takes none."""
    await applied(three)
    three.nodes["node0"].kill()
    client = await connect(three.url, name="test")
    said: list[str] = []
    async with asyncio.timeout(60):
        while not said:
            with suppress(NotFoundError, NatsError, asyncio.TimeoutError):
                await client.jetstream().delete_consumer("RECORD", "search")
            with suppress(NatsError, asyncio.TimeoutError):
                said = await streams.apply_with(client)
    assert said == ["durable search made on RECORD"]
    assert await copies(client.jetstream()) == {3: len(streams.STREAMS)}
    await client.close()


async def test_one_copy_is_lost_with_its_node(three: Cluster) -> None:
    """The control: with one copy the stream is away as long as its node is."""
    await applied(three, replicas=1)
    three.nodes[await leader(three, "INTAKE")].kill()
    client = await connect(three.url, name="test")
    js = client.jetstream()
    for _ in range(5):
        with pytest.raises((NatsError, asyncio.TimeoutError)):
            await js.publish("intake.a.items", b"x", stream="INTAKE", timeout=2)
    await client.close()


async def test_a_node_may_be_lost_under_load(
    tmp_path: Path, database_url: str, three: Cluster, mails: Mails, say: Say
) -> None:
    """The node that leads the record is killed under load, and later another: nothing lost, nothing doubled."""
    await applied(three)
    town = Town(tmp_path / "town", database_url, three.url, mails.url)
    load = Load(town, 3, size=5, pause=0.05)
    for code in ("news", "moving", "wire"):
        await town.department(code)
    town.start()
    try:
        await town.ready()
        await town.subscriber("reader@example.org", "news")
        load.begin()
        for stream in ("RECORD", "INTAKE"):
            await _gone_on(load, 60)
            lost = three.nodes[await leader(three, stream)]
            lost.kill()
            await _gone_on(load, 100)
            lost.launch()
        await load.end()
        seconds = await town.equal(60, items=len(load.ledger))
        load.judge()
        told = mails.told()
        assert max(told.values()) == 1
    finally:
        load.cancel()
        town.kill()
    say(
        f"2 of 3 nodes killed one after the other under load: {load.accepted} accepted, {len(load.ledger)} items, "
        f"{len(told)} notices: 0 lost, 0 doubled; equal after {seconds:.0f} s"
    )


async def _gone_on(load: Load, number: int) -> None:
    """Wait until so many more were accepted."""
    goal = load.accepted + number
    async with asyncio.timeout(90):
        while load.accepted < goal:
            await asyncio.sleep(0.05)
