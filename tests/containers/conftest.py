"""The servers as containers of docker-compose.yml's images: the same tests, on what is deployed.

    GAZETTE_BASE=… pytest -m containers tests/containers

Images that are there are taken as they are; others are built. No image but the base is pulled.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # it is an image of its own, read at import

import httpx
import psycopg
import pytest
from testcontainers.core.container import DockerContainer

from tests.instance.conftest import ROOT, eventually

PASSWORD = "a-password-for-this-test"
OURS = {"user": "gazette", "password": PASSWORD}
PROGRAM_USER = 10001


def image(target: str) -> str:
    """Return the image of a target of the Dockerfile, built when it is not there."""
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "info"], check=False, capture_output=True).returncode
    ):
        pytest.skip("needs a Docker engine (DOCKER_HOST), and none answers")
    name = f"open-gazette-{target}:{os.environ.get('GAZETTE_VERSION', 'local')}"
    known = subprocess.run([docker, "image", "inspect", name], check=False, capture_output=True)
    if known.returncode:
        base = os.environ.get("GAZETTE_BASE", "python:3.11-slim-bookworm")
        subprocess.run(
            [docker, "build", "--build-arg", f"BASE={base}", "--target", target, "-t", name, str(ROOT)],
            check=True,
        )  # fmt: skip
    return name


def running(container: DockerContainer, port: int, ready: Callable[[str], object]) -> Iterator[str]:
    """Run a container until the test ends; yield host and port once *ready* says so."""
    with container.with_exposed_ports(port) as started:
        # The engine is this machine's; the library would name its bridge, which tests may not reach.
        address = f"127.0.0.1:{started.get_exposed_port(port)}"
        eventually(lambda: ready(address), seconds=120)
        yield address


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    """The file that the NATS container includes, as the catalog writes it."""
    folder = tmp_path / "nats-users"
    folder.mkdir()
    file = folder / "users.conf"
    file.write_text(json.dumps({"users": [OURS]}), encoding="utf-8")
    for path in (tmp_path, folder):
        path.chmod(0o755)
    for path in (folder, file):
        os.chown(path, PROGRAM_USER, PROGRAM_USER)
    return file


@pytest.fixture
def nats_url(users_file: Path) -> Iterator[str]:
    """NATS of the image, syncing every write."""
    container = DockerContainer(image("nats")).with_volume_mapping(
        str(users_file.parent), "/srv/gazette/secrets/nats", "ro"
    )
    for address in running(container, 4222, greets):
        yield f"nats://gazette:{PASSWORD}@{address}"


def greets(address: str) -> bool:
    """Say whether a NATS server greets there: the engine's own proxy takes connections before it does."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=2) as connection:
        return connection.recv(4) == b"INFO"


@pytest.fixture
def empty_database_url() -> Iterator[str]:
    """PostgreSQL of Debian, empty."""
    container = (
        DockerContainer(image("postgres"))
        .with_env("POSTGRES_USER", "gazette")
        .with_env("POSTGRES_PASSWORD", PASSWORD)
    )

    def answers(address: str) -> bool:
        try:
            psycopg.connect(f"postgresql://gazette:{PASSWORD}@{address}/gazette").close()
        except psycopg.OperationalError as error:
            raise OSError(str(error)) from error
        return True

    for address in running(container, 5432, answers):
        yield f"postgresql+psycopg://gazette:{PASSWORD}@{address}/gazette"


@pytest.fixture
def search_url() -> Iterator[str]:
    """OpenSearch of the image, empty."""

    def answers(address: str) -> bool:
        wanted = "wait_for_status=yellow&timeout=2s"
        health = httpx.get(f"http://{address}/_cluster/health?{wanted}", trust_env=False)
        return bool(health.status_code == 200)

    for address in running(DockerContainer(image("opensearch")), 9200, answers):
        yield f"http://{address}/gazette"
