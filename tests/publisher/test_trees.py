"""Trees of files: what begins a new one, and when it is served."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from uuid import UUID

from sqlalchemy import text

from services.publisher.actions.build_trees import begin_tree, first_tree, forget_record
from services.publisher.reads.frame import Surroundings
from shared.web.frame import asset_files
from tests.publisher.conftest import Press
from tests.publisher.world import World


async def trees(press: Press) -> dict[int, str]:
    async with press.db.sessions() as session:
        rows = await session.execute(text("SELECT tree_id, standing FROM publisher.tree"))
        return {row.tree_id: row.standing for row in rows}


async def test_the_first_tree_is_served_before_any_event(press: Press) -> None:
    """A fresh site has its home page in three languages, its fixed pages, its looks and its robots file."""
    await press.renderer.drain()
    for path in (
        "/",
        "/zh-tw/",
        "/en/",
        "/about/",
        "/corrections/",
        "/calendar/",
        "/departments/",
        "/site/",
    ):
        assert press.page(path)
    for name in (
        "404.html",
        "zh-tw/404.html",
        "en/404.html",
        "robots.txt",
        "sitemap.xml",
        "feeds/all/feed.atom",
    ):
        assert (press.current / name).is_file(), name
    for name in asset_files():
        assert (press.current / name.lstrip("/")).is_file()


async def test_the_same_templates_keep_the_tree(press: Press) -> None:
    """A start with the same templates and settings builds nothing."""
    await first_tree(press.db.sessions, press.store, digest="test")
    assert await trees(press) == {1: "living"}


async def test_other_templates_begin_a_new_tree(press: Press) -> None:
    """A start with other templates builds beside the living tree, which is served until the new one is whole."""
    world = World()
    await press.print(world.publish("transport", "a", title="标题"))
    await first_tree(press.db.sessions, press.store, digest="other")
    assert await trees(press) == {1: "living", 2: "building"}
    assert "标题" in press.page("/transport/2026/1/")
    assert press.store.serving() == 1
    await first_tree(press.db.sessions, press.store, digest="other")
    assert await trees(press) == {1: "living", 2: "building"}
    await press.renderer.drain()
    assert await trees(press) == {2: "living"}
    assert "标题" in press.page("/transport/2026/1/")
    assert len(press.said) == 1


async def test_old_trees_go_while_a_new_one_is_built(press: Press) -> None:
    """A tree that was given up is removed after its time, however long the next takes: it may hold what vanished."""
    press.renderer.keep_old = 0.3
    await press.renderer.drain()
    await begin_tree(press.db.sessions, press.store, digest="one")
    await press.renderer._lists_round(patient=False)
    await begin_tree(press.db.sessions, press.store, digest="two")
    async with press.db.sessions.begin() as session:
        await session.execute(
            text(
                "INSERT INTO publisher.dirty (tree_id, path, kind, args, rank, next_at) "
                "VALUES (3, '/never/', 'home', '{}', 9, now() + interval '1 day')"
            )
        )
    assert await trees(press) == {1: "living", 2: "old", 3: "building"}
    until = asyncio.get_running_loop().time() + 20
    while 2 in await trees(press):
        assert asyncio.get_running_loop().time() < until
        await press.renderer._lists_round(patient=False)
    assert await trees(press) == {1: "living", 3: "building"}
    assert not (press.store.root / "trees/2").exists()


async def test_a_lost_folder_is_built_again(press: Press) -> None:
    """When the site's files are gone a start builds them from the database."""
    world = World()
    await press.print(world.publish("transport", "a", title="标题"))
    shutil.rmtree(press.store.root / "trees" / "1")
    (press.store.root / "current").unlink()
    await first_tree(press.db.sessions, press.store, digest="test")
    await press.renderer.drain()
    assert "标题" in press.page("/transport/2026/1/")


async def test_another_epoch_replaces_everything(press: Press) -> None:
    """After a restore the old tree stays served until the new record is read; what it no longer holds is gone, unsaid."""
    world = World()
    world.publish("transport", "a", title="恢复后还在")
    world.publish("transport", "b", title="恢复后没有")
    await press.print(*world.events)
    read = asyncio.Event()
    press.renderer.caught_up = partial(_is_set, read)
    async with press.db.sessions.begin() as session:
        await forget_record(session)
    await begin_tree(press.db.sessions, press.store, digest="test")
    await press.hear(world.events[0])
    await press.renderer.drain()
    assert "恢复后没有" in press.page("/transport/2026/2/")
    read.set()
    await press.renderer.drain()
    assert "恢复后还在" in press.page("/transport/2026/1/")
    assert not (press.current / "transport/2026/2").exists()
    assert "恢复后没有" not in press.page("/")
    assert len(press.said) == 2
    async with press.db.sessions() as session:
        shown = (await session.execute(text("SELECT item_id FROM publisher.shown"))).scalars().all()
    assert shown == [UUID(str(world.states["transport/a"]["item_id"]))]


async def _is_set(flag: asyncio.Event) -> bool:
    return flag.is_set()


async def test_the_site_lies_below_a_prefix_in_a_portals_frame(press: Press) -> None:
    """With a prefix every link of ours begins with it, and the portal's fragments stand on every page."""
    press.renderer.around = Surroundings(
        "https://www.qinghe.test", "/zwgk", "<div id=portal-top></div>", "<div id=portal-end></div>"
    )
    world = World()
    await press.print(world.publish("transport", "a", title="标题"))
    for path in ("/", "/transport/2026/1/", "/transport/"):
        page = press.page(path)
        assert "<div id=portal-top></div>" in page
        assert "<div id=portal-end></div>" in page
        assert 'href="/transport' not in page
    assert 'href="/zwgk/transport/2026/1/"' in press.page("/")
    assert (
        "https://www.qinghe.test/zwgk/transport/2026/1/"
        in (press.current / "feeds/all/feed.atom").read_text()
    )
    assert "Disallow: /zwgk/search" in (press.current / "robots.txt").read_text()
