"""Packages: what goes in comes out, signed; whatever was touched is refused."""

from __future__ import annotations

import base64
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nkeys
import pytest

from services.sender.packages import (
    FORMAT,
    BadKey,
    BadPackage,
    Contents,
    HalfWritten,
    UnknownSigner,
    read_package,
    trusted_keys,
    write_folder,
    write_package,
)
from services.sender.reading import Line, described, read_paths
from shared.events import intake

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def seed_file(folder: Path, name: str = "seed.nk") -> tuple[Path, str]:
    """Write a new seed; return its file and its public key."""
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    path = folder / name
    path.write_bytes(bytes(seed))
    return path, nkeys.from_seed(seed).public_key.decode()


@pytest.fixture
def lines(tmp_path: Path) -> list[Line]:
    """Two items and a withdrawal, with a file that two of them share."""
    file = tmp_path / "名单 1.csv"
    file.write_text("村,户\n石桥,3\n", "utf-8")
    attachment = described(file)
    files = {attachment["sha256"]: file}
    return [
        Line("a/1", intake.PUBLISHED, {"title": "甲", "attachments": [attachment]}, 3, files),
        Line("b", intake.PUBLISHED, {"title": "乙", "attachments": [attachment]}, None, files, "", ("comments",)),
        Line("c", intake.WITHDRAWN, {"kind": "gone", "reason": "误"}),
    ]  # fmt: skip


@pytest.fixture
def package(tmp_path: Path, lines: list[Line]) -> tuple[Path, str]:
    """A package of *lines*, and whose it is."""
    seed, key = seed_file(tmp_path)
    out = tmp_path / "包.zip"
    assert write_package(lines, "water", seed, out, now=NOW) == key
    return out, key


def opened(path: Path, tmp_path: Path, trusted: Any = None) -> Contents:
    """Read a package into a new room."""
    room = tmp_path / f"room{len(list(tmp_path.iterdir()))}"
    room.mkdir()
    return read_package(path, room, trusted)


def test_what_goes_in_comes_out(
    package: tuple[Path, str], lines: list[Line], tmp_path: Path
) -> None:
    """Items, versions, kinds, reasons to hold and files come out as they went in, with whom they are from."""
    path, key = package
    contents = opened(path, tmp_path, {key})
    assert (contents.department, contents.signed_by) == ("water", key)
    assert [
        (one.source_id, one.type, one.data, one.sourceversion, one.hold) for one in contents.lines
    ] == [(one.source_id, one.type, one.data, one.sourceversion, one.hold) for one in lines]
    for one, was in zip(contents.lines, lines, strict=True):
        assert one.department == "water"
        assert {sha: file.read_bytes() for sha, file in one.files.items()} == {
            sha: file.read_bytes() for sha, file in was.files.items()
        }


