"""The catalog's doors over HTTP: who may come in, what is answered, and what bad input does."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.catalog.actions.issue_key import revoke_keys
from services.catalog.http.edge import MAX_BATCH
from shared.events.record import ItemState, parse_record
from tests.catalog.desk import (
    TOKEN,
    Desk,
    Sender,
    codes,
    data,
    event,
    open_desk,
    paths,
    result,
    withdrawal,
)

EVENT = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def is_problem(answer: httpx.Response, status: int) -> bool:
    """Say whether *answer* is a problem by RFC 9457 with *status*."""
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == status
        and answer.json()["type"].startswith("urn:opengazette:problem:")
        and bool(answer.json()["title"])
    )


# --- who may come in

DOORS = [
    ("POST", "/api/events"),
    ("PUT", "/api/items/{code}/s"),
    ("DELETE", "/api/items/{code}/s"),
    ("PUT", "/api/blobs/" + "0" * 64),
    ("GET", "/api/outcomes"),
    ("GET", "/internal/shown"),
    ("GET", "/internal/figures"),
]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("key", [None, "Bearer ", "Bearer ogk_wrong", "Basic YTpi"])
async def test_without_a_valid_key_nothing_opens(
    desk: Desk, sender: Sender, method: str, path: str, key: str | None
) -> None:
    """Every door that writes or tells of one department answers 401, and says how to come in."""
    headers = EVENT | ({"Authorization": key} if key else {})
    answer = await desk.client.request(
        method, path.format(code=sender.code), headers=headers, content=b"{}"
    )
    assert is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_departments_key_opens_no_operators_door(sender: Sender) -> None:
    """What belongs to the instance takes the instance's own token only."""
    for path in ("/internal/shown", "/internal/figures"):
        assert (await sender.desk.client.get(path, headers=sender.headers)).status_code == 401
        own = {"Authorization": f"Bearer {TOKEN}"}
        assert (await sender.desk.client.get(path, headers=own)).status_code == 200


async def test_a_revoked_key_opens_nothing(desk: Desk, sender: Sender) -> None:
    """From the moment of revocation a key is no key."""
    assert (await sender.push("s"))["outcome"] == "accepted"
    async with desk.db.sessions.begin() as session:
        assert await revoke_keys(session, sender.code, now=datetime.now(UTC)) == 1
    assert is_problem(await sender.post(event(sender.code, "s", data(title="新"))), 401)
    assert (await sender.put("s", data(title="新"))).status_code == 401
    assert await sender.versions("s") == [1]


async def test_nobody_writes_for_another_department(desk: Desk) -> None:
    """Another's source, path or item is refused with 403, and the answer is the same whether it exists or not."""
    mine, other = await desk.department(), await desk.department()
    await other.push("s")
    for code in (other.code, "nobody-at-all"):
        answer = await mine.post(event(code, "s", data(title="冒名")))
        assert answer.status_code == 403
        assert codes(result(answer)) == {"foreign_source"}
        batch = await mine.batch([event(code, "s"), event(mine.code, code)])
        assert [r["outcome"] for r in batch.json()["results"]] == ["rejected", "accepted"]
        assert batch.status_code == 202
        for method in ("PUT", "DELETE"):
            content = (
                data(title="冒名") if method == "PUT" else {"kind": "withdrawn", "reason": "x"}
            )
            answer = await desk.client.request(
                method, f"/api/items/{code}/s", json=content, headers=mine.headers
            )
            assert is_problem(answer, 403)
    assert (await other.look("s")).json()["version"] == 1
    assert (await other.outcomes())["outcomes"][-1]["event"]["data"]["outcome"] == "accepted"
    assert len((await other.outcomes())["outcomes"]) == 1


