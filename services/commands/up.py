"""`gazette up`: everything on this machine, empty."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console

if TYPE_CHECKING:
    from services.instance.find import Instance

DATA = Path("data")
NOT_DURABLE = 78  # EX_CONFIG of sysexits.h

Port = Annotated[
    int, typer.Option(help="网站和接口的端口 / port of site and API", min=0, max=65535)
]
Data = Annotated[Path, typer.Option(help="数据目录 / folder of all data", file_okay=False)]
Host = Annotated[
    Optional[str],  # noqa: UP045 - typer reads it so
    typer.Option(help="监听地址，默认仅本机 / where to listen; default: this machine only"),
]
Processes = Annotated[
    bool, typer.Option("--processes", help="每项服务一个进程 / a process for each service")
]


def mount(program: typer.Typer) -> None:
    """Add the command."""
    program.command("up")(up)


def up(
    port: Port = 8080, data: Data = DATA, host: Host = None, processes: Processes = False
) -> None:
    """启动全部服务（空库）。 / Start everything on this machine, empty.

    需要的 PostgreSQL 与 NATS 随程序自带；设置 GAZETTE_DATABASE_URL、GAZETTE_NATS_URL 则用您自己的。
    PostgreSQL and NATS come with the program; GAZETTE_DATABASE_URL and GAZETTE_NATS_URL name your own.

    停止：Ctrl-C。 / Ctrl-C ends it.
    """
    from services.instance import compose
    from services.instance.nats import NotDurable
    from shared import log

    log.configure()
    plan = compose.Plan(data=data, port=port, host=host, processes=processes, told=tell)
    try:
        compose.run(plan)
    except NotDurable as refusal:
        Console(stderr=True).print(refusal.detail, style="red", markup=False)
        raise typer.Exit(NOT_DURABLE) from refusal


def chinese() -> bool:
    """Say whether the terminal's language is Chinese."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((name for name in names if name), "").lower().startswith("zh")


def tell(instance: Instance) -> None:
    """Say what to open, and what to do next."""
    site, nats, data = instance.site_url, instance.nats_public_url, instance.data
    lines = (
        (
            ("公开网站", f"{site}/"),
            ("接口文档", f"{site}/api/docs"),
            ("部门推送", nats),
            ("数据目录", data),
        )
        if chinese()
        else (("Site", f"{site}/"), ("API", f"{site}/api/docs"), ("NATS", nats), ("Data", data))
    )
    console = Console(stderr=True)
    for name, value in lines:
        console.print(f"  [bold]{name}[/bold]  {value}", highlight=False, soft_wrap=True)
