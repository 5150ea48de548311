"""What the notifier may and must say, and to whom: pure values in, values or a refusal out."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, ValidationError

from shared import text
from shared.errors import Refused
from shared.events.intake import Contact, Period, Validity
from shared.events.record import ItemState, Names
from shared.web.dates import Lang

Kind = Literal["published", "corrected", "withdrawn", "gone", "redirect", "vanish"]

# --- limits

MAX_PHRASE = 60
"""Characters of a phrase."""
MAX_SUBSCRIPTIONS = 100
"""Subscriptions of one address, the unconfirmed ones included."""
LETTER_PAUSE = timedelta(minutes=10)
"""One unanswered letter per address in this time, whoever asks."""
LETTERS_A_DAY = 5
"""Unanswered letters to one address in 24 hours."""
CONFIRM_WITHIN = timedelta(days=7)
"""A confirmation link lives this long; then the request and an unconfirmed address are deleted."""
ERASE_AFTER = timedelta(days=28)
"""An address is deleted this long after its owner has left."""
GIVE_UP_AFTER = timedelta(hours=48)
"""A mail that is still refused for now is given up."""
_RETRY = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 240, 480, 960))

# --- addresses


class AddressNotUsable(Refused):
    """邮箱地址不正确，请检查后重新填写。 / This is not an e-mail address that we can write to; please check it."""


class NothingChosen(Refused):
    """请至少选择部门、事项或填写词语中的一项。 / Choose a department or an entry, or give some words."""


class PhraseTooVague(Refused):
    """词语至少要有两个字，最多 60 个字。 / Give at least two characters and at most 60."""


class NotOurTarget(Refused):
    """没有这个部门或事项。 / There is no such department or entry."""


class TooManySubscriptions(Refused):
    """订阅已满 100 项，请先退订一些。 / There are 100 subscriptions already; remove some first."""


class TooBusy(Refused):
    """现在要求订阅的人很多，请几分钟后再试。 / Many people are subscribing now; try again in a few minutes."""

    status = 503


DROPPED = "dropped by the operator"
"""Why a webhook has left that its owner cannot start again."""


class LinkNotValid(Refused):
    """这个链接无效或已过期。 / This link is not valid, or no longer."""

    status = 404


class NotFromHere(Refused):
    """请从本站的页面提交。 / Please send this form from a page of this site."""

    status = 403


_FULL_WIDTH = {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)} | {0x3002: 0x2E}
_ATOM = r"[A-Za-z0-9#$&'*+/=?^_~{}-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_TOP = re.compile(r"[A-Za-z]{2,63}|[xX][nN]--[A-Za-z0-9-]{1,59}")


def mail_address(given: str) -> str:
    """Return the one address in *given*, its domain in lower case, or refuse.

    Stricter than RFC 5321: dot-atoms only (no quotes, comments, `%`, `!`, address literals), ASCII, a domain of
    two labels or more. Full-width characters of a Chinese keyboard are read as the half-width ones.
    """
    address = given.strip(" \t\u3000").translate(_FULL_WIDTH)
    local, at, domain = address.partition("@")
    labels = domain.split(".")
    usable = (
        bool(at)
        and len(address) <= 254
        and len(local) <= 64
        and _LOCAL.fullmatch(local) is not None
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and _TOP.fullmatch(labels[-1]) is not None
    )
    if not usable:
        raise AddressNotUsable
    return f"{local}@{domain.lower()}"


def address_key(address: str) -> str:
    """Return what makes two spellings the same address."""
    return address.lower()


# --- what somebody follows


@dataclass(frozen=True)
class Target:
    """What a subscription follows: all parts that are given must fit."""

    department: str = ""
    catalogue: str = ""
    phrase: str = ""


def target(department: str, catalogue: str, phrase: str) -> Target:
    """Return the target in one spelling, or refuse what follows nothing or everything."""
    wanted = Target(department.strip(), catalogue.strip(), one_line(phrase))
    if wanted == Target():
        raise NothingChosen
    if wanted.phrase and (len(wanted.phrase) > MAX_PHRASE or len(text.compact(wanted.phrase)) < 2):
        raise PhraseTooVague
    return wanted


def one_line(given: str, limit: int = 500) -> str:
    """Return *given* as one line without control, format and bidirectional characters, at most *limit* long.

    What passes here can stand in a mail header: no CR, LF, NUL or anything that hides or reorders text.
    """
    seen = "".join(" " if unicodedata.category(c) in _UNSAFE else c for c in given)
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def as_typed(department: str, catalogue: str, phrase: str) -> Target:
    """Return what a person typed or a link filled in, cut to what a form may show again; not judged yet."""
    return Target(department[:40], catalogue[:80], one_line(phrase, 60))


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# --- notices


class Notice(BaseModel):
    """What one notice says: only this is stored and mailed."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    version: int = 0
    """The version whose text this is; 0 in what an older program stored."""
    department: str
    department_names: Names
    url: str
    language: str
    published_on: date
    title: str | None = None
    document_number: str | None = None
    validity: Validity | None = None
    points: str | None = None
    """Key points: the summary, or the first sentences."""
    note: str | None = None
    """更正说明, or the public reason of a withdrawal."""
    period: Period | None = None
    places: list[str] = []
    contact: Contact | None = None
    attachments: list[str] = []


