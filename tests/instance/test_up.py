"""`gazette up` as a reader and an operator meet it: one process, its servers, its folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import nats
import pytest

from services.instance.find import NoInstance, NotSet, find
from services.instance.folder import DataFolder, InUse
from shared.streams import STREAMS
from tests.instance.conftest import (
    Running,
    environment,
    eventually,
    free_port,
    processes_on,
    program,
)

Start = Callable[..., Running]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command of `gazette` to its end."""
    return subprocess.run(
        program(*words), capture_output=True, text=True, env=environment(), timeout=60, check=False
    )


def server_pids(folder: Path, name: str) -> list[int]:
    """Return the processes of one embedded server on this folder."""
    found = []
    for pid in processes_on(folder):
        with suppress(FileNotFoundError):  # it has ended since
            if Path(f"/proc/{pid}/exe").readlink().name == name:
                found.append(pid)
    return found


def put_page(folder: Path, text: str) -> None:
    """Make a site of one page where there is none."""
    tree = folder / "site" / "trees" / "test"
    tree.mkdir(parents=True)
    (tree / "index.html").write_text(text)
    (folder / "site" / "test-current").symlink_to(Path("trees") / "test")
    (folder / "site" / "test-current").replace(folder / "site" / "current")


def test_ends_cleanly(up: Start, folder: Path) -> None:
    """At SIGTERM everything ends within ten seconds, with exit code 0, and leaves nothing running."""
    running = up()
    running.wait_for_servers()
    assert running.end() < 10
    assert running.process.returncode == 0
    assert not processes_on(folder)
    assert not (folder / "instance.json").exists()


def test_ends_at_ctrl_c(folder: Path) -> None:
    """At Ctrl-C, which the terminal sends to servers as well, everything ends within ten seconds."""
    port = free_port()
    process = subprocess.Popen(
        program("up", "--port", port, "--data", folder),
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    Running(process, folder, port, folder).wait_for_servers()
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    assert time.monotonic() - started < 10
    assert not processes_on(folder)


def test_second_signal_ends_at_once(up: Start, folder: Path) -> None:
    """A second Ctrl-C does not wait for anything, and leaves nothing running either."""
    running = up()
    running.wait_for_servers()
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    running.process.send_signal(signal.SIGINT)
    running.process.wait(5)
    eventually(lambda: not processes_on(folder), seconds=5)


def test_kill_leaves_nothing_and_the_next_start_works_at_once(up: Start, folder: Path) -> None:
    """After kill -9 no server is left, and the same folder starts again on the same NATS port."""
    first = up()
    first.wait_for_servers()
    address = first.note()["settings"]["nats_url"]  # type: ignore[index]
    first.end(signal.SIGKILL)
    with pytest.raises(NoInstance, match="gazette up --data"):
        find(folder)
    second = up()
    second.wait_for_servers()
    assert second.note()["settings"]["nats_url"] == address  # type: ignore[index]
    assert len(server_pids(folder, "nats-server")) == 1


def test_servers_are_started_again(up: Start, folder: Path) -> None:
    """A server that dies is started again, and the site is served meanwhile."""
    running = up()
    running.wait_for_servers()
    put_page(folder, "still here")
    for name in ("nats-server", "postgres"):
        before = server_pids(folder, name)
        os.kill(min(before), signal.SIGKILL)
        assert running.get("/").text == "still here"
        eventually(lambda: set(server_pids(folder, name)) - set(before))  # noqa: B023 - used at once
        eventually(lambda: running.servers() == {"postgres": "ok", "nats": "ok"})


def test_listens_on_both_loopbacks(running: Running) -> None:
    """The front answers on IPv4 and IPv6, on this machine only."""
    assert running.get("/livez").text == "ok\n"
    if socket.has_ipv6:
        assert httpx.get(f"http://[::1]:{running.port}/livez", trust_env=False).status_code == 200
    listening = Path("/proc/net/tcp").read_text(encoding="ascii")
    assert f"0100007F:{running.port:04X}" in listening
    assert f"00000000:{running.port:04X}" not in listening


def test_busy_port(folder: Path) -> None:
    """A port that is taken is refused in a sentence with the way out, and nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = run("up", "--port", other.getsockname()[1], "--data", folder)
    assert refused.returncode == 1
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not processes_on(folder)


def test_folder_in_use(running: Running) -> None:
    """A second instance on the same folder is refused, and the first goes on."""
    refused = run("up", "--port", free_port(), "--data", running.folder)
    assert refused.returncode == 1
    assert "--data" in refused.stderr
    assert running.servers() == {"postgres": "ok", "nats": "ok"}


def test_commands_find_the_instance(running: Running) -> None:
    """With --data a command reaches the running instance, and departments' address has no secret."""
    found = find(running.folder)
    assert found.url == running.url
    assert found.database_url.startswith("postgresql+psycopg://")
    assert found.nats_url.startswith("nats://gazette:")
    assert "gazette:" not in found.nats_public_url


async def test_nats_is_reached_by_ipv6_too(running: Running) -> None:
    """NATS answers on the IPv6 loopback as on the IPv4 one."""
    address = find(running.folder).nats_url.replace("127.0.0.1", "[::1]")
    connection = await nats.connect(address, allow_reconnect=False)
    assert (await connection.jetstream().account_info()).streams == len(STREAMS)
    await connection.close()


def test_secrets_are_ours_alone(running: Running) -> None:
    """What holds a secret is readable by our own user alone."""
    for name in ("token", "instance.json", "nats/passwords.json", "nats/users.conf"):
        assert stat.S_IMODE((running.folder / name).stat().st_mode) == 0o600, name


def test_status_without_an_instance(folder: Path) -> None:
    """`status` on a folder where nothing runs says how to start, and fails."""
    refused = run("status", "--data", folder)
    assert refused.returncode == 1
    assert "gazette up --data" in refused.stderr


def test_status_shows_every_part(running: Running) -> None:
    """`status` names every service and server and how far behind each is."""
    shown = run("status", "--data", running.folder).stdout
    for part in ("catalog", "relay", "publisher", "search", "notifier", "postgres", "nats"):
        assert part in shown


def test_servers_of_ones_own(
    folder: Path, tmp_path: Path, postgres_url: str, nats_url: str
) -> None:
    """With the URLs of servers of one's own, none is embedded."""
    port = free_port()
    own = {"GAZETTE_DATABASE_URL": postgres_url, "GAZETTE_NATS_URL": nats_url}
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            program("up", "--port", port, "--data", folder), stderr=out, env=environment() | own
        )
    running = Running(process, folder, port, log)
    eventually(lambda: running.note()["settings"]["database_url"] == postgres_url)  # type: ignore[index]
    eventually(lambda: running.servers() == {})
    assert not server_pids(folder, "postgres")
    assert not server_pids(folder, "nats-server")
    assert running.end() < 10


