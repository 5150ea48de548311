"""Our mails: text and HTML, built once per notice and language; only what is a recipient's own is put in later.

Base64 lines hold 57 bytes. What all recipients share is padded to whole lines, so a recipient's end can be encoded
alone and joined to it: building a message costs more than sending it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.notifier.links import Links
from services.notifier.rules import Notice, one_line, subject
from services.notifier.words import say
from shared.events.intake import Period
from shared.web import dates
from shared.web.dates import Lang

_LINE = 57
"""Bytes in one line of base64 (RFC 2045 §6.8: 76 characters)."""
_BOUNDARY = "=_open_gazette_alternative_="
_HTML_LANG: dict[Lang, str] = {"zh-Hans": "zh-CN", "zh-Hant": "zh-TW", "en": "en"}
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Sender:
    """Who writes."""

    name: str
    """The site's name in the reader's language."""
    address: str
    timezone: str
    links: Links


@dataclass(frozen=True)
class Recipient:
    """Whom one message goes to, and why."""

    subscriber_id: UUID
    address: str
    because: tuple[str, ...]
    """The matching subscriptions, as their owner reads them."""
    mail_id: int
    """The delivery that the one-click link speaks of."""
    list_id: UUID
    """The first matching subscription: the list in the sense of RFC 2919."""


@dataclass(frozen=True)
class Shell:
    """A message without its recipient."""

    lang: Lang
    headers: bytes
    text: bytes
    html: bytes


def notice_shell(notice: Notice, lang: Lang, sender: Sender, at: datetime) -> Shell:
    """Build what all readers of *notice* in *lang* share."""
    view = _view(notice, lang, sender)
    text = _render("notice.txt", **view)
    html = _render("notice.html", **view)
    return Shell(
        lang,
        _headers(subject(notice, lang), sender, at),
        _whole_lines(text, "-"),
        _whole_lines(html, " "),
    )


def notice_mail(shell: Shell, notice_id: UUID, sender: Sender, to: Recipient) -> bytes:
    """Put the recipient into *shell*: address, Message-ID, RFC 8058 headers, and why they get it."""
    links = sender.links
    view = {
        "lang": shell.lang,
        "because": say("between_names", shell.lang).join(
            say("quoted", shell.lang, what=w) for w in to.because
        ),
        "adjust": links.page(to.subscriber_id),
        "leave_this": links.page(to.subscriber_id, f"/unsubscribe?mail={to.mail_id}"),
        "leave_all": links.page(to.subscriber_id, "/unsubscribe"),
    }
    own = {
        "List-Unsubscribe": f"<{view['leave_this']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"<{to.list_id.hex}.notices.{links.host}>",
    }
    head = _own_headers(to.address, links.message_id(notice_id, to.subscriber_id), own)
    return _joined(
        head + shell.headers,
        shell.text,
        _render("end.txt", **view),
        shell.html,
        _render("end.html", **view),
    )


def letter_mail(
    kind: str, lang: Lang, sender: Sender, to: Recipient, *, letter_id: UUID, at: datetime
) -> bytes:
    """Build a letter: `confirm` with the link to confirm by, `link` with the one to the person's own page."""
    links = sender.links
    address = links.confirmation(letter_id) if kind == "confirm" else links.page(to.subscriber_id)
    view = {
        "lang": lang,
        "html_lang": _HTML_LANG[lang],
        "kind": kind,
        "site": sender.name,
        "wanted": to.because,
        "address": address,
    }
    headers = _headers(say(f"{kind}_subject", lang, site=one_line(sender.name, 60)), sender, at)
    head = _own_headers(to.address, links.message_id(letter_id, to.subscriber_id), {})
    text, html = _render("letter.txt", **view), _render("letter.html", **view)
    return _joined(head + headers, b"", text, b"", html)


# --- what a notice says


