"""Catalog, relay and search in this process, on real servers: for faults of the broker, which kill nobody of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import nats
import uvicorn
from sqlalchemy import text

from services.catalog.actions.add_department import NewDepartment, add_department
from services.catalog.actions.issue_key import issue_key
from services.catalog.app import create_app as catalog_app
from services.catalog.settings import Settings as CatalogSettings
from services.search.app import create_app as search_app
from services.search.settings import Settings as SearchSettings
from shared import streams
from shared.background import end
from shared.db import Database
from shared.relay import Relay
from tests.flow.conftest import item
from tests.instance.conftest import free_port

TOKEN = "token of the quarter"
CODE = "office"


@dataclass
class Quarter:
    """A small part of a town."""

    database_url: str
    nats_url: str
    folder: Path
    port: int = field(default_factory=free_port)
    key: str = ""

    @property
    def url(self) -> str:
        """Address of the catalog."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the catalog and the relay; search has a life of its own."""
        await streams.apply(self.nats_url)
        await self._prepare()
        app = catalog_app(
            CatalogSettings(
                database_url=self.database_url,
                nats_url=self.nats_url,
                site_url=self.url,
                blobs_url=self.folder / "blobs",
                internal_token=TOKEN,
            )
        )
        server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error"))
        tasks = [
            asyncio.create_task(server.serve()),
            asyncio.create_task(Relay(self.database_url, self.nats_url).run()),
        ]
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            await end(tasks[1])
            server.should_exit = True
            await tasks[0]

    async def _prepare(self) -> None:
        db, now = Database(self.database_url, "catalog"), datetime.now(UTC)
        async with db.sessions.begin() as session:
            await add_department(session, NewDepartment(code=CODE), now=now)
            self.key = await issue_key(session, CODE, now=now)
        await db.close()

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[Any]:
        """Run search; yields what its app keeps."""
        app = search_app(
            SearchSettings(
                database_url=self.database_url,
                nats_url=self.nats_url,
                catalog_url=self.url,
                search_index=self.folder / "search",
                internal_token=TOKEN,
            )
        )
        async with app.router.lifespan_context(app):
            yield app.state.search

    async def push(self, first: int, last: int, **more: Any) -> None:
        """Have the items *first* … *last* accepted, in one batch."""
        title = more.pop("title", None)
        events = [
            {
                "specversion": "1.0",
                "id": str(uuid4()),
                "source": f"/departments/{CODE}",
                "subject": f"s{n}",
                "type": "org.opengazette.item.published.v1",
                "data": item(title or f"第{n}号通告", f"第{n}号。", **more),
            }
            for n in range(first, last + 1)
        ]
        await self._post(events)

    async def withdraw(self, number: int) -> None:
        """Withdraw one item."""
        event = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": f"/departments/{CODE}",
            "subject": f"s{number}",
            "type": "org.opengazette.item.withdrawn.v1",
            "data": {"kind": "gone", "reason": "发布有误"},
        }
        await self._post([event])

    async def _post(self, events: list[dict[str, Any]]) -> None:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "content-type": "application/cloudevents-batch+json",
        }
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.post(f"{self.url}/api/events", json=events, headers=headers)
        assert answer.status_code == 202, answer.text
        assert {one["outcome"] for one in answer.json()["results"]} == {"accepted"}

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Return the rows of a statement."""
        db = Database(self.database_url, "catalog", size=1)
        try:
            async with db.sessions.begin() as session:
                return list((await session.execute(text(statement), values)).all())
        finally:
            await db.close()

    async def sent(self, seconds: float = 30) -> None:
        """Wait until the relay has sent and marked everything."""
        await until(self._all_sent, seconds)

    async def _all_sent(self) -> bool:
        return await self.rows("SELECT count(*) FROM catalog.outbox WHERE NOT sent") == [(0,)]

    async def shown(self) -> dict[str, int]:
        """Return source id -> version that search shows."""
        found = await self.rows(
            "SELECT i.source_id, s.version FROM search.shown s JOIN catalog.item i USING (item_id)"
        )
        return {row[0]: row[1] for row in found}

    async def equal(self, seconds: float) -> float:
        """Wait until search shows what the record says; return the seconds that took."""
        started = asyncio.get_running_loop().time()
        await until(self._equal, seconds)
        return asyncio.get_running_loop().time() - started

    async def _equal(self) -> bool:
        found = await self.rows("SELECT source_id, version FROM catalog.item")
        return await self.shown() == {row[0]: row[1] for row in found}

    async def replayed(self, bodies: list[bytes]) -> None:
        """Publish record events again, in this order, as a broker might that repeats and mixes."""
        client = await nats.connect(self.nats_url)
        for body in bodies:
            await client.jetstream().publish("record.office.again", body, stream="RECORD")
        await client.close()

    async def said(self, stream: str = "RECORD") -> list[bytes]:
        """Return every message that *stream* holds."""
        client = await nats.connect(self.nats_url)
        js = client.jetstream()
        state = (await js.stream_info(stream)).state
        found = [
            (await js.get_msg(stream, n)).data or b""
            for n in range(max(state.first_seq, 1), state.last_seq + 1)
        ]
        await client.close()
        return found


async def until(what: Any, seconds: float) -> None:
    """Wait until the coroutine function *what* says True."""
    async with asyncio.timeout(seconds):
        while not await what():
            await asyncio.sleep(0.05)
