"""The programs in the guide for receivers, run as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from services.notifier.webhooks import RETRIES
from tests.instance.conftest import free_port
from tests.notifier.hooks import SECRET, courier, enter
from tests.notifier.house import House, state
from tests.shared.receiver import Receiver

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "webhooks.md"


def block(language: str) -> str:
    """Return the one block of code in *language*."""
    (found,) = re.findall(
        rf"^```{language}\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return str(found)


@dataclass
class Guided:
    """The guide's receiver as a process."""

    process: asyncio.subprocess.Process
    port: int

    async def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout
        async with asyncio.timeout(20):
            return (await self.process.stdout.readline()).decode().rstrip("\n")


@pytest.fixture
async def guided(tmp_path: Path) -> AsyncIterator[Guided]:
    """Start the Python program of the guide."""
    program = tmp_path / "receiver.py"
    program.write_text(block("python"), "utf-8")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        program,
        env=os.environ | {"WEBHOOK_SECRET": SECRET, "PORT": str(port), "PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                break
    yield Guided(process, port)
    process.kill()
    await process.wait()


async def shell(guided: Guided, **more: str) -> str:
    """Run the shell lines of the guide against the receiver; return the status that curl prints."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euc",
        block("sh"),
        env=os.environ
        | {"WEBHOOK_SECRET": SECRET, "URL": f"http://127.0.0.1:{guided.port}/", "no_proxy": "*"}
        | more,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode().strip()


async def test_the_receiver_of_the_guide_verifies_us(house: House, guided: Guided) -> None:
    """It answers the question, takes a message, and knows a copy by its id."""
    house.now = datetime.now(UTC)
    receiver = Receiver(port=guided.port)
    person = await enter(house, receiver)
    out = courier(house, receiver, deadline=10.0)
    assert await out.verify(person) is None
    history = [{"version": 1, "at": datetime.now(UTC), "change": "major"}]
    await house.hear(state(uuid4(), history=history))
    await out.deliver_due()
    assert await house.states() == ["sent"]
    assert await guided.line() == (
        "org.opengazette.notice.published.v1 关于S207石桥段封闭施工的公告 "
        "https://www.qinghe.example/transport/2026/12/"
    )


async def test_the_receiver_of_the_guide_refuses_another_secret(
    house: House, guided: Guided
) -> None:
    """With a secret that it does not know, the webhook is not verified."""
    house.now = datetime.now(UTC)
    receiver = Receiver(port=guided.port)
    person = await enter(house, receiver, secret="whsec_" + "A" * 40)
    assert await courier(house, receiver, deadline=10.0).verify(person) == "HTTP 401"


async def test_the_shell_lines_of_the_guide_sign_like_us(guided: Guided) -> None:
    """curl and openssl make a message that the receiver takes, and one whose body was changed that it refuses."""
    assert await shell(guided) == "204"
    assert "试一试" in await guided.line()
    assert await shell(guided, SENT='{"type":"x"}') == "401"
    assert await shell(guided, WEBHOOK_SECRET="whsec_" + "A" * 40) == "401"


def test_the_guide_names_the_waits_that_we_keep() -> None:
    """The numbers in the text are those of the code."""
    text = GUIDE.read_text("utf-8")
    assert "隔 5 秒、5 分、30 分、2、5、10、14、20、24 小时再试" in text
    assert "after 5 s, 5 and 30 min, 2, 5, 10, 14, 20 and 24 h" in text
    seconds = [5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))]
    assert [wait.total_seconds() for wait in RETRIES] == seconds
