"""Bring a stopped instance's database to this program: a backup first, then every schema in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from services.instance.backup import tables
from services.instance.backup.archive import MadeByNewer
from services.instance.backup.schemas import heads, unknown_revisions
from services.instance.backup.take import Progress, Source, take_backup
from shared.db import migrate_together
from shared.errors import Refused
from shared.leader import plain_url


class StillRunning(Refused):
    """服务还在运行，请先停止。 / Services are still running; stop them first."""


class RolledBack(Refused):
    """升级没有成功，数据库已回到原样。 / The upgrade failed; the database is as it was."""


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did: service, and its revision before and after; nothing where nothing was to be done."""

    changes: Mapping[str, tuple[str, str]]
    backup: Path | None = None


def upgrade(
    source: Source,
    backup: Path,
    *,
    now: datetime,
    progress: Progress | None = None,
    migrate: Callable[[str, list[str]], None] = migrate_together,
) -> Upgraded:
    """Back up to *backup*, then migrate all services or none; an up-to-date database is left alone."""
    found = _revisions(source.database_url)
    if unknown := unknown_revisions(found):
        raise MadeByNewer(f"PostgreSQL: {unknown}")
    wanted = heads()
    changes = {
        service: (found.get(service, "-"), head)
        for service, head in wanted.items()
        if found.get(service) != head
    }
    if not changes:
        return Upgraded({})
    kept = None
    if found:
        take_backup(source, backup, now=now, progress=progress)
        kept = backup
    try:
        migrate(source.database_url, list(tables.SERVICES))
    except Exception as error:
        raise RolledBack(
            f"{error}\n原来的程序可以照常启动；备份在 {kept}。 / "
            f"The earlier program starts as before; the backup is {kept}."
        ) from error
    return Upgraded(changes, kept)


def _revisions(url: str) -> dict[str, str]:
    """Return what the database has; refuse while a service is connected to it."""
    with psycopg.connect(plain_url(url), application_name="upgrade") as connection:
        rows = connection.execute(
            "SELECT DISTINCT application_name::text FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = ANY(%s)",
            [[*tables.SERVICES, "relay"]],
        ).fetchall()
        if rows:
            raise StillRunning(", ".join(sorted(row[0] for row in rows)))
        return tables.revisions(connection)
