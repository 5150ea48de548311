"""`gazette site …`: what the frame of every page says about the site."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from services.commands.departments import Data, in_catalog

group = typer.Typer(
    help="网站名称、主办单位、备案号等 / name, organiser and footer of the site",
    no_args_is_help=True,
)

EXAMPLE = """organiser = "青禾县人民政府"
phone = "0551-60010012"
[names]
zh-Hans = "青禾县政府信息公开"
zh-Hant = "青禾縣政府資訊公開"
en = "Qinghe County Open Government\""""


def mount(program: typer.Typer) -> None:
    """Add the group to the program."""
    program.add_typer(group, name="site")


@group.command(name="set")
def set_(
    file: Annotated[
        Path, typer.Argument(help="TOML 文件 / a TOML file", exists=True, dir_okay=False)
    ],
    data: Data = None,
) -> None:
    """按 TOML 文件设置网站 / Set the site as a TOML file says; every page follows."""
    from pydantic import ValidationError

    from shared.events.record import SiteSettings

    try:
        settings = SiteSettings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        typer.echo(f"{file}: 不是 TOML / not TOML: {error}", err=True)
        raise typer.Exit(1) from error
    except ValidationError as error:
        for one in error.errors():
            typer.echo(f"{file}: {'.'.join(map(str, one['loc']))}: {one['msg']}", err=True)
        typer.echo(f"例如 / for example:\n{EXAMPLE}", err=True)
        raise typer.Exit(1) from error

    async def work(session: Any, now: Any) -> int:
        from services.catalog.announcing import announce_list

        value = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
        return await announce_list(session, "settings", value, now=now)

    in_catalog(data, work)
    typer.echo("网站设置已更新，各页随后刷新。 / The site is set; its pages follow.")


@group.command()
def entry(
    code: Annotated[
        str,
        typer.Argument(help="目录事项代码，如 notice.road / code of the entry, e.g. notice.road"),
    ],
    name: Annotated[str | None, typer.Option(help="名称 / name in Simplified Chinese")] = None,
    name_hant: Annotated[
        str | None, typer.Option(help="繁体名称 / name in Traditional Chinese")
    ] = None,
    name_en: Annotated[str | None, typer.Option(help="英文名称 / name in English")] = None,
    on: Annotated[
        bool | None,
        typer.Option("--on/--off", help="在目录中显示、隐藏 / show in the menu, or hide from it"),
    ] = None,
    data: Data = None,
) -> None:
    """增加下级目录事项，或改名、隐藏 / Add an entry below one of the catalogue, rename or hide one.

    代码写成“上级代码.自己的词”；时限和频次随上级。隐藏只是不列在目录里，仍可使用。
    / A new code is `<code above>.<word>`; limits and frequency are those above. What is hidden may still be used.
    """
    names = {
        tag: text
        for tag, text in (("zh-Hans", name), ("zh-Hant", name_hant), ("en", name_en))
        if text
    }
    if not names and on is None:
        raise typer.BadParameter(
            "请给出名称，或 --on、--off / give a name, --on or --off", param_hint="--name"
        )

    async def work(session: Any, now: Any) -> bool:
        from services.catalog.actions.change_entry import change_entry

        hidden = None if on is None else not on
        return await change_entry(session, code, names=names, hidden=hidden, now=now)

    added = in_catalog(data, work)
    typer.echo(f"{code}: {'已增加 / added' if added else '已修改 / changed'}")


@group.command()
def show(data: Data = None) -> None:
    """查看网站设置 / Show what the site says about itself."""
    import json

    async def work(session: Any, _now: Any) -> dict[str, Any] | None:
        from services.catalog.queries import site_settings

        return await site_settings(session)

    typer.echo(json.dumps(in_catalog(data, work) or {}, ensure_ascii=False, indent=2))
