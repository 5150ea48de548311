"""Attachments as a backup sees them: files by their SHA-256 in the areas `public` and `held`, in a folder or a bucket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import IO, cast

from services.catalog.blobs import open_blobs
from services.instance.backup.archive import CHUNK
from shared.objects import Bucket, on_s3

AREAS = ("public", "held")
ANY_SIZE = 1 << 50


class Attachments:
    """What `GAZETTE_BLOBS_URL` names."""

    def __init__(self, place: str | Path) -> None:
        self.place = place
        self._bucket = Bucket(str(place)) if on_s3(place) else None

    def open(self, sha256: str) -> tuple[str, IO[bytes], int] | None:
        """Return area, content and size of a file, or nothing when it is gone.

        A file on its way from one area to the other is looked for again.
        """
        for area in AREAS * 2:
            if found := self._open(f"{area}/{sha256[:2]}/{sha256}"):
                return area, *found
        return None

    def empty(self) -> bool:
        """Say whether there is nothing yet."""
        if self._bucket:
            return not any(any(self._bucket.keys(f"{area}/")) for area in AREAS)
        return not any(
            file.is_file() for area in AREAS for file in (Path(self.place) / area).rglob("*")
        )

    def put(self, area: str, sha256: str, content: IO[bytes]) -> None:
        """Store a file as an upload is stored: safe, and compared with its name."""
        asyncio.run(self._put(area, sha256, content))

    async def _put(self, area: str, sha256: str, content: IO[bytes]) -> None:
        blobs = open_blobs(self.place)
        await blobs.put(_pieces(content), sha256, ANY_SIZE)
        if area == "public":
            await blobs.move(sha256, "public")

    def _open(self, key: str) -> tuple[IO[bytes], int] | None:
        if self._bucket:
            kept = self._bucket.look(key)
            return (
                (cast("IO[bytes]", _Object(self._bucket, key, kept.size)), kept.size)
                if kept
                else None
            )
        with suppress(FileNotFoundError):
            file = (Path(self.place) / key).open("rb")
            return file, os.fstat(file.fileno()).st_size
        return None


class _Object(RawIOBase):
    """An object of a bucket, read a piece at a time."""

    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        self._bucket, self._key, self._size, self._at = bucket, key, size, 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; an object that has gone meanwhile ends early, which the archive refuses."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        piece = self._bucket.part(self._key, self._at, end) if end > self._at else b""
        self._at = end
        return bytes(piece or b"")


async def _pieces(content: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := content.read(CHUNK):
        yield chunk
