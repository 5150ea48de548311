"""`/api/items/<department>/<source_id>`: the same as events without a CloudEvent, and the public state."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from services.catalog import queries
from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.prepare_events import prepare_data
from services.catalog.http import delivery, openapi
from services.catalog.http.edge import (
    AnyActor,
    Catalog,
    DepartmentActor,
    Here,
    NotYours,
    Now,
    body_of,
)
from services.catalog.http.events import MAX_EVENT_BYTES, answer
from services.catalog.inbox import senders_of
from services.catalog.reading import read_address
from shared.errors import Refused
from shared.events.intake import DEPARTMENT_CODE
from shared.http import traceparent_of

router = APIRouter()

DryRun = Annotated[int, Query(ge=0, le=1, description="1: only validate, store nothing")]
SourceVersion = Annotated[
    int | None, Query(description="the department's own revision, as in an event")
]


class NoSuchItem(Refused):
    """没有这条公开信息。 / There is no such public item."""

    status = 404


@router.put(
    "/api/items/{department}/{source_id:source_id}",
    summary="Publish or change an item",
    tags=["intake"],
    **openapi.PUT_ITEM,
)
async def put_item(
    request: Request,
    department: str,
    source_id: str,
    catalog: Here,
    actor: DepartmentActor,
    now: Now,
    dry_run: DryRun = 0,
    sourceversion: SourceVersion = None,
) -> Response:
    """Body: the intake data. Idempotent by content; answers like a single event."""
    return await _apply(
        request,
        catalog,
        actor,
        (department, source_id),
        now=now,
        withdrawal=False,
        sourceversion=sourceversion,
        dry=bool(dry_run),
    )


@router.delete(
    "/api/items/{department}/{source_id:source_id}",
    summary="Withdraw an item",
    tags=["intake"],
    **openapi.DELETE_ITEM,
)
async def delete_item(
    request: Request,
    department: str,
    source_id: str,
    catalog: Here,
    actor: DepartmentActor,
    now: Now,
    dry_run: DryRun = 0,
    sourceversion: SourceVersion = None,
) -> Response:
    """Body: the withdrawal data (kind, public reason)."""
    return await _apply(
        request,
        catalog,
        actor,
        (department, source_id),
        now=now,
        withdrawal=True,
        sourceversion=sourceversion,
        dry=bool(dry_run),
    )


async def _apply(
    request: Request,
    catalog: Catalog,
    actor: str,
    item: tuple[str, str],
    *,
    now: Any,
    withdrawal: bool,
    sourceversion: int | None,
    dry: bool,
) -> Response:
    department, source_id = item
    if actor != department:
        raise NotYours
    body = await body_of(request, MAX_EVENT_BYTES)
    async with catalog.db.sessions() as session:
        transaction = await session.begin()
        sender = (await senders_of(session, {department})).get(department)
        read = await asyncio.to_thread(
            prepare_data,
            body,
            department=department,
            source_id=source_id,
            withdrawal=withdrawal,
            sender=sender,
            now=now,
            traceparent=traceparent_of(request.headers),
            sourceversion=sourceversion,
        )
        outcomes = await accept_items(session, [read], now=now, doors=catalog.doors, dry=dry)
        if dry:
            await transaction.rollback()
            outcomes = [
                o.model_copy(update={"item_id": None, "url": None, "version": None})
                for o in outcomes
            ]
        else:
            await transaction.commit()
    return answer(outcomes, batch=False)


@router.get(
    "/api/items/{department}/{source_id:source_id}",
    summary="Public state, versions, delivery",
    tags=["public"],
    **openapi.GET_ITEM,
)
async def get_item(
    request: Request, department: str, source_id: str, catalog: Here, actor: AnyActor
) -> Response:
    """Answer the public state; an item that waits, and the events behind versions, are for its own department only.

    A browser that asks for `text/html` gets the delivery of each version as a page.
    """
    if not DEPARTMENT_CODE.fullmatch(department) or read_address(source_id):
        raise NoSuchItem  # nor could there be one
    async with catalog.db.sessions() as session:
        found = await queries.public_item(session, department, source_id)
        waits = (
            await queries.waiting_of(session, department, source_id)
            if actor == department
            else None
        )
        if found and actor == department:
            found["events"] = await queries.events_of(session, found["item_id"])
        if found and "text/html" in request.headers.get("accept", ""):
            settings = await queries.site_settings(session)
            return delivery.page(
                found, settings, catalog.settings.site_url, catalog.settings.path_prefix.rstrip("/")
            )
    if found is None and waits is None:
        raise NoSuchItem
    return JSONResponse(
        (found or {"department": department, "source_id": source_id})
        | ({"waiting": waits} if waits else {})
    )
