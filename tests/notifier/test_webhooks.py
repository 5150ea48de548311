"""From an event to a signed POST on a real receiver, through every kind of failure."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, insert, select, update
from standardwebhooks.webhooks import Webhook
from structlog.testing import capture_logs

from services.notifier.actions.add_subscription import add_subscription
from services.notifier.actions.begin_call import begin_call
from services.notifier.actions.claim_webhooks import LEASE, claim_webhooks
from services.notifier.actions.erase_addresses import erase_addresses
from services.notifier.actions.finish_call import finish_call
from services.notifier.actions.recover_deliveries import recover_deliveries
from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.actions.renew_secret import renew_secret
from services.notifier.actions.send_again import send_again
from services.notifier.actions.settle_restored import settle_restored
from services.notifier.matcher import Matcher
from services.notifier.queries import log_of, person_of, wanted_by
from services.notifier.rules import Target
from services.notifier.tables import attempt, delivery, notice, subscriber, told, webhook
from services.notifier.webhooks import (
    RETRIES,
    NotToBeSentAgain,
    Result,
    TooOften,
    secret_of,
)
from tests.notifier.hooks import SECRET, courier, echo, enter, titles, verified
from tests.notifier.house import House, state, withdrawn
from tests.shared.receiver import Received, Receiver, plain, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on the loopback."""
    async with receiving() as running:
        yield running


async def standing(house: House, person: UUID) -> Any:
    """Return how a webhook and its owner stand."""
    async with house.db.sessions() as session:
        found = await session.execute(
            select(subscriber, webhook)
            .outerjoin(webhook, webhook.c.subscriber_id == subscriber.c.subscriber_id)
            .where(subscriber.c.subscriber_id == person)
        )
        return found.mappings().one()


async def again(house: House, person: UUID, delivery_id: int) -> None:
    """Press "send again"."""
    async with house.db.sessions.begin() as session:
        await send_again(session, person, delivery_id, now=house.now)


# --- the way there


async def test_an_event_becomes_one_signed_post(house: House, receiver: Receiver) -> None:
    """What fits is posted once, with an id of its own, signed with the webhook's secret."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    item = uuid4()
    await house.hear(state(item))
    await courier(house, receiver).deliver_due()
    (got,) = receiver.got
    stamp, message = got.headers["webhook-timestamp"], got.headers["webhook-id"]
    assert int(stamp) == int(house.now.timestamp())
    expected = Webhook(SECRET).sign(message, house.now, got.body.decode())
    assert got.headers["webhook-signature"] == expected
    assert got.headers["content-type"] == "application/json"
    data = json.loads(got.body)["data"]
    assert (data["item_id"], data["notice_version"]) == (str(item), 1)
    async with house.db.sessions() as session:
        (followed,) = await wanted_by(session, person)
    assert data["subscriptions"] == [
        {"id": str(followed.subscription_id), "department": "transport"}
    ]
    assert await house.states() == ["sent"]


async def test_mail_and_webhook_follow_the_same_matcher(house: House, receiver: Receiver) -> None:
    """Department, entry and phrase fit for a webhook as they do for a mail, and each channel gets its own."""
    await house.follow("reader@example.org", Target(phrase="石桥 封闭"))
    await verified(house, receiver, target=Target(phrase="石桥 封闭"))
    await verified(house, receiver, target=Target(catalogue="budget"))
    await verified(house, receiver, target=Target("transport", "notice", "S207"))
    house.pass_time(minutes=1)
    await house.hear(
        state(uuid4()), state(uuid4(), title="别的", summary="无", body=None, sequence=2)
    )
    await house.deliver()
    await courier(house, receiver).deliver_due()
    assert len(house.mails()) == 1
    assert titles(receiver) == ["关于S207石桥段封闭施工的公告"] * 2
    assert sorted(row.channel for row in await house.deliveries()) == ["mail", "webhook", "webhook"]


async def test_what_was_queued_is_counted(house: House, receiver: Receiver) -> None:
    """The log says how many deliveries an event made, of both channels."""
    await verified(house, receiver)
    await house.follow()
    house.pass_time(minutes=1)
    with capture_logs() as logs:
        await house.hear(state(uuid4()), state(uuid4(), sequence=2))
    assert [line["deliveries"] for line in logs if line["event"] == "notices_queued"] == [4]


async def test_several_subscriptions_give_one_message(house: House, receiver: Receiver) -> None:
    """A webhook that an item fits twice is told once, and why."""
    person = await verified(house, receiver)
    house.pass_time(seconds=1)
    async with house.db.sessions.begin() as session:
        await add_subscription(session, person, Target(phrase="石桥"), now=house.now)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    await courier(house, receiver).deliver_due()
    (got,) = receiver.got
    because = json.loads(got.body)["data"]["subscriptions"]
    assert [{k: v for k, v in each.items() if k != "id"} for each in because] == [
        {"department": "transport"},
        {"phrase": "石桥"},
    ]


async def test_the_catalog_hears_of_the_first_message(house: House, receiver: Receiver) -> None:
    """The first message about a version is its effect; a second receiver's and a second sending are none."""
    first: list[Any] = []

    async def say(effect: Any) -> None:
        first.append(effect)

    person, _ = await verified(house, receiver), await verified(house, receiver)
    house.pass_time(minutes=1)
    item = uuid4()
    await house.hear(state(item))
    out = courier(house, receiver, first_sent=say)
    await out.deliver_due()
    rows = [row for row in await house.deliveries() if row.subscriber_id == person]
    await again(house, person, rows[0].delivery_id)
    await out.deliver_due()
    assert len(receiver.got) == 3
    assert [(effect.item_id, effect.notice_version) for effect in first] == [(item, 1)]


