"""From push to page and to hit, at 20 events a second with everything running. Goal: p50 ≤ 100 ms, p99 ≤ 500 ms.

Options of `gazette up` may be given: `bench_latency.py --processes`.
The baseline of the same run is a bare publish to JetStream and its ack, under `sync_interval: always`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime

import httpx
import nats as client
from rich.table import Table

from benchmarks.harness import console, event, folder, keep, percentiles
from benchmarks.running import cpu_seconds, gazette, instance
from services.instance.find import Instance

RATE = 20
COUNT = int(os.environ.get("BENCH_EVENTS", "400"))
WARM = 20


async def measure(here: Instance) -> dict[str, list[float]]:
    """Push *COUNT* events at the rate and return, per effect, milliseconds from the push."""
    connection = await client.connect(here.nats_url)
    js = connection.jetstream()
    pushed: dict[str, datetime] = {}
    acked: list[float] = []
    began = time.perf_counter()
    for number in range(WARM + COUNT):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        source = f"lat/{number}"
        pushed[source] = datetime.now(UTC)
        at = time.perf_counter()
        await js.publish("intake.bench.items", event(number, run="lat"), stream="INTAKE")
        acked.append((time.perf_counter() - at) * 1000)
    await asyncio.sleep(3)
    found: dict[str, list[float]] = {
        "ack of JetStream (baseline)": acked[WARM:],
        "page": [],
        "hit": [],
    }
    async with httpx.AsyncClient(base_url=here.url, trust_env=False) as http:
        for number in range(WARM, WARM + COUNT):
            source = f"lat/{number}"
            delivery = (await http.get(f"/api/items/bench/{source}")).json()["delivery"]
            for name, service in (("page", "publisher"), ("hit", "search")):
                seen = datetime.fromisoformat(delivery[service][0]["since"])
                found[name].append((seen - pushed[source]).total_seconds() * 1000)
    await connection.close()
    return found


def main() -> None:
    """Print the percentiles."""
    with folder() as path, instance(path / "data", *sys.argv[1:]) as (here, pid):
        gazette(path / "data", "departments", "add", "bench")
        used = cpu_seconds(pid)
        found = asyncio.run(measure(here))
        used = cpu_seconds(pid) - used
    table = Table(
        "ms from push",
        "p50",
        "p99",
        "max",
        title=f"{COUNT} events at {RATE}/s, everything running",
        title_justify="left",
    )
    for name, values in found.items():
        table.add_row(name, *(f"{value:,.1f}" for value in percentiles(values)))
    share = used / (WARM + COUNT) * 1000
    table.caption = f"goal for page and hit: p50 ≤ 100, p99 ≤ 500; {share:.0f} ms of CPU an event, servers included"
    console.print(table)
    keep("-".join(["latency", *(word.strip("-") for word in sys.argv[1:])]), **found, cpu_ms=share)


if __name__ == "__main__":
    main()
