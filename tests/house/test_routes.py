"""Every HTTP route names who may call it, or stands on the public list below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.catalog import app as catalog
from services.catalog.http.edge import operator, sender, sender_or_nobody
from services.catalog.settings import Settings as CatalogSettings
from services.notifier import app as notifier
from services.notifier.http.edge import from_here
from services.notifier.settings import Settings as NotifierSettings
from services.publisher import app as publisher
from services.publisher.settings import Settings as PublisherSettings
from services.search import app as search
from services.search.settings import Settings as SearchSettings

ACTORS = {sender, sender_or_nobody, operator, from_here}
"""Dependencies that say who asks: a department, anyone with or without a key, the operator, a form of this site."""

PUBLIC = {
    ("catalog", "GET", "/api/records"),
    ("catalog", "GET", "/api/openapi.json"),
    ("catalog", "GET", "/api/asyncapi.yaml"),
    ("catalog", "GET", "/api/docs"),
    ("catalog", "GET", "/api/docs.css"),
    ("search", "GET", "/api/search"),
    ("search", "GET", "/search"),
    ("search", "GET", "/zh-tw/search"),
    ("search", "GET", "/en/search"),
    ("search", "GET", "/search/search.css"),
    ("notifier", "GET", "/subscribe"),
    ("notifier", "GET", "/zh-tw/subscribe"),
    ("notifier", "GET", "/en/subscribe"),
    ("notifier", "GET", "/subscribe/webhook"),
    ("notifier", "GET", "/zh-tw/subscribe/webhook"),
    ("notifier", "GET", "/en/subscribe/webhook"),
    *(
        (service, "GET", path)
        for service in ("catalog", "publisher", "search", "notifier")
        for path in ("/livez", "/readyz", "/metrics")
    ),
}
"""What anyone may read."""

BY_SECRET_LINK = {
    ("notifier", "GET", "/subscription/confirm/{token}"),
    ("notifier", "GET", "/subscription/{token}"),
    ("notifier", "GET", "/subscription/{token}/unsubscribe"),
    ("notifier", "POST", "/subscription/{token}/unsubscribe"),
}
"""The link that a person was mailed is the right itself (RFC 8058 posts it from a mail program, without an origin)."""

BY_TOKEN_INSIDE = {
    ("publisher", "GET", "/internal/shown"),
    ("publisher", "POST", "/internal/look"),
    ("publisher", "POST", "/internal/rebuild"),
    ("publisher", "GET", "/internal/standing"),
    ("search", "GET", "/internal/shown"),
    ("search", "POST", "/internal/rebuild"),
    ("notifier", "GET", "/internal/shown"),
}
"""Ask for the instance's own token in their first line; the second test sees that they do."""

Route = tuple[str, str, str]


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FastAPI]:
    """Build every service's app; nothing is started."""
    folder: Path = tmp_path_factory.mktemp("apps")
    common: dict[str, Any] = {
        "database_url": "postgresql+psycopg://nobody@127.0.0.1:1/x",
        "nats_url": "nats://127.0.0.1:1",
        "internal_token": "the token",
    }
    return {
        "catalog": catalog.create_app(CatalogSettings(**common, blobs_url=folder / "blobs")),
        "publisher": publisher.create_app(PublisherSettings(**common, site_store=folder / "site")),
        "search": search.create_app(SearchSettings(**common, search_index=folder / "index")),
        "notifier": notifier.create_app(NotifierSettings(**common, data=folder)),
    }


def routes(router: Any) -> Iterator[APIRoute]:
    """Yield the routes of an app, those of included routers as well."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from routes(route.original_router)


def named(service: str, route: APIRoute) -> set[Route]:
    """Return a route as service, method and path; the hash in a sheet's name does not count."""
    path = "/search/search.css" if route.path.startswith("/search/search.") else route.path
    return {(service, method, path) for method in route.methods or ()}


def calls(dependant: Dependant) -> Iterator[Any]:
    """Yield every dependency below a route."""
    for one in dependant.dependencies:
        yield one.call
        yield from calls(one)


def test_every_route_names_an_actor_or_is_public(apps: dict[str, FastAPI]) -> None:
    """A route without an actor is on a list here, on purpose; and the lists name nothing that is not there."""
    unnamed: set[Route] = set()
    for service, app in apps.items():
        found = list(routes(app))
        assert found, service
        for route in found:
            if not ACTORS & set(calls(route.dependant)):
                unnamed |= named(service, route)
    assert unnamed == PUBLIC | BY_SECRET_LINK | BY_TOKEN_INSIDE


def test_what_writes_is_never_public() -> None:
    """Only reading is public."""
    assert {method for _, method, _ in PUBLIC} == {"GET"}


@pytest.mark.parametrize(("service", "method", "path"), sorted(BY_TOKEN_INSIDE))
@pytest.mark.parametrize("key", [None, "Bearer ", "Bearer another"])
async def test_internal_routes_refuse_whoever_has_no_token(
    apps: dict[str, FastAPI], service: str, method: str, path: str, key: str | None
) -> None:
    """Without the instance's own token there is a 401, before anything else is looked at."""
    app = apps[service]
    if service == "search":  # built by the lifespan, which this test does not start
        app.state.search = type(
            "Here", (), {"settings": type("S", (), {"internal_token": "the token"})}
        )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.request(method, path, headers={"Authorization": key} if key else {})
    assert answer.status_code == 401