async def test_an_effect_that_cannot_be_said_holds_up_no_message(
    house: House, receiver: Receiver
) -> None:
    """Without NATS messages go out, more than one turn of them, and the receiver is free for others afterwards."""

    async def say(effect: Any) -> None:
        raise RuntimeError("the bus is not open")

    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(*(state(uuid4(), sequence=n) for n in range(1, 26)))
    out = courier(house, receiver, first_sent=say)
    await out.deliver_due()
    assert len(receiver.got) == 20
    assert (await standing(house, person)).leased_until is None
    await out.deliver_due()
    assert len(receiver.got) == 25


# --- verification


async def test_nothing_is_sent_before_the_url_is_verified(house: House, receiver: Receiver) -> None:
    """An entered URL gets nothing; once verified, what is published from then on."""
    person = await enter(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    await courier(house, receiver).deliver_due()
    assert receiver.got == []
    assert await house.deliveries() == []
    house.pass_time(minutes=5)
    receiver.answer = echo
    assert await courier(house, receiver).verify(person) is None
    (question,) = receiver.got
    assert json.loads(question.body)["type"] == "org.opengazette.webhook.challenge.v1"
    signed = Webhook(SECRET).sign(question.headers["webhook-id"], house.now, question.body.decode())
    assert question.headers["webhook-signature"] == signed
    house.pass_time(minutes=1)
    history = [{"version": 1, "at": house.now, "change": "major"}]
    await house.hear(state(uuid4(), history=history))
    await courier(house, receiver).deliver_due()
    assert len(receiver.got) == 2


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (plain(200, b"hello"), "challenge not answered"),
        (plain(404), "HTTP 404"),
        (plain(302, b"", "Location: https://example.org/"), "HTTP 302"),
        (b"", "connection broken"),
    ],
)
async def test_who_does_not_answer_the_question_is_not_called(
    house: House, receiver: Receiver, answer: bytes, wrong: str
) -> None:
    """A URL whose owner knows nothing of it stays unverified, and the page can say why."""
    person = await enter(house, receiver)
    receiver.answer = answer
    assert await courier(house, receiver).verify(person) == wrong
    assert (await standing(house, person)).confirmed_at is None
    async with house.db.sessions() as session:
        logged = (await session.execute(select(attempt))).one()
    assert (logged.reason, logged.delivery_id) == (wrong, None)
    assert logged.took_ms is not None


async def test_nobody_is_flooded_by_questions(house: House, receiver: Receiver) -> None:
    """One question in ten seconds and twenty a day for a webhook; thirty an hour for a host, whoever enters it."""
    person = await enter(house, receiver)
    out = courier(house, receiver)
    await out.verify(person)
    with pytest.raises(TooOften):
        await out.verify(person)
    asked = 1
    while asked < 40:
        house.pass_time(seconds=11)
        try:
            await out.verify(person)
        except TooOften:
            break
        asked += 1
    assert asked == len(receiver.got) == 20
    others = [await enter(house, receiver) for _ in range(11)]
    for other in others[:10]:
        house.pass_time(seconds=11)
        await out.verify(other)
    with pytest.raises(TooOften):
        await out.verify(others[10])
    assert len(receiver.got) == 30
    house.pass_time(hours=1)
    await out.verify(others[10])
    assert len(receiver.got) == 31


