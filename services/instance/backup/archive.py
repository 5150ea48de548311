"""One backup, one file: a plain tar whose last two members are the manifest and its digest.

The manifest names every other member with its size and SHA-256. It comes last, so that a backup that was cut short
has none and is never taken for a whole one. Nothing is unpacked by a name that an archive gives.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import Refused

FORMAT = 1
"""Goes up when an older program could no longer read what is written."""
MANIFEST = "manifest.json"
DIGEST = "manifest.sha256"
CHUNK = 1 << 20
PRIVATE = 0o600

Advanced = Callable[[int], None]
"""Hears how many bytes were read since it heard last."""


class AlreadyThere(Refused):
    """文件已经存在，不覆盖。 / The file is there already and is not overwritten."""


class Damaged(Refused):
    """备份已损坏或不完整，不能使用。 / The backup is damaged or incomplete and cannot be used."""


class MadeByNewer(Refused):
    """备份由更新的版本制作，请先升级程序。 / A newer version made this backup; upgrade the program first."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Strict):
    """One file of the archive."""

    name: str
    size: int
    sha256: str


class TableCopy(_Strict):
    """One table, as `COPY … (columns) TO STDOUT` gave it, compressed with gzip."""

    service: str
    table: str
    columns: list[str]
    rows: int
    member: str


class Withdrawal(_Strict):
    """One item that was withdrawn when the backup was made, and how."""

    department: str
    source_id: str
    kind: str
    reason: str
    redirect_to: str | None = None


class SealedVersion(_Strict):
    """One version whose text had been sealed when the backup was made."""

    department: str
    source_id: str
    version: int
    at: datetime


class Manifest(_Strict):
    """What a backup holds, and what made it."""

    format: int
    program: str
    made_at: datetime
    epoch: UUID
    sequence: int
    postgres: str
    revisions: dict[str, str]
    """Service and the revision of its schema."""
    counters: dict[str, int]
    """Sequence of the database, with its schema, and the last number it gave."""
    figures: dict[str, int]
    """Numbers for people: items, versions, attachments."""
    tables: list[TableCopy]
    withdrawn: list[Withdrawal]
    sealed: list[SealedVersion] = []
    """Absent in the first backups of this format."""
    members: list[Member]


