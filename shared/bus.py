"""The one consumer wrapper: `hears(...)` marks a handler, `Listener` runs it.

A batch is one transaction: parse, handle, note the position, commit, then ack. What fails is retried alone with
growing delays and parked after eight tries; an unreachable database only makes it wait. What JetStream loses is
read from the catalog's record feed (anti-entropy). See the architecture's table "Consuming".
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic_core import to_json
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils import uuid7

from shared import failpoints, position, streams
from shared.atomic import MOST, Message, publish_atomically
from shared.background import background
from shared.db import Database, unreachable, who_is_away, why
from shared.events.effects import VisibleEvent
from shared.events.envelope import CONTENT_TYPE, Event
from shared.events.parked import PARKED, Parked, ParkedEvent
from shared.feed import FeedUnreachable, RecordFeed
from shared.plumbing import Plumbing
from shared.pull import Puller, Vanished
from shared.watchdog import EXIT_CODE

log = structlog.get_logger()

TRIES = 8
ANTI_ENTROPY = 30.0
"""Seconds between looks at the record feed, and between checks that the durable exists."""
GAP_PATIENCE = 2.0
"""Seconds that a hole in the sequence may last before the feed is asked."""
MOST_TRACES = 16
"""Trace ids of one batch that its log lines name."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Permanent(Exception):
    """This event can never be processed: park it at once."""


@dataclass(frozen=True)
class Hearing:
    """What a handler hears."""

    stream: str
    durable: str
    parse: Callable[[bytes], Any] | None
    parse_message: Callable[[Msg], Any] | None
    pace: float = 0.0

    def read(self, message: Msg) -> Any:
        """Return the parsed event of *message*."""
        return self.parse_message(message) if self.parse_message else self.read_raw(message.data)

    def read_raw(self, raw: bytes) -> Any:
        """Return the parsed event of the bytes *raw*."""
        if self.parse is None:
            raise TypeError("this handler reads messages, not bytes")
        return self.parse(raw)


Handler = Callable[..., Awaitable[Sequence[VisibleEvent] | None]]


def hears(
    stream: str,
    *,
    durable: str,
    parse: Callable[[bytes], Any] | None = None,
    parse_message: Callable[[Msg], Any] | None = None,
    pace: float = 0.0,
) -> Callable[[Handler], Handler]:
    """Mark a handler: it gets the parsed events of *stream* by the durable, in batches.

    Give `parse` for the bytes, or `parse_message` where subject or headers count too. *pace*: seconds from one batch
    to the next at least, for what no reader waits for: a stream of events comes in fewer transactions.
    """

    def mark(handler: Handler) -> Handler:
        handler.hears = Hearing(stream, durable, parse, parse_message, pace)  # type: ignore[attr-defined]
        return handler

    return mark


class Bus:
    """One service's connection to NATS."""

    def __init__(self, url: str, *, name: str) -> None:
        self.url = url
        self.name = name
        self._client: Client | None = None
        self._closing = False

    @property
    def client(self) -> Client:
        """The open connection."""
        if self._client is None:
            raise RuntimeError("the bus is not open")
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """JetStream over the open connection."""
        return self.client.jetstream(timeout=5)

    @property
    def connected(self) -> bool:
        """Whether the server answers now."""
        return self._client is not None and self._client.is_connected

    async def __aenter__(self) -> Self:
        self._closing = False
        self._client = await connect(self.url, name=self.name, closed=self._on_closed)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        if self._client:
            await self._client.close()

    async def say(self, event: Event[Any], *, subject: str, stream: str) -> bool:
        """Publish one event and wait for the stream's ack; False when it is not known to be stored."""
        headers = headers_of(event.id, event.trace, stream=stream)
        try:
            await self.js.publish(
                subject, to_json(event, by_alias=True), stream=stream, headers=headers, timeout=5
            )
        except (NatsError, asyncio.TimeoutError) as error:
            log.warning(
                "event_not_said",
                service=self.name,
                event_id=event.id,
                subject=subject,
                reason=repr(error),
            )
            return False
        return True

    async def say_visible(self, events: Sequence[VisibleEvent]) -> None:
        """Say on EFFECTS what became visible, best effort: what is lost here the catalog reads at `/internal/shown`."""
        for start in range(0, len(events), MOST):
            part = events[start : start + MOST]
            if len(part) == 1 or not await self._said_at_once(part):
                await asyncio.gather(
                    *(self.say(one, subject=one.nats_subject, stream="EFFECTS") for one in part)
                )

    async def _said_at_once(self, events: Sequence[VisibleEvent]) -> bool:
        """Say *events* in one batch; False when the server refuses it, for one of them may have been said before."""
        messages = (
            Message(
                event.nats_subject,
                to_json(event, by_alias=True),
                headers_of(event.id, event.trace, stream="EFFECTS"),
            )
            for event in events
        )
        try:
            return await publish_atomically(self.client, messages, len(events))
        except (NatsError, asyncio.TimeoutError) as error:
            log.warning(
                "events_not_said", service=self.name, events=len(events), reason=repr(error)
            )
            return True

    async def _on_closed(self) -> None:
        if not self._closing:
            log.error("connection_closed_for_good", service=self.name)
            os._exit(EXIT_CODE)


