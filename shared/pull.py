"""One pull request after another on a JetStream durable, without waiting for a batch to fill.

nats-py's `fetch(n)` either returns single messages or lingers until `n` are there, and a lost pull request is
never noticed (nats.py#504). Here one long request stays open with heartbeats: the server sends each message
at once, whatever has arrived is one batch, and silence or a vanished durable is seen within seconds.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

BATCH = 256
"""Messages a batch at most."""
EXPIRES = 30
"""Seconds that one pull request stays open."""
HEARTBEAT = 5
"""Seconds between the server's signs of life on an idle request."""


class Vanished(Exception):
    """The stream or durable is not there."""


class Puller:
    """Batches of one durable; not safe for two readers."""

    def __init__(
        self, client: Client, stream: str, durable: str, *, batch: int = BATCH, pace: float = 0.0
    ) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._batch = batch
        self._pace = pace
        self._next_at = 0.0
        self._subscription: Subscription | None = None
        self._open = 0
        self._arrived: deque[Msg] = deque()
        self._something = asyncio.Event()

    async def start(self) -> None:
        """Subscribe to an inbox of our own."""
        self._inbox = self._client.new_inbox()
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._arrive, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def stop(self) -> None:
        """Give the inbox up; what the server still sends there is redelivered later."""
        if self._subscription and not self._client.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None

    async def batch(self) -> list[Msg]:
        """Wait for at least one message and return all that are there, in stream order.

        Returns an empty list at the end of an idle request or after silence. Raises `Vanished`.
        """
        if self._open <= self._batch:
            await self._ask()  # one request ahead: the next batch comes while this one is worked on
        if not self._arrived:
            try:
                async with asyncio.timeout(2 * HEARTBEAT + 1):
                    await self._something.wait()
            except TimeoutError:
                self._open = 0
                return []
        await self._paced()
        batch: list[Msg] = []
        while self._arrived and len(batch) < self._batch:
            self._take(self._arrived.popleft(), batch)
        if not self._arrived:
            self._something.clear()
        return batch

    async def _paced(self) -> None:
        """Let more arrive when the last batch was a moment ago; neither one that comes alone nor a full batch waits."""
        now = time.monotonic()
        if now < self._next_at and len(self._arrived) < self._batch:
            await asyncio.sleep(self._next_at - now)
        self._next_at = time.monotonic() + self._pace

    async def _arrive(self, message: Msg) -> None:
        self._arrived.append(message)
        self._something.set()

    async def _ask(self) -> None:
        request = {
            "batch": self._batch,
            "expires": EXPIRES * 10**9,
            "idle_heartbeat": HEARTBEAT * 10**9,
        }
        await self._client.publish(self._subject, json.dumps(request).encode(), self._inbox)
        self._open += self._batch

    def _take(self, message: Msg, batch: list[Msg]) -> None:
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            self._open -= 1
            batch.append(message)
        elif status == "503" or (
            status == "409" and "Deleted" in (message.headers or {}).get("Description", "")
        ):
            self._open = 0
            raise Vanished
        elif status != "100":
            left = (message.headers or {}).get("Nats-Pending-Messages")
            self._open = max(self._open - int(left), 0) if left else 0
