"""`gazette webhooks …` on the notifier's tables."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.commands import webhooks
from services.notifier.actions.keep_names import keep_names
from services.notifier.queries import webhooks_entered
from services.notifier.rules import LinkNotValid
from services.notifier.webhooks import UrlNotUsable
from shared.events.record import DepartmentState
from tests.notifier.hooks import SECRET, echo
from tests.notifier.house import KEY, House
from tests.shared.receiver import Receiver, receiving


@pytest.fixture
async def receiver(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """A receiver, an environment that lets webhooks reach it, and a department that can be followed."""
    body = {"code": "transport", "version": 1, "names": {"zh-Hans": "交通运输局"}, "sequence": 1}
    async with house.db.sessions.begin() as session:
        await keep_names(session, [DepartmentState.model_validate(body)])
    async with receiving() as running:
        running.answer = echo
        settings = {
            "DATABASE_URL": house.db.url,
            "NATS_URL": "nats://127.0.0.1:9",
            "SITE_URL": house.links.site_url,
            "LINK_SECRET": KEY.decode(),
            "OUTGOING_NETWORKS": "127.0.0.1/32",
            "OUTGOING_PORTS": str(running.port),
            "OUTGOING_HTTP": "true",
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"GAZETTE_{name}", value)
        yield running


async def run(*words: str) -> Any:
    """Run a command to its end."""
    program = typer.Typer()
    webhooks.mount(program)
    return await asyncio.to_thread(CliRunner().invoke, program, ["webhooks", *words])


async def test_add_prints_what_is_needed_and_verify_starts_it(
    house: House, receiver: Receiver
) -> None:
    """The id, the secret and the page are printed; nothing is called before `verify`, nor after `drop`, nor verified then."""
    done = await run("add", receiver.url, "--department", "transport", "--secret", SECRET)
    assert done.exit_code == 0, done.output
    assert SECRET in done.output
    number = re.findall(r"[0-9a-f-]{36}", done.output)[0]
    (token,) = re.findall(r"/subscription/(\S+)", done.output)
    async with house.db.sessions() as session:
        (entered,) = await webhooks_entered(session)
    assert str(entered.subscriber_id) == number
    assert house.links.page_token(entered.subscriber_id) == token
    assert receiver.connections == 0
    assert "未验证" in (await run("list")).output
    assert (await run("verify", number)).exit_code == 0
    assert receiver.connections == 1
    listed = (await run("list")).output
    assert "正常" in listed
    assert number in listed
    assert (await run("drop", number)).exit_code == 0
    assert "已停止" in (await run("list")).output
    assert isinstance((await run("verify", number)).exception, LinkNotValid)
    assert "已停止" in (await run("list")).output
    assert receiver.connections == 1


async def test_a_receiver_that_does_not_want_it_fails_the_command(
    house: House, receiver: Receiver
) -> None:
    """`add --verify` ends with 1 when the question is not answered; the webhook stays, unverified."""
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    done = await run("add", receiver.url, "--department", "transport", "--verify")
    assert done.exit_code == 1
    assert "challenge not answered" in done.output
    async with house.db.sessions() as session:
        (entered,) = await webhooks_entered(session)
    assert entered.confirmed_at is None


async def test_what_cannot_be_is_refused(house: House, receiver: Receiver) -> None:
    """A private URL, and an id that nobody has, are refused with a sentence; wrong use is exit code 2."""
    done = await run("add", "https://10.0.0.1/", "--department", "transport")
    assert isinstance(done.exception, UrlNotUsable)
    nobody = "00000000-0000-7000-8000-000000000000"
    assert isinstance((await run("verify", nobody)).exception, LinkNotValid)
    assert (await run("drop", nobody)).exit_code == 1
    assert (await run("drop", "x")).exit_code == 2
    assert (await run("add", receiver.url, "--language", "fr")).exit_code == 2
