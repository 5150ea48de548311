"""A leak leaves the record at once; sealed versions too; what others still need stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import UndefinedTable

from services.catalog.actions.begin_epoch import Sealed, Withdrawn, seal_again, withdraw_again
from services.catalog.actions.purge_texts import due_leaks, purge_files, purge_texts
from services.catalog.actions.settle_validity import settle_due
from services.catalog.leaks import Heard, take_out
from shared import streams
from shared.bus import Bus
from shared.purging import Purger
from tests.catalog.desk import CLEARED, Desk, Sender, data, event, later, result

MARK = "泄露的文字"


async def purge(desk: Desk) -> list[Any]:
    """Take out what is due, as the catalog's purger does before it rewrites."""
    await desk.rows("UPDATE catalog.outbox SET sent = true RETURNING 1")
    async with desk.db.sessions.begin() as session:
        leaks = await due_leaks(session)
        await purge_files(session, leaks, blobs=desk.doors.blobs)
        await purge_texts(session, [leak for leak in leaks if leak.versions])
    return leaks


async def dump(desk: Desk) -> str:
    """Return every row of every table of the catalog as text."""
    tables = await desk.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'catalog' ORDER BY tablename"
    )
    found: list[str] = []
    for row in tables:
        found += [str(one[0]) for one in await desk.rows(f"SELECT t::text FROM catalog.{row[0]} t")]
    return "\n".join(found)


async def settle(desk: Desk) -> int:
    """Let the clock settle validities that are due."""
    async with desk.db.sessions.begin() as session:
        return await settle_due(session, now=datetime.now(UTC), zone=desk.doors.zone)


async def attached(sender: Sender, content: bytes) -> dict[str, Any]:
    """Upload a text and return the attachment that refers to it."""
    await sender.upload(content)
    digest = sha256(content).hexdigest()
    return {"name": "a.txt", "media_type": "text/plain", "sha256": digest, "size": len(content)}


async def test_vanish_leaves_no_row_with_the_text(fresh_desk: Desk) -> None:
    """Texts, notes, hashes of every version, what waited and what was refused go; the repeat keeps its result."""
    sender = await fresh_desk.department()
    first = event(sender.code, "s", data(title=MARK, change_note=f"{MARK}一"), id="e-1")
    await sender.post(first)
    await sender.push("s", data(summary=MARK, change="major", change_note=f"{MARK}二"))
    await sender.push("s", data(title=MARK, review=None))
    await sender.push("s", data(title=MARK, catalogue=MARK * 40))
    hashes = {row.sha256 for row in await fresh_desk.rows("SELECT sha256 FROM catalog.version")}
    assert MARK in await dump(fresh_desk)
    outcome = await sender.withdraw("s", "vanish", reason="涉及个人隐私")
    assert outcome["outcome"] == "accepted"
    assert MARK not in str(await fresh_desk.feed(state=1))
    await purge(fresh_desk)
    left = await dump(fresh_desk)
    assert MARK not in left
    assert not [one for one in hashes if one in left]
    again = result(await sender.post(first))
    assert (again["outcome"], again["version"]) == ("accepted", 1)
    assert (await sender.look("s")).json()["state"] == "vanish"
    shown = (await sender.look("s")).json()["public"]
    assert (shown["reason"], "title" in shown) == ("涉及个人隐私", False)
    assert [one.get("sealed", False) for one in shown["history"]] == [True, True, False]


@pytest.mark.parametrize("because", ["personal_data", "secret", "court"])
async def test_a_change_with_such_a_reason_seals_what_it_replaces(
    fresh_desk: Desk, because: str
) -> None:
    """Only the replaced version goes; the new one and those before stay."""
    sender = await fresh_desk.department()
    await sender.push("s", data(title="第一版"))
    await sender.push("s", data(title=MARK, change_note=MARK))
    await sender.push("s", data(title="第三版", change_reason=because))
    page = await fresh_desk.feed(state=1)
    titles = [r["title"] for r in page["records"] if r.get("title")]
    assert titles == ["第一版", "第三版"]
    [leak] = await purge(fresh_desk)
    assert leak.versions == {2}
    assert MARK not in await dump(fresh_desk)
    assert "第一版" in await dump(fresh_desk)


