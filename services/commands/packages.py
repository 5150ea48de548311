"""`gazette pack`, `unpack` and `watch`: items as files, for folders, USB sticks and one-way gateways."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from services.commands import word
from services.commands.departments import Data
from services.commands.push import WORDS, Api, Key, Nats, Nkey, Way

Trust = Annotated[
    list[str] | None,
    typer.Option("--trust", help="信任的公钥，或每行一个公钥的文件，可多次 / trusted public keys"),
]
Department = Annotated[str, typer.Option("--department", "-d", help="单位代码 / department")]
LOOK_EVERY = 0.5
"""Seconds between two looks at the folder."""
AGAIN_AFTER = 5.0
"""Seconds after which a catalog that could not be reached is tried again."""


def mount(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.command()(pack)
    program.command()(unpack)
    program.command()(watch)


def pack(
    files: Annotated[
        list[Path], typer.Argument(help="与 gazette push 相同 / the same as for `gazette push`")
    ],
    department: Department,
    nkey: Annotated[
        Path, typer.Option("--nkey", help="签名用的种子文件 / seed file that signs it")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="包的文件名 / file to write, ….zip")
    ] = None,
    reviewed_by: word.ReviewedBy = None,
    cleared_by: word.ClearedBy = None,
    basis: word.Basis = None,
    yes: word.Yes = False,
) -> None:
    """打成一个签名的报送包，供 U 盘或单向网闸 / Make one signed package of items and files."""
    from services.sender.packages import write_package

    console = Console()
    for path in files:
        if not path.exists():
            raise typer.BadParameter(f"没有文件 {path} / there is no {path}", param_hint="FILE")
    now = datetime.now(UTC)
    place = out or Path(f"{department}-{now.astimezone():%Y%m%d-%H%M%S}.zip")
    if place.suffix.lower() != ".zip":
        raise typer.BadParameter("要以 .zip 结尾 / must end in .zip", param_hint="--out")
    with word.Desk(console, {}, None, [], reviewed_by, cleared_by, basis, yes=yes) as desk:
        lines = desk.read({department: files})[department]
        key = write_package(lines, department, nkey, place, now=now)
    console.print(
        f"{place}：{len(lines)} 条 items · 签名公钥 signed by {key}",
        highlight=False,
        soft_wrap=True,
    )


def unpack(
    package: Annotated[Path, typer.Argument(help="报送包 / the package")],
    into: Annotated[
        Path | None, typer.Option("--into", help="解到这个文件夹；缺省同名 / folder to write")
    ] = None,
    trust: Trust = None,
) -> None:
    """核对签名和每个文件，解成 gazette push 可用的文件夹 / Check a package and unpack it."""
    from services.sender.packages import read_package, trusted_keys, write_folder

    if not package.is_file():
        raise typer.BadParameter(
            f"没有文件 {package} / there is no {package}", param_hint="PACKAGE"
        )
    folder = into or package.with_suffix("")
    if folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter(f"{folder} 不是空的 / is not empty", param_hint="--into")
    with tempfile.TemporaryDirectory(prefix="gazette-unpack-") as room:
        contents = read_package(package, Path(room), trusted_keys(trust) if trust else None)
        place = write_folder(contents, folder)
    console = Console()
    known = "信任的 trusted" if trust else "未核对，请与对方确认 not compared with --trust"
    console.print(
        f"{place}：{contents.department} · {len(contents.lines)} 条 items · {contents.made_at} · "
        f"签名 signed by {contents.signed_by}（{known}）",
        highlight=False,
        soft_wrap=True,
    )


def watch(
    folder: Annotated[Path, typer.Argument(help="投递文件夹 / the folder")],
    department: Department,
    nats: Nats = None,
    nkey: Nkey = None,
    api: Api = None,
    key: Key = None,
    trust: Trust = None,
    signed_only: Annotated[
        bool, typer.Option("--signed-only", help="只收签名的包 / take only signed packages")
    ] = False,
    settle: Annotated[
        float, typer.Option(help="几秒没有变化才读 / seconds without a change before it is read")
    ] = 2.0,
    patience: Annotated[
        float,
        typer.Option(help="几秒后仍不完整就退回 / seconds until what makes no sense is refused"),
    ] = 60.0,
    once: Annotated[
        bool, typer.Option("--once", help="处理完现有的就结束 / end when all that is there is done")
    ] = False,
    data: Data = None,
) -> None:
    """看着文件夹：放进的包即报送，结果写在旁边 / Send dropped packages, write each outcome beside it."""
    if not folder.is_dir():
        raise typer.BadParameter(f"没有文件夹 {folder} / there is no folder", param_hint="FOLDER")
    with (folder / ".gazette-watch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise typer.BadParameter(
                "另一个 gazette watch 正看着它 / another `gazette watch` has it",
                param_hint="FOLDER",
            ) from None
        way = Way(nats, nkey, api, key, data)
        watching = _Watching(folder, department, way, _keys(trust, department, data))
        good = asyncio.run(
            watching.run(settle=settle, patience=patience, once=once, signed_only=signed_only)
        )
    raise typer.Exit(0 if good else 1)


def _keys(trust: list[str] | None, department: str, data: Path | None) -> set[str]:
    """Return whose packages are taken: those of --trust, or on this machine the department's own key."""
    from services.sender.packages import trusted_keys

    if trust or data is None:
        return trusted_keys(trust or [])

    from services.commands.departments import in_catalog

    async def work(session: Any, _now: datetime) -> str | None:
        from services.catalog.queries import nkey_of

        return await nkey_of(session, department)

    found = in_catalog(data, work)
    return {found} if found else set()