async def test_the_instances_own_token_speaks_for_a_department(desk: Desk, sender: Sender) -> None:
    """The operator's commands push with the instance's token and a department's name; a key cannot."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Gazette-Department": sender.code} | EVENT
    answer = await desk.client.post("/api/events", json=event(sender.code, "s"), headers=headers)
    assert answer.status_code == 202
    forged = sender.headers | {"Gazette-Department": (await desk.department()).code} | EVENT
    assert is_problem(
        await desk.client.post("/api/events", json=event(sender.code, "s"), headers=forged), 401
    )


# --- what is answered


async def test_single_events_answer_by_their_outcome(sender: Sender) -> None:
    """202 for accepted, held, scheduled and ignored; 422 for rejected; 409 for a conflict; 403 for another's."""
    seen = [
        (await sender.post(event(sender.code, "s", sourceversion=2, id="e-1"))).status_code,
        (await sender.post(event(sender.code, "s", data(title="旧"), sourceversion=1))).status_code,
        (await sender.post(event(sender.code, "h", data(review=None)))).status_code,
        (
            await sender.post(event(sender.code, "f", data(publish_at="2999-01-01T00:00:00Z")))
        ).status_code,
        (await sender.post(event(sender.code, "s", data(title="")))).status_code,
        (await sender.post(event(sender.code, "s", data(title="别"), id="e-1"))).status_code,
        (await sender.post(withdrawal(sender.code, "s", sourceversion=3))).status_code,
    ]
    assert seen == [202, 202, 202, 202, 422, 409, 202]


async def test_a_batch_answers_202_with_a_result_for_each(sender: Sender) -> None:
    """Results come in the order of the events, whatever became of each."""
    events = [event(sender.code, f"s{n}", data(title="" if n % 2 else "题")) for n in range(6)]
    answer = await sender.batch(events)
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [r["id"] for r in results] == [e["id"] for e in events]
    assert [r["outcome"] for r in results] == ["accepted", "rejected"] * 3


async def test_five_hundred_events_and_no_more(sender: Sender) -> None:
    """A batch of the limit is taken, one more is refused whole."""
    many = [event(sender.code, f"s{n}", data(title="")) for n in range(MAX_BATCH + 1)]
    assert is_problem(await sender.batch(many), 413)
    assert (await sender.outcomes())["outcomes"] == []
    assert len((await sender.batch(many[:-1])).json()["results"]) == 500


@pytest.mark.parametrize("kind", ["text/plain", "application/cloudevents+xml", ""])
async def test_another_content_type_is_refused(sender: Sender, kind: str) -> None:
    """Only the two content types of CloudEvents in JSON, or plain JSON, are read."""
    headers = sender.headers | {"Content-Type": kind}
    answer = await sender.desk.client.post("/api/events", content=b"{}", headers=headers)
    assert is_problem(answer, 415)


async def test_errors_are_told_in_the_readers_language(desk: Desk) -> None:
    """The title is Chinese unless English is asked for, and says which."""
    for asked, language, word in (("zh-CN", "zh-CN", "没有"), ("en-GB", "en", "There is no")):
        answer = await desk.client.get("/api/items/a-b/none", headers={"Accept-Language": asked})
        assert is_problem(answer, 404)
        assert answer.headers["content-language"] == language
        assert word in answer.json()["title"]


async def test_unknown_addresses_and_parameters_are_problems_too(desk: Desk) -> None:
    """Whatever is wrong is answered in one format."""
    assert is_problem(await desk.client.get("/api/nothing"), 404)
    assert is_problem(await desk.client.delete("/api/records"), 405)
    answer = await desk.client.get("/api/records", params={"limit": 5000})
    assert is_problem(answer, 422)
    assert answer.json()["problems"][0]["path"] == "/query/limit"


# --- PUT, DELETE, dry run


async def test_put_is_idempotent_by_content(sender: Sender) -> None:
    """The same content again is unchanged; another makes the next version; source ids may contain slashes."""
    first = await sender.put("2026/通知/第1号", data())
    assert (first.status_code, result(first)["version"]) == (202, 1)
    again = result(await sender.put("2026/通知/第1号", data()))
    assert (again["unchanged"], again["version"]) == (True, 1)
    assert result(await sender.put("2026/通知/第1号", data(title="改")))["version"] == 2
    assert (await sender.look("2026/通知/第1号")).json()["source_id"] == "2026/通知/第1号"


