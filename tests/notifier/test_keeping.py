"""What is kept about people and names, for how long, and how it is erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from services.notifier.actions.begin_telling import begin_telling
from services.notifier.actions.erase_addresses import erase_addresses
from services.notifier.actions.keep_names import keep_names
from services.notifier.actions.remove_subscriptions import remove_subscriptions
from services.notifier.actions.request_subscription import Wish, request_subscription
from services.notifier.links import Links
from services.notifier.queries import directory_of, person_of
from services.notifier.rules import LinkNotValid, Target
from services.notifier.tables import beginning, delivery, letter, notice, subscriber, subscription
from shared.events.record import DepartmentState
from tests.notifier.house import NOON, House, state

ITEM = UUID("00000000-0000-4000-8000-00000000000c")


async def erased(house: House) -> int:
    """Run the erasure at the house's clock."""
    async with house.db.sessions.begin() as session:
        return await erase_addresses(session, now=house.now)


async def count(house: House, table: Any) -> int:
    """Count the rows of *table*."""
    async with house.db.sessions() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def ask(house: House, address: str) -> None:
    """Send the form for *address*."""
    async with house.db.sessions.begin() as session:
        wish = Wish(address, "zh-Hans", Target(department="transport"))
        await request_subscription(
            session,
            wish,
            links=house.links,
            letters_per_minute=9,
            ids=(uuid4(), uuid4()),
            now=house.now,
        )


async def test_an_address_is_erased_28_days_after_leaving(house: House) -> None:
    """Until then the own page works; afterwards address, token, phrases and letters are gone, deliveries stay."""
    person = await house.follow("reader@example.org", Target(phrase="石桥施工"))
    await house.hear(state(ITEM))
    await house.deliver()
    async with house.db.sessions.begin() as session:
        await remove_subscriptions(session, person, None, now=house.now)
    house.pass_time(days=27, hours=23)
    assert await erased(house) == 0
    house.pass_time(hours=1)
    assert await erased(house) == 1
    async with house.db.sessions() as session:
        row = (await session.execute(select(subscriber))).one()
        with pytest.raises(LinkNotValid):
            await person_of(session, house.links.page_token(person))
    assert (row.address, row.address_key, row.token_sha256) == (None, None, None)
    assert await count(house, subscription) == 0
    assert await count(house, delivery) == 1


async def test_who_comes_back_in_time_is_not_erased(house: House) -> None:
    """Following again within the 28 days keeps the address, and tells nothing a second time."""
    person = await house.follow()
    await house.hear(state(ITEM))
    async with house.db.sessions.begin() as session:
        await remove_subscriptions(session, person, None, now=house.now)
    house.pass_time(days=20)
    await house.follow()
    house.pass_time(days=20)
    assert await erased(house) == 0
    await house.hear(state(ITEM))
    assert len(await house.deliveries()) == 1


async def test_what_nobody_confirmed_is_deleted_after_seven_days(house: House) -> None:
    """A stranger's address leaves nothing behind: no subscriber, wish, letter or delivery."""
    await ask(house, "stranger@example.org")
    house.pass_time(days=6, hours=23)
    assert await erased(house) == 0
    house.pass_time(hours=2)
    assert await erased(house) == 1
    for table in (subscriber, subscription, letter, delivery):
        assert await count(house, table) == 0


async def test_words_of_old_notices_are_emptied(house: House) -> None:
    """After 30 days a notice that nobody waits for keeps its id and loses its words."""
    await house.follow()
    await house.hear(state(ITEM), state(uuid4()))
    await house.postman().deliver_due(_Nowhere())  # type: ignore[arg-type]
    house.pass_time(days=31)
    await erased(house)
    async with house.db.sessions() as session:
        assert (await session.scalars(select(notice.c.content))).all() == [None, None]


class _Nowhere:
    """Refuses every address for good."""

    async def send(self, message: bytes, **_: object) -> object:
        from services.notifier.rules import Verdict

        return Verdict("failed", "550")


async def test_the_database_refuses_half_an_erasure(house: House) -> None:
    """An address without its token, or an erased row with an address, cannot be stored."""
    await house.follow()
    for values in (
        {"token_sha256": None},
        {"address": None},
        {"erased_at": NOON},
        {"left_at": NOON},
    ):
        with pytest.raises(IntegrityError):
            async with house.db.sessions.begin() as session:
                await session.execute(subscriber.update().values(**values))


async def test_a_new_key_renews_what_is_stored_of_the_links(house: House) -> None:
    """After the key was changed links made with the new one work, those made with the old one do not."""
    person = await house.follow()
    renewed = Links(b"another key, as long as it should be", house.links.site_url)
    async with house.db.sessions.begin() as session:
        await begin_telling(session, links=renewed, now=house.now)
    async with house.db.sessions() as session:
        assert (await person_of(session, renewed.page_token(person))).subscriber_id == person
        with pytest.raises(LinkNotValid):
            await person_of(session, house.links.page_token(person))


async def test_the_beginning_is_noted_once(house: House) -> None:
    """A later start does not move since when is told."""
    async with house.db.sessions.begin() as session:
        await begin_telling(session, links=house.links, now=NOON + timedelta(days=1))
    async with house.db.sessions() as session:
        assert (await session.scalars(select(beginning.c.started_at))).all() == [NOON]


async def test_names_follow_the_record_in_any_order(house: House) -> None:
    """The highest sequence names a body; an older event changes nothing, another epoch replaces."""

    def body(name: str, sequence: int, epoch: UUID) -> DepartmentState:
        return DepartmentState.model_validate(
            {
                "code": "transport",
                "version": 1,
                "names": {"zh-Hans": name},
                "sequence": sequence,
                "epoch": epoch,
            }
        )

    one, two = uuid4(), uuid4()
    names = []
    for states in (
        [body("二", 2, one), body("一", 1, one)],
        [body("一", 1, one)],
        [body("三", 1, two)],
    ):
        async with house.db.sessions.begin() as session:
            await keep_names(session, states)
            names.append((await directory_of(session)).departments["transport"].names.zh_hans)
    assert names == ["二", "二", "三"]
