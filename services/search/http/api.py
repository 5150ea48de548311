"""`GET /api/search`."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.search.http.edge import Here, ParameterNotRight, read_wanted
from services.search.queries import Result, Results, search
from services.search.rules.directory import Directory

router = APIRouter()

_FACTS = (
    "source_id",
    "department",
    "title",
    "url",
    "published_at",
    "document_number",
    "validity",
    "state",
)


@router.get("/api/search")
async def find(request: Request, here: Here) -> JSONResponse:
    """Answer a search (contract, "Paths")."""
    wanted, problems = read_wanted(request.query_params)
    if problems:
        raise ParameterNotRight(problems=problems)
    started = time.perf_counter()
    results = await here.read(partial(search, here.shelf.engine, wanted))
    took = round((time.perf_counter() - started) * 1000, 2)
    return JSONResponse(
        answer_of(results, here.names.now, took), headers={"Cache-Control": "no-cache"}
    )


def answer_of(results: Results, names: Directory, took_ms: float) -> dict[str, Any]:
    """Return the JSON of the contract."""
    return {
        "total": results.total,
        "hits": [_hit(result) for result in results.hits],
        "facets": {
            name: [
                {"value": value, "label": names.label(name, value, "zh-Hans"), "count": count}
                for value, count in values
            ]
            for name, values in results.facets.items()
        },
        "took_ms": took_ms,
    }


def _hit(result: Result) -> dict[str, Any]:
    stored = result.stored
    facts = {name: stored.facts.get(name) for name in _FACTS}
    return {
        "item_id": stored.item_id,
        **facts,
        "snippet": result.snippet,
        "score": result.score,
    }
