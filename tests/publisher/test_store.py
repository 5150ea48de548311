"""The folder store: whole files only, nothing outside the tree, trees swapped at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.publisher.store import FolderStore, UnsafePath, place_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    """Give a store with one tree."""
    made = FolderStore(tmp_path / "site")
    made.begin(1)
    yield made
    made.close()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a/",
        "//a/",
        "/../a",
        "/a/../../b",
        "/%2e%2e/a",
        "/a/./b",
        "/a\\b",
        "/a\0b",
        "/a//b",
        "/a/.new-index.html",
        "/" + "长" * 100,
    ],
)
def test_paths_outside_the_tree_are_refused(tmp_path: Path, path: str) -> None:
    """A path that climbs out, is empty in places, or names a draft is refused."""
    with pytest.raises(UnsafePath):
        place_of(tmp_path, path)


def test_a_folder_is_its_index(tmp_path: Path) -> None:
    """`/a/` is the file `a/index.html`; percent-encoding is undone."""
    assert place_of(tmp_path, "/a/%E9%80%9A/") == tmp_path / "a" / "通" / "index.html"


def test_unchanged_files_are_left_alone(store: FolderStore) -> None:
    """Writing the same bytes again touches nothing; other bytes replace the file as a whole."""
    assert store.write(1, {"/a/": b"one", "/b/": b"two"}).changed == 2
    inode = (store.root / "trees/1/a/index.html").stat().st_ino
    assert store.write(1, {"/a/": b"one", "/b/": b"zwo"}).changed == 1
    assert (store.root / "trees/1/a/index.html").stat().st_ino == inode
    assert (store.root / "trees/1/b/index.html").read_bytes() == b"zwo"
    assert not list((store.root / "trees/1").rglob(".new-*"))


def test_removing_a_file_removes_empty_folders(store: FolderStore) -> None:
    """A removed page leaves no empty folders, and its neighbours stay."""
    store.write(1, {"/a/b/c/": b"x", "/a/d/": b"y"})
    assert store.write(1, {"/a/b/c/": None, "/never/": None}).removed == 1
    assert not (store.root / "trees/1/a/b").exists()
    assert (store.root / "trees/1/a/d/index.html").exists()


def test_only_what_belongs_stays(store: FolderStore) -> None:
    """`keep_only` removes files and folders that are not named, and nothing elsewhere."""
    store.write(
        1, {"/a/": b"x", "/a/v1/": b"1", "/a/v2/": b"2", "/a/index.json": b"{}", "/b/": b"y"}
    )
    assert store.keep_only(1, {"/a/": frozenset({"index.html", "v2"})}) == 2
    assert sorted(entry.name for entry in (store.root / "trees/1/a").iterdir()) == [
        "index.html",
        "v2",
    ]
    assert store.keep_only(1, {"/nothing/": frozenset()}) == 0


def test_half_files_of_a_process_that_ended_go(store: FolderStore) -> None:
    """In the folder of an item, and in its versions' folders, drafts go with what does not belong there."""
    store.write(1, {"/a/": b"x", "/a/v1/": b"1", "/b/": b"y"})
    root = store.root / "trees/1"
    drafts = [
        root / name for name in ("a/.new-index.html", "a/v1/.new-index.html", "b/.new-index.html")
    ]
    for draft in drafts:
        draft.write_bytes(b"a text that is gone since")
    assert store.keep_only(1, {"/a/": frozenset({"index.html", "v1"})}) == 2
    assert [draft.exists() for draft in drafts] == [False, False, True]
    assert (root / "a/v1/index.html").exists()


def test_trees_are_swapped_at_once(store: FolderStore) -> None:
    """The served tree changes by one rename and is never dropped; others are."""
    store.write(1, {"/": b"old"})
    store.serve(1)
    store.begin(2)
    store.write(2, {"/": b"new"})
    assert (store.root / "current/index.html").read_bytes() == b"old"
    store.serve(2)
    assert (store.root / "current/index.html").read_bytes() == b"new"
    assert store.serving() == 2
    store.drop(2)
    store.drop(1)
    assert sorted(entry.name for entry in (store.root / "trees").iterdir()) == ["2"]


def test_a_leftover_draft_is_overwritten(store: FolderStore) -> None:
    """What a crash left half written beside a page is never served and does no harm."""
    store.write(1, {"/a/": b"x"})
    (store.root / "trees/1/a/.new-index.html").write_bytes(b"half")
    store.write(1, {"/a/": b"y"})
    assert (store.root / "trees/1/a/index.html").read_bytes() == b"y"
    assert not list((store.root / "trees/1").rglob(".new-*"))
