"""HTTP batch intake, from request to commit, beside raw batched inserts of the same rows. Goal: at least 0.35.

A department's system sends one batch after the other, several systems send at once: both are measured. The systems
are a process of their own, as they are in a government; the raw inserts have this one to themselves.
"""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import httpx
import psycopg
import uvicorn
import uvloop

from benchmarks.harness import PAIRS, event, folder, postgres, show, timed
from services.catalog.actions.add_department import NewDepartment, add_department
from services.catalog.actions.issue_key import issue_key
from services.catalog.app import create_app
from services.catalog.settings import Settings
from shared import memory
from shared.db import Database
from shared.events.envelope import BATCH_CONTENT_TYPE
from shared.leader import plain_url

COUNT = 1000
BATCH = 100
SYSTEMS = 2
COPIED = ("outbox", "item", "version", "receipt")


async def main() -> None:
    """Run the pairs, interleaved, on one fresh server."""
    with folder() as path, postgres(path) as url:
        settings = Settings(
            database_url=url, nats_url="nats://127.0.0.1:1", blobs_url=path / "blobs"
        )
        key = await _department(url)
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings), port=0, log_level="error", lifespan="on")
        )
        memory.spare_what_is_loaded()
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": BATCH_CONTENT_TYPE}
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as systems:

            async def sent(run: str, at_once: int) -> float:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(systems, _send, port, headers, run, at_once)

            await sent("warm", 1)
            alone, ours, raw = [], [], []
            for number in range(PAIRS):
                alone.append(await sent(f"alone{number}", 1))
                ours.append(await sent(f"run{number}", SYSTEMS))
                rows = await _rows(url, f"run{number}")
                raw.append(await timed(lambda rows=rows: _insert(url, rows)))  # type: ignore[misc]
        server.should_exit = True
        await serving
    for way, kept, rates in (
        ("one after the other", "intake_one", alone),
        (f"{SYSTEMS} at once", "intake", ours),
    ):
        show(
            f"Intake: HTTP batches of {BATCH}, {way}, against raw inserts of the same rows",
            rates,
            raw,
            names=("POST /api/events", "psycopg executemany"),
            goal="≥ 0.35",
            unit="items/s",
            kept=kept,
        )


async def _department(url: str) -> str:
    from datetime import UTC, datetime

    db = Database(url, "catalog", size=1)
    async with db.sessions.begin() as session:
        await add_department(session, NewDepartment(code="bench"), now=datetime.now(UTC))
        key = await issue_key(session, "bench", now=datetime.now(UTC))
    await db.close()
    return key


def _batches(run: str) -> list[bytes]:
    events = [event(number, run=run) for number in range(COUNT)]
    return [
        b"[" + b",".join(events[start : start + BATCH]) + b"]" for start in range(0, COUNT, BATCH)
    ]


def _send(port: int, headers: dict[str, str], run: str, at_once: int) -> float:
    """Send the batches of *run*, *at_once* under way at a time; return items per second. Runs in a process of its own."""
    return uvloop.run(_sent(port, headers, _batches(run), at_once))


async def _sent(port: int, headers: dict[str, str], batches: list[bytes], at_once: int) -> float:
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120)

    async def send(part: list[bytes]) -> int:
        for batch in part:
            answer = await client.post("/api/events", content=batch)
            assert all(r["outcome"] == "accepted" for r in answer.json()["results"])
        return len(part) * BATCH

    async def all_sent() -> int:
        return sum(
            await asyncio.gather(*(send(batches[start::at_once]) for start in range(at_once)))
        )

    async with client:
        return await timed(all_sent)


async def _rows(url: str, run: str) -> dict[str, list[tuple[Any, ...]]]:
    """Read the rows that the run wrote, table by table, as the raw insert will write them."""
    rows = {}
    async with await psycopg.AsyncConnection.connect(plain_url(url)) as connection:
        await connection.execute("DROP SCHEMA IF EXISTS raw CASCADE; CREATE SCHEMA raw")
        for table in COPIED:
            await connection.execute(
                f"CREATE TABLE raw.{table} (LIKE catalog.{table} INCLUDING ALL)"
            )
        where = {
            "item": f"source_id LIKE '{run}/%'",
            "receipt": f"event_id LIKE '{run}-%'",
            "version": f"item_id IN (SELECT item_id FROM catalog.item WHERE source_id LIKE '{run}/%')",
            "outbox": f'body LIKE \'%"subject":"{run}/%\'',
        }
        for table in COPIED:
            cursor = await connection.execute(f"SELECT * FROM catalog.{table} WHERE {where[table]}")
            rows[table] = [
                tuple(json.dumps(v) if isinstance(v, (dict, list)) else v for v in r)
                for r in await cursor.fetchall()
            ]
    return rows


async def _insert(url: str, rows: dict[str, list[tuple[Any, ...]]]) -> int:
    """Insert the same rows with executemany, a transaction per 100 items."""
    parts = COUNT // BATCH
    async with await psycopg.AsyncConnection.connect(plain_url(url)) as connection:
        for part in range(parts):
            async with connection.transaction(), connection.cursor() as cursor:
                for table in COPIED:
                    share = rows[table][
                        part * len(rows[table]) // parts : (part + 1) * len(rows[table]) // parts
                    ]
                    marks = ", ".join(["%s"] * len(share[0]))
                    await cursor.executemany(
                        f"INSERT INTO raw.{table} OVERRIDING SYSTEM VALUE VALUES ({marks})", share
                    )
    return COUNT


if __name__ == "__main__":
    uvloop.run(main())
