"""The public site and its attachments from a bucket on S3, as `pages.py` answers them from folders.

Types, caching and the status of a withdrawn page come with each object. What was read is remembered and asked for
again by its ETag, so that a page that did not change costs no bytes; while the store is away, readers get it from here
for a minute: longer, and what was withdrawn meanwhile would still be shown.
"""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services.instance.pages import (
    COMPRESSION,
    DIGEST,
    PREPARING,
    attachment_headers,
    has,
    language_prefix,
    no_such_page,
    safe_names,
    takes_gzip,
    unchanged,
)
from shared.errors import StoreUnreachable
from shared.objects import Bucket, Kept, Unchanged
from shared.web.served import OPAQUE, REVALIDATE, STATUS

R = TypeVar("R")

SERVED = "current"
THREADS = 16
"""Requests to the store at a time: each waits for the network."""
REMEMBERED = 512
LARGEST_REMEMBERED = 64 * 1024
"""Pages that are kept in memory, and the bytes of the largest: 32 MiB at most."""
STALE_SECONDS = 60.0
"""Age of what is remembered up to which it is shown while the store is away."""
CHUNK = 1 << 20
AWAY = "网站暂时不能读取，请稍后再试。 / The site cannot be read now; try again shortly.\n"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True)
class Page:
    """An object of the site with its bytes."""

    kept: Kept
    content: bytes

    @property
    def kind(self) -> str:
        """Its media type."""
        return self.kept.attributes.get("Content-Type", OPAQUE)

    @property
    def status(self) -> int:
        """Status that it is answered with: 410 for a notice."""
        return 410 if self.kept.attributes.get(STATUS) == "410" else 200

    @cached_property
    def packed(self) -> bytes:
        """Its bytes, compressed."""
        return gzip.compress(self.content, COMPRESSION, mtime=0)


