"""Fill an empty instance with 青禾县: its bodies, and their items pushed over NATS as each body's own user."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.actions.add_department import DepartmentExists, NewDepartment, add_department
from services.catalog.actions.issue_nkey import issue_nkey
from services.catalog.announcing import announce_list
from services.demo.dates import dated
from services.instance.find import Instance
from services.instance.folder import write_private
from services.sender.pushing import Progress, Result, push
from services.sender.reading import Line, read_folder
from services.sender.wire import NotAuthorised, over_http, over_nats
from shared.db import Database
from shared.errors import Unavailable

log = structlog.get_logger()

SAMPLES = Path(__file__).resolve().parent.parent.parent / "samples" / "qinghe"
ZONE = ZoneInfo("Asia/Shanghai")
LOGIN_SECONDS = 60.0
START_SECONDS = 120.0


class County:
    """The county of the samples on one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._home = Path(instance.settings["data"]) / "demo"

    @property
    def today(self) -> date:
        """The day that the samples' dates are relative to: that of the first start, so that a second changes nothing."""
        kept = self._home / "day"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(datetime.now(ZONE).date().isoformat(), encoding="ascii")
        return date.fromisoformat(kept.read_text(encoding="ascii"))

    def seed(self, code: str) -> Path:
        """Return the file with the seed of a body's NATS user."""
        return self._home / f"{code}.nk"

    def lines(self) -> dict[str, list[Line]]:
        """Return every body's lines, oldest first."""
        transform = dated(self.today, ZONE)
        return {
            code: read_folder(SAMPLES / code, transform=transform)
            for code in self.codes()
            if (SAMPLES / code).is_dir()
        }

    def codes(self) -> list[str]:
        """Return the codes of the bodies, the county government first."""
        return [row["code"] for row in departments()]

    async def found(self) -> None:
        """Make the bodies, the site's settings and the NATS users; what is there stays."""
        db = Database(self._instance.database_url, "catalog", size=1)
        try:
            for row in departments():
                async with db.sessions.begin() as session:
                    await self._department(session, row)
            async with db.sessions.begin() as session:
                await _settings(session)
        finally:
            await db.close()

    async def _department(self, session: AsyncSession, row: dict[str, Any]) -> None:
        try:
            async with session.begin_nested():
                await add_department(
                    session, NewDepartment.model_validate(row), now=datetime.now(UTC)
                )
        except DepartmentExists:
            log.debug("department_exists", department=row["code"])
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.seed(row["code"]).exists():
            write_private(self.seed(row["code"]), await issue_nkey(session, row["code"]) + "\n")

    async def push(
        self, code: str, lines: list[Line], *, progress: Progress, visible_within: float | None
    ) -> Result:
        """Push *lines* as the body's own NATS user; attachments go over HTTP."""
        api = over_http(self._instance.url, self._instance.internal_token, department=code)
        async with (
            api as client,
            over_nats(self._instance.nats_public_url, code, nkey=self.seed(code)) as wire,
        ):
            return await push(
                lines, code, wire=wire, api=client, visible_within=visible_within, progress=progress
            )

    async def await_catalog(self) -> None:
        """Wait until the catalog answers: its tables are there then."""
        headers = {"Authorization": f"Bearer {self._instance.internal_token}"}
        address = self._instance.inside("catalog", "figures")
        async with httpx.AsyncClient(headers=headers, timeout=10, trust_env=False) as client:
            deadline = asyncio.get_running_loop().time() + START_SECONDS
            while (await client.get(address)).status_code != 200:
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable("目录服务没有启动。 / The catalog did not start.")
                await asyncio.sleep(0.2)

    async def await_login(self, code: str) -> None:
        """Wait until the NATS server knows the bodies' users."""
        deadline = asyncio.get_running_loop().time() + LOGIN_SECONDS
        while True:
            try:
                async with over_nats(self._instance.nats_public_url, code, nkey=self.seed(code)):
                    return
            except NotAuthorised:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def fill(self, told: Callable[[str, int, int], None]) -> list[tuple[str, Result]]:
        """Push the whole county; *told* hears the body, the count and the total after every item."""
        await self.await_catalog()
        await self.found()
        lines = self.lines()
        total = sum(len(rows) for rows in lines.values())
        done = 0
        results = []
        await self.await_login(next(iter(lines)))
        for code, rows in lines.items():

            def settled(_line: Line, _outcome: Any, code: str = code) -> None:
                nonlocal done
                done += 1
                told(code, done, total)

            results.append(
                (
                    code,
                    await self.push(
                        code, rows, progress=Progress(settled=settled), visible_within=None
                    ),
                )
            )
        return results

    async def wait_visible(self, told: Callable[[int, int], None], *, within: float = 180) -> None:
        """Wait until site and index have everything that was accepted."""
        headers = {"Authorization": f"Bearer {self._instance.internal_token}"}
        where = {
            name: self._instance.inside(name, "shown")
            for name in ("catalog", "publisher", "search")
        }
        async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as client:
            deadline = asyncio.get_running_loop().time() + within
            while True:
                wanted = await _shown(client, where["catalog"])
                counts = [
                    len(wanted & await _shown(client, where[name]))
                    for name in ("publisher", "search")
                ]
                told(min(counts), len(wanted))
                if min(counts) == len(wanted):
                    return
                if asyncio.get_running_loop().time() > deadline:
                    raise Unavailable(
                        "网站或检索没有在时限内更新。 / Site or search did not follow in time."
                    )
                await asyncio.sleep(0.3)


async def _shown(client: httpx.AsyncClient, address: str) -> set[tuple[str, int]]:
    rows: set[tuple[str, int]] = set()
    after: str | None = "00000000-0000-0000-0000-000000000000"
    while after:
        answer = await client.get(address, params={"after": after})
        if answer.status_code != 200:
            return rows
        page = answer.json()
        rows |= {(row["item_id"], row["version"]) for row in page["shown"]}
        after = page.get("next")
    return rows


def departments() -> list[dict[str, Any]]:
    """Return the bodies of the county as the samples describe them."""
    content = tomllib.loads((SAMPLES / "departments.toml").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = content["department"]
    return sorted(rows, key=lambda row: (row.get("parent") is not None, row.get("position", 0)))


async def _settings(session: AsyncSession) -> None:
    """Say the county's settings of the site, once."""
    wanted = tomllib.loads((SAMPLES / "site.toml").read_text(encoding="utf-8"))
    known = (
        await session.execute(text("SELECT value FROM catalog.site_list WHERE key = 'settings'"))
    ).scalar()
    if known != wanted:
        await announce_list(session, "settings", wanted, now=datetime.now(UTC))
