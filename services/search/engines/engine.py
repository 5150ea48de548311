"""What an engine does, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.search.rules.ask import Ask, Found, Hit
from services.search.rules.card import Card, Stored
from shared.errors import Unavailable

FACETS = ("department", "catalogue", "genre", "topic", "year", "validity")


class SearchDown(Unavailable, ConnectionError):
    """搜索暂时不可用，请稍后再试。 / Search is not available now; please try again shortly."""

    moment = False
    """Whether it may be over when one asks again at once."""

    @classmethod
    def kind(cls) -> str:
        """Return one name for whatever keeps the engine from answering."""
        return "search-down"

    @classmethod
    def for_a_moment(cls, status: int) -> SearchDown:
        """Return what a cluster's answer of this status means."""
        down = cls()
        down.moment = status >= 500
        return down


class HitGone(Exception):
    """What was found has been taken away before it was read; ask again."""


class Engine(Protocol):
    """An index of cards; every call blocks, so callers use a thread.

    What is written is seen by the next `search` after `write` returns. Reads never wait for writes. Tombstones are kept
    for their version, and are no hit of anything. An engine on other machines raises `SearchDown` while these cannot
    answer.
    """

    def write(self, cards: Sequence[Card]) -> None:
        """Replace or add the cards; a later card of the same item counts.

        A call that raises is made again with the same cards: until then an engine may hold all, none or some of them.
        """
        ...

    def search(self, ask: Ask, *, offset: int, limit: int, newest: bool) -> Found:
        """Return hits in the order of their score (or newest first) and their exact number."""
        ...

    def count(self, ask: Ask) -> int:
        """Return the exact number of hits."""
        ...

    def facets(
        self, ask: Ask, names: Sequence[str], *, size: int
    ) -> dict[str, list[tuple[str, int]]]:
        """Return the *size* most frequent values of each field with their exact counts, equal counts by value."""
        ...

    def read(self, hits: Sequence[Hit]) -> list[Stored]:
        """Return what the cards keep for showing, in the order of *hits*; may raise `HitGone`."""
        ...

    def versions(self, item_ids: Sequence[str]) -> dict[str, int]:
        """Return the version of each of these items that is held, tombstones included."""
        ...

    def size(self) -> int:
        """Return the number of cards, tombstones included."""
        ...

    def newest_sequence(self) -> int:
        """Return the highest sequence of any card; 0 without one."""
        ...

    def close(self) -> None:
        """End the writer and free the folder."""
        ...
