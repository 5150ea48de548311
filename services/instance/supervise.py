"""Keep servers running: start, watch, start again with growing patience, end in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from shared.background import end

log = structlog.get_logger()

LOOK_EVERY = 0.1
FIRST_PATIENCE = 0.5
LONGEST_PATIENCE = 30.0
LONG_ENOUGH = 10.0
"""Seconds that a server has to run before its next death counts as the first."""


class Server(Protocol):
    """A child process that serves. Only `launch` has to be called from the main thread."""

    name: str

    def prepare(self) -> None:
        """Make ready what the process needs; may take long."""

    def launch(self) -> None:
        """Start the process."""

    def wait_ready(self) -> None:
        """Wait until it serves; refuse if it does not."""

    def alive(self) -> bool:
        """Say whether the process runs."""

    def is_stale(self) -> bool:
        """Say whether its settings changed; quick."""

    def refresh(self) -> None:
        """Have it read its settings again."""

    def stop(self) -> None:
        """End it, by force if it takes too long."""


class Keeper:
    """Keeps one server running, from an event loop in the main thread."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.up = False
        self._patience = FIRST_PATIENCE
        self._started = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the server, or refuse; it is watched from now on."""
        await self._start_once()
        self.watch()

    def watch(self) -> None:
        """Watch the server from now on, and start it whenever it does not run."""
        self._watching = asyncio.create_task(self._watch(), name=f"keeper {self.server.name}")

    async def leave(self) -> None:
        """Watch the server no more: it may end before we end it, as at a signal to the group."""
        if self._watching is not None:
            await end(self._watching)

    async def stop(self) -> None:
        """Watch no more, and end the server."""
        self.up = False
        await self.leave()
        await asyncio.to_thread(self.server.stop)

    async def _start_once(self) -> None:
        """Start the server and wait until it serves."""
        await asyncio.to_thread(self.server.prepare)
        self.server.launch()  # here, in the main thread: the kernel ties the child to its thread
        await asyncio.to_thread(self.server.wait_ready)
        self._started, self.up = time.monotonic(), True

    async def _watch(self) -> None:
        """Start the server again whenever it died."""
        while True:
            while self.server.alive():
                if self.server.is_stale():
                    await asyncio.to_thread(self.server.refresh)
                await asyncio.sleep(LOOK_EVERY)
            self.up = False
            if self._started:
                await self._wait_before_next()
            try:
                await self._start_once()
            except Exception as error:  # noqa: BLE001 - whatever it was, it is logged and tried again
                self._started = time.monotonic()
                log.error("server_does_not_start", server=self.server.name, reason=str(error))
            else:
                log.info("server_started", server=self.server.name)

    async def _wait_before_next(self) -> None:
        """Wait a moment, longer each time if the server does not live long."""
        if time.monotonic() - self._started > LONG_ENOUGH:
            self._patience = FIRST_PATIENCE
        log.error("server_died", server=self.server.name, again_in=self._patience)
        await asyncio.sleep(self._patience)
        self._patience = min(self._patience * 2, LONGEST_PATIENCE)


async def start_all(keepers: Sequence[Keeper]) -> None:
    """Start servers side by side; refuse if one does not start."""
    await asyncio.gather(*(keeper.start() for keeper in keepers))


async def stop_all(keepers: Sequence[Keeper]) -> None:
    """End servers side by side."""
    await asyncio.gather(*(keeper.stop() for keeper in keepers))
