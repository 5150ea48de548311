"""One row of the queue with everything that its files are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Sheet:
    """One row of the queue with everything read that its files are drawn from."""

    path: str
    draw: Callable[[], dict[str, bytes | None]]
    tries: int = 0
    item_id: UUID | None = None
    department: str = ""
    version: int = 0
    sequence: int = 0
    sha256: str = ""
    folder: str | None = None
    """Folder that belongs to these files alone: what else lies there goes."""
