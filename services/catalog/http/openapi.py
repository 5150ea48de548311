"""The OpenAPI document: the routes, with the bodies and answers that the contract's models say.

It also names what other parts of an instance answer under the same address (search, health): readers of the
document see one interface, and services never import each other.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from services.catalog.http.edge import MAX_BATCH
from shared.errors import Problem
from shared.events import asyncapi
from shared.events.envelope import BATCH_CONTENT_TYPE, CONTENT_TYPE
from shared.events.outcomes import Outcome
from shared.events.record import HistoryEntry, ItemState
from shared.http import PROBLEM

JSON = "application/json"

# --- answers that are no events


class Results(BaseModel):
    """One outcome for each event, in their order; given after the commit."""

    results: list[Outcome]


class ProblemDetails(BaseModel):
    """A refusal (RFC 9457), in the language that `Accept-Language` asks for."""

    type: str
    """Stable: `urn:opengazette:problem:<name>`."""
    title: str
    status: int
    detail: str | None = None
    problems: list[Problem] = []


class Seen(BaseModel):
    """A version, and since when a projection has shown it."""

    version: int
    since: str


class Waiting(BaseModel):
    """How an item waits; told to its own department only."""

    kind: str
    because: list[str]
    publish_at: str | None = None
    received_at: str


class MadeBy(BaseModel):
    """The event that made a version; told to its own department only."""

    version: int
    id: str
    attributes: dict[str, Any]
    """The sender's `time`, and extensions that the platform does not know."""


class Item(BaseModel):
    """An item's public state, versions and delivery; of one that only waits, `waiting` alone."""

    department: str
    source_id: str
    item_id: UUID | None = None
    version: int | None = None
    state: str | None = None
    url: str | None = None
    sha256: str | None = None
    sequence: int | None = None
    public: ItemState | None = None
    versions: list[HistoryEntry] = []
    delivery: dict[str, list[Seen]] = {}
    """By projection: `publisher`, `search`, `notifier`."""
    waiting: Waiting | None = None
    events: list[MadeBy] = []


class RecordEntry(BaseModel):
    """One event of the record, without its text unless `state=1` asks for it."""

    sequence: int
    id: str
    type: str
    source: str
    subject: str | None = None
    time: str
    sha256: str
    version: int
    item_id: UUID | None = None
    change: str | None = None
    state: str | None = None
    url: str | None = None
    title: str | None = None
    reason: str | None = None
    key: str | None = None
    event: dict[str, Any] | None = None


class RecordPage(BaseModel):
    """A stretch of the record feed; `through` is the last sequence that it covers, `head` the newest there is."""

    epoch: UUID
    head: int
    through: int
    records: list[RecordEntry]


class ToldOutcome(BaseModel):
    """What a department was told, and where to go on reading after it."""

    cursor: int
    event: dict[str, Any]


class OutcomePage(BaseModel):
    """Outcomes of a department; `next` is the `after` of the next request."""

    outcomes: list[ToldOutcome]
    next: int


class Stored(BaseModel):
    """An attachment that is safe."""

    sha256: str
    size: int


class Hit(BaseModel):
    """One item that was found; `title` as pushed, `snippet` escaped HTML with `<mark>`."""

    item_id: UUID
    source_id: str
    department: str
    title: str | None
    url: str
    snippet: str
    score: float | None
    published_at: str
    document_number: str | None
    validity: str | None
    state: str


class FacetValue(BaseModel):
    """How many hits have a value."""

    value: str
    label: str
    count: int


class SearchAnswer(BaseModel):
    """Hits of one page, and the exact number of all of them."""

    total: int = Field(ge=0)
    hits: list[Hit]
    facets: dict[str, list[FacetValue]]
    took_ms: float


_MODELS = (Results, ProblemDetails, Item, RecordPage, OutcomePage, Stored, SearchAnswer)


# --- parts of operations, for the routes' decorators


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(name: str, kind: str = JSON) -> dict[str, Any]:
    return {kind: {"schema": _ref(name)}}


