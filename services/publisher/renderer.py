"""The renderer's loop: what is queued is rendered, items before lists; lists take a quarter of the time at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import structlog

from services.publisher.actions.build_trees import Sessions, current_trees, drop_old, serve_built
from services.publisher.actions.render_dirty import Rendered, Visible, render_dirty
from services.publisher.reads.frame import Surroundings
from services.publisher.store import SiteStore
from shared.db import unreachable

log = structlog.get_logger()

POLL = 0.25
"""Seconds between looks at the queue when nobody wakes us: other copies queue paths too."""
LISTS_SHARE = 0.3
"""Part of the time that lists may take while items come: many changes of one list become one write."""
KEEP_OLD = 60.0
"""Seconds that a tree stays after another is served in its place: readers may still be in it."""


@dataclass
class Renderer:
    """Renders until it is left."""

    sessions: Sessions
    store: SiteStore
    around: Surroundings
    say: Callable[[Sequence[Visible], datetime], Awaitable[None]] | None = None
    """Says first visibilities; best effort, after the commit."""
    caught_up: Callable[[], bool] = field(default=lambda: True)
    """Whether the record has been read to its head: a new tree is not served before."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))  # noqa: TID251 — an edge: `shown` and effects bear its time
    keep_old: float = KEEP_OLD

    def __post_init__(self) -> None:
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lists_rest_until = 0.0
        self._drop_at: float | None = time.monotonic()
        self.last_round_at: datetime | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="publisher renders")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """Say that something is queued."""
        self._wake.set()

    async def drain(self) -> int:
        """Render until nothing is ready; return how many paths that were. For tests and for the command line."""
        total = 0
        while done := await self._round(patient=False):
            total += done
        return total

    async def _run(self) -> None:
        delay = POLL
        while True:
            try:
                busy = await self._round(patient=True) > 0
                delay = POLL
            except Exception as error:  # the loop outlives a full disk and a database that is away
                if unreachable(error):
                    log.warning(
                        "database_unreachable", service="publisher", reason=type(error).__name__
                    )
                else:
                    log.exception("render_failed", service="publisher")
                busy, delay = False, min(delay * 2, 15.0)
            if not busy:
                await self._pause(delay)

    async def _pause(self, delay: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), delay)
        self._wake.clear()

    async def _round(self, *, patient: bool) -> int:
        """Render one batch of each tree that is written; return how many paths."""
        self._wake.clear()
        async with self.sessions.begin() as session:
            trees = await current_trees(session)
        total = 0
        for standing, tree in trees.items():
            served = standing == "living"
            rendered = await self._batch(
                tree, lists=not (patient and served and time.monotonic() < self._lists_rest_until)
            )
            total += rendered.paths
        if "building" in trees:
            total += await serve_built(self.sessions, self.store, caught_up=self.caught_up())
            self._drop_at = time.monotonic() + self.keep_old
        if self._drop_at is not None and time.monotonic() >= self._drop_at:
            await drop_old(self.sessions, self.store)
            self._drop_at = None
        self.last_round_at = self.clock()
        return total

    async def _batch(self, tree: int, *, lists: bool) -> Rendered:
        began, now = time.monotonic(), self.clock()
        async with self.sessions.begin() as session:
            rendered = await render_dirty(
                session, tree, store=self.store, around=self.around, now=now, lists=lists
            )
        ended = time.monotonic()
        if rendered.lists:
            self._lists_rest_until = ended + (ended - began) * (1 / LISTS_SHARE - 1)
        if rendered.visible and self.say:
            await self.say(rendered.visible, now)
        return rendered
