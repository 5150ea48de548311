"""The consumer wrapper on a real nats-server and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.tables import tables
from shared import streams
from shared.bus import Bus, Listener, Permanent, hears
from shared.db import Database
from shared.events.effects import VisibleEvent, visible

pytestmark = pytest.mark.timeout(60)


class Heard:
    """What a handler was given, and how it should behave."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.fail: dict[str, int] = {}
        self.bound: list[dict[str, Any]] = []
        """What log lines bore while a batch was handled."""

    @property
    def ids(self) -> list[str]:
        return [event["id"] for batch in self.batches for event in batch]


@hears("RECORD", durable="search", parse=from_json)
async def handler(
    events: Sequence[Any], session: AsyncSession, now: datetime, *, heard: Heard
) -> None:
    """Note what comes; fail as told."""
    assert now.tzinfo is not None
    for event in events:
        if heard.fail.get(event["id"], 0) > 0:
            heard.fail[event["id"]] -= 1
            raise RuntimeError("as told")
        if event["id"] == "permanent":
            raise Permanent("can never be")
    await session.execute(text("SELECT 1"))
    heard.batches.append(list(events))
    heard.bound.append(structlog.contextvars.get_contextvars())


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    """An open bus with the contract's streams."""
    await streams.apply(nats_url)
    async with Bus(nats_url, name="test") as opened:
        yield opened


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The database of the service under test."""
    opened = Database(database_url, "catalog")
    yield opened
    await opened.close()


async def publish(js: JetStreamContext, name: str, body: bytes | None = None) -> None:
    await js.publish("record.a.x", body or f'{{"id": "{name}"}}'.encode(), stream="RECORD")


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)


async def parked(db: Database) -> list[Any]:
    async with db.sessions() as session:
        return list(
            (await session.execute(text("SELECT * FROM catalog.parked ORDER BY parked_id"))).all()
        )


async def test_what_has_gathered_comes_as_one_batch_in_order(bus: Bus, db: Database) -> None:
    """Events that wait are handed over in one transaction, in the stream's order, and acked."""
    for number in range(50):
        await publish(bus.js, str(number))
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}) as listener:
        await until(lambda: len(heard.ids) == 50)
        assert heard.ids == [str(number) for number in range(50)]
        assert len(heard.batches) < 10
        await until(lambda: _none_pending(listener))


async def _none_pending(listener: Listener) -> bool:
    return await listener.pending() == 0


async def test_an_event_comes_at_once_and_not_when_a_batch_is_full(bus: Bus, db: Database) -> None:
    """A single event is handled without waiting for others."""
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        await asyncio.sleep(0.3)
        await publish(bus.js, "alone")
        await until(lambda: heard.ids == ["alone"], seconds=3)


@hears("RECORD", durable="search", parse=from_json, pace=0.4)
async def unhurried(
    events: Sequence[Any], session: AsyncSession, now: datetime, *, heard: Heard
) -> None:
    """Note what comes, in few transactions."""
    await handler(events, session, now, heard=heard)


async def test_what_nobody_waits_for_comes_in_fewer_transactions(bus: Bus, db: Database) -> None:
    """With a pace, one event is handled at once, and those that follow it closely are handled together."""
    heard = Heard()
    async with Listener(bus, unhurried, db, tables, resources={"heard": heard}):
        await asyncio.sleep(0.3)
        await publish(bus.js, "first")
        await until(lambda: heard.ids == ["first"], seconds=3)
        for number in range(10):
            await publish(bus.js, str(number))
            await asyncio.sleep(0.005)
        await until(lambda: len(heard.ids) == 11)
    assert heard.ids == ["first", *map(str, range(10))]
    assert len(heard.batches) <= 3


async def test_only_the_culprit_of_a_batch_waits(bus: Bus, db: Database) -> None:
    """When a batch fails each event is tried alone; the failing one comes again later."""
    heard = Heard()
    heard.fail = {"3": 2}
    for number in range(6):
        await publish(bus.js, str(number))
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        await until(lambda: set(heard.ids) == {"0", "1", "2", "3", "4", "5"})
    assert heard.ids[-1] == "3"
    assert await parked(db) == []


