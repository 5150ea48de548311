"""Who is told of what, and how often."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.matcher import Matcher
from services.notifier.rules import Target
from services.notifier.tables import delivery, notice, purge, told
from shared.events.record import ItemState
from tests.notifier.house import NOON, House, state, text_of, withdrawn

ITEM = UUID("00000000-0000-4000-8000-00000000000a")


async def test_one_item_gives_one_mail(house: House) -> None:
    """A new item of a followed body is mailed once, with subject, link and reason."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.deliver()
    (mail,) = house.mails()
    assert mail["Subject"] == "[交通运输局] 关于S207石桥段封闭施工的公告"
    assert mail["To"] == "reader@example.org"
    assert "https://www.qinghe.example/transport/2026/12/" in text_of(mail)
    assert "订阅了「transport」" in text_of(mail)
    assert await house.states() == ["sent"]


async def test_repeats_and_replays_tell_nobody_again(house: House) -> None:
    """The same event in one batch, later, and by a copy with an empty memory gives no second mail."""
    await house.follow()
    await house.hear(state(ITEM), state(ITEM))
    await house.hear(state(ITEM))
    await house.hear(state(ITEM), matcher=Matcher())
    await house.deliver()
    assert len(house.mails()) == 1


async def test_overlapping_subscriptions_give_one_mail_that_names_them(house: House) -> None:
    """Body, entry and phrase of one person that fit the same item give one mail with all three as reasons."""
    targets = (
        Target(department="transport"),
        Target(catalogue="notice"),
        Target(phrase="石桥 施工"),
    )
    await house.follow("reader@example.org", *targets)
    await house.hear(state(ITEM))
    await house.deliver()
    (mail,) = house.mails()
    because = next(line for line in text_of(mail).splitlines() if "因为订阅了" in line)
    assert all(
        reason in because for reason in ("「transport」", "「notice」", "「词语：石桥 施工」")
    )


@pytest.mark.parametrize("change", ["minor", "republish"])
async def test_minor_and_republish_never_notify(house: House, change: str) -> None:
    """A version that is neither major nor a withdrawal moves no notice, so nobody is told."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.hear(state(ITEM, 2, notice_version=1, change=change))
    await house.hear(state(uuid4(), 1, notice_version=0, change="republish"))
    await house.deliver()
    assert len(house.mails()) == 1


async def test_coalescing_loses_no_notice(house: House) -> None:
    """When a major version is only seen through the minor one after it, its notice is told with its own note."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.hear(
        state(ITEM, 3, notice_version=2, notice_note="原：3天；现：5天", change="minor")
    )
    await house.deliver()
    first, second = house.mails()
    assert first["Subject"].startswith("[交通运输局]")
    assert second["Subject"].startswith("[更正]")
    assert "原：3天；现：5天" in text_of(second)


async def test_what_was_before_the_start_counts_as_told(house: House) -> None:
    """A new notifier reads the whole record and tells nothing of it; what comes after is told."""
    await house.follow(at=NOON - timedelta(days=400))
    old = [{"version": 1, "at": NOON - timedelta(seconds=1), "change": "major"}]
    new = [*old, {"version": 2, "at": NOON + timedelta(minutes=1), "change": "major"}]
    await house.hear(state(ITEM, history=old))
    await house.deliver()
    assert house.mails() == []
    await house.hear(state(ITEM, 2, history=new))
    await house.deliver()
    assert [mail["Subject"][:4] for mail in house.mails()] == ["[更正]"]


async def test_what_was_before_the_confirmation_is_not_told(house: House) -> None:
    """Somebody who confirmed after the notice does not get it, however late the event comes."""
    await house.follow("early@example.org", at=NOON)
    await house.follow("late@example.org", at=NOON + timedelta(minutes=2))
    await house.hear(state(ITEM))
    await house.deliver()
    assert [mail["To"] for mail in house.mails()] == ["early@example.org"]


async def test_another_epoch_tells_nothing_old(house: House) -> None:
    """After a restore all states come again under another epoch and lower sequences: silence, then only news."""
    epoch = uuid4()
    await house.follow()
    await house.hear(state(ITEM, 2, sequence=900))
    await house.hear(state(ITEM, 1, sequence=1, epoch=epoch))
    await house.hear(state(ITEM, 2, sequence=2, epoch=epoch))
    await house.hear(state(ITEM, 2, sequence=900))
    assert await house.states() == ["pending"]
    await house.hear(state(ITEM, 3, sequence=3, epoch=epoch))
    assert await house.states() == ["pending", "pending"]


