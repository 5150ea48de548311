"""Entries that a site adds below the standard catalogue, and what it makes of the standard ones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.catalog import standard
from services.catalog.actions.change_entry import (
    BadEntryCode,
    EntryNameMissing,
    NoSuchEntry,
    change_entry,
)
from services.catalog.actions.seed_site import seed_site
from services.catalog.announcing import announce_list
from services.catalog.app import standard_lists
from services.commands import site
from shared.errors import Refused
from shared.events.record import CatalogueEntry
from tests.catalog.desk import Desk, codes, data, event

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ROAD = {"zh-Hans": "道路施工", "zh-Hant": "道路施工", "en": "Road works"}


async def change(
    desk: Desk, code: str, names: dict[str, str] | None = None, *, hidden: bool | None = None
) -> bool:
    """Add or change an entry."""
    async with desk.db.sessions.begin() as session:
        return await change_entry(session, code, names=names or {}, hidden=hidden, now=NOW)


async def seed(desk: Desk) -> list[str]:
    """Seed the lists as the clockwork does; return what was said."""
    async with desk.db.sessions.begin() as session:
        return await seed_site(session, standard_lists(), now=NOW)


async def entries(desk: Desk) -> dict[str, CatalogueEntry]:
    """Return the catalogue's entries in their order."""
    [row] = await desk.rows("SELECT value FROM catalog.site_list WHERE key = 'catalogue'")
    found = [CatalogueEntry.model_validate(entry) for entry in row.value["entries"]]
    return {entry.code: entry for entry in found}


async def test_an_added_entry_may_be_used_at_once_and_stays(fresh_desk: Desk) -> None:
    """Every department may use it from then on, over both doors; seeding again leaves it where it is."""
    sender = await fresh_desk.department()
    await seed(fresh_desk)
    road = data(catalogue="notice.road")
    assert codes(await sender.push("s", road)) == {"unknown_code"}
    assert await change(fresh_desk, "notice.road", ROAD) is True
    assert await seed(fresh_desk) == []
    assert (await sender.push("s", road))["outcome"] == "accepted"
    assert (await sender.put("t", road)).status_code == 202
    found = await entries(fresh_desk)
    names = list(found)
    assert names[names.index("notice") + 1] == "notice.road"
    assert found["notice.road"].frequency == found["notice"].frequency
    assert found["notice.road"].names.en == "Road works"
    assert "notice.road" in str(await sender.push("u", data(catalogue="notice.rod")))


async def test_entries_hang_in_the_tree_in_order(fresh_desk: Desk) -> None:
    """An entry below an added one comes behind it, a later sister behind the whole family."""
    for code in ("notice.road", "notice.road.bridge", "notice.water", "regulation.plan"):
        await change(fresh_desk, code, {"zh-Hans": code})
    names = list(await entries(fresh_desk))
    at = names.index("notice")
    assert names[at : at + 4] == ["notice", "notice.road", "notice.road.bridge", "notice.water"]
    assert names.index("regulation.plan") == names.index("regulation.normative") + 1
    assert [name for name in names if name in standard.codes()] == [
        entry.code for entry in standard.entries()
    ]


async def test_names_and_the_menu_are_the_operators(fresh_desk: Desk) -> None:
    """A renamed or hidden standard entry survives seeding; the rest of it follows the standard."""
    await seed(fresh_desk)
    assert await change(fresh_desk, "notice", {"zh-Hans": "公告"}) is False
    await change(fresh_desk, "news", hidden=False)
    await change(fresh_desk, "notice", hidden=True)
    assert await seed(fresh_desk) == []
    found = await entries(fresh_desk)
    assert (found["notice"].names.zh_hans, found["notice"].hidden) == ("公告", True)
    assert found["notice"].names.en
    assert not found["news"].hidden
    changed = [entry | {"basis": "新规"} for entry in standard.plain()]
    merged = standard.with_own(changed, [entry.model_dump() for entry in found.values()])
    assert {entry["basis"] for entry in merged} == {"新规"}
    sender = await fresh_desk.department()
    assert (await sender.push("s", data(catalogue="notice")))["outcome"] == "accepted"


async def test_entries_that_the_record_holds_are_left_alone(fresh_desk: Desk) -> None:
    """Whoever put them there: seeding keeps them and intake takes their codes, in a batch as well."""
    sender = await fresh_desk.department()
    own = {
        "code": "plan.town",
        "parent": "plan",
        "names": {"zh-Hans": "乡镇规划"},
        "frequency": "yearly",
    }
    value: dict[str, Any] = {"entries": [*standard.plain(), own]}
    async with fresh_desk.db.sessions.begin() as session:
        await announce_list(session, "catalogue", value, now=NOW)
    await seed(fresh_desk)
    assert "plan.town" in await entries(fresh_desk)
    answer = await sender.batch([event(sender.code, "s", data(catalogue="plan.town"))])
    assert answer.json()["results"][0]["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("code", "names", "refusal"),
    [
        ("road", ROAD, BadEntryCode),
        ("notice.Road", ROAD, BadEntryCode),
        ("notice..road", ROAD, BadEntryCode),
        ("notice.", ROAD, BadEntryCode),
        ("notice/road", ROAD, BadEntryCode),
        ("notice." + "r" * 80, ROAD, BadEntryCode),
        ("nothing.road", ROAD, NoSuchEntry),
        ("notice.road", {"en": "Road works"}, EntryNameMissing),
    ],
)
async def test_what_cannot_be_an_entry_is_refused(
    desk: Desk, code: str, names: dict[str, str], refusal: type[Refused]
) -> None:
    """A code hangs below one that is there, has few characters, and a new one its name."""
    with pytest.raises(refusal):
        await change(desk, code, names)
    assert not await desk.rows("SELECT 1 FROM catalog.site_list WHERE key = 'catalogue'")


async def test_the_command_adds_renames_and_hides(
    fresh_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gazette site entry` says what it did; with nothing to do it is wrong use."""
    monkeypatch.setenv("GAZETTE_DATABASE_URL", fresh_desk.database_url)
    program = typer.Typer()
    site.mount(program)

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, program, ["site", "entry", *words])

    added = await run("notice.road", "--name", "道路施工", "--name-en", "Road works")
    assert (added.exit_code, "added" in added.output) == (0, True)
    changed = await run("notice.road", "--name", "道路", "--off")
    assert (changed.exit_code, "changed" in changed.output) == (0, True)
    found = (await entries(fresh_desk))["notice.road"]
    assert (found.names.zh_hans, found.names.en, found.hidden) == ("道路", "Road works", True)
    assert (await run("notice.road", "--on")).exit_code == 0
    assert not (await entries(fresh_desk))["notice.road"].hidden
    assert (await run("notice.road")).exit_code == 2
