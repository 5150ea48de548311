"""Looking whether readers get what the record asks for, in a folder and in a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.publisher.actions.look_at_files import Fault, look_at_files
from services.publisher.bucket import BucketStore
from services.publisher.store import FolderStore
from shared.objects import Bucket
from tests.publisher.conftest import Press, press_on
from tests.publisher.world import World, item_id

A, B, C = (item_id("transport", name) for name in "abc")


class Site:
    """The files that are served, as somebody else may change them."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def read(self, path: str) -> bytes | None:
        if isinstance(self.store, BucketStore):
            held = self.store.bucket.read(f"current/{path}")
            return held[1] if held else None
        place = self.store.root / "current" / path
        return place.read_bytes() if place.exists() else None

    def write(self, path: str, content: bytes) -> None:
        if isinstance(self.store, BucketStore):
            held = self.store.bucket.look(f"current/{path}")
            self.store.bucket.write(f"current/{path}", content, held.attributes if held else {})
        else:
            (self.store.root / "current" / path).write_bytes(content)

    def remove(self, path: str) -> None:
        if isinstance(self.store, BucketStore):
            self.store.bucket.remove([f"current/{path}"])
        else:
            (self.store.root / "current" / path).unlink()


@pytest.fixture(params=["folder", "bucket"])
async def press(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> AsyncIterator[Press]:
    """A publisher on either store, with two items and one that is gone."""
    if request.param == "bucket":
        request.getfixturevalue("gate")
        store: FolderStore | BucketStore = BucketStore(
            Bucket(request.getfixturevalue("bucket_address"))
        )
    else:
        store = FolderStore(tmp_path / "site")
    async for built in press_on(database_url, store):
        world = World()
        for name in "abc":
            world.publish("transport", name, title=f"第{name}条")
        world.withdraw("transport", "c", "gone")
        await built.print(*world.events)
        yield built


async def look(press: Press) -> list[Fault]:
    """Look at everything."""
    return await look_at_files(press.db.sessions, press.store, [A, B, C], fronts=True)


async def test_a_whole_site_has_no_faults(press: Press) -> None:
    """Where every file is as it was written there is nothing to say and nothing to write."""
    assert await look(press) == []
    assert await press.renderer.drain() == 0


PAGE, JSON = "transport/2026/1/index.html", "transport/2026/1/index.json"


@pytest.mark.parametrize(
    ("path", "change", "fault"),
    [
        (PAGE, None, Fault(A, "/transport/2026/1/", there=False)),
        (PAGE, lambda held: held[: len(held) // 2], Fault(A, "/transport/2026/1/", there=True)),
        (PAGE, lambda _: b"", Fault(A, "/transport/2026/1/", there=True)),
        (JSON, None, Fault(A, "/transport/2026/1/index.json", there=False)),
        (
            JSON,
            lambda held: held.replace("第a条".encode(), "第x条".encode()),
            Fault(A, "/transport/2026/1/index.json", there=True),
        ),
        ("transport/2026/3/status", None, Fault(C, "/transport/2026/3/status", there=False)),
        (
            "transport/2026/3/index.json",
            lambda _: "泄露".encode(),
            Fault(C, "/transport/2026/3/index.json", there=True),
        ),
        ("zh-tw/index.html", None, Fault(None, "/zh-tw/", there=False)),
        ("404.html", lambda _: b"nginx", Fault(None, "/404.html", there=True)),
    ],
)
async def test_what_is_missing_or_damaged_is_named_and_mended(
    press: Press, path: str, change: Callable[[bytes], bytes] | None, fault: Fault
) -> None:
    """A file that was deleted, cut, changed or left over is the one fault, and is right again after the renderer's turn."""
    site = Site(press.store)
    before = site.read(path)
    if change is None:
        site.remove(path)
    else:
        site.write(path, change(before or b""))
    assert await look(press) == [fault]
    await press.renderer.drain()
    assert site.read(path) == before
    assert await look(press) == []
    assert len(press.said) == 3  # nobody is told of a repair


async def test_what_waits_to_be_written_is_no_fault(press: Press) -> None:
    """An item whose newer version is not on the site yet is left to the comparison of versions."""
    world = World()
    world.publish("transport", "a", title="第a条")
    Site(press.store).remove(PAGE)
    await press.hear(world.publish("transport", "a", title="改正"))
    assert await look_at_files(press.db.sessions, press.store, [A]) == []
    assert await look_at_files(press.db.sessions, press.store, [UUID(int=1)]) == []
