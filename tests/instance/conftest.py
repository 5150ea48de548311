"""A data folder, and the program running on it as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30


def eventually(what: Callable[[], object], *, seconds: float = SECONDS) -> None:
    """Wait until *what* is true; the last failure is the message."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if what():
                return
            reason: object = "it stayed false"
        except (OSError, httpx.HTTPError, ValueError, KeyError) as error:
            reason = error
        if time.monotonic() > deadline:
            pytest.fail(f"did not come true in {seconds} s: {reason}")
        time.sleep(0.05)


def program(*words: object) -> list[str]:
    """Return the command line of `gazette`."""
    return [sys.executable, "-P", "-m", "services.cli", *map(str, words)]


def environment() -> dict[str, str]:
    """Return the environment of a process of ours: no setting from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GAZETTE_")}
    return kept | {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_on(folder: Path) -> list[int]:
    """Return every process that names this folder on its command line or works in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            works_in = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in words or works_in.startswith(str(folder)):
            found.append(int(entry.name))
    return found


@dataclass
class Running:
    """`gazette up` as a process."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Address of its front."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **options: object) -> httpx.Response:
        """Ask its front."""
        return httpx.get(self.url + path, trust_env=False, timeout=10, **options)  # type: ignore[arg-type]

    def servers(self) -> dict[str, str]:
        """Say which embedded servers run."""
        servers: dict[str, str] = self.get("/readyz").json()["servers"]
        return servers

    def note(self) -> dict[str, object]:
        """Return what it wrote about itself."""
        note: dict[str, object] = json.loads((self.folder / "instance.json").read_text())
        return note

    def wait_for_servers(self) -> None:
        """Wait until its servers run and commands can reach it."""
        running = {"postgres": "ok", "nats": "ok"}
        eventually(lambda: self.note()["pid"] == self.process.pid and self.servers() == running)

    def end(self, number: int = signal.SIGTERM) -> float:
        """End it by a signal; return the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(SECONDS)
        return time.monotonic() - started


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One instance for all tests that only look at it."""
    place = tmp_path_factory.mktemp("running")
    port = free_port()
    with (place / "log").open("wb") as out:
        command = program("up", "--port", port, "--data", place / "data")
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    instance = Running(process, place / "data", port, place / "log")
    instance.wait_for_servers()
    eventually(lambda: instance.get("/readyz").json()["services"]["relay"]["status"] == "ok")
    yield instance
    instance.end()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty data folder; pytest's folders are closed to other users, which has to work."""
    return tmp_path / "data"


@pytest.fixture
def up(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start `gazette up` on the data folder, any number of times; all are ended at last."""
    started: list[Running] = []

    def start(*options: str) -> Running:
        port, log = free_port(), tmp_path / f"up{len(started)}.log"
        command = program("up", "--port", port, "--data", folder, *options)
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
        started.append(Running(process, folder, port, log))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
    eventually(lambda: not processes_on(folder))