async def test_delete_is_idempotent_by_content(sender: Sender) -> None:
    """A withdrawal twice is one tombstone; without a reason it is refused with the place."""
    await sender.put("s", data())
    bad = await sender.delete("s", {"kind": "withdrawn"})
    assert (bad.status_code, paths(result(bad))) == (422, {"/data/reason"})
    content = {"kind": "withdrawn", "reason": "发布有误"}
    assert result(await sender.delete("s", content))["version"] == 2
    assert result(await sender.delete("s", content))["unchanged"] is True
    assert await sender.versions("s") == [1, 2]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("", "blank"),
        ("x" * 501, "too_long"),
        ("%F0%A0%80%80" * 301, "too_long"),
        ("%20a", "bad_format"),
        ("a%20", "bad_format"),
        ("a%0A", "bad_format"),
        ("a%09b", "bad_format"),
        ("a%E2%80%A8b", "bad_format"),
        ("a%00b", "control_character"),
        ("a%07b", "control_character"),
    ],
)
async def test_a_name_in_the_address_obeys_the_rules_of_a_subject(
    sender: Sender, address: str, code: str
) -> None:
    """PUT and DELETE refuse it beside what is wrong with the data, GET knows no such item, and nothing is stored."""
    path = f"/api/items/{sender.code}/{address}"
    for method, content, more in (
        ("PUT", data(title=""), "/data/title"),
        ("DELETE", {"kind": "withdrawn"}, "/data/reason"),
    ):
        answer = await sender.desk.client.request(
            method, path, json=content, headers=sender.headers
        )
        assert answer.status_code == 422
        assert paths(result(answer)) == {"/subject", more}
        assert code in codes(result(answer))
        assert result(answer)["outcome"] == "rejected"
    assert is_problem(await sender.desk.client.get(path, headers=sender.headers), 404)
    assert not await sender.desk.rows(
        "SELECT 1 FROM catalog.item WHERE department = :c", c=sender.code
    )


async def test_an_address_that_no_department_can_have_is_not_there(desk: Desk) -> None:
    """A NUL in place of a department's code is an unknown address, no error of ours."""
    assert is_problem(await desk.client.get("/api/items/a%00b/s"), 404)


async def test_the_longest_names_fit_everywhere(fresh_desk: Desk) -> None:
    """Names of 1,200 bytes that nothing compresses are published, act on each other, and are read back; no byte more."""
    sender = await fresh_desk.department("x" * 40)
    rare = [chr(0x20000 + n * 977 % 42_000) for n in range(600)]
    first, second = "".join(rare[:300]), "".join(rare[300:])
    acting = [{"type": "repeals", "target": f"{sender.code}/{first}"}]
    assert result(await sender.put(first, data()))["version"] == 1
    assert (await sender.push(second, data(relations=acting)))["outcome"] == "accepted"
    assert (await sender.look(first)).json()["public"]["validity"] == "repealed"
    records = (await fresh_desk.feed(state=1))["records"]
    states = [parse_record(json.dumps(record["event"]).encode()).data for record in records]
    assert [s.source_id for s in states if isinstance(s, ItemState)] == [first, second, first]
    assert result(await sender.delete(second, {"kind": "gone", "reason": "误"}))["version"] == 2
    assert codes(await sender.push(first + "a")) == {"too_long"}
    long = [{"type": "repeals", "target": f"{sender.code}/{first}a"}]
    assert paths(await sender.push("s", data(relations=long))) == {"/data/relations/0/target"}


async def test_a_put_may_carry_a_sourceversion(sender: Sender) -> None:
    """`?sourceversion=` orders like an event's attribute, also in a dry run; what it cannot be is told as a problem."""
    await sender.push("s", data(title="五"), sourceversion=5)
    assert result(await sender.put("s", data(title="四"), sourceversion=4))["outcome"] == "ignored"
    conflict = await sender.put("s", data(title="别"), sourceversion=5, dry_run=1)
    assert (conflict.status_code, paths(result(conflict))) == (409, {"/sourceversion"})
    assert paths(result(await sender.put("s", data(), sourceversion=0))) == {"/sourceversion"}
    content = {"kind": "withdrawn", "reason": "误"}
    assert result(await sender.delete("s", content, sourceversion=3))["outcome"] == "ignored"
    assert result(await sender.delete("s", content, sourceversion=6))["version"] == 2


