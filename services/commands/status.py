"""`gazette status`: one screen that says whether all is well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from services.commands.departments import Data
from services.commands.up import chinese

if TYPE_CHECKING:
    from services.instance.status import Status

WORDS = {
    "part": ("部分", "part"),
    "state": ("状态", "state"),
    "lag": ("待处理", "behind"),
    "parked": ("搁置", "parked"),
    "ok": ("正常", "up"),
    "degraded": ("未就绪", "not ready"),
    "down": ("停止", "down"),
    "items": ("信息", "items"),
    "departments": ("公开主体", "departments"),
    "waiting": ("待审", "held for review"),
    "sequence": ("最新序号", "last sequence"),
    "moved_at": ("最近变更", "last change"),
    "unsent": ("待发送", "not sent yet"),
    "epoch": ("纪元", "epoch"),
    "well": ("一切正常", "all is well"),
    "ill": ("需要处理：见上", "needs attention: see above"),
}


def mount(program: typer.Typer) -> None:
    """Add the command."""
    program.command("status")(status)


def status(data: Data = None) -> None:
    """各部分的状态、积压与数量 / Parts, lags and counts on one screen; exit 0 only when all is well."""
    from services.instance.find import find
    from services.instance.status import look

    seen = asyncio.run(look(find(data)))
    show(seen, Console())
    raise typer.Exit(0 if seen.well else 1)


def word(name: str) -> str:
    """Return a word of the screen in the terminal's language."""
    return WORDS[name][0 if chinese() else 1] if name in WORDS else name


def show(seen: Status, console: Console) -> None:
    """Print one screen."""
    table = Table(box=None, pad_edge=False)
    for column in ("part", "state", "lag", "parked"):
        table.add_column(word(column), justify="right" if column in {"lag", "parked"} else "left")
    for name, state in seen.parts.items():
        colour = {"ok": "green", "degraded": "yellow"}.get(state, "red")
        lag, parked = _lag_of(seen, name), seen.parked.get(name)
        put_aside = "" if parked is None else f"[red]{parked}[/red]" if parked else "0"
        table.add_row(name, f"[{colour}]{word(state)}[/{colour}]", lag, put_aside)
    console.print(table)
    console.print()
    for name, value in seen.figures.items():
        if name in WORDS and name != "parked":
            console.print(f"{word(name)}  [bold]{value}[/bold]", highlight=False)
    console.print()
    console.print(f"[green]{word('well')}[/green]" if seen.well else f"[red]{word('ill')}[/red]")


def _lag_of(seen: Status, part: str) -> str:
    """Return how far behind a part's consumers are, `?` when it cannot be told."""
    mine = [lag for durable, lag in seen.lags.items() if durable.split("-")[0] == part]
    if not mine:
        return ""
    return "?" if None in mine else str(sum(lag for lag in mine if lag is not None))