async def test_any_order_of_any_repeats_tells_each_person_once_at_most(house: House) -> None:
    """Shuffled, repeated batches of five versions never queue the same notice twice, and always the last."""
    await house.follow()
    random.seed(20261123)
    items = [uuid4() for _ in range(20)]
    for item in items:
        events = [state(item, n) if n < 5 else withdrawn(item, 5) for n in range(1, 6)] * 3
        random.shuffle(events)
        for start in range(0, len(events), 4):
            await house.hear(*events[start : start + 4])
    async with house.db.sessions() as session:
        twice = (
            select(func.count())
            .select_from(delivery)
            .group_by(delivery.c.notice_id, delivery.c.subscriber_id)
            .having(func.count() > 1)
        )
        assert (await session.scalars(twice)).all() == []
        last = await session.scalar(select(func.count()).where(notice.c.notice_version == 5))
        assert last == len(items)


async def test_the_database_refuses_a_second_delivery(house: House) -> None:
    """One delivery per notice, subscriber and channel is a constraint, not only a habit."""
    await house.follow()
    await house.hear(state(ITEM))
    (row,) = await house.deliveries()
    again = {"notice_id": row.notice_id, "subscriber_id": row.subscriber_id, "because": row.because}
    with pytest.raises(IntegrityError, match="uq_delivery_notice_id"):
        async with house.db.sessions.begin() as session:
            await session.execute(insert(delivery).values(**again, created_at=NOON, next_at=NOON))


@pytest.mark.parametrize(
    "values",
    [
        {"state": "posted"},
        {"state": "sent"},
        {"state": "failed", "reason": None},
        {"state": "sending", "leased_until": None},
        {"because": []},
        {"channel": "pigeon"},
        {"notice_id": None},
    ],
)
async def test_the_database_refuses_half_told_states(
    house: House, values: dict[str, object]
) -> None:
    """A delivery whose columns contradict each other cannot be stored."""
    await house.follow()
    await house.hear(state(ITEM))
    with pytest.raises(IntegrityError):
        async with house.db.sessions.begin() as session:
            await session.execute(update(delivery).values(**values))


# --- withdrawals


