"""INTAKE: what a department's system pushes (`intake.<department>.items`).

The three types share one envelope; `.published.v1` and `.updated.v1` mean the same and carry
`IntakeData`, `.withdrawn.v1` carries `WithdrawalData`. Unknown fields are refused by name.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.events.envelope import Event

PUBLISHED = "org.opengazette.item.published.v1"
UPDATED = "org.opengazette.item.updated.v1"
WITHDRAWN = "org.opengazette.item.withdrawn.v1"

MAX_TITLE = 500
"""Characters of a title."""
MAX_BODY_BYTES = 2 * 1024 * 1024
"""Bytes of a body's content in UTF-8."""
MAX_RECORD_BYTES = 4 * 1024 * 1024
"""Bytes of the encoded record event."""

MAX_SOURCE_ID = 400
"""Characters of a `source_id`."""
MAX_SOURCE_ID_BYTES = 1200
"""Its bytes in UTF-8: two of them fit one entry of an index, which takes 2,704."""
MAX_SOURCE_VERSION = 2**53 - 1
"""Largest `sourceversion`: what every JSON reader keeps exactly."""
SOURCE_PREFIX = "/departments/"

DEPARTMENT_CODE = re.compile(r"[a-z][a-z0-9-]{1,39}")
"""A department's code; words that are paths of the site are reserved (see `RESERVED`)."""
RESERVED = frozenset(
    "api search en zh-tw zh-cn assets static demo subscribe subscription unsubscribe feeds sitemap robots "
    "livez readyz metrics internal by about guide latest corrections catalogue departments calendar "
    "months files blobs data help legal print qr site index home admin staff console login v1 v2".split()
)

FIRST_YEAR, LAST_YEAR = 1800, 9000
"""Years that a date may lie in: outside them it is a slip, or no database and no time zone can hold it."""

