"""Zip archives from elsewhere are distrusted: the directory is judged before anything is unpacked."""

from __future__ import annotations

import zipfile

MAX_ENTRIES = 1000
MAX_UNPACKED = 100 * 1024 * 1024
MAX_RATIO = 100
"""Unpacked to packed size of one entry; below 1 MiB any ratio is harmless."""


class Unscannable(Exception):
    """This file cannot be looked into within safe limits; a person must."""


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


def read_entry(archive: zipfile.ZipFile, name: str, limit: int = MAX_UNPACKED) -> bytes:
    """Return the bytes of an entry, counted while they are read: a directory may lie about them."""
    with archive.open(name) as stream:
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise Unscannable("entry larger than its directory says")
    return raw
