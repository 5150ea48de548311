"""The JSON Schemas of every event type, against snapshots to which only additions are made.

After an addition: `GAZETTE_SNAPSHOTS=write make test ARGS=tests/contract`, and commit what it wrote.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.events import intake
from shared.events.asyncapi import event_schemas, models
from tests.contract.comparing import narrowings

SCHEMAS = event_schemas()
SNAPSHOTS = Path(__file__).parent / "snapshots"
INTAKE_TYPES = {intake.PUBLISHED, intake.UPDATED, intake.WITHDRAWN}
CONTRACT_TYPES = {
    *(f"org.opengazette.item.{name}.v1" for name in ("published", "updated", "withdrawn")),
    *(
        f"org.opengazette.intake.{name}.v1"
        for name in ("accepted", "scheduled", "held", "ignored", "rejected")
    ),
    *(f"org.opengazette.record.{name}.v1" for name in ("published", "updated", "withdrawn")),
    "org.opengazette.effect.visible.v1",
}
"""The types that the contract names."""


def snapshot(kind: str) -> Path:
    """Return where the schema of *kind* is kept."""
    return SNAPSHOTS / f"{kind}.json"


def test_every_type_of_the_contract_has_a_model() -> None:
    """No event type of the contract is without a schema."""
    assert set(models()) >= CONTRACT_TYPES


@pytest.mark.parametrize("kind", sorted(models()))
def test_the_schema_is_one(kind: str) -> None:
    """Each schema is valid JSON Schema 2020-12, its references lead somewhere, and it describes its own type."""
    schema = SCHEMAS[kind]
    Draft202012Validator.check_schema(schema)
    errors = list(Draft202012Validator(schema).iter_errors({"type": "another", "data": {}}))
    assert any(list(error.path) == ["type"] for error in errors)


@pytest.mark.parametrize("kind", sorted(models()))
def test_only_additions_were_made(kind: str) -> None:
    """A schema takes, and says, everything that its snapshot does; an addition is written into the snapshot."""
    current: dict[str, Any] = json.loads(json.dumps(SCHEMAS[kind]))
    known = json.loads(snapshot(kind).read_text("utf-8")) if snapshot(kind).exists() else current
    assert narrowings(known, current, said=kind not in INTAKE_TYPES) == [], (
        "the contract was narrowed; make a .v2"
    )
    text = json.dumps(current, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    if os.environ.get("GAZETTE_SNAPSHOTS") == "write":
        snapshot(kind).write_text(text, "utf-8")
    written = snapshot(kind).read_text("utf-8") if snapshot(kind).exists() else ""
    assert written == text, (
        "only additions: run `GAZETTE_SNAPSHOTS=write make test ARGS=tests/contract` and commit the snapshots"
    )


def test_no_type_was_dropped() -> None:
    """A type that was once in the contract stays."""
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == set(models())
