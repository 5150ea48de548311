"""`gazette push` and `gazette withdraw`: a department's side."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.commands import word
from services.commands.departments import Data
from services.commands.review import BECAUSE

WORDS = {
    "accepted": "已公开 accepted",
    "scheduled": "定时 scheduled",
    "held": "待审 held",
    "ignored": "已有更新版本 ignored",
    "rejected": "退回 rejected",
    "unchanged": "未变 unchanged",
    "withdrawn": "已撤回 withdrawn",
}
Nats = Annotated[str | None, typer.Option("--nats", help="NATS 地址 / address of NATS")]
Nkey = Annotated[
    Path | None, typer.Option("--nkey", help="本单位的种子文件 / the department's seed file")
]
Api = Annotated[
    str | None, typer.Option("--api", help="接口地址，如 https://… / address of the HTTP interface")
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="本单位的接口密钥 / the department's API key", envvar="GAZETTE_KEY"),
]


def mount(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.command()(push)
    program.command()(withdraw)


def push(
    files: Annotated[
        list[Path],
        typer.Argument(
            help=".docx、.jsonl、.md 文件或 Markdown 文件夹 / files or a folder of Markdown"
        ),
    ],
    department: Annotated[
        str | None,
        typer.Option(
            "--department", "-d", help="单位代码；缺省取文件名 / default: the file's name"
        ),
    ] = None,
    nats: Nats = None,
    nkey: Nkey = None,
    api: Api = None,
    key: Key = None,
    until: Annotated[
        str, typer.Option(help="visible 等到页面和检索可见 / accepted 等到收下")
    ] = "visible",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只检查，不报送 / only validate")
    ] = False,
    title: word.Title = None,
    document_number: word.DocumentNumber = None,
    issuing_body: word.IssuingBody = None,
    co_issuer: word.CoIssuers = None,
    formed_on: word.FormedOn = None,
    catalogue: word.Catalogue = None,
    genre: word.Genre = None,
    summary: word.Summary = None,
    source_id: word.SourceId = None,
    change: word.Change = None,
    change_note: word.ChangeNote = None,
    attach: word.Attach = None,
    reviewed_by: word.ReviewedBy = None,
    cleared_by: word.ClearedBy = None,
    basis: word.Basis = None,
    yes: word.Yes = False,
    data: Data = None,
) -> None:
    """报送信息，等到公开为止 / Push items and wait until page and search show them.

    Word 文件按公文版式读出标题、文号、发文机关、成文日期，先给您看，再报送；读错了用选项改。
    / What the layout of a Word file says is shown before it is sent; options go before it.
    """
    if until not in ("visible", "accepted"):
        raise typer.BadParameter(
            "只能是 visible 或 accepted / must be visible or accepted", param_hint="--until"
        )
    groups: dict[str, list[Path]] = {}
    for path in files:
        if not path.exists():
            raise typer.BadParameter(f"没有文件 {path} / there is no {path}", param_hint="FILE")
        groups.setdefault(department or _named(path), []).append(path)
    fields = {
        "title": title, "document_number": document_number, "issuing_body": issuing_body,
        "co_issuers": co_issuer, "formed_on": formed_on, "catalogue": catalogue, "genre": genre,
        "summary": summary, "change": change, "change_note": change_note,
    }  # fmt: skip
    desk = word.Desk(
        Console(),
        fields,
        source_id,
        attach or [],
        reviewed_by,
        cleared_by,
        basis,
        yes=yes or dry_run,
    )
    way = Way(nats, nkey, api, key, data)
    with desk:
        batches = desk.read(groups)
        good = [
            asyncio.run(_push_lines(code, lines, way, until, dry=dry_run))
            for code, lines in batches.items()
        ]
    raise typer.Exit(0 if all(good) else 1)


def _named(path: Path) -> str:
    """Return the department that a file's name says, as exports are called; a Word file is called otherwise."""
    if path.suffix.lower() in word.SUFFIXES:
        raise typer.BadParameter(
            "Word 文件要写明 --department 单位代码 / a Word file needs --department",
            param_hint="--department",
        )
    return path.stem


