"""RECORD: the full public state of an item, a body or a list (`record.…`).

The newest event of an item alone renders its current page. `sequence` and `epoch` are put in by the
relay when it sends, as the last two members of `data`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.events.envelope import Event
from shared.events.intake import Attachment, Contact, Period, Place, Validity

PUBLISHED = "org.opengazette.record.published.v1"
UPDATED = "org.opengazette.record.updated.v1"
WITHDRAWN = "org.opengazette.record.withdrawn.v1"
DEPARTMENT = "org.opengazette.record.department.v1"
SITE = "org.opengazette.record.site.v1"

State = Literal["published", "withdrawn", "gone", "redirect", "vanish"]
ChangeKind = Literal["major", "minor", "withdrawal", "republish"]


class Open(BaseModel):
    """A part of the record; fields of a later minor version are kept, not refused."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Names(Open):
    """A name in the three languages of the frame; the Simplified one always exists."""

    zh_hans: str = Field(alias="zh-Hans")
    zh_hant: str | None = Field(default=None, alias="zh-Hant")
    en: str | None = None

    model_config = ConfigDict(
        extra="allow", frozen=True, populate_by_name=True, serialize_by_alias=True
    )

    def of(self, language: str) -> str:
        """Return the name in *language* (a BCP 47 tag), or the Simplified one."""
        if language.startswith("en"):
            return self.en or self.zh_hans
        if language.startswith(("zh-Hant", "zh-TW", "zh-tw")):
            return self.zh_hant or self.zh_hans
        return self.zh_hans


class DepartmentRef(Open):
    """The body that owes the disclosure."""

    code: str
    names: Names


class RecordBody(Open):
    """The cleaned text: always an HTML fragment that passed the allow-list."""

    format: Literal["html"] = "html"
    content: str


class HistoryEntry(Open):
    """One version in an item's short history."""

    version: int
    at: datetime
    change: ChangeKind
    note: str | None = None
    sealed: bool = False


class RecordRelation(Open):
    """A tie to another item; the target's url and title are known to the publisher's own index."""

    type: Literal["interprets", "amends", "repeals", "replaces", "related"]
    target: str


class ValidityBy(Open):
    """Another item that decides about this one's validity: its own body's or one above says so, or its owner agreed."""

    type: Literal["amends", "repeals", "replaces"]
    source: str
    """`<department>/<source_id>` of the item that says it."""


class ItemState(Open):
    """The public state of one item at one version (contract, "Record data")."""

    item_id: UUID
    source_id: str
    department: DepartmentRef
    version: Annotated[int, Field(ge=1)]
    notice_version: int
    notice_note: str | None = None
    change: ChangeKind
    history: list[HistoryEntry]
    index_number: str | None = None
    url: str
    """Path from the site's root: `/<department>/<year>/<serial>/`."""
    published_at: datetime
    updated_at: datetime
    state: State
    reason: str | None = None
    redirect_to: str | None = None
    """For `redirect`: a path of this site or an https URL."""

    title: str | None = None
    """Absent for gone, redirect and vanish."""
    summary: str | None = None
    body: RecordBody | None = None
    language: str = "zh-Hans"
    catalogue: str
    genre: str | None = None
    topics: list[str] = []
    keywords: list[str] = []
    audiences: list[str] = []
    issuing_body: str | None = None
    co_issuers: list[str] = []
    document_number: str | None = None
    source: str | None = None
    formed_on: date | None = None
    effective_on: date | None = None
    expires_on: date | None = None
    validity: Validity | None = None
    validity_by: list[ValidityBy] = []
    """What of other items' relations acts on this one now; other relations are only what those say."""
    disclosure: Literal["proactive", "on_application"] = "proactive"
    responsible_office: str | None = None
    contact: Contact | None = None
    places: list[Place] = []
    period: Period | None = None
    remove_after: datetime | None = None
    important: bool = False
    first_published_on: date | None = None
    old_urls: list[str] = []
    change_note: str | None = None
    relations: list[RecordRelation] = []
    attachments: list[Attachment] = []

    sequence: int = 0
    epoch: UUID | None = None


