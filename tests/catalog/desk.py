"""A catalog without its background work, a department at its door, and events for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from services.catalog.actions.add_department import NewDepartment, add_department
from services.catalog.actions.decide_waiting import decide_waiting, release_due
from services.catalog.actions.issue_key import issue_key
from services.catalog.app import create_app
from services.catalog.doors import Doors, open_doors
from services.catalog.http.edge import Catalog
from services.catalog.settings import Settings
from shared.db import Database
from shared.events.outcomes import Outcome
from shared.leader import holding
from shared.relay import Relay

TOKEN = "a token of this instance"
CLEARED: dict[str, Any] = {
    "reviewed_by": "王审核",
    "reviewed_at": "2026-11-20T09:00:00+08:00",
    "confidentiality": {
        "verdict": "cleared",
        "by": "李保密",
        "at": "2026-11-20T09:00:00+08:00",
        "basis": "条例第十七条",
    },
}
RESIDENT_ID = "11010519491231002X"
"""Passes every check of GB 11643: the specimen number of the standard."""


def data(**changes: Any) -> dict[str, Any]:
    """Return intake data that is published at once; a change to None removes the field."""
    whole: dict[str, Any] = {
        "title": "关于S207石桥段封闭施工的公告",
        "body": {"format": "text", "content": "石桥段封闭施工，请绕行。"},
        "catalogue": "notice",
        "formed_on": "2026-11-20",
        "review": CLEARED,
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def event(
    department: str, source_id: str, content: dict[str, Any] | None = None, **attributes: Any
) -> dict[str, Any]:
    """Return an intake event; its id is fresh unless given."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": f"/departments/{department}",
        "subject": source_id,
        "type": "org.opengazette.item.published.v1",
        "data": data() if content is None else content,
    } | attributes


def withdrawal(
    department: str, source_id: str, kind: str = "withdrawn", **more: Any
) -> dict[str, Any]:
    """Return a withdrawal event."""
    attributes = {name: more.pop(name) for name in ("id", "sourceversion") if name in more}
    content = {"kind": kind, "reason": "发布有误"} | more
    return event(
        department, source_id, content, type="org.opengazette.item.withdrawn.v1", **attributes
    )


@dataclass
class Desk:
    """The catalog's routes and actions on a real database."""

    db: Database
    doors: Doors
    client: httpx.AsyncClient
    database_url: str
    blobs: Path

    async def department(self, code: str | None = None, **fields: Any) -> Sender:
        """Add a department and return it with a key of its own."""
        code = code or f"d{uuid4().hex[:10]}"
        now = datetime.now(UTC)
        async with self.db.sessions.begin() as session:
            await add_department(session, NewDepartment(code=code, **fields), now=now)
            key = await issue_key(session, code, now=now)
        return Sender(self, code, key)

    async def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """Return the rows of a statement."""
        async with self.db.sessions.begin() as session:
            return (await session.execute(text(statement), values)).all()

    async def decide(self, waiting_id: int, *, approve: bool, reason: str = "已核对") -> Outcome:
        """Decide about a waiting event, as the reviewer's command does."""
        async with self.db.sessions.begin() as session:
            return await decide_waiting(
                session,
                waiting_id,
                approve=approve,
                by="陈主任",
                reason=reason,
                now=datetime.now(UTC),
                doors=self.doors,
            )

    async def release(self) -> list[Outcome]:
        """Release what is due, as the clockwork does."""
        async with self.db.sessions.begin() as session:
            return await release_due(session, now=datetime.now(UTC), doors=self.doors)

    async def number_the_record(self) -> None:
        """Give every record event its sequence, as the relay's leader does before it sends."""
        relay = Relay(self.database_url, "nats://127.0.0.1:1")
        async with holding(self.database_url, "relay catalog", called="relay") as connection:
            await relay._assign(connection)

    async def feed(self, **params: Any) -> dict[str, Any]:
        """Return a page of the record feed, numbered up to now."""
        await self.number_the_record()
        answer = await self.client.get("/api/records", params={"limit": 1000} | params)
        assert answer.status_code == 200
        return answer.json()


