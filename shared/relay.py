"""The relay: gives the record its sequence and sends the outbox to JetStream. One leader, others stand by.

The leader assigns and commits on the connection that holds its advisory lock, so a lost connection is a lost
leadership. Rows are taken in the order of their ids among the unsent ones, never by "id > cursor": a late commit
is sent late, not skipped. Batches are atomic (group commit of the server); what a server refuses is sent one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

import psycopg
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NoStreamResponseError

from shared import failpoints, streams
from shared.atomic import MOST, Message, publish_atomically
from shared.bus import connect, headers_of
from shared.leader import Connection, holding
from shared.outbox import CHANNEL, with_sequence

log = structlog.get_logger()

BATCH = MOST
"""Rows that are read, and sent, together."""
POLL = 0.25
"""Seconds between looks when no notification comes."""
BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of an atomic batch; a single larger event goes alone."""


@dataclass(frozen=True)
class Row:
    """A row of the outbox that is to be sent."""

    outbox_id: int
    event_id: str
    stream: str
    subject: str
    body: bytes
    traceparent: str | None
    sequence: int | None

    def payload(self, epoch: UUID) -> bytes:
        """Return the event as it is sent, with its sequence and *epoch*."""
        return with_sequence(self.body, self.sequence, epoch) if self.sequence else self.body

    def headers(self) -> dict[str, str]:
        """Return the headers it is sent with."""
        return headers_of(self.event_id, self.traceparent, stream=self.stream)

    def message(self, epoch: UUID) -> Message:
        """Return it as a message of a batch."""
        return Message(self.subject, self.payload(epoch), self.headers())


