"""The site in a bucket on a real S3 server: the same bytes as in a folder, only what differs is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from services.publisher.actions.build_trees import begin_tree, first_tree, forget_record
from services.publisher.actions.render_dirty import Pick
from services.publisher.bucket import DIGEST, BucketStore
from services.publisher.reads.frame import Surroundings
from shared.db import migrate
from shared.objects import Bucket, StoreUnreachable
from shared.web.served import STATUS
from tests.publisher.conftest import Press, press_at, press_on
from tests.publisher.test_convergence import history
from tests.publisher.world import World
from tests.s3 import Gate


@pytest.fixture
def bucket(gate: Gate, bucket_address: str) -> Bucket:
    """An empty place in the S3 server."""
    return Bucket(bucket_address)


@pytest.fixture
async def press(database_url: str, bucket: Bucket) -> AsyncIterator[Press]:
    """A publisher whose first tree is served from the bucket, drained."""
    async for built in press_on(database_url, BucketStore(bucket)):
        await built.renderer.drain()
        yield built


def objects(bucket: Bucket, area: str = "current") -> dict[str, bytes]:
    """Return every object of an area by its key in it."""
    found = {}
    for some in bucket.keys(area):
        for key in some:
            held = bucket.read(key)
            assert held is not None
            found[key.removeprefix(f"{area}/")] = held[1]
    return found


def page(bucket: Bucket, path: str) -> str:
    """Return the text of a page that is served."""
    held = bucket.read(f"current{path}index.html")
    assert held is not None, path
    return held[1].decode()


def served(gate: Gate, bucket: Bucket) -> list[str]:
    """Return the keys that were written into what is served, in order."""
    return gate.written(f"{bucket.address.split('/', 3)[3]}/current/")


async def test_a_bucket_has_the_same_bytes_as_a_folder(
    press: Press, bucket: Bucket, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    """A history in which everything happens gives the same files in a bucket as in a folder, and so does a rebuild."""
    world = history(7, steps=25)
    for start in range(0, len(world.events), 12):
        await press.print(*world.events[start : start + 12])
    migrate(empty_database_url, ["publisher"])
    async for other in press_at(empty_database_url, tmp_path / "site"):
        await other.print(*world.events)
        assert objects(bucket) == other.files()


async def test_objects_say_what_they_are(press: Press, bucket: Bucket) -> None:
    """Types, caching and the status of a withdrawn page lie with the objects, for whoever serves them."""
    world = World()
    await press.print(world.publish("transport", "a"), world.publish("transport", "b"))
    await press.print(world.withdraw("transport", "b"))

    def headers(key: str) -> dict[str, str]:
        kept = bucket.look(f"current/{key}")
        assert kept is not None, key
        return {name: value for name, value in kept.attributes.items() if name != DIGEST}

    html = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"}
    assert headers("transport/2026/1/index.html") == html
    assert headers("transport/2026/2/index.html") == html | {STATUS: "410"}
    assert headers("transport/2026/1/index.json")["Content-Type"].startswith("application/json")
    assert headers("feeds/all/feed.atom")["Content-Type"].startswith("application/atom+xml")
    [sheet] = [key for key in objects(bucket) if key.endswith(".css") and "site" in key][:1]
    assert headers(sheet) == {
        "Content-Type": "text/css; charset=utf-8",
        "Cache-Control": "public, max-age=31536000, immutable",
    }


async def test_a_withdrawal_removes_what_it_must(press: Press, bucket: Bucket) -> None:
    """Versions and JSON go with the text; published again, the page is a page again without the status."""
    world = World()
    await press.print(world.publish("transport", "a", title="桥梁封闭"))
    await press.print(world.publish("transport", "a", title="桥梁封闭", summary="延期"))
    assert {"transport/2026/1/v1/index.html", "transport/2026/1/v2/index.html"} <= objects(
        bucket
    ).keys()
    await press.print(world.withdraw("transport", "a", "gone"))
    below = [key for key in objects(bucket) if key.startswith("transport/2026/1/")]
    assert below == ["transport/2026/1/index.html", "transport/2026/1/status"]
    assert not [key for key, content in objects(bucket).items() if "桥梁封闭".encode() in content]
    await press.print(world.publish("transport", "a", title="桥梁开放"))
    assert "transport/2026/1/status" not in objects(bucket)
    kept = bucket.look("current/transport/2026/1/index.html")
    assert kept is not None
    assert STATUS not in kept.attributes


async def test_a_rebuild_writes_only_what_differs(press: Press, bucket: Bucket, gate: Gate) -> None:
    """A rebuild of a whole site puts no object; of a damaged one the damaged objects, and strays go."""
    world = World()
    for number in range(6):
        world.publish("transport", f"n-{number}")
    await press.print(*world.events)
    whole = objects(bucket)
    gate.asked.clear()
    await press.rebuild()
    assert served(gate, bucket) == []
    assert [one.key for one in gate.asked if one.method == "PUT" and "/trees/" in one.key] == []
    assert objects(bucket) == whole

    bucket.write("current/transport/2026/3/index.html", b"defaced", {})
    bucket.write("current/casino/index.html", b"not ours", {})
    bucket.remove(["current/transport/2026/5/index.json"])
    gate.asked.clear()
    await press.rebuild()
    assert sorted(served(gate, bucket)) == [
        "transport/2026/3/index.html",
        "transport/2026/5/index.json",
    ]
    assert objects(bucket) == whole
    assert list(bucket.keys("trees")) == []


async def test_another_look_shows_when_it_is_whole(
    press: Press, bucket: Bucket, gate: Gate
) -> None:
    """While a tree with other looks is built readers see the old one; then pages change before what leads to them."""
    world = World()
    await press.print(*[world.publish("transport", f"n-{number}") for number in range(3)])
    before = objects(bucket)
    press.renderer.around = Surroundings("https://www.qinghe.test", "", "<div id=portal></div>", "")
    await begin_tree(press.db.sessions, press.store, digest="other")
    while await left(press):
        assert objects(bucket) == before
        await press.renderer._batch(2, Pick.ANY)
    gate.asked.clear()
    await press.renderer.drain()
    order = served(gate, bucket)
    pages = [order.index(f"transport/2026/{serial}/index.html") for serial in (1, 2, 3)]
    lists = [order.index(key) for key in ("index.html", "transport/index.html")]
    assert max(pages) < min(lists)
    assert all(one.copied for one in gate.asked if one.method == "PUT" and "/current/" in one.key)
    assert "<div id=portal></div>" in page(bucket, "/transport/2026/1/")
    assert "<div id=portal></div>" in page(bucket, "/")


async def left(press: Press) -> int:
    """Return how many paths wait for the tree being built."""
    async with press.db.sessions() as session:
        found = await session.execute(text("SELECT count(*) FROM publisher.dirty"))
        return int(found.scalar_one())


async def test_changes_while_another_tree_is_built_reach_both(press: Press, bucket: Bucket) -> None:
    """What is published, corrected and withdrawn during a rebuild shows at once, and after the switch."""
    world = World()
    await press.print(*[world.publish("transport", name, title=name) for name in "abc"])
    press.renderer.around = Surroundings("https://www.qinghe.test", "", "<div id=portal></div>", "")
    await begin_tree(press.db.sessions, press.store, digest="other")
    await press.renderer._batch(2, Pick.ANY)
    await press.hear(
        world.publish("transport", "d", title="新来"),
        world.publish("transport", "a", title="改过"),
        world.withdraw("transport", "b", "gone"),
    )
    while await press.renderer._items_round(fresh=True):
        pass
    assert "改过" in page(bucket, "/transport/2026/1/")
    await press.renderer.drain()
    assert "新来" in page(bucket, "/transport/2026/4/")
    assert "改过" in page(bucket, "/transport/2026/1/")
    assert bucket.look("current/transport/2026/2/v1/index.html") is None
    before = objects(bucket)
    await press.rebuild()
    assert objects(bucket) == before


async def test_a_withdrawn_text_leaves_the_tree_beside_too(press: Press, bucket: Bucket) -> None:
    """A text that goes while another tree is built does not wait beside the site until the switch."""
    world = World()
    await press.print(world.publish("transport", "a", title="不该公开"))
    await press.print(world.publish("transport", "a", title="不该公开", summary="二"))
    press.renderer.around = Surroundings("https://www.qinghe.test", "", "<div id=portal></div>", "")
    await begin_tree(press.db.sessions, press.store, digest="other")
    await press.renderer._batch(2, Pick.ANY)
    assert "transport/2026/1/v1/index.html" in objects(bucket, "trees/2")
    await press.hear(world.withdraw("transport", "a", "gone"))
    while await press.renderer._items_round(fresh=True):
        pass
    while (await press.renderer._batch(2, Pick.ITEMS)).paths:
        pass
    for area in ("current", "trees/2"):
        below = {key: c for key, c in objects(bucket, area).items() if "/2026/1/" in key}
        assert not [key for key, content in below.items() if "不该公开".encode() in content]
    await press.renderer.drain()
    assert not [key for key, c in objects(bucket).items() if "不该公开".encode() in c]


async def test_a_store_that_is_away_is_waited_for(press: Press, bucket: Bucket, gate: Gate) -> None:
    """With the store away nothing is lost or counted as failed: rows wait, and all is there when it is back."""
    world = World()
    gate.open = False
    await press.hear(world.publish("transport", "a", title="停水"))
    with pytest.raises(StoreUnreachable):
        await press.renderer.drain()
    gate.open = True
    assert bucket.look("current/transport/2026/1/index.html") is None
    async with press.db.sessions() as session:
        rows = await session.execute(text("SELECT max(tries) AS tries FROM publisher.dirty"))
        assert rows.scalar() == 0
    await press.renderer.drain()
    assert "停水" in page(bucket, "/transport/2026/1/")
    assert [seen.version for seen in press.said] == [1]


async def test_a_switch_that_was_cut_off_is_finished(
    press: Press, bucket: Bucket, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away in the middle of moving: the switch goes on later, and the result is whole."""
    world = World()
    await press.print(*[world.publish("transport", f"n-{number}") for number in range(5)])
    press.renderer.around = Surroundings("https://www.qinghe.test", "", "<div id=portal></div>", "")
    monkeypatch.setattr("services.publisher.actions.move_files.GROUP", 4)
    real, calls = press.store.move, 0

    def breaks(tree: int, keys: list[str]) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            real(tree, keys[:2])
            raise StoreUnreachable("cut off")
        real(tree, keys)

    monkeypatch.setattr(press.store, "move", breaks)
    with pytest.raises(StoreUnreachable):
        await press.rebuild()
    assert press.store.serving() == 1
    await press.renderer.drain()
    assert press.store.serving() == 2
    pages = [c for key, c in objects(bucket).items() if key.endswith(".html")]
    assert all(b"<div id=portal></div>" in content for content in pages)


