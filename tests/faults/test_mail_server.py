"""Mail servers misbehave: later, never, silence, a cut in the middle. Nobody is told twice, every notice has an end."""

from __future__ import annotations

import asyncio
from collections import Counter
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest

from services.notifier.channels import ChannelDown
from services.notifier.channels import mail as mail_channel
from services.notifier.channels.mail import MailChannel, MailServer
from services.notifier.rules import Verdict
from tests.notifier.conftest import (
    house,
    notifier_database,
    notifier_database_url,
)
from tests.notifier.house import House, read, state
from tests.notifier.smtp import Script, smtp_server

__all__ = ["house", "notifier_database", "notifier_database_url"]

pytestmark = pytest.mark.timeout(60)
READERS = 6
PATIENCE = 0.4
"""Seconds that our side waits for an answer in these tests; a minute otherwise."""


class Silent(Script):
    """Takes the message and says nothing, the first time."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Hang before the answer."""
        if self.pause:
            self.taken.append(envelope.original_content)
            pause, self.pause = self.pause, 0.0
            await asyncio.sleep(pause)
            return "250 2.0.0 OK"
        return await super().handle_DATA(server, session, envelope)


FAULTS: dict[str, tuple[dict[str, Any], set[str], int]] = {
    "busy": ({"mail": ["421 4.3.2 busy", "450 4.2.0 later"]}, {"sent"}, READERS),
    "greylisted": ({"rcpt": ["451 4.7.1 greylisted"] * 3}, {"sent"}, READERS),
    "unknown reader": ({"rcpt": ["550 5.1.1 no such user"]}, {"sent", "failed"}, READERS - 1),
    "refused text": ({"data": ["554 5.6.0 not this"]}, {"sent", "failed"}, READERS - 1),
    "later after the text": ({"data": ["452 4.3.1 full"]}, {"sent"}, READERS),
    "cut at the name": ({"rcpt": ["drop"]}, {"sent"}, READERS),
    "cut in the text": ({"data": ["drop"]}, {"sent", "unknown"}, READERS),
    "silent after the text": ({"pause": 3.0}, {"sent", "unknown"}, READERS),
}
"""name -> script, ends of the notices, readers who have the mail."""


async def told(house: House, script: Script) -> Counter[str]:
    """Tell everybody, trying again for two days as the clock says, and return how often each was told."""
    for n in range(READERS):
        await house.follow(f"reader{n}@example.org")
    house.pass_time(minutes=2)
    await house.hear(state(uuid4()))
    async with smtp_server(script) as url:
        channel = MailChannel(MailServer.of(url))
        for _ in range(12):
            try:
                await house.deliver(channel)
            except ChannelDown:
                await channel.close()
            house.pass_time(hours=4)
        await channel.close()
    return Counter(str(read(raw)["To"]) for raw in script.taken)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_mail_server_may_misbehave(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whatever the server does, nobody is told twice and every notice comes to a named end."""
    monkeypatch.setattr(mail_channel, "_TIMEOUT", PATIENCE)
    script, ends, readers = deepcopy(FAULTS[fault])
    times = await told(house, Silent(**script))
    assert set(times.values()) == {1}
    assert len(times) == readers
    assert set(await house.states()) == ends


@pytest.mark.parametrize("fault", ["cut in the text", "silent after the text"])
async def test_control_who_tries_again_after_the_text_tells_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """If not knowing counted as not sent, the same faults would bring somebody the mail twice."""
    monkeypatch.setattr(mail_channel, "_TIMEOUT", PATIENCE)
    monkeypatch.setattr(
        mail_channel, "_broken", lambda *_, **__: Verdict("deferred", "connection lost")
    )
    times = await told(house, Silent(**deepcopy(FAULTS[fault][0])))
    assert max(times.values()) == 2
