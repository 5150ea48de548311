"""A package: items and their files in one signed archive, for a USB stick or a one-way gateway.

A zip without compression: `package.json` names the department, every item with the id it is sent under, and every
file by its SHA-256; `files/<sha256>` are the files; `signature.json` is an Ed25519 signature (nkeys) over the bytes of
`package.json`. The ids are in it, so a package that arrives twice is one.
"""

from __future__ import annotations

import base64
import binascii
import json
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Any

import nkeys
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from uuid_utils import uuid7

from services.sender.reading import Line
from shared.errors import Refused

FORMAT = "open-gazette-package/1"
MANIFEST, SIGNATURE, FILES = "package.json", "signature.json", "files/"
MAX_MANIFEST = 256 * 1024 * 1024
"""Bytes of `package.json`: 64 items of the largest size, or tens of thousands of usual ones."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BadPackage(Refused):
    """报送包不能用。 / The package cannot be used."""


class HalfWritten(BadPackage):
    """报送包不完整，可能还没有拷完。 / The package is not whole; perhaps it is still being copied."""


class UnknownSigner(BadPackage):
    """报送包的签名人不在信任名单里。 / The package is signed by someone who is not trusted."""


class BadKey(Refused):
    """密钥文件读不懂。 / The key cannot be read."""


@dataclass(frozen=True)
class Contents:
    """What a package holds; its files lie in the folder it was unpacked into."""

    department: str
    made_at: str
    signed_by: str
    lines: list[Line]


def write_package(
    lines: Sequence[Line], department: str, seed: Path, out: Path, *, now: datetime
) -> str:
    """Write *lines* with their files to *out*, signed with the seed in the file *seed*; return the public key."""
    pair = _pair(seed)
    files = {sha: path for line in lines for sha, path in line.files.items()}
    manifest = {
        "format": FORMAT,
        "department": department,
        "made_at": now.isoformat(timespec="seconds"),
        "lines": [_row(line) for line in lines],
        "files": {sha: path.stat().st_size for sha, path in sorted(files.items())},
    }
    said = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
    key: str = pair.public_key.decode()
    signature = {"key": key, "signature": base64.b64encode(pair.sign(said)).decode()}
    # beside its place first: whoever watches the folder sees the whole or nothing
    partial = out.with_name(f".{out.name}.part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(MANIFEST, _EPOCH), said)
        archive.writestr(zipfile.ZipInfo(SIGNATURE, _EPOCH), json.dumps(signature))
        for sha, path in sorted(files.items()):
            archive.write(path, FILES + sha)
    partial.replace(out)
    return key


def _row(line: Line) -> dict[str, Any]:
    row = {
        "id": line.event_id or str(uuid7()),
        "source_id": line.source_id,
        "sourceversion": line.sourceversion,
        "type": line.type,
        "hold": " ".join(line.hold) or None,
        "data": line.data,
    }
    return {name: value for name, value in row.items() if value is not None}


def _pair(seed: Path) -> Any:
    try:
        return nkeys.from_seed(seed.read_text(encoding="ascii").strip().encode())
    except (OSError, ValueError, nkeys.NkeysError, binascii.Error) as error:
        raise BadKey(
            f"{seed}：不是种子文件（由 gazette departments nkey 建立）。 / "
            f"{seed}: no seed file (made by `gazette departments nkey`)."
        ) from error


_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError),
    *(KeyError, TypeError, ValueError, RuntimeError),
)
"""What an archive raises that is cut short, locked with a password (`RuntimeError`), or none of ours."""


def read_package(path: Path, room: Path, trusted: Iterable[str] | None) -> Contents:
    """Check the package at *path*, unpack its files into *room* and return what it holds.

    *trusted* are public keys, None means: any, the caller looks at `signed_by`. Raises `HalfWritten`, `BadPackage`,
    `UnknownSigner`; nothing of a package that fails is to be used.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            said, signed_by = _signed(archive, path)
            if trusted is not None and signed_by not in set(trusted):
                raise UnknownSigner(
                    f"{path.name}：由 {signed_by} 签名，不在信任名单里。核实来源后用 --trust 加入。 / "
                    f"{path.name}: signed by {signed_by}. When you know where it is from, add it with --trust."
                )
            manifest = _manifest(said, path)
            files = _unpacked(archive, manifest, room, path)
    except _BROKEN as error:
        raise HalfWritten(f"{path.name}: {error}") from error
    try:
        lines = [_line(row, files, path) for row in manifest["lines"]]
        department = str(manifest["department"])
    except (KeyError, TypeError, AttributeError) as error:
        raise _bad(path, "清单读不懂", "its list cannot be read") from error
    owned = [replace(line, department=department) for line in lines]
    return Contents(department, str(manifest.get("made_at")), signed_by, owned)


