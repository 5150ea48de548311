"""`gazette backup`, `gazette restore`: the record, its attachments and keys, in one file and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.commands.departments import Data

if TYPE_CHECKING:
    from services.instance.backup.archive import Archive, Manifest
    from services.instance.backup.take import Progress as Steps

File = Annotated[Path, typer.Argument(help="备份文件 / the backup, one file", dir_okay=False)]
SUFFIX = ".gazette"


def mount(program: typer.Typer) -> None:
    """Add the commands."""
    program.command()(backup)
    program.command()(restore)


def backup(
    file: File,
    check: Annotated[
        bool, typer.Option("--check", help="只核对这个备份 / only check this backup")
    ] = False,
    data: Data = None,
) -> None:
    """在线备份到一个文件 / Back up to one file while everything runs.

    含记录、订阅者、附件、密钥和设置；网站、索引、消息流恢复时重建，不在其中。文件含未公开的内容，请加密存放。
    The record, subscribers, attachments, keys and settings; what is rebuilt is not in it. It holds what is not public:
    keep it encrypted.
    """
    from services.instance.backup.archive import Archive

    if check:
        with Archive(file) as archive:
            _verify(archive)
            _describe(archive.manifest, file.stat().st_size)
        typer.echo("完好：逐个文件核对无误。 / Sound: every file has its SHA-256.")
        return
    _describe(*_take(file, data))
    _warn_of_older(file)


def _take(file: Path, data: Path | None) -> tuple[Manifest, int]:
    from services.instance.backup.attachments import Attachments
    from services.instance.backup.take import Source, settings_of, take_backup
    from services.instance.find import find

    instance = find(data)
    source = Source(
        database_url=instance.database_url,
        blobs=Attachments(str(instance.settings.get("blobs_url") or "blobs")),
        data=instance.data or _folder(instance.settings.get("data")),
        settings=settings_of(instance.pid),
    )
    with steps() as progress:
        return take_backup(source, file, now=datetime.now(UTC), progress=progress)


def _folder(value: object) -> Path | None:
    return Path(str(value)) if value else None


def restore(
    file: File,
    data: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it so
        typer.Option("--data", help="空的数据目录 / an empty data folder"),
    ] = None,
    withdrawn: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            help="备份之后撤下、封存的：较新的备份，或存下的 /api/records（可多次） / "
            "what was withdrawn or sealed after it: a newer backup, or saved pages of /api/records (repeatable)",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """恢复到空目录，随后 gazette up 即可 / Restore into an empty folder; then start it with `gazette up`.

    新的纪元：网站、索引、消息流从记录重建，不通知任何人。同一目录里较新的备份会被读取，其中已撤下、已封存的，恢复后仍是。
    不带 --data 时恢复到 GAZETTE_DATABASE_URL 与 GAZETTE_BLOBS_URL 所指的空库和空目录。

    A new epoch: site, index and streams are rebuilt from the record, and nobody is notified. Newer backups beside the file
    are looked at, so that what they know to be withdrawn or sealed stays so.
    Without --data it goes to the empty database and store that GAZETTE_DATABASE_URL and GAZETTE_BLOBS_URL name.
    """
    from services.instance.backup.archive import Archive
    from services.instance.backup.restore import SETTINGS_BACK, Target
    from services.instance.backup.restore import restore as run
    from services.instance.backup.withdrawn import known_since
    from services.instance.find import Instance, from_environment

    settings = from_environment()
    if data is None:
        _ = Instance(settings).database_url  # refuses when it is not set
        settings.setdefault("blobs_url", "blobs")
    with Archive(file) as archive:
        known = known_since(archive, [*_neighbours(file), *(withdrawn or [])])
        _verify(archive)
        with steps() as progress:
            done = run(
                archive,
                Target(settings, data),
                known=known,
                now=datetime.now(UTC),
                progress=progress,
            )
        _describe(archive.manifest, file.stat().st_size)
    console = Console(highlight=False)
    console.print(f"纪元 epoch {done.epoch}", markup=False)
    for name in done.withdrawn:
        console.print(f"再次撤下 / withdrawn again: {name}", markup=False)
    for name in done.sealed:
        console.print(f"再次封存 / sealed again: {name}", markup=False)
    if done.settled:
        console.print(
            f"不再发送 / not sent again: {done.settled} (备份时在等待 / waiting when it was made)"
        )
    if data is not None and (data / SETTINGS_BACK).exists():
        console.print(
            f"原来的设置 / the old settings: {data / SETTINGS_BACK}", markup=False, soft_wrap=True
        )
    start = f"gazette up --data {data}" if data else "gazette streams apply; gazette serve …"
    console.print(f"已恢复。启动 / restored. Start it: {start}", markup=False, soft_wrap=True)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show two bars while a backup is taken or put back."""
    from services.instance.backup.take import Progress as Steps

    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def bar(words: str) -> Callable[[int, int], None]:
            task = bars.add_task(words, total=None)
            return lambda done, of: bars.update(task, completed=done, total=of)

        yield Steps(tables=bar("数据表 tables"), attachments=bar("附件 attachments"))


def _verify(archive: Archive) -> None:
    with Progress(
        TextColumn("{task.description:<24}"), BarColumn(), console=Console(stderr=True)
    ) as bars:
        task = bars.add_task("核对 verify", total=archive.size)
        archive.verify(lambda read: bars.update(task, advance=read))


def _describe(manifest: Manifest, size: int) -> None:
    words = {
        "departments": "公开主体 departments",
        "items": "信息 items",
        "versions": "版本 versions",
        "attachments": "附件 attachments",
    }
    console = Console(highlight=False)
    made = manifest.made_at.astimezone().isoformat(sep=" ", timespec="seconds")
    console.print(f"备份于 made {made}  程序 program {manifest.program}", markup=False)
    console.print("  ".join(f"{words[name]} {manifest.figures.get(name, 0)}" for name in words))
    console.print(
        f"序号 sequence {manifest.sequence}  {size / 1e6:.1f} MB, {len(manifest.members)} 个文件 files"
    )


def _neighbours(file: Path) -> list[Path]:
    """Return the other backups in the folder, by the ending of this one."""
    suffix = file.suffix or SUFFIX
    return [
        path
        for path in sorted(file.absolute().parent.glob(f"*{suffix}"))
        if path != file.absolute() and path.is_file()
    ]


def _warn_of_older(file: Path) -> None:
    """Name the older backups beside this one that still hold a text which was vanished since."""
    from services.instance.backup.withdrawn import holding_leaks

    older = holding_leaks(file, _neighbours(file))
    if older:
        names = "、".join(path.name for path in older)
        typer.echo(
            f"这些旧备份仍含已依法撤除的内容，请销毁 / these older backups still hold what was vanished since; "
            f"destroy them: {names}",
            err=True,
        )