def test_ids_are_in_the_package(package: tuple[Path, str], tmp_path: Path) -> None:
    """However often it is read, its items have the same ids, each its own."""
    first, second = ([one.event_id for one in opened(package[0], tmp_path).lines] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3


def test_unpacked_it_can_be_pushed(package: tuple[Path, str], tmp_path: Path) -> None:
    """The folder that it unpacks to reads as the same lines, files and ids included."""
    contents = opened(package[0], tmp_path)
    pushed = read_paths([write_folder(contents, tmp_path / "out")])
    assert [(p.source_id, p.type, p.event_id, p.hold, p.department) for p in pushed] == [
        (c.source_id, c.type, c.event_id, c.hold, c.department) for c in contents.lines
    ]
    assert [sorted(p.files) for p in pushed] == [sorted(c.files) for c in contents.lines]
    assert all("file" not in a for p in pushed for a in p.data.get("attachments", []))
    assert [p.data for p in pushed] == [c.data for c in contents.lines]


def changed(path: Path, **parts: bytes) -> Path:
    """Write a package again with other parts (`package`, `signature`, or `file` for the first file)."""
    with zipfile.ZipFile(path) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    for name in list(whole):
        for key, content in parts.items():
            if name.startswith(key):
                whole[name] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in whole.items():
            archive.writestr(name, content)
    return path


def test_one_byte_changed_is_refused(package: tuple[Path, str], tmp_path: Path) -> None:
    """A changed list fails by its signature, a changed file by its hash, on the word of the signer."""
    path, _ = package
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("package.json")
    kept = path.read_bytes()
    changed(path, package=manifest.replace("甲".encode(), "丙".encode()))
    with pytest.raises(BadPackage, match="签名不对"):
        opened(path, tmp_path)
    path.write_bytes(kept)
    with pytest.raises(BadPackage, match="被改过"):
        opened(changed(path, files=b"other"), tmp_path)


def test_a_strangers_signature_is_no_signature(package: tuple[Path, str], tmp_path: Path) -> None:
    """Somebody else's valid signature is refused by name; a signature of other bytes is none."""
    path, _ = package
    _, other = seed_file(tmp_path, "other.nk")
    with pytest.raises(UnknownSigner, match="--trust"):
        opened(path, tmp_path, {other})
    with pytest.raises(UnknownSigner):
        opened(path, tmp_path, set())
    with zipfile.ZipFile(path) as archive:
        signature = json.loads(archive.read("signature.json"))
    with pytest.raises(BadPackage, match="签名不对"):
        opened(changed(path, signature=json.dumps(signature | {"key": other}).encode()), tmp_path)


def test_a_package_that_is_still_copied_is_half_written(
    package: tuple[Path, str], tmp_path: Path
) -> None:
    """At every length short of the whole it is half written, never wrong and never read."""
    path, _ = package
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(HalfWritten):
            opened(path, tmp_path)


def test_a_compressed_archive_is_none_of_ours(package: tuple[Path, str], tmp_path: Path) -> None:
    """Packages are stored plain; an archive that unpacks to more than it is refused before anything is read."""
    path, _ = package
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package.json", b" " * (10 << 20))
        archive.writestr("signature.json", b"{}")
    with pytest.raises(BadPackage, match="不是本平台的包"):
        opened(path, tmp_path)


def test_a_locked_archive_is_none_of_ours(package: tuple[Path, str], tmp_path: Path) -> None:
    """An archive that asks for a password, or whose list is none, is refused and no bug."""
    path, _ = package
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02")
    while at >= 0:
        raw[at + 8] |= 1
        local = int.from_bytes(raw[at + 42 : at + 46], "little")
        raw[local + 6] |= 1
        at = raw.find(b"PK\x01\x02", at + 4)
    path.write_bytes(raw)
    with pytest.raises(HalfWritten, match="encrypted"):
        opened(path, tmp_path)


@pytest.mark.parametrize(
    "said",
    ['{"lines": []}', '{"files": {}}', '{"files": {}, "lines": [1], "department": "x"}',
     '{"files": [1], "lines": []}', '{"files": {}, "lines": [{"data": []}], "department": "x"}'],
)  # fmt: skip
def test_a_signed_list_that_is_none_is_refused(tmp_path: Path, said: str) -> None:
    """A program that signs nonsense gets a refusal."""
    seed, _ = seed_file(tmp_path)
    out = tmp_path / "p.zip"
    signed = json.dumps({"format": FORMAT, **json.loads(said)}).encode()
    pair = nkeys.from_seed(seed.read_text().strip().encode())
    signature = {
        "key": pair.public_key.decode(),
        "signature": base64.b64encode(pair.sign(signed)).decode(),
    }
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("package.json", signed)
        archive.writestr("signature.json", json.dumps(signature))
    with pytest.raises(BadPackage):
        opened(out, tmp_path)


def test_keys_are_words_or_files(tmp_path: Path) -> None:
    """Trust takes a key, or a file of them; what is no key is said."""
    (_, one), (_, two) = seed_file(tmp_path), seed_file(tmp_path, "b.nk")
    listed = tmp_path / "keys"
    listed.write_text(f"{one}\n{two}\n")
    assert trusted_keys([str(listed)]) == {one, two} == trusted_keys([one, two])
    for wrong in (one[:-1] + ("A" if one[-1] != "A" else "B"), "nonsense", ""):
        with pytest.raises(BadKey):
            trusted_keys([wrong])


def test_a_seed_that_is_none_is_said(lines: list[Line], tmp_path: Path) -> None:
    """A file without a seed is named, and nothing is written."""
    (tmp_path / "x.nk").write_text("hello")
    with pytest.raises(BadKey, match=r"x\.nk"):
        write_package(lines, "water", tmp_path / "x.nk", tmp_path / "p.zip", now=NOW)
    assert not (tmp_path / "p.zip").exists()
