"""What waits: for a person (held) or for its time (scheduled)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from services.catalog.actions.accept_items import accept_items
from services.catalog.actions.decide_waiting import (
    NothingWaits,
    ReasonMissing,
    release_all,
    release_due,
)
from services.catalog.actions.prepare_events import incoming
from shared.events.intake import IntakeData
from tests.catalog.desk import CLEARED, RESIDENT_ID, Desk, Sender, codes, data, event, later, result


async def told(sender: Sender) -> list[tuple[str, dict[str, Any]]]:
    """Return what the department was told: type of the outcome and its data."""
    listed = (await sender.outcomes())["outcomes"]
    return [(o["event"]["type"].split(".")[-2], o["event"]["data"]) for o in listed]


async def leaves_no_trace(sender: Sender, source_id: str) -> bool:
    """Say whether nobody outside can tell that an item with this id was ever sent."""
    desk = sender.desk
    anyone, never = await sender.look(source_id), await sender.look("never-sent")
    same = (anyone.status_code, anyone.content) == (
        never.status_code,
        never.content,
    ) and anyone.status_code == 404
    rows = await desk.rows(
        "SELECT 1 FROM catalog.outbox WHERE stream = 'RECORD' AND subject LIKE :s AND subject NOT LIKE '%._department' "
        "UNION ALL SELECT 1 FROM catalog.serial WHERE department = :c UNION ALL SELECT 1 FROM catalog.item WHERE department = :c",
        s=f"record.{sender.code}.%",
        c=sender.code,
    )
    return same and not rows


# --- held


@pytest.mark.parametrize(
    "review",
    [
        None,
        {},
        {**CLEARED, "reviewed_by": None},
        {**CLEARED, "confidentiality": None},
        {**CLEARED, "confidentiality": {**CLEARED["confidentiality"], "verdict": "secret"}},
        {**CLEARED, "confidentiality": {**CLEARED["confidentiality"], "basis": None}},
        {**CLEARED, "confidentiality": {**CLEARED["confidentiality"], "at": None}},
    ],
)
async def test_an_incomplete_review_holds(sender: Sender, review: dict[str, Any] | None) -> None:
    """Policy direct publishes only with all six fields and the verdict `cleared`."""
    outcome = await sender.push("s", data(review=review))
    assert (outcome["outcome"], outcome["held_because"]) == ("held", ["review_incomplete"])
    assert await leaves_no_trace(sender, "s")


async def test_dates_and_persons_of_a_review_are_not_compared(sender: Sender) -> None:
    """The review is the department's own attestation: one person, any dates."""
    same = {**CLEARED, "reviewed_by": "李保密", "reviewed_at": "2030-01-01T00:00:00+08:00"}
    assert (await sender.push("s", data(review=same)))["outcome"] == "accepted"


async def test_policy_review_holds_everything(desk: Desk) -> None:
    """Under policy review a complete attestation waits as well."""
    sender = await desk.department(policy="review")
    outcome = await sender.push("s")
    assert (outcome["outcome"], outcome["held_because"]) == ("held", ["policy_review"])
    assert await leaves_no_trace(sender, "s")


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"title": f"关于{RESIDENT_ID}的公示"}, "resident_id"),
        ({"summary": f"身份证号：{RESIDENT_ID}"}, "resident_id"),
        (
            {
                "body": {
                    "format": "markdown",
                    "content": f"| 姓名 | 证件号 |\n|---|---|\n| 王某 | {RESIDENT_ID} |",
                }
            },
            "resident_id",
        ),
        ({"body": {"format": "html", "content": "<p>机密★10年</p><p>正文</p>"}}, "secrecy_mark"),
    ],
)
async def test_the_gate_holds_whatever_the_policy(
    sender: Sender, changes: dict[str, Any], because: str
) -> None:
    """A resident ID number or a secrecy mark holds an item that its department cleared."""
    outcome = await sender.push("s", data(**changes))
    assert (outcome["outcome"], outcome["held_because"]) == ("held", [because])
    assert await leaves_no_trace(sender, "s")


async def test_the_gate_looks_into_attachments(sender: Sender) -> None:
    """A text-like attachment with a resident ID number holds the item."""
    content = f"姓名,证件号\n王某,{RESIDENT_ID}\n".encode()
    uploaded = await sender.upload(content, "text/csv")
    attached = {
        "name": "名单.csv",
        "media_type": "text/csv",
        "sha256": uploaded.json()["sha256"],
        "size": len(content),
    }
    outcome = await sender.push("s", data(attachments=[attached]))
    assert (outcome["outcome"], outcome["held_because"]) == ("held", ["resident_id"])


