"""The site in a bucket on S3: the same port as the folder, with one place that is served and no rename.

    <prefix>/current/<path>      what web servers serve, one object a file
    <prefix>/trees/<n>/<path>    of a tree that is built beside it: only what differs from what is served
    <prefix>/serving             the number of the tree that is served

What readers see changes object by object (decision 0012): each is a whole file of one state of the record. A tree is
switched by letting the store copy what differs, pages before lists, and removing what is too much at last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.publisher.store import Written, faults_of, parts_of
from shared.objects import Bucket, StoreUnreachable
from shared.web.served import STATUS, caching, page_type

A = TypeVar("A")
R = TypeVar("R")

SERVED = "current"
_SERVING = "serving"
_AT_ONCE = 32
"""Requests at a time: each waits for the network, none for another."""
DIGEST = "gazette-digest"
"""Metadata of every object: SHA-256 of its bytes and headers, by which an unchanged one is left alone."""


class BucketStore:
    """The site below one address of an object store."""

    shares_keys = True

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="s3")

    def write(self, tree: int, files: Mapping[str, bytes | None]) -> Written:
        """Put what differs: into what is served, or beside it for a tree that is not served yet."""
        wanted = {key_of(path): content for path, content in files.items()}
        if self._served_tree() != tree:
            return self._write_aside(tree, wanted)
        goods = _goods(wanted)
        fresh = self._all(lambda key: self._put(SERVED, key, *goods[key]), goods)
        doomed = [key for key, content in wanted.items() if content is None]
        gone = [key for key, there in self._all(self._is_served, doomed).items() if there]
        self.remove(gone)
        changed = sum(fresh.values())
        return Written(changed, len(goods) - changed, len(gone))

    def keep_only(self, tree: int, folders: Mapping[str, frozenset[str]]) -> int:
        """Remove what lies in each folder under other names, be it served or beside."""
        area = SERVED if self._served_tree() == tree else _aside(tree)
        strays = self._all(lambda folder: self._strays(area, folder, folders[folder]), folders)
        self.bucket.remove([key for found in strays.values() for key in found])
        return sum(len(set(found.values())) for found in strays.values())

    def _strays(self, area: str, folder: str, names: frozenset[str]) -> dict[str, str]:
        """Return what lies in *folder* under other names: key → name of the entry in the folder."""
        inside = f"{area}/{key_of(folder.rstrip('/') + '/x').rpartition('/')[0]}/"
        return {
            key: entry
            for some in self.bucket.keys(inside.rstrip("/"))
            for key in some
            if (entry := key.removeprefix(inside).split("/")[0]) not in names
        }

    def begin(self, tree: int) -> None:
        """Start *tree* empty, removing what an earlier start may have left beside the served one."""
        self.drop(tree)

    def serve(self, tree: int) -> None:
        """Note that *tree* is served; what differs has been moved before."""
        self.bucket.write(_SERVING, b"%d\n" % tree, {"Content-Type": "text/plain"})

    def serving(self) -> int | None:
        """Return the tree that is served now; asked each time, another copy of us may have switched."""
        found = self.bucket.read(_SERVING)
        return int(found[1]) if found else None

    def drop(self, tree: int) -> None:
        """Remove what lies beside the served tree for *tree*."""
        for some in self.bucket.keys(_aside(tree)):
            self.bucket.remove(some)

    def move(self, tree: int, keys: Sequence[str]) -> None:
        """Copy these keys of *tree* over what is served, inside the store."""
        self._all(lambda key: self.bucket.copy(f"{_aside(tree)}/{key}", f"{SERVED}/{key}"), keys)

    def served(self) -> Iterator[list[str]]:
        """Yield the keys that are served, some at a time."""
        for some in self.bucket.keys(SERVED):
            yield [key.removeprefix(f"{SERVED}/") for key in some]

    def remove(self, keys: Sequence[str]) -> None:
        """Serve these keys no more."""
        self.bucket.remove([f"{SERVED}/{key}" for key in keys])

    def faults(
        self, pages: Mapping[str, bytes], files: Mapping[str, bytes | None]
    ) -> dict[str, bool]:
        """Read the objects that are served, many at a time."""
        found = self._all(
            lambda path: self.bucket.read(f"{SERVED}/{key_of(path)}"), [*pages, *files]
        )
        held = {path: one[1] if one else None for path, one in found.items()}
        return faults_of(held, pages, files)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown()

    def _served_tree(self) -> int:
        """Return the tree that is served; in a bucket that somebody emptied, pages wait for a rebuild."""
        found = self.serving()
        if found is None:
            raise StoreUnreachable("NothingServed: run `gazette rebuild site`")
        return found

    def _write_aside(self, tree: int, wanted: Mapping[str, bytes | None]) -> Written:
        """Put what differs from what is served beside it; say of every key whether it waits there."""
        goods = _goods(wanted)

        def put(key: str) -> tuple[bool, bool]:
            content, headers = goods[key]
            if self._holds(SERVED, key, headers):
                return False, False
            return True, self._put(_aside(tree), key, content, headers)

        done = self._all(put, goods)
        aside: dict[str, bool | None] = {
            key: done[key][0] if key in done else None for key in wanted
        }
        # what an earlier state of the record left there may be a text that was withdrawn since
        self.bucket.remove([f"{_aside(tree)}/{key}" for key, waits in aside.items() if not waits])
        changed = sum(fresh for _, fresh in done.values())
        return Written(changed, len(goods) - changed, 0, aside)

    def _put(self, area: str, key: str, content: bytes, headers: Mapping[str, str]) -> bool:
        """Write one object unless it is there already; True if that was needed."""
        if self._holds(area, key, headers):
            return False
        self.bucket.write(f"{area}/{key}", content, headers)
        return True

    def _holds(self, area: str, key: str, headers: Mapping[str, str]) -> bool:
        """Ask the store itself: notes of ours could be older than a write that a crash cut off."""
        found = self.bucket.look(f"{area}/{key}")
        return found is not None and found.attributes.get(DIGEST) == headers[DIGEST]

    def _is_served(self, key: str) -> bool:
        return self.bucket.look(f"{SERVED}/{key}") is not None

    def _all(self, work: Callable[[A], R], things: Iterable[A]) -> dict[A, R]:
        """Do *work* for all *things*, many at a time; the first error is raised when all have ended."""
        begun = {thing: self._threads.submit(work, thing) for thing in things}
        ended = {thing: future.exception() for thing, future in begun.items()}
        for error in ended.values():
            if error is not None:
                raise error
        return {thing: future.result() for thing, future in begun.items()}


def key_of(path: str) -> str:
    """Return the key of a site path, from the root of its tree."""
    return "/".join(parts_of(path))


def _aside(tree: int) -> str:
    return f"trees/{tree}"


def _goods(wanted: Mapping[str, bytes | None]) -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return key → bytes and headers of what is to be there."""
    return {
        key: (content, _headers(key, content, wanted))
        for key, content in wanted.items()
        if content is not None
    }


def _headers(key: str, content: bytes, group: Mapping[str, bytes | None]) -> dict[str, str]:
    headers = {"Content-Type": page_type(key), "Cache-Control": caching(f"/{key}")}
    folder, _, name = key.rpartition("/")
    if name == "index.html" and (status := group.get(f"{folder}/status")):
        headers[STATUS] = status.decode("ascii").strip()
    digest = hashlib.sha256(repr(sorted(headers.items())).encode() + content)
    return headers | {DIGEST: digest.hexdigest()}
