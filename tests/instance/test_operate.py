"""`gazette verify`, `rebuild` and `serve --data` on a running instance."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.flow.conftest import item
from tests.instance.conftest import Running, environment, eventually, free_port, program


def run(
    *words: object, data: Path | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of `gazette` to its end."""
    folder = ("--data", data) if data else ()
    return subprocess.run(
        program(*words, *folder),
        capture_output=True,
        text=True,
        env=environment() | settings,
        timeout=120,
        check=False,
    )


def push(running: Running, code: str, source_id: str) -> str:
    """Add a department, push one item, wait until site and index show it, and return its address."""
    assert run("departments", "add", code, data=running.folder).returncode == 0
    key = run("departments", "key", code, data=running.folder).stdout.split()[-1]
    answer = httpx.put(
        f"{running.url}/api/items/{code}/{source_id}",
        json=item("石桥段封闭施工"),
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )
    url: str = answer.json()["results"][0]["url"]
    done = run("verify", "--wait", 30, data=running.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return url


def test_verify_looks_at_the_site(running: Running) -> None:
    """A deleted page and a changed JSON are named with exit 1, and mended by the publisher itself."""
    url = push(running, "transport", "bridge")
    place = running.folder / "site" / "current" / url.strip("/")
    page, state = place / "index.html", place / "index.json"
    before = page.read_bytes(), state.read_bytes()

    page.unlink()
    done = run("verify", data=running.folder)
    assert done.returncode == 1
    assert f"transport/bridge {url} 缺失 / is missing" in done.stdout
    assert run("verify", "--wait", 30, data=running.folder).returncode == 0

    state.write_bytes(before[1].replace("石桥段".encode(), "别处".encode()))
    done = run("verify", data=running.folder)
    assert done.returncode == 1
    assert f"transport/bridge {url}index.json 损坏 / is damaged" in done.stdout
    assert run("verify", "--wait", 30, data=running.folder).returncode == 0
    assert (page.read_bytes(), state.read_bytes()) == before


def test_verify_waits_for_an_instance_that_starts(up: Callable[..., Running], folder: Path) -> None:
    """With --wait what is not up yet is waited for; without it is a refusal at once."""
    started = time.monotonic()
    refused = run("verify", "--wait", 2, data=folder)
    assert refused.returncode == 1
    assert "gazette up --data" in refused.stderr
    assert time.monotonic() - started >= 2
    waiting = subprocess.Popen(program("verify", "--wait", 60, "--data", folder), env=environment())
    up()
    assert waiting.wait(90) == 0


def test_a_service_shares_the_work_of_an_instance(running: Running) -> None:
    """`serve --data` runs one more copy with the settings of the instance; an index in a folder has one writer."""
    refused = run("serve", "search", data=running.folder)
    assert refused.returncode == 1
    assert "GAZETTE_SEARCH_URL" in refused.stderr
    port = free_port()
    command = program("serve", "publisher", "--port", port, "--data", running.folder)
    copy = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/readyz"
        eventually(lambda: httpx.get(address, trust_env=False).status_code == 200)
    finally:
        copy.terminate()
        copy.wait(30)


@contextmanager
def answering(answer: dict[str, Any]) -> Iterator[str]:
    """A publisher that answers every POST with *answer*; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_rebuild_that_was_given_up_is_no_success() -> None:
    """`rebuild site` fails with the reason when another rebuild took the place of this one."""
    for standing, code in (("living", 0), ("old", 1), ("given up", 1)):
        with answering({"tree": 2, "standing": standing}) as url:
            services = json.dumps({"publisher": url})
            done = run("rebuild", "site", GAZETTE_SERVICES=services, GAZETTE_INTERNAL_TOKEN="x")
        assert done.returncode == code, done.stderr
        assert ("重建完成" in done.stdout) == (code == 0)
        assert ("given up" in done.stderr) == (code == 1)