async def test_an_attachment_leaves_unless_another_item_shows_it(sender: Sender) -> None:
    """The file of a vanished item is deleted with its row; one that another published item shows stays."""
    alone, shared = await attached(sender, b"only here"), await attached(sender, b"elsewhere too")
    blobs = sender.desk.doors.blobs
    await sender.push("s", data(attachments=[alone, shared]))
    await sender.push("other", data(attachments=[shared]))
    await sender.withdraw("s", "vanish")
    await purge(sender.desk)
    kinds = await blobs.kinds([alone["sha256"], shared["sha256"]])
    assert set(kinds) == {shared["sha256"]}
    rows = await sender.desk.rows(
        "SELECT sha256 FROM catalog.blob WHERE department = :c", c=sender.code
    )
    assert [row.sha256 for row in rows] == [shared["sha256"]]


async def test_attachments_hide_behind_a_withdrawal_and_come_back(sender: Sender) -> None:
    """A withdrawn item's file is not on the web until the item is published anew; nothing has to be rewritten."""
    one = await attached(sender, b"hidden for a while")
    places = sender.desk.blobs
    await sender.push("s", data(attachments=[one]))
    name = one["sha256"]
    assert (places / "public" / name[:2] / name).is_file()
    await sender.withdraw("s")
    await purge(sender.desk)
    assert not (places / "public" / name[:2] / name).exists()
    due = await sender.desk.rows(
        "SELECT 1 FROM catalog.purge p JOIN catalog.item i USING (item_id) "
        "WHERE i.department = :c AND p.done_at IS NULL",
        c=sender.code,
    )
    assert due == []
    await sender.push("s", data(attachments=[one], summary="重新公开", review=CLEARED))
    assert (places / "public" / name[:2] / name).is_file()


async def test_a_leak_that_was_never_public_leaves_as_well(fresh_desk: Desk) -> None:
    """What was held, scheduled or returned is purged with its attachments by a vanish, though it had no version."""
    sender = await fresh_desk.department()
    files = [await attached(sender, f"{MARK}{n}".encode()) for n in range(3)]
    await sender.push("held", data(title=MARK, review=None, attachments=[files[0]]))
    soon = later(hours=1)
    await sender.push("scheduled", data(title=MARK, publish_at=soon, attachments=[files[1]]))
    await sender.push("returned", data(title=MARK, review=None, attachments=[files[2]]))
    await fresh_desk.decide((await sender.waiting())[-1].waiting_id, approve=False)
    for source_id in ("held", "scheduled", "returned"):
        assert (await sender.withdraw(source_id, "vanish"))["version"] == 1
    leaks = await purge(fresh_desk)
    assert [leak.versions for leak in leaks] == [{0}] * 3
    left = await dump(fresh_desk)
    assert MARK not in left
    assert not [one for one in files if one["sha256"] in left]
    assert await fresh_desk.doors.blobs.kinds([one["sha256"] for one in files]) == {}
    assert [(await sender.look(s)).json()["state"] for s in ("held", "scheduled")] == ["vanish"] * 2


async def test_a_file_stays_for_another_item_that_waits(sender: Sender) -> None:
    """What a held item needs when it is approved is not removed with a leak, only hidden."""
    shared = await attached(sender, b"for two")
    await sender.push("leak", data(attachments=[shared]))
    await sender.push("waits", data(attachments=[shared], review=None))
    await sender.withdraw("leak", "vanish")
    await purge(sender.desk)
    digest = shared["sha256"]
    assert (sender.desk.blobs / "held" / digest[:2] / digest).is_file()
    [waiting] = await sender.waiting()
    assert (await sender.desk.decide(waiting.waiting_id, approve=True)).outcome == "accepted"
    assert (sender.desk.blobs / "public" / digest[:2] / digest).is_file()


async def test_a_leak_says_version_ground_and_one_date(fresh_desk: Desk) -> None:
    """The tombstone has neither number, entry, language nor a date from before; publishing anew has them again."""
    sender = await fresh_desk.department()
    told = data(language="en", catalogue="statistics")
    await sender.push("s", told)
    await sender.push("s", told | {"summary": "二", "change_note": "改"})
    before = (await sender.look("s")).json()["public"]
    await sender.withdraw("s", "vanish", reason="涉及个人隐私")
    answer = (await sender.look("s")).json()
    public = answer["public"]
    dates = {public["published_at"], public["updated_at"], *(h["at"] for h in public["history"])}
    assert len(dates) == 1
    assert [entry["version"] for entry in answer["versions"]] == [3]
    said = {
        "item_id",
        "source_id",
        "department",
        "version",
        "notice_version",
        "notice_note",
        "change",
    }
    said |= {
        "change_note",
        "history",
        "url",
        "published_at",
        "updated_at",
        "catalogue",
        "state",
        "reason",
    }
    assert set(public) == said
    assert public["catalogue"] == "other"
    [record] = [r for r in (await fresh_desk.feed(state=1))["records"] if r.get("item_id")]
    assert before["published_at"] not in str(record)
    assert before["index_number"] not in str(record)
    await sender.push("s", data())
    again = (await sender.look("s")).json()["public"]
    kept = ("index_number", "published_at")
    assert [again[name] for name in kept] == [before[name] for name in kept]


