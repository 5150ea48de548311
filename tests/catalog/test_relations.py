"""Relations act on their targets: validity follows, at once for one's own items, after a decision for others'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.decide_relation import decide_relation
from services.catalog.actions.decide_waiting import NothingWaits, ReasonMissing
from services.catalog.actions.pass_time import pass_time
from services.catalog.actions.prepare_events import incoming
from services.catalog.actions.settle_validity import settle_due
from services.catalog.queries import unconfirmed_relations
from shared.events.intake import IntakeData
from tests.catalog.desk import Desk, Sender, data

SHANGHAI = ZoneInfo("Asia/Shanghai")


def rule(title: str = "停车管理办法", **more: Any) -> dict[str, Any]:
    """Return a normative document."""
    return data(title=title, catalogue="regulation.normative", **more)


def says(kind: str, target: str, **more: Any) -> dict[str, Any]:
    """Return a document that does something to *target*."""
    return rule("新办法", relations=[{"type": kind, "target": target}], **more)


async def public(sender: Sender, source_id: str) -> dict[str, Any]:
    """Return the public state of an item."""
    found: dict[str, Any] = (await sender.look(source_id)).json()["public"]
    return found


async def settle(desk: Desk, now: datetime | None = None) -> int:
    """Let the clock settle what is due."""
    async with desk.db.sessions.begin() as session:
        return await settle_due(session, now=now or datetime.now(UTC), zone=SHANGHAI)


async def unconfirmed(desk: Desk, target: Sender) -> list[dict[str, Any]]:
    """Return what waits for the decision of a department."""
    async with desk.db.sessions.begin() as session:
        return [r for r in await unconfirmed_relations(session) if r["department"] == target.code]


async def decide(desk: Desk, number: int, *, approve: bool, reason: str = "已核对") -> str:
    """Decide as the owner's reviewer does, and let the clock settle it."""
    async with desk.db.sessions.begin() as session:
        target = await decide_relation(
            session, number, approve=approve, by="陈主任", reason=reason, now=datetime.now(UTC)
        )
    await settle(desk)
    return target


@pytest.mark.parametrize(
    ("kind", "validity", "word"),
    [
        ("repeals", "repealed", "废止"),
        ("replaces", "repealed", "代替"),
        ("amends", "amended", "修改"),
    ],
)
async def test_ones_own_item_changes_in_the_same_transaction(
    sender: Sender, kind: str, validity: str, word: str
) -> None:
    """The target gets a minor version that says by what; nobody is notified of it."""
    await sender.push("old", rule())
    assert (await public(sender, "old"))["validity"] == "in_force"
    await sender.push("new", says(kind, f"{sender.code}/old"))
    old = await public(sender, "old")
    assert (old["validity"], old["version"], old["change"]) == (validity, 2, "minor")
    assert old["change_note"] == f"被《新办法》{word}"
    assert old["validity_by"] == [{"type": kind, "source": f"{sender.code}/new"}]
    assert old["notice_version"] == 1
    assert old["history"][-1]["note"] == old["change_note"]
    assert await sender.versions("old") == [1, 2]


async def test_a_target_that_is_not_known_yet_is_remembered(sender: Sender) -> None:
    """What was repealed before it came is published as repealed."""
    await sender.push("new", says("repeals", f"{sender.code}/old"))
    outcome = await sender.push("old", rule())
    assert outcome["version"] == 1
    assert (await public(sender, "old"))["validity"] == "repealed"


async def test_one_batch_holds_both_in_any_order(sender: Sender) -> None:
    """In one batch the repealing item may come first or last."""
    from tests.catalog.desk import event

    first = event(sender.code, "a-new", says("repeals", f"{sender.code}/a-old"))
    second = event(sender.code, "a-old", rule())
    third = event(sender.code, "b-old", rule())
    fourth = event(sender.code, "b-new", says("repeals", f"{sender.code}/b-old"))
    await sender.batch([first, second, third, fourth])
    assert (await public(sender, "a-old"))["validity"] == "repealed"
    assert (await public(sender, "b-old"))["validity"] == "repealed"


async def test_a_correction_of_the_target_keeps_what_others_did_to_it(sender: Sender) -> None:
    """A new text of a repealed item stays repealed, whatever it declares; the same text again changes nothing."""
    await sender.push("old", rule())
    await sender.push("new", says("repeals", f"{sender.code}/old"))
    again = await sender.push("old", rule())
    assert (again["outcome"], again["version"], again["unchanged"]) == ("accepted", 2, True)
    await sender.push("old", rule("停车管理办法（修订）", validity="in_force"))
    assert (await public(sender, "old"))["validity"] == "repealed"


@pytest.mark.parametrize("way", ["withdrawn", "dropped"])
async def test_what_is_not_said_any_more_does_not_act(sender: Sender, way: str) -> None:
    """A withdrawal, or a version without the relation, gives the target its own validity back."""
    await sender.push("old", rule(validity="amended"))
    await sender.push("new", says("repeals", f"{sender.code}/old"))
    if way == "withdrawn":
        await sender.withdraw("new")
    else:
        await sender.push("new", rule("新办法"))
    old = await public(sender, "old")
    assert (old["validity"], old["version"]) == ("amended", 3)
    assert "validity_by" not in old


