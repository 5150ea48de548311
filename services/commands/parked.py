"""`gazette parked …`: what a consumer could not process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.commands.departments import Data
from services.commands.operate import SERVICES

Service = Annotated[str, typer.Argument(help="catalog | publisher | search | notifier")]
Number = Annotated[int, typer.Argument(help="编号 / its number")]

group = typer.Typer(
    help="搁置的事件：列出、重试、丢弃 / events that were set aside", no_args_is_help=True
)


def mount(program: typer.Typer) -> None:
    """Add the group to the program."""
    program.add_typer(group, name="parked")


@group.command(name="list")
def list_(data: Data = None) -> None:
    """列出搁置的事件及原因 / List what was set aside, and why."""
    from shared.parking import parked

    rows = _run(data, lambda url: parked(url, SERVICES))
    if not rows:
        typer.echo("没有搁置的事件。 / Nothing is parked.")
        return
    table = Table("服务 service", "编号 no.", "主题 subject", "原因 reason", "时间 since")
    for row in rows:
        table.add_row(
            row["service"],
            str(row["parked_id"]),
            row["subject"],
            row["reason"][:200],
            f"{row['parked_at']:%m-%d %H:%M}",
        )
    Console().print(table)


@group.command()
def retry(service: Service, number: Number, data: Data = None) -> None:
    """再试一次 / Hand the event to its consumer again."""
    from services.instance.find import find
    from shared.parking import retry as again

    instance = find(data)
    done = asyncio.run(again(instance.database_url, instance.nats_url, _known(service), number))
    _said(done, "已重新投递。 / Handed over again.", number)


@group.command()
def drop(
    service: Service,
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 / do not ask")] = False,
    data: Data = None,
) -> None:
    """丢弃，不可恢复 / Drop it for good."""
    from shared.parking import drop as remove

    if not yes:
        typer.confirm(
            f"丢弃 {service} 的 {number} 号事件？ / Drop event {number} of {service}?", abort=True
        )
    done = _run(data, lambda url: remove(url, _known(service), number))
    _said(done, "已丢弃。 / Dropped.", number)


def _known(service: str) -> str:
    if service not in SERVICES:
        raise typer.BadParameter(f"只能是 {' | '.join(SERVICES)}", param_hint="SERVICE")
    return service


def _said(done: bool, sentence: str, number: int) -> None:
    if not done:
        typer.echo(f"没有编号 {number}。 / There is no number {number}.", err=True)
        raise typer.Exit(1)
    typer.echo(sentence)


def _run(data: Path | None, work: Any) -> Any:
    from services.instance.find import find

    return asyncio.run(work(find(data).database_url))
