"""A program that is told: by the operator's commands, over a whole instance, through the loss of the message store."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests.flow.conftest import item
from tests.instance.conftest import environment, free_port, program
from tests.notifier.hooks import echo
from tests.shared.receiver import Receiver, receiving


@dataclass
class Instance:
    """`gazette up` whose operator lets webhooks reach one receiver on the loopback."""

    folder: Path
    receiver: Receiver
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    key: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings."""
        return environment() | {
            "GAZETTE_OUTGOING_NETWORKS": "127.0.0.1/32",
            "GAZETTE_OUTGOING_PORTS": str(self.receiver.port),
            "GAZETTE_OUTGOING_HTTP": "true",
        }

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the front."""
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return await client.request(method, f"http://127.0.0.1:{self.port}{path}", **more)

    async def start(self) -> None:
        """Start, and wait until every part does its work."""
        with (self.folder.parent / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *program("up", "--port", self.port, "--data", self.folder),
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        await self.until("/readyz", lambda answer: answer.status_code == 200)

    async def until(self, path: str, fits: Any) -> None:
        """Ask until the answer fits."""
        async with asyncio.timeout(90):
            while True:
                try:
                    if fits(await self.ask("GET", path)):
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    async def run(self, *words: object) -> tuple[int, str]:
        """Run a command of `gazette` on this instance; return its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            *program(*words, "--data", self.folder),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    async def publish(self, source_id: str, title: str) -> None:
        """Publish an item at once."""
        headers = {"Authorization": f"Bearer {self.key}"}
        path = f"/api/items/transport/{source_id}"
        answer = await self.ask("PUT", path, json=item(title), headers=headers)
        assert answer.status_code == 202, answer.text

    async def end(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            await self.process.wait()
            self.process = None


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[Instance]:
    """Run an instance with one department and its key."""
    async with receiving() as receiver:
        receiver.answer = echo
        running = Instance(tmp_path / "data", receiver)
        try:
            await running.start()
            await running.run("departments", "add", "transport", "--name", "交通运输局")
            running.key = (await running.run("departments", "key", "transport"))[1].split()[-1]
            await running.until("/subscribe", lambda answer: "交通运输局" in answer.text)
            yield running
        finally:
            await running.end()


async def told(receiver: Receiver, count: int) -> list[str]:
    """Wait until *count* requests came in and a moment more; return the titles of the notices."""
    async with asyncio.timeout(30):
        while len(receiver.got) < count:
            await asyncio.sleep(0.02)
    await asyncio.sleep(1.5)
    data = [json.loads(request.body)["data"] for request in receiver.got]
    return [each["title"] for each in data if "title" in each]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_program_is_told_once_whatever_happens(instance: Instance) -> None:
    """Add, verify, be told, signed; a kill, a lost message store and rebuilds tell nothing again; drop ends it."""
    receiver = instance.receiver
    code, said = await instance.run("webhooks", "add", receiver.url, "--department", "transport")
    assert code == 0, said
    secret = re.findall(r"whsec_\S+", said)[0]
    number = re.findall(r"[0-9a-f-]{36}", said)[0]
    assert receiver.connections == 0
    assert "未验证" in (await instance.run("webhooks", "list"))[1]
    code, said = await instance.run("webhooks", "verify", number)
    assert (code, len(receiver.got)) == (0, 1), said

    await instance.publish("a", "石桥封闭施工")
    assert await told(receiver, 2) == ["石桥封闭施工"]
    message = receiver.got[-1]
    assert Webhook(secret).verify(message.body, message.headers)["data"]["url"].endswith("/")
    code, said = await instance.run("webhooks", "list")
    assert code == 0
    assert "正常" in said

    await instance.end()
    shutil.rmtree(instance.folder / "jetstream")
    await instance.start()
    for what in ("site", "search"):
        assert (await instance.run("rebuild", what))[0] == 0
    assert (await instance.run("verify", "--wait", 60))[0] == 0
    await instance.publish("b", "恢复通行")
    assert await told(receiver, 3) == ["石桥封闭施工", "恢复通行"]

    assert (await instance.run("webhooks", "drop", number))[0] == 0
    await instance.publish("c", "再次封闭")
    assert await told(receiver, 3) == ["石桥封闭施工", "恢复通行"]
    for words, expected in (
        (("drop", "00000000-0000-7000-8000-000000000000"), 1),
        (("drop", "x"), 2),
        (("add", "https://10.0.0.1/", "--department", "transport"), 1),
        (("add", receiver.url, "--department", "nobody"), 1),
        (("add", receiver.url), 1),
        (("add", receiver.url, "--language", "fr"), 2),
    ):
        code, said = await instance.run("webhooks", *words)
        assert code == expected, said