class Writer:
    """Writes an archive beside its name, for our own user alone; `finish` gives it the name, else nothing is left."""

    def __init__(self, target: Path) -> None:
        self.target = target.absolute()
        if self.target.exists():
            raise AlreadyThere(str(target))
        if not self.target.parent.is_dir():
            raise Refused(
                f"没有目录 {self.target.parent}，请先建立。 / There is no folder {self.target.parent}; make it first."
            )
        handle, name = tempfile.mkstemp(dir=self.target.parent, prefix=f".{self.target.name}.")
        self._partial = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w")  # noqa: SIM115 - closed by `finish` or on exit
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)

    def spool(self) -> IO[bytes]:
        """Return a file for what has to be written before its size is known; it has no name and is gone when closed."""
        return tempfile.TemporaryFile(dir=self.target.parent)

    def add(
        self, name: str, content: IO[bytes], size: int, *, advanced: Advanced = lambda _: None
    ) -> None:
        """Add *size* bytes of *content* as *name*."""
        source = _Counted(content, advanced)
        self._tar.addfile(_entry(name, size), source)
        self.members.append(Member(name=name, size=size, sha256=source.digest.hexdigest()))

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a small file."""
        self.add(name, BytesIO(content), len(content))

    def finish(self, manifest: Manifest) -> int:
        """Seal the archive and give it its name, safe on the disk; return its size. A name taken meanwhile is refused."""
        text = manifest.model_dump_json(indent=1).encode()
        for name, content in (
            (MANIFEST, text),
            (DIGEST, hashlib.sha256(text).hexdigest().encode()),
        ):
            self._tar.addfile(_entry(name, len(content)), BytesIO(content))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._give_name()
        sync_folder(self.target.parent)
        return self.target.stat().st_size

    def _give_name(self) -> None:
        """Give the whole file its name, if nobody has it."""
        try:
            try:
                self.target.hardlink_to(self._partial)
            except FileExistsError:
                raise
            except OSError:  # exFAT and many shares have no links: take the name, then the place
                self.target.touch(PRIVATE, exist_ok=False)
                self._partial.replace(self.target)
        except FileExistsError as error:
            raise AlreadyThere(str(self.target)) from error


class _Counted:
    """A file that is digested and counted while it is read."""

    def __init__(self, content: IO[bytes], advanced: Advanced) -> None:
        self.digest = hashlib.sha256()
        self._content = content
        self._advanced = advanced

    def read(self, size: int = -1) -> bytes:
        chunk = self._content.read(size)
        self.digest.update(chunk)
        self._advanced(len(chunk))
        return chunk


class Archive:
    """A finished backup; raises `Damaged` or `MadeByNewer` when it cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise Refused(f"没有文件 {path}。 / There is no file {path}.")
        self._file = path.open("rb")
        try:
            self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115 - on `_file`, which `__exit__` closes
            self._entries = {entry.name: entry for entry in self._tar if entry.isreg()}
            self.manifest = self._manifest()
        except (tarfile.TarError, OSError, EOFError) as error:
            self._file.close()
            raise Damaged(f"{path}: {error}") from error
        except Refused:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of all members, unpacked."""
        return sum(member.size for member in self.manifest.members)

    def verify(self, advanced: Advanced = lambda _: None) -> None:
        """Read every member and compare it with the manifest."""
        known = {member.name for member in self.manifest.members} | {MANIFEST, DIGEST}
        if known != self._entries.keys():
            odd = ", ".join(sorted(known ^ self._entries.keys())[:3])
            raise Damaged(f"{self.path}: {odd}")
        for member in self.manifest.members:
            source = _Counted(self.open(member.name), advanced)
            size = 0
            with suppress(OSError, tarfile.TarError):
                while chunk := source.read(CHUNK):
                    size += len(chunk)
            if (size, source.digest.hexdigest()) != (member.size, member.sha256):
                raise Damaged(f"{self.path}: {member.name}")

    def open(self, name: str) -> IO[bytes]:
        """Return a member for reading."""
        entry = self._entries.get(name)
        content = self._tar.extractfile(entry) if entry else None
        if content is None:
            raise Damaged(f"{self.path}: {name}")
        return content

    def below(self, folder: str) -> Iterator[Member]:
        """Yield the members of a folder of the archive."""
        return (each for each in self.manifest.members if each.name.startswith(f"{folder}/"))

    def _manifest(self) -> Manifest:
        text = self._small(MANIFEST)
        if hashlib.sha256(text).hexdigest().encode() != self._small(DIGEST):
            raise Damaged(f"{self.path}: {MANIFEST}")
        found = _format_of(text)
        if found > FORMAT:
            raise MadeByNewer(
                f"{self.path}：格式 {found}，本程序认识的到 {FORMAT}。 / "
                f"{self.path}: format {found}, this program knows up to {FORMAT}."
            )
        try:
            return Manifest.model_validate_json(text)
        except ValidationError as error:
            raise Damaged(f"{self.path}: {MANIFEST}: {error}") from error

    def _small(self, name: str) -> bytes:
        """Return a member that has to be there, or say that the backup is cut short."""
        if name not in self._entries:
            raise Damaged(
                f"{self.path}：缺少 {name}，备份没有写完或被截断。 / "
                f"{self.path}: {name} is missing; the backup was cut short."
            )
        try:
            return self.open(name).read()
        except (OSError, tarfile.TarError) as error:
            raise Damaged(f"{self.path}: {name}") from error


def _format_of(text: bytes) -> int:
    """Return the number of the format, which the manifest of every version has."""
    try:
        return int(json.loads(text)["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(MANIFEST) from error


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, PRIVATE
    return entry


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