def headers_of(event_id: str, trace: str | None, *, stream: str) -> dict[str, str]:
    """Return the headers that an event is published with."""
    headers = {
        "Nats-Msg-Id": event_id,
        "content-type": CONTENT_TYPE,
        "Nats-Expected-Stream": stream,
    }
    if trace:
        headers["traceparent"] = trace
    return headers


async def connect(
    url: str, *, name: str, closed: Callable[[], Awaitable[None]] | None = None
) -> Client:
    """Connect to one of the servers at *url*, and go on trying for ever, before and after the first success."""

    async def quiet(error: Exception) -> None:
        log.debug("nats_error", service=name, reason=repr(error))

    while True:
        try:
            return await nats.connect(
                streams.servers(url),
                name=name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                connect_timeout=5,
                ping_interval=10,
                error_cb=quiet,
                closed_cb=closed,
                pending_size=64 * 1024 * 1024,
            )
        except (NatsError, OSError, asyncio.TimeoutError) as error:
            log.warning("nats_unreachable", service=name, reason=repr(error))
            await asyncio.sleep(1)


@dataclass(frozen=True)
class _Job:
    """One message or feed entry on its way through the handler."""

    raw: bytes
    event: Any
    """None: it could not be read."""
    subject: str
    message: Msg | None = None

    @property
    def place(self) -> str:
        """The subject; of an item that came through the feed that which it has on the stream, by which a leak is found."""
        state = getattr(self.event, "data", None)
        item_id = getattr(state, "item_id", None)
        if self.subject != "feed" or item_id is None:
            return self.subject
        return f"record.{self.event.data.department.code}.{item_id}"

    @property
    def sequence(self) -> int:
        if self.event is None:
            return position.named_in(self.raw)[0]
        return getattr(getattr(self.event, "data", None), "sequence", 0) or 0

    @property
    def epoch(self) -> UUID | None:
        if self.event is None:
            return position.named_in(self.raw)[1]
        found: UUID | None = self.event.data.epoch
        return found

    @property
    def trace(self) -> str | None:
        """The W3C `traceparent` that it came with: a header of the message, or an attribute of the event."""
        if self.message is not None:
            found = (self.message.headers or {}).get("traceparent")
        else:
            found = getattr(self.event, "trace", None)
        return found if found and _TRACEPARENT.fullmatch(found) else None


def _traced(jobs: Sequence[_Job]) -> AbstractContextManager[object]:
    """Let log lines bear the trace ids of *jobs* while the block runs."""
    found = dict.fromkeys(trace[3:35] for job in jobs if (trace := job.trace))
    bound: dict[str, Any] = {}
    if len(found) == 1:
        [bound["trace_id"]] = found
    elif found:
        bound["trace_ids"] = list(found)[:MOST_TRACES]
    return structlog.contextvars.bound_contextvars(**bound)


