"""Addresses, subject lines, retries, verdicts: values in, values or a refusal out."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.rules import (
    AddressNotUsable,
    NothingChosen,
    PhraseTooVague,
    Target,
    Verdict,
    advanced,
    after_verdict,
    is_news,
    judged,
    key_points,
    kind_of,
    mail_address,
    notice_of,
    one_line,
    retry_at,
    subject,
    target,
)
from shared.web.dates import Lang
from tests.notifier.house import NOON, state, withdrawn


@pytest.mark.parametrize(
    ("given_text", "address"),
    [
        ("reader@example.org", "reader@example.org"),
        ("  Zhang.San+gazette@Mail.Example.CN ", "Zhang.San+gazette@mail.example.cn"),
        ("ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｎ", "zhang@example.cn"),
        ("zhang@example。cn", "zhang@example.cn"),
        ("a@xn--fiq228c.xn--fiqs8s", "a@xn--fiq228c.xn--fiqs8s"),
    ],
)
def test_an_address_is_read_in_one_spelling(given_text: str, address: str) -> None:
    """Blanks and full-width characters of a Chinese keyboard are forgiven, the domain is lower case."""
    assert mail_address(given_text) == address


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "reader",
        "@example.org",
        "reader@",
        "reader@localhost",
        "reader@example.org, other@example.org",
        "alice@example.org)bob@example.com",
        "Reader <reader@example.org>",
        "reader@example.org\r\nBcc: victim@example.com",
        "reader@example.org\n",
        "reader\x00@example.org",
        '"a b"@example.org',
        "a..b@example.org",
        ".a@example.org",
        "a@-example.org",
        "a@example-.org",
        "a@example..org",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a%victim.org@example.org",
        "a!b@example.org",
        "读者@example.org",
        "a@" + "b" * 64 + ".org",
        "a" * 65 + "@example.org",
        "a@" + "b." * 126 + "org",
        "a@b@example.org",
        "a@example.org\u202egro",
    ],
)
def test_what_is_not_exactly_one_address_is_refused(bad: str) -> None:
    """Lists, comments, quotes, routes, literals, control characters and other tricks are no address."""
    with pytest.raises(AddressNotUsable):
        mail_address(bad)


@given(st.text())
def test_an_accepted_address_can_stand_in_a_header(anything: str) -> None:
    """Whatever is typed: it is refused, or it is printable ASCII with one at-sign and no blank."""
    try:
        address = mail_address(anything)
    except AddressNotUsable:
        return
    assert address.isascii()
    assert address.isprintable()
    assert address.count("@") == 1
    assert not set(' <>()[],;:\\"') & set(address)


@given(st.text(), st.sampled_from(["zh-Hans", "zh-Hant", "en"]))
def test_no_title_breaks_out_of_the_subject(title: str, lang: Lang) -> None:
    """Whatever a title holds, the subject is one line that the mail policy accepts."""
    notice = notice_of(state(uuid4(), title=title or None), NOON.date())
    line = subject(notice, lang)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = line
    assert "\n" not in line
    assert "\r" not in line
    raw = message.as_bytes()
    assert [part[:1] in (b" ", b"") for part in raw.split(b"\r\n")[1:]].count(False) == 0


def test_one_line_drops_what_hides_or_reorders() -> None:
    """Line breaks, NUL, zero-width and bidirectional characters become blanks, long texts an ellipsis."""
    assert one_line("a\r\nBcc: b\x00c\u202ed\u200be") == "a Bcc: b c d e"
    assert one_line("石" * 20, 10) == "石" * 9 + "…"


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        (
            "zh-Hans",
            ["[交通运输局] 关于", "[更正] 关于", "[撤回] 关于", "[撤回] 交通运输局的一条信息"],
        ),
        (
            "zh-Hant",
            ["[交通运输局] 关于", "[更正] 关于", "[撤回] 关于", "[撤回] 交通运输局的一則資訊"],
        ),
        (
            "en",
            [
                "[Transport Bureau] 关于",
                "[Corrected] 关于",
                "[Withdrawn] 关于",
                "[Withdrawn] An item of Transport Bureau",
            ],
        ),
    ],
)
def test_subjects_in_three_languages(lang: Lang, expected: list[str]) -> None:
    """The four kinds of subject line, each in the reader's language."""
    item = uuid4()
    states = [state(item), state(item, 2), withdrawn(item, 2), withdrawn(item, 2, "vanish")]
    lines = [subject(notice_of(each, NOON.date()), lang) for each in states]
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True)), lines