async def test_a_dry_run_judges_and_stores_nothing(sender: Sender, desk: Desk) -> None:
    """The answer is that of the real thing, without id, version or url; no row, number, outcome or file moves."""
    content = f"附件 {sender.code}".encode()
    await sender.upload(content)
    digest = sha256(content).hexdigest()
    attached = {"name": "a.txt", "media_type": "text/plain", "sha256": digest, "size": len(content)}
    good = await sender.put("s", data(attachments=[attached]), dry_run=1)
    assert (good.status_code, result(good)["outcome"]) == (202, "accepted")
    assert not {"url", "version", "item_id"} & set(result(good))
    bad = await sender.put("s", data(title="", formed_on="x"), dry_run=1)
    assert (bad.status_code, paths(result(bad))) == (422, {"/data/title", "/data/formed_on"})
    assert result(await sender.put("s", data(review=None), dry_run=1))["outcome"] == "held"
    assert (await sender.look("s", own=True)).status_code == 404
    assert (await sender.outcomes())["outcomes"] == []
    assert not list(Path(desk.blobs, "public").glob(f"*/{digest}"))
    assert (await sender.push("t"))["url"].endswith("/1/")


# --- bad input

DEEP = b"[" * 10_000 + b"]" * 10_000
BAD_BYTES: dict[str, bytes] = {
    "not JSON": b"{",
    "nothing": b"",
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "an array": b"[]",
    "a string": b'"x"',
    "NaN": b'{"id": NaN}',
    "10,000 levels": DEEP,
    "10,000 levels in data": b'{"specversion":"1.0","data":' + DEEP + b"}",
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "duplicate keys": b'{"id": "a", "id": "b"}',
    "a number of 5,000 digits": b'{"id": ' + b"9" * 5000 + b"}",
    "no CloudEvent": b"{}",
}


@pytest.mark.parametrize("name", BAD_BYTES)
async def test_what_is_no_event_is_refused_within_a_second(sender: Sender, name: str) -> None:
    """Rejected with a reason and a fix, quickly, and the door stays open."""
    before = time.process_time()
    answer = await sender.post(BAD_BYTES[name])
    assert time.process_time() - before < 1
    assert answer.status_code == 422
    assert result(answer)["outcome"] == "rejected"
    assert all(problem["fix"] for problem in result(answer)["problems"])
    assert result(await sender.post(event(sender.code, "s")))["outcome"] == "accepted"


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\udfff", "\\u0007", "\\uffff"])
@pytest.mark.parametrize("place", ["title", "body", "id", "subject", "key"])
async def test_characters_that_nothing_can_carry_are_refused(
    sender: Sender, escape: str, place: str
) -> None:
    """NUL, lone surrogates and control characters are refused wherever they stand."""
    whole: dict[str, Any] = event(
        sender.code, "s", data(title="TITLE", body={"format": "text", "content": "BODY"})
    )
    whole |= {"id": "ID", "subject": "SUBJECT", "extension": "x"}
    text = json.dumps(whole)
    mark = {"key": '"extension"'}.get(place, place.upper())
    raw = text.replace(mark, f'"exten{escape}sion"' if place == "key" else f"x{escape}x").encode()
    answer = await sender.post(raw)
    assert answer.status_code == 422
    assert "control_character" in codes(result(answer))


@pytest.mark.parametrize(
    "name", ["not JSON", "nothing", "not UTF-8", "a string", "10,000 levels", "no CloudEvent"]
)
async def test_a_batch_that_is_none_is_refused_whole(sender: Sender, name: str) -> None:
    """What is no array of events is a problem, not a result."""
    assert is_problem(await sender.batch(BAD_BYTES[name]), 422)


@pytest.mark.parametrize("raw", [b"[{} {}]", b"[{},]", b"[{}]]", b"[{}", b"[,{}]", b"[{}] x"])
async def test_a_batch_is_json(sender: Sender, raw: bytes) -> None:
    """What another JSON parser would refuse is refused here."""
    assert is_problem(await sender.batch(raw), 422)


