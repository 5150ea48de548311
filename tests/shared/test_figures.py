"""One look at a service, for its readiness and its figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.tables import tables
from shared import figures, streams
from shared.bus import Bus, Listener, hears
from shared.db import Database


@hears("RECORD", durable="search", parse=from_json)
async def deaf(events: Sequence[Any], session: AsyncSession, now: datetime) -> None:
    """Hear, and do nothing."""


async def test_what_is_parked_is_counted_and_a_listener_that_hears_is_ready(
    database_url: str, nats_url: str
) -> None:
    """The page names lag, handled and parked events of each; readiness is 200 while servers and durables are there."""
    await streams.apply(nats_url)
    db = Database(database_url, "catalog")
    async with db.sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO catalog.parked (consumer, subject, reason, raw, tries) VALUES ('c', 's', 'r', '', 1)"
            )
        )
    async with Bus(nats_url, name="test") as bus, Listener(bus, deaf, db, tables) as listener:
        seen = await figures.look(db, listener)
        own = figures.gauge("own", "One of its own.", {("a", "b"): 2}, "x", "y")
        page = bytes(figures.metrics(seen, own).body).decode()
        assert figures.readiness(seen).status_code == 200
        assert figures.readiness(seen, also=False).status_code == 503
    await db.close()
    for line in (
        'gazette_parked{service="catalog"} 1.0',
        'gazette_consumer_pending{consumer="search"} 0.0',
        'gazette_consumer_handled{consumer="search"} 0.0',
        'own{x="a",y="b"} 2.0',
    ):
        assert line in page.splitlines()


async def test_what_is_away_is_said_and_left_out() -> None:
    """Without database and NATS readiness names both, and figures that cannot be known are not made up."""
    db = Database("postgresql+psycopg://nobody@127.0.0.1:1/none", "catalog")
    listener = Listener(Bus("nats://127.0.0.1:1", name="test"), deaf, db, tables)
    seen = await figures.look(db, listener)
    await db.close()
    answer = figures.readiness(seen, more="said")
    state = json.loads(bytes(answer.body))
    assert (answer.status_code, state["database"], state["nats"]) == (503, False, False)
    assert (state["pending"], state["more"]) == ({"search": None}, "said")
    page = bytes(figures.metrics(seen).body).decode()
    assert "gazette_parked{" not in page
    assert "gazette_consumer_pending{" not in page
