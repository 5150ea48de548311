"""`gazette migrate`, `streams apply`, `rebuild`, `verify`: what an operator does."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.departments import Data
from shared.errors import Refused, Unavailable

SERVICES = ("catalog", "publisher", "search", "notifier")
PROJECTIONS = ("publisher", "search")


class GivenUp(Refused):
    """没有重建完：中途另有一次重建取代了它。 / The rebuild was given up: another one took its place."""


streams = typer.Typer(help="消息流 / the streams of JetStream", no_args_is_help=True)


def mount(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.command()(migrate)
    program.add_typer(streams, name="streams")
    program.command()(rebuild)
    program.command()(verify)


def migrate(data: Data = None) -> None:
    """升级数据库结构 / Bring the database to this version; safe to repeat."""
    from services.instance.find import find
    from shared.db import migrate as run

    run(find(data).database_url, list(SERVICES))
    typer.echo("数据库结构已是最新。 / The database is up to date.")


@streams.command()
def apply(
    replicas: Annotated[
        int,
        typer.Option(
            help="副本数；0：三个节点以上的集群 3 份，否则 1 份，只增不减 / copies of each stream; 0: three on a cluster "
            "of three nodes or more, else one, and never fewer than there are",
            min=0,
            max=5,
        ),
    ] = 0,
    data: Data = None,
) -> None:
    """建立或修正消息流 / Make or mend the streams and durables; says what it did."""
    from services.instance.find import find
    from shared.streams import apply as run

    done = asyncio.run(run(find(data).nats_url, replicas=replicas or None))
    for sentence in done or ["没有需要改动的。 / Nothing to change."]:
        typer.echo(sentence)


def rebuild(
    what: Annotated[str, typer.Argument(help="site | search")],
    data: Data = None,
) -> None:
    """在旧的旁边重建网站或索引，再替换 / Rebuild the site or the index beside the living one, then swap."""
    from services.instance.find import find

    names = {"site": "publisher", "search": "search"}
    if what not in names:
        raise typer.BadParameter(
            "只能是 site 或 search / must be site or search", param_hint="WHAT"
        )
    instance = find(data)
    answer = _ask(instance, names[what], "rebuild", post=True)
    if answer.get("standing", "living") != "living":
        raise GivenUp(f"{answer}")
    typer.echo(f"重建完成 / rebuilt: {answer}")


def verify(
    wait: Annotated[
        float, typer.Option(help="最多等待秒数 / wait up to so many seconds for equality")
    ] = 0,
    data: Data = None,
) -> None:
    """核对：网站、索引与记录是否一致 / Compare site and index with the record; exit 0 only when equal.

    页面文件也查看：缺的、坏的会列出，并自动重写。 / The files of pages are looked at too: what is missing or damaged
    is named, and written anew by itself.
    """
    differences, count = _awaited(data, wait)
    for line in differences[:50]:
        typer.echo(line)
    if len(differences) > 50:
        typer.echo(f"… 另有 {len(differences) - 50} 处 / and {len(differences) - 50} more")
    if differences:
        raise typer.Exit(1)
    typer.echo(f"一致：{count} 条信息 / equal: {count} items, on {', '.join(PROJECTIONS)}")


def _awaited(data: Path | None, seconds: float) -> tuple[list[str], int]:
    """Compare until nothing differs or the time is over: what does not answer may be about to start."""
    from services.instance.find import NoInstance, find

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(NoInstance, Unavailable):
            differences, count = _differences(find(data))
            if not differences:
                return differences, count
        time.sleep(0.5)
    return _differences(find(data), thorough=True)


def _differences(instance: Any, *, thorough: bool = False) -> tuple[list[str], int]:
    """Return one sentence a difference between the record and its projections, and the number of items.

    The files of the site are looked at when nothing else differs, or when it is to be *thorough*.
    """
    record = _shown(instance, "catalog")
    found: list[str] = []
    for projection in PROJECTIONS:
        shown = _shown(instance, projection)
        for item_id, row in record.items():
            other = shown.get(item_id)
            name = f"{projection}: {row['department']}/{row['source_id']}"
            if other is None:
                found.append(f"{name} 缺少 / is missing (version {row['version']})")
            elif (other["version"], other["sha256"]) != (row["version"], row["sha256"]):
                found.append(
                    f"{name} 版本不同 / shows version {other['version']}, the record has {row['version']}"
                )
        found += [
            f"{projection}: {item_id} 多余 / is not in the record"
            for item_id in shown.keys() - record.keys()
        ]
    if thorough or not found:
        found += _faults(instance, record)
    return found, len(record)


def _faults(instance: Any, record: dict[str, dict[str, Any]]) -> list[str]:
    """Return one sentence a file of the site that is not as the record asks."""
    found: list[str] = []
    params: dict[str, str] = {}
    while True:
        page = _ask(instance, "publisher", "look", params=params, post=True)
        for fault in page["faults"]:
            row = record.get(fault["item_id"])
            name = f"{row['department']}/{row['source_id']}" if row else ""
            wrong = "损坏 / is damaged" if fault["there"] else "缺失 / is missing"
            found.append(
                f"publisher: {name} {fault['path']} {wrong}（正在重写 / being written anew）"
            )
        if not page["next"]:
            return found
        params = {"after": page["next"]}


def _shown(instance: Any, service: str) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    after: str | None = "00000000-0000-0000-0000-000000000000"
    while after:
        page = _ask(instance, service, "shown", params={"after": after})
        rows |= {row["item_id"]: row for row in page["shown"]}
        after = page.get("next")
    return rows


def _ask(
    instance: Any,
    service: str,
    what: str,
    *,
    params: dict[str, str] | None = None,
    post: bool = False,
) -> Any:
    import httpx

    address = instance.inside(service, what)
    headers = {"Authorization": f"Bearer {instance.internal_token}"}
    try:
        answer = httpx.request(
            "POST" if post else "GET",
            address,
            params=params,
            headers=headers,
            timeout=3600 if post else 60,
            trust_env=False,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(f"{address}: {error}") from error
    return answer.json()
