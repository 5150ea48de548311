"""The demonstration county as a process of its own, and one browser."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.house import ARGUMENTS, CHROMIUM, Demo, ready
from tests.instance.conftest import environment, free_port, program


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`gazette demo` in an empty folder, when every page of the county is there."""
    place = tmp_path_factory.mktemp("browser")
    port = free_port()
    command = program("demo", "--port", port, "--data", place / "data")
    with (place / "log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
    running = Demo(f"http://127.0.0.1:{port}", place / "data")
    try:
        ready(running.url, told=place / "log", process=process)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium; it ends with the module, because its driver holds the thread's event loop."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()
