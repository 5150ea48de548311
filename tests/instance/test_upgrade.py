"""An upgrade: from the first revisions, with data in them, to this program's, or back to where it was."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from services.instance.backup.archive import Archive, MadeByNewer
from services.instance.backup.attachments import Attachments
from services.instance.backup.schemas import heads
from services.instance.backup.tables import SERVICES
from services.instance.backup.take import Source
from services.instance.backup.upgrade import RolledBack, StillRunning, upgrade
from shared.db import migrate, migrate_together
from shared.leader import plain_url

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def first(empty_database_url: str) -> str:
    """A database as the first revisions made it, with a department, an item and a subscriber in it."""
    for service in SERVICES:
        migrate(empty_database_url, [service], revision="0001")
    with psycopg.connect(plain_url(empty_database_url)) as connection:
        connection.execute(
            "INSERT INTO catalog.department (code, names) VALUES ('roads', '{\"zh-Hans\": \"公路局\"}')"
        )
        connection.execute(
            "INSERT INTO catalog.outbox (event_id, stream, subject, body) "
            "VALUES ('e1', 'RECORD', 'record.roads.x', '{\"data\":{}}')"
        )
        connection.execute(
            "INSERT INTO catalog.item (item_id, department, source_id, version, state, content_sha256, url, "
            "published_at, updated_at, notice_version, history, outbox_id) SELECT gen_random_uuid(), 'roads', 'one', 1, "
            "'published', 'x', '/roads/2026/1/', now(), now(), 1, '[]', outbox_id FROM catalog.outbox"
        )
    return empty_database_url


def source(url: str, tmp_path: Path) -> Source:
    """Return what an upgrade works on."""
    return Source(url, Attachments(tmp_path / "blobs"), None, {})


def revision_of(url: str, service: str) -> str:
    """Return a service's revision."""
    with psycopg.connect(plain_url(url)) as connection:
        row = connection.execute(f"SELECT version_num FROM {service}.alembic_version").fetchone()
    assert row is not None
    return str(row[0])


def test_from_the_first_revisions(first: str, tmp_path: Path) -> None:
    """A backup of the old state is made, every schema is at its newest, the data is there; a second time nothing happens."""
    done = upgrade(source(first, tmp_path), tmp_path / "before.gazette", now=NOW)
    assert {name: revision_of(first, name) for name in SERVICES} == heads()
    assert done.changes["catalog"] == ("0001", heads()["catalog"])
    with psycopg.connect(plain_url(first)) as connection:
        assert connection.execute("SELECT source_id FROM catalog.item").fetchall() == [("one",)]
    with Archive(tmp_path / "before.gazette") as archive:
        archive.verify()
        assert set(archive.manifest.revisions.values()) == {"0001"}
        assert archive.manifest.figures["items"] == 1
    again = upgrade(source(first, tmp_path), tmp_path / "again.gazette", now=NOW)
    assert not again.changes
    assert not (tmp_path / "again.gazette").exists()


def test_a_failure_in_the_last_schema_leaves_every_schema_as_it_was(
    first: str, tmp_path: Path
) -> None:
    """When a migration fails, those before it are undone as well, and the refusal names the backup."""
    with psycopg.connect(plain_url(first)) as connection:
        connection.execute("CREATE TABLE publisher.purge (in_the_way int)")
    with pytest.raises(RolledBack, match="kept"):
        upgrade(source(first, tmp_path), tmp_path / "kept.gazette", now=NOW)
    assert {revision_of(first, name) for name in SERVICES} == {"0001"}
    assert (tmp_path / "kept.gazette").exists()


def test_a_database_of_a_newer_program_is_left_alone(first: str, tmp_path: Path) -> None:
    """An older program says so and changes nothing."""
    with psycopg.connect(plain_url(first)) as connection:
        connection.execute("UPDATE search.alembic_version SET version_num = '9999'")
    with pytest.raises(MadeByNewer, match="search 9999"):
        upgrade(source(first, tmp_path), tmp_path / "no.gazette", now=NOW)
    assert revision_of(first, "catalog") == "0001"
    assert not (tmp_path / "no.gazette").exists()


def test_running_services_are_named(first: str, tmp_path: Path) -> None:
    """Nothing is migrated below a running service."""
    with (
        psycopg.connect(plain_url(first), application_name="catalog"),
        pytest.raises(StillRunning, match="catalog"),
    ):
        upgrade(source(first, tmp_path), tmp_path / "no.gazette", now=NOW)
    assert revision_of(first, "catalog") == "0001"


def test_together_is_the_same_as_one_by_one(empty_database_url: str) -> None:
    """From nothing, one transaction makes every schema."""
    migrate_together(empty_database_url, list(SERVICES))
    assert {name: revision_of(empty_database_url, name) for name in SERVICES} == heads()
