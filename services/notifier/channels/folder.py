"""Mail into a folder: for demos and tests, when no mail server is set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from services.notifier.rules import SENT, Verdict


class FolderChannel:
    """Writes each message as one `.eml` file; a second try of the same message replaces the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: bytes, *, sender: str, to: str, name: str) -> Verdict:  # noqa: ARG002 - both stand in the message
        """Write the file whole or not at all."""
        await asyncio.to_thread(_write, self._folder, f"{name}.eml", message)
        return SENT

    async def close(self) -> None:
        """Nothing is held open."""


def _write(folder: Path, name: str, message: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = folder / f".{name}.part"
    with unfinished.open("wb") as file:
        file.write(message)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / name)


@dataclass(frozen=True)
class StoredMail:
    """One mail in the folder, as a page shows it."""

    name: str
    to: str
    subject: str
    sent_at: datetime
    text: str
    html: str


def newest_mails(folder: Path, limit: int = 50) -> Sequence[StoredMail]:
    """Return the newest mails in *folder*, newest first; blocking."""
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True)[:limit]
    return [_read(folder / name) for name in names]


def _read(path: Path) -> StoredMail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    return StoredMail(
        name=path.stem,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        sent_at=message["Date"].datetime,
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""
