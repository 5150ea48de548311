"""One content-addressed store of attachments in a folder: `held/` no web path reaches, `public/` the front serves."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from shared.errors import Refused

_SHA256 = re.compile(r"[0-9a-f]{64}")


class WrongHash(Refused):
    """内容与地址中的 SHA-256 不符。 / The content does not have the SHA-256 of the address."""


class BadHash(Refused):
    """地址中须是小写十六进制的 SHA-256。 / The address must name a SHA-256 in lower-case hexadecimal."""


class AttachmentTooLarge(Refused):
    """附件太大。 / The attachment is too large."""

    status = 413


class BlobStore:
    """Attachments by their SHA-256 below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Return where the file lies: public when it is, else held."""
        public = self._place("public", sha256)
        return public if public.exists() else self._place("held", sha256)

    def _place(self, area: str, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise BadHash(sha256[:80])
        return self._folder / area / sha256[:2] / sha256

    async def put(self, content: AsyncIterator[bytes], sha256: str, *, limit: int) -> int:
        """Stream *content* into the held area and return its size in bytes; nothing stays of what is refused.

        Raises `BadHash`, `WrongHash`, `AttachmentTooLarge`.
        """
        place = self._place("held", sha256)
        await asyncio.to_thread(place.parent.mkdir, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
        digest, size = hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in content:
                    size += len(chunk)
                    if size > limit:
                        raise AttachmentTooLarge(
                            f"上限为 {limit} 字节。 / At most {limit} bytes are allowed."
                        )
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                if digest.hexdigest() != sha256:
                    raise WrongHash(
                        f"收到的是 {digest.hexdigest()}。 / Received {digest.hexdigest()}."
                    )
                await asyncio.to_thread(_to_disk, file.fileno())
            await asyncio.to_thread(_settle, Path(name), place, self._place("public", sha256))
        finally:
            await asyncio.to_thread(Path(name).unlink, missing_ok=True)
        return size

    def publish(self, sha256: str) -> None:
        """Let the front serve the file; doing it twice is harmless."""
        held, public = self._place("held", sha256), self._place("public", sha256)
        if public.exists():
            return
        public.parent.mkdir(parents=True, exist_ok=True)
        held.replace(public)

    def remove_held(self, sha256: str) -> None:
        """Remove a file that nobody refers to; a public one stays."""
        self._place("held", sha256).unlink(missing_ok=True)


def _to_disk(descriptor: int) -> None:
    os.fsync(descriptor)


def _settle(fresh: Path, held: Path, public: Path) -> None:
    """Give the fresh file its name, unless the same bytes are public already."""
    if not public.exists():
        fresh.chmod(0o644)
        fresh.replace(held)
        folder = os.open(held.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