@pytest.mark.parametrize("together", [False, True])
async def test_what_waits_remembers_the_highest_revision(sender: Sender, together: bool) -> None:
    """The same content under a higher revision raises the mark: what lies between comes late and is ignored."""
    held = data(review=None, title="一")
    events = [
        event(sender.code, "s", held, sourceversion=1),
        event(sender.code, "s", held, sourceversion=7),
        event(sender.code, "s", data(review=None, title="迟"), sourceversion=3),
    ]
    if together:
        results = (await sender.batch(events)).json()["results"]
    else:
        results = [result(await sender.post(one)) for one in events]
    assert [r["outcome"] for r in results] == ["held", "held", "ignored"]
    [row] = await sender.waiting()
    assert (row.sourceversion, json.loads(row.event)["title"]) == (7, "一")


async def test_what_waits_keeps_its_number_under_a_higher_revision(sender: Sender) -> None:
    """A reviewer's number and the place in the queue stay when the same content comes again."""
    await sender.push("s", data(review=None), sourceversion=1)
    [before] = await sender.waiting()
    await sender.push("s", data(review=None), sourceversion=2)
    [after] = await sender.waiting()
    assert (after.waiting_id, after.received_at) == (before.waiting_id, before.received_at)


async def test_a_revision_is_not_forgotten_by_what_has_none(sender: Sender) -> None:
    """An event without a revision replaces what waits by its receipt; an older revision stays older."""
    await sender.push("s", data(review=None, title="五"), sourceversion=5)
    await sender.push("s", data(review=None, title="六"))
    late = await sender.push("s", data(review=None, title="迟"), sourceversion=4)
    assert late["outcome"] == "ignored"
    [row] = await sender.waiting()
    assert json.loads(row.event)["title"] == "六"


async def test_an_approval_publishes_with_its_recorded_reason(sender: Sender, desk: Desk) -> None:
    """An approved item goes out as version 1; who, when and why stay; its department hears `accepted`."""
    held = await sender.push("s", data(review=None), id="e-1")
    [row] = await sender.waiting()
    outcome = await desk.decide(row.waiting_id, approve=True, reason="已向科室核实")
    assert (outcome.outcome, outcome.version, outcome.id) == ("accepted", 1, "e-1")
    assert (await sender.look("s")).status_code == 200
    [decided] = await desk.rows(
        "SELECT * FROM catalog.waiting WHERE waiting_id = :id", id=row.waiting_id
    )
    assert (decided.decision, decided.decided_by, decided.reason) == (
        "approved",
        "陈主任",
        "已向科室核实",
    )
    assert decided.decided_at is not None
    heard = await told(sender)
    assert [kind for kind, _ in heard] == ["held", "accepted"]
    assert [content["id"] for _, content in heard] == ["e-1", "e-1"]
    assert held.get("url") is None
    assert heard[1][1]["url"] == f"/{sender.code}/{datetime.now(UTC).year}/1/"


async def test_a_return_tells_the_department_why(sender: Sender, desk: Desk) -> None:
    """A returned item publishes nothing; its department hears `rejected` with the reason, and may send it again."""
    await sender.push("s", data(review=None), id="e-1")
    [row] = await sender.waiting()
    outcome = await desk.decide(row.waiting_id, approve=False, reason="缺少附件二")
    assert outcome.outcome == "rejected"
    assert await leaves_no_trace(sender, "s")
    kind, content = (await told(sender))[-1]
    assert (kind, content["source_id"], content["problems"][0]["code"]) == (
        "rejected",
        "s",
        "returned",
    )
    assert "缺少附件二" in content["problems"][0]["message"]
    again = await sender.push("s", data(review=None, summary="已补附件二"))
    assert again["outcome"] == "held"


async def test_a_decision_needs_a_reason_and_is_made_once(sender: Sender, desk: Desk) -> None:
    """Without a reason nothing is decided; a second decision finds nothing."""
    await sender.push("s", data(review=None))
    [row] = await sender.waiting()
    with pytest.raises(ReasonMissing):
        await desk.decide(row.waiting_id, approve=True, reason="  ")
    await desk.decide(row.waiting_id, approve=True)
    with pytest.raises(NothingWaits):
        await desk.decide(row.waiting_id, approve=False)
    assert await sender.versions("s") == [1]


