"""A leak leaves the record at once; sealed versions too; what others still need stays."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from services.catalog.actions.purge_texts import due_leaks, purge_texts
from tests.catalog.desk import CLEARED, Desk, Sender, data, event, result

MARK = "泄露的文字"


async def purge(desk: Desk) -> list[Any]:
    """Take out what is due, as the catalog's purger does before it rewrites."""
    await desk.rows("UPDATE catalog.outbox SET sent = true RETURNING 1")
    async with desk.db.sessions.begin() as session:
        leaks = await due_leaks(session)
        assert leaks is not None
        await purge_texts(session, leaks, blobs=desk.doors.blobs)
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