@pytest.mark.parametrize("kind", ["gone", "redirect"])
async def test_what_is_gone_takes_its_notes_along(sender: Sender, kind: str) -> None:
    """A tombstone without title has no change notes either: they may repeat it."""
    await sender.push("s", data(title=MARK))
    await sender.push("s", data(title=MARK, summary="二", change="major", change_note=MARK))
    more = {"redirect_to": "https://example.cn/"} if kind == "redirect" else {}
    await sender.withdraw("s", kind, reason="已并入新件", **more)
    answer = await sender.look("s")
    assert MARK not in answer.text
    assert [entry.get("note") for entry in answer.json()["versions"]] == [None, None, "已并入新件"]
    await sender.push("s", data(summary="重新公开"))
    assert MARK not in (await sender.look("s")).text


async def test_a_seal_also_takes_what_only_repeats_the_text(fresh_desk: Desk) -> None:
    """A version that we made ourselves has the text of the one before: both go, what was before them stays."""
    sender = await fresh_desk.department()
    await sender.push("s", data(title="第一版", catalogue="regulation.normative"))
    await sender.push("s", data(title=MARK, catalogue="regulation.normative"))
    target = {"type": "amends", "target": f"{sender.code}/s"}
    await sender.push("other", data(relations=[target]))
    assert (await sender.look("s")).json()["version"] == 3
    fixed = data(title="改正版", catalogue="regulation.normative", change_reason="personal_data")
    await sender.push("s", fixed)
    [leak] = await purge(fresh_desk)
    assert leak.versions == {2, 3}
    assert MARK not in await dump(fresh_desk)
    sealed = [one.get("sealed") for one in (await sender.look("s")).json()["public"]["history"]]
    assert sealed == [None, True, True, None]


async def test_a_seal_takes_the_tombstone_before_it(fresh_desk: Desk) -> None:
    """A withdrawn text is published anew without a name: the tombstone's title goes with the text."""
    sender = await fresh_desk.department()
    await sender.push("s", data(title=MARK, change_note=MARK))
    await sender.withdraw("s")
    await sender.push("s", data(title="改正版", change_reason="personal_data"))
    await purge(fresh_desk)
    assert MARK not in await dump(fresh_desk)
    assert MARK not in str(await fresh_desk.feed(state=1))


async def test_a_vanished_title_leaves_what_it_repealed(fresh_desk: Desk) -> None:
    """Notes that name what vanished are sealed with their versions, of one's own items at once, of others soon after."""
    county = await fresh_desk.department()
    bureau = await fresh_desk.department(parent=county.code)
    rule = data(title="停车办法", catalogue="regulation.normative")
    senders = {"own": county, "dropped": county, "below": bureau}
    for name, owner in senders.items():
        await owner.push(name, rule)
    ends = [
        {"type": "repeals", "target": f"{owner.code}/{name}"} for name, owner in senders.items()
    ]
    await county.push("s", data(title=MARK, relations=ends))
    await settle(fresh_desk)
    await bureau.push("below", rule | {"summary": "更正"})
    await county.push("s", data(title=MARK, relations=[ends[0], ends[2]]))
    for name, owner in senders.items():
        assert MARK in (await owner.look(name)).text
    await county.withdraw("s", "vanish")
    assert MARK not in (await county.look("own")).text
    for _ in range(2):  # what the first round finds is due in the second
        await purge(fresh_desk)
        await settle(fresh_desk)
    assert MARK not in await dump(fresh_desk)
    seals = {}
    for name, owner in senders.items():
        public = (await owner.look(name)).json()["public"]
        assert (public["title"], public["validity"]) == ("停车办法", "in_force")
        seals[name] = [one.get("sealed", False) for one in public["history"]]
    assert seals == {
        "own": [False, True, False],
        "dropped": [False, True, True, False],
        "below": [False, True, True, False],
    }
    assert await settle(fresh_desk) == 0