async def test_another_epoch_replaces_everything(press: Press, bucket: Bucket) -> None:
    """After a restore the old site stays served until the record is read; what it no longer holds is gone then."""
    world = World()
    world.publish("transport", "a", title="恢复后还在")
    world.publish("transport", "b", title="恢复后没有")
    await press.print(*world.events)
    read = False

    async def caught_up() -> bool:
        return read

    press.renderer.caught_up = caught_up
    async with press.db.sessions.begin() as session:
        await forget_record(session)
    await begin_tree(press.db.sessions, press.store, digest="test")
    await press.hear(world.events[0])
    await press.renderer.drain()
    assert "恢复后没有" in page(bucket, "/transport/2026/2/")
    assert "恢复后没有" in page(bucket, "/transport/")
    read = True
    await press.renderer.drain()
    assert "恢复后还在" in page(bucket, "/transport/2026/1/")
    assert not [key for key, content in objects(bucket).items() if "恢复后没有".encode() in content]


async def test_a_site_of_another_database_stays_until_ours_is_whole(
    press: Press, bucket: Bucket, empty_database_url: str
) -> None:
    """A new database on a used bucket serves what is there until its own tree is whole, then only its own."""
    world = World()
    await press.print(world.publish("transport", "a", title="从前的"))
    migrate(empty_database_url, ["publisher"])
    async for other in press_on(empty_database_url, BucketStore(bucket)):
        assert "从前的" in page(bucket, "/transport/2026/1/")
        await other.renderer.drain()
        assert bucket.look("current/transport/2026/1/index.html") is None
        assert page(bucket, "/")


