"""Memory of `gazette up` with 836 items, embedded servers included (sum of PSS). Goal: at most 500 MiB."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import httpx
from rich.table import Table

from benchmarks.harness import console, event, folder, keep
from benchmarks.running import gazette, instance, pss_megabytes
from shared.events.envelope import BATCH_CONTENT_TYPE

COUNT = 836
LINES = os.environ.get("BENCH_LINES")
"""Folder with the lines of real documents (see `as_intake.py`); else made-up items of 4 KB."""


async def _fill(url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": BATCH_CONTENT_TYPE}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=120, trust_env=False
    ) as http:
        for start in range(0, COUNT, 100):
            part = [event(n, run="mem") for n in range(start, min(start + 100, COUNT))]
            (
                await http.post("/api/events", content=b"[" + b",".join(part) + b"]")
            ).raise_for_status()


def main() -> None:
    """Fill an instance, wait until all is equal, and print who holds what."""
    with folder() as path, instance(path / "data") as (here, pid):
        data = path / "data"
        if LINES:
            files = sorted(str(file) for file in Path(LINES).glob("*.jsonl"))
            for file in files:
                gazette(data, "departments", "add", Path(file).stem)
            gazette(data, "push", *files)
        else:
            gazette(data, "departments", "add", "bench")
            asyncio.run(_fill(here.url, gazette(data, "departments", "key", "bench").split()[-1]))
        gazette(data, "verify", "--wait", "120")
        time.sleep(20)  # what a load has left over is given back by then
        sizes = pss_megabytes(pid)
    table = Table("program", "PSS, MiB", title=f"Memory with {COUNT} items", title_justify="left")
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        table.add_row(name, f"{size:,.0f}")
    table.add_row("all — goal ≤ 500", f"{sum(sizes.values()):,.0f}")
    console.print(table)
    keep("memory", items=COUNT, **sizes)


if __name__ == "__main__":
    main()
