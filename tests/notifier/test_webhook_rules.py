"""Webhooks on paper: secrets, signatures, messages, when to try again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.notifier.rules import notice_of
from services.notifier.webhooks import (
    FAILING_FOR,
    RETRIES,
    Receiver,
    Result,
    SecretNotUsable,
    answers_challenge,
    checked_secret,
    consequence,
    message_id,
    notice_body,
    retry_after,
    secret_of,
    signed_headers,
)
from tests.notifier.house import NOON, state, withdrawn

ITEM = UUID("018f0000-0000-7000-8000-000000000001")


def test_the_specifications_own_example_is_signed_alike() -> None:
    """The vector that the specification's libraries are tested with gives the signature that they expect."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_library_verifies_us_and_nothing_else() -> None:
    """What we sign passes with either secret of a change; another body, id or secret does not."""
    old, new = secret_of(b"o" * 32), secret_of(b"n" * 24)
    body = '{"type":"x","data":{"title":"公告"}}'.encode()
    headers = signed_headers("msg_1", body, [new, old], datetime.now(UTC))
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)["data"]["title"] == "公告"
    for wrong_body, wrong_headers, secret in (
        (body + b" ", headers, old),
        (body, headers | {"webhook-id": "msg_2"}, old),
        (body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, old),
        (body, headers, secret_of(b"x" * 32)),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(wrong_body, wrong_headers)
    late = signed_headers("msg_1", body, [old], datetime.now(UTC) - timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(old).verify(body, late)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_of_the_right_size_are_taken(size: int) -> None:
    """24 to 64 bytes, as the specification says; blanks around it do not matter."""
    secret = secret_of(b"k" * size)
    assert checked_secret(f" {secret}\n") == secret


@pytest.mark.parametrize(
    "given",
    [
        "whsec_",
        "secret",
        secret_of(b"k" * 23),
        secret_of(b"k" * 65),
        base64.b64encode(b"k" * 32).decode(),
        "whsec_" + "!" * 44,
        "whsec_中文中文中文中文中文中文中文中文中文",
        "whsk_" + base64.b64encode(b"k" * 32).decode(),
    ],
)
def test_other_secrets_are_refused(given: str) -> None:
    """Too short, too long, no base64, or without its prefix: refused, not mended."""
    with pytest.raises(SecretNotUsable):
        checked_secret(given)


def test_a_message_has_one_id_for_ever() -> None:
    """The id follows from notice and subscriber alone; others have others."""
    one, other = UUID(int=1), UUID(int=2)
    assert message_id(one, other) == message_id(one, other) != message_id(other, one)
    assert message_id(one, other).isascii()
    assert "." not in message_id(one, other)


def said(of: object, **changes: object) -> dict[str, object]:
    """Return the message about a state."""
    notice = notice_of(of, NOON.date())  # type: ignore[arg-type]
    given = {"item_id": ITEM, "notice_version": 1, "noticed_at": NOON} | changes
    body = notice_body(
        notice,
        site_url="https://www.qinghe.example",
        because=[{"id": "1"}],
        **given,  # type: ignore[arg-type]
    )
    found: dict[str, object] = json.loads(body)
    return found


def test_a_message_says_what_a_mail_says() -> None:
    """Type, time and data; what is not known is not there."""
    message = said(state(ITEM, validity="in_force"))
    assert message["type"] == "org.opengazette.notice.published.v1"
    assert message["timestamp"] == "2026-11-23T04:00:00Z"
    assert message["data"] == {
        "item_id": str(ITEM),
        "notice_version": 1,
        "department": {
            "code": "transport",
            "names": {"zh-Hans": "交通运输局", "en": "Transport Bureau"},
        },
        "url": "https://www.qinghe.example/transport/2026/12/",
        "json": "https://www.qinghe.example/transport/2026/12/index.json",
        "language": "zh-Hans",
        "published_on": "2026-11-23",
        "title": "关于S207石桥段封闭施工的公告",
        "validity": "in_force",
        "summary": "石桥段封闭施工，请绕行县道X012。",
        "subscriptions": [{"id": "1"}],
    }


@pytest.mark.parametrize("kind", ["withdrawn", "gone", "redirect", "vanish"])
def test_a_withdrawal_says_no_more_than_it_may(kind: str) -> None:
    """Only `withdrawn` keeps the title; none has summary, body or a link to data."""
    message = said(withdrawn(ITEM, kind=kind), notice_version=2)
    data = message["data"]
    assert isinstance(data, dict)
    assert message["type"] == f"org.opengazette.notice.{kind}.v1"
    assert data["reason"] == "数据有误"
    assert ("title" in data) == (kind == "withdrawn")
    assert not {"summary", "json", "attachments", "contact", "document_number"} & set(data)


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [
        (200, b"word", None),
        (204, b" word\n", None),
        (200, b'{"challenge": "word", "more": 1}', None),
        (200, b'{"challenge": "other"}', "challenge not answered"),
        (200, b"", "challenge not answered"),
        (200, b"[" * 5000, "challenge not answered"),
        (200, b'"word"', "challenge not answered"),
        (200, b"<html>word</html>", "challenge not answered"),
        (200, b"\xff\xfe", "challenge not answered"),
        (302, b"word", "HTTP 302"),
        (500, b"word", "HTTP 500"),
    ],
)
def test_only_who_repeats_the_word_wants_to_be_called(
    status: int, body: bytes, wrong: str | None
) -> None:
    """A page that answers anything, a redirect or an error do not verify."""
    assert answers_challenge(status, body, "word") == wrong


def test_waits_grow_for_three_days() -> None:
    """Nine waits, each longer than the one before, ten tries in a little over three days."""
    assert list(RETRIES) == sorted(set(RETRIES))
    assert len(RETRIES) == 9
    assert FAILING_FOR < sum(RETRIES, timedelta()) < timedelta(days=3, hours=4)


def test_a_failing_receiver_is_tried_again_and_then_no_more() -> None:
    """Each failure waits longer; the one after three days of nothing else ends it."""
    receiver, now, waits = Receiver(), NOON, []
    for attempts in range(1, 10):
        follows = consequence(Result(500), attempts=attempts, receiver=receiver, now=now)
        receiver = follows.receiver
        assert (follows.state, follows.ends) == ("deferred", None)
        assert follows.next_at is not None
        waits.append(follows.next_at - now)
        now = follows.next_at
    assert tuple(waits) == RETRIES
    assert now - NOON >= FAILING_FOR
    last = consequence(Result(500), attempts=10, receiver=receiver, now=now)
    assert (last.state, last.ends) == ("failed", "failing for 3 days")


def test_one_success_forgets_failures() -> None:
    """A receiver that takes something again is as good as new."""
    ill = Receiver(5, NOON - timedelta(days=2))
    follows = consequence(Result(204), attempts=6, receiver=ill, now=NOON)
    assert (follows.state, follows.receiver, follows.pause_until) == ("sent", Receiver(), NOON)


def test_one_bad_message_is_given_up_and_its_receiver_is_not() -> None:
    """When others are taken in between, the tenth failure ends the message alone."""
    follows = consequence(Result(400), attempts=10, receiver=Receiver(), now=NOON)
    assert (follows.state, follows.reason, follows.ends) == ("failed", "given up: HTTP 400", None)


def test_gone_ends_it_at_once() -> None:
    """410 is the receiver's own wish."""
    follows = consequence(Result(410), attempts=1, receiver=Receiver(), now=NOON)
    assert (follows.state, follows.ends) == ("failed", "HTTP 410")


@pytest.mark.parametrize(
    "status", [100, 199, 300, 301, 302, 307, 308, 399, 400, 404, 429, 500, 503]
)
def test_everything_but_2xx_is_a_failure(status: int) -> None:
    """Redirects too: where they lead is nobody's verified URL."""
    follows = consequence(Result(status), attempts=1, receiver=Receiver(), now=NOON)
    assert follows.state == "deferred"


def test_a_busy_receiver_may_ask_for_time() -> None:
    """`Retry-After` of 429 and 503 is kept, up to a day; dates, nonsense and other statuses are not."""
    assert retry_after(429, "3600") == timedelta(hours=1)
    assert retry_after(503, "9" * 400) == timedelta(days=1)
    for status, header in ((500, "60"), (429, None), (429, "-1"), (503, "Mon"), (503, "６０")):
        assert retry_after(status, header) is None
    follows = consequence(
        Result(503, retry_after=timedelta(hours=1)), attempts=1, receiver=Receiver(), now=NOON
    )
    assert follows.next_at == follows.pause_until == NOON + timedelta(hours=1)
