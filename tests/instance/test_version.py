"""The version is said once for people and once for packaging."""

from __future__ import annotations

import tomllib

from services import VERSION
from tests.instance.conftest import ROOT


def test_the_version_is_that_of_the_project() -> None:
    """`services.VERSION`, which backups and the bundle bear, is the one in `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
