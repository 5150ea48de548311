"""What remains of an item that is withdrawn, by kind: the contract's table, sink by sink."""

from __future__ import annotations

import random

import feedparser
import pytest
from sqlalchemy import text

from shared.bus import _Job
from shared.events.record import RecordEvent
from tests.publisher.conftest import Press
from tests.publisher.test_convergence import assert_same, feed, history, other_press
from tests.publisher.world import CATALOGUE, World, item_id

__all__ = ["other_press"]
TITLE = "关于机密名单的通知"
LISTS = (
    "/",
    "/transport/",
    "/transport/catalogue/notice/",
    "/calendar/2026/11/",
    "/en/catalogue/notice/",
)


async def printed(press: Press, kind: str, **data: str) -> World:
    """Publish an item in two versions, with another one beside it, and withdraw it."""
    world = World()
    world.site("catalogue", CATALOGUE)
    world.publish("transport", "a", title=TITLE)
    world.publish(
        "transport", "a", title=TITLE, body={"format": "html", "content": "<p>第二版正文。</p>"}
    )
    world.publish("transport", "b", title="另一条")
    await press.print(*world.events)
    assert (press.current / "transport/2026/1/v1/index.html").exists()
    assert all(TITLE in press.page(path) for path in LISTS)
    await press.print(world.withdraw("transport", "a", kind, **data))
    return world


async def test_withdrawn(press: Press) -> None:
    """A withdrawn item: notice with title and reason, 410; row with badge; earlier versions and JSON gone; feed says so."""
    await printed(press, "withdrawn")
    notice = press.page("/transport/2026/1/")
    assert TITLE in notice
    assert "内容有误" in notice
    assert "第二版正文" not in notice
    folder = press.current / "transport/2026/1"
    assert sorted(entry.name for entry in folder.iterdir()) == ["index.html", "status"]
    assert (folder / "status").read_text() == "410\n"
    assert all(TITLE in press.page(path) for path in LISTS)
    (entry,) = [one for one in _feed(press) if one.id.endswith(str(_first(press)))]
    assert entry.title == f"[已撤回] {TITLE}"
    assert "内容有误" in entry.summary
    assert "/transport/2026/1/" not in (press.current / "sitemap/transport/2026-11.xml").read_text()
    assert TITLE in press.page("/corrections/")
    assert TITLE in press.page("/corrections/2026/")


@pytest.mark.parametrize("kind", ["gone", "vanish", "redirect"])
async def test_gone(press: Press, kind: str) -> None:
    """Gone, vanished and redirected items keep neither title nor text anywhere; lists lose the row, feeds a tombstone."""
    await printed(
        press, kind, **({"redirect_to": "/transport/2026/2/"} if kind == "redirect" else {})
    )
    for name, content in press.files().items():
        assert TITLE not in content.decode(), name
        assert "第二版正文" not in content.decode(), name
    assert all("另一条" in press.page(path) for path in LISTS)
    (entry,) = [one for one in _feed(press) if one.id.endswith(str(_first(press)))]
    assert entry.title == "[已撤回]"
    assert ("内容有误" in entry.summary) == (kind == "vanish")
    assert ("第 3 版" in entry.summary) == (kind == "vanish")
    folder = press.current / "transport/2026/1"
    if kind == "redirect":
        assert (folder / ".redirect").read_text() == "/transport/2026/2/\n"
        assert "/transport/2026/2/" in press.page("/transport/2026/1/")
        assert "/transport/2026/2/" in entry.summary
    else:
        assert (folder / "status").read_text() == "410\n"
    assert "/transport/2026/1/" not in (press.current / "sitemap/transport/2026-11.xml").read_text()


def _feed(press: Press) -> list[feedparser.FeedParserDict]:
    found = feedparser.parse((press.current / "feeds/transport/feed.atom").read_bytes())
    assert not found.bozo
    return found.entries


def _first(press: Press) -> str:
    assert press.said
    return str(item_id("transport", "a"))


async def test_a_late_version_does_not_bring_back_what_is_gone(press: Press) -> None:
    """An old version that arrives after the tombstone changes nothing: it is not even kept."""
    world = World()
    first = world.publish("transport", "a", title=TITLE)
    tombstone = world.withdraw("transport", "a", "gone")
    await press.print(tombstone)
    before = press.files()
    await press.print(first)
    assert_same(before, press.files())
    again = world.publish("transport", "a", title="重新发布")
    await press.print(again)
    assert "重新发布" in press.page("/transport/2026/1/")
    assert not (press.current / "transport/2026/1/v1").exists()
    assert not (press.current / "transport/2026/1/status").exists()
    assert all(TITLE not in content.decode() for content in press.files().values())


