"""A webhook on a real receiver, for the notifier's tests."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import Any
from uuid import UUID, uuid4

from services.notifier.actions.add_webhook import NewWebhook, add_webhook
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.courier import Courier
from services.notifier.rules import Target
from services.notifier.webhooks import secret_of
from shared.addresses import Rules
from shared.outgoing import GuardedClient
from tests.notifier.house import House
from tests.shared.receiver import Received, Receiver, plain

SECRET = secret_of(b"a secret of thirty-two bytes here")


async def echo(request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer a challenge as a willing receiver does, and 204 to everything else."""
    message = json.loads(request.body)
    word = message["data"].get("challenge")
    writer.write(plain(200, json.dumps({"challenge": word}).encode()) if word else plain(204))
    await writer.drain()


def courier(house: House, *receivers: Receiver, deadline: float = 2.0, **changes: Any) -> Courier:
    """Return a courier over this house's clock that may reach the loopback, as an operator's setting allows."""
    ports = frozenset(receiver.port for receiver in receivers)
    rules = Rules((ipaddress.ip_network("127.0.0.1/32"),), http=True, ports=ports)
    channel = WebhookChannel(
        GuardedClient(rules, agent="Test/1", deadline=deadline), lambda: house.now
    )
    return Courier(house.db, channel, "https://www.qinghe.example", lambda: house.now, **changes)


async def enter(
    house: House, receiver: Receiver, *, target: Target | None = None, secret: str = SECRET
) -> UUID:
    """Enter a webhook that is not verified yet; it follows the transport bureau when nothing is said."""
    person = uuid4()
    new = NewWebhook(
        receiver.url, "127.0.0.1", secret, "zh-Hans", target or Target(department="transport")
    )
    async with house.db.sessions.begin() as session:
        await add_webhook(session, new, person=person, links=house.links, now=house.now)
    return person


async def verified(house: House, receiver: Receiver, **changes: Any) -> UUID:
    """Enter a webhook and verify it; what the receiver got for that is forgotten."""
    person = await enter(house, receiver, **changes)
    before, receiver.answer = receiver.answer, echo
    assert await courier(house, receiver).verify(person) is None
    receiver.answer = before
    receiver.got.clear()
    return person


def titles(receiver: Receiver) -> list[str]:
    """Return the titles of what came in."""
    return [json.loads(request.body)["data"]["title"] for request in receiver.got]
