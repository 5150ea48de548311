"""Zip archives from elsewhere are distrusted: the directory is judged before anything is unpacked."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_DIRECTORY = 1 << 20
"""Bytes of a directory: a thousand entries with long names take a third of it."""
MAX_ENTRIES = 1000
MAX_UNPACKED = 100 * 1024 * 1024
MAX_RATIO = 100
"""Unpacked to packed size of one entry; below 1 MiB any ratio is harmless."""


class Unscannable(Exception):
    """This file cannot be looked into within safe limits; a person must."""


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive at *path*; raises `Unscannable` for a directory that is too large to be read at all.

    `ZipFile` reads the whole directory, as large as the end of the file says it is, before anybody can count entries.
    """
    with _Sparing(path) as file, zipfile.ZipFile(file) as archive:
        file.most = sys.maxsize
        yield archive


class _Sparing(io.FileIO):
    """A file that gives at most `most` bytes at once, and takes a wish for more as dishonest."""

    most = MAX_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        left = os.fstat(self.fileno()).st_size - self.tell()
        if (left if size is None or size < 0 else min(size, left)) > self.most:
            raise Unscannable("directory too large")
        return super().read(-1 if size is None else size)


def judge_archive(archive: zipfile.ZipFile) -> None:
    """Refuse a dishonest archive by its directory: too many, too large, too dense or overlapping entries."""
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    end = 0
    for entry in entries:
        if entry.header_offset < end:
            raise Unscannable("overlapping entries")
        end = entry.header_offset + 30 + entry.compress_size
        if entry.file_size > 1 << 20 and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise Unscannable("compressed too densely")
        if entry.flag_bits & 0x1:
            raise Unscannable("encrypted")
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unscannable("archive too large")


PIECE = 64 * 1024
"""Bytes that `pieces_of` yields at most."""


def pieces_of(archive: zipfile.ZipFile, name: str, limit: int = MAX_UNPACKED) -> Iterator[bytes]:
    """Yield the bytes of an entry a piece at a time, counted: a directory may lie about them."""
    left = limit
    with archive.open(name) as stream:
        while piece := stream.read(PIECE):
            left -= len(piece)
            if left < 0:
                raise Unscannable("entry larger than its directory says")
            yield piece


def read_entry(archive: zipfile.ZipFile, name: str, limit: int = MAX_UNPACKED) -> bytes:
    """Return the bytes of an entry, counted while they are read: a directory may lie about them."""
    with archive.open(name) as stream:
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise Unscannable("entry larger than its directory says")
    return raw
