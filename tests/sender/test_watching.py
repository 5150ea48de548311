"""A watched folder against a real catalog: once each, never half, never twice."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.sender import watching as watching_
from services.sender.packages import write_package
from services.sender.pushing import Progress, Result, http_wire, push
from services.sender.reading import Line, read_paths
from services.sender.watching import Watch, outcome_path, read_outcome
from tests.catalog.desk import Desk, Sender, data, open_desk
from tests.sender.test_packages import NOW, seed_file

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened


@pytest.fixture
async def sender(desk: Desk) -> Sender:
    """Add a department whose key the client carries."""
    found = await desk.department()
    desk.client.headers.update(found.headers)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that is watched."""
    place = tmp_path / "drop"
    place.mkdir()
    return place


def watching(sender: Sender, folder: Path, **more: Any) -> Watch:
    """Return a watch that has just been started; nothing has to settle unless the test says so."""
    api = sender.desk.client

    async def send(lines: Sequence[Line]) -> Result:
        return await push(
            lines,
            sender.code,
            wire=http_wire(api),
            api=api,
            visible_within=None,
            progress=Progress(),
        )

    options = {"settle": 0.0, "patience": 60.0} | more
    return Watch(folder, sender.code, send, lambda: datetime.now(UTC), **options)


def drop(folder: Path, name: str, *rows: dict[str, Any]) -> Path:
    """Write a list of items as an export does."""
    path = folder / name
    if name.endswith(".jsonl"):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        text = json.dumps(rows[0] if len(rows) == 1 else rows, ensure_ascii=False, indent=2)
    path.write_text(text, "utf-8")
    return path


def row(source_id: str, **changes: Any) -> dict[str, Any]:
    """Return an item of a list."""
    return {"source_id": source_id, "data": data(**changes)}


def results(entry: Path) -> list[tuple[str, str]]:
    """Return source ids and outcomes in the file beside *entry*."""
    return [(one["source_id"], one["outcome"]) for one in read_outcome(entry)["results"]]


async def test_every_kind_of_package_is_sent(sender: Sender, folder: Path) -> None:
    """A list, a pretty list of several, a CloudEvent and a folder with a file each get an outcome beside them."""
    one = drop(folder, "one.jsonl", row("one"), row("two"))
    many = drop(folder, "many.json", row("three"), row("four"))
    event = {
        "specversion": "1.0", "id": "oa-1", "source": f"/departments/{sender.code}", "subject": "five",
        "type": "org.opengazette.item.published.v1", "data": data(),
    }  # fmt: skip
    cloud = drop(folder, "cloud.json", event)
    inside = folder / "pkg"
    (inside / "附件").mkdir(parents=True)
    (inside / "附件" / "表.csv").write_text("村,户\n", "utf-8")
    drop(inside, "item.json", row("six", attachments=[{"file": "附件/表.csv"}]))
    assert await watching(sender, folder).look() == 0
    assert results(one) == [("one", "accepted"), ("two", "accepted")]
    assert results(many) == [("three", "accepted"), ("four", "accepted")]
    assert results(cloud) == [("five", "accepted")]
    assert read_outcome(cloud)["results"][0]["id"] == "oa-1"
    assert results(inside) == [("six", "accepted")]
    public = (await sender.look("six")).json()["public"]
    assert public["attachments"][0]["name"] == "表.csv"


async def test_nothing_is_sent_twice_over_restarts(sender: Sender, folder: Path) -> None:
    """A new watch on the same folder sends nothing again, also when the outcome was never written."""
    entry = drop(folder, "a.json", row("a"))
    await watching(sender, folder).look()
    first = read_outcome(entry)
    await watching(sender, folder).look()
    assert read_outcome(entry) == first
    outcome_path(entry).unlink()  # as if the power had failed between the answer and the file
    await watching(sender, folder).look()
    again = read_outcome(entry)
    assert again["results"] == first["results"]
    assert await sender.versions("a") == [1]


async def test_a_changed_package_is_a_new_one(sender: Sender, folder: Path) -> None:
    """Other content under the same name is sent again; the old content again after that counts as well."""
    watch = watching(sender, folder)
    for turn, title in enumerate(("一", "二", "一"), start=1):
        entry = drop(folder, "a.json", row("a", title=title))
        await watch.look()
        assert read_outcome(entry)["round"] == turn
        assert (await sender.look("a")).json()["public"]["title"] == title
    assert await sender.versions("a") == [1, 2, 3]


