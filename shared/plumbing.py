"""The tables that every consumer keeps in its own schema: position, parked, shown."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE


@dataclass(frozen=True)
class Plumbing:
    """The plumbing tables of one service."""

    position: Table
    """Which sequences of the record this consumer has dealt with, as one multirange, and their epoch."""
    parked: Table
    """What could not be processed, with its bytes."""
    shown: Table
    """Which version of each item this projection shows, since when."""


def plumbing(metadata: MetaData) -> Plumbing:
    """Add the plumbing tables to *metadata* and return them."""
    position = Table(
        "position",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("epoch", Uuid),
        Column("seen", INT8MULTIRANGE, nullable=False, server_default=text("'{}'")),
    )
    parked = Table(
        "parked",
        metadata,
        Column("parked_id", BigInteger, Identity(), primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("event_id", Text),
        Column("subject", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("raw", LargeBinary, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
    shown = Table(
        "shown",
        metadata,
        Column("item_id", Uuid, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("since", DateTime(timezone=True), nullable=False),
    )
    return Plumbing(position, parked, shown)
