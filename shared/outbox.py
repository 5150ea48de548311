"""The outbox: a change and what is said of it commit together; `shared/relay.py` sends it.

Record rows stay for ever: they are the record feed. `sequence` is gapless over the record and given by the
relay's leader; the two last members of a record event's `data`, `sequence` and `epoch`, are put in when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from shared.arrays import Texts
from shared.session import Statement, together

CHANNEL = "gazette_outbox"
"""LISTEN/NOTIFY channel: a hint for the relay, which polls anyway."""


@dataclass(frozen=True)
class Outgoing:
    """One event to be said, in the transaction that makes it true."""

    outbox_id: int
    event_id: str
    stream: str
    subject: str
    body: bytes
    """The encoded event; for RECORD without `sequence` and `epoch`, `data` being the last member."""
    traceparent: str | None = None


@dataclass(frozen=True)
class OutboxTables:
    """The outbox and the head of the record."""

    outbox: Table
    head: Table


def outbox_tables(metadata: MetaData) -> OutboxTables:
    """Add the outbox and the record's head to *metadata* and return them."""
    outbox = Table(
        "outbox",
        metadata,
        Column("outbox_id", BigInteger, Identity(always=False), primary_key=True),
        Column("event_id", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("traceparent", Text),
        Column("sequence", BigInteger),
        Column("sent", Boolean, nullable=False, server_default=text("false")),
        Column("made_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
        CheckConstraint(
            "sequence IS NULL OR stream = 'RECORD'", name="only_the_record_has_a_sequence"
        ),
        Index("ix_outbox_unsent", "outbox_id", postgresql_where=text("NOT sent")),
        Index(
            "uq_outbox_sequence",
            "sequence",
            unique=True,
            postgresql_where=text("sequence IS NOT NULL"),
        ),
        Index(
            "ix_outbox_outcomes",
            "subject",
            "outbox_id",
            postgresql_where=text("stream = 'OUTCOMES'"),
        ),
    )
    head = Table(
        "head",
        metadata,
        Column("one", Boolean, primary_key=True, server_default=text("true")),
        Column("epoch", Uuid, nullable=False),
        Column("sequence", BigInteger, nullable=False, server_default=text("0")),
        Column("moved_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
        CheckConstraint("one", name="one_row"),
    )
    return OutboxTables(outbox, head)


def with_sequence(body: bytes, sequence: int, epoch: UUID) -> bytes:
    """Return a record event as sent: `sequence` and `epoch` put in as the last members of `data`."""
    return b'%b,"sequence":%d,"epoch":"%b"}}' % (body[:-2], sequence, str(epoch).encode())


def reserving(outbox: Table, count: int) -> Statement:
    """Return the statement that reserves *count* fresh outbox ids, a row each."""
    return (
        "SELECT nextval(pg_get_serial_sequence(:name, 'outbox_id')) FROM generate_series(1, :count)",
        {"name": outbox.fullname, "count": count},
    )


async def reserve_ids(session: AsyncSession, outbox: Table, count: int) -> list[int]:
    """Return *count* fresh outbox ids, ascending."""
    [rows] = await together(session, reserving(outbox, count))
    return [row[0] for row in rows]


def announcing(outbox: Table, events: Sequence[Outgoing], *, now: datetime) -> list[Statement]:
    """Return the statements that add *events* to a transaction and wake the relay when it commits."""
    if not events:
        return []
    columns = ("event_id", "stream", "subject", "body", "traceparent")
    return [
        (
            (
                f"INSERT INTO {outbox.fullname} (outbox_id, event_id, stream, subject, body, traceparent, made_at) "
                "SELECT *, CAST(:now AS timestamptz) FROM unnest(CAST(:outbox_id AS bigint[]), CAST(:event_id AS text[]), "
                "CAST(:stream AS text[]), CAST(:subject AS text[]), CAST(:body AS text[]), CAST(:traceparent AS text[]))"
            ),
            {"now": now}
            | {"outbox_id": [event.outbox_id for event in events]}
            | {name: Texts(getattr(event, name) for event in events) for name in columns},
        ),
        (f"SELECT pg_notify('{CHANNEL}', '')", {}),
    ]


async def announce(
    session: AsyncSession, outbox: Table, events: Sequence[Outgoing], *, now: datetime
) -> None:
    """Add *events* to this transaction, nothing more."""
    await together(session, *announcing(outbox, events, now=now))
