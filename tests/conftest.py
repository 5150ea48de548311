"""Real servers for the tests: one PostgreSQL and one nats-server a session, a fresh database and store a test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog

from services.instance.nats import Nats
from services.instance.opensearch import Kind, OpenSearch, can_fetch
from services.instance.postgres import Postgres
from shared.db import migrate
from shared.leader import plain_url
from tests.s3 import BUCKET, Gate, S3Server, environment, s3_server

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
_numbers = itertools.count(1)

# The renderer of tracebacks that structlog prefers prints every local variable: seconds for one, while nothing else runs.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the servers' own user may traverse."""
    folder = Path(tempfile.mkdtemp(prefix="gazette-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    """The wheel's PostgreSQL, running."""
    server = Postgres(server_folder / "pg")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """The address of the session's server, database `gazette`."""
    return postgres.url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A fresh database without tables."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    base, parted, query = postgres_url.partition("?")
    yield base.rsplit("/", 1)[0] + f"/{name}" + parted + query
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """A database with every service's tables, copied for each test."""
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_gazette")
    base, parted, query = postgres_url.partition("?")
    url = base.rsplit("/", 1)[0] + "/template_gazette" + parted + query
    migrate(
        url,
        [name for name in ("catalog", "publisher", "search", "notifier") if _has_migrations(name)],
    )
    return "template_gazette"


def _has_migrations(name: str) -> bool:
    folder = Path(__file__).resolve().parent.parent / "services" / name / "migrations" / "versions"
    return folder.is_dir() and any(folder.glob("0*.py"))


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A fresh database with every service's tables."""
    name = f"d{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    base, parted, query = postgres_url.partition("?")
    yield base.rsplit("/", 1)[0] + f"/{name}" + parted + query
    with psycopg.connect(plain_url(postgres_url), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def nats_server(tmp_path_factory: pytest.TempPathFactory, server_folder: Path) -> Iterator[Nats]:
    """A nats-server with an empty store, syncing every write."""
    folder = server_folder / f"nats{next(_numbers)}"
    folder.mkdir(mode=0o755)
    server = Nats(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def nats_url(nats_server: Nats) -> str:
    """The address of a nats-server with an empty store, with our services' rights."""
    return nats_server.url


@pytest.fixture(scope="session")
def opensearch() -> Iterator[OpenSearch]:
    """A real OpenSearch; without Maven, which brings it, the tests that need it skip."""
    if not can_fetch():
        pytest.skip("needs Maven (mvn), which brings OpenSearch")
    folder = Path(tempfile.mkdtemp(prefix="gazette-opensearch-"))
    server = OpenSearch(folder, Kind(quick=True))
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def opensearch_url(opensearch: OpenSearch) -> str:
    """The address of the session's OpenSearch."""
    return opensearch.url


@pytest.fixture
def search_url(opensearch_url: str) -> str:
    """The address of an index that no other test has."""
    return f"{opensearch_url}/t{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 server; tests take prefixes of their own."""
    with s3_server() as server:
        yield server


@pytest.fixture
def gate(s3: S3Server) -> Iterator[Gate]:
    """The way to the S3 server, which counts and can be shut; this process's environment leads there."""
    opened = Gate(s3)
    with environment(opened.url):
        yield opened
    opened.close()


@pytest.fixture
def bucket_address() -> str:
    """An address in the S3 server that nobody used before."""
    return f"s3://{BUCKET}/t{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real documents beside the project; tests that need it skip where it is missing."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data, which is not here")
    return folder