async def test_an_emptied_bucket_is_built_again(press: Press, bucket: Bucket) -> None:
    """When somebody has emptied the bucket, changes wait, and a rebuild or a start brings everything back."""
    world = World()
    await press.print(world.publish("transport", "a"))
    whole = objects(bucket)
    for some in list(bucket.keys("current")):
        bucket.remove(some)
    bucket.remove(["serving"])
    await press.hear(world.publish("transport", "b"))
    with pytest.raises(StoreUnreachable, match="rebuild"):
        await press.renderer.drain()
    await first_tree(press.db.sessions, press.store, digest="test")
    await press.renderer.drain()
    assert objects(bucket).keys() > whole.keys()


@pytest.mark.slow
@pytest.mark.long
async def test_two_copies_share_the_work(press: Press, bucket: Bucket, database_url: str) -> None:
    """Two publishers on one bucket render one record together, and the result is that of a rebuild."""
    world = history(3, steps=15)
    async for other in press_on(database_url, BucketStore(bucket)):
        await press.hear(*world.events)
        while await left(press):
            await asyncio.gather(press.renderer.drain(), other.renderer.drain())
    together = objects(bucket)
    await press.rebuild()
    assert objects(bucket) == together


async def test_the_database_is_not_asked_for_files_that_are_served(press: Press) -> None:
    """Notes of files are kept only while a tree is built."""
    world = World()
    await press.print(world.publish("transport", "a"))
    await press.rebuild()
    async with press.db.sessions() as session:
        rows = await session.execute(text("SELECT count(*) FROM publisher.tree_file"))
        assert rows.scalar() == 0
