"""Which revisions of the schemas this program knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from services.instance.backup.tables import SERVICES

_SERVICES = Path(__file__).resolve().parents[2]


def heads() -> dict[str, str]:
    """Return each service's newest revision."""
    return {service: str(_scripts(service).get_current_head()) for service in SERVICES}


def unknown_revisions(found: Mapping[str, str]) -> str:
    """Name the services and revisions that this program does not know; empty when it knows them all."""
    unknown = [
        f"{service} {revision}"
        for service, revision in found.items()
        if service not in SERVICES
        or revision not in {script.revision for script in _scripts(service).walk_revisions()}
    ]
    return ", ".join(unknown)


def _scripts(service: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_SERVICES / service / "migrations"))
    return ScriptDirectory.from_config(config)
