"""A real S3 server (SeaweedFS's wheel) for the tests, and a way to it that counts requests and can be cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

KEY_ID = "GAZETTETESTKEYID"
SECRET = "a-secret-that-no-log-may-show"
BUCKET = "gazette"
START_SECONDS = 60.0
_PARTS = ("master", "volume", "filer", "s3")


@dataclass
class S3Server:
    """`weed server` on loopback, with one pair of keys."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes an object."""
        self.ports = self.ports or dict(
            zip(
                [f"{part}{kind}" for part in _PARTS for kind in ("", ".grpc")],
                _free_ports(8),
                strict=True,
            )
        )
        (self.folder / "data").mkdir(exist_ok=True)
        config = self.folder / "s3.json"
        keys = [{"accessKey": KEY_ID, "secretKey": SECRET}]
        config.write_text(
            json.dumps({"identities": [{"name": "t", "credentials": keys, "actions": ["Admin"]}]})
        )
        command = [
            str(Path(sysconfig.get_path("scripts")) / "weed"),
            "-logtostderr=true",
            "server",
            f"-dir={self.folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            f"-s3.config={config}",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=50",
            "-master.telemetry=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]
        for name, port in self.ports.items():
            part, _, kind = name.partition(".")
            command.append(f"-{part}.port{'.grpc' if kind else ''}={port}")
        with (self.folder / "log").open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        deadline = time.monotonic() + START_SECONDS
        while not self._takes_objects():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the S3 server does not start"
            time.sleep(0.2)

    def _takes_objects(self) -> bool:
        from shared.objects import Bucket, StoreUnreachable

        with environment(self.url), suppress(StoreUnreachable):
            Bucket(f"s3://{BUCKET}/probe").write("x", b"x", {})
            return True
        return False

    @property
    def url(self) -> str:
        """Address of the server itself."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    found = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return found


def variables(url: str) -> dict[str, str]:
    """Return the environment by which a program finds the server and may use it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


@contextmanager
def environment(url: str) -> Iterator[None]:
    """Let this process find the server."""
    before = {name: os.environ.get(name) for name in variables(url)}
    os.environ.update(variables(url))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True)
class Asked:
    """A request that came through the gate."""

    method: str
    key: str
    """Path below the bucket."""
    copied: bool
    """A PUT that copies inside the store."""


class Gate:
    """A reverse proxy before the server: notes every request, and can be shut."""

    def __init__(self, server: S3Server) -> None:
        self.asked: list[Asked] = []
        self.open = True
        gate = self

        class Handler(_Handler):
            at = gate
            to = server.ports["s3"]

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def written(self, below: str) -> list[str]:
        """Return the keys below *below* that were put or copied to, in order."""
        return [
            one.key.removeprefix(below)
            for one in self.asked
            if one.method == "PUT" and one.key.startswith(below)
        ]

    def close(self) -> None:
        """End it."""
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Passes one request on; the signature covers the `Host` that the caller used, so it stays."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    at: ClassVar[Gate]
    to: ClassVar[int]

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.at.open:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        key = unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}/")
        copied = "x-amz-copy-source" in self.headers
        self.at.asked.append(Asked(self.command, key, copied))
        connection = HTTPConnection("127.0.0.1", self.to, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self.close_connection = True
            return
        finally:
            connection.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815 - the names that the base class calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that is running, on an empty folder."""
    folder = Path(tempfile.mkdtemp(prefix="gazette-s3-"))
    server = S3Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