def test_site_is_served_without_a_database(folder: Path, tmp_path: Path, nats_url: str) -> None:
    """The site is served, and says nothing of it, while the database cannot be reached at all."""
    port = free_port()
    nowhere = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/gazette"
    own = {"GAZETTE_DATABASE_URL": nowhere, "GAZETTE_NATS_URL": nats_url}
    folder.mkdir()
    put_page(folder, "served")
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen(
            program("up", "--port", port, "--data", folder), stderr=out, env=environment() | own
        )
    running = Running(process, folder, port, tmp_path / "log")
    eventually(lambda: running.get("/").text == "served")
    assert running.get("/api/records").status_code == 503
    assert running.end() < 10


def test_processes(up: Start, folder: Path) -> None:
    """With --processes each service is a process, kept running, and all end with the front."""
    running = up("--processes")
    running.wait_for_servers()

    def relays() -> list[int]:
        words = {
            p: Path(f"/proc/{p}/cmdline").read_bytes().split(b"\0") for p in processes_on(folder)
        }
        return [pid for pid, line in words.items() if b"serve" in line and b"relay" in line]

    def relay_is_up() -> bool:
        state: str = running.get("/readyz").json()["services"]["relay"]["status"]
        return state == "ok"

    eventually(lambda: relay_is_up() and relays())
    (before,) = relays()
    os.kill(before, signal.SIGKILL)
    eventually(lambda: relays() not in ([], [before]) and relay_is_up())
    assert running.end() < 10
    assert not processes_on(folder)


def test_serve_names_what_it_can() -> None:
    """`serve` with a service that there is not is wrong use, and names those that there are."""
    refused = run("serve", "nothing")
    assert refused.returncode == 2
    assert "publisher" in refused.stderr


def test_environment_without_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --data the environment says where to go; what is missing is named."""
    for name in [name for name in os.environ if name.startswith("GAZETTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GAZETTE_SITE_URL", "https://gov.example/")
    assert find(None).url == "https://gov.example"
    with pytest.raises(NotSet, match="GAZETTE_DATABASE_URL"):
        _ = find(None).database_url


def test_folder_is_held_until_released(tmp_path: Path) -> None:
    """One holder at a time; a released folder can be taken at once."""
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.take()
    with pytest.raises(InUse):
        second.take()
    first.release()
    second.take()
    second.release()


def test_token_is_kept(tmp_path: Path) -> None:
    """The secret of the first start is the secret of every start."""
    token = DataFolder(tmp_path).token()
    assert len(token) >= 32
    assert DataFolder(tmp_path).token() == token


def test_note_is_no_proof(tmp_path: Path) -> None:
    """A note that a killed instance left behind is not taken for a running one."""
    (tmp_path / "instance.json").write_text(json.dumps({"pid": os.getpid(), "settings": {}}))
    with pytest.raises(NoInstance):
        find(tmp_path)