# --- failures


async def test_a_failure_is_tried_again_under_the_same_id(house: House, receiver: Receiver) -> None:
    """Each try waits longer, carries the same id and a fresh timestamp, until it is taken."""
    await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    receiver.answers = [plain(500), plain(404), plain(307, b"", "Location: /x"), b""]
    out = courier(house, receiver)
    for wait in RETRIES[:4]:
        await out.deliver_due()
        tried = len(receiver.got)
        house.now += wait - timedelta(seconds=1)
        await out.deliver_due()
        assert len(receiver.got) == tried
        house.pass_time(seconds=1)
    await out.deliver_due()
    assert await house.states() == ["sent"]
    assert len(receiver.got) == 5
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.got}) == 5
    assert len({request.body for request in receiver.got}) == 1
    async with house.db.sessions() as session:
        log = await log_of(session, (await house.deliveries())[0].subscriber_id)
    assert [(tried.status, tried.reason) for tried in log[0].tries] == [
        (500, "HTTP 500"),
        (404, "HTTP 404"),
        (307, "HTTP 307"),
        (None, "connection broken"),
        (204 if receiver.answer is echo else 200, None),
    ]


async def test_gone_stops_at_once(house: House, receiver: Receiver) -> None:
    """After 410 nothing more is sent: what waited is settled, what comes is not queued."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()), state(uuid4(), sequence=2))
    receiver.answer = plain(410)
    await courier(house, receiver).deliver_due()
    assert len(receiver.got) == 1
    assert await house.states() == ["failed", "failed"]
    assert (await standing(house, person)).left_because == "HTTP 410"
    house.pass_time(minutes=1)
    history = [{"version": 1, "at": house.now, "change": "major"}]
    await house.hear(state(uuid4(), sequence=3, history=history))
    assert len(await house.deliveries()) == 2


async def test_three_days_of_failing_stop_it(house: House, receiver: Receiver) -> None:
    """A receiver that has taken nothing for three days is not called any more, whatever comes meanwhile."""
    person = await verified(house, receiver)
    receiver.answer = plain(500)
    out = courier(house, receiver)
    begun = house.now + timedelta(minutes=1)
    house.now = begun
    hours = 0
    while (await standing(house, person)).left_at is None:
        assert hours < 24 * 4
        history = [{"version": 1, "at": house.now, "change": "major"}]
        await house.hear(state(uuid4(), sequence=hours + 1, history=history))
        await out.deliver_due()
        house.pass_time(hours=1)
        hours += 1
    stopped = await standing(house, person)
    assert stopped.left_because == "failing for 3 days"
    assert timedelta(days=3) <= stopped.left_at - begun <= timedelta(days=4)
    assert set(await house.states()) == {"failed"}
    assert len(receiver.got) < 20  # a dead receiver is asked about one message at a time
    before = len(receiver.got)
    await out.deliver_due()
    assert len(receiver.got) == before


async def test_a_stopped_webhook_goes_on_once_verified_again(
    house: House, receiver: Receiver
) -> None:
    """What came meanwhile is not sent later; what comes afterwards is."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    receiver.answer = plain(410)
    await courier(house, receiver).deliver_due()
    house.pass_time(minutes=1)
    missed = [{"version": 1, "at": house.now, "change": "major"}]
    await house.hear(state(uuid4(), sequence=2, title="停止期间", history=missed))
    receiver.answer = echo
    house.pass_time(minutes=1)
    assert await courier(house, receiver).verify(person) is None
    receiver.got.clear()
    house.pass_time(minutes=1)
    later = [{"version": 1, "at": house.now, "change": "major"}]
    await house.hear(state(uuid4(), sequence=3, title="恢复以后", history=later))
    await courier(house, receiver).deliver_due()
    assert titles(receiver) == ["恢复以后"]


