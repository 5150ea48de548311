"""What every service's HTTP edge shares."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI

from shared.errors import StoreUnreachable
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


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, 500), (StoreUnreachable, 503)])
async def test_secret_links_are_not_logged(error: type[Exception], status: int) -> None:
    """What fails is logged by the route's template: whoever reads the log must not be able to use the link."""
    app, router = FastAPI(), APIRouter(prefix="/subscription/{token}")
    install(app)

    @router.get("/webhook")
    async def page(token: str) -> None:
        raise error("why")

    app.include_router(router)
    transport = httpx.ASGITransport(app=app)
    with structlog.testing.capture_logs() as logged:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.get("/subscription/s3cret-token/webhook")
    assert answer.status_code == status
    [line] = logged
    assert line["route"] == "/subscription/{token}/webhook"
    assert "s3cret-token" not in str({**line, "exc_info": ""})
