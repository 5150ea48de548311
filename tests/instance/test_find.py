"""Settings of instances whose services run apart: secrets in files, addresses, the users of an own NATS."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from services.catalog.nats_users import NoUser, ours, write_users
from services.instance.find import Instance, Unreadable, from_environment
from services.instance.nats import _binary


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set from outside."""
    for name in [name for name in os.environ if name.startswith("GAZETTE_")]:
        monkeypatch.delenv(name)


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`GAZETTE_X_FILE` says where the one line of `GAZETTE_X` is."""
    (tmp_path / "token").write_text("a-secret\n", encoding="utf-8")
    monkeypatch.setenv("GAZETTE_INTERNAL_TOKEN_FILE", str(tmp_path / "token"))
    assert from_environment()["internal_token"] == "a-secret"


def test_a_setting_that_ends_in_file_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of NATS users is a setting itself: its path is taken, nothing is read."""
    monkeypatch.setenv("GAZETTE_NATS_USERS_FILE", "users.conf")
    assert from_environment() == {"nats_users_file": "users.conf"}


def test_a_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The refusal names the variable and the file."""
    monkeypatch.setenv("GAZETTE_SMTP_URL_FILE", str(tmp_path / "none"))
    with pytest.raises(Unreadable, match=r"GAZETTE_SMTP_URL_FILE.*none"):
        from_environment()


def test_services_are_asked_where_they_are() -> None:
    """A service that the settings name is asked itself; the front passes on to the others."""
    services = json.dumps({"search": "http://search:8081/"})
    instance = Instance({"services": services, "catalog_url": "http://front"})
    assert instance.inside("search", "shown") == "http://search:8081/internal/shown"
    assert instance.inside("publisher", "shown") == "http://front/internal/publisher/shown"


@pytest.mark.parametrize("said", ["search:8081", '["http://search"]', '{"search": 8081}'])
def test_addresses_that_cannot_be_read_are_refused(said: str) -> None:
    """The refusal shows the form."""
    with pytest.raises(Unreadable, match="GAZETTE_SERVICES"):
        _ = Instance({"services": said}).services


def test_our_own_user_stands_in_the_address() -> None:
    """User and password are read from the first address, whatever characters they have; without them it is refused."""
    assert ours("nats://gazette:p%40ss@a:4222,nats://gazette:p%40ss@b:4222") == {
        "user": "gazette",
        "password": "p@ss",
    }
    with pytest.raises(NoUser):
        ours("nats://a:4222")


def test_nats_takes_the_whole_file_of_users(tmp_path: Path) -> None:
    """The file that the catalog keeps is included as it is; its rights stay, and the same content is no change."""
    users = tmp_path / "users.conf"
    users.touch(mode=0o600)
    content = json.dumps({"users": [ours("nats://gazette:secret@a:4222")]}, indent=2) + "\n"
    assert write_users(users, content)
    assert not write_users(users, content)
    assert users.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["users.conf"]
    (tmp_path / "nats.conf").write_text('authorization { include "users.conf" }\n')
    checked = subprocess.run(
        [str(_binary()), "-t", "-c", str(tmp_path / "nats.conf")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
