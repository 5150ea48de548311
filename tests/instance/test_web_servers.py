"""The configurations of web servers in front, each on the real server where this machine has it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.instance.conftest import ROOT, eventually, free_port

SECRET = "a-link-that-only-its-owner-has"
ANSWER = 40 * 1024 * 1024
PAGES = {
    "index.html": "home",
    "404.html": "nothing here",
    "water/2026/1/index.html": "a page",
    "water/2026/1/.new-index.html": "a text that vanished",
    "water/2026/2/index.html": "withdrawn",
    "water/2026/2/status": "410\n",
    "assets/site.0123abcd.css": "body{}",
    "assets/.new-site.css": "body{",
}


@dataclass
class Upstream:
    """A service behind the web server: notes what it is asked before it reads a body, and may answer a lot."""

    server: ThreadingHTTPServer
    asked: list[str] = field(default_factory=list)
    written: int = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_address[1])


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A running one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def do_GET(self) -> None:
            found.asked.append(self.path)
            length = int(self.headers.get("content-length") or 0)
            while length > 0 and (piece := self.rfile.read(min(length, 1 << 16))):
                length -= len(piece)
            size = ANSWER if self.path.startswith("/api/records") else 2
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.send_header("Connection", "close")
            self.end_headers()
            with suppress(ConnectionError):
                for _ in range(max(size >> 16, 1)):
                    found.written += self.wfile.write(b"x" * min(size, 1 << 16))

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Upstream(server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Web:
    """A running web server."""

    kind: str
    port: int
    folder: Path
    """Its files that are not pages: logs and what it buffers."""

    def get(self, path: str, **more: object) -> httpx.Response:
        """Ask it once."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False, **more)  # type: ignore[arg-type]

    def begin(self, head: str) -> socket.socket:
        """Send the head of a request, and return the connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(f"{head}\r\nHost: www.example.gov.cn\r\n".encode())
        return connection

    def logs(self) -> str:
        """Return what it logged."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of a few pages."""
    for name, text in PAGES.items():
        place = tmp_path / "gazette/site/current" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return tmp_path / "gazette"


@pytest.fixture(params=["containers", "web", "caddy"])
def web(
    request: pytest.FixtureRequest, site: Path, tmp_path: Path, upstream: Upstream
) -> Iterator[Web]:
    """Each configuration as it is, but for addresses and folders."""
    yield from started(request.param, site, tmp_path / "run", upstream.port)


def started(kind: str, site: Path, folder: Path, upstream: int, prefix: str = "") -> Iterator[Web]:
    """Run one until the test ends."""
    folder.mkdir()
    port = free_port()
    make = {"containers": container, "web": host, "caddy": caddy}[kind]
    command = make(site, folder, port, upstream, prefix)
    if (
        shutil.which(command[0]) is None
        or shutil.which("nginx" if kind != "caddy" else kind) is None
    ):
        pytest.skip(f"needs {kind}'s web server, which is not here")
    with (folder / "error.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = Web(kind, port, folder)
    try:
        eventually(lambda: server.get("/").status_code < 500)
        yield server
    finally:
        process.terminate()
        process.wait(10)


def container(site: Path, folder: Path, port: int, upstream: int, prefix: str) -> list[str]:
    """Return the command of the container, by its own script."""
    text = (ROOT / "deploy/containers/nginx.conf").read_text()
    for of, by in (
        ("/tmp/", f"{folder}/"),
        ("/dev/stdout", f"{folder}/access.log"),
        ("/dev/stderr", f"{folder}/error.log"),
        ("/srv/gazette", str(site)),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        ("worker_processes auto;", f"worker_processes 1; {as_me()}"),
    ):
        assert of in text
        text = text.replace(of, by)
    text = re.sub(r"(catalog|search|notifier):8081", f"127.0.0.1:{upstream}", text)
    (folder / "nginx.conf").write_text(text)
    script = (ROOT / "deploy/containers/web.sh").read_text().replace("/tmp/", f"{folder}/")
    script = script.replace("exec nginx", f"exec nginx -c {folder}/nginx.conf")
    (folder / "web.sh").write_text(script)
    return ["env", f"GAZETTE_PATH_PREFIX={prefix}", "sh", f"{folder}/web.sh"]


def host(site: Path, folder: Path, port: int, upstream: int, _prefix: str) -> list[str]:
    """Return the command of an nginx of the host that includes our file."""
    text = (ROOT / "deploy/web/nginx.conf").read_text()
    for of, by in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port}"),
        ("/var/log/nginx/gazette.log", f"{folder}/access.log"),
        ("/srv/gazette", str(site)),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
    ):
        assert of in text
        text = text.replace(of, by)
    (folder / "gazette.conf").write_text(re.sub(r"\n\s+ssl_certificate.*", "", text))
    temporary = " ".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {as_me()} events {{ }}\n"
        f"http {{ types {{ text/html html; }} {temporary} include {folder}/gazette.conf; }}\n"
    )
    return ["nginx", "-c", f"{folder}/nginx.conf"]


