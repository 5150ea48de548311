"""Attachments by their SHA-256, in one folder with two areas: `public`, which the web server reads, and `held`.

A file's bytes are safe (fsync of file and folder) before its name exists; what has a name is whole and true.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import BinaryIO, Literal

from shared.errors import Refused

Area = Literal["public", "held"]

MAX_BLOB_BYTES = 200 * 1024 * 1024
"""Bytes of one attachment, unless the operator sets another limit."""
CHUNK = 1 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}")


class BadDigest(Refused):
    """SHA-256 应为 64 位小写十六进制。 / The SHA-256 must be 64 lower-case hexadecimal digits."""


class WrongDigest(Refused):
    """文件内容与所给的 SHA-256 不符，请重新上传。 / The bytes do not have the given SHA-256; send the file again."""


class BlobTooLarge(Refused):
    """附件超过大小上限。 / The attachment is larger than the limit."""

    status = 413


class NoSuchBlob(Refused):
    """没有这个附件，请先上传。 / There is no such attachment; upload it first."""

    status = 404


class Blobs:
    """The content-addressed store in *folder*; any number of processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for area in ("public", "held", "arriving"):
            (folder / area).mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str, area: Area) -> Path:
        """Return where a file of *area* lies, whether it is there or not."""
        if not _SHA256.fullmatch(sha256):
            raise BadDigest
        return self.folder / area / sha256[:2] / sha256

    def find(self, sha256: str) -> tuple[Path, Area] | None:
        """Return the file and its area, or nothing."""
        for area in _AREAS:
            path = self.path(sha256, area)
            if path.is_file():
                return path, area
        return None

    async def put(
        self, stream: AsyncIterable[bytes], sha256: str, limit: int = MAX_BLOB_BYTES
    ) -> int:
        """Store the bytes of *stream* in `held` and return their number, once they are safe.

        What is there already stays as it is. Raises `BadDigest`, `WrongDigest` or `BlobTooLarge`, and leaves nothing.
        """
        target = self.path(sha256, "held")
        handle, name = tempfile.mkstemp(dir=self.folder / "arriving")
        arriving = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                size = await _receive(stream, file, sha256, limit)
            await asyncio.to_thread(self._settle, arriving, target, sha256)
        finally:
            arriving.unlink(missing_ok=True)  # noqa: ASYNC240 -- a moment, and it must happen even when we are cancelled
        return size

    async def move(self, sha256: str, area: Area) -> None:
        """Bring a file into *area*; harmless when it is there. Raises `NoSuchBlob`."""
        await asyncio.to_thread(self._move, sha256, area)

    async def remove(self, sha256: str) -> None:
        """Forget a file in both areas; harmless when there is none."""
        await asyncio.to_thread(self._remove, sha256)

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of either area. Raises `NoSuchBlob`."""
        found = self.find(sha256)
        if found is None:
            raise NoSuchBlob
        with found[0].open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk

    def _settle(self, arriving: Path, target: Path, sha256: str) -> None:
        if self.find(sha256):
            return
        arriving.chmod(0o644)
        _rename(arriving, target)

    def _move(self, sha256: str, area: Area) -> None:
        target = self.path(sha256, area)
        other = self.path(sha256, "held" if area == "public" else "public")
        try:
            _rename(other, target)
        except FileNotFoundError:
            # already there, or another process was quicker
            if not target.is_file():
                raise NoSuchBlob from None

    def _remove(self, sha256: str) -> None:
        for area in _AREAS:
            path = self.path(sha256, area)
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                _sync_folder(path.parent)


_AREAS: tuple[Area, ...] = ("public", "held")


async def _receive(stream: AsyncIterable[bytes], file: BinaryIO, sha256: str, limit: int) -> int:
    """Write *stream* to *file* down to the disk and return its size; judge its length and digest."""
    digest, size = hashlib.sha256(), 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit:
            raise BlobTooLarge(
                f"附件超过 {limit} 字节的上限。 / The attachment is larger than {limit} bytes."
            )
        await asyncio.to_thread(_write, file, digest, chunk)
    if digest.hexdigest() != sha256:
        raise WrongDigest
    await asyncio.to_thread(_sync_file, file)
    return size


def _write(file: BinaryIO, digest: hashlib._Hash, chunk: bytes) -> None:
    file.write(chunk)
    digest.update(chunk)


def _sync_file(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _rename(source: Path, target: Path) -> None:
    """Give *source* its new name so that it survives a power cut; both lie on one file system."""
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(target.parent.parent)
    source.replace(target)
    _sync_folder(target.parent)
    if source.parent.is_dir():
        _sync_folder(source.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
