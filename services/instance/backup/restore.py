"""Restore a backup where nothing is yet: the record, attachments and keys come back, everything else is rebuilt.

The record begins a new epoch, so that every projection rebuilds what it shows and tells nobody. What is known to
have been withdrawn or sealed after the backup is withdrawn or sealed again before anything is served.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils import uuid7

from services.catalog.actions.begin_epoch import begin_epoch, seal_again, withdraw_again
from services.catalog.actions.settle_validity import settle_due
from services.catalog.doors import open_doors
from services.catalog.numbering import DEFAULT_RULE
from services.instance.backup import tables
from services.instance.backup.archive import Archive, MadeByNewer
from services.instance.backup.attachments import Attachments
from services.instance.backup.schemas import unknown_revisions
from services.instance.backup.take import KEYS, SETTINGS, Progress
from services.instance.backup.withdrawn import NOTHING, Known
from services.instance.folder import UNFINISHED, DataFolder, write_private
from services.instance.postgres import Postgres
from services.notifier.actions.begin_again import begin_again
from shared.db import Database, migrate
from shared.errors import Refused
from shared.leader import plain_url

SETTINGS_BACK = "restored-settings.env"


class NotEmpty(Refused):
    """只能恢复到空的地方，这里已有数据。 / A restore needs an empty place, and there is data here."""


@dataclass(frozen=True)
class Target:
    """Where a backup goes."""

    settings: Mapping[str, Any]
    """`database_url`, `blobs_url`, `timezone` and the like, as far as they are set."""
    data: Path | None = None


@dataclass
class Restored:
    """What a restore did."""

    epoch: UUID
    withdrawn: list[str] = field(default_factory=list)
    """Withdrawn again, `department/source_id`."""
    sealed: list[str] = field(default_factory=list)
    """Versions sealed again, `department/source_id v<n>`."""
    settled: int = 0
    """Mails and webhooks that waited and are not sent."""


def restore(
    archive: Archive,
    target: Target,
    *,
    known: Known = NOTHING,
    now: datetime,
    progress: Progress | None = None,
) -> Restored:
    """Put *archive* back; a place that was empty is empty again when it fails. The archive has been verified."""
    progress = progress or Progress()
    if unknown := unknown_revisions(archive.manifest.revisions):
        raise MadeByNewer(f"{archive.path}: {unknown}")
    with _place(target) as place:
        for member in archive.below("instance"):
            _put_file(archive, member.name, target.data)
        _bring_tables(archive, place.database_url, progress)
        members = list(archive.below("blobs"))
        for number, member in enumerate(members):
            progress.attachments(number, len(members))
            _, area, sha256 = member.name.split("/")
            place.blobs.put(area, sha256, archive.open(member.name))
        progress.attachments(len(members), len(members))
        return asyncio.run(_begin(place.database_url, target, known, now))


@dataclass(frozen=True)
class _Place:
    database_url: str
    blobs: Attachments


@contextmanager
def _place(target: Target) -> Iterator[_Place]:
    """Have an empty database and an empty place for attachments; what a failure leaves of them is removed."""
    if target.data is None:
        yield _empty(str(target.settings["database_url"]), target.settings["blobs_url"])
        return
    folder = DataFolder(target.data)
    if folder.path.exists() and any(folder.path.iterdir()):
        raise NotEmpty(str(folder.path))
    folder.take()
    try:
        (folder.path / UNFINISHED).touch()
        with database(folder, target.settings) as url:
            yield _empty(url, target.settings.get("blobs_url") or folder.blobs)
        (folder.path / UNFINISHED).unlink()
    except BaseException:
        for entry in folder.path.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        raise
    finally:
        folder.release()


@contextmanager
def database(folder: DataFolder, settings: Mapping[str, Any]) -> Iterator[str]:
    """Have a database: the one that is set, else the embedded one of this folder."""
    if url := settings.get("database_url"):
        yield str(url)
        return
    server = Postgres(folder.path)
    try:
        yield server.start()
    finally:
        server.stop()


def _empty(url: str, blobs: str | Path) -> _Place:
    """Refuse a database or a store that holds anything of ours."""
    with psycopg.connect(plain_url(url)) as connection:
        rows = connection.execute(
            "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY(%s)",
            [list(tables.SERVICES)],
        ).fetchall()
    if rows:
        names = ", ".join(sorted(row[0] for row in rows))
        raise NotEmpty(f"PostgreSQL: {names}")
    attachments = Attachments(blobs)
    if not attachments.empty():
        raise NotEmpty(str(blobs))
    return _Place(url, attachments)


def _put_file(archive: Archive, member: str, data: Path | None) -> None:
    """Bring back a key of the data folder, or, beside it, what the old instance was told."""
    name = member.removeprefix("instance/")
    if data is None or name not in {*KEYS, SETTINGS}:
        return
    path = data / (SETTINGS_BACK if name == SETTINGS else name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, archive.open(member).read().decode())


def _bring_tables(archive: Archive, url: str, progress: Progress) -> None:
    """Make the schemas as they were, fill them, and bring them to the code's version."""
    for service, revision in archive.manifest.revisions.items():
        migrate(url, [service], revision=revision)
    tables.copy_in(url, archive, progress.tables)
    migrate(url, list(tables.SERVICES))


async def _begin(url: str, target: Target, known: Known, now: datetime) -> Restored:
    """Begin the new epoch; nothing that was to be told is told any more."""
    restored = Restored(UUID(bytes=uuid7().bytes))
    catalog, notifier = Database(url, "catalog", size=1), Database(url, "notifier", size=1)
    doors = open_doors(
        timezone=str(target.settings.get("timezone") or "Asia/Shanghai"),
        index_number_rule=str(target.settings.get("index_number_rule") or DEFAULT_RULE),
        blobs=target.settings.get("blobs_url") or DataFolder(target.data or Path()).blobs,
    )
    try:
        async with catalog.sessions.begin() as session:
            await begin_epoch(session, epoch=restored.epoch)
            again = partial(withdraw_again, session, epoch=restored.epoch, now=now, doors=doors)
            # Leaks first: what they did to others is sealed by that, and keeps its text. Other withdrawals last:
            # they keep the title, which may be a sealed one.
            restored.withdrawn = await again([w for w in known.withdrawn if w.kind == "vanish"])
            await settle_due(session, now=now, zone=doors.zone)
            restored.sealed = await seal_again(
                session, known.sealed, epoch=restored.epoch, now=now, doors=doors
            )
            restored.withdrawn += await again([w for w in known.withdrawn if w.kind != "vanish"])
        async with notifier.sessions.begin() as session:
            # What was just withdrawn again was told when it happened, by the instance that is gone.
            restored.settled = await begin_again(session, now=now + timedelta(seconds=1))
    finally:
        await catalog.close()
        await notifier.close()
    return restored