def withdraw(
    department: Annotated[str, typer.Argument(help="单位代码 / department")],
    source_id: Annotated[
        str, typer.Argument(help="本单位的信息编号 / the department's own id of the item")
    ],
    kind: Annotated[str, typer.Option("--kind", help="withdrawn | gone | redirect | vanish")],
    reason: Annotated[str, typer.Option("--reason", help="向公众说明的理由 / the public reason")],
    redirect_to: Annotated[
        str | None, typer.Option("--redirect-to", help="跳转目标，仅 redirect / for redirect")
    ] = None,
    nats: Nats = None,
    nkey: Nkey = None,
    api: Api = None,
    key: Key = None,
    data: Data = None,
) -> None:
    """撤回一条信息，说明理由 / Withdraw an item with a public reason; one person may."""
    from services.sender.reading import Line
    from shared.events import intake

    content = {"kind": kind, "reason": reason} | (
        {"redirect_to": redirect_to} if redirect_to else {}
    )
    line = Line(source_id, intake.WITHDRAWN, content)
    good = asyncio.run(
        _push_lines(department, [line], Way(nats, nkey, api, key, data), "visible", dry=False)
    )
    raise typer.Exit(0 if good else 1)


class Way:
    """How to reach the catalog, as the options say."""

    def __init__(
        self,
        nats: str | None,
        nkey: Path | None,
        api: str | None,
        key: str | None,
        data: Path | None,
    ) -> None:
        self.nats, self.nkey, self.api, self.key, self.data = nats, nkey, api, key, data

    async def open(self, stack: AsyncExitStack, department: str) -> tuple[Any, Any]:
        """Return the wire and the HTTP client (or None)."""
        from services.sender.pushing import http_wire
        from services.sender.wire import over_http, over_nats

        if self.nats or self.api:
            client = (
                await stack.enter_async_context(over_http(self.api, self.key or ""))
                if self.api
                else None
            )
            if self.nats:
                return await stack.enter_async_context(
                    over_nats(self.nats, department, nkey=self.nkey)
                ), client
            return http_wire(client), client  # type: ignore[arg-type]
        from services.instance.find import find

        instance = find(self.data)
        client = await stack.enter_async_context(
            over_http(instance.url, instance.internal_token, department=department)
        )
        return await stack.enter_async_context(over_nats(instance.nats_url, department)), client


async def _push_lines(code: str, lines: list[Any], way: Way, until: str, *, dry: bool) -> bool:
    from services.sender import pushing

    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    async with AsyncExitStack() as stack:
        wire, client = await way.open(stack, code)
        with Progress(*columns, console=console) as bars:
            sent = bars.add_task(f"{code} 报送 push", total=len(lines))
            seen = bars.add_task(f"{code} 可见 visible", total=len(lines), visible=False)
            progress = pushing.Progress(
                settled=lambda _line, _outcome: bars.advance(sent),
                visible=lambda done, total: bars.update(
                    seen, completed=done, total=total, visible=True
                ),
            )
            if dry:
                if client is None:
                    raise pushing.NeedsApi
                result = await pushing.dry_run(lines, code, client, progress)
            else:
                within = 120.0 + len(lines) * 0.1 if until == "visible" else None
                if within and client is None:
                    console.print(
                        "没有 --api，只等到收下 / without --api this waits only until accepted"
                    )
                result = await pushing.push(
                    lines, code, wire=wire, api=client, visible_within=within, progress=progress
                )
    _print(console, code, result)
    return result.good


def _print(console: Console, code: str, result: Any) -> None:
    from shared.events.intake import WITHDRAWN

    counts: dict[str, int] = {}
    table = Table("source_id", "结果 outcome", "版本", "说明", title=code)
    for line, outcome in result.outcomes:
        word = "unchanged" if outcome.unchanged else outcome.outcome
        if word == "accepted" and line.type == WITHDRAWN:
            word = "withdrawn"
        counts[word] = counts.get(word, 0) + 1
        notes = [f"{p.path}: {p.message} → {p.fix}" for p in outcome.problems]
        notes += [BECAUSE.get(code, code) for code in outcome.held_because]
        if len(result.outcomes) <= 40 or notes:
            table.add_row(
                line.source_id,
                WORDS[word],
                str(outcome.version or ""),
                "\n".join(notes) or (outcome.url or ""),
            )
    if table.row_count:
        console.print(table)
    summary = " · ".join(f"{WORDS[word]} {count}" for word, count in sorted(counts.items()))
    console.print(f"[bold]{code}[/bold]: {summary or '没有可报送的 / nothing to push'}")
    if result.invisible:
        names = "、".join(result.invisible[:10])
        console.print(
            f"[red]等待超时，尚未可见 / not visible in time ({len(result.invisible)}): {names}[/red]"
        )