def caddy(site: Path, folder: Path, port: int, upstream: int, _prefix: str) -> list[str]:
    """Return the command of Caddy."""
    text = (ROOT / "deploy/web/Caddyfile").read_text()
    text = text.replace("www.example.gov.cn {", f"http://:{port} {{").replace(
        "{\n\tlog", "{\n\tadmin off\n\tlog", 1
    )
    text = text.replace("/srv/gazette", str(site)).replace(
        "127.0.0.1:8080", f"127.0.0.1:{upstream}"
    )
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"]


def as_me() -> str:
    """Let the workers of root be root: what tests write is for nobody else."""
    return "user root;" if Path("/proc/self").stat().st_uid == 0 else ""


def test_pages_are_served_and_what_is_none_is_not(web: Web) -> None:
    """Pages, assets and notices with 410; no markers, no half-written files, wherever they lie."""
    for path, status in (
        ("/", 200),
        ("/water/2026/1/", 200),
        ("/water/2026/2/", 410),
        ("/assets/site.0123abcd.css", 200),
        ("/water/2026/2/status", 404),
        ("/water/2026/1/.new-index.html", 404),
        ("/assets/.new-site.css", 404),
        ("/internal/status", 404),
        ("/nothing/", 404),
    ):
        answer = web.get(path)
        assert answer.status_code == status, path
        assert "vanished" not in answer.text


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/search", 100_000),
        ("/subscribe", 100_000),
        ("/api/records", 100_000),
        ("/api/items/water/a", 9 << 20),
        ("/api/events", 65 << 20),
        (f"/api/blobs/{'0' * 64}", 211 << 20),
    ],
)
def test_bodies_that_are_too_large_are_refused_before_they_come(
    web: Web, upstream: Upstream, path: str, size: int
) -> None:
    """Only what departments send may be large, each as large as the contract says."""
    if web.kind == "caddy":
        pytest.skip("Caddy counts what comes instead of what is said to come")
    with web.begin(f"PUT {path} HTTP/1.1") as connection:
        connection.sendall(f"Content-Length: {size}\r\n\r\n".encode())
        assert b" 413 " in connection.recv(100)
    assert path not in upstream.asked


@pytest.mark.parametrize("path", ["/api/items/water/a", "/api/events", f"/api/blobs/{'0' * 64}"])
def test_large_bodies_lie_nowhere_on_the_way(web: Web, upstream: Upstream, path: str) -> None:
    """The catalog sees a request, and can refuse it without a key, before its body has come."""
    with web.begin(f"PUT {path} HTTP/1.1") as connection:
        connection.sendall(b"Content-Length: 5000000\r\n\r\n" + b"x" * 1_000_000)
        eventually(lambda: path in upstream.asked)


def test_large_answers_lie_nowhere_on_the_way(web: Web, upstream: Upstream) -> None:
    """A reader who does not read keeps the service waiting instead of filling the web server's disk."""
    with web.begin("GET /api/records?state=1 HTTP/1.1") as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"\r\n")
        eventually(lambda: upstream.written > 0)
        time.sleep(1.5)
        assert upstream.written < ANSWER // 2


def test_links_in_mails_are_not_logged(web: Web, upstream: Upstream) -> None:
    """Neither while the service answers nor while it is away, and not as the page that one came from."""
    path = f"/subscription/{SECRET}"
    assert web.get(path).status_code == 200
    assert upstream.asked == [path]
    web.get("/search?q=x", headers={"Referer": f"https://www.example.gov.cn{path}"})
    upstream.server.server_close()
    upstream.server.shutdown()
    assert web.get(f"{path}/webhook").status_code in {502, 504}
    assert SECRET not in web.logs()


@pytest.fixture
def prefixed(site: Path, tmp_path: Path, upstream: Upstream) -> Iterator[Web]:
    """The container below a path."""
    yield from started("containers", site, tmp_path / "run", upstream.port, "/zwgk")


def test_a_container_takes_the_prefix_off(prefixed: Web, upstream: Upstream) -> None:
    """Below GAZETTE_PATH_PREFIX pages and services are found, and services are asked without it."""
    answer = prefixed.get("/zwgk")
    assert (answer.status_code, answer.headers["location"]) == (301, "/zwgk/")
    assert prefixed.get("/zwgk/").text == "home"
    assert prefixed.get("/zwgk/water/2026/1/").text == "a page"
    assert prefixed.get("/zwgk/water/2026/2/").status_code == 410
    assert prefixed.get("/zwgkx/").status_code == 404
    assert prefixed.get("/livez").status_code == 200
    prefixed.get("/zwgk/search?q=%E9%81%93%E8%B7%AF&x=%26")
    prefixed.get("/zwgk/api/items/water/%E9%80%9A%3F1")
    assert upstream.asked == [
        "/search?q=%E9%81%93%E8%B7%AF&x=%26",
        "/api/items/water/%E9%80%9A%3F1",
    ]


@pytest.mark.parametrize("prefix", ["zwgk", "/a b", "/a;b", "/a$b"])
def test_a_prefix_that_is_none_is_refused(tmp_path: Path, prefix: str) -> None:
    """What would be more than a path in nginx's configuration ends the container with a sentence."""
    ended = subprocess.run(
        ["sh", str(ROOT / "deploy/containers/web.sh")],
        env={"GAZETTE_PATH_PREFIX": prefix, "PATH": str(tmp_path)},
        executable="/bin/sh",
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "GAZETTE_PATH_PREFIX" in ended.stderr