@dataclass
class Sender:
    """One department at the door."""

    desk: Desk
    code: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """Return what this department's requests carry."""
        return {"Authorization": f"Bearer {self.key}"}

    async def post(self, raw: dict[str, Any] | bytes) -> httpx.Response:
        """Send one event."""
        content = raw if isinstance(raw, bytes) else json.dumps(raw, ensure_ascii=False).encode()
        headers = self.headers | {"Content-Type": "application/cloudevents+json"}
        return await self.desk.client.post("/api/events", content=content, headers=headers)

    async def batch(self, events: Sequence[dict[str, Any]] | bytes) -> httpx.Response:
        """Send a batch."""
        content = (
            events
            if isinstance(events, bytes)
            else json.dumps(list(events), ensure_ascii=False).encode()
        )
        headers = self.headers | {"Content-Type": "application/cloudevents-batch+json"}
        return await self.desk.client.post("/api/events", content=content, headers=headers)

    async def push(
        self, source_id: str, content: dict[str, Any] | None = None, **attributes: Any
    ) -> dict[str, Any]:
        """Send one item and return its result."""
        return result(await self.post(event(self.code, source_id, content, **attributes)))

    async def withdraw(
        self, source_id: str, kind: str = "withdrawn", **more: Any
    ) -> dict[str, Any]:
        """Send a withdrawal and return its result."""
        return result(await self.post(withdrawal(self.code, source_id, kind, **more)))

    async def put(self, source_id: str, content: dict[str, Any], **params: Any) -> httpx.Response:
        """Send one item without an event."""
        return await self.desk.client.put(
            f"/api/items/{self.code}/{source_id}", json=content, params=params, headers=self.headers
        )

    async def delete(
        self, source_id: str, content: dict[str, Any], **params: Any
    ) -> httpx.Response:
        """Withdraw one item without an event."""
        return await self.desk.client.request(
            "DELETE",
            f"/api/items/{self.code}/{source_id}",
            json=content,
            params=params,
            headers=self.headers,
        )

    async def look(self, source_id: str, *, own: bool = False) -> httpx.Response:
        """Ask for an item's public state, as anyone or with the department's key."""
        return await self.desk.client.get(
            f"/api/items/{self.code}/{source_id}", headers=self.headers if own else {}
        )

    async def outcomes(self, after: int = 0, **params: Any) -> dict[str, Any]:
        """Return what `GET /api/outcomes` tells this department."""
        answer = await self.desk.client.get(
            "/api/outcomes", params={"after": after} | params, headers=self.headers
        )
        assert answer.status_code == 200
        return answer.json()

    async def upload(self, content: bytes, kind: str = "text/plain") -> httpx.Response:
        """Upload an attachment."""
        headers = self.headers | {"Content-Type": kind}
        return await self.desk.client.put(
            f"/api/blobs/{sha256(content).hexdigest()}", content=content, headers=headers
        )

    async def waiting(self) -> Sequence[Any]:
        """Return the rows of this department that wait."""
        return await self.desk.rows(
            "SELECT * FROM catalog.waiting WHERE department = :code AND decision IS NULL ORDER BY waiting_id",
            code=self.code,
        )

    async def versions(self, source_id: str) -> list[int]:
        """Return the versions that the record holds of an item."""
        rows = await self.desk.rows(
            "SELECT v.version FROM catalog.version v JOIN catalog.item i USING (item_id) "
            "WHERE i.department = :code AND i.source_id = :source_id ORDER BY 1",
            code=self.code,
            source_id=source_id,
        )
        return [row.version for row in rows]


def result(answer: httpx.Response) -> dict[str, Any]:
    """Return the only result of an answer."""
    [found] = answer.json()["results"]
    return found


def paths(outcome: dict[str, Any]) -> set[str]:
    """Return where the problems of an outcome are."""
    return {problem["path"] for problem in outcome.get("problems", [])}


def codes(outcome: dict[str, Any]) -> set[str]:
    """Return what the problems of an outcome are."""
    return {problem["code"] for problem in outcome.get("problems", [])}


def later(**span: float) -> str:
    """Return an instant from now on as RFC 3339."""
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


@asynccontextmanager
async def open_desk(database_url: str, blobs: Path | str) -> AsyncIterator[Desk]:
    """Open a catalog on *database_url*: every route, no listener, no clockwork."""
    settings = Settings(
        database_url=database_url,
        nats_url="nats://127.0.0.1:1",
        blobs_url=blobs,
        internal_token=TOKEN,
    )
    db = Database(database_url, "catalog")
    doors = open_doors(
        timezone=settings.timezone, index_number_rule=settings.index_number_rule, blobs=blobs
    )
    app = create_app(settings)
    app.state.catalog = Catalog(settings, db, doors)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://catalog") as client:
        yield Desk(db, doors, client, database_url, Path(blobs))
    await db.close()
