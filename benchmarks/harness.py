"""What the benchmarks share: throw-away servers, believable items, interleaved pairs, a table of figures."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from services.instance.nats import Nats
from services.instance.postgres import Postgres
from shared.db import migrate

RESULTS = os.environ.get("BENCH_RESULTS")
"""Folder that keeps the figures of a run, for `plots.py`."""
PAIRS = int(os.environ.get("BENCH_PAIRS", "5"))
SERVICES = ["catalog", "publisher", "search", "notifier"]
_WORDS = "石桥青禾道路封闭施工绕行车辆通告群众养老补贴学区划分预算公开卫生检查项目验收招聘公示住房保障征收补偿农田水利气象预警"

SLOW_FILES = 100.0
"""CPU microseconds of making a file from which on the file system is named as the reason of a figure."""
_conditions: dict[str, float] = {}
"""What else a figure depends on, kept beside it."""

console = Console(width=110)


@contextmanager
def folder() -> Iterator[Path]:
    """Give a fresh folder, below `TMPDIR`, that the servers' own user may traverse, and remove it."""
    path = Path(tempfile.mkdtemp(prefix="gazette-bench-"))
    path.chmod(0o755)
    _conditions["file_us"] = cost = _cost_of_a_file(path / "files")
    if cost > SLOW_FILES:
        console.print(
            f"Making a file costs {cost:.0f} µs of CPU here, usual are 10 to 50: figures with pages in them suffer. ext4 "
            "is slow where much was deleted in the last minutes: wait, or name another file system by TMPDIR."
        )
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _cost_of_a_file(path: Path, count: int = 500) -> float:
    """Return the CPU microseconds of making one empty file."""
    path.mkdir()
    began = time.process_time()
    for number in range(count):
        (path / str(number)).touch()
    cost = (time.process_time() - began) / count * 1e6
    shutil.rmtree(path)
    return cost


@contextmanager
def postgres(path: Path) -> Iterator[str]:
    """Run the wheel's PostgreSQL with every service's tables; give its address."""
    server = Postgres(path)
    url = server.start()
    try:
        migrate(url, SERVICES)
        yield url
    finally:
        server.stop()


@contextmanager
def nats(path: Path) -> Iterator[str]:
    """Run the wheel's nats-server, syncing every write; give its address."""
    server = Nats(path)
    url = server.start()
    try:
        yield url
    finally:
        server.stop()


def body(number: int, characters: int = 1000) -> str:
    """Return about 3 KB of Chinese text, different for every number."""
    text: list[str] = []
    seed = number * 2654435761 % 2**32
    while len(text) < characters:
        seed = (seed * 1103515245 + 12345) % 2**31
        text.append(_WORDS[seed % len(_WORDS)])
        if seed % 17 == 0:
            text.append("，")
        if seed % 61 == 0:
            text.append("。\n\n")
    return "".join(text)


def item(number: int, characters: int = 1000) -> dict[str, Any]:
    """Return the intake data of one notice."""
    at = "2026-11-20T09:00:00+08:00"
    return {
        "title": f"关于第{number}号事项的通告",
        "summary": f"第{number}号事项的办理时间、地点和联系方式。",
        "body": {"format": "markdown", "content": body(number, characters)},
        "catalogue": "notice",
        "genre": "notice",
        "formed_on": "2026-11-20",
        "document_number": f"青政〔2026〕{number}号",
        "issuing_body": "青禾县人民政府",
        "contact": {"office": "办公室", "phone": "0551-60010001"},
        "review": {
            "reviewed_by": "甲",
            "reviewed_at": at,
            "confidentiality": {"verdict": "cleared", "by": "乙", "at": at, "basis": "条例"},
        },
    }


def event(
    number: int, department: str = "bench", *, run: str = "a", characters: int = 1000
) -> bytes:
    """Return one intake CloudEvent, encoded."""
    content = {
        "specversion": "1.0",
        "id": f"{run}-{number}",
        "source": f"/departments/{department}",
        "subject": f"{run}/{number}",
        "type": "org.opengazette.item.published.v1",
        "data": item(number, characters),
    }
    return json.dumps(content, ensure_ascii=False).encode()


async def timed(work: Callable[[], Awaitable[int]]) -> float:
    """Run *work*, which returns how many things it did; return things per second."""
    began = time.perf_counter()
    count = await work()
    return count / (time.perf_counter() - began)


def row(values: Sequence[float], form: str = "{:,.0f}") -> tuple[str, str, str]:
    """Return min, median and max as text."""
    return tuple(form.format(f(values)) for f in (min, statistics.median, max))  # type: ignore[return-value]


def show(
    title: str,
    ours: Sequence[float],
    baseline: Sequence[float],
    *,
    names: tuple[str, str],
    goal: str,
    unit: str,
    kept: str = "",
) -> float:
    """Print both series and the ratio pair by pair, keep them under the name *kept*; return the median ratio."""
    ratios = [a / b for a, b in zip(ours, baseline, strict=True)]
    if kept:
        keep(kept, ours=list(ours), baseline=list(baseline), ratios=ratios, goal=goal)
    table = Table("", "min", "median", "max", title=title, title_justify="left")
    table.add_row(f"{names[0]} ({unit})", *row(ours))
    table.add_row(f"{names[1]} ({unit})", *row(baseline))
    table.add_row(f"ratio, {len(ratios)} pairs — goal {goal}", *row(ratios, "{:.2f}"))
    console.print(table)
    return statistics.median(ratios)


def keep(name: str, **figures: Any) -> None:
    """Write the figures of one benchmark to `BENCH_RESULTS`, with their conditions; nowhere when it is not set."""
    if RESULTS:
        folder_of_results = Path(RESULTS)
        folder_of_results.mkdir(parents=True, exist_ok=True)
        said = {"load": os.getloadavg()[0], **_conditions, **figures}
        path = folder_of_results / f"{name}.json"
        path.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return p50, p99 and the maximum."""
    ordered = sorted(values)
    return (
        ordered[len(ordered) // 2],
        ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        ordered[-1],
    )
