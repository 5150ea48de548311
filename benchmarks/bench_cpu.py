"""CPU of one published item, all processes: pushed in batches of 50, until its page, its lists and its hit are there.

Goal: at most a tenth of Wagtail's publish in its best configuration, measured in the same run by `peer_wagtail.py` with the Python
that `WAGTAIL_PYTHON` names (Wagtail 8.0.1 was used). Wagtail's page is served from the database and not found by search then.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

import httpx
from rich.table import Table

from benchmarks.harness import console, event, folder, keep, row
from benchmarks.running import cpu_by_program, cpu_seconds, gazette, instance
from shared.events.envelope import BATCH_CONTENT_TYPE

COUNT = int(os.environ.get("BENCH_EVENTS", "1000"))
BATCH = 50
RUNS = 3
PYTHON = os.environ.get("WAGTAIL_PYTHON")


def main() -> None:
    """Push the items to a running instance, run Wagtail beside, and print what one costs."""
    ours: list[float] = []
    shares: dict[str, float] = {}
    theirs: list[float] = []
    with folder() as path, instance(path / "data") as (here, pid):
        data = path / "data"
        gazette(data, "departments", "add", "bench")
        key = gazette(data, "departments", "key", "bench").split()[-1]
        asyncio.run(_push(here.url, key, "warm", 100))
        idle = _idle(data, pid)
        for run in range(RUNS):
            before, began, at = cpu_by_program(pid), time.monotonic(), cpu_seconds(pid)
            asyncio.run(_push(here.url, key, f"run{run}", COUNT))
            _quiet(data, pid, idle)
            passed = time.monotonic() - began
            ours.append((cpu_seconds(pid) - at - idle * passed) * 1000 / COUNT)
            after = cpu_by_program(pid)
            shares = {k: (v - before.get(k, 0.0)) * 1000 / COUNT for k, v in after.items()}
            if PYTHON:
                theirs.append(_wagtail(path / f"wagtail{run}"))
    _show(ours, theirs, shares)


async def _push(url: str, key: str, run: str, count: int) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": BATCH_CONTENT_TYPE}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=120, trust_env=False
    ) as http:
        for start in range(0, count, BATCH):
            part = [event(n, run=run) for n in range(start, min(start + BATCH, count))]
            answer = await http.post("/api/events", content=b"[" + b",".join(part) + b"]")
            answer.raise_for_status()


def _idle(data: Path, pid: int) -> float:
    """Return the CPU seconds a second of the instance when nothing happens."""
    gazette(data, "verify", "--wait", "120")
    time.sleep(15)
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(10)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def _quiet(data: Path, pid: int, idle: float) -> None:
    """Wait until everything is shown and the lists are written too."""
    gazette(data, "verify", "--wait", "300")
    quiet = 0
    while quiet < 3:
        before = cpu_seconds(pid)
        time.sleep(2)
        quiet = quiet + 1 if cpu_seconds(pid) - before < 2 * idle + 0.1 else 0


def _wagtail(path: Path) -> float:
    """Return the CPU milliseconds of one page."""
    path.mkdir()
    script = Path(__file__).with_name("peer_wagtail.py")
    command = [str(PYTHON), str(script), str(path), str(min(COUNT, 500))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["cpu_ms"])


def _show(ours: list[float], theirs: list[float], shares: dict[str, float]) -> None:
    title = f"CPU of one item, ms; {COUNT} in batches of {BATCH}"
    table = Table("", "min", "median", "max", title=title, title_justify="left")
    table.add_row("item: page, lists, hit", *row(ours, "{:,.2f}"))
    if theirs:
        table.add_row("Wagtail: create, save, publish", *row(theirs, "{:,.2f}"))
        table.add_row(
            "ratio — goal ≤ 0.1",
            *row([a / b for a, b in zip(ours, theirs, strict=True)], "{:,.2f}"),
        )
    parts = ", ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items()))
    table.caption = f"of the last run, idle time included: {parts}"
    console.print(table)
    keep("cpu", ours=ours, wagtail=theirs, shares=shares)


if __name__ == "__main__":
    main()
