"""The embedded nats-server."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats as client
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.instance.children import ServerFailed
from services.instance.nats import Nats, NotDurable, demand_durability
from tests.instance.conftest import environment, eventually, free_port, processes_on

HOLD = """
import sys, time
from pathlib import Path
from services.instance.nats import Nats
Nats(Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(600)
"""
LENT_FROM = 32768  # Linux's default of ip_local_port_range
FINANCE = {
    "user": "finance",
    "password": "a-password-for-this-test",
    "permissions": {
        "publish": {"allow": ["intake.finance.items"]},
        "subscribe": {"allow": ["_INBOX_finance.>", "outcomes.finance.items"]},
    },
}


@pytest.fixture
def server(folder: Path) -> Iterator[Nats]:
    """A server that is ended after the test."""
    folder.mkdir()
    made = Nats(folder)
    yield made
    made.stop()


async def connect(url: str, **options: Any) -> Any:
    """Connect once; a refusal is an error."""

    async def quiet(_: Exception) -> None: ...

    connection = Client()
    try:
        await connection.connect(url, allow_reconnect=False, error_cb=quiet, **options)
    except (NatsError, OSError):
        await connection.close()  # the client leaves its socket open when it is refused
        raise
    return connection


async def can_log_in(server: Nats, user: dict[str, Any]) -> bool:
    """Say whether the server lets this user in."""
    try:
        connection = await connect(
            f"nats://{user['user']}:{user['password']}@127.0.0.1:{server.port}"
        )
    except (NatsError, OSError):  # the server may hang up before the client has read why
        return False
    await connection.close()
    return True


async def test_syncs_every_write(server: Nats) -> None:
    """JetStream is on, on file below the data folder, and every write is synced."""
    server.start()
    config = server.health()["jetstream"]["config"]
    assert config["sync_always"] is True
    assert config["store_dir"].endswith("/data/jetstream")


def test_another_server_is_refused() -> None:
    """A server that would lose confirmed events in a power cut is refused."""
    with pytest.raises(NotDurable, match="power cut"):
        demand_durability({"jetstream": {"config": {"sync_interval": 120_000_000_000}}})


def test_a_server_without_jetstream_is_refused() -> None:
    """A server without JetStream is refused like one that does not sync."""
    with pytest.raises(NotDurable):
        demand_durability({})


async def test_strangers_stay_out(server: Nats) -> None:
    """Nobody comes in without a password."""
    server.start()
    with pytest.raises((NatsError, OSError)):
        await connect(f"nats://127.0.0.1:{server.port}")


def test_is_another_user_when_we_are_root(nats_server: Nats) -> None:
    """The server never runs as root."""
    assert nats_server.pid is not None
    assert Path(f"/proc/{nats_server.pid}").stat().st_uid != 0


def test_port_is_kept(folder: Path, server: Nats) -> None:
    """The port of the first start is the port of every start, whatever is asked for later."""
    url = server.start()
    server.stop()
    again = Nats(folder, port=free_port())
    try:
        assert again.start() == url
    finally:
        again.stop()


def test_first_port_is_not_one_that_the_kernel_lends(nats_server: Nats) -> None:
    """The port lies below those of outgoing connections, which would take it some day."""
    assert 1024 < nats_server.port < LENT_FROM


def test_busy_port_is_refused_with_the_way_out(tmp_path: Path, nats_server: Nats) -> None:
    """A port that another program has is refused in a sentence that says where to change it."""
    (tmp_path / "other").mkdir()
    with pytest.raises(ServerFailed, match="nats/port"):
        Nats(tmp_path / "other", port=nats_server.port).start()


async def test_more_addresses_on_demand(folder: Path) -> None:
    """With a host for all addresses the server answers on every one, IPv4 and IPv6."""
    folder.mkdir()
    server = Nats(folder, host="0.0.0.0")
    server.start()
    try:
        for address in ("127.0.0.1", "[::1]"):
            connection = await connect(server.url.replace("127.0.0.1", address))
            await connection.close()
    finally:
        server.stop()


async def test_departments_come_and_go_without_dropping_others(server: Nats) -> None:
    """A department's user works after a refresh, is out after the next, and nobody else notices."""
    lost: list[int] = []

    async def gone() -> None:
        lost.append(1)

    ours = await connect(server.start(), disconnected_cb=gone)
    server.departments.write_text(json.dumps({"users": [FINANCE]}))
    assert server.is_stale()
    await asyncio.to_thread(server.refresh)
    assert not server.is_stale()
    await until(lambda: can_log_in(server, FINANCE))
    server.departments.write_text(json.dumps({"users": []}))
    await asyncio.to_thread(server.refresh)
    await until(lambda: is_out(server, FINANCE))
    await ours.flush()
    assert not lost
    await ours.close()


async def test_departments_have_only_their_rights(server: Nats) -> None:
    """A department can neither publish for another nor read another's outcomes."""
    server.start()
    server.departments.write_text(json.dumps({"users": [FINANCE]}))
    await asyncio.to_thread(server.refresh)
    await until(lambda: can_log_in(server, FINANCE))
    errors: list[str] = []

    async def on_error(error: Exception) -> None:
        errors.append(str(error).lower())

    url = f"nats://finance:{FINANCE['password']}@127.0.0.1:{server.port}"
    theirs = await client.connect(url, error_cb=on_error)
    await theirs.publish("intake.finance.items", b"allowed")
    await theirs.publish("intake.transport.items", b"refused")
    await theirs.subscribe("outcomes.transport.items")
    await theirs.flush()
    await until(lambda: enough(errors, 2))
    await theirs.close()
    assert all("permissions violation" in error for error in errors)
    assert "intake.transport.items" in errors[0]


async def test_nats_syntax_is_understood_too(server: Nats) -> None:
    """The departments' list may be in NATS's own syntax, with comments."""
    server.start()
    server.departments.write_text(
        '# made by hand [sic]\nusers = [\n  {user: finance, password: "a-password-for-this-test"}\n]\n'
    )
    await asyncio.to_thread(server.refresh)
    await until(lambda: can_log_in(server, FINANCE))


async def test_a_broken_list_changes_nothing(folder: Path, server: Nats) -> None:
    """A departments' list that the server would refuse is left out, now and at the next start."""
    server.start()
    server.departments.write_text(json.dumps({"users": [FINANCE]}))
    await asyncio.to_thread(server.refresh)
    await until(lambda: can_log_in(server, FINANCE))
    server.departments.write_text("users = [ {user: broken ]")
    await asyncio.to_thread(server.refresh)
    assert await can_log_in(server, FINANCE)
    server.stop()
    again = Nats(folder)
    try:
        again.start()
        assert await can_log_in(again, FINANCE)
    finally:
        again.stop()


async def test_store_may_be_deleted(folder: Path, server: Nats) -> None:
    """Deleting the folder `jetstream` while stopped is a repair: the server starts on an empty one."""
    connection = await connect(server.start())
    await connection.jetstream().add_stream(name="X", subjects=["x"])
    await connection.close()
    server.stop()
    shutil.rmtree(folder / "jetstream")
    connection = await connect(server.start())
    assert (await connection.jetstream().account_info()).streams == 0
    await connection.close()


async def test_keeps_confirmed_events(server: Nats) -> None:
    """A confirmed event outlives kill -9 of the server."""
    connection = await connect(server.start())
    await connection.jetstream().add_stream(name="X", subjects=["x"])
    await connection.jetstream().publish("x", b"kept")
    await connection.close()
    assert server.pid is not None
    subprocess.run(["/bin/kill", "-9", str(server.pid)], check=True)
    eventually(lambda: not server.alive())
    connection = await connect(server.start())
    assert (await connection.jetstream().get_msg("X", 1)).data == b"kept"
    await connection.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_dies_with_us(folder: Path, server: Nats, number: int) -> None:
    """However the process that started the server ends, the server ends, and the next start works."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"started\n"
        holder.send_signal(number)
    eventually(lambda: not processes_on(folder), seconds=5)
    assert server.start().startswith("nats://gazette:")


async def until(what: Any, *, seconds: float = 10) -> None:
    """Wait until an asynchronous question is answered with yes."""
    async with asyncio.timeout(seconds):
        while not await what():
            await asyncio.sleep(0.02)


async def is_out(server: Nats, user: dict[str, Any]) -> bool:
    """Say whether the server keeps this user out."""
    return not await can_log_in(server, user)


async def enough(found: list[str], count: int) -> bool:
    """Say whether so many have been found."""
    return len(found) >= count
