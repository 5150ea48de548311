"""A town on the session's PostgreSQL and a NATS server of its own, with a mail server that counts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from services.instance.nats import Nats
from tests.faults.mails import Mails, mail_server
from tests.faults.town import Town

Say = Callable[[str], None]


def number(name: str, default: int) -> int:
    """Return a counter of a long run, which `GAZETTE_FAULT_<name>` may change."""
    return int(os.environ.get(f"GAZETTE_FAULT_{name}", default))


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Say:
    """Write a line to the terminal, also when the test passes: figures and seeds."""
    plugins: Any = request.config.pluginmanager
    reporter, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def line(words: str) -> None:
        with capture.global_and_fixture_disabled():
            if reporter is None:  # a worker of pytest-xdist has no terminal, but our standard error
                print(words, file=sys.__stderr__)
            else:
                reporter.write_line(f"\n{words}")

    return line


@pytest.fixture
async def mails() -> AsyncIterator[Mails]:
    """A real SMTP server that keeps what it took."""
    kept = Mails()
    async with mail_server(kept):
        yield kept


@pytest.fixture
async def town(
    tmp_path: Path, database_url: str, nats_server: Nats, mails: Mails
) -> AsyncIterator[Town]:
    """A town that is not started yet."""
    made = Town(tmp_path / "town", database_url, nats_server.url, mails.url)
    yield made
    made.kill()
    shutil.rmtree(tmp_path / "town", ignore_errors=True)