async def test_attachments_hide_while_the_message_server_is_away(sender: Sender) -> None:
    """A withdrawn item's file leaves the web though nothing could be sent; texts wait, and a leak stays due."""
    files = [await attached(sender, b"withdrawn"), await attached(sender, b"leaked")]
    await sender.push("s", data(attachments=[files[0]]))
    await sender.push("leak", data(attachments=[files[1]]))
    await sender.withdraw("s")
    await sender.withdraw("leak", "vanish")
    places, nowhere = sender.desk.blobs, "nats://127.0.0.1:1"
    assert not await take_out(sender.desk.db, sender.desk.doors.blobs, nowhere, Heard())
    for one in files:
        assert not (places / "public" / one["sha256"][:2] / one["sha256"]).exists()
    due = await sender.desk.rows(
        "SELECT p.only_files FROM catalog.purge p JOIN catalog.item i USING (item_id) "
        "WHERE i.department = :c AND p.done_at IS NULL",
        c=sender.code,
    )
    assert {row.only_files for row in due} == {False}


@pytest.mark.timeout(60)
async def test_an_older_event_that_is_not_judged_yet_hides_no_leak(
    fresh_desk: Desk, nats_url: str
) -> None:
    """A leak that was judged out of turn leaves INTAKE as soon as everything before it is judged; until then it is due."""
    await streams.apply(nats_url)
    sender = await fresh_desk.department()
    async with Bus(nats_url, name="department") as bus:
        for name in ("older", "leak"):
            raw = json.dumps(event(sender.code, name, data(title=name))).encode()
            await bus.js.publish(f"intake.{sender.code}.items", raw, stream="INTAKE")
        judged = await bus.js.pull_subscribe_bind(durable="catalog", stream="INTAKE")
        older, leaked = await judged.fetch(2, timeout=10)
        await leaked.ack_sync()
        await sender.push("leak", data(title="leak"))
        await sender.withdraw("leak", "vanish")
        await fresh_desk.rows("UPDATE catalog.outbox SET sent = true RETURNING 1")
        look = partial(take_out, fresh_desk.db, fresh_desk.doors.blobs, nats_url, Heard())
        assert not await look()
        assert (await bus.js.stream_info("INTAKE")).state.messages == 2
        await older.ack_sync()
        assert await look()
        assert (await bus.js.get_msg("INTAKE", 1)).data == older.data
        assert (await bus.js.stream_info("INTAKE")).state.messages == 1


async def test_what_is_parked_of_others_stays(fresh_desk: Desk) -> None:
    """Of what is parked only that goes which is about the leak, however its id is written; not what only has its id in it."""
    sender, other = await fresh_desk.department(), await fresh_desk.department()
    for of, source_id in ((sender, "条1"), (sender, "条10"), (other, "条1")):
        await fresh_desk.rows(
            "INSERT INTO catalog.parked (consumer, subject, reason, raw, tries) "
            "VALUES ('catalog', :s, '', :raw, 8) RETURNING 1",
            s=f"intake.{of.code}.items",
            raw=json.dumps(event(of.code, source_id, data(title="条1"))).encode(),
        )
    await sender.push("条1", data())
    await sender.withdraw("条1", "vanish")
    await purge(fresh_desk)
    rows = await fresh_desk.rows("SELECT raw FROM catalog.parked ORDER BY parked_id")
    left = [json.loads(row.raw) for row in rows]
    assert [one["subject"] for one in left] == ["条10", "条1"]
    assert left[1]["source"].endswith(other.code)


async def test_what_leaks_during_a_purge_stays_due(fresh_desk: Desk) -> None:
    """A version that is noted while another is dealt with is not marked as done with it."""
    sender = await fresh_desk.department()
    await sender.push("first", data())
    await sender.push("second", data(summary="二"))
    await sender.withdraw("first", "vanish")

    async def prepare() -> bool:
        await sender.withdraw("second", "vanish")
        return True

    await Purger(fresh_desk.db, (), prepare=prepare).purge()
    due = await fresh_desk.rows(
        "SELECT DISTINCT i.source_id FROM catalog.purge p JOIN catalog.item i USING (item_id) "
        "WHERE p.done_at IS NULL"
    )
    assert [row.source_id for row in due] == ["second"]


async def test_a_version_noted_anew_during_its_purge_stays_due(fresh_desk: Desk) -> None:
    """The same version, noted once more while it is dealt with, is dealt with once more."""
    sender = await fresh_desk.department()
    await sender.push("s", data())
    await sender.withdraw("s", "vanish")

    async def prepare() -> bool:
        await fresh_desk.rows(
            "UPDATE catalog.purge SET noted_at = noted_at + interval '1 second' WHERE version = 1 RETURNING 1"
        )
        return True

    await Purger(fresh_desk.db, (), prepare=prepare).purge()
    due = await fresh_desk.rows("SELECT version FROM catalog.purge WHERE done_at IS NULL")
    assert [row.version for row in due] == [1]


