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

Number = Annotated[
    str,
    typer.Argument(help="待审编号；r 开头的是关联 / number of the waiting item; r… is a relation"),
]
Reason = Annotated[str, typer.Option("--reason", help="理由，留痕 / the reason, recorded")]
By = Annotated[str | None, typer.Option("--by", help="审核人 / who decides")]

group = typer.Typer(
    help="待审信息：列出、查看、放行、退回 / items held for review", no_args_is_help=True
)

BECAUSE = {
    "resident_id": "含身份证号码 / has a resident ID number",
    "secrecy_mark": "含密级标志 / has a secrecy mark",
    "unscannable": "附件打不开、查不了 / an attachment cannot be looked into",
    "tracked_changes": "Word 文件里有修订 / a Word file has tracked changes",
    "comments": "Word 文件里有批注 / a Word file has comments",
    "sender_asked": "报送单位请求审核 / its sender asks for a review",
    "policy_review": "本单位须审核 / this department is reviewed",
    "review_incomplete": "审核记录不完整 / its review is incomplete",
}
ACTING = {
    "amends": "另一单位称修改本件，待确认 / another body says it amends this",
    "repeals": "另一单位称废止本件，待确认 / another body says it repeals this",
    "replaces": "另一单位称代替本件，待确认 / another body says it replaces this",
}


def mount(program: typer.Typer) -> None:
    """Add the group to the program."""
    program.add_typer(group, name="review")


@group.command(name="list")
def list_(data: Data = None) -> None:
    """列出待审信息 / List what waits."""

    async def work(
        session: Any, _now: datetime
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        from services.catalog.queries import unconfirmed_relations, waiting_list

        return await waiting_list(session), await unconfirmed_relations(session)

    rows, relations = in_catalog(data, work)
    if not rows and not relations:
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
    for row in relations:
        table.add_row(
            f"r{row['number']}",
            row["department"],
            row["source_id"],
            row["title"],
            f"{ACTING[row['type']]}\n{row['source']}",
            f"{row['said_at'].astimezone():%Y-%m-%d %H:%M}",
        )
    Console().print(table)


@group.command()
def show(number: Number, data: Data = None) -> None:
    """查看一条待审信息 / Show one waiting item, whole."""
    relation, place = _place(number)

    async def work(session: Any, _now: datetime) -> dict[str, Any] | None:
        from services.catalog.queries import unconfirmed_relations, waiting_one

        if not relation:
            return await waiting_one(session, place)
        found = await unconfirmed_relations(session)
        return next((row for row in found if row["number"] == place), None)

    row = in_catalog(data, work)
    if row is None:
        typer.echo(f"没有编号 {number}。 / There is no number {number}.", err=True)
        raise typer.Exit(1)
    if relation:
        Console().print(
            f"[bold]{row['department']}/{row['source_id']}[/bold]  {ACTING[row['type']]}"
        )
        typer.echo(f"{row['source']}  {row['title']}")
        return
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


def _place(number: str) -> tuple[bool, int]:
    """Return whether *number* means a relation, and which; ends the command when it is none."""
    relation, digits = number[:1] == "r", number.removeprefix("r")
    if not digits.isdecimal():
        typer.echo(
            f"编号应为数字或 r 加数字。 / A number is digits, or r and digits: {number}", err=True
        )
        raise typer.Exit(2)
    return relation, int(digits)


def _decide_relation(
    number: int, data: Path | None, *, approve: bool, reason: str, by: str | None
) -> None:
    async def work(session: Any, now: datetime) -> str:
        from services.catalog.actions.decide_relation import decide_relation

        return await decide_relation(
            session, number, approve=approve, by=by or getpass.getuser(), reason=reason, now=now
        )

    target = in_catalog(data, work)
    if approve:
        typer.echo(
            f"已确认，{target} 的有效性随即更新。 / Confirmed; {target} shows it in a moment."
        )
    else:
        typer.echo(f"已拒绝，{target} 不受影响。 / Refused; {target} stays as it is.")


def _decide(number: str, data: Path | None, *, approve: bool, reason: str, by: str | None) -> None:
    relation, place = _place(number)
    if relation:
        _decide_relation(place, data, approve=approve, reason=reason, by=by)
        return
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
            place,
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
