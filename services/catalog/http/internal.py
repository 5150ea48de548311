"""What only the instance itself may ask the catalog."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from services.catalog import queries
from services.catalog.http.edge import Here, OperatorActor

router = APIRouter()


@router.get("/internal/shown", include_in_schema=False)
async def shown(
    catalog: Here,
    _: OperatorActor,
    after: str = "00000000-0000-0000-0000-000000000000",
    limit: int = Query(1000, le=5000),
) -> JSONResponse:
    """Answer what every projection should show: the record's own side of `gazette verify`."""
    async with catalog.db.sessions() as session:
        rows: list[dict[str, Any]] = await queries.shown_by_the_record(
            session, after=after, limit=limit
        )
    return JSONResponse(
        {"shown": rows, "next": rows[-1]["item_id"] if len(rows) == limit else None}
    )


@router.get("/internal/figures", include_in_schema=False)
async def figures(catalog: Here, _: OperatorActor) -> JSONResponse:
    """Answer the numbers of the status screen."""
    async with catalog.db.sessions() as session:
        return JSONResponse(await queries.figures(session))
