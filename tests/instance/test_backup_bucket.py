"""Attachments in a bucket go into a backup and come back into a bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from services.instance.backup.archive import Archive
from services.instance.backup.attachments import Attachments
from services.instance.backup.restore import NotEmpty, Target, restore
from services.instance.backup.take import Source, take_backup
from shared.leader import plain_url
from shared.objects import Bucket

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FILE = b"bytes" * 500_000
DIGEST = sha256(FILE).hexdigest()
KEY = f"public/{DIGEST[:2]}/{DIGEST}"


@pytest.mark.usefixtures("gate")
def test_a_bucket_comes_back(
    database_url: str, empty_database_url: str, bucket_address: str, tmp_path: Path
) -> None:
    """Every byte is in the other bucket, in the same area; a bucket with files in it is refused."""
    old, new = f"{bucket_address}/old", f"{bucket_address}/new"
    Bucket(old).write(KEY, FILE, {})
    with psycopg.connect(plain_url(database_url)) as connection:
        connection.execute("INSERT INTO catalog.department (code, names) VALUES ('roads', '{}')")
        connection.execute(
            "INSERT INTO catalog.blob (department, sha256, size, referenced) VALUES ('roads', %s, %s, true)",
            [DIGEST, len(FILE)],
        )
    file = tmp_path / "one.gazette"
    take_backup(Source(database_url, Attachments(old), None, {}), file, now=NOW)
    with Archive(file) as archive:
        archive.verify()
        with pytest.raises(NotEmpty, match="old"):
            restore(
                archive, Target({"database_url": empty_database_url, "blobs_url": old}), now=NOW
            )
        restore(archive, Target({"database_url": empty_database_url, "blobs_url": new}), now=NOW)
    found = Bucket(new).read(KEY)
    assert found is not None
    assert found[1] == FILE