def _view(notice: Notice, lang: Lang, sender: Sender) -> dict[str, Any]:
    department = notice.department_names.of(lang)
    living = notice.kind in ("published", "corrected")
    facts = [department, say("published", lang, day=dates.day(notice.published_on, lang))]
    if notice.document_number:
        facts.append(notice.document_number)
    if living and notice.validity:
        facts.append(say(notice.validity, lang))
    if living and lang == "en" and notice.language.startswith("zh"):
        facts.append(say("chinese_only", lang))
    return {
        "lang": lang,
        "html_lang": _HTML_LANG[lang],
        "title_lang": notice.language if notice.title else _HTML_LANG[lang],
        "title": one_line(notice.title) if notice.title else say("notice_page", lang),
        "address": sender.links.site_url + notice.url,
        "facts": [one_line(fact) for fact in facts],
        "lead": None if living else say(notice.kind, lang, department=department),
        "sections": [
            (heading, _lines(text)) for heading, text in _sections(notice, lang, living=living)
        ],
        "rows": list(_rows(notice, lang, sender.timezone)) if living else [],
        "attachments": [one_line(name) for name in notice.attachments],
    }


def _lines(text: str) -> str:
    """Keep the line breaks of *text*, and nothing else that hides or reorders."""
    return "\n".join(one_line(line, 2000) for line in text.strip().splitlines())


def _sections(notice: Notice, lang: Lang, *, living: bool) -> Iterable[tuple[str, str]]:
    if notice.note:
        yield say("correction" if living else "reason", lang), notice.note
    elif living and notice.points:
        yield say("points", lang), notice.points


def _rows(notice: Notice, lang: Lang, timezone: str) -> Iterable[tuple[str, str]]:
    when = _when(notice.period, lang, timezone) if notice.period else None
    contact = notice.contact
    where = say("between_names", lang).join(notice.places) or (contact and contact.address)
    if when:
        yield say("when", lang), when
    if where:
        yield say("where", lang), one_line(where)
    if contact and contact.phone:
        yield say("phone", lang), one_line(" ".join(filter(None, (contact.phone, contact.office))))


def _when(period: Period, lang: Lang, timezone: str) -> str | None:
    opens, closes = (
        at and dates.moment(dates.local(at, timezone), lang)
        for at in (period.opens_at, period.closes_at)
    )
    if opens and closes:
        return say("between", lang, opens=opens, closes=closes)
    if closes:
        return say("until", lang, closes=closes)
    return say("since", lang, opens=opens) if opens else None


# --- MIME


def _headers(about: str, sender: Sender, at: datetime) -> bytes:
    """Return the headers that all recipients share; `EmailMessage` refuses what could break out of one."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(one_line(sender.name, 60), addr_spec=sender.address)
    message["Subject"] = one_line(about, 300)
    message["Date"] = at
    message["Auto-Submitted"] = "auto-generated"
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = f'multipart/alternative; boundary="{_BOUNDARY}"'
    return message.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n"


def _own_headers(address: str, message_id: str, more: dict[str, str]) -> bytes:
    """Return a recipient's headers; every value is ours or passed the address grammar, and is checked again."""
    headers = {"To": address, "Message-ID": message_id, **more}
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and len(value) < 900):
            raise ValueError(f"{name} cannot stand in a header")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def _joined(headers: bytes, text: bytes, text_end: str, html: bytes, html_end: str) -> bytes:
    return b"".join(
        (
            headers,
            f"\r\n--{_BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\n".encode(),
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            text,
            _encoded(text_end),
            f"\r\n--{_BOUNDARY}\r\nContent-Type: text/html; charset=utf-8\r\n".encode(),
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            html,
            _encoded(html_end),
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        )
    )


def _encoded(text: str) -> bytes:
    data = text.replace("\n", "\r\n").encode()
    lines = (base64.b64encode(data[i : i + _LINE]) for i in range(0, len(data), _LINE))
    return b"".join(line + b"\r\n" for line in lines)


def _whole_lines(text: str, filler: str) -> bytes:
    """Encode *text* padded before its last line break, so that what follows begins a new line of base64."""
    short = -len(text.replace("\n", "\r\n").encode()) % _LINE
    return _encoded(f"{text[:-1]}{filler * short}\n")


# --- templates


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES / "mail"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["say"] = say
    return environment


def _render(name: str, **view: object) -> str:
    return _environment().get_template(name).render(view)
