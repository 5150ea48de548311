"""Services in processes of their own, and the front's way to them over Unix sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.instance import children
from services.instance.children import Program, ServerFailed
from services.instance.roles import unavailable
from services.instance.supervise import Keeper

START_SECONDS = 60.0
ENDING = ((signal.SIGTERM, 3.0),)
ANSWER_SECONDS = 60.0
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"trailer"}
_ROOT = Path(__file__).resolve().parents[2]


class ServiceProcess:
    """A service as our child, kept running; it is an ASGI app that passes requests on."""

    def __init__(
        self,
        name: str,
        path: Path,
        settings: Callable[[], Mapping[str, Any]],
        prepare: Callable[[], None],
    ) -> None:
        self.name = name
        self._child = _Child(name, path, settings, prepare)
        self._keeper = Keeper(self._child)
        self._client: httpx.AsyncClient | None = None
        self._path = path

    @property
    def up(self) -> bool:
        """Whether the process answers."""
        return self._keeper.up

    async def start(self) -> None:
        """Begin to keep the service up; returns at once."""
        transport = httpx.AsyncHTTPTransport(uds=str(self._path), limits=httpx.Limits())
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://service", timeout=ANSWER_SECONDS
        )
        self._keeper.watch()

    async def stop(self) -> None:
        """End the service, by force after three seconds."""
        await self._keeper.stop()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; 503 while the service is down."""
        if self._client is None or not self.up:
            await unavailable(scope)(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            answer = await self._client.send(self._passed_on(self._client, request), stream=True)
        except httpx.TransportError:
            await unavailable(scope)(scope, receive, send)
            return
        response = StreamingResponse(
            answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose)
        )
        response.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower() not in HOP_BY_HOP
        ]
        await response(scope, receive, send)

    @staticmethod
    def _passed_on(client: httpx.AsyncClient, request: Request) -> httpx.Request:
        """Return the same request for the service."""
        raw = request.scope.get("raw_path") or request.url.path.encode()
        headers = [pair for pair in request.headers.raw if pair[0] not in HOP_BY_HOP]
        if request.client:
            headers.append((b"x-forwarded-for", request.client.host.encode()))
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        return client.build_request(
            request.method,
            httpx.URL("http://service", raw_path=_target(raw, request.scope["query_string"])),
            headers=headers,
            content=request.stream() if has_body else None,
        )


def _target(path: bytes, query: bytes) -> bytes:
    """Return path and query as they are written on the wire."""
    return path.partition(b"?")[0] + (b"?" + query if query else b"")


class _Child:
    """The process of one service."""

    def __init__(
        self,
        name: str,
        path: Path,
        settings: Callable[[], Mapping[str, Any]],
        prepare: Callable[[], None],
    ) -> None:
        self.name = name
        self._prepare = prepare
        self._path = path
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Mend the schema, and remove the socket of an earlier run."""
        self._prepare()
        self._path.unlink(missing_ok=True)

    def launch(self) -> None:
        """Start the process."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "services.cli",
            "serve",
            self.name,
            "--uds",
            str(self._path),
        ]
        environment = dict(os.environ) | as_environment(self._settings())
        environment["PYTHONPATH"] = str(_ROOT)
        self._process = children.spawn(
            Program(command=command, death_signal=signal.SIGKILL, environment=environment)
        )

    def wait_ready(self) -> None:
        """Wait until the service answers."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.alive() or time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"the service {self.name} does not start; its log says why")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Say whether somebody listens on the socket."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._path))
            except OSError:
                return False
        return True

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def is_stale(self) -> bool:
        """Never: its settings are given at its start."""
        return False

    def refresh(self) -> None:
        """Do nothing, see `is_stale`."""

    def stop(self) -> None:
        """End the process, by force after three seconds."""
        if self._process is not None:
            children.end(self._process, ENDING)
            self._process = None


def as_environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as `GAZETTE_*` variables; what is no text is JSON."""
    return {
        f"GAZETTE_{name.upper()}": value if isinstance(value, str) else _text(value)
        for name, value in settings.items()
        if value is not None
    }


def _text(value: object) -> str:
    """Return a setting as pydantic-settings reads it."""
    return str(value) if isinstance(value, Path) else json.dumps(value, ensure_ascii=False)
