"""Attachments: stored whole and true, known for what they are, held ones out of reach."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import threading
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.catalog import blobs as blobs_
from services.catalog.actions.store_blob import REMOVING, sweep_blobs
from services.catalog.blobs import (
    BadDigest,
    Blobs,
    BlobTooLarge,
    NoSuchBlob,
    WrongDigest,
    open_blobs,
)
from services.catalog.sniff import judge, judge_kind, kind_of, media_type_of
from shared.objects import Bucket, StoreUnreachable
from shared.session import together
from tests.catalog.desk import Desk, data, open_desk
from tests.s3 import Gate

CONTENT = "附件内容".encode() * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


async def stream(content: bytes, chunk: int = 1000) -> AsyncIterator[bytes]:
    """Yield *content* in pieces, as a request does."""
    for start in range(0, len(content), chunk):
        yield content[start : start + chunk]


def everything(folder: Path) -> list[str]:
    """Return every file below *folder*."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_file_is_stored_under_its_digest(tmp_path: Path) -> None:
    """It arrives in the held area, whole, and storing it again changes nothing."""
    blobs = Blobs(tmp_path)
    assert await blobs.put(stream(CONTENT), SHA) == len(CONTENT)
    assert await blobs.put(stream(CONTENT), SHA) == len(CONTENT)
    assert everything(tmp_path) == [f"held/{SHA[:2]}/{SHA}"]
    assert b"".join([chunk async for chunk in blobs.read(SHA)]) == CONTENT


@pytest.mark.parametrize(
    ("content", "sha256", "limit", "refusal", "status"),
    [
        (CONTENT + b"x", SHA, 10**6, WrongDigest, 422),
        (CONTENT, SHA, len(CONTENT) - 1, BlobTooLarge, 413),
        (CONTENT, SHA.upper(), 10**6, BadDigest, 422),
        (CONTENT, "../../etc/passwd", 10**6, BadDigest, 422),
    ],
)
async def test_a_refused_file_leaves_nothing(
    tmp_path: Path, content: bytes, sha256: str, limit: int, refusal: type[Exception], status: int
) -> None:
    """Wrong bytes, too many of them or a wrong name are refused in both languages, and nothing stays behind."""
    with pytest.raises(refusal) as caught:
        await Blobs(tmp_path).put(stream(content), sha256, limit)
    assert everything(tmp_path) == []
    assert getattr(caught.value, "status", None) == status
    assert " / " in str(caught.value)


async def test_a_broken_upload_leaves_nothing(tmp_path: Path) -> None:
    """When the sender goes away in the middle, the half file goes too."""

    async def breaks() -> AsyncIterator[bytes]:
        yield CONTENT[:100]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await Blobs(tmp_path).put(breaks(), SHA)
    assert everything(tmp_path) == []


async def test_files_move_between_the_areas(tmp_path: Path) -> None:
    """Released, held again, removed: each is harmless when repeated."""
    blobs = Blobs(tmp_path)
    await blobs.put(stream(CONTENT), SHA)
    for area in ("public", "public", "held", "public"):
        await blobs.move(SHA, area)
        assert everything(tmp_path) == [f"{area}/{SHA[:2]}/{SHA}"]
    await blobs.put(stream(CONTENT), SHA)
    assert blobs.find(SHA) == (tmp_path / "public" / SHA[:2] / SHA, "public")
    await blobs.remove(SHA)
    await blobs.remove(SHA)
    assert everything(tmp_path) == []
    with pytest.raises(NoSuchBlob):
        await blobs.move(SHA, "public")
    with pytest.raises(NoSuchBlob):
        [chunk async for chunk in blobs.read(SHA)]


async def test_one_file_uploaded_many_times_at_once_is_one(tmp_path: Path) -> None:
    """Parallel uploads and moves of one file end with one whole file."""
    blobs = Blobs(tmp_path)
    await asyncio.gather(*(blobs.put(stream(CONTENT), SHA) for _ in range(8)))
    await asyncio.gather(*(blobs.move(SHA, "public") for _ in range(8)))
    assert everything(tmp_path) == [f"public/{SHA[:2]}/{SHA}"]