@dataclass
class Listener:
    """Runs one handler on its durable, and on the record feed when one is given."""

    bus: Bus
    handler: Handler
    db: Database
    tables: Plumbing
    feed: RecordFeed | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)
    after_commit: Callable[[], None] | None = None
    on_epoch: Callable[[UUID], Awaitable[None]] | None = None
    """Called when the record begins a new epoch (a restore): rebuild, tell nobody."""
    first_contact: Callable[[AsyncSession, UUID, int], Awaitable[str]] | None = None
    """Called once with a new position's epoch and head; returns the multirange that counts as seen."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    anti_entropy: float = ANTI_ENTROPY

    def __post_init__(self) -> None:
        self.hearing: Hearing = self.handler.hears  # type: ignore[attr-defined]
        self.name = self.hearing.durable
        self.caught_up = self.feed is None
        self.last_batch_at: datetime | None = None
        self.events_handled = 0
        self._turn = asyncio.Lock()
        self._tries: dict[int, int] = {}
        self._epoch: UUID | None = None
        self._gap = asyncio.Event()
        self._highest = 0

    async def __aenter__(self) -> Self:
        works = [self._listen, *([self._catch_up_for_ever] if self.feed else [])]
        self._working = background(*works)
        await self._working.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._working.__aexit__(None, None, None)

    async def pending(self) -> int | None:
        """Return how many events the durable has not delivered and acked yet; None when unknown."""
        try:
            info = await self.bus.js.consumer_info(self.hearing.stream, self.name)
        except (NatsError, asyncio.TimeoutError):
            return None
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    # --- from the stream

    async def _listen(self) -> None:
        while True:
            puller = Puller(self.bus.client, self.hearing.stream, self.name, pace=self.hearing.pace)
            try:
                await puller.start()
                await self._pull(puller)
            except Vanished:
                log.warning("durable_vanished", service=self.name)
                await self._provision()
            except (NatsError, asyncio.TimeoutError, OSError) as error:
                log.warning("pull_interrupted", service=self.name, reason=repr(error))
                await asyncio.sleep(1)
            finally:
                with suppress(NatsError, OSError):
                    await puller.stop()

    async def _pull(self, puller: Puller) -> None:
        while True:
            messages = await puller.batch()
            if messages:
                await self._handle_messages(messages)
            else:
                await self._check_durable()

    async def _check_durable(self) -> None:
        try:
            await self.bus.js.consumer_info(self.hearing.stream, self.name)
        except NotFoundError as error:
            raise Vanished from error

    async def _provision(self) -> None:
        try:
            for sentence in await streams.apply_with(self.bus.client):
                log.info("provisioned", service=self.name, what=sentence)
        except (NatsError, asyncio.TimeoutError) as error:
            log.warning("provisioning_failed", service=self.name, reason=repr(error))
        await asyncio.sleep(1)

    async def _handle_messages(self, messages: list[Msg]) -> None:
        progress = asyncio.create_task(_keep_alive(messages))
        try:
            jobs = [
                job
                for message in messages
                if (job := await self._read(message.data, message.subject, message))
            ]
            await failpoints.reach("bus.received", self.name)
            async with self._turn:
                await self._handle(jobs)
        except (NatsError, OSError):
            raise
        except Exception as error:
            # not even parking worked: an ear that goes deaf would be worse than hearing it again
            if unreachable(error):
                log.warning(who_is_away(error), service=self.name, reason=why(error))
            else:
                log.exception("batch_given_back", service=self.name, events=len(messages))
            await _give_back(messages)
        finally:
            progress.cancel()

    async def _read(self, raw: bytes, subject: str, message: Msg | None = None) -> _Job | None:
        """Return the job of a message or feed entry; what cannot be read is parked, and None returned."""
        try:
            event = self.hearing.read(message) if message else self.hearing.read_raw(raw)
        except (ValueError, RecursionError) as error:
            unreadable = _Job(raw, None, subject, message)
            with _traced([unreadable]):
                await self._park(unreadable, f"unreadable: {type(error).__name__}", 1)
            return None
        return _Job(raw, event, subject, message)

    # --- one batch

    async def _handle(self, jobs: list[_Job]) -> list[_Job]:
        """Handle *jobs* in one transaction, or one by one when that fails; return those that must be tried again."""
        if len(jobs) > 1:
            try:
                with _traced(jobs):
                    await self._transact(jobs)
                return []
            except Exception as error:  # noqa: BLE001 -- whatever it is, one of these events is the culprit
                log.warning(
                    "batch_split", service=self.name, events=len(jobs), reason=repr(error)[:300]
                )
        return [job for job in jobs if not await self._settled_alone(job)]

    async def _settled_alone(self, job: _Job) -> bool:
        """Handle one event by itself; False when it waits for another try."""
        with _traced([job]):
            try:
                await self._transact([job])
            except Permanent as error:
                await self._park(job, str(error), 1)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it is counted and parked at last
                return await self._parked_at_last(job, error)
        return True

    async def _transact(self, jobs: list[_Job]) -> None:
        late = not failpoints.without("late_ack")
        if not late:
            await _ack(jobs)
        said = await self._committed(jobs)
        await failpoints.reach("bus.committed", self.name)
        if self.after_commit:
            self.after_commit()
        if late:
            await _ack(jobs)
        await failpoints.reach("bus.acked", self.name)
        self.events_handled += len(jobs)
        self.last_batch_at = self.clock()
        if said:
            await self.bus.say_visible(said)

    async def _committed(self, jobs: list[_Job]) -> Sequence[VisibleEvent]:
        """Run the handler and commit; an unreachable database is waited for, with the messages kept alive."""
        delay = 1.0
        while True:
            try:
                async with self.db.sessions.begin() as session:
                    said = await self.handler(
                        [job.event for job in jobs], session, self.clock(), **self.resources
                    )
                    await failpoints.reach("bus.handled", self.name)
                    await self._note(session, jobs)
                    await failpoints.reach("bus.noted", self.name)
                return said or ()
            except Exception as error:
                if not unreachable(error):
                    raise
                log.warning(who_is_away(error), service=self.name, reason=why(error))
            await asyncio.sleep(delay)
            delay = min(delay * 2, 15.0)

    async def _note(self, session: AsyncSession, jobs: list[_Job]) -> None:
        sequences = [job.sequence for job in jobs if job.sequence and self._current(job)]
        if not sequences or not self.feed:
            return
        await position.mark_seen(
            session, self.tables.position, self.name, position.ranges(sequences)
        )
        if min(sequences) > self._highest + 1:
            self._gap.set()
        self._highest = max(self._highest, *sequences)

    def _current(self, job: _Job) -> bool:
        """Say whether the event is of the epoch that our position belongs to; else the feed settles it."""
        if self._epoch is None or job.epoch == self._epoch:
            return self._epoch is not None
        self._gap.set()
        return False

    async def _parked_at_last(self, job: _Job, error: Exception) -> bool:
        """Park after the last try (True), or ask for another one later (False)."""
        key = job.message.metadata.sequence.stream if job.message else -job.sequence
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        log.warning("event_failed", service=self.name, tries=tries, reason=repr(error)[:500])
        if tries >= TRIES:
            del self._tries[key]
            await self._park(job, repr(error)[:500], tries)
            return True
        if job.message:
            await job.message.nak(delay=min(2.0 ** (tries - 1), 60.0))
        return False

    async def _park(self, job: _Job, reason: str, tries: int) -> None:
        """Commit a row with the bytes and the reason, then ack, then say so on PARKED."""
        event_id = getattr(job.event, "id", None)
        row = {
            "consumer": self.name,
            "event_id": event_id,
            "subject": job.place,
            "reason": reason,
            "raw": job.raw,
            "tries": tries,
        }
        async with self.db.sessions.begin() as session:
            answer = await session.execute(
                insert(self.tables.parked).values(row).returning(self.tables.parked.c.parked_id)
            )
            parked_id = int(answer.scalar_one())
            await self._note(session, [job])
        await failpoints.reach("bus.parked", self.name)
        await _ack([job])
        log.error(
            "event_parked", service=self.name, parked_id=parked_id, event_id=event_id, reason=reason
        )
        data = Parked(
            service=self.name,
            parked_id=parked_id,
            event_id=event_id,
            subject=job.place,
            reason=reason,
        )
        event = ParkedEvent(
            id=str(uuid7()),
            source=f"/services/{self.name}",
            type=PARKED,
            time=self.clock(),
            traceparent=job.trace,
            data=data,
        )
        await self.bus.say(event, subject=f"parked.{self.name}", stream="PARKED")

    # --- from the record feed

    async def _catch_up_for_ever(self) -> None:
        ripe: int | None = (
            None  # at start everything is read; later only what had time to come by the stream
        )
        while True:
            head = 0
            try:
                head = await self._catch_up(ripe)
                ripe, self.caught_up = head, True
            except FeedUnreachable as error:
                log.debug("feed_unreachable", service=self.name, reason=str(error)[:200])
            except Exception as error:
                if not unreachable(error):
                    log.exception("catch_up_failed", service=self.name)
            if self.caught_up:
                ripe = await self._pause(head)
            else:
                await asyncio.sleep(1)

    async def _pause(self, head: int) -> int:
        """Wait for the next look at the feed, or for a gap that stays open; return up to where to look then."""
        try:
            await asyncio.wait_for(self._gap.wait(), self.anti_entropy)
        except asyncio.TimeoutError:
            return head
        self._gap.clear()
        highest = self._highest
        await asyncio.sleep(GAP_PATIENCE)
        return max(highest, head)

    async def _catch_up(self, ripe: int | None) -> int:
        """Hand the handler what it has not seen up to sequence *ripe* (None: the head); return the head."""
        if self.feed is None or failpoints.without("feed"):
            return 0
        epoch, head = await self.feed.head()
        await self._settle_epoch(epoch, head)
        through = head if ripe is None else min(ripe, head)
        async with self.db.sessions.begin() as session:
            holes = await position.missing(session, self.tables.position, self.name, through)
        for low, high in holes:
            await self._fill(low, high)
        return head

    async def _fill(self, low: int, high: int) -> None:
        """Read [low, high) from the feed, page by page, through the handler."""
        if self.feed is None:
            return
        after = low - 1
        while after < high - 1:
            page = await self.feed.read(after, through=high - 1)
            jobs = [job for raw in page.events if (job := await self._read(raw, "feed"))]
            await failpoints.reach("feed.read", self.name)
            async with self._turn:
                waiting = {job.sequence for job in await self._handle(jobs)}
                await failpoints.reach("feed.handled", self.name)
                async with self.db.sessions.begin() as session:
                    span = position.ranges(
                        s for s in range(after + 1, page.through + 1) if s not in waiting
                    )
                    await position.mark_seen(session, self.tables.position, self.name, span)
            await failpoints.reach("feed.marked", self.name)
            log.info("read_from_feed", service=self.name, events=len(jobs), through=page.through)
            if page.through <= after:
                return
            after = page.through

    async def _settle_epoch(self, epoch: UUID, head: int) -> None:
        if self._epoch == epoch:
            return
        async with self.db.sessions.begin() as session:
            known = await position.epoch_of(session, self.tables.position, self.name)
        if known is not None and known != epoch and self.on_epoch:
            await self.on_epoch(epoch)
        if known != epoch:
            async with self.db.sessions.begin() as session:
                seen = (
                    await self.first_contact(session, epoch, head) if self.first_contact else "{}"
                )
                await position.begin_epoch(session, self.tables.position, self.name, epoch, seen)
        self._epoch = epoch


async def _ack(jobs: Sequence[_Job]) -> None:
    """Tell the server that these messages are done with; a lost ack brings them again."""
    for job in jobs:
        if job.message:
            await job.message.ack()


async def _give_back(messages: Sequence[Msg]) -> None:
    """Ask for these messages again after a while; harmless for those that are acked."""
    for message in messages:
        with suppress(NatsError):
            await message.nak(delay=5)


async def _keep_alive(messages: list[Msg]) -> None:
    """Tell the server every third of `ack_wait` that the batch is still being worked on."""
    while True:
        await asyncio.sleep(streams.ACK_WAIT / 3)
        for message in messages:
            with suppress(NatsError):
                await message.in_progress()
