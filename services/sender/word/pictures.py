"""Pictures without what cameras and programs write into them: place, time, device, author."""

from __future__ import annotations

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DROPPED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_JPEG_KEPT = frozenset({0xE0, 0xE2, 0xEE})
"""JFIF, colour profile and Adobe's colour transform; the other application segments and comments go."""


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
    """Return a PNG or JPEG without its metadata, any other file as it is; the picture itself stays bit by bit."""
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
    out, place = bytearray(content[:2]), 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xDA:
            return bytes(out + content[place:])
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        is_metadata = (0xE0 <= marker <= 0xEF and marker not in _JPEG_KEPT) or marker == 0xFE
        if not is_metadata:
            out += content[place:end]
        place = end
    return content
