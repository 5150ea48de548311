"""The one port with site and attachments in a bucket on a real S3 server: what `test_front.py` holds of folders."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from services.instance.bucket import BucketFiles, BucketPages, split
from services.instance.front import Front
from services.publisher.bucket import BucketStore
from shared.objects import Bucket
from tests.s3 import Gate

PAGE = ("<!doctype html><title>通知</title>" + "<p>关于道路施工的通告</p>" * 60).encode()
FILES: dict[str, bytes | None] = {
    "/": PAGE,
    "/404.html": "<p>没有这个页面</p>".encode(),
    "/en/404.html": b"<p>No such page</p>",
    "/finance/2026/7/": PAGE,
    "/finance/2026/8/": b"<p>withdrawn</p>",
    "/finance/2026/8/status": b"410\n",
    "/assets/site.0123abcd.css": b"body{}",
    "/feeds/all/feed.atom": b"<feed/>",
}


@pytest.fixture
def bucket(gate: Gate, bucket_address: str) -> Bucket:
    """A bucket with a site of a few pages, written as the publisher does."""
    bucket = Bucket(bucket_address)
    store = BucketStore(bucket)
    store.serve(1)
    store.write(1, FILES)
    store.close()
    return bucket


@pytest.fixture
async def front(bucket: Bucket) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a front over that bucket."""
    app = Front(split(BucketPages(bucket, "/zwgk"), BucketFiles(bucket)), {}, "token")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "kind", "caching"),
    [
        ("/", 200, "text/html; charset=utf-8", "no-cache"),
        ("/finance/2026/7/", 200, "text/html; charset=utf-8", "no-cache"),
        ("/finance/2026/8/", 410, "text/html; charset=utf-8", "no-cache"),
        ("/feeds/all/feed.atom", 200, "application/atom+xml; charset=utf-8", "no-cache"),
        (
            "/assets/site.0123abcd.css",
            200,
            "text/css; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
        ("/nothing/", 404, "text/html; charset=utf-8", "no-cache"),
        ("/en/nothing", 404, "text/html; charset=utf-8", "no-cache"),
    ],
)
async def test_pages(
    front: httpx.AsyncClient, path: str, status: int, kind: str, caching: str
) -> None:
    """Status, type and caching are those of a site in a folder, and the front's headers are on it."""
    answer = await front.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == caching
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    if status == 404:
        assert ("No such page" in answer.text) == path.startswith("/en/")


@pytest.mark.parametrize("path", ["/../serving", "/%2e%2e/serving", "/.hidden", "/a//b", "/a\\b"])
async def test_nothing_but_the_site_is_reached(front: httpx.AsyncClient, path: str) -> None:
    """No address leads out of what is served."""
    answer = await front.get(path)
    assert answer.status_code == 404


async def test_a_missing_slash_is_added(front: httpx.AsyncClient) -> None:
    """The address of a page without its slash leads to the page, below the prefix."""
    answer = await front.get("/finance/2026/7")
    assert answer.status_code == 308
    assert answer.headers["location"] == "/zwgk/finance/2026/7/"


