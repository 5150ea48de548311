"""The relay between a real PostgreSQL and a real nats-server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.tables import outbox
from services.instance.nats import Nats
from shared import relay as relay_module
from shared import streams
from shared.background import end
from shared.bus import connect
from shared.db import Database
from shared.leader import plain_url
from shared.outbox import Outgoing, announce, reserve_ids, with_sequence
from shared.relay import Relay, Row, _parts

pytestmark = pytest.mark.timeout(60)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def outgoing(
    outbox_id: int, item: str, version: int, *, stream: str = "RECORD", fill: str = ""
) -> Outgoing:
    """Return one event about *item* as an action would write it."""
    event_id = str(uuid4())
    head = f'{{"specversion":"1.0","id":"{event_id}","source":"/departments/a","type":"t"'
    body = f'{head},"data":{{"item":"{item}","version":{version},"fill":"{fill}"}}}}'
    subject = f"record.a.{item}" if stream == "RECORD" else "outcomes.a.items"
    return Outgoing(
        outbox_id,
        event_id,
        stream,
        subject,
        body.encode(),
        "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    )


async def say(
    session: AsyncSession, *events: tuple[str, int], fill: str = "", stream: str = "RECORD"
) -> list[Outgoing]:
    """Write *events* (item, version) to the outbox in the caller's transaction."""
    ids = await reserve_ids(session, outbox, len(events))
    said = [
        outgoing(i, *event, fill=fill, stream=stream) for i, event in zip(ids, events, strict=True)
    ]
    await announce(session, outbox, said, now=NOW)
    return said


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """Open the catalog's database."""
    opened = Database(database_url, "catalog")
    yield opened
    await opened.close()


@pytest.fixture
async def client(nats_url: str) -> AsyncIterator[Client]:
    """Connect to a server that has the contract's streams."""
    await streams.apply(nats_url)
    opened = await connect(nats_url, name="test")
    yield opened
    await opened.close()


@asynccontextmanager
async def running(database_url: str, nats_url: str) -> AsyncIterator[Relay]:
    """Run a relay."""
    relay = Relay(database_url, nats_url)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        await end(task)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def unsent(db: Database) -> int:
    """Return how many rows the relay has not marked."""
    async with db.sessions() as session:
        return int(
            (
                await session.execute(text("SELECT count(*) FROM catalog.outbox WHERE NOT sent"))
            ).scalar_one()
        )


async def all_sent(db: Database) -> bool:
    """Say whether every row is marked as sent."""
    return await unsent(db) == 0


async def sequences(db: Database) -> list[int | None]:
    """Return the sequences in the order of the outbox."""
    async with db.sessions() as session:
        rows = await session.execute(text("SELECT sequence FROM catalog.outbox ORDER BY outbox_id"))
        return [row[0] for row in rows]


async def stored(client: Client, stream: str = "RECORD") -> list[dict[str, Any]]:
    """Return every event that *stream* holds, in its order."""
    js = client.jetstream()
    state = (await js.stream_info(stream)).state
    messages = [
        await js.get_msg(stream, number)
        for number in range(max(state.first_seq, 1), state.last_seq + 1)
    ]
    return [json.loads(message.data or b"{}") for message in messages]


