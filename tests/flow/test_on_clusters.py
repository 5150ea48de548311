"""The same main job on clusters: PostgreSQL 15 of Debian, three NATS nodes, OpenSearch, site and attachments on S3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.instance.opensearch import OpenSearch
from tests.faults.cluster import Cluster, cluster
from tests.flow.conftest import Gazette, write_lines
from tests.flow.test_documents import (
    test_a_document_number_is_found_in_every_spelling,  # noqa: F401 - collected here again
    test_every_document_has_its_page_and_verify_says_equal,  # noqa: F401
    test_pushing_all_again_changes_nothing,  # noqa: F401
    test_the_first_hit_for_a_title_has_that_title,  # noqa: F401
)
from tests.flow.test_faults import DOCUMENTS, lines, pushing
from tests.s3 import BUCKET, S3Server, variables

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow, pytest.mark.long]

DEBIAN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def debian_postgres() -> Iterator[str]:
    """Run Debian's PostgreSQL 15 on a socket; give the address of its database `gazette`."""
    if not (DEBIAN / "initdb").exists():
        pytest.skip("needs Debian's postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="gazette-pg15-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(*words: object) -> None:
        subprocess.run(
            [str(word) for word in words], check=True, capture_output=True, user=user, cwd=folder
        )

    run(DEBIAN / "initdb", "-D", data, "-U", "gazette", "-A", "trust", "-E", "UTF8", "--locale=C")
    run(
        DEBIAN / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o",
        f"-k {folder} -c listen_addresses= -c max_connections=200", "start",
    )  # fmt: skip
    try:
        run(DEBIAN / "createdb", "-h", folder, "-U", "gazette", "gazette")
        yield f"postgresql+psycopg://gazette@/gazette?host={folder}"
    finally:
        run(DEBIAN / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three NATS nodes."""
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory,
    shared_data: Path,
    nodes: Cluster,
    opensearch: OpenSearch,
    s3: S3Server,
) -> Iterator[tuple[Gazette, list[Path]]]:
    """An instance on the clusters that holds the documents, and the files that were pushed."""
    folder = tmp_path_factory.mktemp("clusters")
    tool = shared_data.parent / "tools" / "as_intake.py"
    subprocess.run(
        [sys.executable, tool, shared_data / "documents.jsonl", folder / "lines"],
        check=True,
        capture_output=True,
    )
    files = sorted((folder / "lines").glob("*.jsonl"))
    with debian_postgres() as database:
        running = Gazette(folder / "data", folder / "log")
        running.settings = variables(s3.url) | {
            "GAZETTE_DATABASE_URL": database,
            "GAZETTE_NATS_URL": nodes.url,
            "GAZETTE_SEARCH_URL": f"{opensearch.url}/clusters-{os.getpid()}",
            "GAZETTE_SITE_STORE": f"s3://{BUCKET}/clusters-{os.getpid()}/site",
            "GAZETTE_BLOBS_URL": f"s3://{BUCKET}/clusters-{os.getpid()}/blobs",
        }
        running.start()
        for file in files:
            running.department(file.stem)
        running.run("push", *files, seconds=900)
        yield running, files
        running.stop()


def test_nothing_is_embedded(loaded: tuple[Gazette, list[Path]]) -> None:
    """Record, events, index, site and attachments all lie elsewhere than in the data folder."""
    gazette, _ = loaded
    for name in ("postgres", "jetstream", "search"):
        assert not (gazette.folder / name / "PG_VERSION").exists()
        assert not any(path.is_file() for path in (gazette.folder / name).rglob("*"))
    assert not any(path.is_file() for path in (gazette.folder / "site").rglob("*"))


def test_the_stores_of_all_nodes_are_lost_under_load(
    loaded: tuple[Gazette, list[Path]], nodes: Cluster, tmp_path: Path
) -> None:
    """Every node is killed and its store deleted in the middle of a push: all is there within two minutes."""
    gazette, _ = loaded
    gazette.department("load")
    path = write_lines(tmp_path / "load.jsonl", lines(DOCUMENTS, "集群"))
    push = pushing(gazette, "load", path)
    for node in nodes.nodes.values():
        node.kill()
        shutil.rmtree(node.folder / "jetstream", ignore_errors=True)
    for node in nodes.nodes.values():
        node.launch()
    out, _ = push.communicate(timeout=600)
    assert push.returncode == 0, out.decode()
    gazette.equal(120)
    assert gazette.search("集群", size=1)["total"] >= DOCUMENTS
    assert gazette.run("parked", "list").stdout.startswith("没有")
