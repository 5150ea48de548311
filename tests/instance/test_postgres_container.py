"""The script that starts PostgreSQL in its container: its first start, cut short anywhere, begins again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.instance.conftest import ROOT

COMMANDS = {
    "initdb": 'mkdir -p "$PGDATA/new/base/1" && cd "$PGDATA/new" && echo 15 > PG_VERSION && touch base/1/file pg_hba.conf global',
    "pg_ctl": "true",
    "createdb": "true",
    "postgres": 'echo started; ls "$PGDATA"',
    # the power fails when so many files have been moved
    "mv": 'left=$(cat "$PGDATA/../moves"); [ "$left" != 0 ] || exit 9; echo $((left - 1)) > "$PGDATA/../moves"; exec /bin/mv "$@"',
}


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder of commands that act as those of PostgreSQL, as far as files go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def start(commands: Path, data: Path, *, moves: int) -> subprocess.CompletedProcess[str]:
    """Run the script; only *moves* files can be moved."""
    (data.parent / "moves").write_text(str(moves))
    script = (ROOT / "deploy/containers/postgres.sh").read_text()
    debian = "$(ls -d /usr/lib/postgresql/*/bin | tail -1)"
    assert debian in script
    return subprocess.run(
        ["/bin/sh", "-c", script.replace(debian, str(commands))],
        env={
            "PATH": os.environ["PATH"],
            "PGDATA": str(data),
            "POSTGRES_PASSWORD": "x",
            "TMPDIR": str(data.parent),
        },
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("moves", range(4))
def test_a_first_start_that_was_cut_short_begins_again(
    commands: Path, tmp_path: Path, moves: int
) -> None:
    """After a cut at any file the next start makes the data whole, and the one after it changes nothing."""
    data = tmp_path / "data"
    data.mkdir()
    assert start(commands, data, moves=moves).returncode == 9
    assert not (data / "PG_VERSION").exists()
    whole = start(commands, data, moves=99)
    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.split() == ["started", "PG_VERSION", "base", "global", "pg_hba.conf"]
    (data / "base/1/file").write_text("rows")
    assert start(commands, data, moves=0).returncode == 0
    assert (data / "base/1/file").read_text() == "rows"


def test_a_folder_of_somebody_else_is_left_alone(commands: Path, tmp_path: Path) -> None:
    """Files without a version that we did not move there are no leftovers of ours: nothing is removed."""
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    (data / "base/kept").write_text("rows")
    assert start(commands, data, moves=99).returncode != 0
    assert (data / "base/kept").read_text() == "rows"
