"""The queue of dirty paths: nothing is lost between the inbox and the renderer, and one bad page blocks no other."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from services.publisher import queries
from services.publisher.actions.render_dirty import Pick, Rendered, render_dirty
from services.publisher.inbox import on_record
from services.publisher.pages import render
from services.publisher.store import FolderStore
from tests.publisher.conftest import NOW, ZONE, Press
from tests.publisher.world import World


async def test_a_change_during_rendering_is_rendered_afterwards(press: Press) -> None:
    """A version that is being committed while its page is rendered is not lost: its path stays or comes back."""
    world = World()
    await press.hear(world.publish("transport", "a", title="第一版"))
    second = world.publish("transport", "a", title="第二版")
    async with press.db.sessions.begin() as inbox:
        await on_record([second], inbox, NOW, zone=ZONE)
        async with press.db.sessions.begin() as session:
            rendered = await render_dirty(
                session,
                1,
                store=press.store,
                around=press.renderer.around,
                now=NOW,
                pick=Pick.ITEMS,
            )
        assert rendered.paths == 0
    await press.renderer.drain()
    assert "第二版" in press.page("/transport/2026/1/")


async def test_the_inbox_waits_for_the_page_that_is_being_written(press: Press) -> None:
    """While a page is rendered its item's next version waits to commit, and is rendered next."""
    world = World()
    await press.hear(world.publish("transport", "a", title="第一版"))
    second = world.publish("transport", "a", title="第二版")
    async with press.db.sessions.begin() as session:
        rendered = await render_dirty(
            session, 1, store=press.store, around=press.renderer.around, now=NOW
        )
        assert rendered.paths == 1
        hearing = asyncio.create_task(press.hear(second))
        await asyncio.sleep(0.3)
        assert not hearing.done()
    await hearing
    await press.renderer.drain()
    assert "第二版" in press.page("/transport/2026/1/")