async def test_the_severest_counts(sender: Sender) -> None:
    """Two items act: repealed beats amended, in whatever order they come."""
    await sender.push("old", rule())
    await sender.push("ends", says("repeals", f"{sender.code}/old"))
    await sender.push("changes", says("amends", f"{sender.code}/old"))
    assert (await public(sender, "old"))["validity"] == "repealed"
    await sender.withdraw("ends")
    assert (await public(sender, "old"))["validity"] == "amended"


async def test_anothers_item_waits_for_its_owner(desk: Desk) -> None:
    """A relation to another body's item changes nothing until that body confirms it, and nothing after a refusal."""
    owner, other = await desk.department(), await desk.department()
    for name in ("a", "b"):
        await owner.push(name, rule())
        await other.push(f"ends-{name}", says("repeals", f"{owner.code}/{name}"))
    await settle(desk)
    assert await owner.versions("a") == [1]
    first, second = await unconfirmed(desk, owner)
    assert (first["source_id"], first["source"]) == ("a", f"{other.code}/ends-a")
    with pytest.raises(ReasonMissing):
        await decide(desk, first["number"], approve=True, reason=" ")
    assert await decide(desk, first["number"], approve=True) == f"{owner.code}/a"
    await decide(desk, second["number"], approve=False)
    assert (await public(owner, "a"))["validity"] == "repealed"
    assert (await public(owner, "b"))["validity"] == "in_force"
    assert await unconfirmed(desk, owner) == []
    with pytest.raises(NothingWaits):
        await decide(desk, first["number"], approve=False)
    # a correction of what says it is no new question, and no new decision
    await other.push("ends-b", says("repeals", f"{owner.code}/b", summary="更正"))
    await settle(desk)
    assert await unconfirmed(desk, owner) == []
    assert (await public(owner, "b"))["validity"] == "in_force"


async def test_a_body_above_needs_no_confirmation(desk: Desk) -> None:
    """A county repeals what a body below the body below it has issued."""
    county = await desk.department()
    bureau = await desk.department(parent=county.code)
    village = await desk.department(parent=bureau.code)
    await village.push("old", rule())
    await county.push("new", says("repeals", f"{village.code}/old"))
    assert await settle(desk) == 1
    assert (await public(village, "old"))["validity"] == "repealed"
    await village.push("up", says("repeals", f"{county.code}/new"))
    await settle(desk)
    assert (await public(county, "new"))["validity"] == "in_force"


async def test_what_is_said_while_the_target_is_settled_acts(desk: Desk) -> None:
    """A repeal that commits just after its target was settled, which had a note already, is not forgotten."""
    county = await desk.department()
    bureau = await desk.department(parent=county.code)
    await bureau.push("old", rule())
    await desk.rows(
        "INSERT INTO catalog.unsettled (department, source_id) VALUES (:d, 'old') RETURNING 1",
        d=bureau.code,
    )
    repeal = incoming(
        IntakeData.model_validate(says("repeals", f"{bureau.code}/old")),
        department=county.code,
        source_id="new",
        event_id="repeal",
    )
    async with desk.db.sessions.begin() as session:
        await accept_items(session, [repeal], now=datetime.now(UTC), doors=desk.doors)
        assert await settle(desk) == 0
    assert await settle(desk) == 1
    assert (await public(bureau, "old"))["validity"] == "repealed"


async def test_it_acts_from_the_day_on_which_it_takes_effect(fresh_desk: Desk) -> None:
    """A repeal with a later 施行日期 acts at the midnight of that day, an end of validity at the one after it."""
    sender = await fresh_desk.department()
    now = datetime.now(SHANGHAI)
    tomorrow = now.date() + timedelta(days=1)
    await sender.push("old", rule())
    await sender.push("short", rule(expires_on=tomorrow.isoformat(), validity="in_force"))
    await sender.push(
        "new", says("repeals", f"{sender.code}/old", effective_on=tomorrow.isoformat())
    )
    assert (await public(sender, "old"))["validity"] == "in_force"
    expected = [("in_force", "in_force"), ("repealed", "in_force"), ("repealed", "expired")]
    for days, validities in enumerate(expected):
        at = now + timedelta(days=days)
        async with fresh_desk.db.sessions.begin() as session:
            await pass_time(session, now=at, zone=SHANGHAI)
        await settle(fresh_desk, at)
        found = [(await public(sender, name))["validity"] for name in ("old", "short")]
        assert tuple(found) == validities, days
    assert (await public(sender, "short"))["change_note"] == "有效期届满"


async def test_relations_that_do_nothing_leave_no_row(sender: Sender, desk: Desk) -> None:
    """An explanation, or a mere tie, changes nobody's validity."""
    await sender.push("old", rule())
    await sender.push("tie", says("interprets", f"{sender.code}/old"))
    await sender.push("tie", says("related", f"{sender.code}/old"))
    assert await sender.versions("old") == [1]
    rows = await desk.rows("SELECT 1 FROM catalog.relation WHERE department = :c", c=sender.code)
    assert rows == []
