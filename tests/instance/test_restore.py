"""What a restore refuses, and that it leaves nothing behind when it does."""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from services.instance.backup import archive as archives
from services.instance.backup.archive import AlreadyThere, Archive, Damaged, MadeByNewer
from services.instance.backup.attachments import Attachments
from services.instance.backup.restore import NotEmpty, Target, restore
from services.instance.backup.take import Source, take_backup
from services.instance.backup.withdrawn import NotReadable, holding_leaks, known_since
from services.instance.folder import UNFINISHED, DataFolder, HalfRestored
from shared.leader import plain_url

NOW = datetime(2026, 11, 23, tzinfo=UTC)
FILE = b"a form"
DIGEST = sha256(FILE).hexdigest()


@pytest.fixture
def made(database_url: str, tmp_path: Path) -> Path:
    """A backup with one department and one held attachment that lies in `public`, as if just published."""
    with psycopg.connect(plain_url(database_url)) as connection:
        connection.execute(
            "INSERT INTO catalog.department (code, names) VALUES ('roads', '{\"zh-Hans\": \"公路局\"}')"
        )
        connection.execute(
            "INSERT INTO catalog.blob (department, sha256, size) VALUES ('roads', %s, 6)", [DIGEST]
        )
    place = tmp_path / "blobs" / "public" / DIGEST[:2] / DIGEST
    place.parent.mkdir(parents=True)
    place.write_bytes(FILE)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "token").write_text("secret-token")
    source = Source(
        database_url, Attachments(tmp_path / "blobs"), tmp_path / "old", {"GAZETTE_X": "it's so"}
    )
    take_backup(source, tmp_path / "one.gazette", now=NOW)
    return tmp_path / "one.gazette"


def test_it_comes_back(made: Path, empty_database_url: str, tmp_path: Path) -> None:
    """Keys, settings, tables and attachments come back; what the record does not publish stays out of reach; a new epoch."""
    data = tmp_path / "new"
    with Archive(made) as archive:
        archive.verify()
        done = restore(archive, Target({"database_url": empty_database_url}, data), now=NOW)
        assert done.epoch != archive.manifest.epoch
    assert (data / "token").read_text() == "secret-token"
    assert (data / "restored-settings.env").read_text() == "GAZETTE_X='it'\"'\"'s so'\n"
    assert (data / "restored-settings.env").stat().st_mode & 0o777 == 0o600
    assert (data / "blobs" / "held" / DIGEST[:2] / DIGEST).read_bytes() == FILE
    assert not (data / "blobs" / "public" / DIGEST[:2] / DIGEST).exists()
    with psycopg.connect(plain_url(empty_database_url)) as connection:
        assert connection.execute("SELECT code FROM catalog.department").fetchall() == [("roads",)]
        assert connection.execute("SELECT epoch FROM catalog.head").fetchone() == (done.epoch,)


def test_an_existing_file_is_not_overwritten(made: Path, database_url: str, tmp_path: Path) -> None:
    """A second backup to the same name is refused and the first is as it was, with nothing beside it."""
    before = made.read_bytes()
    with pytest.raises(AlreadyThere):
        take_backup(Source(database_url, Attachments(tmp_path / "blobs"), None, {}), made, now=NOW)
    assert made.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.gazette*")] == ["one.gazette"]
    assert not list(tmp_path.glob(".one*"))


