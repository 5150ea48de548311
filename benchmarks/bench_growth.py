"""What one more item costs as the site grows: CPU, files written, time to page and hit. Goal: at most 1.2 × the cost at 1,000.

`BENCH_SIZES=1000,10000,100000` goes as far as there is time for; the items are spread over 20 bodies and ten years.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.progress import track
from rich.table import Table

from benchmarks.harness import console, event, folder, item, keep
from benchmarks.running import cpu_seconds, gazette, instance
from services.instance.find import Instance
from shared.events.envelope import BATCH_CONTENT_TYPE

SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "1000,10000").split(",")]
BODIES = [f"body{number:02}" for number in range(20)]
BATCH = 200
MORE = 40
"""Items that are pushed one by one at each size."""
PAUSE = 0.5
"""Seconds between them: each is a change of its own, its lists included."""


def main() -> None:
    """Grow an instance and print what one more item costs at each size."""
    found: dict[int, dict[str, float]] = {}
    with folder() as path, instance(path / "data") as (here, pid):
        keys = {body: _body(path / "data", body) for body in BODIES}
        held = 0
        for size in SIZES:
            asyncio.run(_fill(here, keys, held, size))
            _settled(path / "data", pid)
            found[size] = asyncio.run(
                _more(here, pid, keys[BODIES[0]], size, path / "data" / "site")
            )
            held = size
    _show(found)


def _body(data: Path, code: str) -> str:
    gazette(data, "departments", "add", code, "--history")
    return gazette(data, "departments", "key", code).split()[-1]


def _old(number: int) -> bytes:
    """Return the event of an item of some day of the last ten years."""
    day = date(2026, 11, 20) - timedelta(days=number * 7919 % 3650)
    content: dict[str, Any] = json.loads(event(number, BODIES[number % len(BODIES)], run="old"))
    content["data"] |= {"formed_on": f"{day}", "first_published_on": f"{day}"}
    content["data"]["document_number"] = None
    return json.dumps(content, ensure_ascii=False).encode()


async def _fill(here: Instance, keys: dict[str, str], low: int, high: int) -> None:
    async with httpx.AsyncClient(base_url=here.url, timeout=300, trust_env=False) as http:
        batches = [
            (body, range(start, min(start + BATCH * len(BODIES), high), len(BODIES)))
            for lowest in range(low, high, BATCH * len(BODIES))
            for start, body in enumerate(BODIES, start=lowest)
        ]
        for body, numbers in track(batches, f"{low:,} to {high:,} items", console=console):
            part = [_old(number) for number in numbers]
            if part:
                await _post(http, keys[body], b"[" + b",".join(part) + b"]")


async def _post(http: httpx.AsyncClient, key: str, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": BATCH_CONTENT_TYPE}
    answer = await http.post("/api/events", content=content, headers=headers)
    refused = [r for r in answer.json()["results"] if r["outcome"] != "accepted"]
    if refused:
        raise RuntimeError(f"refused: {refused[0]}")


def _settled(data: Path, pid: int) -> None:
    """Wait until everything is shown and the lists are written: the instance is as quiet as an idle one."""
    gazette(data, "verify", "--wait", "3600")
    quiet = 0
    while quiet < 3:
        before = cpu_seconds(pid)
        time.sleep(5)
        quiet = quiet + 1 if cpu_seconds(pid) - before < 0.75 else 0


async def _more(here: Instance, pid: int, key: str, size: int, site: Path) -> dict[str, float]:
    """Push single items and return what one costs: CPU beyond the idle one, files, median milliseconds."""
    idle_from, idle_began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(10)
    idle = (cpu_seconds(pid) - idle_from) / (time.monotonic() - idle_began)
    began, from_cpu, marked = time.monotonic(), cpu_seconds(pid), time.time()
    sent: dict[str, datetime] = {}
    async with httpx.AsyncClient(base_url=here.url, timeout=60, trust_env=False) as http:
        for number in range(MORE):
            source = f"more-{size}/{number}"
            sent[source] = datetime.now(UTC)
            data = {**item(number), "document_number": None}
            address = f"/api/items/{BODIES[0]}/{source}"
            answer = await http.put(address, json=data, headers={"Authorization": f"Bearer {key}"})
            answer.raise_for_status()
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(20)
        cpu = cpu_seconds(pid) - from_cpu - idle * (time.monotonic() - began)
        delays = {name: await _delays(http, name, sent) for name in ("publisher", "search")}
    return {
        "CPU, ms": cpu * 1000 / MORE,
        "files written": _written_since(site, marked) / MORE,
        "page, ms": statistics.median(delays["publisher"]),
        "hit, ms": statistics.median(delays["search"]),
    }


async def _delays(http: httpx.AsyncClient, service: str, sent: dict[str, datetime]) -> list[float]:
    found = []
    for source, at in sent.items():
        delivery = (await http.get(f"/api/items/{BODIES[0]}/{source}")).json()["delivery"]
        shown = datetime.fromisoformat(delivery[service][0]["since"])
        found.append((shown - at).total_seconds() * 1000)
    return found


def _written_since(site: Path, moment: float) -> int:
    """Return how many files of the site are younger than *moment*; a list written twice counts once."""
    return sum(
        entry.stat(follow_symlinks=False).st_mtime >= moment
        for root, _, names in os.walk(site)
        for name in names
        for entry in [Path(root, name)]
    )


def _show(found: dict[int, dict[str, float]]) -> None:
    first = found[SIZES[0]]
    title = f"One more item, median or mean of {MORE} pushed one by one"
    table = Table("at items", *first, title=title, title_justify="left")
    for size, costs in found.items():
        cells = (f"{value:,.1f} ({value / first[name]:.2f})" for name, value in costs.items())
        table.add_row(f"{size:,}", *cells)
    table.caption = f"in brackets: beside {SIZES[0]:,} items; goal ≤ 1.2"
    console.print(table)
    keep("growth", **{str(size): costs for size, costs in found.items()})


if __name__ == "__main__":
    main()
