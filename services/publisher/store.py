"""Where the site's files lie: the port, and its folder (`bucket.py` is the same on S3).

    <root>/current -> trees/<n>        what web servers serve
    <root>/trees/<n>/…                 one whole site each

A file is never half there: it is written beside its place, synced, and renamed. Nothing outside the tree can be
named by a path.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from shared import failpoints

_SYNCERS = 8
"""Files synced at a time: the file system commits them together."""
_MANY = 8
"""From so many files on, one sync of the whole file system is cheaper than theirs."""


class UnsafePath(Exception):
    """A path that does not name a file inside the tree."""


@dataclass(frozen=True)
class Written:
    """What a call of `write` did."""

    changed: int
    unchanged: int
    removed: int
    aside: Mapping[str, bool | None] = field(default_factory=dict)
    """Of a tree beside the served one, where both share their keys: key → whether it waits to be moved (None: no file)."""


class SiteStore(Protocol):
    """Blocking; call it in a thread."""

    shares_keys: bool
    """Whether a tree beside the served one holds only what differs from it, so that a switch moves that."""

    def write(self, tree: int, files: Mapping[str, bytes | None]) -> Written:
        """Make *files* durable (path from the site's root → bytes; None: no file); unchanged ones are left alone."""

    def keep_only(self, tree: int, folders: Mapping[str, frozenset[str]]) -> int:
        """Remove what lies in each folder of *tree* besides its names, if there is such a folder; return how many went.

        The caller alone writes there: half files of a process that ended go as well, for their text may be gone since.
        """

    def begin(self, tree: int) -> None:
        """Start *tree* empty."""

    def serve(self, tree: int) -> None:
        """Let *tree* be the one that is served, at once and whole."""

    def serving(self) -> int | None:
        """Return the tree that is served now."""

    def drop(self, tree: int) -> None:
        """Remove *tree*; it must not be served."""

    def move(self, tree: int, keys: Sequence[str]) -> None:
        """Let these keys of *tree* be served; only where keys are shared."""

    def served(self) -> Iterator[list[str]]:
        """Yield the keys that are served, some at a time; only where keys are shared."""

    def remove(self, keys: Sequence[str]) -> None:
        """Serve these keys no more; only where keys are shared."""

    def faults(
        self, pages: Mapping[str, bytes], files: Mapping[str, bytes | None]
    ) -> dict[str, bool]:
        """Look at what is served: return each path that is not as said, and whether there is a file at all.

        *pages* are whole and contain the bytes, *files* have exactly these bytes (None: there is no file).
        """

    def close(self) -> None:
        """Let go of what it holds."""


class FolderStore:
    """The site in a folder: a tree is whole, and a switch is one rename."""

    shares_keys = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._trees = root / "trees"
        self._trees.mkdir(parents=True, exist_ok=True)
        self._syncers = ThreadPoolExecutor(_SYNCERS, thread_name_prefix="sync")

    def write(self, tree: int, files: Mapping[str, bytes | None]) -> Written:
        """Write what differs: all beside their places first, then synced together, then renamed."""
        base = self._trees / str(tree)
        places = {place_of(base, path): content for path, content in files.items()}
        wanted = {place: content for place, content in places.items() if content is not None}
        fresh = {place: content for place, content in wanted.items() if not _holds(place, content)}
        made = _make_folders({place.parent for place in fresh}, base)
        drafts = [(_draft(place, content), place) for place, content in fresh.items()]
        failpoints.hit("store.drafted")
        self._sync([draft for draft, _ in drafts])
        failpoints.hit("store.synced")
        for draft, place in drafts:
            draft.replace(place)
        failpoints.hit("store.renamed")
        gone = [
            place for place, content in places.items() if content is None and _remove(place, base)
        ]
        self._sync(made | {place.parent for place in [*fresh, *gone]})
        return Written(len(fresh), len(wanted) - len(fresh), len(gone))

    def keep_only(self, tree: int, folders: Mapping[str, frozenset[str]]) -> int:
        """Remove entries (files or whole folders) that are not among the names of their folder."""
        return sum(self._keep_only(tree, folder, names) for folder, names in folders.items())

    def _keep_only(self, tree: int, folder: str, names: frozenset[str]) -> int:
        place = place_of(self._trees / str(tree), folder.rstrip("/") + "/x").parent
        if not place.is_dir():
            return 0
        stray = [entry for entry in place.iterdir() if entry.name not in names]
        for entry in stray:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        drafts = list(place.rglob(".new-*"))
        for draft in drafts:
            draft.unlink()
        for touched in {entry.parent for entry in (*stray, *drafts)}:
            _sync_one(touched)
        return len(stray) + len(drafts)

    def begin(self, tree: int) -> None:
        """Start *tree* empty, removing what an earlier start may have left there."""
        self.drop(tree)
        (self._trees / str(tree)).mkdir(parents=True)
        _sync_one(self._trees)

    def serve(self, tree: int) -> None:
        """Rename a link to *tree* over `current`."""
        draft = self.root / ".new-current"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("trees") / str(tree))
        draft.replace(self.root / "current")
        _sync_one(self.root)

    def serving(self) -> int | None:
        """Return the tree that `current` leads to, when it is there."""
        link = self.root / "current"
        if not link.is_symlink() or not link.exists():
            return None
        return int(link.readlink().name)

    def drop(self, tree: int) -> None:
        """Remove *tree* unless it is served: first out of its name, then file by file."""
        place = self._trees / str(tree)
        if self.serving() == tree or not place.exists():
            return
        doomed = self._trees / f".old-{tree}"
        shutil.rmtree(doomed, ignore_errors=True)
        place.rename(doomed)
        shutil.rmtree(doomed)

    def move(self, tree: int, keys: Sequence[str]) -> None:
        """Do nothing: `serve` moves the whole tree."""

    def served(self) -> Iterator[list[str]]:
        """Yield nothing: trees lie apart."""
        return iter(())

    def remove(self, keys: Sequence[str]) -> None:
        """Do nothing: the tree that was served goes as a whole."""

    def faults(
        self, pages: Mapping[str, bytes], files: Mapping[str, bytes | None]
    ) -> dict[str, bool]:
        """Read the files below `current`."""
        base = self.root / "current"
        held = {path: _read(place_of(base, path)) for path in (*pages, *files)}
        return faults_of(held, pages, files)

    def close(self) -> None:
        """Let the threads go."""
        self._syncers.shutdown()

    def _sync(self, places: Collection[Path]) -> None:
        """Bring files or folders to the disk: few of them one by one, many with one call for the file system."""
        if len(places) < _MANY or not _sync_file_system(self.root):
            list(self._syncers.map(_sync_one, places))


