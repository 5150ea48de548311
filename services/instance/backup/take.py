"""Take a backup of a running instance: one instant of the record, its attachments, its keys and settings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services import VERSION
from services.instance.backup import tables
from services.instance.backup.archive import (
    FORMAT,
    Manifest,
    SealedVersion,
    Withdrawal,
    Writer,
)
from services.instance.backup.attachments import Attachments
from services.instance.backup.tables import Connection

KEYS = ("token", "notifier.key", "nats/port", "nats/passwords.json")
"""Files of the data folder without which departments, links in mails or our own services would stand before a closed door."""
SETTINGS = "settings.env"
PREFIX = "GAZETTE_"

_WITHDRAWN = (
    "SELECT i.department, i.source_id, i.state, o.body::jsonb #>> '{data,reason}', "
    "o.body::jsonb #>> '{data,redirect_to}' FROM catalog.item i JOIN catalog.outbox o USING (outbox_id) "
    "WHERE i.state <> 'published' ORDER BY 1, 2"
)
_SEALED = (
    # a sealed version has lost its hash
    "SELECT i.department, i.source_id, v.version, v.at FROM catalog.version v JOIN catalog.item i USING (item_id) "
    "WHERE v.sha256 = '' ORDER BY 1, 2, 3"
)
_FIGURES = (
    "SELECT (SELECT count(*) FROM catalog.department), (SELECT count(*) FROM catalog.item), "
    "(SELECT count(*) FROM catalog.version)"
)


@dataclass(frozen=True)
class Source:
    """What a backup is taken of."""

    database_url: str
    blobs: Attachments
    data: Path | None
    """The data folder, if there is one."""
    settings: Mapping[str, str]
    """`GAZETTE_…` as the instance was told."""


@dataclass(frozen=True)
class Progress:
    """Hears how far it is: tables of tables, attachments of attachments."""

    tables: Callable[[int, int], None] = lambda _done, _of: None
    attachments: Callable[[int, int], None] = lambda _done, _of: None


def take_backup(
    source: Source, target: Path, *, now: datetime, progress: Progress | None = None
) -> tuple[Manifest, int]:
    """Write *target* and return what it holds and its size; nothing is left when it fails.

    Attachments are copied after the instant of the record, so that each that it names was there. One that is gone
    by then was removed meanwhile, and is not wanted back.
    """
    progress = progress or Progress()
    with Writer(target) as writer, tables.snapshot(source.database_url) as connection:
        copies = tables.copy_out(connection, writer, progress.tables)
        count = _copy_attachments(connection, source.blobs, writer, progress)
        for name, content in instance_files(source):
            writer.add_bytes(f"instance/{name}", content)
        departments, items, versions = tables.rows_of(connection, _FIGURES)[0]
        manifest = Manifest(
            format=FORMAT,
            program=VERSION,
            made_at=now,
            postgres=str(connection.info.server_version),
            revisions=tables.revisions(connection),
            counters=tables.counters(connection),
            figures={
                "departments": departments,
                "items": items,
                "versions": versions,
                "attachments": count,
            },
            tables=copies,
            withdrawn=_withdrawn(connection),
            sealed=_sealed(connection),
            members=writer.members,
            **tables.head_of(connection),
        )
        return manifest, writer.finish(manifest)


def _withdrawn(connection: Connection) -> list[Withdrawal]:
    return [
        Withdrawal(
            department=department,
            source_id=source_id,
            kind=kind,
            reason=reason or "",
            redirect_to=target,
        )
        for department, source_id, kind, reason, target in tables.rows_of(connection, _WITHDRAWN)
    ]


def _sealed(connection: Connection) -> list[SealedVersion]:
    return [
        SealedVersion(department=department, source_id=source_id, version=version, at=at)
        for department, source_id, version, at in tables.rows_of(connection, _SEALED)
    ]


def _copy_attachments(
    connection: Connection, blobs: Attachments, writer: Writer, progress: Progress
) -> int:
    """Add the files that the record names; return how many there were.

    What the record of this instant does not refer to in public goes into `held`, wherever it lies by now.
    """
    rows = tables.rows_of(
        connection, "SELECT sha256, bool_or(referenced) FROM catalog.blob GROUP BY 1 ORDER BY 1"
    )
    count = 0
    for number, (sha256, referenced) in enumerate(rows):
        progress.attachments(number, len(rows))
        found = blobs.open(sha256)
        if found is None:
            continue
        area, file, size = found
        with file:
            writer.add(
                f"blobs/{'public' if referenced and area == 'public' else 'held'}/{sha256}",
                file,
                size,
            )
        count += 1
    progress.attachments(len(rows), len(rows))
    return count


def instance_files(source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield the keys of the data folder, and the settings as a file that a shell or systemd reads."""
    for name in KEYS if source.data else ():
        with suppress(FileNotFoundError):
            yield name, (source.data / name).read_bytes()  # type: ignore[operator]  # see the loop's condition
    if source.settings:
        lines = [
            f"{name}={shlex.quote(value)}\n" for name, value in sorted(source.settings.items())
        ]
        yield SETTINGS, "".join(lines).encode()


def settings_of(pid: int | None) -> dict[str, str]:
    """Return the `GAZETTE_…` variables that a running process was started with; of ourselves without one."""
    try:
        raw = Path(f"/proc/{pid or os.getpid()}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (pair.partition("=") for pair in raw.decode(errors="replace").split("\0"))
    return {name: value for name, parted, value in pairs if parted and name.startswith(PREFIX)}
