"""Mail out: workers that take what is due, build it and hand it to a channel. An edge: it opens the transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from services.notifier.actions.begin_delivery import begin_delivery
from services.notifier.actions.claim_deliveries import Claim, claim_deliveries
from services.notifier.actions.erase_addresses import erase_addresses
from services.notifier.actions.finish_delivery import FirstSent, finish_delivery
from services.notifier.actions.give_back_deliveries import give_back_deliveries
from services.notifier.actions.recover_deliveries import recover_deliveries
from services.notifier.channels import Channel, ChannelDown
from services.notifier.links import Links
from services.notifier.mails import Recipient, Sender, Shell, letter_mail, notice_mail, notice_shell
from services.notifier.queries import Directory, directory_of
from services.notifier.rules import Lang, Verdict
from shared.db import Database, unreachable
from shared.web.frame import default_settings

log = structlog.get_logger()

_BATCH = 50
_SHELLS = 64
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
    links: Links
    mail_from: str
    timezone: str
    open_channel: Callable[[], Channel]
    clock: Callable[[], datetime]
    first_sent: Callable[[FirstSent], Awaitable[None]] | None = None
    """Told of each notice's first mail, after commit."""
    workers: int = 4
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ending: bool = False
    _shells: dict[tuple[UUID, datetime, Lang], Shell] = field(default_factory=dict)

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
        now = self.clock()
        async with self.db.sessions.begin() as session:
            claims = await claim_deliveries(session, limit=_BATCH, now=now)
            names = await directory_of(session) if claims else None
        for done, claim in enumerate(claims):
            if names is None or self._ending:
                await self._give_back(claims[done:])
                break
            try:
                await self._deliver(channel, claim, names)
            except ChannelDown:
                await self._give_back(claims[done:])
                raise
            except Exception:
                await self._give_back(
                    claims[done + 1 :]
                )  # whether this one left the house is unknown
                raise
        return len(claims)

    async def _give_back(self, claims: Sequence[Claim]) -> None:
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
                    _report(error, "deliveries_interrupted")
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
                _report(error, "housekeeping_failed")
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

    async def _deliver(self, channel: Channel, claim: Claim, names: Directory) -> None:
        if claim.pointless or not claim.address:
            await self._finish(claim, Verdict("failed", claim.pointless or "address erased"))
            return
        try:
            message, name = await self._message(claim, claim.address, names)
        except Exception as error:  # noqa: BLE001 - a mail that cannot be built would come again for ever
            _report(error, "mail_not_built")
            await self._finish(claim, Verdict("failed", f"not built: {type(error).__name__}"))
            return
        async with self.db.sessions.begin() as session:
            begun = await begin_delivery(session, claim, now=self.clock())
        if not begun:
            await self._give_back([claim])
            return
        verdict = await channel.send(message, sender=self.mail_from, to=claim.address, name=name)
        await self._finish(claim, verdict)

    async def _finish(self, claim: Claim, verdict: Verdict) -> None:
        async with self.db.sessions.begin() as session:
            first = await finish_delivery(session, claim, verdict, now=self.clock())
        if verdict.state != "sent":
            log.info(
                "mail_not_sent",
                service="notifier",
                delivery=claim.delivery_id,
                outcome=verdict.state,
                reason=verdict.reason,
                address_ended=verdict.ends_address,
            )
        if first and self.first_sent:
            await self.first_sent(first)

    async def _message(self, claim: Claim, address: str, names: Directory) -> tuple[bytes, str]:
        """Return the finished message and its name, the same for every try."""
        sender = self._sender(names, claim.language)
        because = tuple(names.label(each.target, claim.language) for each in claim.targets)
        list_id = claim.targets[0].subscription_id if claim.targets else claim.subscriber_id
        to = Recipient(claim.subscriber_id, address, because, claim.delivery_id, list_id)
        if claim.letter_id and claim.letter_kind and claim.letter_at:
            message = letter_mail(
                claim.letter_kind,
                claim.language,
                sender,
                to,
                letter_id=claim.letter_id,
                at=claim.letter_at,
            )
            about = claim.letter_id
        elif claim.notice_id:
            message = notice_mail(await self._shell(claim, sender), claim.notice_id, sender, to)
            about = claim.notice_id
        else:
            raise RuntimeError("a delivery is of a notice or of a letter")
        digest = self.links.message_id(about, claim.subscriber_id)[1:13]
        return message, f"{claim.delivery_id:010d}-{digest}"

    def _sender(self, names: Directory, lang: Lang) -> Sender:
        settings = names.settings or default_settings()
        return Sender(settings.names.of(lang), self.mail_from, self.timezone, self.links)

    async def _shell(self, claim: Claim, sender: Sender) -> Shell:
        """Return what all readers of this notice in this language share, built once."""
        if claim.notice_id is None or claim.notice_at is None or claim.content is None:
            raise RuntimeError("this claim has no notice")
        key = (claim.notice_id, claim.notice_at, claim.language)
        shell = self._shells.get(key)
        if shell is None:
            shell = await asyncio.to_thread(
                notice_shell, claim.content, claim.language, sender, claim.notice_at
            )
            while len(self._shells) >= _SHELLS:
                del self._shells[next(iter(self._shells))]
            self._shells[key] = shell
        return shell


def _report(error: Exception, event: str) -> None:
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