def _signed(archive: zipfile.ZipFile, path: Path) -> tuple[bytes, str]:
    """Return the bytes of the manifest and whose valid signature they carry."""
    sizes = sum(entry.file_size for entry in archive.infolist())
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    if not stored or sizes > path.stat().st_size:
        raise _bad(path, "不是本平台的包", "no package of ours")
    if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST:
        raise _bad(path, "清单过大，请分成几个包", "its list is too large; make several packages")
    said = archive.read(MANIFEST)
    try:
        signature = json.loads(archive.read(SIGNATURE))
        key = str(signature["key"])
        raw = base64.b64decode(signature["signature"], validate=True)
        verify_key(key).verify(said, raw)
    except (ValueError, KeyError, TypeError, RecursionError, BadSignatureError, BadKey) as error:
        raise _bad(
            path, "签名不对：内容被改过", "its signature is wrong: it was changed"
        ) from error
    return said, key


def verify_key(public: str) -> VerifyKey:
    """Return the Ed25519 key in an nkey such as `UA…`; raises `BadKey`."""
    try:
        raw = base64.b32decode(public + "=" * (-len(public) % 8))
    except (ValueError, binascii.Error) as error:
        raise _no_key(public) from error
    body, crc = raw[:-2], int.from_bytes(raw[-2:], "little")
    if len(body) != 33 or nkeys.crc16(bytearray(body)) != crc:
        raise _no_key(public)
    return VerifyKey(body[1:])


def _no_key(public: str) -> BadKey:
    return BadKey(
        f"{public[:60]}：不是公钥（U 开头的一行）。 / {public[:60]}: no public key (a word that begins with U)."
    )


def _manifest(said: bytes, path: Path) -> dict[str, Any]:
    manifest = json.loads(said)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _bad(path, f"格式不是 {FORMAT}", f"its format is not {FORMAT}")
    return manifest


def _unpacked(
    archive: zipfile.ZipFile, manifest: dict[str, Any], room: Path, path: Path
) -> dict[str, Path]:
    """Write the files that the manifest names, each checked by its hash; names in the archive are never paths."""
    files = {}
    for sha in manifest["files"]:
        if len(sha) != 64 or not set(sha) <= set("0123456789abcdef"):
            raise _bad(path, "清单写错了文件", "its list names no file")
        place = room / sha
        with archive.open(FILES + sha) as source, place.open("wb") as target:
            while chunk := source.read(1 << 20):
                target.write(chunk)
        with place.open("rb") as file:
            if file_digest(file, "sha256").hexdigest() != sha:
                raise _bad(
                    path,
                    f"文件 {sha[:12]}… 被改过或拷坏了",
                    f"the file {sha[:12]}… was changed or copied badly",
                )
        files[sha] = place
    return files


def _line(row: dict[str, Any], files: dict[str, Path], path: Path) -> Line:
    named = {str(a.get("sha256")) for a in row["data"].get("attachments") or []}
    return Line(
        source_id=str(row["source_id"]),
        type=str(row["type"]),
        data=row["data"],
        sourceversion=row.get("sourceversion"),
        files={sha: place for sha, place in files.items() if sha in named},
        origin=path.name,
        hold=tuple(str(row.get("hold") or "").split()),
        event_id=str(row["id"]),
    )


def _bad(path: Path, chinese: str, english: str) -> BadPackage:
    return BadPackage(f"{path.name}：{chinese}。 / {path.name}: {english}.")


def write_folder(contents: Contents, folder: Path) -> Path:
    """Write *contents* as `items.jsonl` and its files, which `gazette push` takes; return the list."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    rows = []
    for line in contents.lines:
        attachments = []
        for attachment in line.data.get("attachments") or []:
            place = line.files.get(attachment["sha256"])
            name = f"files/{attachment['sha256'][:12]}-{PurePosixPath(attachment['name']).name}"
            if place is not None:
                (folder / name).write_bytes(place.read_bytes())
            attachments.append(attachment | ({"file": name} if place is not None else {}))
        data = line.data | ({"attachments": attachments} if attachments else {})
        rows.append(_row(line) | {"data": data, "department": contents.department})
    place = folder / "items.jsonl"
    place.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return place


def trusted_keys(words: Sequence[str]) -> set[str]:
    """Return the public keys in *words*, each a key or a file with one a line; raises `BadKey`."""
    keys: set[str] = set()
    for word in words:
        path = Path(word)
        rows = path.read_text(encoding="utf-8").split() if path.is_file() else [word]
        for row in rows:
            verify_key(row)
            keys.add(row)
    return keys
