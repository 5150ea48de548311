"""`gazette review …`: what waits for a person."""

from __future__ import annotations

import getpass
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.commands.departments import Data, in_catalog

Number = Annotated[int, typer.Argument(help="待审编号 / number of the waiting item")]
Reason = Annotated[str, typer.Option("--reason", help="理由，留痕 / the reason, recorded")]
By = Annotated[str | None, typer.Option("--by", help="审核人 / who decides")]

group = typer.Typer(
    help="待审信息：列出、查看、放行、退回 / items held for review", no_args_is_help=True
)

BECAUSE = {
    "resident_id": "含身份证号码 / has a resident ID number",
    "secrecy_mark": "含密级标志 / has a secrecy mark",
    "unscannable": "附件打不开、查不了 / an attachment cannot be looked into",
    "policy_review": "本单位须审核 / this department is reviewed",
    "review_incomplete": "审核记录不完整 / its review is incomplete",
}


def mount(program: typer.Typer) -> None:
    """Add the group to the program."""
    program.add_typer(group, name="review")


@group.command(name="list")
def list_(data: Data = None) -> None:
    """列出待审信息 / List what waits."""

    async def work(session: Any, _now: datetime) -> list[dict[str, Any]]:
        from services.catalog.queries import waiting_list

        return await waiting_list(session)

    rows = in_catalog(data, work)
    if not rows:
        typer.echo("没有待审信息。 / Nothing waits.")
        return
    table = Table("编号 no.", "单位", "source_id", "标题 title", "原因 because", "时间 since")
    for row in rows:
        because = "\n".join(BECAUSE.get(code, code) for code in row["because"])
        since = f"{row['received_at'].astimezone():%Y-%m-%d %H:%M}"
        table.add_row(
            str(row["waiting_id"]),
            row["department"],
            row["source_id"],
            row["title"] or "",
            because,
            since,
        )
    Console().print(table)


@group.command()
def show(number: Number, data: Data = None) -> None:
    """查看一条待审信息 / Show one waiting item, whole."""

    async def work(session: Any, _now: datetime) -> dict[str, Any] | None:
        from services.catalog.queries import waiting_one

        return await waiting_one(session, number)

    row = in_catalog(data, work)
    if row is None:
        typer.echo(f"没有编号 {number}。 / There is no number {number}.", err=True)
        raise typer.Exit(1)
    because = "；".join(BECAUSE.get(code, code) for code in row["because"])
    Console().print(f"[bold]{row['department']}/{row['source_id']}[/bold]  {because}")
    typer.echo(json.dumps(row["event"], ensure_ascii=False, indent=2))


@group.command()
def approve(number: Number, reason: Reason, by: By = None, data: Data = None) -> None:
    """放行：立即公开 / Release: published at once, the reason is recorded."""
    _decide(number, data, approve=True, reason=reason, by=by)


@group.command(name="return")
def return_(number: Number, reason: Reason, by: By = None, data: Data = None) -> None:
    """退回报送单位 / Return to the department, with the reason."""
    _decide(number, data, approve=False, reason=reason, by=by)


def _decide(number: int, data: Path | None, *, approve: bool, reason: str, by: str | None) -> None:
    from services.catalog.doors import open_doors
    from services.catalog.settings import Settings
    from services.instance.find import find

    given = find(data).settings
    settings = Settings(
        **{name: value for name, value in given.items() if name in Settings.model_fields}
    )
    doors = open_doors(
        timezone=settings.timezone,
        index_number_rule=settings.index_number_rule,
        blobs=settings.blobs_url,
    )

    async def work(session: Any, now: datetime) -> Any:
        from services.catalog.actions.decide_waiting import decide_waiting

        return await decide_waiting(
            session,
            number,
            approve=approve,
            by=by or getpass.getuser(),
            reason=reason,
            now=now,
            doors=doors,
        )

    outcome = in_catalog(data, work)
    if approve and outcome.outcome == "accepted":
        typer.echo(f"已公开 / published: {outcome.url}")
    elif approve and outcome.outcome == "scheduled":
        typer.echo("已放行，到定时发布的时间公开。 / Released; published at the time that was set.")
    elif approve:
        problems = "\n".join(f"{p.path}: {p.message} {p.fix}" for p in outcome.problems)
        typer.echo(f"未能公开 / not published: {outcome.outcome}\n{problems}", err=True)
        raise typer.Exit(1)
    else:
        typer.echo("已退回，报送单位将收到理由。 / Returned; the department is told the reason.")