_BREAK = re.compile("[\n\r\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def _clean(text: str) -> str:
    if _FORBIDDEN.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


def _one_line(text: str) -> str:
    if _BREAK.search(text):
        raise PydanticCustomError("line_break", "line breaks are not allowed here")
    return text


def _plausible_day(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise PydanticCustomError("implausible_date", "this year cannot be meant")
    return day


def _plausible_instant(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise PydanticCustomError("implausible_date", "this year cannot be meant")
    return at


Text = Annotated[str, AfterValidator(_clean)]
Short = Annotated[
    str,
    Field(min_length=1, max_length=200),
    AfterValidator(_clean),
    AfterValidator(_not_blank),
    AfterValidator(_one_line),
]
Line = Annotated[str, Field(max_length=500), AfterValidator(_clean)]
Day = Annotated[date, AfterValidator(_plausible_day)]
Instant = Annotated[AwareDatetime, AfterValidator(_plausible_instant)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


EMPTY: Any = Field(default_factory=list, json_schema_extra={"default": []})
"""No entry; a factory, because pydantic copies a default list deeply for each event."""


class Strict(BaseModel):
    """A part of the intake data: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(Strict):
    """The text as its department wrote it; the catalog cleans it."""

    format: Literal["markdown", "html", "text"]
    content: Text


class Contact(Strict):
    """Whom to ask."""

    office: Line | None = None
    phone: Line | None = None
    address: Line | None = None
    hours: Line | None = None


class Place(Strict):
    """Where it is about."""

    name: Short
    division: Annotated[str, Field(pattern=r"^[0-9]{2,12}$")] | None = None


class Period(Strict):
    """A window in which something is open: a notice, objections, a consultation, applications, an event."""

    kind: Literal["notice", "objection", "consultation", "application", "event"]
    opens_at: Instant | None = None
    closes_at: Instant | None = None


class Relation(Strict):
    """A tie to another item, by its department and source id."""

    type: Literal["interprets", "amends", "repeals", "replaces", "related"]
    target: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}/.{1,400}$", max_length=450)]


class Attachment(Strict):
    """A file, named by its SHA-256; upload it first (`PUT /api/blobs/<sha256>`)."""

    name: Short
    media_type: Annotated[str, Field(pattern=r"^[\w.+-]+/[\w.+-]+$", max_length=127)]
    sha256: Sha256
    size: Annotated[int, Field(ge=0)]
    role: Literal["annex", "original", "form", "image", "video", "audio", "data"] = "annex"
    alt: Line | None = None


class Confidentiality(Strict):
    """The confidentiality review 保密审查 (Regulations Art. 17)."""

    verdict: Line | None = None
    by: Line | None = None
    at: Instant | None = None
    basis: Line | None = None


class Review(Strict):
    """The department's own attestation; complete when all six fields are there and the verdict is `cleared`."""

    reviewed_by: Line | None = None
    reviewed_at: Instant | None = None
    confidentiality: Confidentiality | None = None

    def complete(self) -> bool:
        """Say whether this attestation lets an item out without a further review."""
        c = self.confidentiality
        return bool(
            self.reviewed_by
            and self.reviewed_at
            and c
            and c.verdict == "cleared"
            and c.by
            and c.at
            and c.basis
        )


Validity = Literal["in_force", "amended", "repealed", "expired"]
Change = Literal["major", "minor", "republish"]


class IntakeData(Strict):
    """One item as its department sends it (contract, "Intake data")."""

    title: Annotated[
        str,
        Field(min_length=1, max_length=MAX_TITLE),
        AfterValidator(_clean),
        AfterValidator(_not_blank),
        AfterValidator(_one_line),
    ]
    summary: Annotated[str, Field(max_length=2000), AfterValidator(_clean)] | None = None
    body: Body | None = None
    language: Language = "zh-Hans"
    catalogue: Annotated[str, Field(max_length=80)]
    genre: Short | None = None
    topics: Annotated[list[Short], Field(max_length=50), EMPTY]
    keywords: Annotated[list[Short], Field(max_length=50), EMPTY]
    audiences: Annotated[list[Short], Field(max_length=50), EMPTY]
    issuing_body: Line | None = None
    co_issuers: Annotated[list[Short], Field(max_length=50), EMPTY]
    document_number: Short | None = None
    source: Line | None = None
    formed_on: Day
    effective_on: Day | None = None
    expires_on: Day | None = None
    validity: Validity | None = None
    disclosure: Literal["proactive", "on_application"] = "proactive"
    responsible_office: Line | None = None
    contact: Contact | None = None
    places: Annotated[list[Place], Field(max_length=50), EMPTY]
    period: Period | None = None
    remove_after: Instant | Day | None = None
    important: bool = False
    publish_at: Instant | None = None
    first_published_on: Day | None = None
    index_number: Short | None = None
    old_urls: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=50), EMPTY]
    change: Change | None = None
    change_note: Annotated[str, Field(max_length=2000), AfterValidator(_clean)] | None = None
    relations: Annotated[list[Relation], Field(max_length=100), EMPTY]
    attachments: Annotated[list[Attachment], Field(max_length=200), EMPTY]
    review: Review | None = None
    change_reason: Literal["personal_data", "secret", "court"] | None = None


class WithdrawalData(Strict):
    """A withdrawal, with its public reason."""

    kind: Literal["withdrawn", "gone", "redirect", "vanish"]
    reason: Annotated[
        str,
        Field(min_length=1, max_length=2000),
        AfterValidator(_clean),
        AfterValidator(_not_blank),
    ]
    redirect_to: Annotated[str, Field(max_length=2000)] | None = None


class IntakeEvent(Event[IntakeData | WithdrawalData]):
    """One event of a department's system, as the catalog read it."""

    # an intake event always has a subject; CloudEvents alone would let it be absent
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_ID)]
    """The department's own stable `source_id`; may contain `/`."""
    sourceversion: Annotated[int, Field(ge=1, le=MAX_SOURCE_VERSION)] | None = None
    """The department's own revision, if it keeps one."""
    hold: str | None = None
    """Why the sender itself wants a person to look before this is published, e.g. `tracked_changes comments`."""

    @property
    def department(self) -> str:
        """Return the code of the department that speaks."""
        return self.source.removeprefix(SOURCE_PREFIX)

    @property
    def source_id(self) -> str:
        """Return the department's own name of the item."""
        return self.subject