def place_of(base: Path, path: str) -> Path:
    """Return the file below *base* that the site path *path* names (`/a/` is `a/index.html`); refuse all others."""
    return base.joinpath(*parts_of(path))


def parts_of(path: str) -> list[str]:
    """Return the names of folders and file that the site path *path* leads through; refuse what leads out."""
    plain = unquote(path, errors="strict")
    if not plain.startswith("/") or "\\" in plain or "\0" in plain:
        raise UnsafePath(path)
    parts = (plain + "index.html" if plain.endswith("/") else plain)[1:].split("/")
    if any(
        part in {"", ".", ".."} or part.startswith(".new-") or len(part.encode()) > 240
        for part in parts
    ):
        raise UnsafePath(path)
    return parts


def faults_of(
    held: Mapping[str, bytes | None], pages: Mapping[str, bytes], files: Mapping[str, bytes | None]
) -> dict[str, bool]:
    """Compare what is *held* with what is to be, as `SiteStore.faults` says."""
    wrong = [path for path, mark in pages.items() if not _is_page(held[path], mark)]
    wrong += [path for path, content in files.items() if held[path] != content]
    return {path: held[path] is not None for path in wrong}


def _is_page(content: bytes | None, mark: bytes) -> bool:
    return content is not None and content.rstrip().endswith(b"</html>") and mark in content


def _read(place: Path) -> bytes | None:
    """Return the bytes of a file; None where there is none, nothing where it cannot be read."""
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return b""


def _holds(place: Path, content: bytes) -> bool:
    """Say whether the file is there with this content."""
    try:
        if place.stat().st_size != len(content):
            return False
        return place.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False


def _draft(place: Path, content: bytes) -> Path:
    draft = place.with_name(f".new-{place.name}")
    with draft.open("wb") as file:
        file.write(content)
    return draft


def _make_folders(folders: set[Path], base: Path) -> set[Path]:
    """Make what is missing; return the folders in which a new name stands."""
    touched: set[Path] = set()
    for folder in folders:
        missing = folder
        while not missing.is_dir() and missing != base:
            touched.add(missing.parent)
            missing = missing.parent
        folder.mkdir(parents=True, exist_ok=True)
    return touched


def _remove(place: Path, base: Path) -> bool:
    """Remove a file and the folders that it leaves empty."""
    try:
        place.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    for folder in place.parents:
        if folder == base or any(folder.iterdir()):
            break
        folder.rmdir()
    return True


def _sync_one(place: Path) -> None:
    """Bring a file or folder to the disk."""
    try:
        handle = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_LIBC = ctypes.CDLL(None, use_errno=True)


def _sync_file_system(place: Path) -> bool:
    """Bring everything on the file system of *place* to the disk (Linux `syncfs`); False where that is not known."""
    if not hasattr(_LIBC, "syncfs"):
        return False
    handle = os.open(place, os.O_RDONLY)
    try:
        if _LIBC.syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))
    finally:
        os.close(handle)
    return True