async def test_compression_and_unchanged(front: httpx.AsyncClient) -> None:
    """Pages are compressed for those who can read it, and not sent again to those who have them."""
    packed = await front.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == PAGE
    plain = await front.get("/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for tag in (packed.headers["etag"], plain.headers["etag"]):
        again = await front.get("/", headers={"If-None-Match": tag})
        assert again.status_code == 304
    since = {"If-Modified-Since": plain.headers["last-modified"]}
    assert (await front.get("/", headers=since)).status_code == 304
    assert (await front.get("/", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_change_shows_at_once(front: httpx.AsyncClient, bucket: Bucket) -> None:
    """What is remembered is asked for each time: a correction and a withdrawal are seen with the next request."""
    assert (await front.get("/finance/2026/7/")).content == PAGE
    store = BucketStore(bucket)
    store.write(1, {"/finance/2026/7/": b"<p>corrected</p>"})
    assert (await front.get("/finance/2026/7/")).text == "<p>corrected</p>"
    store.write(1, {"/finance/2026/7/": b"<p>gone</p>", "/finance/2026/7/status": b"410\n"})
    assert (await front.get("/finance/2026/7/")).status_code == 410
    store.write(1, {"/finance/2026/7/": None})
    assert (await front.get("/finance/2026/7/")).status_code == 404
    store.close()


async def test_a_store_that_is_away(front: httpx.AsyncClient, gate: Gate) -> None:
    """Pages that were read lately are still answered; for others readers are asked to come again."""
    await front.get("/")
    gate.open = False
    assert (await front.get("/")).content == PAGE
    answer = await front.get("/finance/2026/7/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    answer = await front.get(f"/files/{'0' * 64}/a.pdf")
    assert answer.status_code == 503
    gate.open = True
    assert (await front.get("/finance/2026/7/")).status_code == 200


async def test_what_was_withdrawn_does_not_come_back_with_an_outage(
    bucket: Bucket, gate: Gate
) -> None:
    """A page is shown from memory for a minute after the store confirmed it, and not longer: it may be withdrawn."""
    now = 1000.0
    pages = BucketPages(bucket, clock=lambda: now)
    transport = httpx.ASGITransport(app=Front(pages, {}, "token"))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/finance/2026/7/")).status_code == 200
        now += 300
        assert (await client.get("/finance/2026/7/")).status_code == 200
        store = BucketStore(bucket)
        store.write(1, {"/finance/2026/7/": b"<p>gone</p>", "/finance/2026/7/status": b"410\n"})
        store.close()
        gate.open = False
        now += 59
        assert (await client.get("/finance/2026/7/")).status_code == 200
        now += 2
        assert (await client.get("/finance/2026/7/")).status_code == 503
        gate.open = True
        assert (await client.get("/finance/2026/7/")).status_code == 410


async def test_an_empty_bucket_says_that_the_site_is_built(gate: Gate, bucket_address: str) -> None:
    """Before the first tree readers are asked to wait."""
    app = Front(BucketPages(Bucket(bucket_address)), {}, "token")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test"
    ) as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"


CONTENT = bytes(range(256)) * 10_000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        (None, 200, CONTENT, None),
        ("bytes=0-9", 206, CONTENT[:10], f"bytes 0-9/{len(CONTENT)}"),
        ("bytes=2000000-", 206, CONTENT[2000000:], f"bytes 2000000-2559999/{len(CONTENT)}"),
        ("bytes=-5", 206, CONTENT[-5:], f"bytes 2559995-2559999/{len(CONTENT)}"),
        ("bytes=9999999-", 416, b"", f"bytes */{len(CONTENT)}"),
        ("lines=1-2", 200, CONTENT, None),
        (f"bytes=0-{'9' * 5000}", 200, CONTENT, None),
        (f"bytes=-{'9' * 5000}", 200, CONTENT, None),
    ],
)
async def test_attachments(
    front: httpx.AsyncClient,
    bucket: Bucket,
    asked: str | None,
    status: int,
    content: bytes,
    content_range: str | None,
) -> None:
    """An attachment is answered whole or in part, under its name, opaque where a browser could run it."""
    bucket.write(f"public/{SHA[:2]}/{SHA}", CONTENT, {"Content-Type": "application/octet-stream"})
    headers = {"Range": asked} if asked else {}
    answer = await front.get(f"/files/{SHA}/名单.pdf", headers=headers)
    assert answer.status_code == status
    assert answer.content == content
    assert answer.headers.get("content-range") == content_range
    assert answer.headers["content-security-policy"] == "sandbox"
    if status == 200:
        assert answer.headers["content-length"] == str(len(CONTENT))
        assert answer.headers["content-type"] == "application/pdf"
        head = await front.head(f"/files/{SHA}/名单.pdf")
        assert (head.status_code, head.content) == (200, b"")
        html = await front.head(f"/files/{SHA}/a.html")
        assert html.headers["content-type"] == "application/octet-stream"
        etag = {"If-None-Match": answer.headers["etag"]}
        assert (await front.get(f"/files/{SHA}/名单.pdf", headers=etag)).status_code == 304


async def test_held_attachments_have_no_address(front: httpx.AsyncClient, bucket: Bucket) -> None:
    """What is held in the bucket is not found by any path."""
    bucket.write(f"held/{SHA[:2]}/{SHA}", CONTENT, {})
    for path in (
        f"/files/{SHA}/a.pdf",
        f"/held/{SHA[:2]}/{SHA}",
        f"/files/../held/{SHA[:2]}/{SHA}",
    ):
        assert (await front.get(path)).status_code == 404