async def test_half_written_files_wait(sender: Sender, folder: Path) -> None:
    """A list that breaks off, one whose file is missing and names of unfinished files are left alone until whole."""
    watch = watching(sender, folder)
    whole = json.dumps(row("a", attachments=[{"file": "表.csv"}]), ensure_ascii=False)
    entry = folder / "a.json"
    for length in (0, 1, len(whole) // 2, len(whole) - 1, len(whole)):
        entry.write_text(whole[:length], "utf-8")
        assert await watch.look() == 1
        assert not outcome_path(entry).exists()
    (folder / "b.json.part").write_text(json.dumps(row("b")), "utf-8")
    (folder / "表.csv").write_text("村,户\n", "utf-8")
    assert await watch.look() == 0
    assert results(entry) == [("a", "accepted")]
    assert sorted(path.name for path in folder.glob("*.outcome.json")) == ["a.json.outcome.json"]


async def test_what_changes_is_not_read_before_it_settles(sender: Sender, folder: Path) -> None:
    """Within the time to settle nothing is sent; each write begins it anew."""
    watch = watching(sender, folder, settle=0.4)
    entry = drop(folder, "a.jsonl", row("a"))
    assert await watch.look() == 1
    time.sleep(0.25)
    drop(folder, "a.jsonl", row("a"), row("b"))
    assert await watch.look() == 1
    time.sleep(0.25)
    assert await watch.look() == 1
    assert not outcome_path(entry).exists()
    time.sleep(0.25)
    assert await watch.look() == 0
    assert results(entry) == [("a", "accepted"), ("b", "accepted")]


async def test_what_never_becomes_whole_is_refused(sender: Sender, folder: Path) -> None:
    """After the patience the outcome says why; mended, it is sent."""
    watch = watching(sender, folder, patience=0.2)
    entry = folder / "a.json"
    entry.write_text('{"source_id": "a"', "utf-8")
    assert await watch.look() == 1
    time.sleep(0.3)
    assert await watch.look() == 0
    outcome = read_outcome(entry)
    assert outcome["good"] is False
    assert outcome["problems"][0]["code"] == "unreadable"
    drop(folder, "a.json", row("a"))
    assert await watch.look() == 0
    assert results(entry) == [("a", "accepted")]


async def test_a_rejected_item_says_why(sender: Sender, folder: Path) -> None:
    """What the catalog rejects has its problems in the outcome, and is not sent for ever."""
    entry = drop(folder, "a.json", row("a", catalogue="nosuch"))
    watch = watching(sender, folder)
    assert await watch.look() == 0
    outcome = read_outcome(entry)
    assert outcome["good"] is False
    assert outcome["results"][0]["problems"][0]["path"] == "/data/catalogue"
    assert await watch.look() == 0
    assert read_outcome(entry) == outcome


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "link.txt"])
async def test_lists_cannot_reach_out_of_the_folder(
    sender: Sender, folder: Path, name: str
) -> None:
    """A file elsewhere on the machine, by path or by link, is refused and not uploaded."""
    (folder.parent / "secret.txt").write_text("机器上的秘密")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    entry = drop(folder, "a.json", row("a", attachments=[{"file": name}]))
    await watching(sender, folder).look()
    assert read_outcome(entry)["problems"][0]["code"] == "outside_the_folder"
    assert await sender.desk.rows("SELECT 1 FROM catalog.blob") == []
    assert (await sender.look("a")).status_code == 404


