"""`gazette departments …`: the bodies that owe disclosure, their keys and NATS users."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

Data = Annotated[
    Path | None,
    typer.Option("--data", help="运行中实例的数据目录 / data folder of a running instance"),
]
Code = Annotated[str, typer.Argument(help="单位代码，如 transport / the department's code")]
T = TypeVar("T")

group = typer.Typer(
    help="公开主体：增加、修改、密钥 / departments, their keys and NATS users", no_args_is_help=True
)


def mount(program: typer.Typer) -> None:
    """Add the group to the program."""
    program.add_typer(group, name="departments")


def in_catalog(data: Path | None, work: Callable[[Any, datetime], Awaitable[T]]) -> T:
    """Run *work* in one transaction on the catalog of the instance that *data* or the settings name."""
    from services.instance.find import find
    from shared.db import Database

    instance = find(data)

    async def run() -> T:
        db = Database(instance.database_url, "catalog", size=1)
        try:
            async with db.sessions.begin() as session:
                return await work(session, datetime.now(UTC))
        finally:
            await db.close()

    return asyncio.run(run())


@group.command()
def add(
    code: Code,
    name: Annotated[str | None, typer.Option(help="名称 / name")] = None,
    policy: Annotated[str, typer.Option(help="direct 直接公开 / review 先审后发")] = "direct",
    parent: Annotated[
        str | None, typer.Option(help="上级单位代码 / code of the body above")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="可导入历史信息 / may import history")
    ] = False,
    data: Data = None,
) -> None:
    """增加公开主体，只需代码 / Add a department; the code alone is enough."""
    _one_of(policy, ("direct", "review"), "--policy")

    async def work(session: Any, now: datetime) -> None:
        from services.catalog.actions.add_department import NewDepartment, add_department

        names = {"zh-Hans": name} if name else {}
        new = NewDepartment(code=code, names=names, policy=policy, parent=parent, history=history)
        await add_department(session, new, now=now)

    in_catalog(data, work)
    sentence = {
        "direct": "本单位信息免审直接公开 / publishes without review here",
        "review": "本单位信息审核后公开 / is reviewed here before it is published",
    }[policy]
    typer.echo(f"{code}: {sentence}")


@group.command(name="set")
def set_(
    code: Code,
    name: Annotated[str | None, typer.Option(help="名称 / name in Simplified Chinese")] = None,
    name_hant: Annotated[
        str | None, typer.Option(help="繁体名称 / name in Traditional Chinese")
    ] = None,
    name_en: Annotated[str | None, typer.Option(help="英文名称 / name in English")] = None,
    policy: Annotated[str | None, typer.Option(help="direct | review")] = None,
    parent: Annotated[
        str | None, typer.Option(help="上级单位代码 / code of the body above")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="government | bureau | township | village | institution")
    ] = None,
    phone: Annotated[
        str | None, typer.Option(help="咨询电话，空则删去 / phone for questions; empty: none")
    ] = None,
    history: Annotated[
        bool | None, typer.Option("--history/--no-history", help="历史导入权限")
    ] = None,
    data: Data = None,
) -> None:
    """修改公开主体 / Change a department; what is not given stays."""
    _one_of(policy, (None, "direct", "review"), "--policy")
    _one_of(kind, (None, "government", "bureau", "township", "village", "institution"), "--kind")
    names = {
        tag: text
        for tag, text in (("zh-Hans", name), ("zh-Hant", name_hant), ("en", name_en))
        if text
    }
    changes = {
        "names": names or None, "policy": policy, "parent": parent, "kind": kind, "history": history,
        "contact": {"phone": phone} if phone is not None else None,
    }  # fmt: skip

    async def work(session: Any, now: datetime) -> None:
        from services.catalog.actions.change_department import change_department

        await change_department(session, code, changes, now=now)

    in_catalog(data, work)
    typer.echo(f"{code}: 已修改 / changed")


@group.command(name="list")
def list_(data: Data = None) -> None:
    """列出公开主体 / List the departments."""

    async def work(session: Any, _now: datetime) -> list[dict[str, Any]]:
        from services.catalog.queries import departments

        return await departments(session)

    rows = in_catalog(data, work)
    if not rows:
        typer.echo(
            "还没有公开主体。用 gazette departments add CODE 增加。 / No departments yet; add one with `gazette departments add CODE`."
        )
        return
    table = Table(
        "代码 code",
        "名称 name",
        "上级 parent",
        "审核 policy",
        "历史 history",
        "信息 items",
        "密钥 keys",
    )
    for row in rows:
        history = "✓" if row["history"] else ""
        parent = row["parent"] or ""
        table.add_row(
            row["code"],
            row["names"]["zh-Hans"],
            parent,
            row["policy"],
            history,
            str(row["items"]),
            str(row["keys"]),
        )
    Console().print(table)


@group.command()
def key(code: Code, data: Data = None) -> None:
    """发一把新的接口密钥，只显示一次 / Print a new API key, as the last word; it is shown once."""

    async def work(session: Any, now: datetime) -> str:
        from services.catalog.actions.issue_key import issue_key

        return await issue_key(session, code, now=now)

    fresh = in_catalog(data, work)
    typer.echo(
        f"{code} 的密钥，请立即妥善保存，不再显示 / key of {code}, keep it now, it is not shown again: {fresh}"
    )


@group.command()
def revoke(
    code: Code,
    nats: Annotated[
        bool, typer.Option("--nats", help="连同 NATS 用户 / the NATS user as well")
    ] = False,
    data: Data = None,
) -> None:
    """作废全部接口密钥 / Revoke every API key of a department."""

    async def work(session: Any, now: datetime) -> int:
        from services.catalog.actions.issue_key import revoke_keys
        from services.catalog.actions.issue_nkey import revoke_nkey

        if nats:
            await revoke_nkey(session, code)
        return await revoke_keys(session, code, now=now)

    count = in_catalog(data, work)
    typer.echo(f"{code}: 已作废 {count} 把密钥 / {count} keys revoked")


@group.command()
def nkey(
    code: Code,
    file: Annotated[Path, typer.Argument(help="种子文件 / file for the seed")],
    data: Data = None,
) -> None:
    """建立 NATS 用户，种子写入文件 / Make the department's NATS user; its seed goes into FILE (mode 600)."""
    from services.instance.folder import write_private

    async def work(session: Any, _now: datetime) -> str:
        from services.catalog.actions.issue_nkey import issue_nkey

        return await issue_nkey(session, code)

    write_private(file, in_catalog(data, work) + "\n")
    typer.echo(f"{code}: {file}")


@group.command(name="nats-config")
def nats_config(
    with_ours: Annotated[
        bool,
        typer.Option(
            "--with-ours",
            help="连同本平台自己的用户，可整份 include / our own user first, so that the whole is included as it is",
        ),
    ] = False,
    data: Data = None,
) -> None:
    """打印各单位的 NATS 用户配置 / Print the departments' NATS users, to be included in the server's configuration."""
    from services.catalog import nats_users
    from services.instance.find import find

    first = nats_users.ours(find(data).nats_url) if with_ours else None

    async def work(session: Any, _now: datetime) -> str:
        return await nats_users.users(session, first=first)

    typer.echo(in_catalog(data, work), nl=False)


def _one_of(value: str | None, allowed: tuple[str | None, ...], option: str) -> None:
    if value not in allowed:
        words = " | ".join(word for word in allowed if word)
        raise typer.BadParameter(
            f"{value}：只能是 {words} / must be one of {words}", param_hint=option
        )
