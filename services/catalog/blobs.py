"""Attachments by their SHA-256, with two areas: `public`, which the web server reads, and `held`; in a folder or a bucket.

A file's bytes are safe (fsync of file and folder, or the bucket's word) before its name exists; what has a name is
whole and true.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from services.catalog.sniff import Kind, kind_of
from shared.errors import Refused
from shared.objects import Bucket, Kept, on_s3
from shared.web.served import OPAQUE, REVALIDATE

Area = Literal["public", "held"]

MAX_BLOB_BYTES = 200 * 1024 * 1024
"""Bytes of one attachment, unless the operator sets another limit."""
CHUNK = 1 << 20
LEFT_BEHIND = timedelta(days=1)
"""Age of a file that arrives from which on nobody sends it any more."""

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


@dataclass(frozen=True)
class Arrived:
    """A whole and true file beside the store."""

    path: Path
    sha256: str
    size: int


class BlobStore(Protocol):
    """The content-addressed store; any number of processes may use it at once."""

    looking: asyncio.Lock
    """Held while somebody looks into a file that arrived: one at a time, for some are large."""

    def arriving(
        self, stream: AsyncIterable[bytes], sha256: str, limit: int = MAX_BLOB_BYTES
    ) -> AbstractAsyncContextManager[Arrived]:
        """Receive the bytes of *stream* beside the store, down to the disk; what is not settled leaves at the end.

        Raises `BadDigest`, `WrongDigest` or `BlobTooLarge`, and leaves nothing.
        """

    async def bring(self, arrived: Arrived) -> None:
        """Do of `settle` what takes long; others may undo it."""

    async def settle(self, arrived: Arrived) -> None:
        """Let the file be in `held`, safe when this returns; what is in an area already stays as it is."""

    async def put(
        self, stream: AsyncIterable[bytes], sha256: str, limit: int = MAX_BLOB_BYTES
    ) -> int:
        """Receive and settle; return the number of bytes. Raises as `arriving` does."""

    async def sweep(self, *, now: datetime) -> int:
        """Remove what uploads left behind that were cut short a day ago; return how many files."""

    async def kinds(self, digests: Iterable[str]) -> dict[str, Kind]:
        """Return what the files are by their bytes; those that are not there are left out."""

    async def move(self, sha256: str, area: Area) -> None:
        """Bring a file into *area*; harmless when it is there. Raises `NoSuchBlob`."""

    async def remove(self, sha256: str) -> None:
        """Forget a file in both areas; harmless when there is none."""

    def read(self, sha256: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of either area. Raises `NoSuchBlob`."""


_ARRIVING = "gazette-arriving-"


class _Arrivals:
    """The folder in which files arrive, on a disk: a container's `/tmp` is memory."""

    def __init__(self, folder: Path, *, ours: str = f"{_ARRIVING}*") -> None:
        self.arrivals = folder
        self.looking = asyncio.Lock()
        self._ours = ours
        """Pattern of what lies there and is ours."""

    @asynccontextmanager
    async def arriving(
        self, stream: AsyncIterable[bytes], sha256: str, limit: int = MAX_BLOB_BYTES
    ) -> AsyncIterator[Arrived]:
        """Receive into a file of this machine."""
        if not _SHA256.fullmatch(sha256):
            raise BadDigest
        await asyncio.to_thread(self.arrivals.mkdir, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_ARRIVING, dir=self.arrivals)
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                size = await _receive(stream, file, sha256, limit)
            yield Arrived(path, sha256, size)
        finally:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 -- a moment, and it must happen even when we are cancelled

    async def bring(self, arrived: Arrived) -> None:
        """See `BlobStore`."""
        raise NotImplementedError

    async def settle(self, arrived: Arrived) -> None:
        """See `BlobStore`."""
        raise NotImplementedError

    async def put(
        self, stream: AsyncIterable[bytes], sha256: str, limit: int = MAX_BLOB_BYTES
    ) -> int:
        """Receive beside its place, then settle."""
        async with self.arriving(stream, sha256, limit) as arrived:
            await self.settle(arrived)
        return arrived.size

    async def sweep(self, *, now: datetime) -> int:
        """Remove what is older than a day: a process that was killed has not removed it."""
        return await asyncio.to_thread(self._sweep, (now - LEFT_BEHIND).timestamp())

    def _sweep(self, before: float) -> int:
        left = [path for path in self.arrivals.glob(self._ours) if _changed(path) < before]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


