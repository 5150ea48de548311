"""CloudEvents 1.0 in structured JSON mode: the envelope of every event.

Source: CloudEvents 1.0.2, JSON event format and NATS protocol binding (structured mode only).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

CONTENT_TYPE = "application/cloudevents+json"
BATCH_CONTENT_TYPE = "application/cloudevents-batch+json"
PREFIX = "org.opengazette."

D = TypeVar("D")


class Event(BaseModel, Generic[D]):
    """One CloudEvent; extension attributes that are not known survive."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    subject: str | None = Field(default=None, max_length=500)
    type: str
    time: datetime | None = None
    datacontenttype: str | None = None
    data: D

    @property
    def trace(self) -> str | None:
        """The extension `traceparent` (W3C): what this event follows from."""
        found = (self.model_extra or {}).get("traceparent")
        return found if isinstance(found, str) else None

    @model_serializer(mode="wrap")
    def _without_nulls(self, nxt: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out absent attributes: a `null` attribute is no valid CloudEvent."""
        return {name: value for name, value in nxt(self).items() if value is not None}
