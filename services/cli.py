"""The `gazette` program: mounts the commands, and turns refusals into a sentence and an exit code.

A command module `services/commands/<name>.py` has one function, `mount(program: typer.Typer)`,
which adds its command or group. It finds the instance with `services.instance.find.find(data)`.
Weighty imports belong into the command's function, so that `--help` answers at once.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer
from rich.console import Console

from services import commands
from shared.errors import Refused

FAILED = 1

program = typer.Typer(
    name="gazette",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="邸报 Open Gazette：部门推送，网站、检索、通知随之更新。\n\n"
    "Departments push; the site, the search and the notices follow.\n\n"
    "[bold]gazette demo[/bold] 在本机演示 / shows everything on this machine · "
    "[bold]gazette up[/bold] 启动 / starts it empty",
)


def mount_all(onto: typer.Typer) -> None:
    """Mount every command module there is."""
    for module in pkgutil.iter_modules(commands.__path__):
        importlib.import_module(f"{commands.__name__}.{module.name}").mount(onto)


def main() -> None:
    """Run the program: exit code 0 done, 1 failed, 2 wrong use."""
    mount_all(program)
    try:
        program(prog_name="gazette")
    except Refused as refusal:
        console = Console(stderr=True)
        console.print(f"[red]{refusal.title()}[/red]", highlight=False)
        if refusal.detail != refusal.title():
            console.print(refusal.detail, highlight=False, markup=False, soft_wrap=True)
        for problem in refusal.problems:
            console.print(f"  {problem.path}: {problem.message} {problem.fix}", markup=False)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
