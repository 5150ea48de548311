"""The one port: files of the site, addresses of services, what nobody outside may ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from services.instance.front import Front, standing_of
from services.instance.pages import Pages
from services.instance.roles import InProcess, service_of

TOKEN = "a-token-of-this-test"
PAGE = "<!doctype html><title>通知</title>" + "<p>关于道路施工的通告</p>" * 60


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of a few pages, its tree behind the link `current`, and a file outside of it."""
    tree = tmp_path / "site" / "trees" / "1"
    files = {
        "index.html": PAGE,
        "404.html": "<p>没有这个页面</p>",
        "en/404.html": "<p>No such page</p>",
        "finance/2026/7/index.html": PAGE,
        "finance/2026/8/index.html": "<p>withdrawn</p>",
        "finance/2026/8/status": "410\n",
        "assets/site.0123abcd.css": "body{}",
        "feed.atom": "<feed/>",
        ".hidden": "no",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")
    (tmp_path / "site" / "current").symlink_to(Path("trees") / "1")
    (tmp_path / "secret.txt").write_text("secret")
    (tree / "out").symlink_to(tmp_path / "secret.txt")
    return tmp_path / "site"


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    """An empty store of attachments."""
    (tmp_path / "blobs" / "public").mkdir(parents=True)
    return tmp_path / "blobs"


def echo() -> FastAPI:
    """Make a service that says what it was asked."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"begun": "yes"}

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse("# TYPE asked_total counter\nasked_total 3.0\n")

    @app.get("/{path:path}")
    async def say(path: str, request: Request) -> dict[str, str]:
        return {"path": f"/{path}", "query": request.url.query, "begun": request.state.begun}

    return app


@pytest.fixture
async def search() -> AsyncIterator[InProcess]:
    """A running service."""
    service = InProcess("search", echo)
    await service.start()
    async with asyncio.timeout(10):
        while not service.up:
            await asyncio.sleep(0.01)
    yield service
    await service.stop()


@pytest.fixture
async def front(site: Path, blobs: Path, search: InProcess) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a front with the site, one service that runs, and one that does not."""
    backends = {"search": search, "catalog": InProcess("catalog", echo)}
    app = Front(Pages(site, blobs), backends, TOKEN, servers=lambda: {"nats": True})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/search", "search"),
        ("/zh-tw/search", "search"),
        ("/en/search", "search"),
        ("/api/search", "search"),
        ("/api/searches", "catalog"),
        ("/api/events", "catalog"),
        ("/subscribe", "notifier"),
        ("/en/subscribe", "notifier"),
        ("/subscription/abc", "notifier"),
        ("/demo", "demo"),
        ("/demo/mail", "demo"),
        ("/", None),
        ("/searching/", None),
        ("/democracy/2026/1/", None),
        ("/finance/2026/7/", None),
    ],
)
def test_addresses(path: str, service: str | None) -> None:
    """Every address belongs to one service, and what only looks like one is a page."""
    assert service_of(path) == service


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/finance/2026/7/", "text/html; charset=utf-8"),
        ("/finance/2026/7/index.html", "text/html; charset=utf-8"),
        ("/feed.atom", "application/atom+xml; charset=utf-8"),
        ("/assets/site.0123abcd.css", "text/css; charset=utf-8"),
    ],
)
async def test_types(front: httpx.AsyncClient, path: str, kind: str) -> None:
    """A page is served with its type."""
    answer = await front.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