def test_a_disk_without_links_takes_a_backup(
    made: Path, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On exFAT and on many shares a backup gets its name as well, and overwrites nothing."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    source = Source(database_url, Attachments(tmp_path / "blobs"), None, {})
    take_backup(source, tmp_path / "two.gazette", now=NOW)
    with Archive(tmp_path / "two.gazette") as archive:
        archive.verify()
    monkeypatch.setattr(Path, "exists", lambda _: False)  # it came while the other was written
    with pytest.raises(AlreadyThere):
        take_backup(source, made, now=NOW)
    assert [path.name for path in tmp_path.glob(".*.gazette*")] == []


def test_a_folder_with_something_in_it_is_refused(made: Path, tmp_path: Path) -> None:
    """What lies in the folder stays."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("kept")
    with Archive(made) as archive, pytest.raises(NotEmpty):
        restore(archive, Target({}, tmp_path / "full"), now=NOW)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_database_with_our_schemas_is_refused(
    made: Path, database_url: str, tmp_path: Path
) -> None:
    """A restore never goes over a record; the folder is left as empty as it was."""
    with Archive(made) as archive, pytest.raises(NotEmpty, match="catalog"):
        restore(archive, Target({"database_url": database_url}, tmp_path / "new"), now=NOW)
    assert not any((tmp_path / "new").iterdir())


@pytest.mark.parametrize("at", [0.2, 0.5, 0.9])
def test_a_flipped_bit_is_found(made: Path, at: float) -> None:
    """Wherever a bit of a member is flipped, the check refuses the backup."""
    raw = bytearray(made.read_bytes())
    with Archive(made) as archive:
        names = sorted(archive._entries.values(), key=lambda entry: entry.offset_data)
        members = [entry for entry in names if entry.size and not entry.name.startswith("manifest")]
        entry = members[int(len(members) * at)]
    raw[entry.offset_data + entry.size // 2] ^= 4
    made.write_bytes(raw)
    with pytest.raises(Damaged, match=entry.name), Archive(made) as archive:
        archive.verify()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.97])
def test_a_backup_that_was_cut_short_is_refused(made: Path, share: float) -> None:
    """Without its last bytes it is no backup."""
    raw = made.read_bytes().rstrip(b"\0")  # what tar fills its last block with says nothing
    made.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(Damaged):
        Archive(made).verify()


def test_a_newer_format_is_refused(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program says that it has to be upgraded first."""
    monkeypatch.setattr("services.instance.backup.take.FORMAT", archives.FORMAT + 1)
    file = tmp_path / "newer.gazette"
    take_backup(Source(database_url, Attachments(tmp_path / "blobs"), None, {}), file, now=NOW)
    with pytest.raises(MadeByNewer):
        Archive(file)


def test_newer_tables_are_refused(made: Path, database_url: str, tmp_path: Path) -> None:
    """A backup whose tables this program does not know is refused before anything is made."""
    with psycopg.connect(plain_url(database_url)) as connection:
        connection.execute("UPDATE notifier.alembic_version SET version_num = '9999'")
    file = tmp_path / "newer.gazette"
    take_backup(Source(database_url, Attachments(tmp_path / "blobs"), None, {}), file, now=NOW)
    with Archive(file) as archive, pytest.raises(MadeByNewer, match="notifier 9999"):
        restore(archive, Target({}, tmp_path / "new"), now=NOW)
    assert not (tmp_path / "new").exists()


def test_a_restore_that_did_not_end_is_not_started(tmp_path: Path) -> None:
    """A folder in which a restore was killed is refused, whoever wants to run on it."""
    (tmp_path / UNFINISHED).touch()
    with pytest.raises(HalfRestored):
        DataFolder(tmp_path).take()


def test_the_public_feed_says_what_was_withdrawn_since(made: Path, tmp_path: Path) -> None:
    """Saved pages of the feed, a document or one a line, name what to withdraw again; the last word on an item counts."""
    entry = {"item_id": "i", "source": "/departments/roads", "subject": "one", "reason": "保密法"}
    pages = [
        {"records": [entry | {"state": "published"}, entry | {"state": "gone", "subject": "two"}]},
        {
            "records": [
                entry | {"state": "vanish"},
                entry | {"state": "published", "subject": "two"},
            ]
        },
    ]
    saved = tmp_path / "feed.json"
    saved.write_text("\n".join(json.dumps(page) for page in pages))
    with Archive(made) as archive:
        [known] = known_since(archive, [saved]).withdrawn
        assert (known.department, known.source_id, known.kind) == ("roads", "one", "vanish")
        saved.write_text("no feed")
        with pytest.raises(NotReadable):
            known_since(archive, [saved])


def test_the_public_feed_says_what_was_sealed_since(made: Path, tmp_path: Path) -> None:
    """Pages with full events name the sealed versions of the newest state, with the time that tells them apart."""
    history = [
        {"version": 1, "at": "2026-11-20T01:00:00Z", "change": "major", "sealed": True},
        {"version": 2, "at": "2026-11-21T01:00:00Z", "change": "minor"},
    ]
    entry = {"item_id": "i", "source": "/departments/roads", "subject": "one", "state": "published"}
    saved = tmp_path / "feed.json"
    saved.write_text(
        json.dumps({"records": [entry | {"event": {"data": {"history": history}}}, entry]})
    )
    with Archive(made) as archive:
        assert list(known_since(archive, [saved]).sealed) == []
        saved.write_text(
            json.dumps({"records": [entry | {"event": {"data": {"history": history}}}]})
        )
        [known] = known_since(archive, [saved]).sealed
    assert (known.department, known.source_id, known.version) == ("roads", "one", 1)
    assert known.at == datetime(2026, 11, 20, 1, tzinfo=UTC)


def test_a_backup_knows_what_was_sealed(made: Path, database_url: str, tmp_path: Path) -> None:
    """A newer backup names sealed versions for the restore of an older one, and warns of those that hold them in clear."""
    with psycopg.connect(plain_url(database_url)) as connection:
        connection.execute(
            "INSERT INTO catalog.outbox (outbox_id, event_id, stream, subject, body) "
            "OVERRIDING SYSTEM VALUE VALUES (1, 'e', 'RECORD', 's', '')"
        )
        connection.execute(
            "INSERT INTO catalog.item (item_id, department, source_id, version, state, content_sha256, url, published_at, "
            "updated_at, notice_version, history, outbox_id) VALUES ('00000000-0000-7000-8000-000000000001', 'roads', "
            "'one', 1, 'published', '', '/roads/2026/1/', now(), now(), 1, '[]', 1)"
        )
        connection.execute(
            "INSERT INTO catalog.version (item_id, version, at, change, sha256, outbox_id) VALUES "
            "('00000000-0000-7000-8000-000000000001', 1, %s, 'major', '', 1)",
            [NOW - timedelta(days=1)],
        )
    newer = tmp_path / "two.gazette"
    source = Source(database_url, Attachments(tmp_path / "blobs"), None, {})
    take_backup(source, newer, now=NOW + timedelta(days=1))
    with Archive(made) as archive:
        [known] = known_since(archive, [newer]).sealed
    assert (known.source_id, known.version, known.at) == ("one", 1, NOW - timedelta(days=1))
    assert holding_leaks(newer, [made]) == [made]
