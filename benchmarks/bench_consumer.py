"""The consumer wrapper (parse, one transaction a batch, position, ack) beside raw nats-py with pydantic.

Goal: at least 0.6.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import nats as client
import uvloop
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.harness import PAIRS, body, folder, nats, postgres, show
from services.publisher.tables import tables
from shared import streams
from shared.bus import Bus, Listener, hears
from shared.db import Database
from shared.events.record import ItemState, parse_record

COUNT = 6000


def record(number: int) -> bytes:
    """Return one record event of about 4 KB."""
    at = datetime.fromisoformat("2026-11-20T09:00:00+08:00")
    state = ItemState.model_validate(
        {
            "item_id": f"00000000-0000-7000-8000-{number:012d}",
            "source_id": str(number),
            "department": {"code": "bench", "names": {"zh-Hans": "测试局"}},
            "version": 1,
            "notice_version": 1,
            "change": "major",
            "history": [{"version": 1, "at": at, "change": "major"}],
            "url": f"/bench/2026/{number}/",
            "published_at": at,
            "updated_at": at,
            "state": "published",
            "title": f"第{number}号通告",
            "catalogue": "notice",
            "body": {"content": f"<p>{body(number)}</p>"},
        }
    )
    data = state.model_dump_json(by_alias=True, exclude_none=True)
    return (
        '{"specversion":"1.0","id":"%s","source":"/departments/bench","type":"org.opengazette.record.published.v1",'
        '"statesha256":"x","data":%s}' % (number, data)
    ).encode()


class Counter:
    """Counts what came."""

    def __init__(self) -> None:
        self.count = 0


@hears("RECORD", durable="publisher", parse=parse_record)
async def handler(
    events: Sequence[Any], session: AsyncSession, now: datetime, *, counter: Counter
) -> None:
    """Do nothing but count: the wrapper is what is measured."""
    counter.count += len(events)


async def main() -> None:
    """Run the pairs, interleaved, each on the same messages."""
    with folder() as path, postgres(path / "pg") as database, nats(path / "nats") as bus:
        await streams.apply(bus)
        connection = await client.connect(bus)
        js = connection.jetstream()
        acks = [
            await js.publish_async(f"record.bench.{n}", record(n), stream="RECORD")
            for n in range(COUNT)
        ]
        await asyncio.gather(*acks)
        ours, raw = [], []
        for _ in range(PAIRS):
            ours.append(await _wrapper(database, bus))
            raw.append(await _raw(bus))
        await connection.close()
    show(
        f"Consumer: {COUNT} record events of 4 KB",
        ours,
        raw,
        names=("shared.bus.Listener", "nats-py fetch(100) + pydantic + ack"),
        goal="≥ 0.6",
        unit="events/s",
        kept="consumer",
    )


async def _again(bus: str) -> None:
    """Make the durable anew, so that everything is delivered again."""
    connection = await client.connect(bus)
    js = connection.jetstream()
    await js.delete_consumer("RECORD", "publisher")
    await js.add_consumer("RECORD", streams.consumer_config("publisher"))
    await connection.close()


async def _wrapper(database: str, bus: str) -> float:
    await _again(bus)
    counter = Counter()
    db = Database(database, "publisher", size=2)
    async with Bus(bus, name="bench") as opened:
        began = time.perf_counter()
        async with Listener(opened, handler, db, tables, resources={"counter": counter}):
            while counter.count < COUNT:
                await asyncio.sleep(0.002)
            took = time.perf_counter() - began
    await db.close()
    return COUNT / took


async def _raw(bus: str) -> float:
    await _again(bus)
    connection = await client.connect(bus)
    js = connection.jetstream()
    subscription = await js.pull_subscribe_bind("publisher", "RECORD")
    count = 0
    began = time.perf_counter()
    while count < COUNT:
        for message in await subscription.fetch(100, timeout=5):
            parse_record(message.data)
            await message.ack()
            count += 1
    took = time.perf_counter() - began
    await connection.close()
    return COUNT / took


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
