"""The passing of time: days and deadlines on the record, removal of what may be shown only for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from services.catalog.actions.pass_time import DUE, pass_time
from services.catalog.actions.remove_due import remove_due
from services.catalog.actions.seed_site import seed_site
from services.catalog.app import standard_lists
from shared.events.record import SiteSettings
from shared.web.frame import default_settings
from tests.catalog.desk import Desk, codes, data, later, paths

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 23, 12, tzinfo=SHANGHAI)


async def passes(desk: Desk, now: datetime) -> bool:
    """Let the clock look once at *now*."""
    async with desk.db.sessions.begin() as session:
        return await pass_time(session, now=now, zone=SHANGHAI)


async def days(desk: Desk) -> list[dict[str, Any]]:
    """Return what was said about time, oldest first."""
    page = await desk.feed(state=1)
    return [r["event"]["data"]["value"] for r in page["records"] if r.get("key") == "day"]


async def test_a_day_is_said_once(fresh_desk: Desk) -> None:
    """The first look says today; further looks on the same day say nothing; local midnight says the next."""
    assert await passes(fresh_desk, NOON)
    assert not await passes(fresh_desk, NOON + timedelta(hours=11, minutes=59))
    assert await passes(fresh_desk, NOON + timedelta(hours=12))
    assert [(day["today"], day["cause"]) for day in await days(fresh_desk)] == [
        ("2026-11-23", "midnight"),
        ("2026-11-24", "midnight"),
    ]


async def test_openings_and_closings_are_said_when_they_pass(fresh_desk: Desk) -> None:
    """Each deadline is said once, with the items whose pages change by it."""
    sender = await fresh_desk.department()
    opens, closes = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    period = {
        "kind": "consultation",
        "opens_at": opens.isoformat(),
        "closes_at": closes.isoformat(),
    }
    item_id = (await sender.push("s", data(period=period)))["item_id"]
    await passes(fresh_desk, NOON)
    assert not await passes(fresh_desk, opens - timedelta(seconds=1))
    assert await passes(fresh_desk, opens)
    assert not await passes(fresh_desk, opens + timedelta(seconds=1))
    assert await passes(fresh_desk, closes)
    said = await days(fresh_desk)
    assert [(day["cause"], day["items"]) for day in said[1:]] == [
        ("deadline", [item_id]),
        ("deadline", [item_id]),
    ]


async def test_looking_for_deadlines_reads_no_whole_table(fresh_desk: Desk) -> None:
    """Among twenty thousand items, most without a deadline, those that are due are found by indexes."""
    await fresh_desk.rows(
        "INSERT INTO catalog.department (code, names) VALUES ('water', '{}') RETURNING 1"
    )
    await fresh_desk.rows(
        "INSERT INTO catalog.outbox (outbox_id, event_id, stream, subject, body) OVERRIDING SYSTEM VALUE "
        "VALUES (1, 'e', 'RECORD', 's', '{}') RETURNING 1"
    )
    await fresh_desk.rows(
        "INSERT INTO catalog.item (item_id, department, source_id, version, state, content_sha256, url, published_at, "
        "updated_at, notice_version, history, outbox_id, opens_at, closes_at, remove_after) SELECT gen_random_uuid(), "
        "'water', n::text, 1, 'published', 'x', '/' || n, now(), now(), 1, '[]', 1, at, at, at FROM (SELECT n, "
        "CASE WHEN n % 10 = 0 THEN now() + n * interval '1 minute' END AS at FROM generate_series(1, 20000) n) k "
        "RETURNING 1"
    )
    async with fresh_desk.db.sessions.begin() as session:
        await session.execute(text("ANALYZE catalog.item"))
        at = {"since": datetime.now(UTC), "now": datetime.now(UTC) + timedelta(hours=1)}
        plan = "\n".join((await session.execute(text(f"EXPLAIN {DUE}"), at)).scalars())
    assert "Seq Scan" not in plan
    for column in ("opens_at", "closes_at", "remove_after"):
        assert f"ix_item_{column}" in plan


async def test_midnight_names_what_counts_days_and_what_expired(fresh_desk: Desk) -> None:
    """At midnight the open windows (days left) and what expired yesterday are named, nothing else."""
    sender = await fresh_desk.department()
    period = {"kind": "notice", "closes_at": (NOON + timedelta(days=5)).isoformat()}
    window = (await sender.push("open", data(period=period)))["item_id"]
    expired = (await sender.push("expired", data(expires_on="2026-11-23")))["item_id"]
    await sender.push("plain")
    await passes(fresh_desk, NOON)
    await passes(fresh_desk, NOON + timedelta(days=1))
    assert (await days(fresh_desk))[-1]["items"] == sorted([window, expired])


async def test_two_copies_say_a_day_once(fresh_desk: Desk) -> None:
    """However many clocks look at once, a day is said once."""
    import asyncio

    said = await asyncio.gather(*(passes(fresh_desk, NOON) for _ in range(5)))
    assert said.count(True) == 1
    assert len(await days(fresh_desk)) == 1


async def removed(desk: Desk) -> Sequence[Any]:
    """Let the removal look once."""
    async with desk.db.sessions.begin() as session:
        return await remove_due(session, now=datetime.now(UTC), doors=desk.doors)


async def test_what_may_be_shown_for_a_while_leaves_by_itself(fresh_desk: Desk) -> None:
    """After `remove_after` the item is gone without a title, its department is told, and it happens once."""
    sender = await fresh_desk.department()
    await sender.push("s", data(title="公示：张某某", remove_after=later(hours=1)))
    assert await removed(fresh_desk) == []
    await fresh_desk.rows("UPDATE catalog.item SET remove_after = now() RETURNING 1")
    [outcome] = await removed(fresh_desk)
    assert (outcome.outcome, outcome.version) == ("accepted", 2)
    answer = await sender.look("s")
    assert answer.json()["state"] == "gone"
    assert "张某某" not in answer.text
    assert "张某某" not in str(await fresh_desk.feed(state=1))
    assert await removed(fresh_desk) == []


async def test_a_day_of_removal_means_its_end(fresh_desk: Desk) -> None:
    """`remove_after` as a date lasts until the end of that day in the site's zone."""
    sender = await fresh_desk.department()
    tomorrow = datetime.now(SHANGHAI).date() + timedelta(days=1)
    await sender.push("s", data(remove_after=tomorrow.isoformat()))
    [row] = await fresh_desk.rows("SELECT remove_after FROM catalog.item")
    assert row.remove_after.astimezone(SHANGHAI).replace(tzinfo=None) == datetime(
        *(tomorrow + timedelta(days=1)).timetuple()[:3]
    )