async def test_one_bad_message_holds_up_no_other(house: House, receiver: Receiver) -> None:
    """When a receiver chokes on one message, the others arrive a few seconds later."""

    async def choke(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(plain(500 if "毒" in request.body.decode() else 204))
        await writer.drain()

    await verified(house, receiver)
    receiver.answer = choke
    house.pass_time(minutes=1)
    names = ["毒", "一", "二"]
    await house.hear(*(state(uuid4(), sequence=n, title=t) for n, t in enumerate(names, 1)))
    out = courier(house, receiver)
    await out.deliver_due()
    house.pass_time(seconds=6)
    await out.deliver_due()
    house.pass_time(minutes=6)
    await out.deliver_due()
    assert sorted(await house.states()) == ["deferred", "sent", "sent"]
    assert {"一", "二"} < set(titles(receiver))


async def test_what_cannot_be_read_holds_up_nothing(house: House, receiver: Receiver) -> None:
    """A notice stored in a form that this version does not know is settled; the next one goes out."""
    await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    async with house.db.sessions.begin() as session:
        await session.execute(update(notice).values(content={"kind": "of another time"}))
    await house.hear(state(uuid4(), sequence=2, title="看得懂的"))
    await courier(house, receiver).deliver_due()
    assert titles(receiver) == ["看得懂的"]
    assert [(row.state, row.reason) for row in await house.deliveries()] == [
        ("failed", "not built"),
        ("sent", None),
    ]


async def test_a_slow_receiver_holds_up_no_other(house: House, receiver: Receiver) -> None:
    """Receivers that say nothing cost their own deadline; a quick one is told at once, each is called one at a time."""

    async def silence(_: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with receiving() as quick:
        receiver.answer = silence
        for _ in range(20):
            await verified(house, receiver)
            house.pass_time(minutes=10)
        await verified(house, quick)
        house.pass_time(minutes=1)
        history = [{"version": 1, "at": house.now, "change": "major"}]
        for n in range(3):
            await house.hear(state(uuid4(), sequence=n + 1, history=history))
        out = courier(house, receiver, quick, deadline=6.0)
        begun = time.monotonic()
        async with out:
            async with asyncio.timeout(10):
                while len(quick.got) < 3:
                    await asyncio.sleep(0.01)
            took = time.monotonic() - begun
        assert took < 6
        assert quick.most_at_once == 1


async def test_a_private_address_is_never_called(house: House, receiver: Receiver) -> None:
    """Without the operator's setting a URL that got into the table some other way opens no socket."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    out = courier(house, receiver)
    out.channel.outgoing.rules = type(out.channel.outgoing.rules)(
        http=True, ports=frozenset({receiver.port})
    )
    before = receiver.connections
    await out.deliver_due()
    assert receiver.connections == before
    (row,) = await house.deliveries()
    assert (row.state, row.reason) == ("deferred", "address not public")
    assert (await standing(house, person)).failures == 1


# --- never twice


async def test_replays_rebuilds_and_other_epochs_send_nothing(
    house: House, receiver: Receiver
) -> None:
    """A repeat, a replay with a fresh matcher, and the same record in another epoch are told already."""
    await verified(house, receiver)
    house.pass_time(minutes=1)
    item = uuid4()
    await house.hear(state(item))
    out = courier(house, receiver)
    await out.deliver_due()
    house.pass_time(minutes=1)
    await house.hear(state(item), state(item))
    await house.hear(state(item, epoch=uuid4(), sequence=99), matcher=Matcher())
    async with house.db.sessions.begin() as session:
        await session.execute(delete(told))
    await house.hear(state(item))
    await out.deliver_due()
    assert len(receiver.got) == 1


async def test_a_restored_backup_sends_nothing_again(house: House, receiver: Receiver) -> None:
    """What waited when the backup was made, and was sent afterwards, goes by neither channel again."""
    await verified(house, receiver)
    await house.follow()
    house.pass_time(minutes=1)
    item = uuid4()
    await house.hear(state(item))
    backup = [dict(row._mapping) for row in await house.deliveries()]
    out = courier(house, receiver)
    await out.deliver_due()
    await house.deliver()
    async with house.db.sessions.begin() as session:
        await session.execute(delete(delivery))
        await session.execute(insert(delivery), backup)
        assert await settle_restored(session) == 2
    house.pass_time(hours=1)
    await house.hear(state(item, epoch=uuid4(), sequence=1))
    await out.deliver_due()
    await house.deliver()
    assert (len(receiver.got), len(house.mails())) == (1, 1)
    assert await house.states() == ["unknown", "unknown"]
    (hook,) = [row for row in await house.deliveries() if row.channel == "webhook"]
    await again(house, hook.subscriber_id, hook.delivery_id)
    await out.deliver_due()
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 1
    assert len(receiver.got) == 2


async def test_a_crash_while_sending_sends_the_same_id_again(
    house: House, receiver: Receiver
) -> None:
    """Killed between the mark and the answer: after the lease the message goes again, and its id says that it is the same."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    async with house.db.sessions.begin() as session:
        assert list(await claim_webhooks(session, limit=9, now=house.now)) == [person]
        assert list(await claim_webhooks(session, limit=9, now=house.now)) == []
    async with house.db.sessions.begin() as session:
        call = await begin_call(session, person, now=house.now)
    assert call is not None
    out = courier(house, receiver)
    await out.deliver_due()
    assert receiver.got == []
    house.now += LEASE
    async with house.db.sessions.begin() as session:
        assert await recover_deliveries(session, now=house.now) == 1
    await out.deliver_due()
    assert await house.states() == ["sent"]
    assert len(receiver.got) == 1
    async with house.db.sessions.begin() as session:
        assert await finish_call(session, call, Result(500), now=house.now) is None
    assert await house.states() == ["sent"]


async def test_several_copies_share_the_receivers(house: House, receiver: Receiver) -> None:
    """Four couriers at once: every message arrives once, and no receiver is called twice at a time."""
    async with receiving() as other:
        for one in (receiver, other):
            await verified(house, one)
        house.pass_time(minutes=1)
        await house.hear(*(state(uuid4(), sequence=n) for n in range(1, 31)))

        async def pause(_: Received, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.002)
            writer.write(plain(204))

        receiver.answer = other.answer = pause
        couriers = [courier(house, receiver, other) for _ in range(4)]
        async with asyncio.timeout(30):
            while "pending" in await house.states():
                await asyncio.gather(*(each.deliver_due() for each in couriers))
        for one in (receiver, other):
            ids = [request.headers["webhook-id"] for request in one.got]
            assert len(ids) == len(set(ids)) == 30
            assert one.most_at_once == 1


# --- withdrawal, leaving, secrets


async def test_a_withdrawal_overtakes_what_waits(house: House, receiver: Receiver) -> None:
    """A text that was withdrawn before it was sent is not sent; those who were told hear of the withdrawal."""
    await verified(house, receiver, target=Target(phrase="石桥"))
    house.pass_time(minutes=1)
    first, second = uuid4(), uuid4()
    await house.hear(state(first))
    out = courier(house, receiver)
    await out.deliver_due()
    await house.hear(state(second, sequence=2))
    await house.hear(withdrawn(second, sequence=3), withdrawn(first, kind="vanish", sequence=4))
    await out.deliver_due()
    kinds = [json.loads(request.body)["type"].split(".")[-2] for request in receiver.got]
    assert kinds == ["published", "withdrawn", "vanish"]
    assert "石桥" not in receiver.got[-1].body.decode().replace('"phrase":"石桥"', "")


async def test_send_again_sends_the_same_message_once_more(
    house: House, receiver: Receiver
) -> None:
    """By hand the same id goes once more, also to a receiver that we would let wait; it stays one delivery."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    out = courier(house, receiver)
    await out.deliver_due()
    (row,) = await house.deliveries()
    await again(house, person, row.delivery_id)
    receiver.answer = plain(500)
    await out.deliver_due()
    assert await house.states() == ["deferred"]
    receiver.answer = plain(200)
    await again(house, person, row.delivery_id)
    await out.deliver_due()
    assert await house.states() == ["sent"]
    assert len(receiver.got) == 3
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 1


async def test_send_again_is_for_ones_own_and_for_what_may_be_said(
    house: House, receiver: Receiver
) -> None:
    """Somebody else's message, a withdrawn text, one on its way, and a stopped webhook are refused."""
    person, other = await verified(house, receiver), await verified(house, receiver)
    house.pass_time(minutes=1)
    item = uuid4()
    await house.hear(state(item))
    rows = {row.subscriber_id: row.delivery_id for row in await house.deliveries()}
    with pytest.raises(NotToBeSentAgain):
        await again(house, person, rows[person])  # it waits to be sent for the first time
    await courier(house, receiver).deliver_due()
    with pytest.raises(NotToBeSentAgain):
        await again(house, person, rows[other])
    async with house.db.sessions.begin() as session:
        await session.execute(
            update(subscriber)
            .where(subscriber.c.subscriber_id == other)
            .values(left_at=house.now, left_because="HTTP 410")
        )
    with pytest.raises(NotToBeSentAgain):
        await again(house, other, rows[other])
    await house.hear(withdrawn(item, sequence=2))
    with pytest.raises(NotToBeSentAgain):
        await again(house, person, rows[person])


async def test_both_secrets_sign_for_a_day(house: House, receiver: Receiver) -> None:
    """After a change the receiver may still know the old secret, for 24 hours and no longer."""
    person = await verified(house, receiver)
    fresh = secret_of(b"n" * 32)
    async with house.db.sessions.begin() as session:
        await renew_secret(session, person, fresh, now=house.now)
    signatures = []
    for hours in (1, 24):
        house.pass_time(hours=hours)
        history = [{"version": 1, "at": house.now, "change": "major"}]
        await house.hear(state(uuid4(), sequence=hours, history=history))
        await courier(house, receiver).deliver_due()
        got = receiver.got[-1]
        sign = [
            Webhook(secret).sign(got.headers["webhook-id"], house.now, got.body.decode())
            for secret in (fresh, SECRET)
        ]
        signatures.append((got.headers["webhook-signature"].split(" "), sign))
    (both, signed), (one, later) = signatures
    assert both == signed
    assert one == later[:1]


async def test_who_left_is_sent_nothing_and_forgotten(house: House, receiver: Receiver) -> None:
    """Leaving stops what waits; after 28 days URL and secret are gone, after 30 the log."""
    person = await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    await courier(house, receiver).deliver_due()
    await house.hear(state(uuid4(), sequence=2))
    async with house.db.sessions.begin() as session:
        await remove_subscriptions(session, person, None, now=house.now)
    await courier(house, receiver).deliver_due()
    assert len(receiver.got) == 1
    house.pass_time(days=31)
    async with house.db.sessions.begin() as session:
        assert await erase_addresses(session, now=house.now) == 1
        left = await session.scalar(select(func.count()).select_from(attempt))
        secrets = await session.scalar(select(func.count()).select_from(webhook))
    assert (left, secrets) == (0, 0)
    assert (await standing(house, person)).address is None


async def test_who_left_can_begin_again_and_who_was_stopped_cannot(
    house: House, receiver: Receiver
) -> None:
    """Following something anew undoes one's own leaving; a webhook that we stopped must be verified first."""
    person = await verified(house, receiver)
    for because, told_again in (("unsubscribed", True), ("HTTP 410", False)):
        async with house.db.sessions.begin() as session:
            await remove_subscriptions(session, person, None, now=house.now, because=because)
        async with house.db.sessions.begin() as session:
            await add_subscription(session, person, Target(phrase="石桥"), now=house.now)
        house.pass_time(minutes=1)
        history = [{"version": 1, "at": house.now, "change": "major"}]
        await house.hear(state(uuid4(), sequence=len(because), history=history))
        receiver.got.clear()
        await courier(house, receiver).deliver_due()
        assert bool(receiver.got) is told_again
    receiver.answer = echo
    assert await courier(house, receiver).verify(person) is None
    assert (await standing(house, person)).left_at is None


async def test_what_nobody_verified_is_forgotten(house: House, receiver: Receiver) -> None:
    """An entered URL that was not verified in seven days is deleted with everything."""
    person = await enter(house, receiver)
    await courier(house, receiver).verify(person)
    house.pass_time(days=7)
    async with house.db.sessions.begin() as session:
        assert await erase_addresses(session, now=house.now) == 1
        assert await session.scalar(select(func.count()).select_from(subscriber)) == 0
        assert await session.scalar(select(func.count()).select_from(attempt)) == 0


async def test_the_own_page_knows_its_channel(house: House, receiver: Receiver) -> None:
    """The secret link of a webhook opens a webhook, that of a mail a person."""
    hook, reader = await enter(house, receiver), await house.follow()
    async with house.db.sessions() as session:
        found = [await person_of(session, house.links.page_token(one)) for one in (hook, reader)]
    assert [person.channel for person in found] == ["webhook", "mail"]


async def test_the_postman_leaves_webhooks_alone(house: House, receiver: Receiver) -> None:
    """No mail is made of a webhook's delivery."""
    await verified(house, receiver)
    house.pass_time(minutes=1)
    await house.hear(state(uuid4()))
    await house.deliver()
    assert house.mails() == []
    async with house.db.sessions() as session:
        assert (await session.scalar(select(delivery.c.state))) == "pending"
