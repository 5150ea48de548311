"""AsyncAPI 3.0 and JSON Schemas of the streams, made from the models: they cannot drift apart."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.events import effects, intake, outcomes, parked, record

_CHANNELS: dict[str, tuple[str, str, dict[str, tuple[type[BaseModel], str]]]] = {
    "INTAKE": (
        "intake.{department}.items",
        "A department's system pushes; a PubAck means received, only an outcome means accepted.",
        {
            intake.PUBLISHED: (intake.IntakeData, "An item, new or changed."),
            intake.UPDATED: (intake.IntakeData, "The same as published."),
            intake.WITHDRAWN: (intake.WithdrawalData, "A withdrawal with its public reason."),
        },
    ),
    "OUTCOMES": (
        "outcomes.{department}.items",
        "What became of each intake event; only its department may hear it.",
        {
            kind: (outcomes.Outcome, "The result of one intake event.")
            for kind in (outcomes.ACCEPTED, outcomes.SCHEDULED, outcomes.HELD, outcomes.IGNORED, outcomes.REJECTED)
        },
    ),
    "RECORD": (
        "record.{department}.{item_id}",
        "The full public state of every item, body and list; the newest event of an item alone renders its page.",
        {
            record.PUBLISHED: (record.ItemState, "Version 1 of an item."),
            record.UPDATED: (record.ItemState, "A later version."),
            record.WITHDRAWN: (record.ItemState, "A tombstone."),
            record.DEPARTMENT: (record.DepartmentState, "The state of a body, on record.<department>._department."),
            record.SITE: (record.SiteState, "A list of the whole site, on record._site.<key>."),
        },
    ),
    "EFFECTS": (
        "effects.{service}.{department}.{item_id}",
        "Once per version, at its first visibility in a projection.",
        {effects.VISIBLE: (effects.Visible, "A version became visible.")},
    ),
    "PARKED": (
        "parked.{service}",
        "What a consumer could not process, and why.",
        {parked.PARKED: (parked.Parked, "Something waits for an operator.")},
    ),
}


def models() -> dict[str, type[BaseModel]]:
    """Return the model of `data` for every event type."""
    return {kind: model for _, _, messages in _CHANNELS.values() for kind, (model, _) in messages.items()}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema (2020-12) of every part of the contract by its name."""
    unique = sorted({model for model in models().values()}, key=lambda model: model.__name__)
    _, found = models_json_schema([(model, "validation") for model in unique], ref_template="#/components/schemas/{model}")
    definitions: dict[str, dict[str, Any]] = found["$defs"]
    return definitions


def document() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Open Gazette streams",
            "version": "1.0.0",
            "description": "CloudEvents 1.0, structured JSON, content-type application/cloudevents+json; "
            "NATS headers Nats-Msg-Id (= id) and traceparent. Streams are file-backed and synced on every write.",
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "JetStream, nats-server 2.12 or newer"}},
        "channels": {name: _channel(name, *channel) for name, channel in _CHANNELS.items()},
        "operations": {
            f"{'receive' if name == 'INTAKE' else 'send'}{name.title()}": {
                "action": "receive" if name == "INTAKE" else "send",
                "channel": {"$ref": f"#/channels/{name}"},
            }
            for name in _CHANNELS
        },
        "components": {"schemas": schemas()},
    }


def _channel(name: str, address: str, description: str, messages: dict[str, tuple[type[BaseModel], str]]) -> dict[str, Any]:
    words = [word.split("}")[0] for word in address.split("{")[1:]]
    return {
        "address": address,
        "title": name,
        "description": description,
        "parameters": {word: {"description": word.replace("_", " ")} for word in words},
        "messages": {kind: _message(kind, model, summary) for kind, (model, summary) in messages.items()},
    }


def _message(kind: str, model: type[BaseModel], summary: str) -> dict[str, Any]:
    return {
        "name": kind,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "minLength": 1},
                "source": {"type": "string", "minLength": 1},
                "subject": {"type": "string"},
                "type": {"const": kind},
                "time": {"type": "string", "format": "date-time"},
                "sourceversion": {"type": "integer", "minimum": 1},
                "data": {"$ref": f"#/components/schemas/{model.__name__}"},
            },
        },
    }