async def test_a_removal_in_the_past_is_refused_and_a_repeat_is_not(fresh_desk: Desk) -> None:
    """A new event whose time is over is refused; the repeat of an accepted one keeps its result."""
    sender = await fresh_desk.department()
    late = await sender.push("s", data(remove_after=later(hours=-1)))
    assert (codes(late), paths(late)) == ({"in_the_past"}, {"/data/remove_after"})
    yesterday = (datetime.now(SHANGHAI).date() - timedelta(days=1)).isoformat()
    assert codes(await sender.push("s", data(remove_after=yesterday))) == {"in_the_past"}


async def test_a_removal_before_its_publication_is_refused_at_intake(fresh_desk: Desk) -> None:
    """Nobody is told weeks later that an item would have left before it came."""
    sender = await fresh_desk.department()
    early = await sender.push("s", data(publish_at=later(days=9), remove_after=later(days=8)))
    assert (codes(early), paths(early)) == ({"before_publication"}, {"/data/remove_after"})


def test_the_record_seeds_what_pages_say_without_it() -> None:
    """The name of a new site does not change when its first settings arrive."""
    seeded = SiteSettings.model_validate(standard_lists()["settings"])
    assert seeded == default_settings()


async def test_the_lists_are_said_once_and_again_when_they_change(fresh_desk: Desk) -> None:
    """Seeding twice says nothing twice; a changed list is said as its next version; settings are only seeded."""

    async def seed(lists: dict[str, Any]) -> list[str]:
        async with fresh_desk.db.sessions.begin() as session:
            return await seed_site(session, lists, now=NOON)

    lists: dict[str, Any] = dict(standard_lists())
    assert await seed(lists) == ["catalogue", "vocabulary", "settings"]
    assert await seed(lists) == []
    changed = lists | {
        "settings": {"names": {"zh-Hans": "另一名称"}},
        "vocabulary": {"genres": {}, "topics": {}},
    }
    assert await seed(changed) == ["vocabulary"]
    page = await fresh_desk.feed(state=1)
    assert [(r["key"], r["version"]) for r in page["records"]] == [
        ("catalogue", 1),
        ("vocabulary", 1),
        ("settings", 1),
        ("vocabulary", 2),
    ]
