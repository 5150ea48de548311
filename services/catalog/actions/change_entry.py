"""Add an entry below one of the catalogue, rename it, hide it from the menu or show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import standard
from services.catalog.actions.seed_site import lock_lists
from services.catalog.announcing import announce_list
from shared.errors import Refused

_CODE = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+")
MAX_CODE = 80
"""Characters of a code in intake data."""
_INHERITED = ("basis", "limit_days", "limit_hours", "frequency")


class BadEntryCode(Refused):
    """目录事项代码不合规定。 / The code of the entry is not allowed."""


class NoSuchEntry(Refused):
    """没有这个上级目录事项。 / There is no such entry above it."""

    status = 404


class EntryNameMissing(Refused):
    """新的目录事项要有名称。 / A new entry needs a name."""


async def change_entry(
    session: AsyncSession,
    code: str,
    *,
    names: Mapping[str, str],
    hidden: bool | None,
    now: datetime,
) -> bool:
    """Change the entry *code*, or add it below the one that its code begins with; return whether it was added.

    *names* are merged; a new one takes basis, limits and frequency of the entry above. Every department may use it
    at once. Raises `BadEntryCode`, `NoSuchEntry`, `EntryNameMissing`.
    """
    await lock_lists(session)
    held = await session.execute(
        text("SELECT value FROM catalog.site_list WHERE key = 'catalogue'")
    )
    entries = standard.with_own(standard.plain(), (held.scalar() or {}).get("entries", []))
    known = {entry["code"]: entry for entry in entries}
    entry = known.get(code) or _added(code, known, names)
    changed = entry | {"names": entry["names"] | dict(names), "own": True}
    if hidden is not None:
        changed["hidden"] = hidden
    value = {"entries": standard.with_own(standard.plain(), [*(known | {code: changed}).values()])}
    await announce_list(session, "catalogue", value, now=now)
    return code not in known


def _added(
    code: str, known: Mapping[str, dict[str, Any]], names: Mapping[str, str]
) -> dict[str, Any]:
    if len(code) > MAX_CODE or not _CODE.fullmatch(code):
        raise BadEntryCode(
            "新事项的代码写成“上级代码.自己的词”，只含小写字母、数字、连字符和点，如 notice.road。 / "
            "Write a new code as `<code above>.<word>` with lower-case letters, digits, hyphens and dots, "
            "e.g. notice.road."
        )
    parent = code.rpartition(".")[0]
    if parent not in known:
        raise NoSuchEntry(parent)
    if not names.get("zh-Hans"):
        raise EntryNameMissing(code)
    inherited = {name: known[parent][name] for name in _INHERITED if name in known[parent]}
    return {"code": code, "parent": parent, "names": {}, "hidden": False} | inherited
