"""The record as search meets it: a stream on a real nats-server, and the record feed over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import uvicorn
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared.bus import Bus
from shared.events.envelope import Event
from shared.events.record import (
    DEPARTMENT,
    SITE,
    AnyRecord,
    DepartmentEvent,
    DepartmentState,
    ItemState,
    SiteEvent,
    SiteState,
)
from tests.search.items import event

EPOCH = UUID("00000000-0000-4000-8000-000000000001")


class Record:
    """What the catalog has said so far; `say` also sends it over the stream."""

    def __init__(self, url: str, bus: Bus) -> None:
        self.url = url
        self.epoch = EPOCH
        self.reads = 0
        self._bus = bus
        self._events: list[AnyRecord] = []
        self.spoiled: set[int] = set()
        """Sequences whose events nobody can read."""

    def keep(
        self, *states: ItemState | DepartmentState | SiteState, trace: str | None = None
    ) -> list[AnyRecord]:
        """Put states into the record, in order, and only there; *trace* is their `traceparent`."""
        kept: list[AnyRecord] = []
        for state in states:
            numbers = {"sequence": len(self._events) + 1, "epoch": self.epoch}
            event = _event(state.model_copy(update=numbers))
            kept.append(event.model_copy(update={"traceparent": trace}) if trace else event)
            self._events.append(kept[-1])
        return kept

    async def say(self, *states: ItemState | DepartmentState | SiteState) -> None:
        """Put states into the record and send them."""
        for said in self.keep(*states):
            await self.send(said)

    async def send(self, said: AnyRecord) -> None:
        """Send one event, again or for the first time."""
        body = to_json(self._as_said(said))
        await self._bus.js.publish("record.x.y", body, stream="RECORD")

    def _as_said(self, said: AnyRecord) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(to_json(said, by_alias=True))
        return event | ({"type": "unknown"} if said.data.sequence in self.spoiled else {})

    def begin_anew(self, epoch: UUID) -> None:
        """Become another record, as after a restore."""
        self.epoch = epoch
        self._events = []

    async def feed(self, request: Request) -> JSONResponse:
        """Answer `GET /api/records` as the catalog does."""
        self.reads += 1
        after = int(request.query_params.get("after", 0))
        head = len(self._events)
        through = min(head, int(request.query_params.get("through", head)))
        limit = int(request.query_params.get("limit", 100))
        page = self._events[after : min(through, after + limit)] if after < head else []
        covered = page[-1].data.sequence if page else max(through, 0)
        records = [{"sequence": e.data.sequence, "event": self._as_said(e)} for e in page]
        return JSONResponse(
            {"epoch": str(self.epoch), "head": head, "through": covered, "records": records}
        )


def _event(state: ItemState | DepartmentState | SiteState) -> AnyRecord:
    if isinstance(state, ItemState):
        return event(state)
    raw = state.model_dump_json(by_alias=True, exclude={"sequence", "epoch"}).encode()
    envelope: dict[str, Any] = {
        "id": hashlib.sha256(raw).hexdigest()[:32],
        "source": "/departments/x",
        "statesha256": hashlib.sha256(raw).hexdigest(),
    }
    if isinstance(state, DepartmentState):
        return DepartmentEvent(type=DEPARTMENT, data=state, **envelope)
    return SiteEvent(type=SITE, data=state, **envelope)


def effects(messages: list[bytes]) -> list[tuple[str, int]]:
    """Return item id and version of each effect."""
    read = [Event[Any].model_validate_json(raw).data for raw in messages]
    return [(data["item_id"], data["version"]) for data in read]


@asynccontextmanager
async def serving(record: Record, port: int) -> AsyncIterator[None]:
    """Serve the feed on a port of this machine."""
    app = Starlette(routes=[Route("/api/records", record.feed)])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield
    server.should_exit = True
    await task


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
