"""The two ways to the catalog: NATS and HTTP. Both may repeat, neither loses or doubles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import nats
import stamina
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic_core import from_json, to_json
from uuid_utils import uuid7

from services.sender.reading import Line
from shared import streams
from shared.errors import Refused
from shared.events.envelope import BATCH_CONTENT_TYPE, CONTENT_TYPE
from shared.events.outcomes import Outcome

BATCH = 100
"""Events of one HTTP request."""
BATCH_BYTES = 32 * 1024 * 1024
"""Bytes of one HTTP request; the catalog takes twice as much."""
WINDOW = 256
"""Events under way over NATS at once."""
TAKEN_WITHIN = 120.0
"""Seconds in which the stream must take an event: as long as services need to make a lost store again."""
PATIENCE = 30.0
"""Seconds after which an event without an outcome is sent again, under the same id."""
FIRST_PATIENCE = 15.0
"""Seconds for the first connection; one that was open is tried again for two minutes."""


class CannotReach(Refused):
    """连接不上。 / Cannot connect."""


class NotAuthorised(Refused):
    """密钥不对，或无权以这个单位的名义报送。 / The key is wrong, or may not speak for this department."""


@dataclass(frozen=True)
class Sending:
    """One event on its way."""

    line: Line
    event_id: str
    payload: bytes


Heard = Callable[[Line, Outcome], None]


def sending(line: Line, department: str) -> Sending:
    """Return *line* as a CloudEvent of *department*."""
    event_id = line.event_id or str(uuid7())
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/departments/{department}",
        "subject": line.source_id,
        "type": line.type,
        "time": datetime.now(UTC).isoformat(),  # noqa: TID251 -- the edge of another system
        "datacontenttype": "application/json",
        **({"sourceversion": line.sourceversion} if line.sourceversion else {}),
        **({"hold": " ".join(line.hold)} if line.hold else {}),
        "data": line.data,
    }
    return Sending(line, event_id, to_json(event))


class Wire(Protocol):
    """A way to the catalog."""

    async def send(self, lines: Sequence[Line], department: str, heard: Heard) -> None:
        """Send *lines*, keeping the order per item, and call *heard* with each outcome."""


class HttpWire:
    """`POST /api/events` in batches, retried when the server is away."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def send(self, lines: Sequence[Line], department: str, heard: Heard) -> None:
        """Send in batches, one after another."""
        for part in _parts([sending(line, department) for line in lines]):
            for row, result in zip(part, await self._post(part), strict=True):
                heard(row.line, result)

    async def _post(self, part: Sequence[Sending]) -> list[Outcome]:
        body = b"[" + b",".join(row.payload for row in part) + b"]"
        answer = httpx.Response(503)
        try:
            async for attempt in stamina.retry_context(on=_again, attempts=8, timeout=120):
                with attempt:
                    answer = await self._client.post(
                        "/api/events", content=body, headers={"Content-Type": BATCH_CONTENT_TYPE}
                    )
                    if answer.status_code in (401, 403):
                        raise NotAuthorised(problem_of(answer))
                    answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise CannotReach(problem_of(error.response)) from error
        except httpx.TransportError as error:
            raise CannotReach(f"{self._client.base_url}: {error}") from error
        return [Outcome.model_validate(result) for result in answer.json()["results"]]


def _parts(rows: Sequence[Sending]) -> Iterator[list[Sending]]:
    """Cut *rows* into requests of at most `BATCH` events and `BATCH_BYTES`, keeping their order."""
    part: list[Sending] = []
    size = 0
    for row in rows:
        if part and (len(part) == BATCH or size + len(row.payload) > BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row.payload)
    if part:
        yield part


