"""What was withdrawn or sealed after a backup was made: from newer backups, or saved pages of the public record feed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.catalog.actions.begin_epoch import Sealed, Withdrawn
from services.instance.backup.archive import Archive
from shared.errors import Refused

Key = tuple[str, str]


class NotReadable(Refused):
    """既不是备份，也不是 /api/records 的 JSON。 / Neither a backup nor JSON of /api/records."""


@dataclass(frozen=True)
class Known:
    """What a restore must not bring back."""

    withdrawn: Sequence[Withdrawn] = ()
    sealed: Sequence[Sealed] = ()
    made_at: datetime | None = None
    """When the backup that says so was made; none for the feed."""


NOTHING = Known()


def known_since(archive: Archive, sources: Sequence[Path]) -> Known:
    """Return what *sources* say was withdrawn or sealed, newer than *archive*.

    Of withdrawals the newest word counts: an item may have been published anew. What was sealed once stays sealed.
    Backups that are older, or cannot be read, say nothing; a file that is no backup has to be a page of the feed.
    """
    words: list[Known] = []
    for path in sources:
        if path.suffix == ".json":
            words.append(_from_feed(path))
        elif found := _from_backup(path, archive.manifest.made_at):
            words.append(found)
    newest = max((word.made_at for word in words if word.made_at), default=None)
    latest = [each for w in words if w.made_at in (None, newest) for each in w.withdrawn]
    return Known(
        withdrawn=list({(each.department, each.source_id): each for each in latest}.values()),
        sealed=list(dict.fromkeys(each for word in words for each in word.sealed)),
    )


def holding_leaks(newest: Path, others: Sequence[Path]) -> list[Path]:
    """Return those of *others* that hold in clear what *newest* knows to be vanished or sealed."""
    with Archive(newest) as archive:
        made_at = archive.manifest.made_at
        vanished = _vanished(archive)
    held: list[Path] = []
    for path in others if vanished else ():
        try:
            with Archive(path) as other:
                when, still = other.manifest.made_at, vanished - _vanished(other)
                if when < made_at and any(_was_there(one, when) for one in still):
                    held.append(path)
        except Refused:
            continue
    return held


def _was_there(one: Key | Sealed, when: datetime) -> bool:
    return not isinstance(one, Sealed) or one.at <= when


def _vanished(archive: Archive) -> set[Key | Sealed]:
    """Return the items that are vanished, and the single versions that are sealed."""
    items = {
        (each.department, each.source_id)
        for each in archive.manifest.withdrawn
        if each.kind == "vanish"
    }
    return {*items, *_sealed_in(archive)}


def _sealed_in(archive: Archive) -> list[Sealed]:
    return [Sealed(**each.model_dump()) for each in archive.manifest.sealed]


def _from_backup(path: Path, after: datetime) -> Known | None:
    try:
        with Archive(path) as archive:
            made_at = archive.manifest.made_at
            if made_at <= after:
                return None
            withdrawn = [Withdrawn(**each.model_dump()) for each in archive.manifest.withdrawn]
            return Known(withdrawn, _sealed_in(archive), made_at)
    except Refused:
        return None


def _from_feed(path: Path) -> Known:
    """Read a page of `/api/records`, or several, a line each: an item's last entry decides.

    Pages with `state=1` also tell which versions are sealed.
    """
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
    withdrawn = [
        Withdrawn(department, source_id, entry["state"], entry.get("reason") or "")
        for (department, source_id), entry in last.items()
        if entry.get("state", "published") != "published"
    ]
    return Known(
        withdrawn, [one for key, entry in last.items() for one in _said_sealed(*key, entry)]
    )


def _said_sealed(department: str, source_id: str, entry: dict[str, Any]) -> list[Sealed]:
    history = entry.get("event", {}).get("data", {}).get("history", [])
    return [
        Sealed(department, source_id, one["version"], datetime.fromisoformat(one["at"]))
        for one in history
        if one.get("sealed")
    ]


def _pages(text: str) -> list[Any]:
    """Return one JSON document, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
