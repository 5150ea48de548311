"""Whatever the order and repetition of events, the site is the same, and the same as one built anew."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.events.record import AnyRecord
from tests.publisher.conftest import Press, press_at
from tests.publisher.world import CATALOGUE, World

BODIES = ("county", "transport", "finance", "shiqiao")
ENTRIES = ("notice", "regulation", "regulation.normative", "interpretation", "news", "guide")


def history(seed: int, steps: int = 70) -> World:
    """Return a record in which everything happens that can."""
    luck = random.Random(seed)
    world = World()
    world.site("catalogue", CATALOGUE)
    world.site("settings", {"names": {"zh-Hans": "青禾县政府信息公开"}, "phone": "0551-12345"})
    world.body("county", kind="government")
    world.body("transport", parent="county", contact={"phone": "0551-1"})
    world.body("shiqiao", parent="transport", kind="township")
    world.day("2026-11-02")
    for step in range(steps):
        known = [key for key in world.states if world.states[key]["state"] == "published"]
        act = luck.random()
        if act < 0.5 or not known:
            target = luck.choice(known) if known and luck.random() < 0.4 else None
            relation = luck.choice(["interprets", "amends", "related"])
            world.publish(
                luck.choice(BODIES),
                f"n-{step}",
                catalogue=luck.choice(ENTRIES),
                title=f"标题{step}",
                topics=luck.choice([[], ["政府信息公开"]]),
                disclosure=luck.choice(["proactive", "on_application"]),
                first_published_on=luck.choice([None, "2014-05-01", "2026-10-05"]),
                period=luck.choice(
                    [
                        None,
                        None,
                        {
                            "kind": "notice",
                            "opens_at": None,
                            "closes_at": "2026-11-04T17:30:00+08:00",
                        },
                    ]
                ),
                relations=[{"type": relation, "target": target}] if target else [],
                important=luck.random() < 0.1,
            )
            continue
        department, source = luck.choice(known).split("/", 1)
        if act < 0.75:
            again = {"catalogue": luck.choice(ENTRIES), "change": luck.choice(["major", "minor"])}
            world.publish(department, source, title=f"标题{step}(改)", change_note="更正", **again)
        elif act < 0.9:
            kind = luck.choice(["withdrawn", "gone", "redirect", "vanish"])
            more = (
                {"redirect_to": world.states[luck.choice(known)]["url"]}
                if kind == "redirect"
                else {}
            )
            world.withdraw(department, source, kind, **more)
            if luck.random() < 0.4:
                world.publish(department, source, title=f"重新发布{step}")
        elif act < 0.95:
            world.day(
                f"2026-11-{3 + step // 30:02}",
                f"2026-11-{3 + step // 30:02}T18:{step % 60:02}:00+08:00",
            )
        else:
            world.body(
                "transport",
                parent=luck.choice(["county", None]),
                names={"zh-Hans": f"交通运输局{step}"},
            )
    return world


async def feed(press: Press, events: list[AnyRecord], luck: random.Random) -> None:
    """Hand *events* over in batches of any size, rendering some or all in between."""
    rest = list(events)
    while rest:
        size = luck.randint(1, 40)
        await press.hear(*rest[:size])
        del rest[:size]
        if luck.random() < 0.5:
            await press.renderer.drain()
    await press.renderer.drain()


def assert_same(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    """Fail with the names of the files that differ, and the first difference."""
    assert sorted(one) == sorted(other)
    differing = [name for name in one if one[name] != other[name]]
    for name in differing[:1]:
        assert one[name].decode().splitlines() == other[name].decode().splitlines(), name
    assert not differing


@pytest.fixture
async def other_press(empty_database_url: str, tmp_path: Path) -> AsyncIterator[Press]:
    """Give a second publisher that shares nothing with the first."""
    from shared.db import migrate

    migrate(empty_database_url, ["publisher"])
    async for built in press_at(empty_database_url, tmp_path / "other"):
        yield built


@pytest.mark.parametrize("seed", [1, 3])
async def test_any_order_gives_the_same_site(press: Press, other_press: Press, seed: int) -> None:
    """In order and one by one, or shuffled, tripled and in batches: the trees are byte-identical."""
    world, luck = history(seed), random.Random(seed)
    await feed(press, world.events, luck)
    shuffled = world.events * 3
    luck.shuffle(shuffled)
    await feed(other_press, shuffled, luck)
    assert_same(press.files(), other_press.files())


@pytest.mark.parametrize("seed", [11])
async def test_a_rebuild_gives_the_same_site(press: Press, seed: int) -> None:
    """A tree built anew is byte-identical to the one that grew, and is served in its place."""
    world, luck = history(seed), random.Random(seed)
    await feed(press, world.events, luck)
    grown, served = press.files(), press.current.resolve()
    await press.rebuild()
    assert press.current.resolve() != served
    assert not served.exists()
    assert_same(grown, press.files())


async def test_what_comes_during_a_rebuild_is_in_the_new_tree(
    press: Press, other_press: Press
) -> None:
    """Events heard while a tree is built are replayed into it before it is served."""
    from services.publisher.actions.build_trees import begin_tree

    world, luck = history(21), random.Random(21)
    middle = len(world.events) // 2
    await feed(press, world.events[:middle], luck)
    await begin_tree(press.db.sessions, press.store, digest="test")
    await press.hear(*world.events[middle:])
    await press.renderer.drain()
    await feed(other_press, world.events, luck)
    assert_same(press.files(), other_press.files())


async def test_the_counters_are_what_counting_would_give(press: Press) -> None:
    """After any history every counter equals a count over the members, and members equal what items ask for."""
    world, luck = history(31), random.Random(31)
    shuffled = world.events * 2
    luck.shuffle(shuffled)
    await feed(press, shuffled, luck)
    async with press.db.sessions() as session:
        wrong = await session.execute(
            text(
                "SELECT * FROM (SELECT department, entry, count(*)::int AS slots, count(*) FILTER (WHERE listed)::int "
                "AS listed, max(sequence) AS sequence FROM publisher.member GROUP BY 1, 2) m FULL JOIN "
                "(SELECT * FROM publisher.bucket WHERE step = 0 AND slots > 0 AND entry <> '~corrections') b "
                "USING (department, entry) WHERE (m.slots, m.listed, m.sequence) IS DISTINCT FROM "
                "(b.slots, b.listed, b.sequence)"
            )
        )
        assert wrong.all() == []
        missing = await session.execute(
            text(
                "SELECT i.item_id FROM publisher.item i LEFT JOIN publisher.listing p USING (item_id) "
                "WHERE p.item_id IS NULL OR p.sequence <> i.sequence"
            )
        )
        assert missing.all() == []