class Relay:
    """Runs until cancelled; safe to run in any number of copies."""

    def __init__(self, database_url: str, nats_url: str, *, schema: str = "catalog") -> None:
        self._database_url = database_url
        self._nats_url = nats_url
        self._schema = schema
        self.leading = False
        self.sent = 0

    async def run(self) -> None:
        """Lead when the lock is free, wait for it otherwise; errors are logged and tried again for ever."""
        client = asyncio.create_task(connect(self._nats_url, name="relay"))
        try:
            while True:
                try:
                    lock = f"relay {self._schema}"
                    async with holding(self._database_url, lock, called="relay") as connection:
                        await connection.execute(f"LISTEN {CHANNEL}")
                        self.leading = True
                        log.info("relay_leads", service="relay")
                        await self._lead(connection, client)
                except (psycopg.Error, OSError) as error:
                    log.warning("relay_lost_database", service="relay", reason=type(error).__name__)
                finally:
                    self.leading = False
                await asyncio.sleep(1)
        finally:
            client.cancel()
            if client.done() and not client.cancelled():
                with suppress(NatsError):
                    await client.result().close()

    async def _lead(self, connection: Connection, client: asyncio.Task[Client]) -> None:
        patience = 0.0
        while True:
            try:
                await self._empty(connection, client)
                patience = 0.0
            except (NatsError, asyncio.TimeoutError) as error:
                log.warning("relay_cannot_send", service="relay", reason=repr(error)[:200])
                patience = min(patience + 0.5, 5.0)
            await self._wait(connection, POLL + patience)

    async def _empty(self, connection: Connection, client: asyncio.Task[Client]) -> None:
        """Send every unsent row; while the server stores one batch, the next is read."""
        epoch = await self._assign(connection)
        rows = await self._unsent(connection, besides=[]) if client.done() else []
        if rows:
            await failpoints.reach("relay.numbered")
        while rows:
            sent: list[Row] = []
            sending = asyncio.create_task(self._send(client.result(), rows, epoch, sent))
            try:
                following = []
                if len(rows) == BATCH:
                    await self._assign(connection)
                    following = await self._unsent(connection, besides=rows)
                await sending
            finally:
                sending.cancel()
                if sent:
                    await self._mark(connection, sent)
            rows = following

    async def _wait(self, connection: Connection, seconds: float) -> None:
        async for _ in connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def _assign(self, connection: Connection) -> UUID:
        """Give every record row that has none its sequence, in order of id, and commit; return the epoch."""
        async with connection.transaction():
            row = await (
                await connection.execute(
                    f"WITH fresh AS (SELECT outbox_id, row_number() OVER (ORDER BY outbox_id) AS n "
                    f"FROM {self._schema}.outbox WHERE NOT sent AND sequence IS NULL AND stream = 'RECORD'), "
                    f"given AS (UPDATE {self._schema}.outbox o SET sequence = h.sequence + fresh.n "
                    f"FROM fresh, {self._schema}.head h WHERE o.outbox_id = fresh.outbox_id RETURNING 1) "
                    f"UPDATE {self._schema}.head SET sequence = sequence + (SELECT count(*) FROM given), moved_at = now() "
                    f"WHERE EXISTS (SELECT 1 FROM given) RETURNING epoch"
                )
            ).fetchone()
        if row is None:
            row = await (
                await connection.execute(f"SELECT epoch FROM {self._schema}.head")
            ).fetchone()
        if row is None:
            raise psycopg.OperationalError("the record has no head: run `gazette migrate`")
        return UUID(str(row[0]))

    async def _send(
        self, client: Client, rows: Sequence[Row], epoch: UUID, sent: list[Row]
    ) -> None:
        """Send *rows*, the record first, and add to *sent* what the server has acknowledged."""
        for stream, group in groupby(sorted(rows, key=_urgency), key=lambda row: row.stream):
            for part in _parts(list(group)):
                await failpoints.reach("relay.begun")
                await self._send_part(client, stream, part, epoch)
                await failpoints.reach("relay.sent")
                sent += part

    async def _unsent(self, connection: Connection, *, besides: Sequence[Row]) -> list[Row]:
        """Return the first unsent rows, up to `BATCH`, that are not in *besides*: those are under way."""
        cursor = await connection.execute(
            f"SELECT outbox_id, event_id, stream, subject, convert_to(body, 'UTF8'), traceparent, sequence FROM {self._schema}.outbox "
            f"WHERE NOT sent AND (sequence IS NOT NULL OR stream <> 'RECORD') AND outbox_id <> ALL(%s) "
            f"ORDER BY outbox_id LIMIT {BATCH}",
            ([row.outbox_id for row in besides],),
            binary=True,
        )
        return [Row(*row) for row in await cursor.fetchall()]

    async def _mark(self, connection: Connection, rows: Sequence[Row]) -> None:
        """A mark may be lost in a crash: the row is then sent again under the same Nats-Msg-Id."""
        async with connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(
                f"UPDATE {self._schema}.outbox SET sent = true WHERE outbox_id = ANY(%s)",
                ([r.outbox_id for r in rows],),
            )
        self.sent += len(rows)
        await failpoints.reach("relay.marked")

    async def _send_part(
        self, client: Client, stream: str, rows: Sequence[Row], epoch: UUID
    ) -> None:
        if not client.is_connected:
            raise NatsError("not connected")
        if len(rows) > 1 and await publish_atomically(
            client,
            (row.message(epoch) for row in rows),
            len(rows),
            halfway=lambda: failpoints.reach("relay.half"),
        ):
            return
        for row in rows:
            await self._send_one(client, stream, row, epoch)

    async def _send_one(self, client: Client, stream: str, row: Row, epoch: UUID) -> None:
        js = client.jetstream(timeout=5)
        try:
            await js.publish(
                row.subject, row.payload(epoch), stream=stream, headers=row.headers(), timeout=5
            )
        except (NoStreamResponseError, APIError) as error:
            log.warning(
                "stream_missing_or_refused",
                service="relay",
                stream=stream,
                reason=repr(error)[:200],
            )
            await streams.apply_with(client)
            raise NatsError("stream refused") from error


def _urgency(row: Row) -> tuple[bool, str]:
    """Sort the record before what is said of it: readers wait for the record."""
    return row.stream != "RECORD", row.stream


def _parts(rows: list[Row]) -> list[list[Row]]:
    """Cut *rows* into batches of at most `BATCH_BYTES`, keeping their order."""
    parts: list[list[Row]] = [[]]
    size = 0
    for row in rows:
        if parts[-1] and size + len(row.body) > BATCH_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += len(row.body)
    return parts
