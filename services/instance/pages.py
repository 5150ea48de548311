"""The public site from its files: types, conditional and partial answers, compression, 404 and 410.

Nothing here knows a service, so pages are served whatever else is down; files are read in threads
of our own, so a page never waits behind rendering.
"""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import os
import re
import stat
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from shared.web.served import OPAQUE, REVALIDATE, TYPES, caching, page_type

_OFFICE = "application/vnd.openxmlformats-officedocument."
ATTACHED = {
    ".pdf": "application/pdf",
    ".doc": "application/msword",
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": f"{_OFFICE}presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".ofd": "application/ofd",
    ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".zip": "application/zip",
    ".7z": "application/x-7z-compressed",
    ".rar": "application/vnd.rar",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
"""Attachments' types by their names' endings; what a browser could run (HTML, SVG) is opaque."""
SHOWN = re.compile(r"(image/(png|jpeg|gif|webp)|audio/.+|video/.+|application/pdf)$")
"""Attachments that a browser may show by itself; everything else is saved."""
COMPRESSED = re.compile(r"text/|.*(json|xml|javascript)")
SMALLEST_COMPRESSED = 512
LARGEST_IN_MEMORY = 4 * 1024 * 1024
COMPRESSION = 6
LARGEST_REMEMBERED = 32 * 1024
MOST_REMEMBERED = 256
"""Compressed pages that are kept in memory, and the bytes of the largest: 8 MiB at most."""
DIGEST = re.compile(r"[0-9a-f]{64}")
THREADS = 4

NOT_FOUND = {
    "": ("zh-CN", "没有找到这个页面", "您要找的页面不存在，或地址有误。", "/", "返回首页"),
    "/zh-tw": ("zh-TW", "找不到這個頁面", "您要找的頁面不存在，或網址有誤。", "/zh-tw/", "回首頁"),
    "/en": ("en", "Page not found", "There is no page at this address.", "/en/", "Home page"),
}
PREPARING = "网站正在生成，请稍后再试。 / The site is being built; try again shortly.\n"

R = TypeVar("R")


@dataclass(frozen=True)
class Found:
    """A file that answers a request: an open question of bytes, and how to name them."""

    path: Path
    info: os.stat_result
    status: int = 200

    @property
    def etag(self) -> str:
        """Name of exactly these bytes; a page is replaced by rename, so its inode changes too."""
        return f"{self.info.st_mtime_ns:x}-{self.info.st_ino:x}-{self.info.st_size:x}"


@dataclass
class Pages:
    """An ASGI app over the site's folder and the folder of public attachments."""

    site: Path
    """Folder whose `current` is the tree that is served."""
    blobs: Path
    path_prefix: str = ""
    """Path below which the site lies, e.g. `/zwgk`; requests come without it."""
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "pages")
    )
    _small: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        answer = await self.answer(request)
        await answer(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Return the file at this address, or say why there is none."""
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed\n", 405, {"Allow": "GET, HEAD"})
        path = request.scope["path"]
        if path.startswith("/files/"):
            return await self._attachment(request, path)
        found = await self._in_thread(lambda: self._find(path))
        if isinstance(found, str):
            return RedirectResponse(self.path_prefix + quote(found), 308)
        if found is None:
            found = await self._in_thread(lambda: self._not_found(path))
        return await self._page(request, path, found)

    async def _in_thread(self, work: Callable[[], R]) -> R:
        """Read files away from the loop, in threads that nobody else fills."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _find(self, path: str) -> Found | str | None:
        """Return the file of an address, the address with its missing slash, or None."""
        names = safe_names(path)
        if names is None:
            return None
        root = self.site / "current"
        target = root.joinpath(*names)
        if path.endswith("/"):
            target /= "index.html"
        if not target.resolve().is_relative_to(root.resolve()):
            return None
        try:
            info = target.stat()
        except OSError:
            return None
        if stat.S_ISDIR(info.st_mode):
            return f"{path}/" if (target / "index.html").is_file() else None
        return Found(target, info, _status(target)) if stat.S_ISREG(info.st_mode) else None

    def _not_found(self, path: str) -> Found | None:
        """Return the site's own 404 page in the language of the path."""
        page = self.site / "current" / language_prefix(path).strip("/") / "404.html"
        try:
            return Found(page, page.stat(), 404)
        except OSError:
            return None

    async def _page(self, request: Request, path: str, found: Found | None) -> Response:
        """Answer with a file of the site."""
        if found is None:
            return self._without_a_page(path)
        kind = page_type(found.path.name)
        headers = {"Cache-Control": caching(path)}
        if found.info.st_size > LARGEST_IN_MEMORY:
            return FileResponse(found.path, found.status, headers, kind, stat_result=found.info)
        packed = takes_gzip(request, kind, found.info.st_size)
        etag = f'"{found.etag}-gz"' if packed else f'"{found.etag}"'
        changed = email.utils.formatdate(found.info.st_mtime, usegmt=True)
        headers |= {"ETag": etag, "Last-Modified": changed, "Vary": "Accept-Encoding"}
        if found.status == 200 and unchanged(request, found.etag, found.info.st_mtime):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        try:
            content = await self._in_thread(lambda: self._bytes(found, packed=packed))
        except FileNotFoundError:  # withdrawn between looking and reading
            return self._without_a_page(path)
        return Response(content, found.status, headers, kind)

    def _bytes(self, found: Found, *, packed: bool) -> bytes:
        """Read a file; compressed, take the one beside it, or compress and remember."""
        if not packed:
            return found.path.read_bytes()
        beside = found.path.with_name(found.path.name + ".gz")
        if beside.exists() and beside.stat().st_mtime_ns >= found.info.st_mtime_ns:
            return beside.read_bytes()
        if (known := self._small.get(found.etag)) is None:
            known = gzip.compress(found.path.read_bytes(), COMPRESSION, mtime=0)
            if len(known) <= LARGEST_REMEMBERED:
                self._small[found.etag] = known
            while len(self._small) > MOST_REMEMBERED:
                self._small.popitem(last=False)
        return known

    def _without_a_page(self, path: str) -> Response:
        """Say in short that there is nothing, when the site has no page for that."""
        if not (self.site / "current").exists():
            return PlainTextResponse(PREPARING, 503, {"Retry-After": "2"})
        return no_such_page(path, self.path_prefix)

    async def _attachment(self, request: Request, path: str) -> Response:
        """Answer with an attachment, by its SHA-256 and the name under which it is offered."""
        parts = path.split("/")
        if len(parts) != 4 or not DIGEST.fullmatch(parts[2]) or not parts[3]:
            return self._without_a_page(path)
        file, name = self.blobs / "public" / parts[2][:2] / parts[2], parts[3]
        try:
            info = await self._in_thread(file.stat)
        except OSError:
            return self._without_a_page(path)
        kind, headers = attachment_headers(parts[2], name)
        if has(request, {parts[2]}):
            return Response(status_code=304, headers=headers)
        return FileResponse(file, 200, headers, kind, stat_result=info)


def no_such_page(path: str, prefix: str) -> Response:
    """Say in the language of the path that there is nothing."""
    language, title, text, home, label = NOT_FOUND[language_prefix(path)]
    page = (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f'<main><h1>{title}</h1><p>{text}</p><p><a href="{prefix}{home}">{label}</a></p></main></html>'
    )
    return Response(page, 404, media_type=TYPES[".html"])


def safe_names(path: str) -> list[str] | None:
    """Return the folder and file names of an address, or None if it could lead anywhere else."""
    names = path.removeprefix("/").removesuffix("/").split("/")
    if names == [""]:
        return []
    bad = any(not name or name.startswith(".") or set(name) & {"\0", "\\"} for name in names)
    return None if bad else names


def language_prefix(path: str) -> str:
    """Return the prefix of the frame's language: empty, `/zh-tw` or `/en`."""
    return next((p for p in ("/zh-tw", "/en") if path == p or path.startswith(f"{p}/")), "")


def unchanged(request: Request, etag: str, changed: float) -> bool:
    """Say whether the caller has these bytes already (RFC 9110, 13.2.2)."""
    if "if-none-match" in request.headers:
        return has(request, {etag, f"{etag}-gz"})
    since = _instant(request.headers.get("if-modified-since", ""))
    return since is not None and int(changed) <= since


def has(request: Request, tags: set[str]) -> bool:
    """Say whether the caller names one of these tags, or any (`*`)."""
    named = request.headers.get("if-none-match", "").split(",")
    return bool({tag.strip().removeprefix("W/").strip('"') for tag in named} & (tags | {"*"}))


def _instant(date: str) -> float | None:
    """Return the seconds of an HTTP date; None for what is none."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def takes_gzip(request: Request, kind: str, size: int) -> bool:
    """Say whether this answer is worth compressing and the caller can read it."""
    accepted = request.headers.get("accept-encoding", "")
    wanted = re.search(r"(?<![\w-])gzip(?!\s*;\s*q=0(\.0*)?(\s*,|\s*$))", accepted)
    return bool(wanted and COMPRESSED.match(kind) and size >= SMALLEST_COMPRESSED)


def _status(page: Path) -> int:
    """Return 410 for a page whose folder is marked as gone by a file `status`, else 200."""
    marker = page.with_name("status")
    if page.name != "index.html" or not marker.exists():
        return 200
    return (
        410
        if marker.read_text(encoding="ascii", errors="replace").strip().startswith("410")
        else 200
    )


def attachment_headers(sha256: str, name: str) -> tuple[str, dict[str, str]]:
    """Return media type and headers of an attachment that is offered as *name*."""
    kind = attachment_type(name)
    return kind, {
        "Cache-Control": REVALIDATE,
        "Content-Disposition": disposition(name, inline=bool(SHOWN.match(kind))),
        "Content-Security-Policy": "sandbox",
        "ETag": f'"{sha256}"',
    }


def attachment_type(name: str) -> str:
    """Return the media type by the name's ending."""
    return ATTACHED.get(Path(name).suffix.lower(), OPAQUE)


def disposition(name: str, *, inline: bool) -> str:
    """Return `Content-Disposition` with the name in every script (RFC 6266, RFC 8187)."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", name)
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
