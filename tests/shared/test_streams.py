"""Making and mending streams on a real server; three nodes have tests of their own in `tests/faults`."""

from __future__ import annotations

import pytest

from shared import streams
from shared.bus import connect

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("nats://a:4222", ["nats://a:4222"]),
        ("nats://a:1,nats://b:2, nats://c:3,", ["nats://a:1", "nats://b:2", "nats://c:3"]),
    ],
)
def test_a_setting_names_one_server_or_a_cluster(setting: str, found: list[str]) -> None:
    """The nodes of a cluster are parted by commas."""
    assert streams.servers(setting) == found


async def test_mending_changes_only_what_differs(nats_url: str) -> None:
    """A second run does nothing; a lost durable is made; the limit that an operator gave the record is kept."""
    assert len(await streams.apply(nats_url)) == len(streams.STREAMS) + len(streams.DURABLES)
    assert await streams.apply(nats_url) == []
    client = await connect(nats_url, name="test")
    js = client.jetstream()
    config = (await js.stream_info("RECORD")).config
    await js.update_stream(config.evolve(max_bytes=10**9, max_age=600.0))
    await js.delete_consumer("RECORD", "search")
    assert await streams.apply_with(client) == [
        "stream RECORD: max_age set as the contract says",
        "durable search made on RECORD",
    ]
    kept = (await js.stream_info("RECORD")).config
    assert (kept.max_bytes, kept.num_replicas) == (10**9, 1)
    await client.close()
