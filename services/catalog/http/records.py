"""`GET /api/records`: the public record feed; `GET /api/outcomes`: what a department was told."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from services.catalog import queries
from services.catalog.http import openapi
from services.catalog.http.edge import DepartmentActor, Here

router = APIRouter()


@router.get("/api/records", summary="The public record feed", tags=["public"], **openapi.RECORDS)
async def records(
    catalog: Here,
    after: int = Query(0, ge=0, description="the last sequence that you have"),
    limit: int = Query(100, ge=1, le=1000),
    state: int = Query(0, ge=0, le=1, description="1: with the full events"),
    through: int | None = Query(None, ge=0, description="stop at this sequence"),
) -> Response:
    """Answer sequence, item, version, change and SHA-256 of the public state, tombstones included.

    A page may lose entries when an item is withdrawn, so caches may keep it for a minute only.
    """
    async with catalog.db.sessions() as session:
        page = await queries.record_page(
            session, after=after, limit=limit, through=through, state=bool(state)
        )
    caching = "public, max-age=60" if len(page["records"]) == limit else "no-cache"
    return Response(
        to_json(page), media_type="application/json", headers={"Cache-Control": caching}
    )


@router.get(
    "/api/outcomes", summary="What became of your events", tags=["intake"], **openapi.OUTCOMES
)
async def outcomes(
    catalog: Here,
    department: DepartmentActor,
    after: int = Query(0, ge=0, description="`cursor` of the last one that you have"),
    limit: int = Query(100, ge=1, le=1000),
) -> JSONResponse:
    """Answer what OUTCOMES says to your department, later decisions on held items included."""
    async with catalog.db.sessions() as session:
        found: list[dict[str, Any]] = await queries.outcomes_after(
            session, department, after=after, limit=limit
        )
    return JSONResponse({"outcomes": found, "next": found[-1]["cursor"] if found else after})
