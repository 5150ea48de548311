"""What was withdrawn after a backup was made: from newer backups, or from saved pages of the public record feed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from services.catalog.actions.begin_epoch import Withdrawn
from services.instance.backup.archive import Archive
from shared.errors import Refused

Key = tuple[str, str]


class NotReadable(Refused):
    """既不是备份，也不是 /api/records 的 JSON。 / Neither a backup nor JSON of /api/records."""


def known_withdrawn(archive: Archive, sources: Sequence[Path]) -> list[Withdrawn]:
    """Return the items that the newest word of *sources* says are withdrawn, newer than *archive*.

    Backups that are older, or cannot be read, say nothing; a file that is no backup has to be a page of the feed.
    """
    words: list[tuple[datetime | None, list[Withdrawn]]] = []
    for path in sources:
        if path.suffix == ".json":
            words.append((None, _from_feed(path)))
        elif found := _from_backup(path, archive.manifest.made_at):
            words.append(found)
    newest = max((at for at, _ in words if at), default=None)
    latest = [each for at, some in words if at in (None, newest) for each in some]
    return list({(each.department, each.source_id): each for each in latest}.values())


def holding_leaks(newest: Path, others: Sequence[Path]) -> list[Path]:
    """Return those of *others* that hold an item in clear which *newest* knows to be vanished."""
    with Archive(newest) as archive:
        made_at = archive.manifest.made_at
        vanished = _vanished(archive)
    held: list[Path] = []
    for path in others if vanished else ():
        try:
            with Archive(path) as other:
                if other.manifest.made_at < made_at and vanished - _vanished(other):
                    held.append(path)
        except Refused:
            continue
    return held


def _vanished(archive: Archive) -> set[Key]:
    return {
        (each.department, each.source_id)
        for each in archive.manifest.withdrawn
        if each.kind == "vanish"
    }


def _from_backup(path: Path, after: datetime) -> tuple[datetime, list[Withdrawn]] | None:
    try:
        with Archive(path) as archive:
            if archive.manifest.made_at <= after:
                return None
            return archive.manifest.made_at, [
                Withdrawn(**each.model_dump()) for each in archive.manifest.withdrawn
            ]
    except Refused:
        return None


def _from_feed(path: Path) -> list[Withdrawn]:
    """Read a page of `/api/records`, or several, a line each: an item's last entry decides."""
    last: dict[Key, dict[str, Any]] = {}
    try:
        text = path.read_text(encoding="utf-8")
        for page in _pages(text):
            for entry in page["records"]:
                if entry.get("item_id"):
                    department = str(entry["source"]).removeprefix("/departments/")
                    last[department, str(entry["subject"])] = entry
    except (ValueError, KeyError, TypeError) as error:
        raise NotReadable(str(path)) from error
    return [
        Withdrawn(department, source_id, entry["state"], entry.get("reason") or "")
        for (department, source_id), entry in last.items()
        if entry.get("state", "published") != "published"
    ]


def _pages(text: str) -> list[Any]:
    """Return one JSON document, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