async def test_every_event_of_a_batch_is_read_strictly(sender: Sender) -> None:
    """Duplicate keys and control characters of one event are its own problem."""
    good = json.dumps(event(sender.code, "s")).encode()
    results = (await sender.batch(b'[{"id":"a","id":"b"},' + good + b',{"id":"\\u0000"}]')).json()[
        "results"
    ]
    assert [r["outcome"] for r in results] == ["rejected", "accepted", "rejected"]
    assert codes(results[0]) == {"duplicate_key"}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"title": "题" * 501}, "/data/title"),
        ({"title": 3}, "/data/title"),
        ({"body": None}, "/data/body"),
        ({"body": {"format": "text", "content": "文" * 700_000}}, "/data/body/content"),
        ({"catalogue": "nonsense"}, "/data/catalogue"),
        ({"formed_on": "2026-02-30"}, "/data/formed_on"),
        ({"formed_on": "0001-01-01"}, "/data/formed_on"),
        ({"formed_on": "2999-01-01"}, "/data/formed_on"),
        ({"surprise": 1}, "/data/surprise"),
        ({"contact": {"fax": "1"}}, "/data/contact/fax"),
        ({"topics": ["x" * 201]}, "/data/topics/0"),
        ({"important": "yes"}, "/data/important"),
        ({"relations": [{"type": "likes", "target": "a-b/c"}]}, "/data/relations/0/type"),
    ],
)
async def test_bad_fields_are_named(sender: Sender, changes: dict[str, Any], path: str) -> None:
    """Each bad field is refused by its path; nothing is stored but the refusal."""
    answer = await sender.post(event(sender.code, "s", data(**changes)))
    assert answer.status_code == 422
    assert paths(result(answer)) == {path}
    assert (await sender.look("s", own=True)).status_code == 404
    assert [o["event"]["data"]["outcome"] for o in (await sender.outcomes())["outcomes"]] == [
        "rejected"
    ]


async def test_an_event_over_the_limit_is_cut_off(sender: Sender) -> None:
    """More bytes than an event may have are not read to the end."""
    assert is_problem(await sender.post(b" " * (8 * 1024 * 1024 + 1)), 413)


async def test_time_and_unknown_extensions_are_kept(sender: Sender) -> None:
    """What a sender's envelope says beside our attributes stays with the version, for its own department to read."""
    said: dict[str, Any] = {
        "time": "2026-11-20T08:00:00Z",
        "partitionkey": "x",
        "retry": 2,
        "urgent": True,
    }
    await sender.push("s", id="e-1", **said)
    await sender.put("s", data(title="二"))
    await sender.push("s", data(title="三"), id="e-3")
    assert "events" not in (await sender.look("s")).json()
    events = (await sender.look("s", own=True)).json()["events"]
    assert [(e["version"], e["attributes"]) for e in events] == [(1, said), (2, {}), (3, {})]
    assert (events[0]["id"], events[2]["id"]) == ("e-1", "e-3")


async def test_extensions_are_kept_while_an_item_waits(sender: Sender, desk: Desk) -> None:
    """A release brings the held event's extensions to its version; a leak takes them away."""
    await sender.push("s", data(review=None), partitionkey="x")
    [row] = await sender.waiting()
    await desk.decide(row.waiting_id, approve=True)
    [event] = (await sender.look("s", own=True)).json()["events"]
    assert event["attributes"] == {"partitionkey": "x"}
    await sender.withdraw("s", "vanish")
    events = (await sender.look("s", own=True)).json()["events"]
    assert [e["attributes"] for e in events] == [{}, {}]


async def test_extensions_have_a_limit(sender: Sender) -> None:
    """What is kept beside the data is small: more is refused."""
    extensions: dict[str, Any] = {f"x{n}": "y" * 9000 for n in range(2)}
    refused = await sender.push("s", **extensions)
    assert codes(refused) == {"extensions_too_large"}


