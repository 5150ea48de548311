"""The rules of intake, judged on a real database (contract, "Rules of intake" and the table of withdrawals)."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from pydantic_core import to_json

from tests.catalog.desk import Desk, Sender, codes, data, event, paths, result, withdrawal


def issued(sender: Sender, serial: int) -> str:
    """Return the index number that the rule gives to an item of `data()` by its serial."""
    today = datetime.now(sender.desk.doors.zone).date()
    return sender.desk.doors.numbers.number(
        department=sender.code, catalogue="notice", day=today, serial=serial
    )


# --- the first version


async def test_a_complete_item_is_published_at_once(sender: Sender) -> None:
    """Policy direct with a complete review: accepted, version 1, a number, a url of department, year and serial."""
    outcome = await sender.push("notices/1")
    year = datetime.now(UTC).year
    assert outcome["outcome"] == "accepted"
    assert outcome["version"] == 1
    assert re.fullmatch(rf"/{sender.code}/{year}/1/", outcome["url"])
    public = (await sender.look("notices/1")).json()["public"]
    assert public["index_number"] == issued(sender, 1)
    assert public["body"]["format"] == "html"
    assert "石桥段" in public["body"]["content"]
    assert "review" not in public


async def test_a_department_has_its_own_numbers(desk: Desk) -> None:
    """Serials count per department, without gaps."""
    one, two = await desk.department(), await desk.department()
    urls = [(await who.push(f"s{n}"))["url"] for n in range(3) for who in (one, two)]
    assert [url.split("/")[3] for url in urls] == ["1", "1", "2", "2", "3", "3"]


async def test_an_update_keeps_url_number_and_first_date(sender: Sender) -> None:
    """A new content is the next version of the same item: same id, url, number and publication date."""
    first = await sender.push("s")
    before = (await sender.look("s")).json()["public"]
    second = await sender.push("s", data(title="新标题", change_note="改了标题"))
    after = (await sender.look("s")).json()["public"]
    assert (second["version"], second["url"], second["item_id"]) == (
        2,
        first["url"],
        first["item_id"],
    )
    assert after["index_number"] == before["index_number"]
    assert after["published_at"] == before["published_at"]
    assert after["updated_at"] > before["updated_at"]
    assert [entry["version"] for entry in after["history"]] == [1, 2]
    assert after["change"] == "minor"
    assert after["notice_version"] == 1


async def test_only_major_changes_move_the_notice(sender: Sender) -> None:
    """`notice_version` is the newest version that was major, with its note; minor ones leave it."""
    await sender.push("s")
    await sender.push("s", data(title="二", change="major", change_note="延期"))
    await sender.push("s", data(title="三", change="minor", change_note="错字"))
    public = (await sender.look("s")).json()["public"]
    assert (public["version"], public["notice_version"], public["notice_note"]) == (3, 2, "延期")
    assert [entry["change"] for entry in public["history"]] == ["major", "major", "minor"]


async def test_the_hash_is_that_of_the_public_state(fresh_desk: Desk) -> None:
    """`statesha256` is the SHA-256 of `data` as sent, without `sequence` and `epoch`."""
    sender = await fresh_desk.department()
    await sender.push("s", data(keywords=["石桥", "封闭"], places=[{"name": "石桥村"}]))
    page = await fresh_desk.feed(state=1)
    assert "s" in [record["event"]["data"].get("source_id") for record in page["records"]]
    for record in page["records"]:
        state = {k: v for k, v in record["event"]["data"].items() if k not in ("sequence", "epoch")}
        assert (
            sha256(to_json(state)).hexdigest() == record["sha256"] == record["event"]["statesha256"]
        )


# --- repeats and conflicts


async def test_a_repeat_gets_the_same_result_and_a_fresh_outcome(sender: Sender) -> None:
    """The same event again changes nothing, answers the same, and says a new outcome event."""
    once = event(sender.code, "s", id="e-1")
    first, second = result(await sender.post(once)), result(await sender.post(once))
    assert first == second
    assert await sender.versions("s") == [1]
    told = [o["event"] for o in (await sender.outcomes())["outcomes"]]
    assert [o["data"] for o in told] == [told[0]["data"]] * 2
    assert told[0]["id"] != told[1]["id"]


async def test_a_repeat_answers_the_first_result_even_after_a_newer_version(sender: Sender) -> None:
    """A late copy of an old event tells its own version and brings nothing back."""
    once = event(sender.code, "s", id="e-1")
    await sender.post(once)
    await sender.push("s", data(title="新"))
    assert result(await sender.post(once))["version"] == 1
    assert (await sender.look("s")).json()["public"]["title"] == "新"


async def test_the_same_id_with_other_content_is_a_conflict(sender: Sender) -> None:
    """An id names one content for ever: 409, and nothing is stored."""
    await sender.post(event(sender.code, "s", id="e-1"))
    answer = await sender.post(event(sender.code, "s", data(title="别的"), id="e-1"))
    assert answer.status_code == 409
    assert (result(answer)["outcome"], codes(result(answer))) == ("rejected", {"conflict"})
    assert await sender.versions("s") == [1]


async def test_two_departments_may_use_the_same_ids(desk: Desk) -> None:
    """Ids and source ids belong to their department."""
    one, two = await desk.department(), await desk.department()
    await one.push("s", id="e-1")
    answer = await two.push("s", data(title="另一条"), id="e-1")
    assert answer["outcome"] == "accepted"
    assert answer["url"].startswith(f"/{two.code}/")


async def test_a_rejected_id_is_judged_anew(sender: Sender) -> None:
    """Only accepted, scheduled and held are remembered: what was refused may come again, mended, under its id."""
    bad = result(await sender.post(event(sender.code, "s", data(formed_on="2026-02-30"), id="e-1")))
    assert bad["outcome"] == "rejected"
    assert result(await sender.post(event(sender.code, "s", id="e-1")))["outcome"] == "accepted"


async def test_unchanged_content_makes_no_version(sender: Sender) -> None:
    """The same content under a new id is accepted as unchanged; the order of keys does not count."""
    await sender.push("s")
    turned = dict(reversed(list(data().items())))
    outcome = await sender.push("s", turned)
    assert (outcome["outcome"], outcome["unchanged"], outcome["version"]) == ("accepted", True, 1)
    assert await sender.versions("s") == [1]


async def test_a_default_that_is_written_out_says_nothing_more(sender: Sender) -> None:
    """`"language": "zh-Hans"` is what is meant without it."""
    await sender.push("s")
    assert (await sender.push("s", data(language="zh-Hans", important=False)))["unchanged"] is True


# --- sourceversion


async def test_sourceversion_orders_an_item(sender: Sender) -> None:
    """Older is ignored, equal is unchanged or a conflict, higher is applied."""
    await sender.push("s", data(title="五"), sourceversion=5)
    older = await sender.push("s", data(title="四"), sourceversion=4)
    assert (older["outcome"], older["version"]) == ("ignored", 1)
    equal = await sender.push("s", data(title="五"), sourceversion=5)
    assert (equal["outcome"], equal["unchanged"]) == ("accepted", True)
    other = await sender.post(event(sender.code, "s", data(title="别的"), sourceversion=5))
    assert (other.status_code, codes(result(other))) == (409, {"conflict"})
    higher = await sender.push("s", data(title="六"), sourceversion=6)
    assert (higher["outcome"], higher["version"]) == ("accepted", 2)
    assert (await sender.look("s")).json()["public"]["title"] == "六"


async def test_sourceversion_counts_after_a_withdrawal(sender: Sender) -> None:
    """A higher revision publishes a withdrawn item anew; an older one stays ignored, and brings nothing back."""
    first = await sender.push("s", sourceversion=1)
    await sender.withdraw("s", sourceversion=3)
    assert (await sender.push("s", sourceversion=2))["outcome"] == "ignored"
    assert (await sender.look("s")).json()["state"] == "withdrawn"
    again = await sender.push("s", sourceversion=4)
    assert (again["outcome"], again["version"], again["url"]) == ("accepted", 3, first["url"])
    assert (await sender.look("s")).json()["state"] == "published"


async def test_an_older_withdrawal_is_ignored(sender: Sender) -> None:
    """A withdrawal obeys the revisions like everything else."""
    await sender.push("s", sourceversion=5)
    assert (await sender.withdraw("s", sourceversion=4))["outcome"] == "ignored"
    assert (await sender.look("s")).json()["state"] == "published"


async def test_a_higher_sourceversion_of_the_same_content_is_remembered(sender: Sender) -> None:
    """Unchanged content under a higher revision makes no version, but raises the mark for what comes late."""
    await sender.push("s", sourceversion=1)
    assert (await sender.push("s", sourceversion=7))["unchanged"] is True
    assert (await sender.push("s", data(title="迟到的第三版"), sourceversion=3))[
        "outcome"
    ] == "ignored"


async def test_without_sourceversion_the_order_of_receipt_decides(sender: Sender) -> None:
    """What comes later wins, also after a withdrawal."""
    await sender.push("s", data(title="一"))
    await sender.withdraw("s")
    outcome = await sender.push("s", data(title="一"))
    assert (outcome["outcome"], outcome["version"]) == ("accepted", 3)
    assert (await sender.look("s")).json()["state"] == "published"


# --- withdrawals


async def test_withdrawn_keeps_title_dates_and_reason_and_nothing_of_the_text(
    sender: Sender,
) -> None:
    """The tombstone of `withdrawn` names the item and why; text, summary and attachments are gone."""
    await sender.push(
        "s", data(summary="摘要", document_number="禾交〔2026〕1号", keywords=["石桥"])
    )
    before = (await sender.look("s")).json()["public"]
    outcome = await sender.withdraw("s", reason="内容有误")
    public = (await sender.look("s")).json()["public"]
    assert (outcome["version"], public["state"], public["reason"]) == (2, "withdrawn", "内容有误")
    for kept in (
        "title",
        "document_number",
        "formed_on",
        "published_at",
        "url",
        "index_number",
        "catalogue",
    ):
        assert public[kept] == before[kept]
    assert not {"body", "summary", "attachments", "keywords"} & set(public)
    assert (public["change"], public["notice_version"], public["notice_note"]) == (
        "withdrawal",
        2,
        "内容有误",
    )


@pytest.mark.parametrize("kind", ["gone", "redirect", "vanish"])
async def test_the_other_kinds_keep_no_title(sender: Sender, kind: str) -> None:
    """Gone, redirect and vanish leave neither title nor number of the document in the record."""
    await sender.push("s", data(document_number="禾交〔2026〕1号", summary="摘要"))
    more = {"redirect_to": "https://www.example.gov.cn/x"} if kind == "redirect" else {}
    await sender.withdraw("s", kind, **more)
    answer = await sender.look("s")
    public = answer.json()["public"]
    assert public["state"] == kind
    assert not {"title", "summary", "body", "document_number", "formed_on"} & set(public)
    assert "石桥" not in answer.text


async def test_a_redirect_names_the_path_of_its_target(desk: Desk) -> None:
    """A target of this site becomes its url; an https address stays; an unknown target is refused."""
    one, two = await desk.department(), await desk.department()
    target = await two.push("dir/t")
    await one.push("s")
    outcome = await one.withdraw("s", "redirect", redirect_to=f"{two.code}/dir/t")
    assert outcome["outcome"] == "accepted"
    assert (await one.look("s")).json()["public"]["redirect_to"] == target["url"]
    unknown = await one.withdraw("s", "redirect", redirect_to=f"{two.code}/nothing")
    assert (unknown["outcome"], paths(unknown)) == ("rejected", {"/data/redirect_to"})


async def test_a_redirect_may_name_an_item_of_the_same_batch(sender: Sender) -> None:
    """Events of one batch see each other: the target may be published just before."""
    await sender.push("old")
    answer = await sender.batch(
        [
            event(sender.code, "new"),
            withdrawal(sender.code, "old", "redirect", redirect_to=f"{sender.code}/new"),
        ]
    )
    published, redirected = answer.json()["results"]
    assert redirected["outcome"] == "accepted"
    assert (await sender.look("old")).json()["public"]["redirect_to"] == published["url"]


async def test_redirections_never_go_round_in_a_circle(desk: Desk) -> None:
    """A target must be shown: one that redirects back, or is withdrawn, is refused, in one batch and over bodies."""
    one, two = await desk.department(), await desk.department()
    for name in ("a", "b", "c"):
        await one.push(name)
    await two.push("d")
    pair = [
        withdrawal(one.code, "a", "redirect", redirect_to=f"{one.code}/b"),
        withdrawal(one.code, "b", "redirect", redirect_to=f"{one.code}/a"),
    ]
    first, back = (await one.batch(pair)).json()["results"]
    assert first["outcome"] == "accepted"
    assert (paths(back), codes(back)) == ({"/data/redirect_to"}, {"target_redirects"})
    assert codes(await two.withdraw("d", "redirect", redirect_to=f"{one.code}/a")) == {
        "target_redirects"
    }
    await one.withdraw("c", "gone")
    fallen = await one.withdraw("b", "redirect", redirect_to=f"{one.code}/c")
    assert (paths(fallen), codes(fallen)) == ({"/data/redirect_to"}, {"target_withdrawn"})
    assert (await one.look("b")).json()["state"] == "published"


async def test_two_bodies_cannot_redirect_to_each_other_at_once(desk: Desk) -> None:
    """Two doors that lead to each other at the same moment: one of them stays shut."""
    for _ in range(5):
        one, two = await desk.department(), await desk.department()
        await one.push("s")
        await two.push("s")
        answers = await asyncio.gather(
            one.withdraw("s", "redirect", redirect_to=f"{two.code}/s"),
            two.withdraw("s", "redirect", redirect_to=f"{one.code}/s"),
        )
        assert sorted(answer["outcome"] for answer in answers) == ["accepted", "rejected"]


async def test_a_redirect_stands_whatever_becomes_of_its_target(sender: Sender) -> None:
    """The same redirection again is unchanged, also after its target fell."""
    await sender.push("a")
    await sender.push("b")
    await sender.withdraw("a", "redirect", redirect_to=f"{sender.code}/b")
    await sender.withdraw("b", "gone")
    again = await sender.withdraw("a", "redirect", redirect_to=f"{sender.code}/b")
    assert again["unchanged"] is True


@pytest.mark.parametrize("name", ["a b", "dir/第 1 号", "http://old/1"])
async def test_a_redirect_may_name_any_id(sender: Sender, name: str) -> None:
    """Blanks and whatever else an id may contain may stand in a target."""
    target = await sender.push(name)
    await sender.push("s")
    outcome = await sender.withdraw("s", "redirect", redirect_to=f"{sender.code}/{name}")
    assert outcome["outcome"] == "accepted"
    assert (await sender.look("s")).json()["public"]["redirect_to"] == target["url"]


async def test_a_redirect_to_itself_is_refused(sender: Sender) -> None:
    """A page that leads to itself leads nowhere."""
    await sender.push("s")
    outcome = await sender.withdraw("s", "redirect", redirect_to=f"{sender.code}/s")
    assert (outcome["outcome"], paths(outcome)) == ("rejected", {"/data/redirect_to"})


async def test_a_withdrawal_of_an_unknown_item_stores_a_tombstone(sender: Sender) -> None:
    """What is withdrawn before it came is a tombstone, and an older publication that comes late is ignored."""
    outcome = await sender.withdraw("s", sourceversion=2)
    assert (outcome["outcome"], outcome["version"]) == ("accepted", 1)
    assert (await sender.look("s")).json()["state"] == "withdrawn"
    assert (await sender.push("s", sourceversion=1))["outcome"] == "ignored"
    assert (await sender.push("s", sourceversion=3))["version"] == 2


async def test_a_withdrawal_again_is_unchanged(sender: Sender) -> None:
    """Withdrawing twice for the same reason makes one tombstone; another reason makes a version."""
    await sender.push("s")
    await sender.withdraw("s")
    assert (await sender.withdraw("s"))["unchanged"] is True
    assert (await sender.withdraw("s", reason="另一理由"))["version"] == 3
    assert await sender.versions("s") == [1, 2, 3]


async def test_a_second_withdrawal_of_one_batch_keeps_what_the_first_kept(sender: Sender) -> None:
    """Title and catalogue stay in the tombstone, also when its reason is mended in the same batch."""
    await sender.push("s")
    events = [withdrawal(sender.code, "s", reason=reason) for reason in ("有误", "数据有误")]
    answer = await sender.batch(events)
    assert [r["version"] for r in answer.json()["results"]] == [2, 3]
    public = (await sender.look("s")).json()["public"]
    assert (public["title"], public["catalogue"]) == (data()["title"], "notice")
    assert public["reason"] == "数据有误"


# --- numbers and history


async def test_a_used_number_is_never_issued_again(desk: Desk) -> None:
    """Neither a withdrawal nor a number brought in from history lets a number be issued twice."""
    sender = await desk.department(history=True)
    await sender.push("old", data(index_number=issued(sender, 2)))
    urls = {}
    for name in ("a", "b", "c"):
        urls[name] = (await sender.push(name))["url"]
        await sender.withdraw(name, "gone")
    rows = await desk.rows(
        "SELECT index_number FROM catalog.item WHERE department = :c", c=sender.code
    )
    numbers = [row.index_number for row in rows]
    assert len(numbers) == len(set(numbers)) == 4
    assert len(set(urls.values())) == 3


async def test_many_numbers_from_history_are_stepped_over(desk: Desk) -> None:
    """Numbers that history took are skipped, however many lie in a row."""
    sender = await desk.department(history=True)
    taken = [
        event(sender.code, f"h{n}", data(index_number=issued(sender, n))) for n in range(4, 60)
    ]
    assert {r["outcome"] for r in (await sender.batch(taken)).json()["results"]} == {"accepted"}
    fresh = (await sender.batch([event(sender.code, f"n{n}") for n in range(5)])).json()["results"]
    assert [r["outcome"] for r in fresh] == ["accepted"] * 5


async def test_another_items_number_is_refused(desk: Desk) -> None:
    """An index number belongs to one item, also within one batch; its own item may repeat it."""
    sender = await desk.department(history=True)
    number = f"{sender.code}/old/7"
    batch = [event(sender.code, name, data(index_number=number)) for name in ("a", "b")]
    first, second = (await sender.batch(batch)).json()["results"]
    assert first["outcome"] == "accepted"
    assert (second["outcome"], codes(second)) == ("rejected", {"index_number_taken"})
    assert (await sender.push("a", data(index_number=number, title="改")))["version"] == 2


async def test_a_number_that_was_replaced_is_never_anothers(desk: Desk) -> None:
    """An item that is given another number keeps its old one for itself: given or issued, no other item gets it."""
    sender = await desk.department(history=True)
    await sender.push("a")
    first = issued(sender, 1)
    batch = [
        event(sender.code, "a", data(index_number=f"{sender.code}/old/1")),
        event(sender.code, "b", data(index_number=first)),
    ]
    moved, refused = (await sender.batch(batch)).json()["results"]
    assert moved["version"] == 2
    assert (paths(refused), codes(refused)) == ({"/data/index_number"}, {"index_number_taken"})
    assert codes(await sender.push("b", data(index_number=first))) == {"index_number_taken"}
    await sender.push("a", data(index_number=first, title="改回"))
    back = (await sender.look("a")).json()["public"]
    assert (back["version"], back["index_number"]) == (3, first)
    assert codes(await sender.push("c", data(index_number=f"{sender.code}/old/1"))) == {
        "index_number_taken"
    }


async def test_a_number_that_was_replaced_is_not_issued(desk: Desk) -> None:
    """The running number steps over what an item had before."""
    sender = await desk.department(history=True)
    await sender.push("a", data(index_number=issued(sender, 2)))
    await sender.push("a", data(index_number=f"{sender.code}/old/2"))
    await sender.push("b")
    assert (await sender.look("b")).json()["public"]["index_number"] == issued(sender, 3)


async def test_history_needs_its_right(desk: Desk) -> None:
    """First dates, own numbers, old addresses and silent republishing are for departments with the right only."""
    plain, historian = await desk.department(), await desk.department(history=True)
    content = data(
        first_published_on="2014-05-06",
        index_number="000014349/2014-00081",
        old_urls=["http://old.example.gov.cn/1.htm"],
        change="republish",
    )
    refused = await plain.push("s", content)
    assert paths(refused) == {
        "/data/first_published_on",
        "/data/index_number",
        "/data/old_urls",
        "/data/change",
    }
    taken = await historian.push("s", content)
    public = (await historian.look("s")).json()["public"]
    assert taken["url"] == f"/{historian.code}/2014/1/"
    assert (public["index_number"], public["first_published_on"]) == (
        "000014349/2014-00081",
        "2014-05-06",
    )
    assert (public["change"], public["notice_version"]) == ("republish", 0)


# --- attachments


def attachment(content: bytes, **changes: Any) -> dict[str, Any]:
    """Return an attachment of *content*."""
    return {
        "name": "附件.txt",
        "media_type": "text/plain",
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
    } | changes


def area_of(desk: Desk, content: bytes) -> str:
    """Return the area of the store in which a file lies; it lies in one only."""
    [place] = desk.blobs.glob(f"*/*/{sha256(content).hexdigest()}")
    return place.parts[-3]


async def test_an_attachment_must_be_uploaded_by_its_own_department(desk: Desk) -> None:
    """Unknown, of another department, or of another size: refused with its place; uploaded and right: accepted."""
    mine, foreign = await desk.department(), await desk.department()
    content = f"附件 {mine.code}".encode()
    body = data(attachments=[attachment(content)])
    assert codes(await mine.push("s", body)) == {"unknown_attachment"}
    assert (await foreign.upload(content)).status_code == 201
    unknown = await mine.push("s", body)
    assert (codes(unknown), paths(unknown)) == (
        {"unknown_attachment"},
        {"/data/attachments/0/sha256"},
    )
    assert (await mine.upload(content)).status_code == 201
    wrong = await mine.push("s", data(attachments=[attachment(content, size=3)]))
    assert (codes(wrong), paths(wrong)) == ({"wrong_size"}, {"/data/attachments/0/size"})
    assert area_of(desk, content) == "held"
    assert (await mine.push("s", body))["outcome"] == "accepted"
    assert area_of(desk, content) == "public"


async def test_what_is_held_is_not_served(sender: Sender, desk: Desk) -> None:
    """The files of a held item stay where no web path reaches, and go out with its approval."""
    content = f"附件 {sender.code}".encode()
    await sender.upload(content)
    held = await sender.push("s", data(review=None, attachments=[attachment(content)]))
    assert held["outcome"] == "held"
    assert area_of(desk, content) == "held"
    [row] = await sender.waiting()
    assert (await desk.decide(row.waiting_id, approve=True)).outcome == "accepted"
    assert area_of(desk, content) == "public"


# --- batches, and two doors at once


async def test_a_batch_keeps_its_order(sender: Sender) -> None:
    """Versions of one item in one batch follow each other, repeats and withdrawals included."""
    repeat = event(sender.code, "s", data(title="一"), id="r-1", sourceversion=1)
    events = [
        repeat,
        event(sender.code, "s", data(title="二"), sourceversion=2),
        repeat,
        event(sender.code, "t"),
        withdrawal(sender.code, "s", sourceversion=3),
        event(sender.code, "s", data(title="四"), sourceversion=4),
        event(sender.code, "s", data(title="迟"), sourceversion=2),
    ]
    results = (await sender.batch(events)).json()["results"]
    assert [(r["outcome"], r["version"]) for r in results] == [
        ("accepted", 1),
        ("accepted", 2),
        ("accepted", 1),
        ("accepted", 1),
        ("accepted", 3),
        ("accepted", 4),
        ("ignored", 4),
    ]
    rows = await sender.desk.rows(
        "SELECT body FROM catalog.outbox WHERE stream = 'RECORD' AND subject LIKE :s ORDER BY outbox_id",
        s=f"record.{sender.code}.%",
    )
    said = [
        json.loads(row.body)["data"] for row in rows if "item_id" in json.loads(row.body)["data"]
    ]
    assert [(state["source_id"], state["version"]) for state in said] == [
        ("s", 1),
        ("s", 2),
        ("t", 1),
        ("s", 3),
        ("s", 4),
    ]


async def test_one_bad_event_of_a_batch_harms_no_other(sender: Sender) -> None:
    """Each event of a batch has its own result."""
    events = [
        event(sender.code, "a"),
        event(sender.code, "b", data(title="")),
        event("someone-else", "c"),
        event(sender.code, "d"),
    ]
    answer = await sender.batch(events)
    assert answer.status_code == 202
    assert [r["outcome"] for r in answer.json()["results"]] == [
        "accepted",
        "rejected",
        "rejected",
        "accepted",
    ]


async def test_many_doors_at_once_lose_nothing(sender: Sender) -> None:
    """Forty requests for one item at the same time make forty versions, gapless, each with an outcome."""
    answers = await asyncio.gather(*(sender.push("s", data(title=f"第{n}次")) for n in range(40)))
    assert sorted(answer["version"] for answer in answers) == list(range(1, 41))
    assert await sender.versions("s") == list(range(1, 41))
    assert len({answer["url"] for answer in answers}) == 1


async def test_many_new_items_at_once_get_different_numbers(sender: Sender) -> None:
    """Serials are gapless and different, however many doors are open."""
    answers = await asyncio.gather(*(sender.push(f"s{n}") for n in range(20)))
    assert sorted(int(a["url"].split("/")[3]) for a in answers) == list(range(1, 21))


# --- limits, and what could fail later


async def test_what_is_too_large_for_the_record_is_refused_at_intake(sender: Sender) -> None:
    """An item whose record event would be over 4 MiB is refused, and leaves no gap in the numbers."""
    content = data(
        body={"format": "text", "content": "&" * 900_000}
    )  # cleaned, each becomes `&amp;`
    outcome = await sender.push("s", content)
    assert (outcome["outcome"], codes(outcome)) == ("rejected", {"too_large"})
    assert (await sender.push("t"))["url"].endswith("/1/")


async def test_every_problem_is_told_at_once(sender: Sender) -> None:
    """All that is wrong comes in one answer, each with path, code, message and fix in two languages."""
    content = {
        "titel": "x",
        "body": {"format": "word", "content": "x"},
        "catalogue": "regulation.nomative",
        "formed_on": "2026-02-30",
        "publish_at": "2026-12-01T00:00:00",
        "attachments": [{"name": "a", "media_type": "text/plain", "sha256": "0", "size": -1}],
    }
    outcome = await sender.push("s", content)
    assert paths(outcome) >= {
        "/data/titel",
        "/data/title",
        "/data/body/format",
        "/data/catalogue",
        "/data/formed_on",
        "/data/publish_at",
        "/data/attachments/0/sha256",
        "/data/attachments/0/size",
    }
    for problem in outcome["problems"]:
        assert problem["code"]
        assert " / " in problem["message"]
        assert " / " in problem["fix"]
    assert (await sender.look("s")).status_code == 404
