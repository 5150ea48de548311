"""Mail out: workers that take what is due, build it and hand it to a channel. An edge: it opens the transactions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifier.actions.advance_deliveries import advance_deliveries
from services.notifier.actions.claim_deliveries import Claim, claim_deliveries
from services.notifier.actions.erase_addresses import erase_addresses
from services.notifier.actions.finish_delivery import finish_delivery
from services.notifier.actions.give_back_deliveries import give_back_deliveries
from services.notifier.actions.note_first_sent import FirstSent, note_first_sent
from services.notifier.actions.recover_deliveries import recover_deliveries
from services.notifier.channels import Channel, ChannelDown
from services.notifier.links import Links
from services.notifier.queries import Directory, directory_of
from services.notifier.rules import SENT, Verdict
from services.notifier.writer import Writer
from shared import failpoints
from shared.db import Database, unreachable

log = structlog.get_logger()

_BATCH = 50
_REMEMBERED = 10_000
"""Notices of which a process remembers that their first mail has left."""
_LAST_MAILS = 3.0
"""Seconds that mails on their way may take when the service ends."""
_LOOK = 1.0
"""Seconds between looks for what became due without a wake-up."""
_MAX_PAUSE = 60.0
_ERASE_EVERY = 3600.0
_RELEASED = timedelta(seconds=1)
"""After this, what one worker gave back may be tried again."""
_RECOVER_EVERY = 30.0


@dataclass
class Postman:
    """Several workers, each with a channel of its own; any number of copies share the deliveries."""

    db: Database
    writer: Writer
    open_channel: Callable[[], Channel]
    clock: Callable[[], datetime]
    first_sent: Callable[[FirstSent], Awaitable[None]] | None = None
    """Told of each notice's first mail, after commit."""
    workers: int = 4
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ending: bool = False
    _begun: set[UUID] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._work(), name=f"postman {n}") for n in range(self.workers)
        ]
        self._tasks.append(
            asyncio.create_task(self._every(_RECOVER_EVERY, self._recover), name="postman recovers")
        )
        self._tasks.append(
            asyncio.create_task(self._every(_ERASE_EVERY, self._erase), name="postman erases")
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; mails that are being handed over are finished first, if that takes no longer than a moment."""
        self._ending = True
        self.wake()
        _, late = await asyncio.wait(self._tasks[: self.workers], timeout=_LAST_MAILS)
        for task in (*late, *self._tasks[self.workers :]):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self) -> None:
        """Say that something may be due."""
        self._wake.set()

    async def deliver_due(self, channel: Channel) -> int:
        """Send one batch of what is due over *channel* and return how many were claimed; raises `ChannelDown`."""
        async with self.db.sessions.begin() as session:
            claims = await claim_deliveries(session, limit=_BATCH, now=self.clock())
            names = await directory_of(session) if claims else None
        if names:
            await failpoints.reach("mail.claimed")
            each = self.db.engine.execution_options(isolation_level="AUTOCOMMIT")
            async with each.connect() as connection:
                session = AsyncSession(connection, expire_on_commit=False)
                await self._deliver_all(channel, deque(claims), names, session)
        return len(claims)

    async def _deliver_all(
        self, channel: Channel, left: deque[Claim], names: Directory, session: AsyncSession
    ) -> None:
        """Hand over one after another; each statement of *session* commits by itself."""
        sent: Claim | None = None
        try:
            while left and not self._ending:
                claim = left.popleft()
                message = await self._message(claim, names)
                if message is None:
                    continue
                before, sent = sent, None
                if not await self._begin(session, before, claim):
                    await self._give_back([claim])
                    continue
                try:
                    verdict = await self._hand_over(channel, claim, message)
                except ChannelDown:
                    left.appendleft(claim)
                    raise
                if verdict == SENT:
                    sent = claim
                    await self._note_first(claim)
                else:
                    await self._finish(claim, verdict)
        finally:
            if sent:
                await advance_deliveries(session, sent=sent, begin=None, now=self.clock())
                await failpoints.reach("mail.marked")
            if left:
                await self._give_back(left)

    async def _begin(self, session: AsyncSession, sent: Claim | None, claim: Claim) -> bool:
        """Note in one step that *sent* has left and *claim* is under way; False when it is no longer ours."""
        begin = None if failpoints.without("begun_before_sent") else claim
        begun = await advance_deliveries(session, sent=sent, begin=begin, now=self.clock())
        await failpoints.reach("mail.begun")
        return begun or begin is None

    async def _hand_over(self, channel: Channel, claim: Claim, message: bytes) -> Verdict:
        """Give the channel one message; raises `ChannelDown`."""
        verdict = await channel.send(
            message,
            sender=self.writer.mail_from,
            to=claim.address or "",
            name=self.writer.name(claim),
        )
        await failpoints.reach("mail.sent")
        return verdict

    async def _give_back(self, claims: Collection[Claim]) -> None:
        async with self.db.sessions.begin() as session:
            await give_back_deliveries(session, claims, until=self.clock() + _RELEASED)

    # --- loops

    async def _work(self) -> None:
        channel = self.open_channel()
        pause = 1.0
        try:
            while not self._ending:
                try:
                    found = await self.deliver_due(channel)
                    pause = 1.0
                except ChannelDown as error:
                    log.warning(
                        "mail_server_unreachable",
                        service="notifier",
                        reason=str(error),
                        pause=pause,
                    )
                    found, pause = 0, min(pause * 2, _MAX_PAUSE)
                    await asyncio.sleep(pause)
                except Exception as error:  # noqa: BLE001 - logged; the worker goes on
                    report(error, "deliveries_interrupted")
                    found = 0
                    await asyncio.sleep(pause)
                if not found and not self._ending:
                    await self._sleep()
        finally:
            await channel.close()

    async def _sleep(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), _LOOK)
        self._wake.clear()

    async def _every(self, seconds: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await do()
            except Exception as error:  # noqa: BLE001 - logged; the next round tries again
                report(error, "housekeeping_failed")
            await asyncio.sleep(seconds)

    async def _recover(self) -> None:
        async with self.db.sessions.begin() as session:
            found = await recover_deliveries(session, now=self.clock())
        if found:
            log.warning("deliveries_recovered", service="notifier", mails=found)

    async def _erase(self) -> None:
        async with self.db.sessions.begin() as session:
            erased = await erase_addresses(session, now=self.clock())
        if erased:
            log.info("addresses_erased", service="notifier", addresses=erased)

    # --- one delivery

    async def _message(self, claim: Claim, names: Directory) -> bytes | None:
        """Return the message, or None when there is none to send; the delivery is settled then."""
        if claim.pointless:
            await self._finish(claim, Verdict("failed", claim.pointless))
            return None
        try:
            return await self.writer.message(claim, names)
        except Exception as error:  # noqa: BLE001 - a mail that cannot be built would come again for ever
            report(error, "mail_not_built")
            await self._finish(claim, Verdict("failed", f"not built: {type(error).__name__}"))
            return None

    async def _finish(self, claim: Claim, verdict: Verdict) -> None:
        async with self.db.sessions.begin() as session:
            await finish_delivery(session, claim, verdict, now=self.clock())
        log.info(
            "mail_not_sent",
            service="notifier",
            delivery=claim.delivery_id,
            outcome=verdict.state,
            reason=verdict.reason,
            address_ended=verdict.ends_address,
        )

    async def _note_first(self, claim: Claim) -> None:
        """Note and tell when this was the first mail about its notice; asked once per notice and worker process."""
        if claim.notice_id is None or claim.notice_id in self._begun:
            return
        if len(self._begun) > _REMEMBERED:
            self._begun.clear()
        self._begun.add(claim.notice_id)
        async with self.db.sessions.begin() as session:
            first = await note_first_sent(session, claim.notice_id, now=self.clock())
        if first and self.first_sent:
            await self.first_sent(first)


def report(error: Exception, event: str) -> None:
    """Log what went wrong; a database's own words may repeat an address, so only its code is kept."""
    if unreachable(error):
        log.warning("database_unreachable", service="notifier", reason=type(error).__name__)
    elif isinstance(error, DBAPIError):
        log.error(
            event, service="notifier", reason=f"SQLSTATE {getattr(error.orig, 'sqlstate', None)}"
        )
    else:
        log.error(event, service="notifier", reason=type(error).__name__, exc_info=error)


def mail_from_default(links: Links) -> str:
    """Return the address that mails come from when none is set."""
    return f"notices@{links.host}"
