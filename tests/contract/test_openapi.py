"""The OpenAPI document says what the contract's table of paths says, and answers are as it says."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from starlette.datastructures import QueryParams

from services.catalog.app import create_app
from services.catalog.http.edge import Catalog
from services.catalog.settings import Settings
from services.search.http.edge import read_wanted
from shared.events.intake import IntakeData
from tests.catalog.desk import Desk, data, event, open_desk, withdrawal
from tests.search.conftest import standing
from tests.search.items import state

CONTRACT = {
    "/search": {"get"},
    "/api/search": {"get"},
    "/api/events": {"post"},
    "/api/items/{department}/{source_id}": {"put", "delete", "get"},
    "/api/outcomes": {"get"},
    "/api/records": {"get"},
    "/api/blobs/{sha256}": {"put"},
    "/api/openapi.json": {"get"},
    "/api/asyncapi.yaml": {"get"},
    "/api/docs": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
}
"""Every public path of the contract but the static site."""
ASKED = "q department catalogue topic year from to validity sort page size".split()
"""What the contract lets one ask the search."""


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened


@pytest.fixture
async def whole(desk: Desk) -> dict[str, Any]:
    """Return the document as it is served."""
    found: dict[str, Any] = (await desk.client.get("/api/openapi.json")).json()
    return found


def operations(whole: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, verb and operation."""
    for path, verbs in whole["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def body(operation: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the schema of what an operation takes."""
    schema: dict[str, Any] = operation["requestBody"]["content"][kind]["schema"]
    return schema


def fits(whole: dict[str, Any], answer: httpx.Response, path: str, verb: str = "get") -> bool:
    """Say whether an answer's status, type and content are those that the document says; raises for the content."""
    said = whole["paths"][path][verb]["responses"][str(answer.status_code)]
    kind = answer.headers["content-type"].split(";")[0]
    schema = said["content"][kind]["schema"] | {"components": whole["components"]}
    Draft202012Validator(schema).validate(answer.json())
    return True


async def test_every_path_of_the_contract_is_named(whole: dict[str, Any]) -> None:
    """No public path is missing, and none is named that the contract does not have."""
    assert {path: set(verbs) for path, verbs in whole["paths"].items()} == CONTRACT


async def test_the_document_is_well_formed(whole: dict[str, Any]) -> None:
    """OpenAPI 3.1: answers are described, parameters of paths declared, references lead somewhere, schemas are schemas."""
    assert re.fullmatch(r"3\.1\.\d+", whole["openapi"])
    assert {"title", "version"} <= set(whole["info"])
    names = [operation.get("operationId", path) for path, _, operation in operations(whole)]
    assert len(names) == len(set(names))
    for path, verb, operation in operations(whole):
        assert operation["summary"]
        assert operation["responses"]
        for answer in operation["responses"].values():
            assert answer["description"]
        declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), (path, verb)
        for scheme in operation.get("security", []):
            assert set(scheme) <= set(whole["components"]["securitySchemes"])
    for reference in {part.split('"')[0] for part in json.dumps(whole).split('"$ref": "')[1:]}:
        place: Any = whole
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
        assert place
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_what_writes_says_what_it_takes_and_who_may(whole: dict[str, Any]) -> None:
    """Bodies are the contract's models, and a key is asked for."""
    item = "/api/items/{department}/{source_id}"
    put, delete = (whole["paths"][item][verb] for verb in ("put", "delete"))
    assert body(put, "application/json")["$ref"].endswith("/IntakeData")
    assert body(delete, "application/json")["$ref"].endswith("/WithdrawalData")
    push = whole["paths"]["/api/events"]["post"]
    for kind, content in (
        ("application/cloudevents+json", event("a-b", "s")),
        ("application/cloudevents+json", withdrawal("a-b", "s")),
        ("application/cloudevents-batch+json", [event("a-b", "s")]),
    ):
        schema = body(push, kind) | {"components": whole["components"]}
        Draft202012Validator(schema).validate(content)
    assert set(whole["components"]["schemas"]["IntakeData"]["properties"]) == set(
        IntakeData.model_fields
    )
    for path, verb, operation in operations(whole):
        closed = verb != "get" or path == "/api/outcomes"
        assert (operation.get("security") == [{"key": []}]) is closed, (path, verb)