async def test_a_repeat_of_a_held_event_is_held_once(sender: Sender) -> None:
    """The same event, or the same content under a new id, waits once and answers the same."""
    once = event(sender.code, "s", data(review=None), id="e-1")
    first, second = result(await sender.post(once)), result(await sender.post(once))
    assert first == second
    assert (await sender.push("s", data(review=None)))["outcome"] == "held"
    assert len(await sender.waiting()) == 1


async def test_a_later_event_replaces_the_waiting_one(sender: Sender, desk: Desk) -> None:
    """Only the newest content of an item waits; the earlier one can no longer be approved."""
    await sender.push("s", data(review=None, title="旧"))
    [old] = await sender.waiting()
    await sender.push("s", data(review=None, title="新"))
    [new] = await sender.waiting()
    assert json.loads(new.event)["title"] == "新"
    with pytest.raises(NothingWaits):
        await desk.decide(old.waiting_id, approve=True)
    await desk.decide(new.waiting_id, approve=True)
    assert (await sender.look("s")).json()["public"]["title"] == "新"


async def test_an_update_that_waits_leaves_the_public_version(sender: Sender, desk: Desk) -> None:
    """A held change of a published item shows nothing until it is approved, then becomes the next version."""
    await sender.push("s", data(title="公开的"))
    held = await sender.push("s", data(title="待审的", review=None))
    assert held["outcome"] == "held"
    assert "待审" not in (await sender.look("s")).text
    [row] = await sender.waiting()
    await desk.decide(row.waiting_id, approve=True)
    public = (await sender.look("s")).json()["public"]
    assert (public["title"], public["version"]) == ("待审的", 2)


async def test_a_withdrawal_overtakes_what_waits(sender: Sender, desk: Desk) -> None:
    """Withdrawing takes the waiting change away, so that no later approval brings the item back."""
    await sender.push("s")
    await sender.push("s", data(title="待审", review=None))
    [row] = await sender.waiting()
    assert (await sender.withdraw("s"))["outcome"] == "accepted"
    assert await sender.waiting() == []
    with pytest.raises(NothingWaits):
        await desk.decide(row.waiting_id, approve=True)
    assert (await sender.look("s")).json()["state"] == "withdrawn"


async def test_an_older_event_does_not_replace_what_waits(sender: Sender) -> None:
    """Revisions count for what waits as for what is public."""
    await sender.push("s", data(review=None, title="二"), sourceversion=2)
    assert (await sender.push("s", data(title="一"), sourceversion=1))["outcome"] == "ignored"
    other = await sender.push("s", data(title="别的"), sourceversion=2)
    assert codes(other) == {"conflict"}
    [row] = await sender.waiting()
    assert json.loads(row.event)["title"] == "二"


async def test_only_its_department_sees_what_waits(desk: Desk, sender: Sender) -> None:
    """With its key a department sees how its item waits; another department's key shows nothing."""
    await sender.push("s", data(review=None))
    own = await sender.look("s", own=True)
    assert (own.status_code, own.json()["waiting"]["kind"]) == (200, "held")
    stranger = await desk.department()
    answer = await desk.client.get(f"/api/items/{sender.code}/s", headers=stranger.headers)
    assert answer.status_code == 404


# --- scheduled


async def test_an_embargoed_item_leaves_no_trace(sender: Sender) -> None:
    """Before its time there is no version, url, number, gap, page or feed entry; its outcome says `scheduled`."""
    outcome = await sender.push("s", data(publish_at=later(hours=1)))
    assert outcome["outcome"] == "scheduled"
    assert not {"version", "url", "item_id"} & set(outcome)
    assert await leaves_no_trace(sender, "s")
    assert (await sender.push("t"))["url"].endswith("/1/")


async def test_it_is_released_when_its_time_has_come(fresh_desk: Desk) -> None:
    """By the database's clock it becomes version 1 with the next number, and its department hears `accepted`."""
    sender = await fresh_desk.department()
    await sender.push("s", data(publish_at=later(hours=1)), id="e-1")
    assert await fresh_desk.release() == []
    await fresh_desk.rows("UPDATE catalog.waiting SET publish_at = now() RETURNING 1")
    [outcome] = await fresh_desk.release()
    assert (outcome.outcome, outcome.version, outcome.id) == ("accepted", 1, "e-1")
    assert [kind for kind, _ in await told(sender)] == ["scheduled", "accepted"]
    assert (await sender.look("s")).status_code == 200
    assert await fresh_desk.release() == []