async def test_a_withdrawal_reaches_lists_before_the_notice(press: Press) -> None:
    """The first thing rendered after a withdrawal are the lists; the notice follows."""
    world = World()
    world.publish("transport", "a", title=TITLE)
    world.publish("transport", "b", title="另一条")
    await press.print(*world.events)
    await press.hear(world.withdraw("transport", "a", "gone"))
    from services.publisher.actions.render_dirty import render_dirty
    from tests.publisher.conftest import NOW

    async with press.db.sessions.begin() as session:
        await render_dirty(session, 1, store=press.store, around=press.renderer.around, now=NOW)
    assert all(TITLE not in press.page(path) for path in ("/", "/transport/", "/calendar/2026/11/"))
    assert TITLE in press.page("/transport/2026/1/")
    await press.renderer.drain()
    assert TITLE not in press.page("/transport/2026/1/")


@pytest.mark.parametrize("kind", ["gone", "vanish", "redirect", "withdrawn"])
async def test_the_register_has_a_line_where_lists_have_none(press: Press, kind: str) -> None:
    """Every withdrawal stands in 更正与撤回, without title where lists show no row; the home page shows titles alone."""
    await printed(
        press, kind, **({"redirect_to": "/transport/2026/2/"} if kind == "redirect" else {})
    )
    for path in ("/corrections/", "/corrections/2026/"):
        assert '<a href="/transport/2026/1/">' in press.page(path)
    assert ('<a href="/transport/2026/1/">' in press.page("/")) == (kind == "withdrawn")


async def test_the_site_fed_live_is_the_one_rebuilt_from_the_feed(
    press: Press, other_press: Press
) -> None:
    """The feed leaves out for ever what lies before a withdrawal; a publisher that saw it shows the same bytes."""
    world = history(7)
    world.publish("transport", "a", title=TITLE)
    world.withdraw("transport", "a")
    world.publish("transport", "a", title="重新发布")
    world.publish("transport", "a", title="重新发布(改)")
    await feed(press, world.events, random.Random(7))
    fallen = {
        event.data.item_id: event.data.version
        for event in world.events
        if isinstance(event, RecordEvent) and event.data.state != "published"
    }
    kept = [
        event
        for event in world.events
        if not isinstance(event, RecordEvent)
        or event.data.version >= fallen.get(event.data.item_id, 0)
    ]
    assert len(kept) < len(world.events)
    await other_press.print(*kept)
    url = world.states["transport/a"]["url"]
    assert "重新发布" in press.page(f"{url}v3/")
    assert not (press.current / url.strip("/") / "v1").exists()
    assert_same(press.files(), other_press.files())


@pytest.mark.parametrize("gone", [False, True])
async def test_a_version_that_comes_after_its_seal_is_not_kept(press: Press, *, gone: bool) -> None:
    """The text of a sealed version that arrives last is in no row, and its bytes are purged once more."""
    world = World()
    first = world.publish("transport", "a", title=TITLE)
    if gone:
        later = world.withdraw("transport", "a", "vanish")
    else:
        world.states["transport/a"]["history"][0]["sealed"] = True
        later = world.publish("transport", "a", title="改正的通知")
    await press.print(later)
    async with press.db.sessions.begin() as session:
        await session.execute(text("UPDATE publisher.purge SET done_at = now()"))
    await press.print(first)
    async with press.db.sessions() as session:
        found = await session.execute(
            text(
                "SELECT state, sha256, done_at FROM publisher.item_version JOIN publisher.purge "
                "USING (item_id, version) WHERE version = 1"
            )
        )
        assert found.all() == [(None, "", None)]


async def test_what_the_feed_brought_and_was_parked_goes_with_a_leak(press: Press) -> None:
    """An event that was read from the feed and set aside is dropped with its item; another item's stays."""
    world = World()
    first, other = (world.publish("transport", name, title=TITLE) for name in ("a", "b"))
    named = _Job(b"", first, "feed").place
    assert named == f"record.transport.{item_id('transport', 'a')}"
    for subject, event in (("feed", first), ("feed", other), (named, first)):
        async with press.db.sessions.begin() as session:
            await session.execute(
                text(
                    "INSERT INTO publisher.parked (consumer, subject, reason, raw, tries) "
                    "VALUES ('publisher', :subject, '', :raw, 8)"
                ),
                {"subject": subject, "raw": event.model_dump_json().encode()},
            )
    await press.hear(world.withdraw("transport", "a", "vanish"))
    async with press.db.sessions() as session:
        left = await session.execute(text("SELECT raw FROM publisher.parked"))
        assert [row.raw for row in left] == [other.model_dump_json().encode()]
