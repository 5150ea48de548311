"""What changes pages besides their own record: days, bodies, lists of the site, related items."""

from __future__ import annotations

import feedparser

from tests.publisher.conftest import Press
from tests.publisher.world import CATALOGUE, World

OPEN = {"kind": "consultation", "opens_at": None, "closes_at": "2026-11-12T17:30:00+08:00"}


async def test_a_passing_day_closes_what_is_over(press: Press) -> None:
    """An open period stands on the home page and in its badge until a day event lies behind its end."""
    world = World()
    world.site("catalogue", CATALOGUE)
    world.day("2026-11-02")
    world.publish("transport", "a", title="征求意见稿", period=OPEN)
    world.publish("transport", "b", title="没有期限")
    await press.print(*world.events)
    assert press.page("/").count("征求意见稿") == 2
    page, plain = press.page("/transport/2026/1/"), press.current / "transport/2026/2/index.html"
    before = plain.stat().st_mtime_ns
    await press.print(world.day("2026-11-10"))
    assert "2 天" in press.page("/")
    assert press.page("/transport/2026/1/") != page
    await press.print(world.day("2026-11-12", "2026-11-12T17:30:00+08:00"))
    assert press.page("/").count("征求意见稿") == 1
    assert "已结束" in press.page("/calendar/2026/11/")
    assert plain.stat().st_mtime_ns == before


async def test_a_day_that_is_older_changes_nothing(press: Press) -> None:
    """Day events count by version: a repeated or late one does not turn time back."""
    world = World()
    old, new = world.day("2026-11-02"), world.day("2026-11-13")
    world.publish("transport", "a", title="征求意见稿", period=OPEN)
    await press.print(*world.events[1:])
    await press.print(old, new, old)
    assert press.page("/").count("征求意见稿") == 1


async def test_a_new_name_reaches_every_page(press: Press) -> None:
    """A renamed body stands under its new name on its pages, its items, in lists and feeds."""
    world = World()
    world.site("catalogue", CATALOGUE)
    world.body("transport", names={"zh-Hans": "交通运输局"})
    world.publish("transport", "a", title="标题")
    world.withdraw("transport", "a")
    world.publish("transport", "b", title="标题二")
    await press.print(*world.events)
    await press.print(world.body("transport", names={"zh-Hans": "交通与物流局"}))
    for name, content in press.files().items():
        if not name.endswith(".json") or "/feeds/" in name:
            assert "交通运输局" not in content.decode(), name
    assert "交通与物流局" in press.page("/transport/2026/2/")
    assert "交通与物流局" in press.page("/transport/2026/1/")


async def test_a_body_has_its_pages_before_its_first_item(press: Press) -> None:
    """A body without items has its page, five entrances and every entry, blank ones with when they were due."""
    world = World()
    await press.print(
        world.site("catalogue", CATALOGUE),
        world.day("2026-11-23"),
        world.body(
            "finance", entries=[{"code": "statistics", "blank_note": "统计口径调整，十二月公布"}]
        ),
    )
    for path in (
        "guide/",
        "guide/system/",
        "catalogue/",
        "guide/annual-reports/",
        "guide/apply/",
        "catalogue/statistics/",
    ):
        for frame in ("", "zh-tw/", "en/"):
            assert press.page(f"/{frame}finance/{path}")
    blank = press.page("/finance/catalogue/statistics/")
    assert "统计口径调整" in blank
    assert "10月31日" in blank
    await press.print(world.day("2026-12-01"))
    assert "11月30日" in press.page("/finance/catalogue/statistics/")


async def test_relations_show_at_both_ends(press: Press) -> None:
    """A policy and its explainer name each other once both pages are there, and follow each other's titles."""
    world = World()
    world.site("catalogue", CATALOGUE)
    explainer = world.publish(
        "transport",
        "explainer",
        title="一图读懂办法",
        catalogue="interpretation",
        relations=[{"type": "interprets", "target": "transport/policy"}],
    )
    await press.print(*world.events[:-1], explainer)
    policy = world.publish(
        "transport", "policy", title="高龄津贴办法", catalogue="regulation.normative"
    )
    await press.print(policy)
    assert "一图读懂办法" in press.page("/transport/2026/2/")
    assert "高龄津贴办法" in press.page("/transport/2026/1/")
    assert "一图读懂办法" in press.page("/")
    await press.print(
        world.publish(
            "transport", "policy", title="高龄津贴发放办法", catalogue="regulation.normative"
        )
    )
    assert "高龄津贴发放办法" in press.page("/transport/2026/1/")
    await press.print(world.withdraw("transport", "explainer", "gone"))
    assert "一图读懂办法" not in press.page("/transport/2026/2/")


async def test_a_changed_relation_leaves_its_former_target(press: Press) -> None:
    """A version that names another target takes the back link away from the first one."""
    world = World()
    for source in ("one", "two"):
        world.publish("transport", source, title=f"目标{source}")
    world.publish(
        "transport", "x", title="提到者", relations=[{"type": "related", "target": "transport/one"}]
    )
    await press.print(*world.events)
    assert "提到者" in press.page("/transport/2026/1/")
    await press.print(
        world.publish(
            "transport",
            "x",
            title="提到者",
            relations=[{"type": "related", "target": "transport/two"}],
        )
    )
    assert "提到者" not in press.page("/transport/2026/1/")
    assert "提到者" in press.page("/transport/2026/2/")


async def test_settings_reach_every_page(press: Press) -> None:
    """The site's name stands on every page after a settings event."""
    world = World()
    await press.print(
        world.publish("transport", "a"), world.site("settings", {"names": {"zh-Hans": "青禾县"}})
    )
    pages = [
        content.decode() for name, content in press.files().items() if name.endswith("index.html")
    ]
    assert pages
    assert all("青禾县" in page for page in pages)


async def test_feeds_are_read_by_feed_readers(press: Press) -> None:
    """Atom and RSS of the site, a body and an entry: newest change first, stable ids, `updated` of the newest entry."""
    world = World()
    world.site("catalogue", CATALOGUE)
    for number in range(60):
        world.publish("transport", f"n-{number}", title=f"标题{number} & <b>")
    world.publish("transport", "n-0", title="标题0(改)")
    await press.print(*world.events)
    for folder in ("all", "transport", "transport/notice", "all/notice"):
        for ending in ("atom", "rss"):
            feed = feedparser.parse((press.current / f"feeds/{folder}/feed.{ending}").read_bytes())
            assert not feed.bozo
            assert len(feed.entries) == 50
            assert feed.entries[0].title == "标题0(改)"
            assert feed.entries[1].title == "标题59 & <b>"
            assert all(entry.id.startswith("urn:uuid:") for entry in feed.entries)
            assert feed.entries[0].link == "https://www.qinghe.test/transport/2026/1/"
        atom = feedparser.parse((press.current / f"feeds/{folder}/feed.atom").read_bytes())
        assert atom.feed.updated == atom.entries[0].updated
        assert atom.feed.links[-1].rel == "self" or any(
            link.rel == "self" for link in atom.feed.links
        )
