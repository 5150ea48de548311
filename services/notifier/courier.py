"""Webhooks out: receivers for which something is due are called, many at once, each one call at a time. An edge."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from uuid_utils import uuid7

from services.notifier.actions.ask_webhook import ask_webhook
from services.notifier.actions.begin_call import Call, begin_call
from services.notifier.actions.claim_webhooks import claim_webhooks, release_webhook
from services.notifier.actions.finish_call import finish_call
from services.notifier.actions.note_first_sent import FirstSent
from services.notifier.actions.verify_webhook import verify_webhook
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.postman import report
from services.notifier.webhooks import (
    answers_challenge,
    challenge_body,
    message_id,
    notice_body,
)
from shared import failpoints
from shared.db import Database

log = structlog.get_logger()

_AT_ONCE = 64
"""Receivers that are called at once by one copy."""
_IN_A_ROW = 20
"""Messages for one receiver before others have their turn."""
_LOOK = 1.0
"""Seconds between looks for what became due without a wake-up."""
_LAST_CALLS = 3.0
"""Seconds that calls under way may take when the service ends; what is cut off goes again under its id."""


@dataclass
class Courier:
    """Calls receivers; any number of copies share them."""

    db: Database
    channel: WebhookChannel
    site_url: str
    clock: Callable[[], datetime]
    first_sent: Callable[[FirstSent], Awaitable[None]] | None = None
    """Told of each version's first notice, after commit."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)
    _loop: asyncio.Task[None] | None = None
    _ending: bool = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.create_task(self._work(), name="courier")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending = True
        tasks = {*self._calls, *({self._loop} if self._loop else ())}
        self.wake()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_LAST_CALLS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.channel.outgoing.close()

    def wake(self) -> None:
        """Say that something may be due."""
        self._wake.set()

    async def deliver_due(self) -> int:
        """Call every receiver for which something is due now, wait for all, and return how many receivers."""
        people = await self._claim(_AT_ONCE)
        await asyncio.gather(*(self._serve(person) for person in people))
        return len(people)

    async def verify(self, person: UUID) -> str | None:
        """Ask *person*'s receiver whether it wants to be called; return what was wrong, None when it is verified.

        Refuses what is asked too often. No transaction is open during the call.
        """
        async with self.db.sessions.begin() as session:
            question = await ask_webhook(session, person, now=self.clock())
        word = secrets.token_urlsafe(24)
        body = challenge_body(word, self.clock())
        result, answer = await self.channel.call(
            question.url, f"msg_{uuid7().hex}", body, question.secrets
        )
        wrong = result.reason or answers_challenge(result.status or 0, answer, word)
        async with self.db.sessions.begin() as session:
            await verify_webhook(session, question, result, wrong, now=self.clock())
        log.info("webhook_asked", service="notifier", subscriber=str(person), wrong=wrong)
        return wrong

    # --- the loop

    async def _work(self) -> None:
        while not self._ending:
            found = 0
            try:
                people = await self._claim(_AT_ONCE - len(self._calls))
                found = len(people)
                for person in people:
                    task = asyncio.create_task(self._serve(person), name="courier calls")
                    self._calls.add(task)
                    task.add_done_callback(self._calls.discard)
            except Exception as error:  # noqa: BLE001 - logged; the next round tries again
                report(error, "webhooks_interrupted")
            if not found or len(self._calls) >= _AT_ONCE:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _LOOK)
                self._wake.clear()

    async def _claim(self, limit: int) -> list[UUID]:
        if limit <= 0:
            return []
        async with self.db.sessions.begin() as session:
            return list(await claim_webhooks(session, limit=limit, now=self.clock()))

    async def _serve(self, person: UUID) -> None:
        """Send what is due for one receiver, oldest first, until it refuses, has had its turn, or nothing is left."""
        try:
            sent = 0
            while sent < _IN_A_ROW and not self._ending and await self._send_next(person):
                sent += 1
            async with self.db.sessions.begin() as session:
                await release_webhook(session, person)
            if sent == _IN_A_ROW:
                self.wake()  # there may be more for this one
        except Exception as error:  # noqa: BLE001 - logged; the lease runs out and another round tries again
            report(error, "webhook_interrupted")

    async def _send_next(self, person: UUID) -> bool:
        async with self.db.sessions.begin() as session:
            call = await begin_call(session, person, now=self.clock())
        if call is None:
            return False
        await failpoints.reach("call.begun")
        body = self._body(call)
        result, _ = await self.channel.call(
            call.url, message_id(call.notice_id, person), body, call.secrets
        )
        await failpoints.reach("call.answered")
        async with self.db.sessions.begin() as session:
            first = await finish_call(session, call, result, now=self.clock())
        await failpoints.reach("call.finished")
        if first:
            await self._say(first)
        if not result.taken:
            log.info(
                "webhook_not_taken",
                service="notifier",
                delivery=call.delivery_id,
                reason=result.why,
            )
        return result.taken

    async def _say(self, first: FirstSent) -> None:
        """Tell of a version's first notice, best effort: NATS may never have been reached."""
        try:
            if self.first_sent:
                await self.first_sent(first)
        except Exception as error:  # noqa: BLE001 - logged; messages go on
            report(error, "effect_not_said")

    def _body(self, call: Call) -> bytes:
        because = [
            {"id": str(each.subscription_id)}
            | {name: value for name, value in vars(each.target).items() if value}
            for each in call.targets
        ]
        return notice_body(
            call.content,
            item_id=call.item_id,
            notice_version=call.notice_version,
            noticed_at=call.noticed_at,
            site_url=self.site_url,
            because=because,
        )
