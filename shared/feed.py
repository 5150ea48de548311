"""The catalog's public record feed, as a projection reads it (anti-entropy, rebuilds)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

import httpx
from pydantic_core import from_json, to_json

PAGE = 500
"""Events a page; the feed itself allows at most 1,000."""


@dataclass(frozen=True)
class Page:
    """A stretch of the record: everything in (after, through]."""

    epoch: UUID
    after: int
    through: int
    head: int
    events: list[bytes]


class FeedUnreachable(Exception):
    """The catalog's record feed did not answer."""


class RecordFeed:
    """Reads `GET /api/records?state=1` page by page."""

    def __init__(self, catalog_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=catalog_url, timeout=30, trust_env=False)

    async def read(self, after: int, *, through: int | None = None, limit: int = PAGE) -> Page:
        """Return the next page after sequence *after*; raises `FeedUnreachable`."""
        params: dict[str, str | int] = {"after": after, "limit": limit, "state": 1}
        if through is not None:
            params["through"] = through
        try:
            answer = await self._client.get("/api/records", params=params)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise FeedUnreachable(str(error)) from error
        page = from_json(answer.content)
        return Page(
            epoch=UUID(page["epoch"]),
            after=after,
            through=page["through"],
            head=page["head"],
            events=[to_json(entry["event"]) for entry in page["records"]],
        )

    async def head(self) -> tuple[UUID, int]:
        """Return the epoch and the newest sequence."""
        try:
            answer = await self._client.get("/api/records", params={"after": 2**62, "limit": 1})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise FeedUnreachable(str(error)) from error
        page = json.loads(answer.content)
        return UUID(page["epoch"]), page["head"]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
