"""`gazette demo`: everything on this machine, with a county in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.commands.up import Data, Host, Port

DATA = Path("data/demo")
READER = "reader@example.org"


def mount(program: typer.Typer) -> None:
    """Add the command."""
    program.command("demo")(demo)


Elsewhere = Annotated[
    bool,
    typer.Option(
        "--elsewhere",
        help="只把青禾县推给 GAZETTE_* 所指的实例 / only push the county into the instance that GAZETTE_* names",
    ),
]


def demo(
    port: Port = 8080, data: Data = DATA, host: Host = None, elsewhere: Elsewhere = False
) -> None:
    """在本机演示：青禾县 17 个单位，逐条真实推送。 / Show everything on this machine, with a county in it.

    再次运行用同一数据目录，不会重复。停止：Ctrl-C。 / A second run on the same folder changes nothing. Ctrl-C ends it.
    """
    from services.demo.app import create_app
    from services.instance import compose
    from services.instance.find import Instance, from_environment
    from shared import log

    log.configure(level="WARNING")
    if elsewhere:
        asyncio.run(_fill_elsewhere(Instance(from_environment() | {"data": str(data)})))
        return
    plan = compose.Plan(data=data, port=port, host=host, apps={"demo": create_app}, after=_fill)
    compose.run(plan)


async def _fill(composition: Any) -> None:
    """Push the county and say what to open."""
    from services.demo.reader import subscribe_reader

    console = Console(stderr=True)
    results = await _push(composition.instance, console)
    await subscribe_reader(composition.instance, READER, "transport")
    _tell(console, composition.instance, results)


async def _fill_elsewhere(instance: Any) -> None:
    """Push the county into an instance that others run, and say what became of it."""
    console = Console(stderr=True)
    _count(console, await _push(instance, console))
    console.print(f"  [bold]网站 site[/bold]  {instance.site_url}/", highlight=False)


async def _push(instance: Any, console: Console) -> list[Any]:
    """Push the county and wait until site and index show it."""
    from services.demo.county import County

    county = County(instance)
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        pushed = bars.add_task("推送 push", total=None)
        results = await county.fill(
            lambda code, done, total: bars.update(
                pushed, description=f"推送 push {code}", completed=done, total=total
            )
        )
        seen = bars.add_task("上网与检索 visible", total=None)
        await county.wait_visible(
            lambda done, total: bars.update(seen, completed=done, total=total)
        )
    return results


def _count(console: Console, results: list[Any]) -> None:
    """Print how many items had which outcome, and every refusal."""
    counts: dict[str, int] = {}
    for code, result in results:
        for line, outcome in result.outcomes:
            counts[outcome.outcome] = counts.get(outcome.outcome, 0) + 1
            if outcome.outcome == "rejected":
                wrong = "; ".join(f"{p.path} {p.message}" for p in outcome.problems)
                console.print(f"[red]{code}/{line.source_id}: {wrong}[/red]")
    words = {
        "accepted": "公开 accepted",
        "held": "待审 held",
        "ignored": "已有更新 ignored",
        "rejected": "退回 rejected",
        "scheduled": "定时 scheduled",
    }
    console.print("  ".join(f"{words[kind]} {count}" for kind, count in sorted(counts.items())))


def _tell(console: Console, instance: Any, results: list[Any]) -> None:
    """Print what to open."""
    _count(console, results)
    site = instance.site_url
    rows = (
        ("网站 site", f"{site}/"),
        ("动手试试 try it (手机也可 on a phone)", f"{site}/demo"),
        ("问一句 ask", f"{site}/search?q=路为什么封了"),
        ("邮件 mail", f"{site}/demo/mail"),
        ("接口 API", f"{site}/api/docs"),
        ("命令 commands", f"gazette status --data {instance.data}"),
    )
    for name, value in rows:
        console.print(f"  [bold]{name}[/bold]  {value}", highlight=False, soft_wrap=True)
    console.print("停止 Ctrl-C / Ctrl-C ends it", style="dim")
