"""Lists that grow long: a month splits into days, a day into parts of two hundred, and nothing is lost on the way."""

from __future__ import annotations

import random
import re

import pytest

from services.publisher.rules import dirt
from tests.publisher.conftest import Press
from tests.publisher.test_convergence import assert_same, other_press
from tests.publisher.world import CATALOGUE, World

__all__ = ["other_press"]
LINK = re.compile(r'href="(/transport/2026/\d+/)"')


def crowded(count: int) -> World:
    """Return a record with *count* items on one day, and some on others, in one body."""
    world = World()
    world.site("catalogue", CATALOGUE)
    for number in range(count):
        world.publish(
            "transport", f"n-{number}", title=f"标题{number}", first_published_on="2026-11-09"
        )
        if number % 20 == 0:
            world.publish("transport", f"m-{number}", first_published_on="2026-11-03")
    return world


def listed(press: Press, folder: str) -> set[str]:
    """Return every item that the pages below a folder list."""
    pages = (press.current / folder.strip("/")).rglob("index.html")
    return {found for page in pages for found in LINK.findall(page.read_text(encoding="utf-8"))}


@pytest.fixture(autouse=True)
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lists split at twenty: the same paths, a tenth of the work."""
    from services.publisher.actions import count_buckets, settle_lists
    from services.publisher.reads import around, calendars, feeds
    from services.publisher.rules import places

    for module in (dirt, count_buckets, settle_lists, around, calendars, feeds, places):
        monkeypatch.setattr(module, "FULL", 20)


async def test_a_month_splits_into_days_and_a_day_into_parts(press: Press) -> None:
    """Past its size a month lists days and a day lists parts; every item stays in exactly one list that is linked."""
    world = crowded(50)
    await press.print(*world.events[:19])
    assert "标题3<" in press.page("/transport/calendar/2026/11/")
    assert not (press.current / "transport/calendar/2026/11/09").exists()
    await press.print(*world.events[19:])
    month = press.page("/transport/calendar/2026/11/")
    assert "标题3<" not in month
    assert "/transport/calendar/2026/11/09/" in month
    day = press.page("/transport/calendar/2026/11/09/")
    assert all(f"/transport/calendar/2026/11/09/{part}/" in day for part in (1, 2, 3))
    assert "标题3<" in press.page("/transport/calendar/2026/11/09/1/")
    assert "标题49<" in press.page("/en/transport/calendar/2026/11/09/3/")
    assert len(listed(press, "/transport/calendar/2026/11")) == len(world.states)
    index = (press.current / "sitemap.xml").read_text()
    assert "/sitemap/transport/2026-11-09-3.xml" in index
    assert "/sitemap/transport/2026-11.xml" not in index
    assert not (press.current / "sitemap/transport/2026-11.xml").exists()


async def test_parts_do_not_move_while_items_come(press: Press) -> None:
    """One more item in a long day writes the last part, and no other part."""
    world = crowded(50)
    await press.print(*world.events)
    before = press.files()
    await press.print(
        world.publish("transport", "late", title="最新", first_published_on="2026-11-09")
    )
    changed = {name for name, content in press.files().items() if before.get(name) != content}
    parts = {
        name
        for name in changed
        if name.startswith("transport/calendar/2026/11/09/") and name.count("/") == 6
    }
    assert parts == {"transport/calendar/2026/11/09/3/index.html"}


async def test_long_lists_converge(press: Press, other_press: Press) -> None:
    """Shuffled and doubled events, withdrawals among them, give the same parts as those in order, and a rebuild too."""
    world = crowded(50)
    world.withdraw("transport", "n-7", "gone")
    world.withdraw("transport", "n-8")
    world.publish("transport", "n-30", title="改期", first_published_on="2026-11-03")
    luck = random.Random(5)
    for size in range(0, len(world.events), 17):
        await press.print(*world.events[size : size + 17])
    shuffled = world.events * 2
    luck.shuffle(shuffled)
    for size in range(0, len(shuffled), 23):
        await other_press.print(*shuffled[size : size + 23])
    assert_same(press.files(), other_press.files())
    await press.rebuild()
    assert_same(press.files(), other_press.files())
