"""Before its minute an embargoed item cannot be told from nothing; after it, it is there within seconds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.flow.conftest import Gazette, item
from tests.flow.test_leaks import upload

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]

GUESSES = 10_000
VISIBLE_WITHIN = 5.0
_OWN = {"date", "x-request-id"}
"""Headers that differ from one answer to the next, whatever is asked for."""


def guesses(code: str, hidden: dict[str, str], serial: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of addresses: a guess at what is embargoed, and one of the same form at nothing."""
    year = datetime.now(UTC).year
    word, nothing = hidden["word"], secrets.token_hex(8)
    for ahead in range(40):
        there, nowhere = (
            f"/{code}/{year}/{serial + ahead}/",
            f"/{code}/{year}/{serial + 4000 + ahead}/",
        )
        for tail in ("", "v1/", "index.json", "index.html"):
            for frame in ("", "/en", "/zh-tw"):
                yield frame + there + tail, frame + nowhere + tail
    yield f"/api/items/{code}/{hidden['source_id']}", f"/api/items/{code}/{nothing}"
    other = hashlib.sha256(nothing.encode()).hexdigest()
    for name in ("a.txt", "b.txt", ""):
        yield f"/files/{hidden['sha256']}/{name}", f"/files/{other}/{name}"
    for path in (
        "/api/search?q={}",
        "/api/search?q={}&sort=newest",
        "/api/search?q=%22{}%22&size=100",
    ):
        yield path.format(word), path.format(nothing)


def answer_of(answer: httpx.Response, asked: str) -> tuple[Any, ...]:
    """Return everything of an answer that an observer sees, but for what repeats the question."""
    headers = sorted((k, v) for k, v in answer.headers.items() if k not in _OWN)
    body = answer.content
    if asked.startswith("/api/search"):
        found = json.loads(body)
        found.pop("took_ms")
        headers = [(k, v) for k, v in headers if k not in {"content-length", "etag"}]
        body = json.dumps(found).encode()
    return answer.status_code, headers, body


def fingerprint(gazette: Gazette) -> dict[str, str]:
    """Return the digest of every file of the site, and of what the API says of the whole."""
    root = gazette.folder / "site" / "current"
    found: dict[str, str] = {}
    for path in sorted(root.resolve().rglob("*")):
        if path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    for asked in ("/api/records?limit=1000", "/api/search?size=100"):
        answer = gazette.get(asked).json()
        answer.pop("took_ms", None)
        found[asked] = json.dumps(answer, sort_keys=True)
    lines = gazette.get("/metrics").text.splitlines()
    found["metrics"] = str([line for line in lines if line.startswith("gazette_catalog_waiting")])
    return found


def settled(gazette: Gazette) -> dict[str, str]:
    """Return the fingerprint once it does not change any more by itself."""
    found = fingerprint(gazette)
    for _ in range(20):
        time.sleep(3)
        before, found = found, fingerprint(gazette)
        if before == found:
            return found
    raise AssertionError("the site does not come to rest")


async def ask_all(
    gazette: Gazette, pairs: list[tuple[str, str]], count: int
) -> tuple[list[str], list[float], list[float]]:
    """Ask *count* times, a guess and its twin in turns; return what differed, and how long each kind took."""
    differing: list[str] = []
    times: tuple[list[float], list[float]] = ([], [])
    limits = httpx.Limits(max_connections=4)
    async with httpx.AsyncClient(
        base_url=gazette.url, trust_env=False, limits=limits, timeout=30
    ) as client:

        async def timed(path: str, kind: int) -> tuple[Any, ...]:
            began = time.perf_counter()
            answer = await client.get(path)
            times[kind].append(time.perf_counter() - began)
            return answer_of(answer, path)

        for number in range(count):
            hidden, nothing = pairs[number % len(pairs)]
            order = ((hidden, 0), (nothing, 1)) if number % 2 else ((nothing, 1), (hidden, 0))
            answers = {kind: await timed(path, kind) for path, kind in order}
            if answers[0] != answers[1]:
                differing.append(hidden)
    return differing, *times


def test_an_embargoed_item_cannot_be_told_from_nothing(fresh: Gazette) -> None:
    """10,000 guesses at addresses, files, words and feeds see what guesses at nothing see; then it comes in time."""
    gazette = fresh
    gazette.start()
    gazette.department("quiet")
    first = gazette.put("quiet", "s-1", item("已公开的一条"))
    gazette.visible("quiet", "s-1", 1)
    serial = int(first["url"].rstrip("/").rsplit("/", 1)[1])
    before = settled(gazette)

    word = secrets.token_hex(8)
    held = upload(gazette, "quiet", f"附件 {word}".encode())
    hidden = {"word": word, "source_id": f"s-{word}", "sha256": held["sha256"]}
    content = item(f"调价 {word}", f"{word} 元", attachments=[held])
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    outcome = gazette.put("quiet", hidden["source_id"], content | {"publish_at": late})
    assert outcome["outcome"] == "scheduled"
    assert not {"item_id", "url", "version"} & {k for k, v in outcome.items() if v}

    pairs = list(guesses("quiet", hidden, serial + 1))
    differing, at_it, at_nothing = asyncio.run(ask_all(gazette, pairs, GUESSES))
    assert differing == []
    ratio = statistics.median(at_it) / statistics.median(at_nothing)
    assert 0.8 < ratio < 1.25, ratio
    assert fingerprint(gazette) == before

    second = gazette.put("quiet", "s-2", item("之后公开的一条"))
    assert second["url"].endswith(f"/{serial + 1}/")
    gazette.visible("quiet", "s-2", 1)
    due = datetime.now(UTC) + timedelta(seconds=4)
    soon = gazette.put("quiet", hidden["source_id"], content | {"publish_at": due.isoformat()})
    assert soon["outcome"] == "scheduled"
    while datetime.now(UTC) < due - timedelta(milliseconds=200):
        assert gazette.get(f"/api/items/quiet/{hidden['source_id']}").status_code == 404
        assert gazette.search(word)["total"] == 0
        time.sleep(0.1)
    gazette.visible("quiet", hidden["source_id"], 1, seconds=15)
    shown = gazette.get(f"/api/items/quiet/{hidden['source_id']}").json()
    assert shown["url"].endswith(f"/{serial + 2}/")
    for name in ("publisher", "search"):
        since = datetime.fromisoformat(shown["delivery"][name][0]["since"])
        assert due <= since <= due + timedelta(seconds=VISIBLE_WITHIN), name
    assert gazette.get(shown["url"]).status_code == 200
    assert gazette.get(f"/files/{held['sha256']}/a.txt").status_code == 200
    assert gazette.search(word)["total"] == 1
