"""The offline archive: made from the lock, installed and run where there is no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import VERSION
from tests.instance.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]


def can_part_networks() -> bool:
    """Say whether we may make a network namespace."""
    return bool(shutil.which("unshare")) and (
        subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the servers' own user may traverse."""
    folder = Path(tempfile.mkdtemp(prefix="gazette-bundle-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(not can_part_networks(), reason="needs the right to make a network namespace")
def test_it_installs_and_runs_without_a_network(place: Path) -> None:
    """In a namespace with nothing but loopback, in an empty home, the demo county's site and search answer."""
    subprocess.run(["sh", ROOT / "deploy/bundle/make.sh", place / "dist"], check=True, timeout=600)
    [archive] = (place / "dist").glob("*.tar.gz")
    assert archive.name.startswith(f"open-gazette-{VERSION}-linux-")
    (place / "home").mkdir()
    script = Path(__file__).with_name("offline.py")
    done = subprocess.run(
        ["unshare", "-n", sys.executable, script, archive, place / "home"],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the site answers" in done.stdout