def stored_notice(stored: object) -> Notice | None:
    """Return what a notice says; None when it says nothing any more, or in a form that this version cannot read."""
    try:
        return Notice.model_validate(stored) if stored else None
    except ValidationError:
        return None


_NOTICES = UUID("4b1c2f4e-90a5-5a0e-9f53-0c7a6f2f6a01")


def notice_id(item_id: UUID, notice_version: int) -> UUID:
    """Return the id of the one notice of this version of this item."""
    return uuid5(_NOTICES, f"{item_id}/{notice_version}")


def noticed_at(state: ItemState) -> datetime:
    """Return when the version that notifies was made."""
    return next(
        (entry.at for entry in state.history if entry.version == state.notice_version),
        state.updated_at,
    )


@dataclass(frozen=True)
class Told:
    """Up to where an item counts as told."""

    notice_version: int
    noticed_at: datetime
    sequence: int
    epoch: UUID | None


def is_news(state: ItemState, told: Told | None) -> bool:
    """Say whether *state* carries a notice that does not count as told.

    Inside an epoch the version decides, and nothing older than what we hold is news. Versions of another epoch
    (the record was restored) cannot be compared: there only a later time makes news.
    """
    if state.notice_version < 1:
        return False
    if told is None:
        return True
    if state.epoch == told.epoch:
        if state.sequence <= told.sequence:
            return False
        if state.notice_version > told.notice_version:
            return True
    return noticed_at(state) > told.noticed_at


def advanced(state: ItemState, told: Told | None) -> Told:
    """Return what counts as told after *state* was seen; nothing ever counts as less told than before."""
    at, version = noticed_at(state), max(state.notice_version, 0)
    if told is None:
        return Told(version, at, state.sequence, state.epoch)
    if state.epoch == told.epoch and state.sequence <= told.sequence:
        return told
    return Told(
        max(version, told.notice_version), max(at, told.noticed_at), state.sequence, state.epoch
    )


def kind_of(state: ItemState) -> Kind:
    """Return what kind of notice *state* makes; publishing anew after a withdrawal is no correction."""
    if state.state != "published":
        return state.state
    earlier = [
        e
        for e in state.history
        if e.version < state.notice_version and e.change in ("major", "withdrawal")
    ]
    earlier.sort(key=lambda entry: entry.version)
    return "corrected" if earlier and earlier[-1].change == "major" else "published"


def notice_of(state: ItemState, zone_day: date) -> Notice:
    """Return what is told about *state*; *zone_day* is the local day of its publication.

    A withdrawal repeats neither body nor summary, and only `withdrawn` keeps its title.
    """
    kind = kind_of(state)
    frame = {
        "kind": kind,
        "version": state.version,
        "department": state.department.code,
        "department_names": state.department.names,
        "url": state.url,
        "language": state.language,
        "published_on": state.first_published_on or zone_day,
    }
    if kind in ("published", "corrected"):
        return Notice(
            **frame,
            title=state.title,
            document_number=state.document_number,
            validity=state.validity,
            points=key_points(state),
            note=state.notice_note if kind == "corrected" else None,
            period=state.period,
            places=[place.name for place in state.places],
            contact=state.contact,
            attachments=[attachment.name for attachment in state.attachments],
        )
    title = state.title if kind == "withdrawn" else None
    return Notice(**frame, title=title, note=state.reason or state.notice_note)


