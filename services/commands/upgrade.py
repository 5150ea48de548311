"""`gazette upgrade`: a backup, then the database of a stopped instance brought to this program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from services.instance.backup.take import Source


def mount(program: typer.Typer) -> None:
    """Add the command."""
    program.command()(upgrade)


def upgrade(
    data: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it so
        typer.Option("--data", help="已停止的实例的数据目录 / data folder of a stopped instance"),
    ] = None,
    backup: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="先备份到哪里 / where the backup goes first", dir_okay=False),
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="升级后启动 / start it afterwards, as `gazette up` does")
    ] = False,
    port: Annotated[int, typer.Option(help="启动时的端口 / port to start on")] = 8080,
) -> None:
    """升级：先备份，再升级数据库，然后启动 / Upgrade: back up, migrate, then start.

    装好新程序、停止旧程序后运行。全部升级，或者一点不变；失败时旧程序照常可用。
    Run it with the new program, the old one stopped. Everything is migrated or nothing is; then the old one still works.
    """
    from services.commands.backup import SUFFIX, steps
    from services.instance.backup.upgrade import upgrade as run

    now = datetime.now(UTC)
    name = f"before-upgrade-{now:%Y%m%d-%H%M%S}{SUFFIX}"
    with _source(data) as source:
        if backup is None:
            folder = (data or Path()) / "backups"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            backup = folder / name
        with steps() as progress:
            done = run(source, backup, now=now, progress=progress)
    if done.backup:
        typer.echo(f"备份 / backup: {done.backup}")
    for service, (before, after) in done.changes.items():
        typer.echo(f"{service}: {before} → {after}")
    if not done.changes:
        typer.echo("数据库已是这个版本。 / The database is of this version already.")
    if start and data is not None:
        from services.commands.up import up

        up(port=port, data=data)
    else:
        typer.echo(f"现在启动 / start it now: gazette up --data {data or 'DIR'}")


@contextmanager
def _source(data: Path | None) -> Iterator[Source]:
    """Have the database of a stopped folder running, or the one that the settings name."""
    from services.instance.backup.attachments import Attachments
    from services.instance.backup.restore import database
    from services.instance.backup.take import Source, settings_of
    from services.instance.find import Instance, from_environment
    from services.instance.folder import DataFolder

    settings = from_environment()
    if data is None:
        url, blobs = Instance(settings).database_url, settings.get("blobs_url", "blobs")
        yield Source(url, Attachments(blobs), None, settings_of(None))
        return
    folder = DataFolder(data)
    if not (folder.path / "postgres").exists() and "database_url" not in settings:
        raise typer.BadParameter(
            f"{data}：没有实例的数据。 / {data}: there is no instance's data.", param_hint="--data"
        )
    folder.take()
    try:
        with database(folder, settings) as url:
            blobs = settings.get("blobs_url") or str(folder.blobs)
            yield Source(url, Attachments(blobs), folder.path, settings_of(None))
    finally:
        folder.release()