async def test_a_list_is_judged_by_what_it_says_now(sender: Sender, folder: Path) -> None:
    """A list of the same size and time as one that was looked at before cannot bring a file from elsewhere."""
    (folder.parent / "x.txt").write_text("机器上的秘密")
    (folder / "abcx.txt").write_text("公开")
    entry = drop(folder, "a.json", row("a", attachments=[{"file": "abcx.txt"}]))
    watch = watching(sender, folder, settle=60.0)
    assert await watch.look() == 1
    stat = entry.stat()
    drop(folder, "a.json", row("a", attachments=[{"file": "../x.txt"}]))
    os.utime(entry, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (entry.stat().st_size, entry.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    watch.settle = 0.0
    await watch.look()  # what it says now has another digest than what was looked at: once more
    await watch.look()
    assert read_outcome(entry)["problems"][0]["code"] == "outside_the_folder"
    assert await sender.desk.rows("SELECT 1 FROM catalog.blob") == []


async def test_a_list_that_changes_while_it_is_read_brings_nothing(
    sender: Sender, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of what was read are judged themselves, not only the names that stood there a moment before."""
    (folder.parent / "secret.txt").write_text("机器上的秘密")
    entry = drop(folder, "a.json", row("a"))

    def changed(paths: Sequence[Path]) -> list[Line]:
        drop(folder, "a.json", row("a", attachments=[{"file": "../secret.txt"}]))
        return read_paths(paths)

    monkeypatch.setattr(watching_, "read_paths", changed)
    sent: list[Sequence[Line]] = []
    watch = watching(sender, folder)
    watch.send = sent.append  # type: ignore[assignment]
    await watch.look()
    assert sent == []
    assert not outcome_path(entry).exists()  # it changed under our hands: it is judged anew


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.zip"])
async def test_what_is_nested_too_deeply_holds_up_nobody(
    sender: Sender, folder: Path, name: str
) -> None:
    """It is refused after the patience like everything that makes no sense, and what lies beside it is sent."""
    deep = b"[" * 100_000
    (folder / name).write_bytes(deep)
    if name == "a.zip":
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("package.json", "{}")
            archive.writestr("signature.json", deep)
    (folder / "b.json.outcome.json").write_bytes(deep)
    other = drop(folder, "b.json", row("b"))
    watch = watching(sender, folder, patience=0.1)
    await watch.look()
    time.sleep(0.2)
    assert await watch.look() == 0
    assert results(other) == [("b", "accepted")]
    assert read_outcome(folder / name)["good"] is False


async def test_another_departments_package_is_refused(sender: Sender, folder: Path) -> None:
    """A CloudEvent of another department is not published under this one."""
    event = {
        "specversion": "1.0",
        "id": "x",
        "source": "/departments/other",
        "subject": "a",
        "data": data(),
    }
    entry = drop(folder, "a.json", event)
    await watching(sender, folder).look()
    assert read_outcome(entry)["problems"][0]["code"] == "other_department"
    assert (await sender.look("a")).status_code == 404


async def test_signed_packages_are_taken_once(sender: Sender, folder: Path, tmp_path: Path) -> None:
    """A trusted package is published; copied twice it is one; a stranger's is refused; unsigned lists can be kept out."""
    seed, key = seed_file(tmp_path)
    source = drop(tmp_path, "list.json", row("a"))
    lines = read_paths([source])
    write_package(lines, sender.code, seed, folder / "p.zip", now=NOW)
    (folder / "copy.zip").write_bytes((folder / "p.zip").read_bytes())
    other, _ = seed_file(tmp_path, "other.nk")
    write_package([replace(lines[0], source_id="b")], sender.code, other, folder / "q.zip", now=NOW)
    plain = drop(folder, "plain.json", row("c"))
    watch = watching(sender, folder, trusted={key}, signed_only=True)
    assert await watch.look() == 0
    first, second = read_outcome(folder / "p.zip"), read_outcome(folder / "copy.zip")
    assert first["signed_by"] == key
    assert results(folder / "p.zip") == [("a", "accepted")]
    assert second["results"] == first["results"]
    assert await sender.versions("a") == [1]
    assert read_outcome(folder / "q.zip")["problems"][0]["code"] == "unknown_signer"
    assert read_outcome(plain)["problems"][0]["code"] == "bad_package"
    assert (await sender.look("b")).status_code == (await sender.look("c")).status_code == 404


async def test_a_catalog_that_is_away_loses_nothing(sender: Sender, folder: Path) -> None:
    """While nothing can be sent no outcome is written; when the way is open again the package is sent."""
    entry = drop(folder, "a.json", row("a"))
    watch = watching(sender, folder)
    send = watch.send

    async def away(_: Sequence[Line]) -> Result:
        raise httpx.ConnectError("no route")

    watch.send = away
    with pytest.raises(httpx.ConnectError):
        await watch.look()
    assert not outcome_path(entry).exists()
    watch.send = send
    assert await watch.look() == 0
    assert results(entry) == [("a", "accepted")]


async def test_outcomes_are_whole_and_no_packages(sender: Sender, folder: Path) -> None:
    """An outcome is renamed into its place, and is not taken for a package itself."""
    drop(folder, "a.json", row("a"))
    watch = watching(sender, folder)
    await watch.look()
    await watch.look()
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.json.outcome.json"]
