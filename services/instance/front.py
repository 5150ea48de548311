"""The one port: addresses of services to the services, everything else to the site's files."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.instance.metrics import merged
from services.instance.roles import Backend, service_of
from shared.http import problem

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
HEALTH_SECONDS = 5.0


@dataclass
class Front:
    """An ASGI app over all parts of an instance."""

    pages: ASGIApp
    backends: Mapping[str, Backend]
    token: str
    servers: Callable[[], Mapping[str, bool]] = dict
    """Says which embedded servers run."""
    path_prefix: str = ""
    """Path below which everything lies, e.g. `/zwgk`."""
    own: Mapping[str, Callable[[Request], Awaitable[Response]]] = field(init=False)

    def __post_init__(self) -> None:
        self.own = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/internal/status": self._status,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        scope = self._below_prefix(scope)
        answer = await self._choose(scope)
        await answer(scope, receive, _with_headers(send))

    def _below_prefix(self, scope: Scope) -> Scope:
        """Take the prefix off the path."""
        path = scope["path"]
        if self.path_prefix and path.startswith(f"{self.path_prefix}/"):
            path = path.removeprefix(self.path_prefix)
            return {**scope, "path": path, "raw_path": path.encode()}
        return scope

    async def _choose(self, scope: Scope) -> ASGIApp:
        """Return what answers this request."""
        path = scope["path"]
        if path == "/internal" or path.startswith("/internal/"):
            return await self._internal(scope)
        if path in self.own:
            return await self.own[path](Request(scope))
        return self.backends.get(service_of(path) or "", self.pages)

    async def _internal(self, scope: Scope) -> ASGIApp:
        """Let our own services speak with each other: `/internal/<service>/…`, token needed."""
        request = Request(scope)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return problem(request, 401, "not-allowed", "没有有效的密钥。 / No valid key.")
        if scope["path"] in self.own:
            return await self.own[scope["path"]](request)
        _, _, name, *rest = scope["path"].split("/")
        backend = self.backends.get(name)
        if backend is None:
            return problem(request, 404, "http-404", "没有这个服务。 / There is no such service.")
        return _at(backend, "/internal/" + "/".join(rest))

    async def _livez(self, _request: Request) -> Response:
        """Say that this process answers."""
        return PlainTextResponse("ok\n")

    async def _readyz(self, _request: Request) -> Response:
        """Say whether every part does its work."""
        state = await self.state()
        return JSONResponse(state, 200 if state["status"] == "ok" else 503)

    async def _status(self, _request: Request) -> Response:
        """Say what `gazette status` shows: the state of every part, and the catalog's figures."""
        state = await self.state()
        if "catalog" in self.backends:
            headers = {"Authorization": f"Bearer {self.token}"}
            status, figures = await ask(self.backends["catalog"], "/internal/figures", headers)
            state["figures"] = figures if status == 200 else {}
        return JSONResponse(state)

    async def _metrics(self, _request: Request) -> Response:
        """Return the metrics of every part (Prometheus text format)."""
        names = list(self.backends)
        answers = await asyncio.gather(*(ask_text(self.backends[n], "/metrics") for n in names))
        texts = {
            name: text for name, (status, text) in zip(names, answers, strict=True) if status == 200
        }
        up = {name: backend.up for name, backend in self.backends.items()}
        page = merged(texts, services=up, servers=self.servers())
        return Response(page, media_type=CONTENT_TYPE_LATEST)

    async def state(self) -> dict[str, Any]:
        """Ask every service whether it is ready."""
        names = list(self.backends)
        answers = await asyncio.gather(*(ask(self.backends[name], "/readyz") for name in names))
        services = {
            name: {"status": self._standing(name, status, detail), "detail": detail}
            for name, (status, detail) in zip(names, answers, strict=True)
        }
        servers = {name: "ok" if up else "down" for name, up in self.servers().items()}
        well = (
            all(s["status"] == "ok" for s in services.values()) and "down" not in servers.values()
        )
        return {
            "status": "ok" if well and services else "degraded",
            "services": services,
            "servers": servers,
        }

    def _standing(self, name: str, status: int, detail: Any) -> str:
        """Return how a service stands; one without an opinion (404) is ready when it is up."""
        if status == 404 and self.backends[name].up:
            return "ok"
        return standing_of(status, detail)


def standing_of(status: int, detail: Any) -> str:
    """Return how a service stands by its answer to `/readyz`: `ok`, `degraded` in its own words, or `down`."""
    if status == 200:
        return "ok"
    said = detail.get("status") if isinstance(detail, dict) else None
    return "degraded" if said == "degraded" else "down"


def _with_headers(send: Send) -> Send:
    """Add the headers of every answer, where an answer does not bring its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending


def _at(app: ASGIApp, path: str) -> ASGIApp:
    """Return the app at another path."""

    async def there(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return there


async def ask_text(
    app: Backend, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Ask a part of this instance; 503 when it is down or does not answer in time."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://instance") as client:
            answer = await asyncio.wait_for(client.get(path, headers=headers), HEALTH_SECONDS)
    except (httpx.HTTPError, asyncio.TimeoutError):
        return 503, ""
    return answer.status_code, answer.text


async def ask(app: Backend, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Ask a part of this instance for JSON; None when it gives none."""
    status, text = await ask_text(app, path, headers)
    try:
        return status, httpx.Response(status, text=text).json()
    except ValueError:
        return status, None
