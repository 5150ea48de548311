"""The official CloudEvents SDK reads what we say, and we read what it writes (structured JSON)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator
from pydantic_core import to_json

from services.catalog.reading import Unreadable, read_event
from shared.events.asyncapi import event_schemas
from shared.events.effects import VISIBLE, Visible, VisibleEvent
from shared.events.parked import PARKED, Parked, ParkedEvent
from shared.events.record import parse_record
from shared.outbox import with_sequence
from tests.catalog.desk import Desk, data, open_desk

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
SCHEMAS = event_schemas()


@pytest.fixture
async def desk(database_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Open a catalog with an empty record."""
    async with open_desk(database_url, tmp_path / "blobs") as opened:
        yield opened


def read(raw: bytes) -> CloudEvent:
    """Return *raw* as the SDK reads it; it must be valid by its schema as well."""
    document = json.loads(raw)
    Draft202012Validator(SCHEMAS[document["type"]]).validate(document)
    found = JSONFormat().read(None, raw)
    assert isinstance(found, CloudEvent)
    return found


def content(event: CloudEvent) -> dict[str, Any]:
    """Return the event's data, which is an object in all of ours."""
    found = event.get_data()
    assert isinstance(found, dict)
    return found


async def said(desk: Desk) -> list[tuple[str, bytes]]:
    """Return stream and bytes of everything that was said, as sent."""
    rows = await desk.rows("SELECT stream, body FROM catalog.outbox ORDER BY outbox_id")
    epoch = UUID(int=5)
    return [
        (
            row.stream,
            with_sequence(row.body.encode(), n, epoch)
            if row.stream == "RECORD"
            else row.body.encode(),
        )
        for n, row in enumerate(rows, start=1)
    ]


async def test_the_sdk_reads_our_record_and_outcomes(desk: Desk) -> None:
    """Every record and outcome event, of every type, is a CloudEvent with the attributes of the contract."""
    sender = await desk.department()
    await sender.push("s/1", data(keywords=["石桥"]))
    await sender.push("s/1", data(title="改"), sourceversion=5)
    await sender.push("s/1", data(title="旧"), sourceversion=4)
    await sender.push("s/2", data(review=None))
    await sender.push("s/3", data(publish_at="2999-01-01T00:00:00Z"))
    await sender.push("s/4", data(title=""))
    await sender.withdraw("s/1", sourceversion=6)
    seen = set()
    for stream, raw in await said(desk):
        found = read(raw)
        seen.add(found.get_type().removeprefix("org.opengazette."))
        assert found.get_id()
        assert found.get_time() is not None
        if stream == "RECORD":
            assert found.get_source() == f"/departments/{sender.code}"
            assert len(found.get_extension("statesha256")) == 64
        assert found.get_data() == json.loads(raw)["data"]
    assert seen == {
        *(f"intake.{name}.v1" for name in ("accepted", "ignored", "held", "scheduled", "rejected")),
        *(f"record.{name}.v1" for name in ("department", "published", "updated", "withdrawn")),
    }


async def test_a_numbered_event_parses_and_ends_with_sequence_and_epoch(desk: Desk) -> None:
    """What the relay sends is the stored text with two members more, which our own model reads."""
    sender = await desk.department()
    await sender.push("s", data(title='引号"与反斜杠\\和}}'))
    [_, (_, raw)] = [row for row in await said(desk) if row[0] == "RECORD"]
    document = json.loads(raw)
    assert list(document)[-1] == "data"
    assert list(document["data"])[-2:] == ["sequence", "epoch"]
    event = parse_record(raw)
    assert event.data.epoch == UUID(int=5)
    assert event.data.sequence == document["data"]["sequence"]


def test_the_sdk_reads_our_effects_and_parked_events() -> None:
    """Effects and parked events, written from their models, are CloudEvents without empty attributes."""
    visible = Visible(
        service="search", department="transport", item_id=uuid4(), version=3, visible_at=NOW
    )
    effect = VisibleEvent(id="e-1", source="/services/search", type=VISIBLE, time=NOW, data=visible)
    found = read(to_json(effect, by_alias=True))
    assert (found.get_type(), found.get_time(), found.get_subject()) == (VISIBLE, NOW, None)
    assert content(found)["version"] == 3
    assert VisibleEvent.model_validate_json(JSONFormat().write(found)).data == visible
    waiting = Parked(service="search", parked_id=1, subject="record.a.b", reason="unreadable")
    parked = ParkedEvent(id="p-1", source="/services/search", type=PARKED, data=waiting)
    assert content(read(to_json(parked, by_alias=True)))["reason"] == "unreadable"


def written(**changes: Any) -> bytes:
    """Return an intake event as the SDK writes it."""
    attributes = {
        "specversion": "1.0",
        "id": "sdk-1",
        "source": "/departments/transport",
        "subject": "通知/1",
        "type": "org.opengazette.item.published.v1",
        "time": NOW,
        "datacontenttype": "application/json",
        "sourceversion": 3,
        "partitionkey": "x",
    }
    return JSONFormat().write(CloudEvent(attributes | changes, data()))


def test_we_read_what_the_sdk_writes() -> None:
    """An event made with the SDK is read whole: attributes, data, and an extension that we do not know."""
    raw = written()
    Draft202012Validator(SCHEMAS["org.opengazette.item.published.v1"]).validate(json.loads(raw))
    event = read_event(raw, department="transport", now=NOW)
    assert not isinstance(event, Unreadable)
    assert (event.id, event.source_id, event.sourceversion, event.time) == (
        "sdk-1",
        "通知/1",
        3,
        NOW,
    )
    assert event.data.model_dump(mode="json", exclude_unset=True)["title"] == data()["title"]
    assert event.model_extra == {"partitionkey": "x"}


async def test_the_sdks_event_is_accepted(desk: Desk) -> None:
    """The SDK's bytes go through the door and become an item."""
    sender = await desk.department("transport")
    answer = await sender.post(written())
    assert answer.status_code == 202
    assert answer.json()["results"][0]["version"] == 1


def test_binary_data_is_refused() -> None:
    """What the SDK writes as `data_base64` is no item, and the answer says so."""
    attributes = {
        "id": "b",
        "source": "/departments/transport",
        "subject": "s",
        "specversion": "1.0",
    }
    event = CloudEvent(attributes | {"type": "org.opengazette.item.published.v1"}, b"\x00\x01")
    found = read_event(JSONFormat().write(event), department="transport", now=NOW)
    assert isinstance(found, Unreadable)
    assert {problem.path for problem in found.problems} >= {"/data", "/data_base64"}
