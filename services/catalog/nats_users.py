"""The departments' NATS users: what each may say and hear, in the server's own configuration syntax."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import Refused


def permissions(code: str) -> dict[str, Any]:
    """Return a department's rights: its own intake, its own inbox and outcomes, nothing else."""
    return {
        "publish": {"allow": [f"intake.{code}.items"]},
        "subscribe": {"allow": [f"_INBOX_{code}.>", f"outcomes.{code}.items"]},
    }


class NoUser(Refused):
    """NATS 地址里没有用户和口令。 / The address of NATS has no user and password."""


def ours(nats_url: str) -> dict[str, Any]:
    """Return our own services' user, with all rights, as their address names it."""
    parts = urlsplit(nats_url.split(",", maxsplit=1)[0])
    if not parts.username or not parts.password:
        raise NoUser(
            "GAZETTE_NATS_URL 要写成 nats://用户:口令@主机:4222。 / "
            "Write GAZETTE_NATS_URL as nats://user:password@host:4222."
        )
    return {"user": unquote(parts.username), "password": unquote(parts.password)}


async def users(session: AsyncSession, *, first: dict[str, Any] | None = None) -> str:
    """Return the list of users, after *first* if given, as NATS configuration (JSON is valid there)."""
    rows = await session.execute(
        text("SELECT code, nkey FROM catalog.department WHERE nkey IS NOT NULL ORDER BY code")
    )
    listed: list[dict[str, Any]] = [first] if first else []
    listed += [{"nkey": row.nkey, "permissions": permissions(row.code)} for row in rows]
    return json.dumps({"users": listed}, indent=2) + "\n"


def write_users(path: Path, content: str) -> bool:
    """Replace the server's included file when *content* differs; True when it was replaced.

    Several copies of the catalog may do so at a time. A file that others may read stays so, and only then.
    """
    mode = 0o644
    if path.exists():
        if path.read_text(encoding="utf-8") == content:
            return False
        mode = path.stat().st_mode & 0o777
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as fresh:
        fresh.write(content)
    Path(fresh.name).chmod(mode)
    Path(fresh.name).replace(path)
    return True
