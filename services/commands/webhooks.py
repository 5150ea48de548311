"""`gazette webhooks …`: programs that are told of what is published."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from services.commands.departments import Data

T = TypeVar("T")
Number = Annotated[UUID, typer.Argument(help="编号 / its id, as `list` shows it")]

group = typer.Typer(
    help="Webhook 订阅：增加、验证、列出、停用 / programs that are told of news",
    no_args_is_help=True,
)


def mount(program: typer.Typer) -> None:
    """Add the group to the program."""
    program.add_typer(group, name="webhooks")


@group.command()
def add(
    url: Annotated[str, typer.Argument(help="接收网址，https / the receiver's https URL")],
    department: Annotated[str, typer.Option(help="单位代码 / a department's code")] = "",
    catalogue: Annotated[str, typer.Option(help="公开事项代码 / an entry's code")] = "",
    phrase: Annotated[str, typer.Option(help="标题或正文中的词 / words in title or text")] = "",
    secret: Annotated[str, typer.Option(help="whsec_…，不给则生成 / made when not given")] = "",
    language: Annotated[
        str, typer.Option(help="管理页的语言 / of its page: zh-Hans | zh-Hant | en")
    ] = "zh-Hans",
    verify: Annotated[bool, typer.Option("--verify", help="立即验证 / verify it at once")] = False,
    data: Data = None,
) -> None:
    """增加 webhook，打印编号、密钥和管理页 / Add one; prints its id, its secret and the address of its page."""
    if language not in ("zh-Hans", "zh-Hant", "en"):
        raise typer.BadParameter("zh-Hans | zh-Hant | en", param_hint="--language")

    async def work(session: Any, now: datetime, settings: Any) -> tuple[Any, str, str]:
        from uuid_utils.compat import uuid7

        from services.notifier.actions.add_webhook import add_webhook
        from services.notifier.app import link_key
        from services.notifier.http.subscribe import chosen_target
        from services.notifier.http.webhook import new_webhook
        from services.notifier.links import Links
        from services.notifier.queries import directory_of

        links = Links(link_key(settings), settings.site_url + settings.path_prefix)
        wanted = chosen_target(await directory_of(session), department, catalogue, phrase)
        new = new_webhook(settings.outgoing, url, secret, language, wanted)  # type: ignore[arg-type]  # checked above
        person = uuid7()
        await add_webhook(session, new, person=person, links=links, now=now)
        return person, new.secret, links.page(person)

    person, made, page = _in_notifier(data, work)
    typer.echo(f"编号 / id: {person}\n密钥 / secret: {made}\n管理页 / its page: {page}")
    if verify:
        _verify(person, data)
    else:
        typer.echo(
            "验证后才会发送：把密钥装进接收程序，再执行 "
            f"gazette webhooks verify {person}，或在管理页按“验证网址”。 / "
            "Nothing is sent before it is verified: give the receiver the secret, then run "
            f"gazette webhooks verify {person}, or press the button on its page."
        )


@group.command()
def verify(number: Number, data: Data = None) -> None:
    """向接收网址提问，答对即启用 / Ask the receiver whether it wants to be called."""
    _verify(number, data)


@group.command(name="list")
def list_(data: Data = None) -> None:
    """列出 webhook 及其状态 / List them, and how they stand."""

    async def work(session: Any, _now: datetime, _settings: Any) -> Any:
        from services.notifier.queries import webhooks_entered

        return await webhooks_entered(session)

    rows = _in_notifier(data, work)
    if not rows:
        typer.echo("没有 webhook。 / There are no webhooks.")
        return
    table = Table("编号 id", "网址 URL", "状态 state", "待发 waiting", "已发 sent")
    table.columns[0].no_wrap, table.columns[1].overflow = True, "fold"
    for row in rows:
        table.add_row(str(row.subscriber_id), row.url, _state(row), str(row.waiting), str(row.sent))
    Console(soft_wrap=True).print(table)


@group.command()
def drop(number: Number, data: Data = None) -> None:
    """停用，不再发送 / Send nothing to it any more."""

    async def work(session: Any, now: datetime, _settings: Any) -> int:
        from services.notifier.actions.remove_subscriptions import remove_subscriptions
        from services.notifier.queries import webhooks_entered
        from services.notifier.rules import DROPPED

        if number not in {row.subscriber_id for row in await webhooks_entered(session)}:
            return -1
        return await remove_subscriptions(session, number, None, now=now, because=DROPPED)

    if _in_notifier(data, work) < 0:
        typer.echo(f"没有编号 {number}。 / There is no {number}.", err=True)
        raise typer.Exit(1)
    typer.echo("已停用，网址 28 天后删除。 / Dropped; its URL is deleted in 28 days.")


def _state(row: Any) -> str:
    if row.left_because:
        return f"已停止 stopped: {row.left_because}"
    if row.confirmed_at is None:
        return "未验证 not verified"
    if row.failing_since:
        return f"送不到 failing since {row.failing_since:%m-%d %H:%M}"
    return "正常 working"


def _verify(number: UUID, data: Path | None) -> None:
    wrong = asyncio.run(_ask(number, data))
    if wrong:
        typer.echo(f"没有通过：{wrong} / Not verified: {wrong}", err=True)
        raise typer.Exit(1)
    typer.echo("已验证，开始发送。 / Verified; it is told from now on.")


async def _ask(number: UUID, data: Path | None) -> str | None:
    from services.notifier.channels.webhook import WebhookChannel
    from services.notifier.courier import Courier
    from shared.db import Database

    settings = _settings(data)
    db = Database(settings.database_url, "notifier", size=1)
    channel = WebhookChannel.over(settings.outgoing, lambda: datetime.now(UTC))
    try:
        asking = Courier(db, channel, settings.site_url, lambda: datetime.now(UTC))
        return await asking.verify(number)
    finally:
        channel.outgoing.close()
        await db.close()


def _settings(data: Path | None) -> Any:
    """Return the notifier's settings as the instance has them."""
    from services.instance.find import find
    from services.notifier.settings import Settings

    instance = find(data)
    given = {key: value for key, value in instance.settings.items() if key in Settings.model_fields}
    return Settings(**{"database_url": instance.database_url, "nats_url": ""} | given)


def _in_notifier(data: Path | None, work: Callable[[Any, datetime, Any], Awaitable[T]]) -> T:
    """Run *work* in one transaction on the notifier's tables."""
    from shared.db import Database

    settings = _settings(data)

    async def run() -> T:
        db = Database(settings.database_url, "notifier", size=1)
        try:
            async with db.sessions.begin() as session:
                return await work(session, datetime.now(UTC), settings)
        finally:
            await db.close()

    return asyncio.run(run())
