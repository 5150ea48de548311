"""Pictures without what cameras and programs write into them: place, time, device, author."""

from __future__ import annotations

import re

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DROPPED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_SCAN, _END, _COMMENT = 0xDA, 0xD9, 0xFE
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_AFTER_SCAN = re.compile(rb"(?<!\xff)\xff++(?=[^\x00\xd0-\xd7])", re.DOTALL)


class OddPicture(Exception):
    """This picture's own structure is broken: nobody can say what is in it."""


def extension_of(content: bytes) -> str:
    """Return `.png`, `.jpg`, `.gif` or `.webp` by the first bytes; nothing for what no page can show."""
    if content.startswith(_PNG):
        return ".png"
    if content.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return ".gif"
    return ".webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def without_metadata(content: bytes) -> bytes:
    """Return a PNG or JPEG without its metadata, any other file as it is; the picture itself stays bit by bit.

    Raises `OddPicture` for one that cannot be taken apart.
    """
    kind = extension_of(content)
    if kind == ".png":
        return _clean_png(content)
    return _clean_jpeg(content) if kind == ".jpg" else content


def _clean_png(content: bytes) -> bytes:
    out, place = bytearray(_PNG), len(_PNG)
    while place + 12 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] not in _PNG_DROPPED:
            out += content[place:end]
        if content[place + 4 : place + 8] == b"IEND":
            break
        place = end
    return bytes(out)


def _clean_jpeg(content: bytes) -> bytes:
    """Copy segment by segment up to the end of the picture: behind it some cameras put a second one, with all of it."""
    out, place, scanned = bytearray(content[:2]), 2, False
    while place < len(content):
        marker, start = _marker(content, place)
        if marker == _END:
            return bytes(out + b"\xff\xd9")
        place = start + int.from_bytes(content[start : start + 2], "big")
        if place < start + 2 or place > len(content):
            raise OddPicture
        if _stays(marker, content[start + 2 : place]):
            out += bytes((0xFF, marker)) + content[start:place]
        if marker == _SCAN:
            end = _end_of_scan(content, place)
            out += content[place:end]
            place, scanned = end, True
    if not scanned:
        raise OddPicture
    return bytes(out)


def _marker(content: bytes, place: int) -> tuple[int, int]:
    """Return the marker at *place* and where its segment begins; any number of 0xFF may stand before it."""
    start = place
    while content[start : start + 1] == b"\xff":
        start += 1
    if (
        start == place
        or start >= len(content)
        or content[start] in {0x00, 0x01, *range(0xD0, 0xD9)}
    ):
        raise OddPicture
    return content[start], start + 1


def _stays(marker: int, segment: bytes) -> bool:
    """Keep what shows the picture: JFIF, its colour profile, Adobe's colour transform; no other application's words."""
    if 0xE0 <= marker <= 0xEF:
        return marker in _JPEG_KEPT and segment.startswith(_JPEG_KEPT[marker])
    return marker != _COMMENT


def _end_of_scan(content: bytes, place: int) -> int:
    """Return where the marker after a scan begins; 0xFF00 is data, 0xFFD0 to 0xFFD7 part it."""
    found = _AFTER_SCAN.search(content, place)
    return found.start() if found else len(content)
