"""The renderer's two loops: items as soon as they are queued; beside them lists, which keep to their share of the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from services.publisher.actions.build_trees import current_trees, drop_old, serve_built
from services.publisher.actions.queue_paths import Sessions
from services.publisher.actions.render_dirty import Pick, Rendered, Visible, render_dirty
from services.publisher.reads.frame import Surroundings
from services.publisher.store import SiteStore
from shared import failpoints
from shared.background import background
from shared.db import unreachable, who_is_away, why

log = structlog.get_logger()

POLL = 0.25
"""Seconds between looks at the queue when nobody wakes us: other copies queue paths too."""
LISTS_SHARE = 0.1
"""Part of the time that lists may take while items keep coming: many changes of one list become one write."""
KEEP_COMING = 1.0
"""Seconds after the last item in which others are expected; then lists take the time they need."""
LISTS_AHEAD = 1.0
"""Seconds of rendering that lists may take at once after a quiet time: a single item's lists do not wait."""
KEEP_OLD = 60.0
"""Seconds that a tree stays after another is served in its place: readers may still be in it."""


@dataclass
class Renderer:
    """Renders until it is left."""

    sessions: Sessions
    store: SiteStore
    around: Surroundings
    say: Callable[[Sequence[Visible]], Awaitable[None]] | None = None
    """Says first visibilities; best effort, after the commit."""
    caught_up: Callable[[], Awaitable[bool]] | None = None
    """Whether the record has been read to its head: after a restore no tree is served before."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))  # noqa: TID251 — an edge: `shown` and effects bear its time
    keep_old: float = KEEP_OLD

    def __post_init__(self) -> None:
        self._items_wake, self._lists_wake = asyncio.Event(), asyncio.Event()
        self._saying: set[asyncio.Task[None]] = set()
        self._budget, self._budget_at = LISTS_AHEAD, time.monotonic()
        self._items_at = 0.0
        self._turns = 0
        self._trees: dict[str, int] = {}
        self._trees_at = 0.0
        self._drop_at: float | None = time.monotonic()
        self.last_round_at: datetime | None = None

    async def __aenter__(self) -> Self:
        self._rounds = background(
            partial(self._keep, self._items_round, self._items_wake),
            partial(self._keep, self._lists_round, self._lists_wake),
        )
        await self._rounds.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._rounds.__aexit__(None, None, None)

    def wake(self) -> None:
        """Say that something is queued."""
        self._items_wake.set()
        self._lists_wake.set()

    async def drain(self) -> int:
        """Render until nothing is ready; return how many paths that were. For tests and for the command line."""
        total = 0
        while done := await self._items_round(fresh=True) + await self._lists_round(patient=False):
            total += done
        await asyncio.gather(*self._saying)
        return total

    async def _keep(self, round_of: Callable[[], Awaitable[int]], wake: asyncio.Event) -> None:
        """Go round for ever; wait when there was nothing to do, longer after an error."""
        delay = POLL
        while True:
            wake.clear()
            try:
                if await round_of():
                    continue
                delay = POLL
            except Exception as error:  # the loop outlives a full disk and a database that is away
                if unreachable(error):
                    log.warning(who_is_away(error), service="publisher", reason=why(error))
                else:
                    log.exception("render_failed", service="publisher")
                delay = min(max(delay, POLL) * 2, 15.0)
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), delay)

    async def _items_round(self, *, fresh: bool = False) -> int:
        """Render a batch of items of the served tree; return how many, and wake the lists that they dirtied."""
        trees = await self._current_trees(fresh=fresh)
        if "living" not in trees:
            return 0
        done = (await self._batch(trees["living"], Pick.ITEMS)).paths
        if done:
            self._items_at = time.monotonic()
            self._lists_wake.set()
        self.last_round_at = self.clock()
        return done

    async def _lists_round(self, *, patient: bool = True) -> int:
        """Render a batch of lists of the served tree, and of anything in one that is built; return how many paths.

        *patient*: lists of the served tree keep to their share of the time while items come.
        """
        trees = await self._current_trees(fresh=not patient)
        total = 0
        if "living" in trees:
            overdrawn = -self._lists_budget()
            items_come = time.monotonic() - self._items_at < KEEP_COMING
            if patient and items_come and overdrawn >= 0:
                await asyncio.sleep(min(POLL, overdrawn / LISTS_SHARE + 0.01))
            else:
                total += await self._lists(trees["living"])
        if "building" in trees:
            total += (await self._batch(trees["building"], Pick.ANY)).paths
            if await serve_built(self.sessions, self.store, caught_up=self.caught_up):
                total += 1
                self._drop_at = time.monotonic() + self.keep_old
        await self._tidy()
        self.last_round_at = self.clock()
        return total

    async def _current_trees(self, *, fresh: bool) -> dict[str, int]:
        """Return the trees that are written; when one begins is noticed within a poll."""
        if fresh or "building" in self._trees or time.monotonic() - self._trees_at > POLL:
            before = self._trees
            async with self.sessions.begin() as session:
                self._trees, self._trees_at = await current_trees(session), time.monotonic()
            if before and before != self._trees:
                # One was given up, or another copy of us has switched. Nothing else may put this off: a text that
                # vanished stays in old trees until then, and building one takes hours.
                self._drop_at = time.monotonic() + self.keep_old
        return self._trees

    async def _lists(self, tree: int) -> int:
        """Render one batch of lists, every third time those that have waited longest, and count the time it took."""
        self._turns += 1
        began = time.monotonic()
        rendered = await self._batch(tree, Pick.LISTS if self._turns % 3 else Pick.OLDEST_LISTS)
        if rendered.paths:
            self._budget = self._lists_budget() - (time.monotonic() - began)
            self._items_wake.set()  # lists of a withdrawal may have waited for one that was being written
        return rendered.paths

    def _lists_budget(self) -> float:
        """Return the seconds that lists may take now; it grows with time, up to `LISTS_AHEAD`."""
        now = time.monotonic()
        self._budget = min(LISTS_AHEAD, self._budget + (now - self._budget_at) * LISTS_SHARE)
        self._budget_at = now
        return self._budget

    async def _tidy(self) -> None:
        if self._drop_at is not None and time.monotonic() >= self._drop_at:
            await drop_old(self.sessions, self.store)
            self._drop_at = None

    async def _batch(self, tree: int, pick: Pick) -> Rendered:
        now = self.clock()
        async with self.sessions.begin() as session:
            rendered = await render_dirty(
                session, tree, store=self.store, around=self.around, now=now, pick=pick
            )
        if rendered.paths:
            await failpoints.reach("render.committed")
        if rendered.visible and self.say:
            saying = asyncio.create_task(self._said(rendered.visible))
            self._saying.add(saying)
            saying.add_done_callback(self._saying.discard)
        return rendered

    async def _said(self, visible: Sequence[Visible]) -> None:
        """Say what became visible while the next batch is rendered: a broker that is away holds up no page."""
        if self.say:
            await self.say(visible)
