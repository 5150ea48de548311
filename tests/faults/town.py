"""A whole instance on servers of the test's own: killed at named places, started again, and compared at the end."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from sqlalchemy import text

from services.catalog.actions.add_department import NewDepartment, add_department
from services.catalog.actions.issue_key import issue_key
from services.commands.operate import _differences
from services.instance.find import Instance
from services.notifier.actions.add_subscription import add_subscription
from services.notifier.links import Links, sha256
from services.notifier.rules import Target
from shared.db import Database
from shared.failpoints import VARIABLE
from shared.leader import plain_url
from tests.instance.conftest import environment, free_port, program

KILLED = -9


@dataclass
class Town:
    """`gazette up` in a process of its own; PostgreSQL, NATS and mail server are the test's."""

    folder: Path
    database_url: str
    nats_url: str
    smtp_url: str = "smtp://127.0.0.1:1"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    keys: dict[str, str] = field(default_factory=dict)
    killed_at: Counter[str] = field(default_factory=Counter)
    """Named places at which the process died."""

    @property
    def url(self) -> str:
        """Address of the front."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the process said in all its lives."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def start(self, plan: str = "") -> None:
        """Start, with named places armed; returns at once."""
        settings = {
            "GAZETTE_DATABASE_URL": self.database_url,
            "GAZETTE_NATS_URL": self.nats_url,
            "GAZETTE_SMTP_URL": self.smtp_url,
            VARIABLE: plan,
        }
        command = program("up", "--port", self.port, "--data", self.folder)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment() | settings
            )

    async def died(self, within: float) -> bool:
        """Wait until the process dies by a named place; False when it still lives after these seconds."""
        assert self.process is not None
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                assert self.process.returncode == KILLED, self.last_words()
                self.killed_at[self.last_failpoint()] += 1
                self.process = None
                return True
            await asyncio.sleep(0.02)
        return False

    def kill(self) -> None:
        """Kill the process with signal 9, wherever it is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def last_failpoint(self) -> str:
        """Return the named place that killed last."""
        return re.findall(r"^failpoint (\S+ \S*) kill$", self.last_words(), re.MULTILINE)[-1]

    def last_words(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-20_000:]

    async def department(self, code: str) -> None:
        """Add a department whose items go out at once, and keep its key."""
        db, now = Database(self.database_url, "catalog"), datetime.now(UTC)
        async with db.sessions.begin() as session:
            await add_department(session, NewDepartment(code=code), now=now)
            self.keys[code] = await issue_key(session, code, now=now)
        await db.close()

    async def subscriber(self, address: str, department: str) -> None:
        """Let somebody follow *department* from now on; the notifier has begun before."""
        db, now, person = Database(self.database_url, "notifier"), datetime.now(UTC), uuid4()
        links = Links((self.folder / "notifier.key").read_bytes(), self.url)
        async with db.sessions.begin() as session:
            await session.execute(
                text(
                    "INSERT INTO notifier.subscriber (subscriber_id, address, address_key, token_sha256, language, "
                    "created_at) VALUES (:person, :address, :address, :token, 'zh-Hans', :now)"
                ),
                {
                    "person": person,
                    "address": address,
                    "token": sha256(links.page_token(person)),
                    "now": now,
                },
            )
            await add_subscription(session, person, Target(department=department), now=now)
        await db.close()

    async def ready(self, seconds: float = 60) -> None:
        """Wait until every service is up."""
        try:
            await eventually(lambda: self._get("/readyz").status_code == 200, seconds, self)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self._get('/readyz').text}") from error

    def _get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=10, **options)

    def instance(self) -> Instance:
        """How `gazette verify` reaches it."""
        token = (self.folder / "token").read_text(encoding="ascii").strip()
        return Instance({"catalog_url": self.url, "internal_token": token})

    async def equal(self, seconds: float = 60, *, items: int | None = None) -> float:
        """Wait until site and index equal the record, as `gazette verify` says; return the seconds that took."""
        started = time.monotonic()
        said: list[str] = ["nothing was compared"]

        def compared() -> bool:
            differences, count = _differences(self.instance())
            said[:] = [*differences[:5], f"{len(differences)} differences, {count} items"]
            return not differences and items in (None, count)

        try:
            await eventually(compared, seconds, self)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {said}") from None
        return time.monotonic() - started

    def rows(self, statement: str, *values: Any) -> Sequence[Any]:
        """Return the rows of a statement."""
        with psycopg.connect(plain_url(self.database_url), autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def page(self, url: str) -> str:
        """Return the page below *url* as the web server would read it."""
        place = self.folder / "site" / "current" / url.strip("/") / "index.html"
        return place.read_text(encoding="utf-8")

    def total(self) -> int:
        """Return how many items search finds."""
        return int(self._get("/api/search", params={"q": "", "size": 1}).json()["total"])

    def records(self) -> list[dict[str, Any]]:
        """Return the public record feed of items, without what tombstones hide."""
        found: list[dict[str, Any]] = []
        after = 0
        while True:
            page = self._get("/api/records", params={"after": after, "limit": 1000}).json()
            found += [row for row in page["records"] if "item_id" in row]
            if page["through"] >= page["head"]:
                return found
            after = page["through"]


async def eventually(what: Any, seconds: float, town: Town | None = None) -> None:
    """Wait until *what* (blocking, in a thread) is true; refusals and dead servers count as not yet."""
    deadline = time.monotonic() + seconds
    reason: object = "it stayed false"
    while time.monotonic() < deadline:
        try:
            if await asyncio.to_thread(what):
                return
            reason = "it stayed false"
        except (OSError, httpx.HTTPError, ValueError, KeyError, psycopg.Error) as error:
            reason = error
        except Exception as error:
            if type(error).__name__ != "Unavailable":
                raise
            reason = error
        if town and town.process and town.process.poll() is not None:
            raise AssertionError(f"the process ended: {town.last_words()[-3000:]}")
        await asyncio.sleep(0.1)
    raise TimeoutError(f"not within {seconds} s: {reason}")


def batch(events: Sequence[dict[str, Any]]) -> bytes:
    """Return the body of a batch request."""
    return json.dumps(events, ensure_ascii=False).encode()
