"""Everything on this machine: embedded servers, all services, one front on one port.

The site is served from the first moment to the last, whatever else is up.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop
from starlette.types import ASGIApp

from services.instance import listening, roles
from services.instance.bucket import BucketFiles, BucketPages, split
from services.instance.find import Instance, from_environment, write_note
from services.instance.folder import DataFolder
from services.instance.front import Front
from services.instance.mirror import mirror
from services.instance.nats import LOOPBACK, Nats
from services.instance.pages import Pages
from services.instance.postgres import Postgres
from services.instance.processes import ServiceProcess
from services.instance.roles import Backend, InProcess
from services.instance.supervise import Keeper, start_all, stop_all
from shared import memory, streams
from shared.background import end
from shared.db import migrate
from shared.errors import Refused
from shared.objects import Bucket, on_s3
from shared.watchdog import watched

log = structlog.get_logger()

PROJECTIONS = ("publisher", "search", "notifier")
SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that renders lets another one run: reads must not wait."""
REQUESTS_END_IN = 2
LONGEST_PATIENCE = 30.0
INTERRUPTED = 130


@dataclass(frozen=True)
class Plan:
    """What to run."""

    data: Path
    port: int = 8080
    host: str | None = None
    """Where to listen; None: on the loopback addresses only."""
    processes: bool = False
    apps: Mapping[str, Callable[[Composition], ASGIApp]] = field(default_factory=dict)
    """More services of this process, by name, e.g. the demo's."""
    after: Callable[[Composition], Awaitable[None]] | None = None
    """Runs once everything is up."""
    told: Callable[[Instance], None] = lambda _: None
    """Hears as soon as the site is served."""


