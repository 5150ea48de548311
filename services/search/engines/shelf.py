"""Where the index lies: which engine answers now, what it was made with, and its successor during a rebuild."""

from __future__ import annotations

import asyncio
from typing import Protocol
from uuid import UUID

from services.search.engines.engine import Engine


class Shelf(Protocol):
    """Holds the living index and swaps it for a new one; reads go on all the time. What is not a field blocks."""

    engine: Engine
    """Reads and writes the living index."""
    shared: bool
    """Whether other copies of the service have the same index, and may change it at any time."""
    stale: bool
    """Made by other code than this, or missing; while it can be read it answers until a rebuild is done."""
    turn: asyncio.Lock
    """Held while the living index is written or swapped by this process."""
    rebuilding: asyncio.Lock

    @property
    def epoch(self) -> UUID | None:
        """The epoch of the record that the living index shows; None when it is not known."""
        ...

    def look(self) -> None:
        """See how things stand with an index that others change too."""
        ...

    def belong_to(self, epoch: UUID | None) -> None:
        """Note the epoch at the first event of an empty index."""
        ...

    def begin(self) -> tuple[str, Engine]:
        """Make an empty index beside the living one."""
        ...

    def swap(self, name: str, engine: Engine, epoch: UUID) -> Engine:
        """Let *engine* answer from now on; return the one before, which the caller drops."""
        ...

    def drop(self, engine: Engine) -> None:
        """Close an index that does not answer, and remove all that do not live."""
        ...

    def close(self) -> None:
        """Close the living index."""
        ...
