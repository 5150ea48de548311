"""What the catalog's routes share: who asks, the open doors, the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request
from starlette.convertors import Convertor, register_url_convertor

from services.catalog import queries
from services.catalog.doors import Doors
from services.catalog.settings import Settings
from shared.bus import Listener
from shared.db import Database
from shared.errors import Refused
from shared.http import NotAllowed, require_internal


class NotYours(Refused):
    """这把密钥不属于这个单位。 / This key does not belong to that department."""

    status = 403


class TooLarge(Refused):
    """内容太大。 / The content is too large."""

    status = 413


MAX_BATCH = 500
"""Events of one request."""


class _SourceId(Convertor[str]):
    """The rest of a path as it is. The convertor `path` drops a line break at its end, and an item would be another."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("source_id", _SourceId())


@dataclass(frozen=True)
class Catalog:
    """What `app.py` built."""

    settings: Settings
    db: Database
    doors: Doors
    listeners: tuple[Listener, ...] = ()


def catalog_of(request: Request) -> Catalog:
    """Return what `app.py` built."""
    built: Catalog = request.app.state.catalog
    return built


def now() -> datetime:
    """Read the clock: the edge does, nobody below it."""
    return datetime.now(UTC)


async def sender(request: Request) -> str:
    """Return the department that the request's key belongs to; raises `NotAllowed`.

    The instance's own token speaks for whichever department the header `Gazette-Department` names.
    """
    found = await sender_or_nobody(request)
    if found is None:
        raise NotAllowed
    return found


async def sender_or_nobody(request: Request) -> str | None:
    """Return the department of the request's key; None when it brings none or an unknown one."""
    catalog = catalog_of(request)
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not key:
        return None
    named = request.headers.get("gazette-department")
    if named:
        require_internal(request, catalog.settings.internal_token)
        return named
    async with catalog.db.sessions() as session:
        return await queries.department_of_key(session, sha256(key.encode()).hexdigest())


async def operator(request: Request) -> None:
    """Let only the instance's own token through."""
    require_internal(request, catalog_of(request).settings.internal_token)


async def body_of(request: Request, limit: int) -> bytes:
    """Read the body, at most *limit* bytes; raises `TooLarge` before more is read."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"上限为 {limit} 字节。 / At most {limit} bytes are allowed.")
        chunks.append(chunk)
    return b"".join(chunks)


Here = Annotated[Catalog, Depends(catalog_of)]
Now = Annotated[datetime, Depends(now)]
DepartmentActor = Annotated[str, Depends(sender)]
AnyActor = Annotated[str | None, Depends(sender_or_nobody)]
OperatorActor = Annotated[None, Depends(operator)]