class Responsible(Open):
    """The persons of a catalogue entry ("三个一")."""

    head: str | None = None
    deputy: str | None = None
    clerk: str | None = None
    phone: str | None = None


class DepartmentEntry(Open):
    """One catalogue entry as a department keeps it."""

    code: str
    on: bool = True
    """`off` only hides it from the menu."""
    responsible: Responsible | None = None
    blank_note: str | None = None
    """Said instead of an empty list."""


class DepartmentState(Open):
    """The full state of one body (`record.<department>._department`)."""

    code: str
    version: int
    names: Names
    kind: Literal["government", "bureau", "township", "village", "institution"] = "bureau"
    parent: str | None = None
    position: int = 0
    """Place in lists; equal places sort by code."""
    contact: Contact | None = None
    about: str | None = None
    entries: list[DepartmentEntry] = []
    """Only the entries that differ from "on, as in the standard catalogue"."""
    sequence: int = 0
    epoch: UUID | None = None


class CatalogueEntry(Open):
    """One entry of the standard catalogue 目录事项."""

    code: str
    parent: str | None = None
    names: Names
    basis: str | None = None
    """Legal basis, e.g. `条例第二十条第（一）项`."""
    limit_days: int | None = None
    """Time limit in working days from creation or change (Art. 26)."""
    limit_hours: int | None = None
    frequency: Literal[
        "real_time",
        "weekly",
        "biweekly",
        "monthly",
        "quarterly",
        "yearly",
        "on_change",
        "as_promised",
    ]
    hidden: bool = False
    """Not in the menu of the disclosure column (`news`)."""


class SiteState(Open):
    """The full state of a list of the whole site (`record._site.{catalogue,vocabulary,settings,day}`)."""

    key: Literal["catalogue", "vocabulary", "settings", "day"]
    version: int
    value: dict[str, Any]
    """catalogue: {"entries": [CatalogueEntry]}; vocabulary: {"genres": {code: Names}, "topics": {…}};
    settings: `SiteSettings`; day: {"today": ISO date, "at": instant, "cause": …, "items": [item_id]}."""
    sequence: int = 0
    epoch: UUID | None = None


class SiteSettings(Open):
    """What the frame of every page says about the site."""

    names: Names
    organiser: str | None = None
    """主办"""
    operator: str | None = None
    """承办"""
    address: str | None = None
    phone: str | None = None
    email: str | None = None
    site_code: str | None = None
    """网站标识码"""
    icp: str | None = None
    police: str | None = None
    """公安备案"""
    timezone: str = "Asia/Shanghai"
    hints: list[str] = []
    """Example questions for the search box."""


class RecordEvent(Event[ItemState]):
    """An item was published, updated or withdrawn."""

    type: Literal[
        "org.opengazette.record.published.v1",
        "org.opengazette.record.updated.v1",
        "org.opengazette.record.withdrawn.v1",
    ]
    statesha256: str = ""
    """SHA-256 of the public state: of `data` as sent, without `sequence` and `epoch`."""


class DepartmentEvent(Event[DepartmentState]):
    """A body was renamed, moved, or its entries changed."""

    type: Literal["org.opengazette.record.department.v1"]
    statesha256: str = ""


class SiteEvent(Event[SiteState]):
    """A list of the whole site changed, or a day or deadline passed."""

    type: Literal["org.opengazette.record.site.v1"]
    statesha256: str = ""


AnyRecord = RecordEvent | DepartmentEvent | SiteEvent

_RECORD: TypeAdapter[AnyRecord] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="type")])


def parse_record(raw: bytes) -> AnyRecord:
    """Read one event of the RECORD stream.

    Raises `pydantic.ValidationError` for what is none.
    """
    return _RECORD.validate_json(raw)
