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
        dict.fromkeys(
            (
                outcomes.ACCEPTED,
                outcomes.SCHEDULED,
                outcomes.HELD,
                outcomes.IGNORED,
                outcomes.REJECTED,
            ),
            (outcomes.Outcome, "The result of one intake event."),
        ),
    ),
    "RECORD": (
        "record.{department}.{item_id}",
        "The full public state of every item, body and list; the newest event of an item alone renders its page.",
        {
            record.PUBLISHED: (record.ItemState, "Version 1 of an item."),
            record.UPDATED: (record.ItemState, "A later version."),
            record.WITHDRAWN: (record.ItemState, "A tombstone."),
        },
    ),
    "RECORD_DEPARTMENTS": (
        "record.{department}._department",
        "The full state of every body, so that new names and contacts reach every projection.",
        {record.DEPARTMENT: (record.DepartmentState, "A body was added or changed.")},
    ),
    "RECORD_SITE": (
        "record._site.{key}",
        "The lists of the whole site (catalogue, vocabulary, settings) and the passing of a day or a deadline (day).",
        {record.SITE: (record.SiteState, "A list changed, or time passed.")},
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
    return {
        kind: model
        for _, _, messages in _CHANNELS.values()
        for kind, (model, _) in messages.items()
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema (2020-12) of every part of the contract by its name."""
    unique = sorted(set(models().values()), key=lambda model: model.__name__)
    _, found = models_json_schema(
        [(model, "validation") for model in unique], ref_template="#/components/schemas/{model}"
    )
    definitions: dict[str, dict[str, Any]] = found["$defs"]
    return definitions


def event_schemas() -> dict[str, dict[str, Any]]:
    """Return one self-contained JSON Schema (2020-12) of the whole event for every event type."""
    return {kind: _event_schema(kind, model) for kind, model in models().items()}


def _event_schema(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    data = model.model_json_schema(ref_template="#/$defs/{model}")
    parts = data.pop("$defs", {})
    envelope = _envelope(kind, {"$ref": f"#/$defs/{model.__name__}"})
    return (
        {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        | envelope
        | {"$defs": parts | {model.__name__: data}}
    )


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
        "servers": {
            "nats": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "JetStream, nats-server 2.12 or newer",
            }
        },
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


def _channel(
    name: str, address: str, description: str, messages: dict[str, tuple[type[BaseModel], str]]
) -> dict[str, Any]:
    words = [word.split("}")[0] for word in address.split("{")[1:]]
    return {
        "address": address,
        "title": name,
        "description": description,
        "parameters": {word: {"description": word.replace("_", " ")} for word in words},
        "messages": {
            kind: _message(kind, model, summary) for kind, (model, summary) in messages.items()
        },
    }


def _message(kind: str, model: type[BaseModel], summary: str) -> dict[str, Any]:
    return {
        "name": kind,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": _envelope(kind, {"$ref": f"#/components/schemas/{model.__name__}"}),
    }


def _envelope(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a CloudEvent of type *kind*; what departments send always names its item."""
    intake_only = {
        "sourceversion": {"type": "integer", "minimum": 1, "maximum": intake.MAX_SOURCE_VERSION},
        "hold": {"type": "string"},
    }
    record_only = {"statesha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
    is_intake = kind in _CHANNELS["INTAKE"][2]
    subject = (
        {"type": "string", "minLength": 1, "maxLength": intake.MAX_SOURCE_ID}
        if is_intake
        else {"type": "string"}
    )
    return {
        "type": "object",
        "required": [
            "specversion",
            "id",
            "source",
            *(["subject"] if is_intake else []),
            "type",
            "data",
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 200},
            "source": {"type": "string", "minLength": 1, "maxLength": 200},
            "subject": subject,
            "type": {"const": kind},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"type": "string"},
            "traceparent": {"type": "string"},
            **(intake_only if is_intake else {}),
            **(record_only if kind.startswith("org.opengazette.record.") else {}),
            "data": data,
        },
    }
