"""The data folder of an instance: what lies where, and who holds it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from shared.errors import Refused

SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path, without the closing NUL
UNFINISHED = "restore-unfinished"  # stands in a folder while a backup is put back into it
LOCK_SECONDS = 1.0  # `find` holds the lock for an instant when it looks whether anybody does


class InUse(Refused):
    """这个数据目录正被另一个进程使用。 / Another process runs on this data folder."""


class HalfRestored(Refused):
    """这里的恢复没有做完，请清空目录后重新恢复。 / A restore did not end here; empty the folder and restore again."""


@dataclass
class DataFolder:
    """Everything that an instance keeps, below one folder."""

    path: Path
    _lock: IO[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.path = self.path.resolve()

    @property
    def site(self) -> Path:
        """The public site; `current` below it is what is served."""
        return self.path / "site"

    @property
    def search(self) -> Path:
        """The index."""
        return self.path / "search"

    @property
    def blobs(self) -> Path:
        """Attachments: `public` and `held`."""
        return self.path / "blobs"

    @property
    def mail(self) -> Path:
        """Mails that would have been sent, when no SMTP server is set."""
        return self.path / "mail"

    @property
    def logs(self) -> Path:
        """What the embedded servers write."""
        return self.path / "logs"

    @property
    def note(self) -> Path:
        """Where commands read how to reach the running instance."""
        return self.path / "instance.json"

    def socket(self, name: str) -> Path:
        """Return where a service's Unix socket lies."""
        folder = socket_folder(self.path, "services", "publisher.sock")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"{name}.sock"

    def take(self) -> None:
        """Hold this folder until we end, however we end; refuse when another process holds it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / "lock").open("ab")
        deadline = time.monotonic() + LOCK_SECONDS
        while not locked(self._lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                self._lock.close()
                raise InUse(
                    f"{self.path}：请先停止它，或用 --data 另选目录。 / "
                    f"{self.path}: stop that one first, or choose another folder with --data."
                )
            time.sleep(0.05)
        if (self.path / UNFINISHED).exists():
            self.release()
            raise HalfRestored(str(self.path))
        for folder in (self.site, self.search, self.blobs, self.mail, self.logs):
            folder.mkdir(exist_ok=True)

    def release(self) -> None:
        """Let others take this folder."""
        self.note.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def token(self) -> str:
        """Return the secret that our services show each other, made at the first start."""
        path = self.path / "token"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        return path.read_text(encoding="ascii").strip()


def locked(file: IO[bytes], kind: int) -> bool:
    """Take a lock of this kind if nobody stands against it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file for our own eyes in one step."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def socket_folder(folder: Path, purpose: str, longest: str) -> Path:
    """Return a folder for Unix sockets: below *folder*, or a short one if that is too long."""
    near = folder / "run" / purpose
    if len(os.fsencode(near / longest)) <= SOCKET_PATH_LIMIT:
        return near
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(f"/tmp/gazette-{os.geteuid()}-{digest}-{purpose}")  # noqa: S108 - entered by us alone