def _again(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (429, 502, 503, 504)
    return isinstance(error, httpx.TransportError)


def problem_of(answer: httpx.Response) -> str:
    """Return the sentence of a problem+json answer."""
    try:
        content: dict[str, Any] = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    return str(content.get("detail") or content.get("title") or f"HTTP {answer.status_code}")


class NatsWire:
    """`intake.<department>.items` with a window; only an outcome ends an event."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}

    async def send(self, lines: Sequence[Line], department: str, heard: Heard) -> None:
        """Send *lines* over NATS; the versions of one item go one after another."""
        subscription = await self._client.subscribe(
            f"outcomes.{department}.items", cb=self._on_outcome
        )
        await self._client.flush()
        room = asyncio.Semaphore(WINDOW)
        chains: dict[str, list[Line]] = {}
        for line in lines:
            chains.setdefault(line.source_id, []).append(line)
        try:
            async with asyncio.TaskGroup() as group:
                for chain in chains.values():
                    await room.acquire()
                    group.create_task(self._chain(chain, department, heard, room))
        except ExceptionGroup as errors:
            if refused := errors.subgroup(CannotReach):
                raise CannotReach(str(refused.exceptions[0])) from None
            raise
        finally:
            await subscription.unsubscribe()

    async def _chain(
        self, chain: Sequence[Line], department: str, heard: Heard, room: asyncio.Semaphore
    ) -> None:
        try:
            for line in chain:
                heard(line, await self._one(sending(line, department), department))
        finally:
            room.release()

    async def _one(self, row: Sending, department: str) -> Outcome:
        """Send until the outcome is here; a repeat under the same id gets the same result."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[row.event_id] = future
        headers = {"Nats-Msg-Id": row.event_id, "content-type": CONTENT_TYPE}
        try:
            for _ in range(20):
                await self._publish(f"intake.{department}.items", row.payload, headers)
                try:
                    return await asyncio.wait_for(asyncio.shield(future), PATIENCE)
                except TimeoutError:
                    continue
        finally:
            self._waiting.pop(row.event_id, None)
        raise CannotReach("没有等到处理结果。 / No outcome came.")

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """Publish until the stream has it: a store that was lost is made again while we wait."""
        js = self._client.jetstream()
        try:
            async for attempt in stamina.retry_context(
                on=(NatsError, asyncio.TimeoutError), attempts=None, timeout=TAKEN_WITHIN
            ):
                with attempt:
                    await js.publish(
                        subject, payload, stream="INTAKE", headers=dict(headers), timeout=5
                    )
        except (NatsError, asyncio.TimeoutError) as error:
            raise CannotReach(
                "消息服务器没有收下，请稍后再报送：已收下的不会重复。 / "
                "The message server did not take it; push again later: what was taken is not doubled."
            ) from error

    async def _on_outcome(self, message: Msg) -> None:
        outcome = Outcome.model_validate(from_json(message.data)["data"])
        future = self._waiting.get(outcome.id)
        if future and not future.done():
            future.set_result(outcome)


@asynccontextmanager
async def over_nats(
    url: str, department: str, *, nkey: Path | None = None
) -> AsyncIterator[NatsWire]:
    """Open a connection as *department* (its nkey seed in the file *nkey*), or with the rights that *url* carries."""
    refusals: list[Exception] = []

    async def note(error: Exception) -> None:
        refusals.append(error)

    options: dict[str, Any] = {"nkeys_seed": str(nkey)} if nkey else {}
    prefix = f"_INBOX_{department}" if nkey else "_INBOX"
    try:
        client = await asyncio.wait_for(
            nats.connect(
                streams.servers(url),
                name=f"push {department}",
                inbox_prefix=prefix,
                error_cb=note,
                connect_timeout=5,
                max_reconnect_attempts=60,
                allow_reconnect=True,
                **options,
            ),
            FIRST_PATIENCE,
        )
    except (NatsError, OSError, TimeoutError) as error:
        known = "authorization" in str(error).lower() or any(
            "authorization" in str(e).lower() for e in refusals
        )
        reason = refusals[-1] if refusals and isinstance(error, TimeoutError) else error
        raise (NotAuthorised if known else CannotReach)(
            f"NATS {url.rsplit('@', 1)[-1]}: {reason}"
        ) from error
    try:
        yield NatsWire(client)
    finally:
        await client.close()


@asynccontextmanager
async def over_http(
    url: str, key: str, *, department: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client that carries the key; *department* is named when the key is the instance's own token."""
    headers = {"Authorization": f"Bearer {key}"} | (
        {"Gazette-Department": department} if department else {}
    )
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=120, trust_env=False
    ) as client:
        yield client