async def test_sequences_are_gapless_and_in_the_order_of_the_outbox(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """Every record event gets the next number, in the body, in the order of the stream; outcomes get none."""
    async with running(database_url, nats_url):
        for number in range(7):
            async with db.sessions.begin() as session:
                await say(session, *[(f"i{number}", version) for version in range(1, 6)])
                await say(session, ("o", 1), stream="OUTCOMES")
        await until(lambda: all_sent(db))
    events = await stored(client)
    assert [event["data"]["sequence"] for event in events] == list(range(1, 36))
    assert [s for s in await sequences(db) if s is not None] == list(range(1, 36))
    assert all("sequence" not in event["data"] for event in await stored(client, "OUTCOMES"))
    async with db.sessions() as session:
        head = (await session.execute(text("SELECT epoch, sequence FROM catalog.head"))).one()
    assert head.sequence == 35
    assert {event["data"]["epoch"] for event in events} == {str(head.epoch)}


async def test_what_is_sent_is_the_row_with_its_number(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """The sent bytes are those of the outbox with `sequence` and `epoch` put in; headers carry id and trace."""
    async with db.sessions.begin() as session:
        [row] = await say(session, ("x", 1))
        epoch = (await session.execute(text("SELECT epoch FROM catalog.head"))).scalar_one()
    async with running(database_url, nats_url):
        await until(lambda: all_sent(db))
    message = await client.jetstream().get_msg("RECORD", 1)
    assert message.data == with_sequence(row.body, 1, epoch)
    headers = message.headers or {}
    assert headers["Nats-Msg-Id"] == row.event_id
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["traceparent"] == row.traceparent


async def test_a_late_commit_is_sent_late_and_not_skipped(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """A transaction with a lower outbox id that commits later is numbered later; nothing is missing."""
    async with running(database_url, nats_url), db.sessions() as slow:
        transaction = await slow.begin()
        first = await say(slow, ("late", 1), ("late", 2))
        async with db.sessions.begin() as session:
            second = await say(session, ("early", 1), ("early", 2))
        assert first[0].outbox_id < second[0].outbox_id

        async def two_there() -> bool:
            return len(await stored(client)) == 2

        await until(two_there)
        await transaction.commit()
        async with db.sessions.begin() as session:
            await say(session, ("early", 3), ("late", 3))
        await until(lambda: all_sent(db))
    events = [
        (e["data"]["item"], e["data"]["version"], e["data"]["sequence"])
        for e in await stored(client)
    ]
    assert [sequence for _, _, sequence in events] == [1, 2, 3, 4, 5, 6]
    assert [v for item, v, _ in events if item == "late"] == [1, 2, 3]
    assert [v for item, v, _ in events if item == "early"] == [1, 2, 3]
    assert events[:2] == [("early", 1, 1), ("early", 2, 2)]


async def test_nats_may_be_away_when_it_starts(
    db: Database, database_url: str, nats_server: Nats, nats_url: str
) -> None:
    """Without NATS the record is numbered all the same, and sent when the server is there."""
    await streams.apply(nats_url)
    nats_server.stop()
    async with db.sessions.begin() as session:
        await say(session, ("a", 1), ("b", 1))
    async with running(database_url, nats_url):

        async def numbered() -> bool:
            return await sequences(db) == [1, 2]

        await until(numbered)
        assert await unsent(db) == 2
        await asyncio.to_thread(nats_server.start)
        await until(lambda: all_sent(db))
    client = await connect(nats_url, name="test")
    assert [event["data"]["sequence"] for event in await stored(client)] == [1, 2]
    await client.close()


async def test_nats_may_go_away_meanwhile(
    db: Database, database_url: str, nats_server: Nats, nats_url: str
) -> None:
    """What is written while NATS is down is numbered at once and sent once, in order, afterwards."""
    await streams.apply(nats_url)
    async with running(database_url, nats_url):
        async with db.sessions.begin() as session:
            await say(session, ("a", 1))
        await until(lambda: all_sent(db))
        nats_server.stop()
        for version in range(2, 5):
            async with db.sessions.begin() as session:
                await say(session, ("a", version), ("b", version))

        async def numbered() -> bool:
            return await sequences(db) == list(range(1, 8))

        await until(numbered)
        await asyncio.to_thread(nats_server.start)
        await until(lambda: all_sent(db), seconds=40)
    client = await connect(nats_url, name="test")
    assert [event["data"]["sequence"] for event in await stored(client)] == list(range(1, 8))
    await client.close()


@pytest.mark.parametrize("count", [1, 5])
async def test_a_lost_mark_doubles_nothing(
    db: Database, database_url: str, client: Client, nats_url: str, count: int
) -> None:
    """Rows whose mark was lost in a crash are sent again under their id; the stream holds each once."""
    async with running(database_url, nats_url):
        async with db.sessions.begin() as session:
            await say(session, *[("a", version) for version in range(1, count + 1)])
        await until(lambda: all_sent(db))
    async with db.sessions.begin() as session:
        await session.execute(text("UPDATE catalog.outbox SET sent = false"))
        await say(session, ("a", count + 1))
    async with running(database_url, nats_url):
        await until(lambda: all_sent(db))
    assert [e["data"]["sequence"] for e in await stored(client)] == list(range(1, count + 2))
    assert await sequences(db) == list(range(1, count + 2))


async def test_of_two_relays_one_leads_and_the_other_takes_over(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """Two copies number nothing twice; when the leader ends the other goes on."""
    async with running(database_url, nats_url) as second_at_last:
        async with running(database_url, nats_url) as other:

            async def one_leads() -> bool:
                return second_at_last.leading or other.leading

            await until(one_leads)
            for version in range(1, 11):
                async with db.sessions.begin() as session:
                    await say(session, ("a", version))
            await until(lambda: all_sent(db))
            assert [second_at_last.leading, other.leading].count(True) == 1
            assert sorted([second_at_last.sent, other.sent]) == [0, 10]

        async def takes_over() -> bool:
            return second_at_last.leading

        await until(takes_over)
        async with db.sessions.begin() as session:
            await say(session, ("a", 11))
        await until(lambda: all_sent(db))
    assert [e["data"]["sequence"] for e in await stored(client)] == list(range(1, 12))


async def test_a_lost_lock_is_a_lost_leadership(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """When the connection that holds the lock is cut, the relay leads anew and goes on."""
    async with running(database_url, nats_url) as relay:
        async with db.sessions.begin() as session:
            await say(session, ("a", 1))
        await until(lambda: all_sent(db))
        with psycopg.connect(plain_url(database_url), autocommit=True) as operator:
            cut = operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'relay' AND datname = current_database()"
            ).fetchall()
        assert cut == [(True,)]

        async def noticed() -> bool:
            return not relay.leading

        await until(noticed)
        async with db.sessions.begin() as session:
            await say(session, ("a", 2))
        await until(lambda: all_sent(db))
    assert [e["data"]["sequence"] for e in await stored(client)] == [1, 2]


async def test_a_refused_batch_is_sent_one_by_one(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """On a stream that takes no atomic batches everything arrives all the same, in order."""
    js = client.jetstream()
    config: StreamConfig = (await js.stream_info("RECORD")).config
    await js.update_stream(config.evolve(allow_atomic=False))
    async with db.sessions.begin() as session:
        await say(session, *[("a", version) for version in range(1, 9)])
    async with running(database_url, nats_url):
        await until(lambda: all_sent(db))
    assert [e["data"]["sequence"] for e in await stored(client)] == list(range(1, 9))


async def test_a_missing_stream_is_made_again(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """When a whole stream is gone the relay makes it and sends what is new."""
    await client.jetstream().delete_stream("RECORD")
    async with db.sessions.begin() as session:
        await say(session, ("a", 1), ("a", 2))
    async with running(database_url, nats_url):
        await until(lambda: all_sent(db))
    assert [e["data"]["sequence"] for e in await stored(client)] == [1, 2]
    await client.jetstream().consumer_info("RECORD", "publisher")  # raises when it was not made


async def test_huge_events_go_in_parts(
    db: Database, database_url: str, client: Client, nats_url: str
) -> None:
    """Events that are too large together for one batch are parted by bytes, and all arrive in order."""
    async with db.sessions.begin() as session:
        await say(session, *[("a", version) for version in range(1, 5)], fill="文" * 1_200_000)
    async with running(database_url, nats_url):
        await until(lambda: all_sent(db))
    assert [e["data"]["sequence"] for e in await stored(client)] == [1, 2, 3, 4]


def test_parts_keep_order_and_stay_below_the_limit() -> None:
    """No part of several rows is over the limit, a single larger row goes alone, nothing is lost."""
    sizes = [10, relay_module.BATCH_BYTES, 5, 1_000_000, 1_000_000, 7]
    rows = [
        Row(n, str(n), "RECORD", "record.a.b", b"x" * size, None, n) for n, size in enumerate(sizes)
    ]
    parts = _parts(rows)
    assert [row.outbox_id for part in parts for row in part] == list(range(len(sizes)))
    assert all(
        len(part) == 1 or sum(len(r.body) for r in part) <= relay_module.BATCH_BYTES
        for part in parts
    )
    assert len(parts) < len(rows)


def test_sequence_and_epoch_are_the_last_members() -> None:
    """A numbered event is JSON, and `data` ends with `sequence` and `epoch`."""
    epoch = UUID(int=7)
    event = json.loads(with_sequence(outgoing(1, "x", 3, fill="}}").body, 42, epoch))
    assert list(event)[-1] == "data"
    assert list(event["data"].items())[-2:] == [("sequence", 42), ("epoch", str(epoch))]
    assert event["data"]["version"] == 3
