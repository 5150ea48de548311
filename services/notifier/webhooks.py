"""Webhooks after the Standard Webhooks specification (1.0): secrets, signatures, messages, when to try again. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

from pydantic_core import from_json

from services.notifier.rules import Notice
from shared.errors import Refused

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret (specification, "Signature scheme")."""
_MESSAGES = UUID("7e0c6a1e-5f0b-5d6a-9d0c-5b8b8c1e0a77")

RETRIES = tuple(
    timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
"""Waits between the tries of one message: 5 s, 5 and 30 min, 2, 5, 10, 14, 20, 24 h; ten tries in a little over three days."""
FAILING_FOR = timedelta(days=3)
"""A receiver that has taken nothing for so long is not called any more."""
LONGEST_WAIT = timedelta(days=1)
"""What a receiver may ask for by `Retry-After`."""
EARLIER_SECRET_FOR = timedelta(hours=24)
"""After a change both secrets sign for so long."""
CHALLENGE_PAUSE = timedelta(seconds=10)
CHALLENGES_A_DAY = 20
CHALLENGES_OF_A_HOST = 30
"""Questions to one host in an hour, whoever asks."""
NEW_A_MINUTE = 30
"""Webhooks that strangers can enter in a minute, all together."""
GONE = 410


class SecretNotUsable(Refused):
    """密钥须为 whsec_ 加 24 至 64 字节的 base64；留空则由我们生成。 / A secret is whsec_ and 24 to 64 bytes in base64; leave it empty and we make one."""


class UrlNotUsable(Refused):
    """这个网址不能使用：须是公网上的 https 网址。 / This URL cannot be used: it must be an https one on the public Internet."""


class NotToBeSentAgain(Refused):
    """这一条现在不能重发：内容已撤下，或正在发送，或接收网址尚未验证。 / This cannot be sent again now: withdrawn, on its way, or the URL is not verified."""

    status = 409


class TooOften(Refused):
    """太频繁了，请稍后再试。 / Too often; try again later."""

    status = 429


# --- secrets and signatures


def secret_of(raw: bytes) -> str:
    """Return the secret with these bytes."""
    return _PREFIX + base64.b64encode(raw).decode()


def checked_secret(given: str) -> str:
    """Return a secret that somebody brought, or refuse it."""
    text = given.strip()
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretNotUsable from error
    if not text.startswith(_PREFIX) or not _SHORTEST <= len(raw) <= _LONGEST:
        raise SecretNotUsable
    return text


def signed_headers(
    message_id: str, body: bytes, secrets: Iterable[str], now: datetime
) -> dict[str, str]:
    """Return the headers that prove *body*: one `v1` signature for each secret, over `id.timestamp.body`."""
    stamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), stamp.encode(), body))
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(_PREFIX))
        digest = hmac.new(key, content, hashlib.sha256).digest()
        signatures.append("v1," + base64.b64encode(digest).decode())
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def message_id(notice_id: UUID, subscriber_id: UUID) -> str:
    """Return the one `webhook-id` of this notice for this subscriber, however often it is sent."""
    return f"msg_{uuid5(_MESSAGES, f'{notice_id}/{subscriber_id}').hex}"


# --- messages


def notice_body(
    notice: Notice,
    *,
    item_id: UUID,
    notice_version: int,
    noticed_at: datetime,
    site_url: str,
    because: Iterable[Mapping[str, str]],
) -> bytes:
    """Return the message about one notice: what a mail says, for programs. What is not known is not there."""
    living = notice.kind in ("published", "corrected")
    address = site_url + notice.url
    said = notice.model_dump(mode="json", by_alias=True, exclude_none=True)
    data: dict[str, Any] = {
        "item_id": str(item_id),
        "notice_version": notice_version,
        "department": {"code": notice.department, "names": said["department_names"]},
        "url": address,
        "json": f"{address}index.json" if living else None,
        "language": notice.language,
        "published_on": said["published_on"],
        "title": notice.title,
        "document_number": notice.document_number,
        "validity": said.get("validity"),
        "summary": notice.points,
        "correction" if living else "reason": notice.note,
        "period": said.get("period"),
        "places": notice.places,
        "contact": said.get("contact"),
        "attachments": notice.attachments,
        "subscriptions": list(because),
    }
    data = {key: value for key, value in data.items() if value not in (None, [])}
    return _message(f"org.opengazette.notice.{notice.kind}.v1", noticed_at, data)


