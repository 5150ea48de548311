"""HTTP plumbing: refusals as problem+json (RFC 9457), request ids, trace context, the internal token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry.trace import format_span_id, format_trace_id
from opentelemetry.trace.propagation import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.exceptions import HTTPException
from uuid_utils import uuid7

from shared.db import unreachable, who_is_away, why
from shared.errors import Problem, Refused

PROBLEM = "application/problem+json"
RETRY_AFTER = "5"
"""Seconds that a 503 asks a caller to wait."""

log = structlog.get_logger()


class NotAllowed(Refused):
    """没有有效的密钥。 / No valid key."""

    status = 401


def language_of(request: Request) -> str:
    """Return `en` or `zh`, whichever the reader prefers."""
    accepted = request.headers.get("accept-language", "")
    return "en" if accepted.lower().startswith("en") else "zh"


def _in_language(sentence: str, language: str) -> str:
    """Return one half of a sentence written as `中文 / English`."""
    chinese, parted, english = sentence.partition(" / ")
    return english if parted and language == "en" else chinese


def problem(
    request: Request, status: int, kind: str, title: str, detail: str = "", **more: Any
) -> Response:
    """Answer in `application/problem+json`, in the reader's language."""
    language = language_of(request)
    content = {
        "type": f"urn:opengazette:problem:{kind}",
        "title": _in_language(title, language),
        "status": status,
        **({"detail": _in_language(detail, language)} if detail else {}),
        **more,
    }
    headers = {"Content-Language": "en" if language == "en" else "zh-CN"}
    if status == 503:
        headers["Retry-After"] = RETRY_AFTER
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status, headers=headers, media_type=PROBLEM)


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    problems = [p.model_dump() for p in error.problems]
    more = {"problems": problems} if problems else {}
    return problem(request, error.status, error.kind(), error.title(), error.detail, **more)


def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [
        Problem(
            path="/" + "/".join(str(part) for part in e["loc"]),
            code=str(e["type"]),
            message=f"参数不正确：{e['msg']} / {e['msg']}",
            fix="请按 /api/docs 的说明填写这个参数。 / Give this parameter as /api/docs says.",
        ).model_dump()
        for e in error.errors()
    ]
    title = "请求中的参数不正确。 / A parameter of the request is not right."
    return problem(request, 422, "invalid-parameter", title, problems=problems)


def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    titles = {
        404: "没有这个地址。 / There is nothing at this address.",
        405: "这个地址不接受这种方法。 / This address does not take that method.",
        413: "内容太大。 / The content is too large.",
    }
    title = titles.get(error.status_code, str(error.detail))
    return problem(request, error.status_code, f"http-{error.status_code}", title)


_AWAY = {
    "database_unreachable": "数据库暂时不可用，请稍后再试。 / The database is not reachable now; try again later.",
    "store_unreachable": "文件存储暂时不可用，请稍后再试。 / The file store is not reachable now; try again later.",
}


def _failed(request: Request, error: Exception) -> Response:
    if unreachable(error):
        log.warning("answered_503", reason=why(error), route=_route(request))
        return problem(request, 503, "unavailable", _AWAY[who_is_away(error)])
    log.error("request_failed", route=_route(request), exc_info=error)
    return problem(
        request, 500, "internal", "内部错误，已记录。 / An internal error; it has been recorded."
    )


def _route(request: Request) -> str:
    """Return the template of the address that was asked for: the address itself may be a secret link."""
    return str(getattr(request.scope.get("route"), "path", ""))


def install(app: FastAPI) -> None:
    """Add the handlers and the request context to a service's app."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)

    @app.middleware("http")
    async def context(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        structlog.contextvars.clear_contextvars()
        request_id = str(uuid7())
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if trace := traceparent_of(request.headers) if "traceparent" in request.headers else None:
            structlog.contextvars.bind_contextvars(trace_id=trace[3:35])
        try:
            response = await call_next(request)
        except Exception as error:  # noqa: BLE001 — the last edge: a database that is down is a 503, the rest a 500
            response = _failed(request, error)
        response.headers["X-Request-Id"] = request_id
        return response


def traceparent_of(carrier: dict[str, str] | Any) -> str | None:
    """Return the W3C `traceparent` of the caller's headers, validated, or None."""
    found = TraceContextTextMapPropagator().extract({"traceparent": carrier.get("traceparent", "")})
    span = get_current_span(found).get_span_context()
    if not span.is_valid:
        return None
    return (
        f"00-{format_trace_id(span.trace_id)}-{format_span_id(span.span_id)}-{span.trace_flags:02x}"
    )


def require_internal(request: Request, token: str) -> None:
    """Refuse whoever does not hold the instance's own token."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(given.encode(), token.encode()):
        raise NotAllowed
