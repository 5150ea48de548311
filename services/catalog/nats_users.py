"""The departments' NATS users: what each may say and hear, in the server's own configuration syntax."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


def permissions(code: str) -> dict[str, Any]:
    """Return a department's rights: its own intake, its own inbox and outcomes, nothing else."""
    return {
        "publish": {"allow": [f"intake.{code}.items"]},
        "subscribe": {"allow": [f"_INBOX_{code}.>", f"outcomes.{code}.items"]},
    }


async def users(session: AsyncSession) -> str:
    """Return the list of users as NATS configuration (JSON is valid there)."""
    rows = await session.execute(
        text("SELECT code, nkey FROM catalog.department WHERE nkey IS NOT NULL ORDER BY code")
    )
    listed = [{"nkey": row.nkey, "permissions": permissions(row.code)} for row in rows]
    return json.dumps({"users": listed}, indent=2) + "\n"


def write_users(path: Path, content: str) -> bool:
    """Replace the server's included file when *content* differs; True when it was replaced."""
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(content, encoding="utf-8")
    fresh.chmod(0o644)
    Path(fresh).replace(path)
    return True
