"""The AsyncAPI document says what the contract's table of streams says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.events.asyncapi import document, models
from shared.streams import STREAMS

ADDRESSES = {
    "intake.{department}.items",
    "outcomes.{department}.items",
    "record.{department}.{item_id}",
    "record.{department}._department",
    "record._site.{key}",
    "effects.{service}.{department}.{item_id}",
    "parked.{service}",
}


@pytest.fixture(scope="module")
def channels() -> dict[str, dict[str, Any]]:
    """Return the document's channels by address."""
    return {channel["address"]: channel for channel in document()["channels"].values()}


def test_every_channel_has_its_exact_address(channels: dict[str, dict[str, Any]]) -> None:
    """The channels are those of the contract, word for word."""
    assert set(channels) == ADDRESSES


def test_every_parameter_of_an_address_is_declared(channels: dict[str, dict[str, Any]]) -> None:
    """AsyncAPI asks for each {parameter} of an address to be described."""
    for address, channel in channels.items():
        assert set(channel["parameters"]) == {part.split("}")[0] for part in address.split("{")[1:]}


def test_every_type_is_a_message_of_one_channel(channels: dict[str, dict[str, Any]]) -> None:
    """Each event type stands on exactly one channel, with the schema of its data."""
    listed = [kind for channel in channels.values() for kind in channel["messages"]]
    assert sorted(listed) == sorted(models())
    for channel in channels.values():
        for kind, message in channel["messages"].items():
            properties = message["payload"]["properties"]
            assert properties["type"] == {"const": kind}
            assert properties["data"]["$ref"].rsplit("/", 1)[-1] == models()[kind].__name__
            assert message["contentType"] == "application/cloudevents+json"


def test_intake_events_name_their_item(channels: dict[str, dict[str, Any]]) -> None:
    """The subject, optional in CloudEvents, is required of a department."""
    for message in channels["intake.{department}.items"]["messages"].values():
        assert {"specversion", "id", "source", "subject", "type", "data"} <= set(
            message["payload"]["required"]
        )


def test_every_reference_leads_somewhere() -> None:
    """No `$ref` of the document hangs in the air, and its schemas are JSON Schemas."""
    whole = document()
    text = json.dumps(whole)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        place: Any = whole
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
        assert place
    for schema in whole["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_address_lies_on_its_stream(channels: dict[str, dict[str, Any]]) -> None:
    """What is said on a channel is caught by exactly one stream."""
    for address in channels:
        subject = [part if "{" not in part else "x" for part in address.split(".")]
        caught = [
            s.name
            for s in STREAMS
            if any(_matches(pattern.split("."), subject) for pattern in s.subjects)
        ]
        assert len(caught) == 1, address
        assert address.startswith(caught[0].lower())


def _matches(pattern: list[str], subject: list[str]) -> bool:
    """Say whether a NATS subject pattern catches *subject*."""
    if pattern[-1] == ">":
        return len(subject) >= len(pattern) and _matches(pattern[:-1], subject[: len(pattern) - 1])
    return len(pattern) == len(subject) and all(
        p in ("*", s) for p, s in zip(pattern, subject, strict=True)
    )