async def test_hostile_markup_is_not_in_the_record(fresh_desk: Desk) -> None:
    """Script, handlers and foreign frames of a body never enter the record."""
    sender = await fresh_desk.department()
    hostile = (
        '<p onclick="a()">文</p><script>alert(1)</script><iframe src="https://evil.example"></iframe>'
        '<a href="javascript:a()">x</a><svg onload="a()"><script>b</script></svg><img src=x onerror="a()">'
    )
    await sender.push("s", data(body={"format": "html", "content": hostile}))
    content = (await sender.look("s")).json()["public"]["body"]["content"].lower()
    assert not any(
        bad in content
        for bad in ("<script", "onclick", "onerror", "onload", "javascript:", "<iframe", "<svg")
    )


# --- reads


async def test_outcomes_are_read_by_a_cursor(sender: Sender) -> None:
    """A department reads all its outcomes, once each, page by page; another's are not among them."""
    for number in range(5):
        await sender.push(f"s{number}")
    seen: list[str] = []
    cursor = 0
    while page := (await sender.outcomes(cursor, limit=2))["outcomes"]:
        seen += [o["event"]["data"]["source_id"] for o in page]
        cursor = page[-1]["cursor"]
    assert seen == [f"s{n}" for n in range(5)]
    assert (await sender.outcomes(cursor))["next"] == cursor


async def test_outcomes_commit_in_the_order_of_their_cursors(sender: Sender) -> None:
    """A reader that follows the cursor while many doors are open, also with bad events, misses nothing."""
    seen: list[int] = []

    async def follow() -> None:
        cursor = 0
        while len(seen) < 60:
            page = await sender.outcomes(cursor)
            seen.extend(o["cursor"] for o in page["outcomes"])
            cursor = page["next"]

    events = [event(sender.code, f"s{n}", data(title="" if n % 2 else "题")) for n in range(60)]
    async with asyncio.timeout(30):
        await asyncio.gather(follow(), *(sender.post(one) for one in events))
    assert len(set(seen)) == 60


async def test_the_item_shows_state_versions_and_delivery(desk: Desk, sender: Sender) -> None:
    """Anyone sees the public state, the versions, and which projection shows which since when."""
    outcome = await sender.push("s")
    await desk.rows(
        "INSERT INTO catalog.visible VALUES ('publisher', :id, 1, '2026-11-23T00:00:00Z') RETURNING 1",
        id=outcome["item_id"],
    )
    found = (await sender.look("s")).json()
    assert (found["version"], found["state"], found["url"]) == (1, "published", outcome["url"])
    assert [v["version"] for v in found["versions"]] == [1]
    assert found["delivery"]["publisher"][0]["version"] == 1
    assert found["sha256"]


async def test_the_contracts_are_served(desk: Desk) -> None:
    """OpenAPI, AsyncAPI and their page are there, and the page loads nothing from elsewhere."""
    openapi = (await desk.client.get("/api/openapi.json")).json()
    assert {"/api/events", "/api/outcomes", "/api/records"} <= set(openapi["paths"])
    assert not [path for path in openapi["paths"] if path.startswith("/internal")]
    asyncapi = yaml.safe_load((await desk.client.get("/api/asyncapi.yaml")).text)
    assert asyncapi["asyncapi"] == "3.0.0"
    page = (await desk.client.get("/api/docs")).text
    assert "src=" not in page
    assert 'href="http' not in page


# --- the database is away


async def test_without_the_database_the_answer_is_503(postgres_url: str, tmp_path: Path) -> None:
    """Every door that needs the database says so, with `Retry-After`, at once; the contracts are still served."""
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:1/gazette"
    async with open_desk(nowhere, tmp_path) as desk:
        sender = Sender(desk, "transport", "ogk_x")
        for answer in (
            await sender.post(event("transport", "s")),
            await sender.batch([event("transport", "s")]),
            await sender.put("s", data()),
            await sender.look("s"),
            await desk.client.get("/api/records"),
            await desk.client.get("/api/outcomes", headers=sender.headers),
        ):
            assert is_problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
        assert (await desk.client.get("/api/openapi.json")).status_code == 200
