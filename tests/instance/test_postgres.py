"""The embedded PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.instance.children import ServerFailed
from services.instance.postgres import Postgres
from shared.leader import plain_url
from tests.instance.conftest import environment, eventually, processes_on

HOLD = """
import dataclasses, signal, sys, time
from pathlib import Path
from services.instance import children
from services.instance.postgres import Postgres
if sys.argv[2] == "orphan":
    spawn = children.spawn
    children.spawn = lambda p: spawn(dataclasses.replace(p, death_signal=signal.SIGCONT))
Postgres(Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(600)
"""


def killed_holder(folder: Path, kind: str) -> None:
    """Start PostgreSQL from another process, and kill that process with -9."""
    command = [sys.executable, "-c", HOLD, str(folder), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"started\n"
        holder.kill()


@pytest.fixture
def server(folder: Path) -> Iterator[Postgres]:
    """A server that is ended after the test."""
    made = Postgres(folder)
    yield made
    made.stop()


def ask(url: str, question: str) -> object:
    """Return the one value that answers a question."""
    with psycopg.connect(plain_url(url)) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("jit", "off"),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ],
)
def test_settings(postgres_url: str, name: str, value: str) -> None:
    """The server is durable, listens on no network, and knows Unicode."""
    assert ask(postgres_url, f"SHOW {name}") == value


def test_is_another_user_when_we_are_root(postgres: Postgres) -> None:
    """The server never runs as root."""
    assert postgres.pid is not None
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


def test_is_in_our_process_group(postgres: Postgres) -> None:
    """The server is in our process group, so a signal to the group reaches it."""
    assert postgres.pid is not None
    assert os.getpgid(postgres.pid) == os.getpgid(0)


def test_keeps_what_it_has(server: Postgres) -> None:
    """What was committed is there after a stop and a start, and the address is the same."""
    first = server.start()
    with psycopg.connect(plain_url(first)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
    server.stop()
    assert server.start() == first
    assert ask(first, "SELECT number FROM kept") == 42


def test_dies_with_us(folder: Path, server: Postgres) -> None:
    """Kill -9 of the process that started the server ends the server, and the next start works."""
    killed_holder(folder, "child")
    eventually(lambda: not processes_on(folder), seconds=5)
    assert ask(server.start(), "SELECT 1") == 1


def test_ends_a_leftover(folder: Path, server: Postgres) -> None:
    """A server that still runs on the folder from a crash is ended before ours starts."""
    killed_holder(folder, "orphan")
    left = processes_on(folder)
    assert left, "the orphan should run, else this test shows nothing"
    assert ask(server.start(), "SELECT 1") == 1
    assert not set(left) & set(processes_on(folder))


def test_a_pid_file_proves_nothing(folder: Path, server: Postgres) -> None:
    """A pid file that names a living stranger, as after a container's restart, is no obstacle."""
    server.start()
    pid_file = folder / "postgres" / "postmaster.pid"
    text = pid_file.read_text()
    server.stop()
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *text.splitlines()[1:]]))
        assert ask(server.start(), "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)


def test_half_a_cluster_is_made_anew(folder: Path, server: Postgres) -> None:
    """A first start that was interrupted leaves nothing that the next one trips over."""
    half = folder / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert ask(server.start(), "SELECT 1") == 1


def test_long_path(tmp_path: Path) -> None:
    """A folder whose path is too long for a socket works all the same."""
    server = Postgres(tmp_path / ("long" * 30))
    try:
        assert ask(server.start(), "SELECT 1") == 1
    finally:
        server.stop()


def test_another_version_is_refused(folder: Path, server: Postgres) -> None:
    """A cluster of another major version is refused with the way out, and left as it is."""
    server.start()
    server.stop()
    version = folder / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(ServerFailed, match="make a backup with the old program"):
        server.start()
    assert version.read_text() == "17\n"


def test_says_why_it_does_not_start(folder: Path, server: Postgres) -> None:
    """A server that does not start is refused with its last words."""
    server.start()
    server.stop()
    (folder / "postgres" / "postgresql.conf").write_text("no_such_setting_at_all = 1\n")
    with pytest.raises(ServerFailed, match="no_such_setting_at_all"):
        server.start()