def _refused(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers of a refused request, by status."""
    content = _content("ProblemDetails", PROBLEM)
    return {status: {"description": _REFUSALS[status], "content": content} for status in statuses}


_REFUSALS = {
    401: "No valid key",
    403: "The key belongs to another department",
    404: "Nothing public is there",
    413: "Too large",
    415: "Not a content type of CloudEvents",
    422: "Not valid",
    503: "The database is away; try again after `Retry-After` seconds",
}


def _judged(description: str) -> dict[str, Any]:
    return {"description": description, "content": _content("Results")}


def _either(description: str) -> dict[str, Any]:
    """Return an answer that is a result where the event was read, a problem where the request was not."""
    content = _content("Results") | _content("ProblemDetails", PROBLEM)
    return {"description": description, "content": content}


_RESULTS: dict[int | str, dict[str, Any]] = {
    202: _judged("Accepted, scheduled, held or ignored; of a batch also what was rejected"),
    409: _judged("The same id or sourceversion with other content"),
    422: _either("Rejected, with every problem"),
}
_KEY: list[dict[str, list[str]]] = [{"key": []}]


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"security": _KEY, "requestBody": {"required": True, "content": content}}


PUSH: dict[str, Any] = {
    "status_code": 202,
    "responses": _RESULTS
    | _refused(401, 413, 415, 503)
    | {403: _judged("Another department's `source`")},
    "openapi_extra": _body(
        _content("IntakeEvent", CONTENT_TYPE)
        | _content("IntakeEvent")
        | {BATCH_CONTENT_TYPE: {"schema": _ref("IntakeBatch")}}
    ),
}
PUT_ITEM: dict[str, Any] = {
    "status_code": 202,
    "responses": _RESULTS | _refused(401, 403, 413, 503),
    "openapi_extra": _body(_content("IntakeData")),
}
DELETE_ITEM: dict[str, Any] = PUT_ITEM | {"openapi_extra": _body(_content("WithdrawalData"))}
GET_ITEM: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The item; its delivery as a page, where `text/html` is asked for",
            "content": _content("Item") | {"text/html": {"schema": {"type": "string"}}},
        }
    }
    | _refused(404, 422, 503),
    "openapi_extra": {"security": [{}, *_KEY]},
}
RECORDS: dict[str, Any] = {
    "responses": {200: {"description": "A page of the feed", "content": _content("RecordPage")}}
    | _refused(422, 503),
}
OUTCOMES: dict[str, Any] = {
    "responses": {200: {"description": "Outcomes", "content": _content("OutcomePage")}}
    | _refused(401, 422, 503),
    "openapi_extra": {"security": _KEY},
}
PUT_BLOB: dict[str, Any] = {
    "status_code": 201,
    "responses": {201: {"description": "It is safe", "content": _content("Stored")}}
    | _refused(401, 413, 422, 503),
    "openapi_extra": _body({"application/octet-stream": {"schema": {}}}),
}


# --- what others answer


def _asked(name: str, description: str, *, many: bool = False, **schema: Any) -> dict[str, Any]:
    """Return a parameter of the search; *many*: it may be given several times, any will do."""
    one = {"type": "string"} | schema
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "array", "items": one} if many else one,
    }


_VALIDITY = ["in_force", "amended", "repealed", "expired"]
_SEARCH = [
    _asked("q", 'Plain text; only "…" is syntax. Empty: everything, newest first', maxLength=1000),
    _asked("department", "Code of a department", many=True),
    _asked("catalogue", "Code of a catalogue entry", many=True),
    _asked("topic", "Topic", many=True),
    _asked("genre", "Genre", many=True),
    _asked("validity", "Validity", many=True, enum=_VALIDITY),
    _asked("year", "Year of publication", type="integer", minimum=1, maximum=9999),
    _asked("from", "First day of publication", format="date"),
    _asked("to", "Last day of publication", format="date"),
    _asked("sort", "Order", enum=["relevance", "newest"]),
    _asked("page", "Page", type="integer", minimum=1, default=1),
    _asked("size", "Hits on a page", type="integer", minimum=1, maximum=100, default=10),
]


def _read(
    summary: str, tag: str, kind: str, schema: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return a path that is only read."""
    answer = {"description": summary, "content": {kind: {"schema": schema or {"type": "string"}}}}
    responses = {"200": answer} | more.pop("responses", {})
    return {"get": {"summary": summary, "tags": [tag], "responses": responses, **more}}


@cache
def _elsewhere() -> dict[str, Any]:
    refused = {str(status): answer for status, answer in _refused(422, 503).items()}
    asked: dict[str, Any] = {"parameters": _SEARCH, "responses": refused}
    away = {"responses": {"503": {"description": "A part does not do its work"}}}
    return {
        "/api/search": _read("Search", "public", JSON, _ref("SearchAnswer"), **asked),
        "/search": _read("The search's page", "public", "text/html", **asked),
        "/api/openapi.json": _read("This document", "contracts", JSON, {"type": "object"}),
        "/api/asyncapi.yaml": _read("The streams", "contracts", "application/yaml"),
        "/api/docs": _read("The contracts as a page", "contracts", "text/html"),
        "/livez": _read("It answers", "operation", "text/plain"),
        "/readyz": _read("Every part does its work", "operation", JSON, {"type": "object"}, **away),
        "/metrics": _read("Figures for Prometheus", "operation", "text/plain"),
    }


@cache
def schemas() -> dict[str, Any]:
    """Return the schemas of the contract's events and of what the paths answer, by name."""
    _, ours = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    intake = asyncapi.document()["channels"]["INTAKE"]["messages"].values()
    return {
        **ours["$defs"],
        **asyncapi.schemas(),
        "IntakeEvent": {"oneOf": [message["payload"] for message in intake]},
        "IntakeBatch": {"type": "array", "items": _ref("IntakeEvent"), "maxItems": MAX_BATCH},
    }


def document(app: FastAPI, prefix: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of an instance below the path *prefix*."""
    drawn = app.openapi()
    return drawn | {
        "servers": [{"url": prefix or "/"}],
        "paths": drawn["paths"] | _elsewhere(),
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
