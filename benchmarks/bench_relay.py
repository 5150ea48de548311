"""The relay, from committed outbox rows to acked messages, beside windowed publishing of the same bytes.

Both under `sync_interval: always`. Goal: at least 4 times. A window waits for the disk once a message, an atomic batch once
in all: how much quicker it can be is the disk's price of a sync. So the bare batches, without a database, stand beside it.
"""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import nats as client
import psycopg
from nats.aio.client import Client

from benchmarks.harness import PAIRS, event, folder, nats, postgres, show
from shared import streams
from shared.atomic import publish_atomically
from shared.background import end
from shared.leader import plain_url
from shared.outbox import CHANNEL
from shared.relay import BATCH, Relay, Row

COUNT = 2000
WINDOW = 256


async def main() -> None:
    """Run the pairs, interleaved."""
    with folder() as path, postgres(path / "pg") as database, nats(path / "nats") as bus:
        await streams.apply(bus)
        connection = await client.connect(bus)
        await _relay(database, bus, -1)
        ours, bare, raw = [], [], []
        for number in range(PAIRS):
            ours.append(await _relay(database, bus, number))
            bare.append(await _bare(connection, number))
            raw.append(await _window(connection, number))
        await connection.close()
    show(
        f"Bare atomic batches of {BATCH} against a window of {WINDOW} publishes",
        bare,
        raw,
        names=("atomic batches", "nats-py, windowed"),
        goal="the limit",
        unit="events/s",
        kept="relay_limit",
    )
    show(
        f"Relay: {COUNT} outbox rows of 4 KB against a window of {WINDOW} publishes",
        ours,
        raw,
        names=("relay, atomic batches", "nats-py, windowed"),
        goal="≥ 4",
        unit="events/s",
        kept="relay",
    )


async def _relay(database: str, bus: str, run: int) -> float:
    """Start a relay, commit the rows, and time until all are acknowledged."""
    async with await psycopg.AsyncConnection.connect(
        plain_url(database), autocommit=True
    ) as connection:
        rows = [
            (f"r{run}-{n}", "RECORD", f"record.bench.{n}", event(n).decode()) for n in range(COUNT)
        ]
        relay = Relay(database, bus)
        running = asyncio.create_task(relay.run())
        while not relay.leading:
            await asyncio.sleep(0.01)
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO catalog.outbox (event_id, stream, subject, body) VALUES (%s, %s, %s, %s)",
                rows,
            )
            await cursor.execute(f"NOTIFY {CHANNEL}")
        began = time.perf_counter()
        while relay.sent < COUNT:
            await asyncio.sleep(0.005)
        took = time.perf_counter() - began
        await end(running)
    return COUNT / took


async def _bare(connection: Client, run: int) -> float:
    """Publish the same bytes in atomic batches, without a database."""
    rows = [
        Row(n, f"b{run}-{n}", "RECORD", f"record.bench.{n}", event(n), None, None)
        for n in range(COUNT)
    ]
    epoch = uuid4()
    began = time.perf_counter()
    for start in range(0, COUNT, BATCH):
        part = rows[start : start + BATCH]
        messages = (row.message(epoch) for row in part)
        if not await publish_atomically(connection, messages, len(part)):
            raise RuntimeError("the server refused an atomic batch")
    return COUNT / (time.perf_counter() - began)


async def _window(connection: Client, run: int) -> float:
    """Publish the same bytes one by one, with a window of open acks."""
    js = connection.jetstream(publish_async_max_pending=WINDOW)
    payloads = [event(n) for n in range(COUNT)]
    began = time.perf_counter()
    acks = [
        await js.publish_async(
            f"record.bench.{n}", payload, stream="RECORD", headers={"Nats-Msg-Id": f"w{run}-{n}"}
        )
        for n, payload in enumerate(payloads)
    ]
    await asyncio.gather(*acks)
    return COUNT / (time.perf_counter() - began)


if __name__ == "__main__":
    asyncio.run(main())
