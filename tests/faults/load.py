"""Departments that never stop: each sends until it has an outcome, and keeps a ledger of what was accepted."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import nats
from nats.errors import Error as NatsError
from pydantic_core import to_json

from shared import streams
from tests.faults.town import Town, batch
from tests.flow.conftest import item

PUBLISHED, WITHDRAWN = "org.opengazette.item.published.v1", "org.opengazette.item.withdrawn.v1"
BATCH_HEADERS = {"content-type": "application/cloudevents-batch+json"}
AGAIN = 5.0
"""Seconds after which an event without an outcome is sent again over NATS, under its id."""


@dataclass
class Entry:
    """What a department knows of an item of its own."""

    version: int
    title: str
    url: str = ""
    state: str = "published"
    scheduled: bool = False


@dataclass
class Load:
    """Several departments' systems at work on one town."""

    town: Town
    seed: int
    size: int = 10
    """Items of a batch."""
    pause: float = 0.02
    limit: int = 10**9
    """Items after which nothing new is sent."""
    ledger: dict[tuple[str, str], Entry] = field(default_factory=dict)
    refused: list[Any] = field(default_factory=list)
    """What should never have been said."""
    accepted: int = 0
    sent_again: int = 0
    scheduled: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _over: bool = False
    _made: int = 0

    def begin(
        self, *, over_http: tuple[str, ...] = ("news", "moving"), over_nats: str = "wire"
    ) -> None:
        """Let the departments send from now on."""
        self._over = False
        works = [self._over_http(code) for code in over_http]
        works += [self._over_nats(over_nats)] if over_nats else []
        self._tasks = [asyncio.create_task(work) for work in works]

    async def end(self) -> None:
        """Let every department send its last batch to the end: all that was begun has an outcome."""
        self._over = True
        await asyncio.gather(*self._tasks)

    def cancel(self) -> None:
        """Stop at once."""
        for task in self._tasks:
            task.cancel()

    # --- over HTTP

    async def _over_http(self, code: str) -> None:
        chance = random.Random(f"{self.seed} {code}")
        headers = {"Authorization": f"Bearer {self.town.keys[code]}"}
        async with httpx.AsyncClient(
            base_url=self.town.url, headers=headers, trust_env=False, timeout=10
        ) as client:
            while not self._over and self._made < self.limit:
                events = [self._next(code, chance) for _ in range(self.size)]
                if code == "moving" and chance.random() < 0.3:
                    await self._attach(client, events[0], chance)
                await self._post(client, code, events)
                await asyncio.sleep(self.pause)

    async def _post(
        self, client: httpx.AsyncClient, code: str, events: list[dict[str, Any]]
    ) -> None:
        """Post until there is an answer; whatever the answer, each event has its outcome in it."""
        while True:
            with suppress(httpx.HTTPError):
                answer = await client.post(
                    "/api/events", content=batch(events), headers=BATCH_HEADERS
                )
                if answer.status_code == 202:
                    for event, outcome in zip(events, answer.json()["results"], strict=True):
                        self._heard(code, event, outcome)
                    return
                if answer.status_code < 500:
                    self.refused.append(answer.text)
                    return
            self.sent_again += 1
            await asyncio.sleep(0.1)

    async def _attach(
        self, client: httpx.AsyncClient, event: dict[str, Any], chance: random.Random
    ) -> None:
        """Upload a file and refer to it."""
        if event["type"] != PUBLISHED:
            return
        content = f"附件 {chance.random()}".encode()
        digest = hashlib.sha256(content).hexdigest()
        while True:
            with suppress(httpx.HTTPError):
                answer = await client.put(
                    f"/api/blobs/{digest}", content=content, headers={"content-type": "text/plain"}
                )
                if answer.status_code == 201:
                    break
                assert answer.status_code >= 500, answer.text
            await asyncio.sleep(0.1)
        about = {"name": "附件.txt", "media_type": "text/plain", "role": "annex"}
        event["data"]["attachments"] = [about | {"sha256": digest, "size": len(content)}]

    # --- over NATS

    async def _over_nats(self, code: str) -> None:
        chance = random.Random(f"{self.seed} {code}")
        headers = {"Authorization": f"Bearer {self.town.keys[code]}"}
        async with httpx.AsyncClient(
            base_url=self.town.url, headers=headers, trust_env=False, timeout=10
        ) as client:
            connection = await nats.connect(
                streams.servers(self.town.nats_url),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,
                error_cb=_quiet,
            )
            try:
                cursor = 0
                while not self._over and self._made < self.limit:
                    events = {
                        e["id"]: e for e in (self._next(code, chance) for _ in range(self.size))
                    }
                    cursor = await self._until_heard(client, connection, code, events, cursor)
                    await asyncio.sleep(self.pause)
            finally:
                await connection.close()

    async def _until_heard(
        self,
        client: httpx.AsyncClient,
        connection: Any,
        code: str,
        events: dict[str, Any],
        cursor: int,
    ) -> int:
        """Publish and read outcomes until every event has one; a PubAck alone means nothing."""
        left = dict(events)
        again_at = 0.0
        while left:
            if time.monotonic() > again_at:
                self.sent_again += again_at > 0
                again_at = time.monotonic() + AGAIN
                with suppress(NatsError, asyncio.TimeoutError):
                    await _publish(connection, code, left.values())
            with suppress(httpx.HTTPError):
                answer = await client.get("/api/outcomes", params={"after": cursor, "limit": 1000})
                found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
                cursor = found.get("next", cursor)
                for outcome in (row["event"]["data"] for row in found.get("outcomes", ())):
                    if event := left.pop(outcome["id"], None):
                        self._heard(code, event, outcome)
            await asyncio.sleep(0.05)
        return cursor

    # --- what is sent, and what was said of it

    def _next(self, code: str, chance: random.Random) -> dict[str, Any]:
        """Return the next event of a department: mostly new items; `moving` also corrects, withdraws, schedules."""
        mine = [
            k
            for k, e in self.ledger.items()
            if k[0] == code and e.state == "published" and not e.scheduled
        ]
        what = chance.random() if code == "moving" and mine else 1.0
        if what < 0.1:
            key = chance.choice(mine[-50:])
            content = {"kind": "withdrawn", "reason": "内容有误"}
            self.ledger[key].state = "asked to withdraw"
            return self._event(code, key[1], content, WITHDRAWN)
        if what < 0.3:
            key = chance.choice(mine[-50:])
            title = f"{self.ledger[key].title.split('·')[0]}·{uuid4().hex[:6]}"
            return self._event(code, key[1], item(title, f"改 {title}", change="minor"), PUBLISHED)
        self._made += 1
        title = f"{code}第{self._made}号通告"
        data = item(title, f"第{self._made}号内容。" * 3, change="major")
        if code == "moving" and chance.random() < 0.05:
            data["publish_at"] = (
                datetime.now(UTC) + timedelta(seconds=chance.random() * 4)
            ).isoformat()
        return self._event(code, f"{code}-{self._made}", data, PUBLISHED)

    def _event(self, code: str, source_id: str, data: dict[str, Any], kind: str) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": f"/departments/{code}",
            "subject": source_id,
            "type": kind,
            "data": data,
        }

    def _heard(self, code: str, event: dict[str, Any], outcome: dict[str, Any]) -> None:
        """Enter an outcome; a version that is not the next one was doubled or lost."""
        key = (code, event["subject"])
        known = self.ledger.get(key)
        if outcome["outcome"] == "scheduled":
            self.scheduled += 1
            self.ledger[key] = Entry(1, event["data"]["title"], scheduled=True)
            return
        if outcome["outcome"] != "accepted":
            self.refused.append((event["subject"], outcome))
            return
        self.accepted += 1
        expected = known.version + 1 if known else 1
        if outcome["version"] != expected:
            self.refused.append((event["subject"], f"expected version {expected}", outcome))
        withdrawn = event["type"] == WITHDRAWN
        title = known.title if withdrawn and known else event["data"].get("title", "")
        self.ledger[key] = Entry(
            outcome["version"], title, outcome["url"], "withdrawn" if withdrawn else "published"
        )

    # --- judgement

    def judge(self) -> None:
        """Demand that record, site and index hold what the ledger says, each once, and nothing else."""
        assert self.refused == [], self.refused[:5]
        standing = {
            (code, source_id): (version, state, url)
            for code, source_id, version, state, url in self.town.rows(
                "SELECT department, source_id, version, state, url FROM catalog.item"
            )
        }
        assert {key: (entry.version, entry.state) for key, entry in self.ledger.items()} == {
            key: (version, state) for key, (version, state, _) in standing.items()
        }
        numbers = [row["sequence"] for row in self.town.records()]
        assert numbers == sorted(set(numbers))
        versions = [(row["item_id"], row["version"]) for row in self.town.records()]
        assert len(versions) == len(set(versions))
        assert self.town.total() == len(self.ledger)
        for key, entry in self.ledger.items():
            assert entry.title in self.town.page(standing[key][2]), key


async def _publish(connection: Any, code: str, events: Iterable[dict[str, Any]]) -> None:
    """Publish events of a department, each after the server's ack for the one before."""
    for event in list(events):
        await connection.jetstream().publish(
            f"intake.{code}.items",
            to_json(event),
            stream="INTAKE",
            timeout=1,
            headers={"Nats-Msg-Id": event["id"]},
        )


async def _quiet(_: Exception) -> None:
    """Say nothing: servers are killed all the time."""
