"""A search service on real servers, and the record that it hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.search.actions.keep_names import row_of
from services.search.app import create_app
from services.search.engines.folder import FolderShelf
from services.search.http.edge import Search
from services.search.inbox import on_record
from services.search.names import NameBoard
from services.search.rules.card import card_of
from services.search.rules.directory import directory_of
from services.search.settings import Settings
from services.search.tables import SCHEMA, tables
from shared import streams
from shared.bus import Bus, Listener
from shared.db import Database
from shared.events.record import DepartmentState, ItemState, SiteState
from shared.feed import RecordFeed
from tests.search.items import ZONE
from tests.search.record import Record, effects, free_port, serving

pytest.register_assert_rewrite("tests.search.engine_contract")

TOKEN = "internal-token-of-the-tests"


@pytest.fixture
async def record(nats_url: str) -> AsyncIterator[Record]:
    """An empty record: stream and feed."""
    await streams.apply(nats_url)
    port = free_port()
    async with Bus(nats_url, name="test") as bus:
        kept = Record(f"http://127.0.0.1:{port}", bus)
        async with serving(kept, port):
            yield kept


@pytest.fixture
def in_folder(record: Record, database_url: str, nats_url: str, tmp_path: Path) -> Settings:
    """Settings of a service on these servers, its index in a folder."""
    return Settings(
        database_url=database_url,
        nats_url=nats_url,
        catalog_url=record.url,
        search_index=tmp_path / "search",
        internal_token=TOKEN,
    )


@pytest.fixture
def on_cluster(in_folder: Settings, search_url: str) -> Settings:
    """Settings of a service on these servers, its index on OpenSearch."""
    return in_folder.model_copy(update={"search_url": search_url})


@pytest.fixture(params=["in_folder", "on_cluster"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Settings of a service with each engine in turn."""
    chosen: Settings = request.getfixturevalue(request.param)
    return chosen


@dataclass
class Running:
    """A running service."""

    client: httpx.AsyncClient
    search: Search

    async def find(self, q: str = "", **params: Any) -> dict[str, Any]:
        """Ask the API."""
        answer = await self.client.get("/api/search", params={"q": q, **params})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def titles(self, q: str = "", **params: Any) -> list[str]:
        """Return the titles that are found, in their order."""
        return [hit["title"] for hit in (await self.find(q, **params))["hits"]]

    async def page(self, address: str) -> str:
        """Return a page."""
        answer = await self.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def shown(self) -> list[dict[str, Any]]:
        """Return what `verify` reads."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await self.client.get("/internal/shown", headers=headers)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["shown"]
        return rows

    async def until_shown(self, number: int) -> None:
        """Wait until so many items are shown, tombstones included."""
        await until(lambda: self._shows(number))

    async def _shows(self, number: int) -> bool:
        return len(await self.shown()) == number


@asynccontextmanager
async def running(settings: Settings, *, at_once: bool = False) -> AsyncIterator[Running]:
    """Run the service and a client of it; a new index on a cluster is waited for, unless *at_once*."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://search") as client,
    ):
        search: Search = app.state.search
        if search.shelf.shared and not at_once:
            await until(lambda: not search.shelf.stale)
        yield Running(client, search)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Running]:
    """A running service with an empty index."""
    async with running(settings) as started:
        yield started


@asynccontextmanager
async def standing(
    folder: Path, states: Sequence[ItemState | DepartmentState | SiteState]
) -> AsyncIterator[Running]:
    """The edges over an index that holds *states*; nothing is heard, no server is needed."""
    settings = Settings(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    app = create_app(settings)
    items = [state for state in states if isinstance(state, ItemState)]
    named = [row_of(state) for state in states if not isinstance(state, ItemState)]
    shelf, names = FolderShelf(folder), NameBoard()
    shelf.engine.write([card_of(state, ZONE) for state in items])
    names.now = directory_of((row["key"], json.loads(row["state"])) for row in named)
    db = Database(settings.database_url, SCHEMA)
    feed = RecordFeed(settings.catalog_url)
    listener = Listener(Bus(settings.nats_url, name="search"), on_record, db, tables)
    transport = httpx.ASGITransport(app=app)

    async def rebuild() -> int:
        raise NotImplementedError

    with ThreadPoolExecutor(2) as threads:
        search = Search(settings, db, shelf, names, listener, feed, ZONE, threads, rebuild)
        app.state.search = search
        async with httpx.AsyncClient(transport=transport, base_url="http://search") as client:
            yield Running(client, search)
    shelf.close()
    await feed.close()
    await db.close()


@pytest.fixture
async def told(record: Record, nats_url: str) -> AsyncIterator[Callable[[], list[tuple[str, int]]]]:
    """Return item id and version of every effect that was said since."""
    async with Bus(nats_url, name="effects") as bus:
        heard: list[bytes] = []

        async def hear(message: Any) -> None:
            heard.append(message.data)

        subscription = await bus.client.subscribe("effects.>", cb=hear)
        await bus.client.flush()
        yield lambda: effects(heard)
        await subscription.unsubscribe()


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 30) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)