async def test_a_later_event_moves_the_time(fresh_desk: Desk) -> None:
    """A new time replaces the old one; without a time the item goes out at once and nothing waits."""
    sender = await fresh_desk.department()
    await sender.push("s", data(publish_at=later(hours=1)))
    await sender.push("s", data(publish_at=later(hours=2)))
    assert len(await sender.waiting()) == 1
    assert (await sender.push("s"))["version"] == 1
    assert await sender.waiting() == []
    await fresh_desk.rows("UPDATE catalog.waiting SET publish_at = now() RETURNING 1")
    assert await fresh_desk.release() == []


async def test_a_clock_that_is_fast_breaks_no_embargo(fresh_desk: Desk) -> None:
    """A copy ten minutes ahead neither publishes what comes nor releases what waits; one behind does neither."""
    sender = await fresh_desk.department()
    fast, slow = (datetime.now(UTC) + timedelta(minutes=n) for n in (10, -10))
    read = incoming(
        IntakeData.model_validate(data(publish_at=later(minutes=5))),
        department=sender.code,
        source_id="s",
        event_id="e",
    )
    async with fresh_desk.db.sessions.begin() as session:
        [outcome] = await accept_items(session, [read], now=fast, doors=fresh_desk.doors)
    assert outcome.outcome == "scheduled"
    async with fresh_desk.db.sessions.begin() as session:
        assert await release_due(session, now=fast, doors=fresh_desk.doors) == []
    await fresh_desk.rows("UPDATE catalog.waiting SET publish_at = now() RETURNING 1")
    async with fresh_desk.db.sessions.begin() as session:
        assert await release_due(session, now=slow, doors=fresh_desk.doors) == []
    assert len(await fresh_desk.release()) == 1


async def test_a_file_that_is_lost_keeps_nothing_else_back(fresh_desk: Desk) -> None:
    """Whose file is not there any more is told so; what comes, or is released, with it goes out."""
    sender = await fresh_desk.department()
    content = b"lost"
    await sender.upload(content)
    name = sha256(content).hexdigest()
    file = {"name": "a.txt", "media_type": "text/plain", "sha256": name, "size": len(content)}
    await sender.push("lost", data(publish_at=later(hours=1), attachments=[file]))
    await sender.push("other", data(publish_at=later(hours=1)))
    await fresh_desk.doors.blobs.remove(name)
    await fresh_desk.rows("UPDATE catalog.waiting SET publish_at = now() RETURNING 1")
    released = {one.source_id: one for one in await fresh_desk.release()}
    assert released["other"].outcome == "accepted"
    assert [one.code for one in released["lost"].problems] == ["unknown_attachment"]
    assert codes(await sender.push("again", data(attachments=[file]))) == {"unknown_attachment"}


async def test_what_cannot_be_released_keeps_nothing_else_back(fresh_desk: Desk) -> None:
    """Where one of many fails, the others are released without it, and it stays."""
    sender = await fresh_desk.department()
    for name in ("broken", "first", "second"):
        await sender.push(name, data(publish_at=later(hours=1)))
    await fresh_desk.rows("UPDATE catalog.waiting SET publish_at = now() RETURNING 1")
    await fresh_desk.rows(
        "UPDATE catalog.waiting SET event = '{}' WHERE source_id = 'broken' RETURNING 1"
    )
    with pytest.raises(ExceptionGroup):
        await release_all(fresh_desk.db.sessions, now=datetime.now(UTC), doors=fresh_desk.doors)
    assert [await sender.versions(name) for name in ("first", "second")] == [[1], [1]]
    assert [row.source_id for row in await sender.waiting()] == ["broken"]


async def test_a_time_in_the_past_is_no_embargo(sender: Sender) -> None:
    """What should have gone out already goes out."""
    assert (await sender.push("s", data(publish_at=later(hours=-1))))["outcome"] == "accepted"


async def test_an_approval_does_not_break_an_embargo(sender: Sender, desk: Desk) -> None:
    """A held item that is approved before its time waits on for it."""
    await sender.push("s", data(review=None, publish_at=later(hours=1)))
    [row] = await sender.waiting()
    assert (await desk.decide(row.waiting_id, approve=True)).outcome == "scheduled"
    assert await leaves_no_trace(sender, "s")
    [waits] = await sender.waiting()
    assert waits.kind == "scheduled"


async def test_a_withdrawal_cancels_an_embargo(fresh_desk: Desk) -> None:
    """What was withdrawn before its time never comes out."""
    sender = await fresh_desk.department()
    await sender.push("s", data(publish_at=later(hours=1)))
    await sender.withdraw("s")
    await fresh_desk.rows("UPDATE catalog.waiting SET publish_at = now() RETURNING 1")
    assert await fresh_desk.release() == []
    assert (await sender.look("s")).json()["state"] == "withdrawn"