async def test_what_is_prepared_is_not_prepared_again(fresh_desk: Desk) -> None:
    """While the tables cannot be rewritten only that is tried again; what is noted later is prepared."""
    sender = await fresh_desk.department()
    for name in ("first", "second"):
        await sender.push(name, data(summary=name))
    prepared = 0

    async def prepare() -> bool:
        nonlocal prepared
        prepared += 1
        return True

    purger = Purger(fresh_desk.db, ("catalog.not_there",), prepare=prepare)
    counts = []
    for falls in ("first", "", "second", ""):
        if falls:
            await sender.withdraw(falls, "vanish")
        with pytest.raises(UndefinedTable):
            await purger.purge()
        counts.append(prepared)
    assert counts == [1, 1, 2, 2]


async def test_metrics_do_not_count_what_is_embargoed(fresh_desk: Desk) -> None:
    """What is scheduled changes no figure that anybody can read; what is held counts."""
    sender = await fresh_desk.department()
    await sender.push("held", data(review=None))
    await sender.push("scheduled", data(publish_at=later(hours=1)))
    page = (await fresh_desk.client.get("/metrics")).text
    assert "gazette_catalog_waiting 1.0" in page


# --- after a restore


async def seal(desk: Desk, *known: Sealed) -> list[str]:
    """Seal again what *known* says, as a restore does."""
    async with desk.db.sessions.begin() as session:
        return await seal_again(
            session, known, epoch=uuid4(), now=datetime.now(UTC), doors=desk.doors
        )


async def sealed_of(sender: Sender, source_id: str, number: int) -> Sealed:
    """Return how a newer backup names a version of an item."""
    rows = await sender.desk.rows(
        "SELECT v.at FROM catalog.version v JOIN catalog.item i USING (item_id) "
        "WHERE i.department = :c AND i.source_id = :s AND v.version = :n",
        c=sender.code,
        s=source_id,
        n=number,
    )
    return Sealed(sender.code, source_id, number, rows[0].at)


async def test_a_restore_seals_behind_a_tombstone_again(fresh_desk: Desk) -> None:
    """What the backup knows as withdrawn stays so with its reason; text and notes go, and twice is once."""
    sender = await fresh_desk.department()
    await sender.push("s", data(summary=MARK, change_note=MARK))
    await sender.withdraw("s", reason="有误")
    known = await sealed_of(sender, "s", 1)
    assert await seal(fresh_desk, known) == [f"{sender.code}/s v1"]
    assert await seal(fresh_desk, known) == []
    public = (await sender.look("s")).json()["public"]
    assert (public["version"], public["state"], public["reason"]) == (3, "withdrawn", "有误")
    assert [one.get("sealed") for one in public["history"]] == [True, True, None]
    [leak] = await purge(fresh_desk)
    assert leak.versions == {1, 2}
    assert MARK not in await dump(fresh_desk)


async def test_a_restore_shows_no_text_that_was_sealed_since(fresh_desk: Desk) -> None:
    """Where the backup has no text but the sealed one, the item is gone until its department sends it again."""
    sender = await fresh_desk.department()
    await sender.push("s", data(title="第一版"))
    await sender.push("s", data(title=MARK))
    assert await seal(fresh_desk, await sealed_of(sender, "s", 2)) == [f"{sender.code}/s v2"]
    public = (await sender.look("s")).json()["public"]
    assert (public["state"], "title" in public) == ("gone", False)
    await purge(fresh_desk)
    assert MARK not in await dump(fresh_desk)
    await sender.push("s", data(title="改正版", change_reason="personal_data"))
    assert (await sender.look("s")).json()["state"] == "published"


async def test_a_version_of_another_history_is_not_sealed(sender: Sender) -> None:
    """The same number made at another time is another text."""
    await sender.push("s", data())
    known = await sealed_of(sender, "s", 1)
    other = Sealed(known.department, known.source_id, 1, known.at - timedelta(seconds=1))
    assert await seal(sender.desk, other) == []
    assert await sender.versions("s") == [1]


async def test_a_restore_withdraws_what_only_waits(sender: Sender) -> None:
    """What was vanished after the backup and waits in it does not come out of the waiting list."""
    await sender.push("leak", data(review=None))
    await sender.push("late", data(publish_at=later(hours=1)))
    known = [Withdrawn(sender.code, s, "vanish", "涉密") for s in ("leak", "late", "never")]
    async with sender.desk.db.sessions.begin() as session:
        done = await withdraw_again(
            session, known, epoch=uuid4(), now=datetime.now(UTC), doors=sender.desk.doors
        )
    assert done == [f"{sender.code}/leak", f"{sender.code}/late"]
    assert list(await sender.waiting()) == []