class _Watching:
    """The loop around a watched folder: looks, tells, tries again when the catalog is away."""

    def __init__(self, folder: Path, department: str, way: Way, trusted: set[str]) -> None:
        self._folder, self._department, self._way = folder, department, way
        self._trusted = trusted
        self._console = Console()
        self._good = True
        self._stop = asyncio.Event()

    async def run(self, *, settle: float, patience: float, once: bool, signed_only: bool) -> bool:
        """Look until stopped, or with *once* until nothing settles any more; return whether all was good."""
        from services.sender.watching import Watch

        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        watch = Watch(
            self._folder, self._department, self._send, lambda: datetime.now(UTC).astimezone(),
            self._trusted, signed_only, settle, patience, self._told,
        )  # fmt: skip
        self._say(f"看着 watching {self._folder}（{self._department}）")
        deadline = loop.time() + settle + patience + 5
        while not self._stop.is_set():
            waiting = await self._look(watch)
            if once and (not waiting or loop.time() > deadline):
                return self._good and not waiting
            await self._pause(LOOK_EVERY if waiting >= 0 else AGAIN_AFTER)
        return True

    async def _look(self, watch: Any) -> int:
        """Return how many packages wait; -1 when the catalog cannot be reached."""
        import httpx

        from shared.errors import Refused

        try:
            waiting: int = await watch.look()
        except (Refused, httpx.TransportError, OSError, RecursionError) as error:
            self._say(f"[yellow]稍后再试 trying again: {_words(error)}[/yellow]")
            return -1
        return waiting

    async def _send(self, lines: Sequence[Any]) -> Any:
        from services.sender import pushing

        async with AsyncExitStack() as stack:
            wire, client = await self._way.open(stack, self._department)
            return await pushing.push(
                lines,
                self._department,
                wire=wire,
                api=client,
                visible_within=None,
                progress=pushing.Progress(),
            )

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return

    def _told(self, entry: Path, outcome: dict[str, Any]) -> None:
        self._good = self._good and outcome["good"]
        counts: dict[str, int] = {}
        for one in outcome["results"]:
            word_ = "unchanged" if one.get("unchanged") else one["outcome"]
            counts[word_] = counts.get(word_, 0) + 1
        said = " · ".join(f"{WORDS[name]} {count}" for name, count in sorted(counts.items()))
        self._say(f"{entry.name}：{said or outcome.get('refused', '')}")

    def _say(self, words: str) -> None:
        self._console.print(f"{datetime.now():%H:%M:%S} {words}", highlight=False)  # noqa: DTZ005 -- for a person beside it
        sys.stdout.flush()


def _words(error: Exception) -> str:
    from rich.markup import escape

    return escape(str(error) or type(error).__name__)
