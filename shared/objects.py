"""The one way to an object store: a bucket on S3, or what lies below a prefix of it, as `s3://bucket/prefix`.

Everything blocks; call it in a thread. Address of the server, region and credentials come from the environment alone
(`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` …, or the role of the machine), so that
no setting, note or log of ours ever holds them. An object is written as a whole or not at all, and who reads after
a write sees it: that is all we ask of the store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from shared.errors import Refused, StoreUnreachable

if TYPE_CHECKING:
    import obstore
    from obstore.store import S3Store

__all__ = ["Bucket", "Kept", "NotAnAddress", "StoreUnreachable", "Unchanged", "on_s3"]

T = TypeVar("T")

BULK = 1000
"""Keys that one request lists or removes."""
PART = 5 * 1024 * 1024
"""Bytes of one part of a large object; S3 takes no smaller ones."""
_ADDRESS = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(/[^/?#@\s]+)*)/?"
)
_CODES = [
    re.compile(pattern)
    for pattern in (
        r"<Code>(\w+)</Code>",
        r"(Missing\w+|error sending request)",
        r"status code: (\d{3})",
    )
]


class NotAnAddress(Refused):
    """对象存储地址应为 s3://桶/前缀，不含密钥；目录不写“://”。 / A store is s3://bucket/prefix without credentials, or a folder."""


@dataclass(frozen=True)
class Kept:
    """What is known of an object."""

    size: int
    etag: str
    modified: datetime
    attributes: Mapping[str, str]
    """`Content-Type`, `Cache-Control` and the like, and names of our own (`x-amz-meta-…` on the wire)."""


def on_s3(address: str | Path) -> bool:
    """Say whether a setting names a bucket; everything without a scheme is a folder, other schemes `Bucket` refuses."""
    return "://" in str(address)


class Bucket:
    """The objects below one address; any number of processes may use it at once."""

    def __init__(self, address: str, *, setting: str = "") -> None:
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            raise NotAnAddress(f"请改 {setting}。 / Change {setting}." if setting else "")
        import obstore  # here, for its client is 7 MB that a site in a folder does not need

        self._s3 = obstore
        self.address = address.rstrip("/")
        self._bucket, self._prefix = parts["bucket"], parts["prefix"].strip("/") or None
        self._opened: S3Store | None = None

    @property
    def _store(self) -> S3Store:
        """The client, made at its first use: credentials may come later than we."""
        if self._opened is None:
            self._opened = self._s3.store.S3Store(
                self._bucket,
                prefix=self._prefix,
                client_options={"allow_http": True, "connect_timeout": "3s", "timeout": "20s"},
                retry_config={
                    "max_retries": 2,
                    "retry_timeout": timedelta(seconds=10),
                    "backoff": {"init_backoff": timedelta(milliseconds=100), "base": 2},
                },
            )
        return self._opened

    def look(self, key: str) -> Kept | None:
        """Return what is known of the object *key*; None: there is none."""
        found = _told(lambda: self._s3.get(self._store, key, options={"head": True}))
        return _kept(found) if found is not None else None

    def read(self, key: str, *, unless: str | None = None) -> tuple[Kept, bytes] | None:
        """Return the object *key* with its bytes, or None. Raises `Unchanged` when its ETag is *unless*."""

        def work() -> tuple[Kept, bytes]:
            options: obstore.GetOptions = {"if_none_match": unless} if unless else {}
            found = self._s3.get(self._store, key, options=options)
            return _kept(found), bytes(found.bytes())

        return _told(work)

    def part(self, key: str, start: int, end: int) -> bytes | None:
        """Return the bytes from *start* up to *end* (not included) of the object *key*, or None."""
        return _told(lambda: bytes(self._s3.get_range(self._store, key, start=start, end=end)))

    def write(self, key: str, content: bytes | Path, attributes: Mapping[str, str]) -> None:
        """Make *content* the object *key*: safe when this returns, seen as a whole or not at all."""
        told = _told(
            lambda: self._s3.put(
                self._store, key, content, attributes=dict(attributes), chunk_size=PART
            )
        )
        if told is None:
            raise StoreUnreachable("NoSuchBucket")

    def copy(self, key: str, to: str) -> bool:
        """Let the store copy the object *key* with its attributes; False: there is none."""

        def work() -> bool:
            self._s3.copy(self._store, key, to)
            return True

        return _told(work) is True

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects; harmless where there is none."""
        for start in range(0, len(keys), BULK):
            some = list(keys[start : start + BULK])
            _told(lambda some=some: self._s3.delete(self._store, some))  # type: ignore[misc]

    def keys(self, folder: str) -> Iterator[list[str]]:
        """Yield the keys of everything below *folder*, some at a time."""
        stream = iter(self._s3.list(self._store, folder, chunk_size=BULK))
        while some := _told(lambda: next(stream, None)):
            yield [one["path"] for one in some]


class Unchanged(Exception):
    """The caller has these bytes already."""


def _kept(found: obstore.GetResult) -> Kept:
    meta = found.meta
    attributes = {str(name): value for name, value in found.attributes.items()}
    return Kept(meta["size"], (meta["e_tag"] or "").strip('"'), meta["last_modified"], attributes)


def _told(work: Callable[[], T]) -> T | None:
    """Do *work*; None where there is no such object.

    What the store says against us may repeat our key id: only its short code goes on, and no traceback with the rest.
    """
    from obstore.exceptions import BaseError, NotModifiedError

    try:
        return work()
    except FileNotFoundError:
        return None
    except NotModifiedError:
        reason = ""
    except BaseError as error:
        reason = _reason(error)
    if not reason:
        raise Unchanged
    raise StoreUnreachable(reason)


def _reason(error: Exception) -> str:
    said = (found[1] for code in _CODES if (found := code.search(str(error))))
    return f"{type(error).__name__} {next(said, '')}".strip()
