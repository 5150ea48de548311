"""A whole catalog on a real nats-server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg

from services.catalog.inbox import on_effect, on_intake
from services.catalog.tables import tables
from shared import streams
from shared.background import end
from shared.bus import Bus, Listener, connect
from shared.events.record import parse_record
from shared.relay import Relay
from tests.catalog.desk import Desk, open_desk


@dataclass
class House:
    """A running catalog: intake, effects and relay, with its HTTP doors."""

    desk: Desk
    client: Client
    told: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, department: str, raw: bytes | dict[str, Any], **headers: str) -> None:
        """Publish on a department's subject, as its own system does."""
        body = raw if isinstance(raw, bytes) else json.dumps(raw, ensure_ascii=False).encode()
        event_id = raw["id"] if isinstance(raw, dict) else str(uuid4())
        await self.client.jetstream().publish(
            f"intake.{department}.items",
            body,
            stream="INTAKE",
            headers={"Nats-Msg-Id": event_id} | headers,
        )

    async def heard(self, count: int) -> list[dict[str, Any]]:
        """Wait for *count* outcomes and return their data."""
        await until(lambda: _true(len(self.told) >= count))
        return [one["data"] for one in self.told]

    async def record(self) -> list[Any]:
        """Return the events of the RECORD stream in its order."""
        js = self.client.jetstream()
        state = (await js.stream_info("RECORD")).state
        return [
            parse_record((await js.get_msg("RECORD", n)).data or b"")
            for n in range(1, state.last_seq + 1)
        ]


async def _true(value: bool) -> bool:
    return value


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    """Run *work* beside the test."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        await end(task)


@asynccontextmanager
async def open_house(database_url: str, nats_url: str, blobs: Path) -> AsyncIterator[House]:
    """Run a catalog on an empty record and an empty store: both doors, the ear for effects, the relay."""
    await streams.apply(nats_url)
    async with open_desk(database_url, blobs) as desk, Bus(nats_url, name="catalog") as bus:
        client = await connect(nats_url, name="a department")
        opened = House(desk, client)

        async def note(message: Msg) -> None:
            opened.told.append(json.loads(message.data))

        await client.subscribe("outcomes.*.items", cb=note)
        await client.flush()
        async with (
            Listener(bus, on_intake, desk.db, tables, resources={"doors": desk.doors}),
            Listener(bus, on_effect, desk.db, tables),
            running(Relay(database_url, nats_url).run()),
        ):
            yield opened
        await client.close()