@pytest.mark.parametrize("committed", [True, False])
async def test_an_item_does_not_wait_for_lists_that_are_being_written(
    press: Press, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Its page is there before they are; they are written once more, whether its commit came in time or not."""
    world = World()
    await press.print(world.publish("transport", "a", title="第一条"))
    await press.hear(world.publish("transport", "b", title="第二条"))
    await press.renderer._batch(1, Pick.ITEMS)
    await _age(press)
    lists, go_on = await _held_while_writing(press, monkeypatch, Pick.LISTS)
    await press.hear(world.publish("transport", "c", title="第三条"))
    async with press.db.sessions() as session:
        async with asyncio.timeout(5):
            await render_dirty(
                session,
                1,
                store=press.store,
                around=press.renderer.around,
                now=NOW,
                pick=Pick.ITEMS,
            )
        if committed:
            await session.commit()
        go_on.set()
        assert (await asyncio.wait_for(lists, 10)).paths > 0
        await session.commit()
    assert "第三条" in press.page("/transport/2026/3/")
    assert "第二条" in press.page("/transport/")
    assert "第三条" not in press.page("/transport/")
    if committed:
        assert await _oldest(press, "/transport/") < 60, (
            "it counts as waiting since before it was written"
        )
    await press.renderer.drain()
    assert "第三条" in press.page("/transport/")


async def _held_while_writing(
    press: Press, monkeypatch: pytest.MonkeyPatch, pick: Pick
) -> tuple[asyncio.Task[Rendered], threading.Event]:
    """Render a batch as far as the writing of its files, which goes on when the event is set; other writes do not wait."""
    begun, go_on = threading.Event(), threading.Event()
    real = FolderStore.write

    def slow(store: FolderStore, *rest: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return real(store, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "write", slow)
        rendering = asyncio.create_task(press.renderer._batch(1, pick))
        assert await asyncio.to_thread(begun.wait, 30)
    return rendering, go_on


async def _age(press: Press) -> None:
    """Let everything that is queued have waited for an hour."""
    async with press.db.sessions.begin() as session:
        await session.execute(
            text("UPDATE publisher.dirty SET created_at = created_at - interval '1 hour'")
        )


async def _oldest(press: Press, path: str) -> float:
    """Return the seconds that a path has waited."""
    async with press.db.sessions() as session:
        found = await session.execute(
            text(
                "SELECT extract(epoch FROM now() - created_at) FROM publisher.dirty WHERE path = :path"
            ),
            {"path": path},
        )
        return float(found.scalar_one())


async def test_a_list_is_written_by_one_renderer_at_a_time(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that another is at are left alone, those of a withdrawal too, and the ones after them are taken."""
    world = World()
    world.publish("transport", "a", title="第一条")
    world.publish("transport", "b", title="第二条")
    await press.print(*world.events)
    await press.hear(world.publish("transport", "c", title="第三条"))
    await press.renderer._batch(1, Pick.ITEMS)
    lists, go_on = await _held_while_writing(press, monkeypatch, Pick.LISTS)
    first = await press.waiting()
    other = await press.renderer._batch(1, Pick.LISTS)
    assert 0 < other.paths < len(first)
    await press.hear(world.withdraw("transport", "a", "gone"))
    await press.renderer._batch(1, Pick.ITEMS)
    assert "第一条" in press.page("/transport/2026/1/"), "the notice came before the lists"
    go_on.set()
    await lists
    await press.renderer.drain()
    assert "第一条" not in press.page("/transport/")
    assert "第一条" not in press.page("/transport/2026/1/")


async def test_two_renderers_share_the_work(press: Press) -> None:
    """Two copies rendering at once write the same site as one, and no path twice at the same time."""
    world = World()
    for number in range(30):
        world.publish("transport", f"n-{number}", title=f"标题{number}")
    await press.hear(*world.events)
    await asyncio.gather(press.renderer.drain(), press.renderer.drain())
    assert await press.renderer.drain() == 0
    assert all(
        f"标题{number}<" in press.page("/transport/calendar/2026/11/") for number in range(30)
    )
    assert sorted(one.item_id for one in press.said) == sorted({one.item_id for one in press.said})
    assert len(press.said) == 30


async def test_a_page_that_cannot_be_rendered_blocks_no_other(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried eight times with growing delays, then stays parked where it is counted; a new version tries anew."""
    world = World()
    world.publish("transport", "bad", title="坏的")
    world.publish("transport", "good", title="好的")
    real = render.render_item

    def failing(view: Any, *rest: Any) -> str:
        if view.state.title == "坏的":
            raise ValueError("as told")
        return real(view, *rest)

    monkeypatch.setattr(render, "render_item", failing)
    await press.hear(*world.events)
    later = NOW
    for _ in range(9):
        monkeypatch.setattr(press.renderer, "clock", partial(_fixed, later))
        await press.renderer.drain()
        later += timedelta(seconds=200)
    assert "好的" in press.page("/transport/2026/2/")
    assert "坏的" not in press.page("/transport/")
    assert not (press.current / "transport/2026/1/index.html").exists()
    async with press.db.sessions() as session:
        standing = await queries.standing(session, later)
    assert (standing["waiting"], standing["parked"]) == (0, 1)
    assert "as told" in standing["parked_paths"][0]["error"]
    await press.print(world.publish("transport", "bad", title="修好了"))
    assert "修好了" in press.page("/transport/2026/1/")


def _fixed(at: datetime) -> datetime:
    return at


async def test_a_full_disk_loses_nothing(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    """When files cannot be written the rows stay, nothing counts as visible, and it works once there is room."""
    world = World()
    await press.hear(world.publish("transport", "a", title="标题"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "write", full)
        with pytest.raises(OSError, match="No space"):
            await press.renderer.drain()
    assert press.said == []
    await press.renderer.drain()
    assert "标题" in press.page("/transport/2026/1/")
    assert len(press.said) == 1


async def test_a_write_that_is_under_way_keeps_others_away(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended in the middle of writing, a renderer lets its rows go only after the last file: no older one lands later."""
    world = World()
    await press.hear(world.publish("transport", "a", title="标题"))
    rendering, go_on = await _held_while_writing(press, monkeypatch, Pick.ITEMS)
    rendering.cancel()
    await asyncio.sleep(0.3)
    assert await _free_rows(press) == 0
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await rendering
    assert await _free_rows(press) == 1


async def _free_rows(press: Press) -> int:
    """Return how many items wait whose rows nobody has locked."""
    async with press.db.sessions() as session:
        found = await session.execute(
            text(
                "SELECT path FROM publisher.dirty WHERE kind = 'item' AND path NOT LIKE '%#refresh' FOR UPDATE SKIP LOCKED"
            )
        )
        return len(found.all())


async def test_an_unchanged_page_is_not_written_again(press: Press) -> None:
    """Rendering everything once more leaves every file as it is, its time of change included."""
    world = World()
    await press.print(world.publish("transport", "a", title="标题"))
    page = press.current / "index.html"
    before = page.stat().st_mtime_ns
    async with press.db.sessions.begin() as session:
        from services.publisher.actions.queue_everything import queue_everything

        await queue_everything(session)
    assert await press.renderer.drain() > 10
    assert page.stat().st_mtime_ns == before


async def test_lists_name_only_items_whose_page_is_there(press: Press) -> None:
    """Before its page is written an item is in no list; the rendering of its page puts it there."""
    world = World()
    await press.print(world.publish("transport", "a", title="先有的"))
    await press.hear(world.publish("transport", "b", title="后来的"))
    async with press.db.sessions.begin() as session:
        await session.execute(
            text("UPDATE publisher.dirty SET next_at = 'infinity', tries = 1 WHERE kind = 'item'")
        )
        from services.publisher.actions.queue_everything import queue_everything

        await queue_everything(session)
        await session.execute(
            text("UPDATE publisher.dirty SET next_at = 'infinity', tries = 1 WHERE kind = 'item'")
        )
    await press.renderer.drain()
    assert "后来的" not in press.page("/")
    async with press.db.sessions.begin() as session:
        await session.execute(text("UPDATE publisher.dirty SET next_at = NULL, tries = 0"))
    await press.renderer.drain()
    assert "后来的" in press.page("/")
