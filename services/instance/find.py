"""How a command reaches the instance that it is meant for.

With `--data DIR` it is the one that runs on that folder; without, the `GAZETTE_*` settings say.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.instance.folder import DataFolder, locked, write_private
from shared.errors import Refused


class NoInstance(Refused):
    """这个数据目录上没有运行中的实例。 / No instance runs on this data folder."""


class NotSet(Refused):
    """缺少设置。 / A setting is missing."""


class Unreadable(Refused):
    """设置读不出来。 / A setting cannot be read."""


FROM_FILES = (
    "database_url",
    "nats_url",
    "search_url",
    "smtp_url",
    "internal_token",
    "link_secret",
)
"""Settings that hold secrets: `GAZETTE_X_FILE` names a file that says what `GAZETTE_X` would."""


@dataclass(frozen=True)
class Instance:
    """A running instance, as its settings say: names as in `GAZETTE_*`, in lower case."""

    settings: Mapping[str, Any]
    data: Path | None = None
    pid: int | None = None

    @property
    def url(self) -> str:
        """Address of its HTTP front, without a slash at the end."""
        return self._needed("catalog_url").rstrip("/")

    @property
    def site_url(self) -> str:
        """Address that readers use, without a slash at the end."""
        return self._needed("site_url").rstrip("/")

    @property
    def nats_url(self) -> str:
        """NATS, as our own services use it: with all rights."""
        return self._needed("nats_url")

    @property
    def nats_public_url(self) -> str:
        """NATS, as departments use it: they bring their own key or password."""
        return str(self.settings.get("nats_public_url") or self._needed("nats_url"))

    @property
    def database_url(self) -> str:
        """PostgreSQL, as a SQLAlchemy URL."""
        return self._needed("database_url")

    @property
    def internal_token(self) -> str:
        """What `/internal/…` asks for."""
        return self._needed("internal_token")

    def inside(self, service: str, what: str) -> str:
        """Return the address of `/internal/<what>` of a service: its own if the settings say it, else the front's."""
        own = self.services.get(service)
        return (
            f"{own.rstrip('/')}/internal/{what}" if own else f"{self.url}/internal/{service}/{what}"
        )

    @property
    def services(self) -> dict[str, str]:
        """Service -> where it answers, of services that run by themselves; empty when a front knows them."""
        said = self.settings.get("services") or "{}"
        try:
            read = json.loads(said)
        except ValueError as error:
            raise Unreadable(_SERVICES_FORM) from error
        if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
            raise Unreadable(_SERVICES_FORM)
        return read

    def _needed(self, name: str) -> str:
        """Return a setting, or say which one is missing."""
        if value := self.settings.get(name):
            return str(value)
        variable = f"GAZETTE_{name.upper()}"
        raise NotSet(
            f"请设置 {variable}，或用 --data 指明运行中的实例的数据目录。 / "
            f"Set {variable}, or give the data folder of a running instance with --data."
        )


_SERVICES_FORM = (
    'GAZETTE_SERVICES 须为 JSON，如 {"catalog": "http://catalog:8081"}。 / '
    'GAZETTE_SERVICES must be JSON such as {"catalog": "http://catalog:8081"}.'
)


def find(data: Path | None) -> Instance:
    """Return the instance on this folder, or, without one, what the environment describes."""
    if data is None:
        return Instance(from_environment())
    folder = DataFolder(data)
    note = read_note(folder) if is_running(folder) else None
    if note is None:
        raise NoInstance(
            f"请先运行 gazette up --data {data}。 / Start it first: gazette up --data {data}."
        )
    return Instance(note["settings"], folder.path, note["pid"])


def is_running(folder: DataFolder) -> bool:
    """Say whether a process holds this folder."""
    lock = folder.path / "lock"
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        return not locked(file, fcntl.LOCK_SH)


def read_note(folder: DataFolder) -> dict[str, Any] | None:
    """Return what the running instance wrote about itself, if it has come so far."""
    try:
        note: dict[str, Any] = json.loads(folder.note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return note


def write_note(folder: DataFolder, settings: Mapping[str, Any]) -> None:
    """Tell commands how to reach us; readable by our own user alone, for it holds secrets."""
    note = {"pid": os.getpid(), "settings": dict(settings)}
    write_private(folder.note, json.dumps(note, ensure_ascii=False, indent=1, default=str))


def from_environment() -> dict[str, str]:
    """Return the `GAZETTE_*` settings by their names in lower case, those in files too."""
    prefix = "GAZETTE_"
    found = {
        name.removeprefix(prefix).lower(): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }
    found |= from_files(found)
    if "site_url" in found:
        found.setdefault("catalog_url", found["site_url"])
    return found


def from_files(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that stand in files of their own, as containers' secrets do; one line each."""
    return {
        name: _one_line(Path(settings[f"{name}_file"]), f"GAZETTE_{name.upper()}_FILE")
        for name in FROM_FILES
        if settings.get(f"{name}_file")
    }


def _one_line(file: Path, variable: str) -> str:
    """Read the one line of a file."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(
            f"{variable}：读不了 {file}，请检查路径和权限。 / "
            f"{variable}: {file} cannot be read, check its path and rights."
        ) from error