async def test_a_file_that_is_removed_while_it_comes_again_is_stored_again(tmp_path: Path) -> None:
    """What was there when an upload arrived, and is not when it is noted, is stored from the upload."""
    blobs = Blobs(tmp_path)
    await blobs.put(stream(CONTENT), SHA)
    async with blobs.arriving(stream(CONTENT), SHA) as arrived:
        await blobs.bring(arrived)
        await blobs.remove(SHA)
        await blobs.settle(arrived)
    assert everything(tmp_path) == [f"held/{SHA[:2]}/{SHA}"]


async def test_what_a_killed_upload_left_goes_after_a_day(tmp_path: Path) -> None:
    """Half files of yesterday are removed, what arrives now stays, and no file with a name is touched."""
    blobs = Blobs(tmp_path)
    await blobs.put(stream(CONTENT), SHA)
    now = datetime.now(UTC)
    for name, age in (("tmp0123", 25), ("gazette-arriving-1", 25), ("gazette-arriving-2", 23)):
        left = tmp_path / "arriving" / name
        left.write_bytes(b"half")
        then = (now - timedelta(hours=age)).timestamp()
        os.utime(left, (then, then))
    old = (now - timedelta(days=400)).timestamp()
    os.utime(blobs.path(SHA, "held"), (old, old))
    assert await blobs.sweep(now=now) == 2
    assert everything(tmp_path) == ["arriving/gazette-arriving-2", f"held/{SHA[:2]}/{SHA}"]


async def test_files_are_looked_at_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive with a long directory holds up nobody else."""
    threads: list[threading.Thread] = []
    monkeypatch.setattr(blobs_, "kind_of", lambda _: threads.append(threading.current_thread()))
    blobs = Blobs(tmp_path)
    await blobs.put(stream(CONTENT), SHA)
    await blobs.kinds([SHA])
    assert threads
    assert threading.main_thread() not in threads


async def test_nothing_is_noted_while_files_are_removed(desk: Desk) -> None:
    """An upload waits for a removal that has looked already, and stores what it took: no row without a file."""
    content = b"two departments have this file"
    sha256 = hashlib.sha256(content).hexdigest()
    one, other = await desk.department(), await desk.department()
    await one.upload(content)
    async with desk.db.sessions.begin() as session:
        await together(session, REMOVING)
        upload = asyncio.create_task(other.upload(content))
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with asyncio.timeout(20):
            while not await desk.rows(waits):
                assert not upload.done()
                await asyncio.sleep(0.02)
        await desk.doors.blobs.remove(sha256)
    assert (await upload).status_code == 201
    outcome = await other.push("s", data(attachments=[described(content)]))
    assert outcome["outcome"] == "accepted"


async def test_an_upload_that_nobody_refers_to_goes_after_a_week(desk: Desk) -> None:
    """Its row and file go; one that an item refers to, or that waits with an item, stays."""
    sender = await desk.department()
    contents = [b"nobody refers to me", b"an item does", b"an item that waits does"]
    for content in contents:
        await sender.upload(content)
    await sender.push("s", data(attachments=[described(contents[1])]))
    await sender.push("w", data(review=None, attachments=[described(contents[2])]))
    soon, later = datetime.now(UTC) + timedelta(days=6), datetime.now(UTC) + timedelta(days=8)
    assert await sweep_blobs(desk.db.sessions, desk.doors.blobs, now=soon) == 0
    assert await sweep_blobs(desk.db.sessions, desk.doors.blobs, now=later) >= 1
    kinds = await desk.doors.blobs.kinds([described(content)["sha256"] for content in contents])
    assert set(kinds) == {described(content)["sha256"] for content in contents[1:]}


def described(content: bytes) -> dict[str, Any]:
    """Return a text file as an attachment."""
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": "a.txt", "media_type": "text/plain", "sha256": sha256, "size": len(content)}


def packed(*names: str, **contents: bytes) -> bytes:
    """Return a zip archive with these entries."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name in names:
            archive.writestr(name, contents.get(name, b"x"))
    return raw.getvalue()