async def test_answers_are_as_the_document_says(desk: Desk, whole: dict[str, Any]) -> None:
    """Results, refusals, items with and without a key, the feed, outcomes and uploads fit their schemas."""
    sender, other = await desk.department(), await desk.department()
    content = b"attached"
    uploaded = await sender.upload(content)
    assert fits(whole, uploaded, "/api/blobs/{sha256}", "put")
    attached = {"name": "a.txt", "media_type": "text/plain", "size": len(content)}
    good = data(attachments=[attached | {"sha256": sha256(content).hexdigest()}])
    for answer in (
        await sender.post(event(sender.code, "s", good, partitionkey="x", sourceversion=1)),
        await sender.batch([event(sender.code, "s", data(title=""))]),
        await sender.post(event(sender.code, "t", data(review=None))),
        await sender.post(event(sender.code, "u", data(title=""))),
        await sender.post(event(sender.code, "s", data(title="x"), sourceversion=1)),
        await sender.post(event(other.code, "s")),
        await desk.client.post("/api/events", json=[]),
        await sender.batch(b"{"),
    ):
        assert fits(whole, answer, "/api/events", "post")
    item = "/api/items/{department}/{source_id}"
    assert fits(whole, await sender.put("s", data(title="")), item, "put")
    assert fits(whole, await other.delete("s", {"kind": "gone", "reason": "x"}), item, "delete")
    foreign = f"/api/items/{other.code}/s"
    answer = await desk.client.put(foreign, json=data(), headers=sender.headers)
    assert answer.status_code == 403
    assert fits(whole, answer, item, "put")
    await desk.rows(
        "INSERT INTO catalog.visible SELECT 'search', item_id, 1, now() FROM catalog.item RETURNING 1"
    )
    found = await sender.look("s", own=True)
    assert found.json()["events"][0]["attributes"] == {"partitionkey": "x"}
    assert fits(whole, found, item)
    for answer in (
        await sender.look("s"),
        await sender.look("t", own=True),
        await sender.look("-"),
    ):
        assert fits(whole, answer, item)
    await desk.number_the_record()
    for state_ in (0, 1):
        answer = await desk.client.get("/api/records", params={"state": state_})
        assert len(answer.json()["records"]) == 4
        assert fits(whole, answer, "/api/records")
    assert fits(whole, await desk.client.get("/api/records?limit=0"), "/api/records")
    told = await desk.client.get("/api/outcomes", headers=sender.headers)
    assert fits(whole, told, "/api/outcomes")


async def test_the_search_answers_as_the_document_says(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    """Its parameters are those of the contract with the bounds that it has, and its answers fit."""
    parameters = {
        p["name"]: p["schema"] for p in whole["paths"]["/api/search"]["get"]["parameters"]
    }
    assert set(ASKED) <= set(parameters)
    assert parameters == {
        p["name"]: p["schema"] for p in whole["paths"]["/search"]["get"]["parameters"]
    }
    for name, schema in parameters.items():
        good, bad = probes(schema)
        assert [read_wanted(QueryParams({name: str(value)}))[1] for value in good] == [[]] * len(
            good
        )
        for value in bad:
            [problem] = read_wanted(QueryParams({name: str(value)}))[1]
            assert problem.path == f"/query/{name}"
    items = [state("a", "关于石桥封闭的公告", "<p>石桥</p>"), state("b", "石桥", "<p>x</p>")]
    async with standing(tmp_path, items) as search:
        for question in ("?q=石桥", "", "?size=1000", "?q=石桥&sort=newest&from=2020-01-01"):
            answer = await search.client.get(f"/api/search{question}")
            assert fits(whole, answer, "/api/search")


def probes(schema: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return values that a parameter takes, and some that it does not."""
    one = schema.get("items", schema)
    if "enum" in one:
        return one["enum"], ["other"]
    if one["type"] == "integer":
        good = [one["minimum"], *([one["maximum"]] if "maximum" in one else [])]
        return good, [0, "x", *([one["maximum"] + 1] if "maximum" in one else [])]
    if one.get("format") == "date":
        return ["2026-11-23"], ["2026-02-30"]
    longest = one.get("maxLength")
    return ["x" * (longest or 1)], ["x" * (longest + 1)] if longest else []


async def test_links_lie_below_the_prefix(desk: Desk) -> None:
    """A site below a path prefix names its documents and its server there."""
    settings = Settings(blobs_url=desk.blobs, path_prefix="/zwgk/")
    app = create_app(settings)
    app.state.catalog = Catalog(settings, desk.db, desk.doors)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        page = (await client.get("/api/docs")).text
        assert not re.findall(r'(?:href|src)="/(?!zwgk/)', page)
        assert page.count('="/zwgk/api/') == 3
        servers = (await client.get("/api/openapi.json")).json()["servers"]
    assert servers == [{"url": "/zwgk"}]