async def test_a_withdrawal_tells_reason_but_neither_body_nor_summary(house: House) -> None:
    """Those who were told are told of the withdrawal: title, reason, no text."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.deliver()
    await house.hear(withdrawn(ITEM))
    await house.deliver()
    _, mail = house.mails()
    assert mail["Subject"] == "[撤回] 关于S207石桥段封闭施工的公告"
    assert "原因\n数据有误" in text_of(mail)
    assert "绕行" not in mail.as_string() + text_of(mail)


@pytest.mark.parametrize("kind", ["vanish", "gone", "redirect"])
async def test_a_vanished_item_is_told_without_its_title(house: House, kind: str) -> None:
    """A notice about what must not be named says only whose it was and why; what was queued is emptied."""
    await house.follow("phrase@example.org", Target(phrase="石桥施工"))
    await house.hear(state(ITEM))
    await house.hear(withdrawn(ITEM, kind=kind))
    await house.deliver()
    (mail,) = house.mails()
    assert mail["Subject"] == "[撤回] 交通运输局的一条信息"
    assert "石桥段封闭" not in text_of(mail)
    assert "数据有误" in text_of(mail)
    assert await house.states() == ["failed", "sent"]
    async with house.db.sessions() as session:
        contents = (
            await session.scalars(select(notice.c.content).order_by(notice.c.notice_version))
        ).all()
    assert contents[0] is None


async def test_a_withdrawal_stops_mails_that_wait(house: House) -> None:
    """What was queued before a withdrawal is not sent after it."""
    await house.follow()
    await house.hear(state(ITEM))
    await house.hear(withdrawn(ITEM))
    await house.deliver()
    assert [mail["Subject"][:4] for mail in house.mails()] == ["[撤回]"]


async def test_publishing_anew_after_a_withdrawal_is_no_correction(house: House) -> None:
    """A third version after a withdrawal is announced as the first was."""
    await house.follow()
    history = [entry.model_dump() for entry in withdrawn(ITEM, 2).history]
    history.append({"version": 3, "at": NOON + timedelta(minutes=3), "change": "major"})
    await house.hear(state(ITEM, 3, history=history))
    await house.deliver()
    assert [mail["Subject"][:7] for mail in house.mails()] == ["[交通运输局]"]


def sealing(item: UUID, version: int, sealed: set[int], **changes: Any) -> ItemState:
    """Return a minor version of which the history says that others are sealed."""
    history = [entry.model_dump() for entry in state(item, version).history]
    for entry in history:
        entry["sealed"] = entry["version"] in sealed
    history[-1]["change"] = "minor"
    own = {"change": "minor", "notice_version": version - 1, "title": "改正后的标题"}
    return state(item, version, **(own | {"history": history} | changes))


async def contents(house: House) -> dict[int, Any]:
    """Return what is stored of the notices, by their versions."""
    async with house.db.sessions() as session:
        rows = await session.execute(select(notice.c.notice_version, notice.c.content))
        return {row.notice_version: row.content for row in rows}


@pytest.mark.parametrize("state_of_mail", ["pending", "deferred"])
async def test_a_seal_stops_mails_though_it_is_no_news(house: House, state_of_mail: str) -> None:
    """A minor change that seals a version empties its notice and stops what waits of it; earlier notices go out."""
    await house.follow()
    await house.hear(state(ITEM), state(ITEM, 2, title="泄露的标题"))
    if state_of_mail == "deferred":
        async with house.db.sessions.begin() as session:
            await session.execute(
                update(delivery).values(state="deferred", reason="451", next_at=house.now)
            )
    await house.hear(sealing(ITEM, 3, {2}))
    await house.deliver()
    assert [mail["Subject"] for mail in house.mails()] == [
        "[交通运输局] 关于S207石桥段封闭施工的公告"
    ]
    assert await house.states() == ["sent", "failed"]
    assert (await contents(house))[2] is None
    async with house.db.sessions() as session:
        assert (await session.scalars(select(purge.c.version))).all() == [2]


async def test_a_notice_with_a_clean_text_is_not_stopped_by_an_old_seal(house: House) -> None:
    """A notice that was first seen through the sealing version has its text: later versions do not stop it."""
    await house.follow()
    await house.hear(sealing(ITEM, 2, {1}))
    await house.hear(sealing(ITEM, 3, {1}, notice_version=1))
    await house.deliver()
    assert [mail["Subject"] for mail in house.mails()] == ["[交通运输局] 改正后的标题"]


async def test_a_notice_told_with_a_sealed_text_is_stopped(house: House) -> None:
    """A notice of version 1 that was first seen through version 2 has the text of version 2, and goes with it."""
    await house.follow()
    await house.hear(state(ITEM, 2, notice_version=1, change="minor", title="泄露的标题"))
    await house.hear(sealing(ITEM, 3, {2}, notice_version=1))
    await house.deliver()
    assert house.mails() == []
    assert (await contents(house))[1] is None


# --- leaving


async def test_who_leaves_gets_nothing_that_waits(house: House) -> None:
    """A mail queued before somebody unsubscribes is not sent."""
    person = await house.follow()
    await house.hear(state(ITEM))
    async with house.db.sessions.begin() as session:
        await remove_subscriptions(session, person, None, now=house.now)
    await house.deliver()
    assert house.mails() == []
    assert await house.states() == ["failed"]


async def test_a_copy_with_an_old_memory_hears_of_new_subscriptions(house: House) -> None:
    """A matcher that was filled before a subscription began or ended is brought up to date by the next batch."""
    other = Matcher()
    await house.hear(state(uuid4()), matcher=other)
    person = await house.follow("phrase@example.org", Target(phrase="石桥"))
    await house.hear(state(ITEM), matcher=other)
    assert len(await house.deliveries()) == 1
    async with house.db.sessions.begin() as session:
        await remove_subscriptions(session, person, None, now=house.now)
    await house.hear(state(uuid4()), matcher=other)
    assert len(await house.deliveries()) == 1


async def test_told_moves_with_notices_only(house: House) -> None:
    """What counts as told since when changes with a notice; a minor version only moves the sequence."""
    await house.hear(state(ITEM))
    house.pass_time(hours=1)
    await house.hear(state(ITEM, 2, notice_version=1, change="minor"))
    async with house.db.sessions() as session:
        (row,) = (await session.execute(select(told))).all()
    assert (row.notice_version, row.sequence, row.since) == (1, 2, NOON)