async def test_unchanged_page_is_not_sent_again(front: httpx.AsyncClient) -> None:
    """Who has the page gets 304 by tag or date; who has another one gets it."""
    first = await front.get("/")
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-Modified-Since": date},
    ):
        again = await front.get("/", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
    assert (
        await front.get("/", headers={"If-None-Match": '"other"', "If-Modified-Since": date})
    ).status_code == 200
    for odd in (
        "yesterday",
        "Mon, 99 Jan 2024",
        f"Mon, 01 Jan {'9' * 5000} 00:00:00 GMT",
        "Sat, 01 Jan 0000 00:00:00 GMT",
    ):
        assert (await front.get("/", headers={"If-Modified-Since": odd})).status_code == 200, odd


async def test_changed_page_is_sent(front: httpx.AsyncClient, site: Path) -> None:
    """A page replaced by another of the same size within the same second is sent anew."""
    first = await front.get("/")
    page = site / "current" / "index.html"
    new = page.with_name(".new-index.html")
    new.write_text(PAGE.replace("道路", "公路"), encoding="utf-8")
    info = page.stat()
    os.utime(new, ns=(info.st_atime_ns, info.st_mtime_ns))
    new.replace(page)
    again = await front.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200
    assert "公路" in again.text


async def test_compression(front: httpx.AsyncClient) -> None:
    """A page is compressed for those who can read that, under another tag, and for them alone."""
    packed = await front.get("/", headers={"Accept-Encoding": "br, gzip"})
    plain = await front.get("/", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text == PAGE
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


async def test_compressed_file_beside_is_used(front: httpx.AsyncClient, site: Path) -> None:
    """A file `.gz` beside the page spares compressing it."""
    beside = site / "current" / "index.html.gz"
    beside.write_bytes(gzip.compress(b"from beside"))
    assert (await front.get("/", headers={"Accept-Encoding": "gzip"})).text == "from beside"


async def test_head(front: httpx.AsyncClient) -> None:
    """HEAD answers with the headers of GET."""
    get, head = await front.get("/"), await front.head("/")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["etag"] == get.headers["etag"]


async def test_other_methods(front: httpx.AsyncClient) -> None:
    """A page takes nothing but GET and HEAD."""
    answer = await front.post("/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_missing_slash(front: httpx.AsyncClient) -> None:
    """A folder without its slash leads to the one with it, on this site."""
    answer = await front.get("/finance/2026/7")
    assert (answer.status_code, answer.headers["location"]) == (308, "/finance/2026/7/")
    assert (await front.get("//finance/2026/7")).status_code == 404


async def test_not_found_in_the_language_of_the_path(front: httpx.AsyncClient) -> None:
    """The site's own 404 page answers, in the language of the path; without one a short page does."""
    chinese, english, taiwan = [await front.get(p) for p in ("/x/", "/en/x/", "/zh-tw/x/")]
    assert {a.status_code for a in (chinese, english, taiwan)} == {404}
    assert "没有这个页面" in chinese.text
    assert "No such page" in english.text
    assert 'lang="zh-TW"' in taiwan.text


async def test_gone(front: httpx.AsyncClient) -> None:
    """A page whose folder is marked as gone is shown with 410, never with 304."""
    answer = await front.get("/finance/2026/8/")
    assert (answer.status_code, answer.text) == (410, "<p>withdrawn</p>")
    again = await front.get("/finance/2026/8/", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 410


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/finance/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/out",
        "/.hidden",
        "/finance//2026/7/",
        "/feed.atom%00.html",
        "/feed.atom/",
        "/" + "x" * 5000,
    ],
)
async def test_nothing_outside_is_served(front: httpx.AsyncClient, path: str) -> None:
    """No spelling of a path leads out of the site, to a hidden file, or to an error."""
    answer = await front.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


async def test_headers_of_every_answer(front: httpx.AsyncClient) -> None:
    """Pages, services, refusals and redirects carry the same protection."""
    for path in ("/", "/search", "/api/events", "/x", "/internal/search/shown", "/finance/2026/7"):
        headers = (await front.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none';"), path
        assert headers["x-content-type-options"] == "nosniff", path
        assert "referrer-policy" in headers, path


async def test_caching(front: httpx.AsyncClient) -> None:
    """Pages are asked for again each time; what has a hash in its name never is."""
    assert (await front.get("/")).headers["cache-control"] == "no-cache"
    assert "immutable" in (await front.get("/assets/site.0123abcd.css")).headers["cache-control"]


async def test_before_the_first_page(tmp_path: Path) -> None:
    """A site that is not built yet says so, and when to come again."""
    transport = httpx.ASGITransport(app=Front(Pages(tmp_path, tmp_path), {}, TOKEN))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def store(blobs: Path, content: bytes) -> str:
    """Put an attachment into the public store; return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    place = blobs / "public" / digest[:2] / digest
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    return digest


async def test_attachment(front: httpx.AsyncClient, blobs: Path) -> None:
    """An attachment is saved under its own name, in every script, and can run nothing."""
    digest = store(blobs, b"0123456789")
    answer = await front.get(f'/files/{digest}/附件1 "表".docx')
    assert answer.content == b"0123456789"
    assert answer.headers["content-type"].endswith("wordprocessingml.document")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"__1 ___.docx\"; filename*=UTF-8''%E9%99%84%E4%BB%B61%20%22%E8%A1%A8%22.docx"
    )
    again = await front.get(
        f"/files/{digest}/a.docx", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


async def test_part_of_an_attachment(front: httpx.AsyncClient, blobs: Path) -> None:
    """A download can be resumed, and a film can be wound."""
    digest = store(blobs, b"0123456789")
    part = await front.get(f"/files/{digest}/film.mp4", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    beyond = await front.get(f"/files/{digest}/film.mp4", headers={"Range": "bytes=20-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xml", "x.js", "x.xhtml", "x", "x.HTML"])
async def test_attachment_that_a_browser_could_run(
    front: httpx.AsyncClient, blobs: Path, name: str
) -> None:
    """What a browser could run is bytes to be saved, whatever it calls itself."""
    digest = store(blobs, b"<script>alert(1)</script>")
    answer = await front.get(f"/files/{digest}/{name}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_attachment_that_is_shown(front: httpx.AsyncClient, blobs: Path) -> None:
    """A PDF opens in the browser."""
    answer = await front.get(f"/files/{store(blobs, b'%PDF-1.7')}/a.pdf")
    assert answer.headers["content-disposition"].startswith("inline;")


@pytest.mark.parametrize(
    "path", ["/files/x/a.pdf", f"/files/{'0' * 64}/a.pdf", f"/files/{'0' * 64}", "/files/"]
)
async def test_no_such_attachment(front: httpx.AsyncClient, path: str) -> None:
    """What is not in the public store is not found."""
    assert (await front.get(path)).status_code == 404


async def test_held_attachment_has_no_address(front: httpx.AsyncClient, blobs: Path) -> None:
    """An attachment that is held for review is reached by no path."""
    digest = hashlib.sha256(b"held").hexdigest()
    (blobs / "held" / digest[:2]).mkdir(parents=True)
    (blobs / "held" / digest[:2] / digest).write_bytes(b"held")
    for path in (f"/files/{digest}/a.pdf", f"/files/../held/{digest}", f"/blobs/held/{digest}"):
        assert (await front.get(path)).status_code == 404


async def test_service_gets_the_whole_request(front: httpx.AsyncClient) -> None:
    """A service is asked at its public path, with the query and the state of its lifespan."""
    answer = await front.get("/api/search", params={"q": "路为什么封了"})
    assert answer.json()["path"] == "/api/search"
    assert answer.json()["query"].startswith("q=%E8")
    assert answer.json()["begun"] == "yes"


async def test_service_that_is_down(front: httpx.AsyncClient) -> None:
    """A program gets a problem, a reader a sentence, both 503 with a time to come again."""
    problem = await front.get("/api/events")
    page = await front.get("/api/events", headers={"Accept": "text/html"})
    assert (problem.status_code, problem.headers["content-type"]) == (
        503,
        "application/problem+json",
    )
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "retry-after" in problem.headers
    assert "retry-after" in page.headers


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", TOKEN[:-1], "Bearer 密"])
async def test_internal_paths_are_closed(front: httpx.AsyncClient, given: str | None) -> None:
    """Without the token nothing internal answers, not even whether it exists."""
    headers = [(b"Authorization", given.encode())] if given else []
    for path in ("/internal/search/shown", "/internal/nothing", "/internal", "/internal/status"):
        assert (await front.get(path, headers=headers)).status_code == 401


async def test_internal_paths(front: httpx.AsyncClient) -> None:
    """With the token a service's internal path is reached below its name."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = await front.get("/internal/search/shown", params={"after": "x"}, headers=headers)
    assert answer.json()["path"] == "/internal/shown"
    assert answer.json()["query"] == "after=x"
    assert (await front.get("/internal/nobody/shown", headers=headers)).status_code == 404


async def test_readiness(front: httpx.AsyncClient) -> None:
    """The whole is ready only when every service and server is; it lives all the same."""
    answer = await front.get("/readyz")
    assert answer.status_code == 503
    assert {name: s["status"] for name, s in answer.json()["services"].items()} == {
        "search": "ok",
        "catalog": "down",
    }
    assert answer.json()["servers"] == {"nats": "ok"}
    assert (await front.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("status", "detail", "standing"),
    [
        (200, {"status": "ok"}, "ok"),
        (503, {"status": "degraded", "caught_up": False}, "degraded"),
        (503, {"type": "about:blank", "title": "down"}, "down"),
        (503, None, "down"),
        (500, "no JSON", "down"),
    ],
)
def test_a_service_that_is_behind_is_not_down(status: int, detail: object, standing: str) -> None:
    """One that answers for itself and has not caught up is told apart from one that does not answer."""
    assert standing_of(status, detail) == standing


async def test_metrics(front: httpx.AsyncClient) -> None:
    """The page of metrics has those of the services that run, and which run."""
    text = (await front.get("/metrics")).text
    assert "asked_total 3.0" in text
    assert 'gazette_service_up{service="search"} 1.0' in text
    assert 'gazette_service_up{service="catalog"} 0.0' in text
    assert 'gazette_server_up{server="nats"} 1.0' in text


async def test_path_prefix(site: Path, blobs: Path) -> None:
    """A site that is a column of a portal is served below its path."""
    app = Front(Pages(site, blobs, "/zwgk"), {}, TOKEN, path_prefix="/zwgk")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test"
    ) as client:
        assert (await client.get("/zwgk/finance/2026/7/")).status_code == 200
        moved = await client.get("/zwgk/finance/2026/7")
    assert moved.headers["location"] == "/zwgk/finance/2026/7/"


async def test_service_comes_back() -> None:
    """A service whose start fails is started again until it succeeds; 503 until then."""
    tries: list[int] = []

    def make() -> FastAPI:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("not yet")
        return echo()

    service = InProcess("search", make)
    await service.start()
    async with asyncio.timeout(10):
        while not service.up:
            await asyncio.sleep(0.05)
    assert len(tries) == 2
    await service.stop()
    assert not service.up


async def test_a_service_that_does_not_end_is_ended() -> None:
    """A service that hangs at its end holds nobody up for longer than three seconds."""

    @asynccontextmanager
    async def hanging(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.Event().wait()

    service = InProcess("search", lambda: FastAPI(lifespan=hanging))
    await service.start()
    async with asyncio.timeout(10):
        while not service.up:
            await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await service.stop()