def challenge_body(challenge: str, at: datetime) -> bytes:
    """Return the question whether the receiver wants to be called; it answers with the same word."""
    return _message("org.opengazette.webhook.challenge.v1", at, {"challenge": challenge})


def _message(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    said = {"type": kind, "timestamp": at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def answers_challenge(status: int, body: bytes, challenge: str) -> str | None:
    """Return what is wrong with the answer to a challenge, None when it is right.

    Right is 2xx with the word itself, alone or as `{"challenge": …}`.
    """
    if not 200 <= status < 300:
        return f"HTTP {status}"
    text = body.decode("utf-8", "replace").strip()
    if text == challenge:
        return None
    try:
        said = from_json(text)  # the standard library's reader dies of deep nesting
    except ValueError:
        said = None
    right = isinstance(said, dict) and said.get("challenge") == challenge
    return None if right else "challenge not answered"


# --- what follows from a call


@dataclass(frozen=True)
class Result:
    """How one call went: the status of the answer, or why there was none."""

    status: int | None = None
    reason: str | None = None
    retry_after: timedelta | None = None
    took_ms: int = 0

    @property
    def taken(self) -> bool:
        """Whether the receiver took the message: 2xx and nothing else; a redirect is a failure."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def why(self) -> str:
        """Return why it failed."""
        return self.reason or f"HTTP {self.status}"


@dataclass(frozen=True)
class Receiver:
    """How a receiver has been doing."""

    failures: int = 0
    """Calls that failed since the last one that was taken."""
    failing_since: datetime | None = None


@dataclass(frozen=True)
class Consequence:
    """What follows for the message and for its receiver."""

    state: Literal["sent", "deferred", "failed"]
    reason: str | None
    next_at: datetime | None
    """When the message may be tried again."""
    receiver: Receiver
    pause_until: datetime
    """Nothing goes to this receiver before."""
    ends: str | None = None
    """Why this receiver is not called any more."""


def consequence(result: Result, *, attempts: int, receiver: Receiver, now: datetime) -> Consequence:
    """Return what follows from the *attempts*-th try of a message.

    A failure defers the message by its own count, and the receiver by how many calls failed in a row, so that a
    receiver that is down is asked about one message at a time, and one bad message holds up no other for long.
    """
    if result.taken:
        return Consequence("sent", None, None, Receiver(), now)
    failing = Receiver(receiver.failures + 1, receiver.failing_since or now)
    pause = now + max(_wait(failing.failures), result.retry_after or timedelta())
    if result.status == GONE:
        return Consequence("failed", result.why, None, failing, pause, ends="HTTP 410")
    if now - (failing.failing_since or now) >= FAILING_FOR:
        return Consequence("failed", result.why, None, failing, pause, ends="failing for 3 days")
    if attempts > len(RETRIES):
        return Consequence("failed", f"given up: {result.why}", None, failing, pause)
    again = now + max(_wait(attempts), result.retry_after or timedelta())
    return Consequence("deferred", result.why, again, failing, pause)


def _wait(failures: int) -> timedelta:
    return RETRIES[min(failures, len(RETRIES)) - 1]


def retry_after(status: int, header: str | None) -> timedelta | None:
    """Return how long a busy receiver (429, 503) asks us to wait, a day at most."""
    if status not in (429, 503) or header is None or not (header.isascii() and header.isdigit()):
        return None
    return min(timedelta(seconds=int(header[:9])), LONGEST_WAIT)
