"""`gazette serve SERVICE`: one service, for machines that run each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from services.commands.departments import Data
from shared.errors import Refused

GRACE_SECONDS = 3
SERVICES = "catalog relay publisher search notifier"


class OneWriter(Refused):
    """索引在目录里时只能由实例自己运行检索；设 GAZETTE_SEARCH_URL 后可多份。 / An index in a folder has one writer, the instance itself; with GAZETTE_SEARCH_URL there may be more."""


def mount(program: typer.Typer) -> None:
    """Add the command."""
    program.command("serve")(serve)


def serve(
    service: Annotated[str, typer.Argument(help=SERVICES, metavar="SERVICE")],
    port: Annotated[int, typer.Option(help="端口 / port", min=0, max=65535)] = 8081,
    host: Annotated[str, typer.Option(help="监听地址 / where to listen")] = "127.0.0.1",
    uds: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it so
        typer.Option(help="改在 Unix 套接字上监听 / listen on this Unix socket instead"),
    ] = None,
    data: Data = None,
) -> None:
    """单独运行一项服务。 / Run one service by itself; its settings are the GAZETTE_* variables.

    先运行 gazette migrate 和 gazette streams apply。 / Run `gazette migrate` and `gazette streams apply` first.

    用 --data 时，设置取自在该目录上运行的实例，与它分担工作。 / With --data the settings are those of the instance
    that runs on that folder, and it shares the work with it.
    """
    import uvicorn

    from services.instance import roles
    from services.instance.find import FROM_FILES, find, from_environment
    from shared import log

    if service not in roles.SERVICES:
        raise typer.BadParameter(f"{service}: {SERVICES}", param_hint="SERVICE")
    log.configure()
    # The rest each service reads by itself, with its types.
    secrets = {name: value for name, value in from_environment().items() if name in FROM_FILES}
    settings = secrets if data is None else find(data).settings
    if data is not None and service == "search" and not settings.get("search_url"):
        raise OneWriter
    uvicorn.run(
        roles.watched_application(service, settings),
        uds=str(uds) if uds else None,
        host=host,
        port=port,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips="*" if uds else None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