_SENTENCE = re.compile(r"[^。！？!?\n]*[。！？!?\n]?")


def key_points(state: ItemState, limit: int = 160) -> str | None:
    """Return the summary, or the first whole sentences of the body, at most *limit* characters of them."""
    if state.summary:
        return state.summary.strip()
    if state.body is None:
        return None
    body = text.plain(state.body.content[:20_000])
    points = ""
    for sentence in _SENTENCE.findall(body):
        if len(points) + len(sentence) > limit:
            break
        points += sentence
    return " ".join(points.split()) or one_line(body, limit) or None


_MARKS: dict[str, dict[Lang, str]] = {
    "corrected": {"zh-Hans": "更正", "zh-Hant": "更正", "en": "Corrected"},
    "withdrawn": {"zh-Hans": "撤回", "zh-Hant": "撤回", "en": "Withdrawn"},
}
_NAMELESS: dict[Lang, str] = {
    "zh-Hans": "{department}的一条信息",
    "zh-Hant": "{department}的一則資訊",
    "en": "An item of {department}",
}


def subject(notice: Notice, lang: Lang) -> str:
    """Return the subject line: `[部门] 标题`, `[更正] 标题`, `[撤回] 标题`, without anything that could break a header."""
    department = one_line(notice.department_names.of(lang), 60)
    title = (
        one_line(notice.title, 200)
        if notice.title
        else _NAMELESS[lang].format(department=department)
    )
    mark = "withdrawn" if notice.kind not in ("published", "corrected") else notice.kind
    return f"[{_MARKS[mark][lang] if mark in _MARKS else department}] {title}"


# --- delivery


@dataclass(frozen=True)
class Verdict:
    """What a channel's answer means for one delivery."""

    state: Literal["sent", "unknown", "deferred", "failed"]
    reason: str | None = None
    """A code, never the server's words: those repeat the address."""
    ends_address: bool = False


SENT = Verdict("sent")

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


def judged(code: int, message: str, phase: Literal["connect", "mail", "rcpt", "data"]) -> Verdict:
    """Return what the reply of an SMTP server means (RFC 5321 §4.2, RFC 3463).

    Only a final refusal of the recipient or of the message ends an address; a policy refusal (x.7.x), or one
    before the recipient was named, speaks of us: the address stays.
    """
    enhanced = _ENHANCED.search(message)
    status = enhanced.group() if enhanced else ""
    reason = f"{code} {status}".strip()
    if code < 400:
        return SENT
    if code < 500 or phase in ("connect", "mail"):
        return Verdict("deferred", reason)
    return Verdict("failed", reason, ends_address=not status.startswith("5.7."))


def retry_at(attempts: int, first_tried_at: datetime, now: datetime) -> datetime | None:
    """Return when to try again after *attempts* tries: 1, 5, 30 min, 2, 4, 8, 16 h; None past 48 hours."""
    at = now + _RETRY[min(attempts, len(_RETRY)) - 1]
    return at if at - first_tried_at <= GIVE_UP_AFTER else None


@dataclass(frozen=True)
class Outcome:
    """The state that a delivery takes."""

    state: Literal["sent", "unknown", "deferred", "failed"]
    reason: str | None = None
    next_at: datetime | None = None


def after_verdict(
    verdict: Verdict, attempts: int, first_tried_at: datetime, now: datetime, *, urgent: bool
) -> Outcome:
    """Return what follows from *verdict*: what is refused for now is tried again until 48 hours have passed.

    When it is unknown whether the server took a mail, only an urgent one goes again, under the same Message-ID.
    """
    again = verdict.state == "deferred" or (verdict.state == "unknown" and urgent)
    if not again:
        return Outcome(verdict.state, verdict.reason)
    at = retry_at(attempts, first_tried_at, now)
    if at is None:
        state: Literal["unknown", "failed"] = "unknown" if verdict.state == "unknown" else "failed"
        return Outcome(state, f"given up: {verdict.reason}")
    return Outcome("deferred", verdict.reason, at)