class Blobs(_Arrivals):
    """The store in *folder*."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "arriving", ours="*")
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

    async def bring(self, arrived: Arrived) -> None:
        """Do nothing: a rename takes a moment."""

    async def settle(self, arrived: Arrived) -> None:
        """Give it its name."""
        await asyncio.to_thread(self._settle, arrived)

    async def kinds(self, digests: Iterable[str]) -> dict[str, Kind]:
        """Look at their heads, and into the directories of archives."""
        return await asyncio.to_thread(self._kinds, set(digests))

    def _kinds(self, digests: Iterable[str]) -> dict[str, Kind]:
        # twice: one that is moved meanwhile is in neither area at the first look
        found = {sha256: self.find(sha256) or self.find(sha256) for sha256 in digests}
        return {sha256: kind_of(place[0]) for sha256, place in found.items() if place}

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

    def _settle(self, arrived: Arrived) -> None:
        if self.find(arrived.sha256):
            return
        arrived.path.chmod(0o644)
        _rename(arrived.path, self.path(arrived.sha256, "held"))

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
_KIND = "gazette-kind"
"""Metadata of an object: what its bytes were when they arrived, so that judging an item reads no file."""
_HEADERS = {
    "Content-Type": OPAQUE,
    "Content-Disposition": "attachment",
    "Cache-Control": REVALIDATE,
}
"""What a browser is told that finds the way to the bucket: the name, and so the type, is the item's to say."""


class BucketBlobs(_Arrivals):
    """The store in a bucket: `<prefix>/public/ab/abcd…` and `<prefix>/held/ab/abcd…`."""

    def __init__(self, bucket: Bucket, arrivals: Path) -> None:
        super().__init__(arrivals)
        self.bucket = bucket

    async def bring(self, arrived: Arrived) -> None:
        """Send it on: the bucket never has half a file."""
        await self.settle(arrived)

    async def settle(self, arrived: Arrived) -> None:
        """Ask whether it is there, and send it on if not."""
        await asyncio.to_thread(self._settle, arrived)

    async def kinds(self, digests: Iterable[str]) -> dict[str, Kind]:
        """Ask the bucket for what was noted when they arrived."""
        found: dict[str, Kind] = {}
        for sha256 in sorted(set(digests)):
            held = await asyncio.to_thread(self._find, sha256)
            if held is None:  # or it is moved meanwhile: in neither area at the first look
                held = await asyncio.to_thread(self._find, sha256)
            if held is not None:
                note = held[1].attributes.get(_KIND)
                found[sha256] = Kind.of_note(note) if note else await self._kind(sha256)
        return found

    async def _kind(self, sha256: str) -> Kind:
        """Look at the file itself: somebody brought it here from a folder, without a note."""
        await asyncio.to_thread(self.arrivals.mkdir, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=_ARRIVING, dir=self.arrivals) as file:
            async for piece in self.read(sha256):
                await asyncio.to_thread(file.write, piece)
            file.flush()
            return await asyncio.to_thread(kind_of, Path(file.name))

    async def move(self, sha256: str, area: Area) -> None:
        """Let the bucket copy it, then remove where it was."""
        await asyncio.to_thread(self._move, sha256, area)

    async def remove(self, sha256: str) -> None:
        """Forget a file in both areas; harmless when there is none."""
        await asyncio.to_thread(self.bucket.remove, [_key(sha256, area) for area in _AREAS])

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of either area, a piece at a time. Raises `NoSuchBlob`."""
        found = await asyncio.to_thread(self._find, sha256)
        if found is None:
            raise NoSuchBlob
        area, kept = found
        for start in range(0, kept.size, CHUNK):
            end = min(start + CHUNK, kept.size)
            piece = await asyncio.to_thread(self.bucket.part, _key(sha256, area), start, end)
            if piece is None:
                raise NoSuchBlob
            yield piece

    def _find(self, sha256: str) -> tuple[Area, Kept] | None:
        for area in _AREAS:
            if kept := self.bucket.look(_key(sha256, area)):
                return area, kept
        return None

    def _settle(self, arrived: Arrived) -> None:
        if self._find(arrived.sha256) is None:
            headers = _HEADERS | {_KIND: kind_of(arrived.path).note}
            self.bucket.write(_key(arrived.sha256, "held"), arrived.path, headers)

    def _move(self, sha256: str, area: Area) -> None:
        other: Area = "held" if area == "public" else "public"
        if self.bucket.copy(_key(sha256, other), _key(sha256, area)):
            self.bucket.remove([_key(sha256, other)])
        elif self.bucket.look(_key(sha256, area)) is None:
            raise NoSuchBlob


def open_blobs(place: str | Path, *, arrivals: Path | None = None) -> BlobStore:
    """Return the store that `GAZETTE_BLOBS_URL` names: a bucket, or a folder.

    Files on their way to a bucket lie in *arrivals*, or among the machine's temporary files.
    """
    if not on_s3(place):
        return Blobs(Path(place))
    bucket = Bucket(str(place), setting="GAZETTE_BLOBS_URL")
    return BucketBlobs(bucket, arrivals or Path(tempfile.gettempdir()))


def _key(sha256: str, area: Area) -> str:
    if not _SHA256.fullmatch(sha256):
        raise BadDigest
    return f"{area}/{sha256[:2]}/{sha256}"


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


def _changed(path: Path) -> float:
    """Return when a file was changed; the end of time for one that has gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


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
