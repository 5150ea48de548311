"""What the catalog does by itself: seed the lists, pass the time, release what is due, write the NATS users."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import structlog

from services.catalog import nats_users
from services.catalog.actions.decide_waiting import release_all
from services.catalog.actions.hear_shown import hear_shown
from services.catalog.actions.pass_time import pass_time
from services.catalog.actions.remove_due import remove_due
from services.catalog.actions.seed_site import seed_site
from services.catalog.actions.settle_validity import settle_due
from services.catalog.actions.store_blob import sweep_blobs
from services.catalog.http.edge import Catalog
from shared.db import unreachable

log = structlog.get_logger()

SECOND, MINUTE = 1.0, 60.0


async def run(catalog: Catalog, lists: dict[str, dict[str, Any]]) -> None:
    """Run every duty in its own rhythm until cancelled; any number of copies may, each duty takes its own lock."""

    async def seed() -> None:
        async with catalog.db.sessions.begin() as session:
            await seed_site(session, lists, now=_now())

    async def time() -> None:
        async with catalog.db.sessions.begin() as session:
            await pass_time(session, now=_now(), zone=catalog.doors.zone)

    async def release() -> None:
        await release_all(catalog.db.sessions, now=_now(), doors=catalog.doors)

    async def settle() -> None:
        async with catalog.db.sessions.begin() as session:
            await settle_due(session, now=_now(), zone=catalog.doors.zone)

    async def remove() -> None:
        async with catalog.db.sessions.begin() as session:
            await remove_due(session, now=_now(), doors=catalog.doors)

    async def users() -> None:
        settings = catalog.settings
        if settings.nats_users_file:
            first = nats_users.ours(settings.nats_url) if settings.nats_users_with_ours else None
            async with catalog.db.sessions() as session:
                content = await nats_users.users(session, first=first)
            await asyncio.to_thread(nats_users.write_users, settings.nats_users_file, content)

    async def delivery() -> None:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            await hear_shown(
                catalog.db.sessions,
                client,
                catalog.settings.projections,
                token=catalog.settings.internal_token,
            )

    async def sweep() -> None:
        await sweep_blobs(catalog.db.sessions, catalog.doors.blobs, now=_now())

    await asyncio.gather(
        _every(10 * MINUTE, "seed", seed),
        _every(SECOND, "time", time),
        _every(SECOND, "release", release),
        _every(SECOND, "remove", remove),
        _every(SECOND, "settle", settle),
        _every(SECOND, "nats_users", users),
        _every(5 * MINUTE, "delivery", delivery, after=MINUTE),
        _every(60 * MINUTE, "sweep", sweep, after=MINUTE),
    )


async def _every(
    seconds: float, name: str, duty: Callable[[], Awaitable[None]], *, after: float = 0
) -> None:
    """Do *duty* every so many seconds; an error is logged and does not stop the others."""
    await asyncio.sleep(after)
    while True:
        wait = seconds
        try:
            await duty()
        except Exception as error:
            if not unreachable(error) and not isinstance(error, httpx.HTTPError):
                log.exception("duty_failed", service="catalog", duty=name)
            wait = min(seconds, 5.0)
        await asyncio.sleep(wait)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 -- this is an edge: it reads the clock
