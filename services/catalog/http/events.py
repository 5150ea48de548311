"""`POST /api/events`: one CloudEvent or a batch, answered after the commit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.prepare_events import Received, prepare_in_turns
from services.catalog.http import openapi
from services.catalog.http.edge import MAX_BATCH, DepartmentActor, Here, Now, TooLarge, body_of
from services.catalog.inbox import senders_of
from shared import failpoints
from shared.errors import Refused
from shared.events.envelope import BATCH_CONTENT_TYPE, CONTENT_TYPE
from shared.events.outcomes import Outcome
from shared.http import traceparent_of

router = APIRouter()

MAX_BATCH_BYTES = 64 * 1024 * 1024
SMALL_BATCH_BYTES = 512 * 1024
"""Below it, a batch is parted on the loop: under two milliseconds."""
MAX_EVENT_BYTES = 8 * 1024 * 1024
STATUS = {"accepted": 202, "scheduled": 202, "held": 202, "ignored": 202, "rejected": 422}


class NotABatch(Refused):
    """批量请求应是一个 JSON 数组。 / A batch is one JSON array of events."""


class WrongContentType(Refused):
    """内容类型不对。 / The content type is not one of CloudEvents."""

    status = 415


@router.post(
    "/api/events",
    summary="Push one event or a batch of at most 500",
    tags=["intake"],
    **openapi.PUSH,
)
async def push(request: Request, catalog: Here, department: DepartmentActor, now: Now) -> Response:
    """Answer `{"results": [outcome…]}`; a single event that is refused answers 422, a conflict 409, another's 403."""
    batch = _is_batch(request)
    body = await body_of(request, MAX_BATCH_BYTES if batch else MAX_EVENT_BYTES)
    raws = await _events_of(body) if batch else [body]
    trace = traceparent_of(request.headers)
    async with catalog.db.sessions.begin() as session:
        senders = await senders_of(session, {department})
        events = [Received(raw, department, trace) for raw in raws]
        read = await prepare_in_turns(events, senders, now=now)
        outcomes = await accept_items(session, read, now=now, doors=catalog.doors)
        await failpoints.reach("events.judged")
    await failpoints.reach("events.committed")
    return answer(outcomes, batch=batch)


async def _events_of(body: bytes) -> list[bytes]:
    small = len(body) < SMALL_BATCH_BYTES
    return _split(body) if small else await asyncio.to_thread(_split, body)


def answer(outcomes: list[Outcome], *, batch: bool) -> Response:
    """Return the contract's answer for *outcomes*."""
    return Response(
        to_json({"results": outcomes}, exclude_none=True),
        202 if batch else status_of(outcomes[0]),
        media_type="application/json",
    )


def status_of(outcome: Outcome) -> int:
    """Return the status of a single event's answer."""
    codes = {problem.code for problem in outcome.problems}
    if "foreign_source" in codes:
        return 403
    return 409 if "conflict" in codes else STATUS[outcome.outcome]


def _is_batch(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == BATCH_CONTENT_TYPE:
        return True
    if kind in (CONTENT_TYPE, "application/json"):
        return False
    raise WrongContentType(
        f"请用 {CONTENT_TYPE} 或 {BATCH_CONTENT_TYPE}。 / Use {CONTENT_TYPE} or {BATCH_CONTENT_TYPE}."
    )


def _split(body: bytes) -> list[bytes]:
    """Return the bytes of each event of a batch as they were sent, so that each is read as strictly as a single one."""
    try:
        raws = list(_members(body.decode()))
    except (ValueError, RecursionError) as error:
        raise NotABatch(
            "没有读完：不是 JSON，或嵌套太深；整批没有收下。 / Not JSON, or nested too deep; nothing of the batch was taken."
        ) from error
    if len(raws) > MAX_BATCH:
        raise TooLarge(f"每批至多 {MAX_BATCH} 条。 / A batch has at most {MAX_BATCH} events.")
    return raws


def _members(text: str) -> Iterator[bytes]:
    """Yield the bytes of each member of the JSON array *text*; raises `ValueError` for anything else."""
    decoder = json.JSONDecoder()
    place = _skip(text, 0)
    follows = "["
    while True:
        if text[place : place + 1] != follows:
            raise ValueError("no JSON array")
        place = _skip(text, place + 1)
        if follows == "[" and text[place : place + 1] == "]":
            break
        _, end = decoder.raw_decode(text, place)
        yield text[place:end].encode()
        place = _skip(text, end)
        if text[place : place + 1] == "]":
            break
        follows = ","
    if _skip(text, place + 1) != len(text):
        raise ValueError("something follows the array")


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place