async def test_what_can_never_be_processed_is_parked_with_its_bytes(bus: Bus, db: Database) -> None:
    """Unreadable and impossible events are parked at once and said on PARKED; the rest goes on."""
    await publish(bus.js, "", b"\xff not json")
    await publish(bus.js, "permanent")
    await publish(bus.js, "good")
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}) as listener:
        await until(lambda: heard.ids == ["good"])
        await until(lambda: _none_pending(listener))
    rows = await parked(db)
    assert [bytes(row.raw) for row in rows] == [b"\xff not json", b'{"id": "permanent"}']
    assert rows[1].reason == "can never be"
    said = await bus.js.get_last_msg("PARKED", "parked.search")
    assert from_json(said.data or b"{}")["data"]["parked_id"] == rows[1].parked_id


async def test_log_lines_bear_the_trace_of_what_is_handled(bus: Bus, db: Database) -> None:
    """One trace in a batch is bound as `trace_id`, several as `trace_ids`; an event without a valid one binds nothing."""
    traces = [f"{number:032x}" for number in (1, 2)]
    headers = [{"traceparent": f"00-{trace}-{1:016x}-01"} for trace in traces]
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        for header in (headers[0], {"traceparent": "forged\u2028"}):
            await bus.js.publish("record.a.x", b'{"id": "x"}', stream="RECORD", headers=header)
            count = len(heard.bound) + 1
            await until(lambda count=count: len(heard.bound) == count)  # type: ignore[misc]
        assert heard.bound == [{"trace_id": traces[0]}, {}]
    heard.bound.clear()
    for header in headers:
        await bus.js.publish("record.a.x", b'{"id": "x"}', stream="RECORD", headers=header)
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        await until(lambda: len(heard.ids) == 4)
    assert heard.bound == [{"trace_ids": traces}]


async def test_an_ear_that_cannot_park_is_not_deaf(bus: Bus, db: Database) -> None:
    """When the row of a parked event cannot be stored, the listener goes on with what comes after."""
    async with db.sessions.begin() as session:
        await session.execute(text("ALTER TABLE catalog.parked RENAME TO away"))
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        await publish(bus.js, "", b"\xff not json")
        await asyncio.sleep(1)
        await publish(bus.js, "good")
        await until(lambda: heard.ids == ["good"])
        async with db.sessions.begin() as session:
            await session.execute(text("ALTER TABLE catalog.away RENAME TO parked"))
        await until(lambda: _parked_one(db))


async def _parked_one(db: Database) -> bool:
    return len(await parked(db)) == 1


async def test_a_vanished_durable_is_made_again(bus: Bus, db: Database) -> None:
    """Deleting the durable under a running listener only delays it."""
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        await publish(bus.js, "before")
        await until(lambda: heard.ids == ["before"])
        await bus.js.delete_consumer("RECORD", "search")
        await publish(bus.js, "after")
        await until(lambda: "after" in heard.ids, seconds=30)


async def test_a_vanished_stream_is_made_again(bus: Bus, db: Database) -> None:
    """Deleting the stream under a running listener only delays what is published later."""
    heard = Heard()
    async with Listener(bus, handler, db, tables, resources={"heard": heard}):
        await publish(bus.js, "before")
        await until(lambda: heard.ids == ["before"])
        await bus.js.delete_stream("RECORD")
        await until(lambda: _has_stream(bus), seconds=30)
        await publish(bus.js, "after")
        await until(lambda: "after" in heard.ids, seconds=30)


async def _has_stream(bus: Bus) -> bool:
    try:
        await bus.js.consumer_info("RECORD", "search")
    except NotFoundError:
        return False
    return True


def _seen(version: int) -> VisibleEvent:
    item = UUID(int=7)
    return visible("publisher", item, version, department="news", at=datetime.now(UTC))


async def _effects(bus: Bus) -> int:
    return (await bus.js.stream_info("EFFECTS")).state.messages


async def test_what_became_visible_together_is_said_in_one_batch(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each effect stands on the stream once, and none is published by itself."""
    monkeypatch.setattr(Bus, "say", None)
    await bus.say_visible([_seen(version) for version in range(1, 41)])
    assert await _effects(bus) == 40


async def test_effects_that_were_said_before_hold_up_no_others(bus: Bus) -> None:
    """A repeated effect is dropped by the server, those beside it in the batch are stored."""
    first = _seen(1)
    await bus.say_visible([first])
    await bus.say_visible([first, _seen(2), _seen(3)])
    await bus.say_visible([])
    assert await _effects(bus) == 3


async def test_effects_without_a_server_are_given_up_in_seconds(bus: Bus) -> None:
    """The pages are there; the catalog reads of them where it asks."""
    await bus.js.delete_stream("EFFECTS")
    async with asyncio.timeout(20):
        await bus.say_visible([_seen(1), _seen(2)])