@dataclass
class BucketPages:
    """An ASGI app over the site in a bucket."""

    bucket: Bucket
    path_prefix: str = ""
    """Path below which the site lies, e.g. `/zwgk`; requests come without it."""
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "bucket pages")
    )
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[str, tuple[Page, float]] = field(default_factory=OrderedDict)
    """Key → what the store said last, and when."""
    _lock: Lock = field(default_factory=Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self.answer(Request(scope))
        await answer(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Return the page at this address, or say why there is none."""
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed\n", 405, {"Allow": "GET, HEAD"})
        path = request.scope["path"]
        try:
            return await in_thread(self._threads, lambda: self._answer(request, path))
        except StoreUnreachable:
            return PlainTextResponse(AWAY, 503, {"Retry-After": "5"})

    def _answer(self, request: Request, path: str) -> Response:
        names = safe_names(path)
        if names is None:
            return self._not_found(request, path)
        key = "/".join([SERVED, *names, *(["index.html"] if path.endswith("/") else [])])
        if found := self._get(key):
            return _as_answer(request, found, found.status)
        if not path.endswith("/") and self.bucket.look(f"{key}/index.html"):
            return RedirectResponse(self.path_prefix + quote(f"{path}/"), 308)
        return self._not_found(request, path)

    def _not_found(self, request: Request, path: str) -> Response:
        """Return the site's own 404 page in the language of the path, or a short one where there is none."""
        page = self._get("/".join([SERVED, *language_prefix(path).split("/")[1:], "404.html"]))
        if page is not None:
            return _as_answer(request, page, 404)
        if self.bucket.look("serving") is None:
            return PlainTextResponse(PREPARING, 503, {"Retry-After": "2"})
        return no_such_page(path, self.path_prefix)

    def _get(self, key: str) -> Page | None:
        """Return an object, without its bytes passing again when it did not change."""
        known, at = self._known.get(key, (None, 0.0))
        asked = self.clock()
        try:
            found = self.bucket.read(key, unless=known.kept.etag if known else None)
        except Unchanged:
            page = known
        except StoreUnreachable:
            if known is None or self.clock() - at > STALE_SECONDS:
                raise
            return known
        else:
            page = Page(*found) if found else None
        self._remember(key, page, asked)
        return page

    def _remember(self, key: str, page: Page | None, at: float) -> None:
        with self._lock:
            if self._known.get(key, (None, 0.0))[1] > at:
                return  # somebody asked after us and was quicker
            self._known.pop(key, None)
            if page is not None and len(page.content) <= LARGEST_REMEMBERED:
                self._known[key] = page, at
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def _as_answer(request: Request, page: Page, status: int) -> Response:
    kind, changed = page.kind, page.kept.modified
    packed = takes_gzip(request, kind, len(page.content))
    headers = {
        "Cache-Control": page.kept.attributes.get("Cache-Control", REVALIDATE),
        "ETag": f'"{page.kept.etag}-gz"' if packed else f'"{page.kept.etag}"',
        "Last-Modified": email.utils.format_datetime(changed, usegmt=True),
        "Vary": "Accept-Encoding",
    }
    if status == 200 and unchanged(request, page.kept.etag, changed.timestamp()):
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(page.packed if packed else page.content, status, headers, kind)


@dataclass
class BucketFiles:
    """An ASGI app over the public attachments in a bucket: `/files/<sha256>/<name>`, whole or in part."""

    bucket: Bucket
    path_prefix: str = ""
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "bucket files")
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self.answer(Request(scope))
        await answer(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Return an attachment, by its SHA-256 and the name under which it is offered."""
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed\n", 405, {"Allow": "GET, HEAD"})
        parts = request.scope["path"].split("/")
        if len(parts) != 4 or not DIGEST.fullmatch(parts[2]) or not parts[3]:
            return no_such_page(request.scope["path"], self.path_prefix)
        key = f"public/{parts[2][:2]}/{parts[2]}"
        try:
            kept = await in_thread(self._threads, lambda: self.bucket.look(key))
        except StoreUnreachable:
            return PlainTextResponse(AWAY, 503, {"Retry-After": "5"})
        if kept is None:
            return no_such_page(request.scope["path"], self.path_prefix)
        kind, headers = attachment_headers(parts[2], parts[3])
        if has(request, {parts[2]}):
            return Response(status_code=304, headers=headers)
        return self._bytes(request, key, kept.size, kind, headers)

    def _bytes(
        self, request: Request, key: str, size: int, kind: str, headers: dict[str, str]
    ) -> Response:
        """Stream the bytes that are asked for, a piece at a time: memory does not grow with the file."""
        headers |= {"Accept-Ranges": "bytes"}
        asked = part_of(request, size, headers["ETag"])
        if asked == ():
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        start, end = asked or (0, size)
        headers["Content-Length"] = str(end - start)
        if asked:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        pieces = self._pieces(key, start, end) if request.method == "GET" else _nothing()
        return StreamingResponse(pieces, 206 if asked else 200, headers, kind)

    async def _pieces(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start, end, CHUNK):
            piece = await in_thread(
                self._threads, partial(self.bucket.part, key, at, min(at + CHUNK, end))
            )
            if piece is None:
                raise StoreUnreachable("removed while it was read")
            yield piece


async def _nothing() -> AsyncIterator[bytes]:
    """Yield nothing: the answer to HEAD."""
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece


def part_of(request: Request, size: int, etag: str) -> tuple[int, int] | tuple[()] | None:
    """Return start and end (not included) of the one range asked for (RFC 9110, 14); (): outside; None: the whole."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    condition = request.headers.get("if-range")
    if found is None or found.groups() == ("", "") or condition not in {None, etag}:
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else ()
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < end else ()


async def in_thread(threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
    """Ask the store away from the loop."""
    return await asyncio.get_running_loop().run_in_executor(threads, work)


def split(pages: ASGIApp, files: ASGIApp) -> ASGIApp:
    """Return an app that answers attachments from *files* and everything else from *pages*."""

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        app = files if scope["path"].startswith("/files/") else pages
        await app(scope, receive, send)

    return either