def workbook() -> bytes:
    """Return a real spreadsheet."""
    raw = io.BytesIO()
    openpyxl.Workbook().save(raw)
    return raw.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument."
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
DOCX = packed("[Content_Types].xml", "word/document.xml")
GOOD = [
    ("a.pdf", b"%PDF-1.7\n", "application/pdf"),
    ("a.docx", DOCX, f"{OFFICE}wordprocessingml.document"),
    ("a.xlsx", workbook(), f"{OFFICE}spreadsheetml.sheet"),
    (
        "a.pptx",
        packed("[Content_Types].xml", "ppt/presentation.xml"),
        f"{OFFICE}presentationml.presentation",
    ),
    ("a.doc", OLE, "application/msword"),
    ("a.xls", OLE, "application/vnd.ms-excel"),
    ("a.wps", OLE, "application/octet-stream"),
    ("a.ofd", packed("OFD.xml", "Doc_0/Document.xml"), "application/ofd"),
    ("a.zip", packed("名单.txt"), "application/zip"),
    ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
    ("a.JPEG", b"\xff\xd8\xff\xe0", "image/jpeg"),
    ("a.gif", b"GIF89a", "image/gif"),
    ("a.webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ("a.mp3", b"ID3\x04", "audio/mpeg"),
    ("a.mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    ("a.txt", "中文".encode(), "text/plain; charset=utf-8"),
    ("a.txt", "中文".encode("gb18030"), "text/plain"),
    ("a.txt", ("中" * 3000).encode(), "text/plain"),
    ("a.csv", "序号,姓名\n1,甲".encode(), "text/csv"),
    ("a.json", b'{"a": 1}', "application/json"),
]


@pytest.mark.parametrize(("name", "content", "media_type"), GOOD)
def test_honest_files_are_taken(tmp_path: Path, name: str, content: bytes, media_type: str) -> None:
    """Bytes, extension and declared type that agree are no problem."""
    path = tmp_path / "blob"
    path.write_bytes(content)
    assert judge(path, name, media_type, ("data", "attachments", 0)) == []
    assert media_type_of(name) != "application/octet-stream"


BAD = [
    ("a.pdf", DOCX, "application/pdf", "type_mismatch"),
    ("a.docx", workbook(), f"{OFFICE}wordprocessingml.document", "type_mismatch"),
    ("a.docx", packed("x.txt"), f"{OFFICE}wordprocessingml.document", "type_mismatch"),
    ("a.png", b"\xff\xd8\xff\xe0", "image/png", "type_mismatch"),
    ("a.png", b"\x89PNG\r\n\x1a\n", "image/jpeg", "type_mismatch"),
    ("a.txt", b"%PDF-1.7", "text/plain", "type_mismatch"),
    ("a.txt", b"a\x00b", "text/plain", "type_mismatch"),
    ("a.pdf", b"MZ\x90", "application/pdf", "type_not_allowed"),
    ("a.txt", b"\x7fELF", "text/plain", "type_not_allowed"),
    ("a.txt", b"#!/bin/sh\n", "text/plain", "type_not_allowed"),
    ("a.txt", b"\n <!DOCTYPE html><script>x</script>", "text/plain", "type_not_allowed"),
    ("a.xml", b"<?xml version='1.0'?><svg onload='x'/>", "text/xml", "type_not_allowed"),
    ("a.svg", b"<svg/>", "image/svg+xml", "type_not_allowed"),
    ("a.html", b"<p>x", "text/html", "type_not_allowed"),
    ("a.exe", b"MZ", "application/octet-stream", "type_not_allowed"),
    ("noextension", b"text", "text/plain", "type_not_allowed"),
    (
        "a.docx",
        packed("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
        "",
        "type_not_allowed",
    ),
    ("a.zip", packed("../../etc/passwd"), "application/zip", "unsafe_archive"),
    ("a.zip", b"PK\x03\x04 broken", "application/zip", "unsafe_archive"),
]


@pytest.mark.parametrize(("name", "content", "media_type", "code"), BAD)
def test_dishonest_or_dangerous_files_are_refused(
    tmp_path: Path, name: str, content: bytes, media_type: str, code: str
) -> None:
    """What lies about its type, or what a browser or machine would run, is refused with words in both languages."""
    path = tmp_path / "blob"
    path.write_bytes(content)
    problems = judge(path, name, media_type, ("data", "attachments", 0))
    assert [problem.code for problem in problems] == [code]
    assert problems[0].path.startswith("/data/attachments/0")
    assert " / " in problems[0].message


def test_an_empty_file_is_text(tmp_path: Path) -> None:
    """Nothing is wrong with no bytes."""
    path = tmp_path / "blob"
    path.touch()
    assert kind_of(path).extension == "txt"


# --- in a bucket


@pytest.fixture
def bucket(gate: Gate, bucket_address: str) -> Bucket:
    """An empty place in a real S3 server."""
    return Bucket(bucket_address)


def every_object(bucket: Bucket) -> list[str]:
    """Return the key of every object."""
    return sorted(key for area in ("public", "held") for some in bucket.keys(area) for key in some)


async def test_a_bucket_does_what_a_folder_does(bucket: Bucket) -> None:
    """Stored, stored again, released, held again, read, removed: as in a folder, each harmless when repeated."""
    blobs = open_blobs(bucket.address)
    assert await blobs.put(stream(CONTENT), SHA) == len(CONTENT)
    assert await blobs.put(stream(CONTENT), SHA) == len(CONTENT)
    assert every_object(bucket) == [f"held/{SHA[:2]}/{SHA}"]
    for area in ("public", "public", "held", "public"):
        await blobs.move(SHA, area)
        assert every_object(bucket) == [f"{area}/{SHA[:2]}/{SHA}"]
    await blobs.put(stream(CONTENT), SHA)
    assert every_object(bucket) == [f"public/{SHA[:2]}/{SHA}"]
    assert b"".join([chunk async for chunk in blobs.read(SHA)]) == CONTENT
    await blobs.remove(SHA)
    await blobs.remove(SHA)
    assert every_object(bucket) == []
    with pytest.raises(NoSuchBlob):
        await blobs.move(SHA, "public")
    with pytest.raises(NoSuchBlob):
        [chunk async for chunk in blobs.read(SHA)]


@pytest.mark.parametrize(
    ("content", "sha256", "limit", "refusal"),
    [
        (CONTENT + b"x", SHA, 10**6, WrongDigest),
        (CONTENT, SHA, len(CONTENT) - 1, BlobTooLarge),
        (CONTENT, "../../etc/passwd", 10**6, BadDigest),
    ],
)
async def test_a_refused_file_never_reaches_the_bucket(
    bucket: Bucket, gate: Gate, content: bytes, sha256: str, limit: int, refusal: type[Exception]
) -> None:
    """Wrong bytes, too many or a wrong name are refused before anything is sent on."""
    with pytest.raises(refusal):
        await open_blobs(bucket.address).put(stream(content), sha256, limit)
    assert gate.asked == []


async def test_files_on_their_way_to_a_bucket_lie_on_a_disk(bucket: Bucket, tmp_path: Path) -> None:
    """They are received in the folder that the settings name, leave it, and what is left there is swept."""
    arrivals = tmp_path / "data" / "arriving"
    blobs = open_blobs(bucket.address, arrivals=arrivals)
    async with blobs.arriving(stream(CONTENT), SHA) as arrived:
        assert arrived.path.parent == arrivals
        await blobs.settle(arrived)
        await blobs.remove(SHA)
        await blobs.settle(arrived)
    assert every_object(bucket) == [f"held/{SHA[:2]}/{SHA}"]
    assert everything(arrivals) == []
    for name in ("gazette-arriving-1", "somebody-elses"):
        (arrivals / name).touch()
    assert await blobs.sweep(now=datetime.now(UTC) + timedelta(hours=25)) == 1
    assert everything(arrivals) == ["somebody-elses"]


async def test_a_large_file_passes_in_pieces(bucket: Bucket, gate: Gate) -> None:
    """A file of several parts arrives whole, and is read without being in memory as a whole."""
    content = bytes(range(256)) * 45_000
    sha256 = hashlib.sha256(content).hexdigest()
    blobs = open_blobs(bucket.address)
    assert await blobs.put(stream(content, 70_000), sha256) == len(content)
    pieces = [chunk async for chunk in blobs.read(sha256)]
    assert b"".join(pieces) == content
    assert max(len(piece) for piece in pieces) <= 1 << 20


@pytest.mark.parametrize(("name", "content", "media_type"), GOOD[:4])
async def test_a_bucket_knows_what_arrived(
    bucket: Bucket, tmp_path: Path, name: str, content: bytes, media_type: str
) -> None:
    """What the bytes are is noted when they arrive, the same as a folder says of the file itself."""
    sha256 = hashlib.sha256(content).hexdigest()
    for blobs in (open_blobs(bucket.address), open_blobs(tmp_path)):
        await blobs.put(stream(content), sha256)
        await blobs.move(sha256, "public")
        kinds = await blobs.kinds([sha256, SHA])
        assert kinds.keys() == {sha256}
        assert judge_kind(kinds[sha256], name, media_type, ("data", "attachments", 0)) == []
    kept = bucket.look(f"public/{sha256[:2]}/{sha256}")
    assert kept is not None
    assert kept.attributes["Content-Type"] == "application/octet-stream"
    assert kept.attributes["Content-Disposition"] == "attachment"


async def test_a_file_brought_from_a_folder_is_known(bucket: Bucket) -> None:
    """An object that somebody copied into the bucket without our notes is looked at itself."""
    name, content, media_type = GOOD[1]
    sha256 = hashlib.sha256(content).hexdigest()
    bucket.write(f"public/{sha256[:2]}/{sha256}", content, {})
    kinds = await open_blobs(bucket.address).kinds([sha256])
    assert judge_kind(kinds[sha256], name, media_type, ("data", "attachments", 0)) == []


async def test_what_a_browser_would_run_is_known_in_a_bucket(bucket: Bucket) -> None:
    """A program keeps its mark through the bucket."""
    content = b"MZ" + bytes(100)
    sha256 = hashlib.sha256(content).hexdigest()
    blobs = open_blobs(bucket.address)
    await blobs.put(stream(content), sha256)
    kinds = await blobs.kinds([sha256])
    [problem] = judge_kind(kinds[sha256], "a.pdf", "application/pdf", ("data", "attachments", 0))
    assert problem.code == "type_not_allowed"


async def test_a_bucket_that_is_away_refuses_nobody(bucket: Bucket, gate: Gate) -> None:
    """An upload is answered with an error that is waited for, leaves no file, and works when the bucket is back."""
    blobs = open_blobs(bucket.address)
    gate.open = False
    with pytest.raises(StoreUnreachable):
        await blobs.put(stream(CONTENT), SHA)
    gate.open = True
    assert await blobs.put(stream(CONTENT), SHA) == len(CONTENT)


async def test_an_upload_to_a_bucket_that_is_away_is_a_503(
    gate: Gate, database_url: str, bucket_address: str
) -> None:
    """The department hears 503 with Retry-After and sends again; the item is accepted and its file released."""
    async with open_desk(database_url, bucket_address) as desk:
        sender = await desk.department()
        gate.open = False
        answer = await sender.upload("名单.csv".encode(), "text/csv")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "文件存储" in answer.text
        gate.open = True
        answer = await sender.upload("名单.csv".encode(), "text/csv")
        assert answer.status_code == 201
