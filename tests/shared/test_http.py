"""What every service's HTTP edge shares."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from shared.http import install

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("traceparent", "bound"),
    [(f"00-{TRACE}-b7ad6b7169203331-01", TRACE), ("00-what-ever-01", None), (None, None)],
)
async def test_log_lines_of_a_request_bear_its_trace(
    traceparent: str | None, bound: str | None
) -> None:
    """A valid `traceparent` binds its trace id for all that is logged, anything else binds none."""
    app = FastAPI()
    install(app)

    @app.get("/")
    async def here() -> dict[str, Any]:
        return structlog.contextvars.get_contextvars()

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        headers = {"traceparent": traceparent} if traceparent else {}
        answer = await client.get("/", headers=headers)
    assert answer.json().get("trace_id") == bound
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
