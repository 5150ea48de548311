"""A whole instance as a process of its own, for the benchmarks that need everything at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from services.instance.find import Instance, find

START_SECONDS = 120


@contextmanager
def instance(folder: Path, *options: str) -> Iterator[tuple[Instance, int]]:
    """Run `gazette up` on *folder*; give the instance and its process id."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GAZETTE_")}
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "up",
        "--port",
        "0",
        "--data",
        str(folder),
        *options,
    ]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield _ready(folder, process), process.pid
    finally:
        process.terminate()
        process.wait(30)


def _ready(folder: Path, process: subprocess.Popen[bytes]) -> Instance:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"gazette up ended with {process.returncode}")
        try:
            found = find(folder)
            if httpx.get(f"{found.url}/readyz", trust_env=False).status_code == 200:
                return found
        except Exception:  # noqa: BLE001 -- it is not up yet
            pass
        time.sleep(0.2)
    raise RuntimeError("gazette up did not become ready")


def gazette(folder: Path, *words: str) -> str:
    """Run a command on *folder* and return what it prints."""
    command = [sys.executable, "-m", "services.cli", *words, "--data", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def pss_megabytes(pid: int) -> dict[str, float]:
    """Return the proportional set size of *pid* and everything below it, in MiB, by program."""
    sizes: dict[str, float] = {}
    for one in (pid, *_below(pid)):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            name = Path(f"/proc/{one}/comm").read_text().strip()
        except OSError:
            continue
        size = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        sizes[name] = sizes.get(name, 0.0) + size / 1024
    return sizes


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that *pid* and everything below it have used, in seconds."""
    return sum(cpu_by_program(pid).values())


def cpu_by_program(pid: int) -> dict[str, float]:
    """Return the CPU seconds of *pid* and everything below it, by program; those of ended children count too."""
    used: dict[str, float] = {}
    for one in (pid, *_below(pid)):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            name = Path(f"/proc/{one}/comm").read_text().strip()
        except OSError:
            continue
        ticks = sum(int(field) for field in fields[11:15])
        used[name] = used.get(name, 0.0) + ticks / os.sysconf("SC_CLK_TCK")
    return used


def _below(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in path.read_text().split():
            found += [int(word), *_below(int(word))]
    return found
