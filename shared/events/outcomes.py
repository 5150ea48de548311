"""OUTCOMES: what became of an intake event (`outcomes.<department>.items`)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.errors import Problem

ACCEPTED = "org.opengazette.intake.accepted.v1"
SCHEDULED = "org.opengazette.intake.scheduled.v1"
HELD = "org.opengazette.intake.held.v1"
IGNORED = "org.opengazette.intake.ignored.v1"
REJECTED = "org.opengazette.intake.rejected.v1"

OutcomeKind = Literal["accepted", "scheduled", "held", "ignored", "rejected"]


class Outcome(BaseModel):
    """The result of one intake event; only `accepted` means that the record holds it."""

    model_config = ConfigDict(extra="allow")

    id: str
    """`id` of the intake event (may be empty when it had none)."""
    outcome: OutcomeKind
    source_id: str | None = None
    item_id: UUID | None = None
    version: int | None = None
    url: str | None = None
    unchanged: bool = False
    """The department sent what is already there: nothing new was stored."""
    held_because: list[str] = []
    problems: list[Problem] = []
