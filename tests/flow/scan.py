"""Find a text in every byte below a folder, plain or as programs encode and compress it."""

from __future__ import annotations

import base64
import json
import quopri
import re
import zlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import quote


def forms(text: str) -> dict[str, bytes]:
    """Return how *text* may stand in a file."""
    raw = text.encode()
    found = {
        "utf-8": raw,
        "utf-16le": text.encode("utf-16le"),
        "utf-16be": text.encode("utf-16be"),
        "json": json.dumps(text)[1:-1].encode(),
        "json upper": re.sub(
            r"\\u[0-9a-f]{4}", lambda m: r"\u" + m[0][2:].upper(), json.dumps(text)[1:-1]
        ).encode(),
        "percent": quote(text).encode(),
        "percent lower": quote(text).lower().encode(),
        "hex": raw.hex().encode(),
        "quoted-printable": quopri.encodestring(raw).replace(b"=\n", b""),
        "html": "".join(f"&#{ord(letter)};" for letter in text).encode(),
    }
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        found[f"base64 at {shift}"] = whole[(shift * 8 + 5) // 6 : -4]
    return found


def occurrences(folder: Path, text: str, *plain: str) -> list[str]:
    """Return `<file>: <form>` for every file below *folder* that holds *text*, in itself or unpacked.

    Of *plain*, only the plain form is looked for.
    """
    wanted = forms(text) | {f"plain {one[:8]}…": one.encode() for one in plain}
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if text in path.name:
            found.append(f"{path.relative_to(folder)}: name")
        if not path.is_file() or path.is_symlink():
            continue
        try:
            content = path.read_bytes()
        except (FileNotFoundError, PermissionError):
            continue
        for layer, data in layers(path, content):
            found += [
                f"{path.relative_to(folder)}: {name}{layer}"
                for name, form in wanted.items()
                if form in data
            ]
    return found


def layers(path: Path, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes of a file, and what is packed in them."""
    yield "", content
    if path.suffix == ".eml":
        message = message_from_bytes(content, policy=policy.default)
        yield " in a mail", str(message["Subject"]).encode()
        for part in message.walk():
            if not part.is_multipart():
                payload = part.get_payload(decode=True)
                yield " in a mail", payload if isinstance(payload, bytes) else b""
    for name, unpacked in _unpacked(content):
        yield f" in {name}", unpacked


_LARGEST = 32 << 20


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Unpack gzip, wherever it begins; LZ4 (the index) keeps the first mention of a random text as it is."""
    for match in re.finditer(rb"\x1f\x8b\x08", content):
        try:
            yield (
                "gzip",
                zlib.decompressobj(wbits=31).decompress(content[match.start() :], _LARGEST),
            )
        except zlib.error:
            continue
