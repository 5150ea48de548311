"""What `gazette status` shows: parts, lags, parked events and counts, read from a running instance."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import nats
import psycopg
from nats.errors import Error as NatsError
from psycopg import sql

from services.instance.find import Instance
from services.instance.front import standing_of
from services.instance.roles import MIGRATED
from shared.errors import Unavailable
from shared.leader import plain_url
from shared.streams import DURABLES

SECONDS = 10


@dataclass(frozen=True)
class Status:
    """One look at an instance."""

    parts: Mapping[str, str]
    """Service or server, and `ok`, `degraded` (it answers, and is behind or lacks something) or `down`."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """The catalog's numbers."""
    lags: Mapping[str, int | None] = field(default_factory=dict)
    """Consumer, and how many events it has not dealt with; None when it cannot be told."""
    parked: Mapping[str, int] = field(default_factory=dict)
    """Service, and how many events it has put aside."""

    @property
    def well(self) -> bool:
        """Whether nothing needs an operator."""
        return all(state == "ok" for state in self.parts.values()) and not any(self.parked.values())


async def look(instance: Instance) -> Status:
    """Look at the instance; what does not answer is shown as such."""
    state = await _state(instance)
    parts = {name: part["status"] for name, part in state["services"].items()} | state["servers"]
    figures = state.get("figures") or {}
    return Status(parts, figures, await _lags(instance), await _parked(instance))


async def _state(instance: Instance) -> dict[str, Any]:
    """Ask the front for the state of all parts, or the services themselves where there is no front that knows them."""
    headers = {"Authorization": f"Bearer {instance.internal_token}"}
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False, headers=headers) as client:
        if instance.services:
            return await _state_of_each(instance, client)
        try:
            answer = await client.get(f"{instance.url}/internal/status")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"{instance.url}: {error}") from error
        state: dict[str, Any] = answer.json()
        return state


async def _state_of_each(instance: Instance, client: httpx.AsyncClient) -> dict[str, Any]:
    """Ask every service that the settings name."""
    names = list(instance.services)
    asked = (_standing(client, f"{instance.services[name].rstrip('/')}/readyz") for name in names)
    standings = zip(names, await asyncio.gather(*asked), strict=True)
    services = {name: {"status": standing} for name, standing in standings}
    figures: dict[str, Any] = {}
    with suppress(httpx.HTTPError):
        answer = await client.get(instance.inside("catalog", "figures"))
        figures = answer.json() if answer.status_code == 200 else {}
    return {"services": services, "servers": {}, "figures": figures}


async def _standing(client: httpx.AsyncClient, address: str) -> str:
    """Ask a service whether it does its work."""
    try:
        answer = await client.get(address)
        return standing_of(answer.status_code, None if answer.status_code == 200 else answer.json())
    except (httpx.HTTPError, ValueError):
        return "down"


async def _lags(instance: Instance) -> dict[str, int | None]:
    """Ask JetStream how far behind each consumer is."""
    lags: dict[str, int | None] = dict.fromkeys(DURABLES)
    try:
        client = await nats.connect(instance.nats_url, connect_timeout=2, allow_reconnect=False)
    except (NatsError, OSError):
        return lags
    try:
        for durable, (stream, _) in DURABLES.items():
            lags[durable] = await _lag(client.jetstream(timeout=2), stream, durable)
    finally:
        await client.close()
    return lags


async def _lag(js: Any, stream: str, durable: str) -> int | None:
    """Return how many events a consumer has not dealt with."""
    try:
        info = await js.consumer_info(stream, durable)
    except NatsError:
        return None
    return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


async def _parked(instance: Instance) -> dict[str, int]:
    """Count what each service has put aside."""
    counts: dict[str, int] = {}
    try:
        connection = await psycopg.AsyncConnection.connect(
            plain_url(instance.database_url), connect_timeout=2, autocommit=True
        )
    except psycopg.Error:
        return counts
    async with connection:
        for schema in MIGRATED:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, "parked"))
            try:
                row = await (await connection.execute(query)).fetchone()
            except psycopg.errors.UndefinedTable:
                continue
            counts[schema] = int(row[0]) if row else 0
    return counts
