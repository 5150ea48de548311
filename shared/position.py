"""Which sequences of the record a consumer has dealt with: one multirange, merged by the database."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncSession


def ranges(sequences: Iterable[int]) -> str:
    """Return *sequences* as the text of a multirange: `{[3,6),[9,10)}`."""
    spans: list[list[int]] = []
    for sequence in sorted(set(sequences)):
        if spans and sequence == spans[-1][1]:
            spans[-1][1] += 1
        else:
            spans.append([sequence, sequence + 1])
    return "{" + ",".join(f"[{low},{high})" for low, high in spans) + "}"


def named_in(raw: bytes) -> tuple[int, UUID | None]:
    """Return the sequence and epoch that the bytes of a record event name, or (0, None): it may be unreadable otherwise."""
    try:
        data = from_json(raw)["data"]
        sequence, epoch = int(data["sequence"]), UUID(data["epoch"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return 0, None
    return (sequence, epoch) if 0 < sequence < 2**62 else (0, None)


async def mark_seen(session: AsyncSession, position: Table, consumer: str, seen: str) -> None:
    """Add the multirange text *seen* to what *consumer* has dealt with."""
    await session.execute(
        text(
            f"INSERT INTO {position.fullname} AS p (consumer, seen) VALUES (:consumer, CAST(:seen AS int8multirange)) "
            "ON CONFLICT (consumer) DO UPDATE SET seen = p.seen + excluded.seen"
        ),
        {"consumer": consumer, "seen": seen},
    )


async def missing(
    session: AsyncSession, position: Table, consumer: str, through: int
) -> list[tuple[int, int]]:
    """Return the stretches [low, high) of 1…*through* that *consumer* has not dealt with, lowest first."""
    rows = await session.execute(
        text(
            "SELECT lower(r), upper(r) FROM unnest(int8multirange(int8range(1, :through + 1)) - coalesce("
            f"(SELECT seen FROM {position.fullname} WHERE consumer = :consumer), '{{}}'::int8multirange)) AS r ORDER BY 1"
        ),
        {"consumer": consumer, "through": max(through, 0)},
    )
    return [(low, high) for low, high in rows]


async def epoch_of(session: AsyncSession, position: Table, consumer: str) -> UUID | None:
    """Return the epoch that *consumer*'s position belongs to; None before its first contact."""
    row = await session.execute(
        text(f"SELECT epoch FROM {position.fullname} WHERE consumer = :consumer"),
        {"consumer": consumer},
    )
    return row.scalar()


async def begin_epoch(
    session: AsyncSession, position: Table, consumer: str, epoch: UUID, seen: str = "{}"
) -> None:
    """Start *consumer* anew in *epoch*, with *seen* as what it has dealt with."""
    await session.execute(
        text(
            f"INSERT INTO {position.fullname} (consumer, epoch, seen) "
            "VALUES (:consumer, :epoch, CAST(:seen AS int8multirange)) "
            "ON CONFLICT (consumer) DO UPDATE SET epoch = excluded.epoch, seen = excluded.seen"
        ),
        {"consumer": consumer, "epoch": epoch, "seen": seen},
    )