def test_a_version_after_republished_history_is_no_correction() -> None:
    """The first major version of an item that came with history is announced, not corrected."""
    history = [
        {"version": 1, "at": NOON, "change": "republish"},
        {"version": 2, "at": NOON + timedelta(minutes=2), "change": "major"},
    ]
    assert kind_of(state(uuid4(), 2, history=history)) == "published"


def test_key_points_are_the_summary_or_whole_sentences() -> None:
    """Without a summary the first sentences stand in; none is cut in the middle."""
    body = {"content": "<p>" + "第一句。" * 3 + "长" * 200 + "。</p>"}
    assert key_points(state(uuid4())) == "石桥段封闭施工，请绕行县道X012。"
    assert key_points(state(uuid4(), summary=None, body=body)) == "第一句。第一句。第一句。"
    assert key_points(state(uuid4(), summary=None, body=None)) is None


def test_a_target_follows_something() -> None:
    """Nothing, or a single character, is refused; the parts are put in one spelling."""
    assert target(" transport ", "", " 石桥\t 封路 ") == Target("transport", "", "石桥 封路")
    with pytest.raises(NothingChosen):
        target("", " ", "\u200b")
    for vague in ("路", "a", "？！", "字" * 61):
        with pytest.raises(PhraseTooVague):
            target("", "", vague)


def test_inside_an_epoch_the_version_decides_and_nothing_old_is_news() -> None:
    """A late event of an older version is no news even when its clock ran ahead; after a restore time decides."""
    item, ahead = uuid4(), [{"version": 1, "at": NOON + timedelta(hours=1), "change": "major"}]
    told = advanced(state(item, 2), None)
    late = state(item, 1, history=ahead)
    assert not is_news(late, told)
    assert advanced(late, told) == told
    assert is_news(state(item, 3), told)
    assert not is_news(state(item, 3, notice_version=2), told)
    restored = uuid4()
    assert not is_news(state(item, 2, epoch=restored), told)
    assert is_news(state(item, 1, epoch=restored, history=ahead), told)
    assert not is_news(state(item, 1, notice_version=0), None)


# --- delivery


@pytest.mark.parametrize(
    ("code", "message", "phase", "verdict"),
    [
        (250, "2.0.0 Ok", "data", Verdict("sent")),
        (421, "4.3.2 closing", "mail", Verdict("deferred", "421 4.3.2")),
        (450, "4.2.0 greylisted", "rcpt", Verdict("deferred", "450 4.2.0")),
        (452, "full", "data", Verdict("deferred", "452")),
        (
            550,
            "5.1.1 <reader@example.org> unknown",
            "rcpt",
            Verdict("failed", "550 5.1.1", ends_address=True),
        ),
        (552, "too big", "data", Verdict("failed", "552", ends_address=True)),
        (550, "5.7.1 relaying denied", "rcpt", Verdict("failed", "550 5.7.1")),
        (554, "5.7.1 looks like spam", "data", Verdict("failed", "554 5.7.1")),
        (550, "5.1.8 sender", "mail", Verdict("deferred", "550 5.1.8")),
    ],
)
def test_what_a_reply_means(code: int, message: str, phase: str, verdict: Verdict) -> None:
    """4xx waits, 5xx about the recipient ends the address, 5xx about us does not; no reason repeats an address."""
    assert judged(code, message, phase) == verdict  # type: ignore[arg-type]


def test_retries_grow_and_end_after_48_hours() -> None:
    """1, 5, 30 min, 2, 4, 8, 16 h; the last try lies within 48 hours of the first."""
    now, waits, attempts = NOON, [], 1
    while (at := retry_at(attempts, NOON, now)) is not None:
        waits.append((at - now) / timedelta(minutes=1))
        now, attempts = at, attempts + 1
    assert waits == [1, 5, 30, 120, 240, 480, 960, 960]
    assert now - NOON <= timedelta(hours=48)


def test_only_urgent_mails_go_again_when_it_is_unknown() -> None:
    """After a break behind DATA the urgent one is retried, the other ends as unknown; given up is a named end."""
    lost = Verdict("unknown", "connection lost after DATA")
    assert after_verdict(lost, 1, NOON, NOON, urgent=False).state == "unknown"
    again = after_verdict(lost, 1, NOON, NOON, urgent=True)
    assert (again.state, again.next_at) == ("deferred", NOON + timedelta(minutes=1))
    late = NOON + timedelta(hours=47, minutes=59)
    end = after_verdict(Verdict("deferred", "450"), 9, NOON, late, urgent=True)
    assert (end.state, end.reason) == ("failed", "given up: 450")
