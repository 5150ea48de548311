"""What remains of an item that is withdrawn, by kind: the contract's table, sink by sink."""

from __future__ import annotations

import feedparser
import pytest

from tests.publisher.conftest import Press
from tests.publisher.test_convergence import assert_same
from tests.publisher.world import CATALOGUE, World

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
    from tests.publisher.world import item_id

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
