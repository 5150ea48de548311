"""The whole catalog on a real nats-server: events in, outcomes and the record out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.events.record import RecordEvent
from tests.catalog.desk import CLEARED, Sender, data, event, result, withdrawal
from tests.catalog.house import House, open_house, until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def house(database_url: str, nats_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """Run a catalog on an empty record and an empty store."""
    async with open_house(database_url, nats_url, tmp_path / "blobs") as opened:
        yield opened


async def test_from_a_departments_event_to_the_record(house: House) -> None:
    """An event over NATS becomes an outcome and a record event; its trace goes through to both."""
    sender = await house.desk.department()
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    once = event(sender.code, "通知/1", id="e-1", time="2026-11-23T09:00:00+08:00", tenant="x")
    await house.say(sender.code, once, traceparent=trace)
    [outcome] = await house.heard(1)
    assert (outcome["id"], outcome["outcome"], outcome["version"]) == ("e-1", "accepted", 1)
    assert house.told[0]["type"] == "org.opengazette.intake.accepted.v1"

    async def there() -> bool:
        return len(await house.record()) == 2

    await until(there)
    [_, said] = await house.record()
    assert isinstance(said, RecordEvent)
    assert (said.data.source_id, said.data.sequence, str(said.data.item_id)) == (
        "通知/1",
        2,
        outcome["item_id"],
    )
    message = await house.client.jetstream().get_msg("RECORD", 2)
    assert (message.headers or {})["traceparent"] == trace
    assert message.subject == f"record.{sender.code}.{outcome['item_id']}"


async def test_bad_events_are_answered_and_the_rest_goes_on(house: House) -> None:
    """Bytes that are no event, foreign sources and departments that are none: refused, never in the way."""
    sender = await house.desk.department()
    await house.say(sender.code, b"{")
    await house.say(sender.code, b"\xff\xfe")
    await house.say(sender.code, b"[" * 10_000 + b"]" * 10_000)
    await house.say(sender.code, b'{"id":"a","id":"b"}')
    await house.say(sender.code, b'{"id":"n","data":{"title":"\\u0000","x":"\\ud800"}}')
    await house.say(sender.code, event("another", "s"))
    await house.say("nobody", event("nobody", "s"))
    await house.say(sender.code, event(sender.code, "good"))
    outcomes = await house.heard(8)
    assert [o["outcome"] for o in outcomes] == ["rejected"] * 7 + ["accepted"]
    assert all(o["problems"] for o in outcomes[:7])
    assert await house.desk.rows("SELECT * FROM catalog.parked") == []
    rows = await house.desk.rows("SELECT source_id FROM catalog.item")
    assert [row.source_id for row in rows] == ["good"]


async def test_the_same_event_five_times_is_one_version(house: House) -> None:
    """Repeats by a sender that heard nothing get the same result each, and change nothing."""
    sender = await house.desk.department()
    once = event(sender.code, "s", id="e-1")
    for _ in range(5):
        await house.say(sender.code, once)
        await asyncio.sleep(0.15)  # past the server's own short memory of ids
    outcomes = await house.heard(5)
    assert [o["version"] for o in outcomes] == [1] * 5
    assert len({one["id"] for one in house.told}) == 5
    assert await sender.versions("s") == [1]


async def test_both_doors_at_once_lose_nothing(house: House) -> None:
    """NATS and HTTP on the same items at the same time: every version is there once, gapless, in one order."""
    sender = await house.desk.department()

    async def over_nats(number: int) -> None:
        await house.say(
            sender.code, event(sender.code, f"s{number % 3}", data(title=f"经 NATS {number}"))
        )

    async def over_http(number: int) -> None:
        answer = await sender.post(
            event(sender.code, f"s{number % 3}", data(title=f"经 HTTP {number}"))
        )
        assert result(answer)["outcome"] == "accepted"

    await asyncio.gather(*(door(n) for n in range(30) for door in (over_nats, over_http)))
    outcomes = await house.heard(60)
    assert [o["outcome"] for o in outcomes] == ["accepted"] * 60
    for item in range(3):
        assert await sender.versions(f"s{item}") == list(range(1, 21))

    async def all_there() -> bool:
        return len(await house.record()) == 61

    await until(all_there)
    record = await house.record()
    assert [one.data.sequence for one in record] == list(range(1, 62))
    versions: dict[str, list[int]] = {}
    for one in record[1:]:
        versions.setdefault(one.data.source_id, []).append(one.data.version)
    assert versions == {f"s{item}": list(range(1, 21)) for item in range(3)}


async def test_order_within_a_department_is_kept(house: House) -> None:
    """Three versions and a withdrawal of one item, sent in a row, are applied in that order."""
    sender = await house.desk.department()
    for revision in (1, 2, 3):
        await house.say(
            sender.code, event(sender.code, "s", data(title=f"{revision}"), sourceversion=revision)
        )
    await house.say(sender.code, withdrawal(sender.code, "s", sourceversion=4))
    assert [(o["outcome"], o["version"]) for o in await house.heard(4)] == [
        ("accepted", n) for n in range(1, 5)
    ]
    assert (await sender.look("s")).json()["state"] == "withdrawn"


async def test_held_and_returned_are_told(house: House) -> None:
    """A decision is heard on the stream like every outcome."""
    sender = await house.desk.department()
    await house.say(
        sender.code,
        event(sender.code, "s", data(review={**CLEARED, "reviewed_by": None}), id="e-1"),
    )
    assert (await house.heard(1))[0]["outcome"] == "held"
    [row] = await sender.waiting()
    await house.desk.decide(row.waiting_id, approve=False, reason="缺附件")
    outcome = (await house.heard(2))[-1]
    assert (outcome["id"], outcome["outcome"], outcome["problems"][0]["code"]) == (
        "e-1",
        "rejected",
        "returned",
    )


async def test_what_became_visible_is_noted_once(house: House) -> None:
    """The first visibility of a version stays, whatever is said later."""
    sender: Sender = await house.desk.department()
    item_id = (await sender.push("s"))["item_id"]
    for at in ("2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"):
        effect = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "/services/publisher",
            "type": "org.opengazette.effect.visible.v1",
            "data": {
                "service": "publisher",
                "department": sender.code,
                "item_id": item_id,
                "version": 1,
                "visible_at": at,
            },
        }
        subject = f"effects.publisher.{sender.code}.{item_id}"
        await house.client.jetstream().publish(
            subject, json.dumps(effect).encode(), stream="EFFECTS"
        )

    async def noted() -> bool:
        return bool((await sender.look("s")).json()["delivery"])

    await until(noted)
    await asyncio.sleep(0.3)
    delivery = (await sender.look("s")).json()["delivery"]
    assert delivery == {"publisher": [{"version": 1, "since": "2026-11-23T01:00:00+00:00"}]}