class Composition:
    """A running instance."""

    def __init__(self, plan: Plan, folder: DataFolder, port: int) -> None:
        self.plan = plan
        self.folder = folder
        self.port = port
        self.backends: dict[str, Backend] = {}
        self.settings: dict[str, Any] = {}
        self.keepers: list[Keeper] = []
        self._ending = asyncio.Event()
        self._migrating = threading.Lock()

    @property
    def instance(self) -> Instance:
        """How commands, and more services of this process, reach us."""
        return Instance(self.settings, self.folder.path, os.getpid())

    async def pause(self, name: str) -> None:
        """Stop one service; the others go on."""
        await self.backends[name].stop()

    async def resume(self, name: str) -> None:
        """Start a stopped service again."""
        await self.backends[name].start()

    def end(self) -> None:
        """End everything cleanly."""
        self._ending.set()

    async def run(self, sockets: listening.Sockets) -> None:
        """Serve until told to end."""
        self._listen_for_signals()
        self._prepare_settings()
        self._prepare_backends()
        prefix = str(self.settings.get("path_prefix") or "").rstrip("/")
        front = Front(
            pages=self._pages(prefix),
            backends=self.backends,
            token=self.folder.token(),
            servers=lambda: {k.server.name: k.up for k in self.keepers},
            path_prefix=prefix,
        )
        server = listening.server(front, grace=REQUESTS_END_IN)
        serving = asyncio.create_task(server.serve(sockets), name="front")
        trimming = asyncio.create_task(memory.give_memory_back(), name="trim")
        working = asyncio.create_task(self._work(), name="work")
        ending = asyncio.create_task(self._ending.wait(), name="ending")
        try:
            await asyncio.wait([serving, working, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            trimming.cancel()
            await self._end(working, serving)
        if working.done() and not working.cancelled():
            working.result()  # a refusal at the start is the program's answer

    def _pages(self, prefix: str) -> ASGIApp:
        """Return what answers with the site's files and attachments: each lies in a folder or in a bucket."""
        site, blobs = self.settings["site_store"], self.settings["blobs_url"]
        folders = Pages(Path(site), Path(blobs), prefix)
        if not on_s3(site) and not on_s3(blobs):
            return folders
        return split(
            pages=BucketPages(Bucket(site, setting="GAZETTE_SITE_STORE"), prefix)
            if on_s3(site)
            else folders,
            files=BucketFiles(Bucket(blobs, setting="GAZETTE_BLOBS_URL"), prefix)
            if on_s3(blobs)
            else folders,
        )

    async def _work(self) -> None:
        """Start everything in order, then wait for ever."""
        await start_all(self.keepers)
        self._settle_settings()
        mirrored = await self._mirror_nats()
        write_note(self.folder, self.settings)
        self.plan.told(self.instance)
        await self._until_done("streams", self._apply_streams)
        for backend in self.backends.values():
            await backend.start()
        if self.plan.after is not None:
            await self.plan.after(self)
        await self._ending.wait()
        if mirrored is not None:
            mirrored.close()

    async def _end(self, working: asyncio.Task[None], serving: asyncio.Task[None]) -> None:
        """End in order: what works, the services, the front, the servers."""
        log.info("instance_ends")
        for keeper in self.keepers:
            await keeper.leave()
        if not working.done():
            await end(working)
        await asyncio.gather(serving, *(backend.stop() for backend in self.backends.values()))
        await stop_all(self.keepers)

    async def _until_done(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Try until it succeeds: the database or NATS may come later than we."""
        patience = 1.0
        while True:
            try:
                await work()
            except Refused:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, it may pass; it is logged
                log.error("start_waits", step=what, reason=str(error)[:500], again_in=patience)
                await asyncio.sleep(patience)
                patience = min(patience * 2, LONGEST_PATIENCE)
            else:
                return

    async def _apply_streams(self) -> None:
        """Make or mend streams and durables."""
        data = str(self.folder.path) if any(k.server.name == "nats" for k in self.keepers) else None
        for sentence in await streams.apply(self.settings["nats_url"], data=data):
            log.info("streams_applied", what=sentence)

    def _prepare_settings(self) -> None:
        """Put together the settings of all services: what the environment says, else our own."""
        local = f"http://{LOOPBACK}:{self.port}"
        own = {
            "data": self.folder.path,
            "site_url": local,
            "site_store": self.folder.site,
            "search_index": self.folder.search,
            "blobs_url": self.folder.blobs,
            "mail_folder": self.folder.mail,
            "timezone": "Asia/Shanghai",
        }
        fixed = {
            "catalog_url": local,
            "internal_token": self.folder.token(),
            "projections": {name: f"{local}/internal/{name}/shown" for name in PROJECTIONS},
        }
        self.settings = own | from_environment() | fixed
        if "database_url" not in self.settings:
            self.keepers.append(Keeper(Postgres(self.folder.path)))
        if "nats_url" not in self.settings:
            self.keepers.append(Keeper(Nats(self.folder.path, host=self._nats_host())))

    def _settle_settings(self) -> None:
        """Add where the embedded servers are, now that they run."""
        for keeper in self.keepers:
            if isinstance(keeper.server, Postgres):
                self.settings["database_url"] = keeper.server.url
            if isinstance(keeper.server, Nats):
                self.settings["nats_url"] = keeper.server.url
                self.settings["nats_public_url"] = keeper.server.public_url
                self.settings["nats_users_file"] = keeper.server.departments

    async def _mirror_nats(self) -> asyncio.Server | None:
        """Let departments' systems on this machine reach an embedded NATS by IPv6 too."""
        servers = [keeper.server for keeper in self.keepers]
        ports = [server.port for server in servers if isinstance(server, Nats)]
        return await mirror(ports[0]) if ports and self._nats_host() == LOOPBACK else None

    def _nats_host(self) -> str:
        """Return the one address on which an embedded NATS listens."""
        host = self.plan.host
        return LOOPBACK if host is None or host in listening.NAMES_OF_LOOPBACK else host

    def _prepare_backends(self) -> None:
        """Make the parts that answer requests; they start later."""
        for name in roles.SERVICES:
            self.backends[name] = self._backend(name)
        for name, make in self.plan.apps.items():
            self.backends[name] = InProcess(name, partial(make, self))

    def _backend(self, name: str) -> Backend:
        """Return one service, in this process or in one of its own; its schema is mended first."""
        if self.plan.processes:
            prepare = partial(self._migrate, name)
            return ServiceProcess(name, self.folder.socket(name), lambda: self.settings, prepare)

        def make() -> ASGIApp:
            self._migrate(name)
            return roles.application(name, self.settings)

        return InProcess(name, make)

    def _migrate(self, name: str) -> None:
        """Bring a service's schema to the code's version; alembic does one at a time."""
        owner = "catalog" if name == "relay" else name
        if owner in roles.MIGRATED:
            with self._migrating:
                migrate(self.settings["database_url"], [owner])

    def _listen_for_signals(self) -> None:
        """End cleanly at the first signal, at once at the second."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        """Take a signal."""
        if self._ending.is_set():
            os._exit(INTERRUPTED)  # the kernel ends our children with us
        self.end()


def run(plan: Plan) -> None:
    """Run an instance until it is told to end; blocks, in the main thread."""
    folder = DataFolder(plan.data)
    folder.take()
    sys.setswitchinterval(SWITCH_INTERVAL)
    memory.use_few_arenas()
    try:
        sockets = listening.bind(plan.host, plan.port)
        port = sockets[0].getsockname()[1]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(plan, folder, port, sockets))
    finally:
        folder.release()


async def _run(plan: Plan, folder: DataFolder, port: int, sockets: listening.Sockets) -> None:
    """Make the instance inside its loop, and run it."""
    async with watched("instance"):
        await Composition(plan, folder, port).run(sockets)
