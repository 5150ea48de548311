"""kill -9 at named places, under load: nothing accepted is lost or doubled, nobody is told twice.

The short run kills a few times; the long one as often as `GAZETTE_FAULT_KILLS` says (200), over `GAZETTE_FAULT_ITEMS`
items (10,000). A failing run says its seed: `GAZETTE_FAULT_SEED=…` runs it again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import httpx
import nats
import pytest

from tests.faults.conftest import Say, number
from tests.faults.load import Load
from tests.faults.mails import Mails
from tests.faults.town import Town, eventually

pytestmark = pytest.mark.timeout(180)

LISTENERS = ("catalog", "publisher", "search", "notifier")
WHERE = [
    *(
        "intake.received intake.loaded intake.written intake.moved events.judged events.committed".split()
    ),
    *("release.judged blob.received blob.settled blob.noted".split()),
    *("relay.numbered relay.begun relay.half relay.sent relay.marked".split()),
    *("render.locked render.drawn render.settled render.shown render.committed".split()),
    *("store.drafted store.synced store.renamed tree.begun tree.switching tree.served".split()),
    *("index.added index.committed index.noted rebuild.filled".split()),
    *("mail.queued mail.claimed mail.begun mail.sent mail.marked".split()),
    *(
        f"bus.{step}:{who}"
        for who in LISTENERS
        for step in "received handled noted committed acked".split()
    ),
    *(f"bus.parked:{who}" for who in LISTENERS[1:]),
    *(f"feed.{step}:{who}" for who in LISTENERS[1:] for step in ("read", "handled", "marked")),
]
"""Where the process is killed; webhooks have their own test."""
SHORT = ["bus.committed:catalog", "relay.sent", "mail.sent"]
READER = "reader@example.org"


class Killer:
    """Kills a town again and again while its departments work."""

    def __init__(self, town: Town, load: Load, mails: Mails, seed: int) -> None:
        self.town, self.load, self.mails = town, load, mails
        self.chance = random.Random(seed)
        self.by_chance = 0

    async def begin(self) -> None:
        """Start the town, with three departments and a reader."""
        for code in ("news", "moving", "wire"):
            await self.town.department(code)
        self.town.start()
        await self.town.ready()
        await self.town.subscriber(READER, "news")

    async def kill_at(self, place: str, *, within: float = 12) -> None:
        """Start the town and let it die at *place*, or where it is when it does not come there in time."""
        self.town.start(f"{place}=kill@{self.chance.choice((1, 1, 2, 3))}")
        nudge = asyncio.create_task(self._nudge(place))
        if not await self.town.died(within):
            self.by_chance += 1
            self.town.kill()
        nudge.cancel()
        await asyncio.gather(nudge, return_exceptions=True)

    async def _nudge(self, place: str) -> None:
        """Do what leads to places that everyday work does not pass."""
        what = {"tree": "publisher", "rebuild": "search"}.get(place.partition(".")[0])
        if place.startswith("bus.parked"):
            connection = await nats.connect(self.town.nats_url)
            for _ in range(3):
                await connection.jetstream().publish("record.x.poison", b"\xff", stream="RECORD")
            await connection.close()
        if what is None:
            return
        await self.town.ready(30)
        instance = self.town.instance()
        headers = {"Authorization": f"Bearer {instance.internal_token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            while True:
                try:
                    await client.post(f"{self.town.url}/internal/{what}/rebuild", headers=headers)
                except httpx.HTTPError:
                    return
                await asyncio.sleep(5)

    async def settle(self) -> float:
        """Start the town for the last time and return the seconds from then until all is equal."""
        started = time.monotonic()
        self.expire_leases()
        self.town.start()
        await self.load.end()
        await self.town.equal(60, items=len(self.load.ledger))
        return time.monotonic() - started

    def expire_leases(self) -> None:
        """Let the three minutes pass for which a dead postman holds what it had claimed."""
        self.town.rows(
            "UPDATE notifier.delivery SET leased_until = now() WHERE leased_until IS NOT NULL"
        )

    async def told(self) -> Counter[str]:
        """Wait until every notice has come to its end and return the ends."""
        open_ends = "SELECT count(*) FROM notifier.delivery WHERE state IN ('pending', 'sending', 'deferred')"
        await eventually(lambda: self.town.rows(open_ends) == [(0,)], 90, self.town)
        return Counter(
            dict(self.town.rows("SELECT state, count(*) FROM notifier.delivery GROUP BY state"))
        )


async def run(town: Town, mails: Mails, *, places: list[str], seed: int, load: Load) -> str:
    """Kill at *places* one after another, then judge; return the figures."""
    killer = Killer(town, load, mails, seed)
    await killer.begin()
    load.begin()
    town.kill()
    for place in places:
        await killer.kill_at(place)
    seconds = await killer.settle()
    load.judge()
    ends = await killer.told()
    news = sum(1 for code, _ in load.ledger if code == "news")
    told = mails.told()
    assert max(told.values(), default=1) == 1, [key for key, times in told.items() if times > 1]
    assert set(ends) <= {"sent", "unknown"}
    assert sum(ends.values()) == news
    assert len(told) >= ends["sent"]
    assert ends["unknown"] <= (len(places) + 1) * 4
    reached = {name.strip() for name in town.killed_at}
    return (
        f"seed {seed}: {sum(town.killed_at.values())} kills at {len(reached)} places, {killer.by_chance} elsewhere; "
        f"{len(load.ledger)} items, {load.accepted} accepted, {load.sent_again} sent again: 0 lost, 0 doubled; "
        f"notices: {dict(ends)}, 0 twice; equal {seconds:.0f} s after the last kill"
    )


async def test_kills_at_named_places(town: Town, mails: Mails, say: Say) -> None:
    """Killed at three places under load: all that was accepted is there once, and nobody was told twice."""
    load = Load(town, 1, size=5, pause=0.05)
    say(await run(town, mails, places=SHORT, seed=1, load=load))
    assert len(load.ledger) > 20
    assert sum(town.killed_at.values()) >= len(SHORT) - 1


@pytest.mark.slow
@pytest.mark.long
async def test_control_without_the_defences_it_is_lost_and_doubled(
    town: Town, mails: Mails
) -> None:
    """Acked before the commit, no record feed, mails not noted before they go: the same kills lose and double."""
    away = "without=late_ack,feed,begun_before_sent"
    killer = Killer(town, load := Load(town, 2, size=5, pause=0.05), mails, 2)
    await killer.begin()
    town.kill()
    load.begin(over_http=("news",), over_nats="")
    for place in ("mail.sent", "bus.handled:search"):
        town.start(f"{place}=kill; {away}")
        assert await town.died(20)
    killer.expire_leases()
    town.start(away)
    await load.end()
    await eventually(lambda: max(mails.told().values(), default=0) > 1, 40, town)
    with pytest.raises(TimeoutError, match="is missing"):
        await town.equal(5)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_many_kills(town: Town, mails: Mails, say: Say) -> None:
    """Hundreds of kills at every named place while ten thousand items are pushed: 0 lost, 0 doubled, 0 told twice."""
    seed = number("SEED", random.randrange(10**6))
    kills, items = number("KILLS", 200), number("ITEMS", 10_000)
    chance = random.Random(seed)
    places = [
        place for _ in range(kills // len(WHERE) + 1) for place in chance.sample(WHERE, len(WHERE))
    ]
    load = Load(town, seed, size=max(1, min(25, items // kills // 10)), pause=0.05)
    say(f"GAZETTE_FAULT_SEED={seed}")
    say(await run(town, mails, places=places[:kills], seed=seed, load=load))
    assert len({name.split()[0] for name in town.killed_at}) >= min(25, kills // 3)
