"""The services as parts of an instance: which there are, which addresses they answer, how they run."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.instance.find import Instance, NotSet
from shared import memory
from shared.background import background
from shared.http import problem
from shared.relay import Relay
from shared.watchdog import watched

log = structlog.get_logger()

SERVICES = ("catalog", "relay", "publisher", "search", "notifier")
MIGRATED = ("catalog", "publisher", "search", "notifier")
ROUTES = (
    ("/api/search", "search"),
    ("/search", "search"),
    ("/zh-tw/search", "search"),
    ("/en/search", "search"),
    ("/api", "catalog"),
    ("/subscribe", "notifier"),
    ("/zh-tw/subscribe", "notifier"),
    ("/en/subscribe", "notifier"),
    ("/subscription", "notifier"),
    ("/demo", "demo"),
)
"""Address and the service that answers it and everything below; the first that fits."""
ENDING_SECONDS = 3.0
FIRST_PATIENCE = 1.0
LONGEST_PATIENCE = 30.0
DOWN = "这项服务暂时不可用，请稍后再试。 / This service is not available now; try again shortly."


class Backend(Protocol):
    """What answers for a service: it is an ASGI app, and says whether it is up."""

    name: str

    @property
    def up(self) -> bool:
        """Whether it answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; 503 while the service is down."""

    async def start(self) -> None:
        """Begin to keep the service up."""

    async def stop(self) -> None:
        """End the service."""


def service_of(path: str) -> str | None:
    """Return the service that answers this address; None: it is a page of the site."""
    for prefix, service in ROUTES:
        if path == prefix or path.startswith(f"{prefix}/"):
            return service
    return None


def application(name: str, settings: Mapping[str, Any]) -> FastAPI:
    """Build a service from these settings and its environment."""
    if name == "relay":
        here = Instance(settings)
        return _relay(here.database_url, here.nats_url)
    kind = importlib.import_module(f"services.{name}.settings").Settings
    given = {key: value for key, value in settings.items() if key in kind.model_fields}
    try:
        checked = kind(**given)
    except ValidationError as error:
        raise NotSet(_unset(error)) from error
    app: FastAPI = importlib.import_module(f"services.{name}.app").create_app(checked)
    memory.spare_what_is_loaded()
    return app


def _unset(error: ValidationError) -> str:
    """Name the settings that are missing or wrong, without their values: some are secrets."""
    wrong = [f"GAZETTE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
    return "请检查设置 / check the settings:\n" + "\n".join(wrong)


def watched_application(name: str, settings: Mapping[str, Any]) -> FastAPI:
    """Build a service that is alone in its process: when its loop hangs, the process ends."""
    app = application(name, settings)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        async with watched(name), inner(app) as state:
            yield state

    app.router.lifespan_context = lifespan  # type: ignore[assignment]  # Starlette tells None and a mapping apart
    return app


def _relay(database_url: str, nats_url: str) -> FastAPI:
    """Build the relay: it has no addresses but its health."""
    relay = Relay(database_url, nats_url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with background(relay.run):
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/livez")
    @app.get("/readyz")
    async def health() -> dict[str, Any]:
        """Say whether this copy leads; one that stands by is as healthy."""
        return {"status": "ok", "leading": relay.leading, "sent": relay.sent}

    return app


class InProcess:
    """A service in this process: built and entered again, with patience, when its start fails."""

    def __init__(self, name: str, make: Callable[[], ASGIApp]) -> None:
        self.name = name
        self.up = False
        self._make = make
        self._app: ASGIApp | None = None
        self._state: dict[str, Any] = {}
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; 503 while the service is down."""
        if self._app is None or not self.up:
            await unavailable(scope)(scope, receive, send)
            return
        await self._app({**scope, "state": dict(self._state)}, receive, send)

    async def start(self) -> None:
        """Begin to keep the service up; returns at once."""
        self._ending.clear()
        self._task = asyncio.create_task(self._keep(), name=f"service {self.name}")

    async def stop(self) -> None:
        """End the service, by force after three seconds."""
        self._ending.set()
        self.up = False
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=ENDING_SECONDS)
            for task in late:
                log.warning("service_ended_by_force", service=self.name)
                task.cancel()
            self._task = None

    async def _keep(self) -> None:
        """Run the service until it is told to end."""
        patience = FIRST_PATIENCE
        while not self._ending.is_set():
            try:
                await self._run()
            except Exception:
                log.exception("service_failed", service=self.name, again_in=patience)
            self.up, self._app = False, None
            if not self._ending.is_set():
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), patience)
            patience = min(patience * 2, LONGEST_PATIENCE)

    async def _run(self) -> None:
        """Enter the service's lifespan and stay in it."""
        app = await asyncio.to_thread(self._make)
        async with _lifespan(app) as state:
            self._app, self._state, self.up = app, dict(state or {}), True
            log.info("service_started", service=self.name)
            await self._ending.wait()
            self.up = False
        log.info("service_ended", service=self.name)


def _lifespan(app: Any) -> AbstractAsyncContextManager[Mapping[str, Any] | None]:
    """Return the lifespan of a Starlette app: its state, if it gives any."""
    manager: AbstractAsyncContextManager[Mapping[str, Any] | None] = app.router.lifespan_context(
        app
    )
    return manager


def unavailable(scope: Scope) -> Response:
    """Answer for a service that is down: a sentence for a reader, a problem for a program."""
    request = Request(scope)
    if "text/html" not in request.headers.get("accept", ""):
        return problem(request, 503, "unavailable", DOWN)
    chinese, english = DOWN.split(" / ")
    text = english if request.url.path.startswith("/en/") else chinese
    page = f'<!doctype html><meta charset="utf-8"><title>503</title><p>{text}</p>'
    return HTMLResponse(page, 503, {"Retry-After": "5"})
