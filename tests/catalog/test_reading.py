"""What a department may send, and what it is told when it may not."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog import reading
from services.catalog.complaints import MAX_PROBLEMS
from services.catalog.reading import (
    Sender,
    Unreadable,
    data_hash,
    overtaken,
    read_data,
    read_event,
)
from shared.events.intake import (
    MAX_BODY_BYTES,
    PUBLISHED,
    UPDATED,
    WITHDRAWN,
    IntakeData,
    IntakeEvent,
    WithdrawalData,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
SHARED = Path(__file__).parents[2].parent / "shared"


def item(**changes: Any) -> dict[str, Any]:
    """Return the data of a good item with *changes*; a change to `...` leaves the field out."""
    data = {
        "title": "关于S207石桥段封闭施工的公告",
        "body": {"format": "text", "content": "自即日起封闭。"},
        "catalogue": "notice",
        "formed_on": "2026-11-20",
    } | changes
    return {name: value for name, value in data.items() if value is not ...}


def event(data: object = None, **changes: Any) -> dict[str, Any]:
    """Return a good event with *changes*; a change to `...` leaves the attribute out."""
    whole = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/departments/jtj",
        "subject": "gg/2026/1",
        "type": PUBLISHED,
        "data": item() if data is None else data,
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


def raw(document: object) -> bytes:
    """Return *document* as the bytes of an event."""
    return json.dumps(document, ensure_ascii=False).encode()


def _context(changes: dict[str, Any]) -> dict[str, Any]:
    return {"department": "jtj", "now": NOW} | changes


def refused(document: object, **context: Any) -> dict[str, str]:
    """Read what must be refused, and return the code of each problem by its path."""
    answer = read_event(
        document if isinstance(document, bytes) else raw(document),
        **_context(context),
    )
    assert isinstance(answer, Unreadable)
    return {problem.path: problem.code for problem in answer.problems}


def accepted(document: object, **context: Any) -> IntakeEvent:
    """Read what must be accepted."""
    answer = read_event(raw(document), **_context(context))
    assert isinstance(answer, IntakeEvent), answer
    return answer


def test_a_good_event_is_read_whole() -> None:
    """Attributes, data, source version and unknown extensions all arrive."""
    read = accepted(event(sourceversion=3, time="2026-11-23T08:00:00+08:00", traceparent="00-1"))
    assert (read.id, read.department, read.source_id, read.sourceversion) == (
        "e-1",
        "jtj",
        "gg/2026/1",
        3,
    )
    assert read.time == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert isinstance(read.data, IntakeData)
    assert read.data.language == "zh-Hans"
    assert json.loads(read.model_dump_json())["traceparent"] == "00-1"


def test_a_withdrawal_carries_its_own_data() -> None:
    """A withdrawal is read into its own model."""
    read = accepted(event({"kind": "withdrawn", "reason": "内容有误"}, type=WITHDRAWN))
    assert read.data == WithdrawalData(kind="withdrawn", reason="内容有误")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"", "not_json"),
        (b"nothing", "not_json"),
        (b'{"id": NaN}', "not_json"),
        (b'{"id": -Infinity}', "not_json"),
        (b'{"a": 1e999}', "not_json"),
        (b"1" * 5000, "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "not_utf8"),
        ("\ufeff{}".encode(), "not_json"),
        (b'{"id": "1", "id": "2"}', "duplicate_key"),
        (b'{"data": {"x": [{"title": 1, "title": 1}]}}', "duplicate_key"),
        (b"[]", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"null", "wrong_type"),
        (b"[" * 10_000, "too_deep"),
        (b"[" * 10_000 + b"]" * 10_000, "too_deep"),
        (b'{"data":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
        (b'{"data":' * 33 + b"1" + b"}" * 33, "too_deep"),
        (b'{"a": "' + b"x" * (8 * 1024 * 1024) + b'"}', "event_too_large"),
    ],
)
def test_what_is_no_clean_json_is_refused_at_once(bad: bytes, code: str) -> None:
    """Whatever is not strict JSON of bounded depth is refused within a second, by a rule of its own."""
    begun = time.perf_counter()
    assert code in refused(bad).values()
    assert time.perf_counter() - begun < 1


def test_thirty_two_levels_are_read() -> None:
    """The bound on depth refuses level 33 for its depth and level 32 only for what it says."""
    nested: object = 1
    for _ in range(30):
        nested = [nested]
    assert refused(event(item(nested=nested))) == {"/data/nested": "unknown_field"}


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x7f", "\x0c", "\ud800", "\ufffe"])
def test_no_control_character_or_lone_surrogate_comes_in(char: str) -> None:
    """They are refused wherever they stand, beside every other problem."""
    document = event(item(title=f"标题{char}", keywords=[f"{char}"], formed_on=...), id=f"x{char}")
    found = refused(json.dumps(document).encode())
    assert found["/data/title"] == found["/data/keywords/0"] == found["/id"] == "control_character"
    assert found["/data/formed_on"] == "missing"


def test_every_attribute_that_is_missing_is_named() -> None:
    """An empty object is told about all required attributes at once."""
    assert refused({}) == {
        f"/{name}": "missing" for name in ("specversion", "id", "source", "subject", "type", "data")
    }


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"specversion": "0.3"}, "/specversion", "not_allowed"),
        ({"id": ""}, "/id", "blank"),
        ({"id": 7}, "/id", "wrong_type"),
        ({"source": "/departments/other"}, "/source", "foreign_source"),
        ({"source": "jtj"}, "/source", "bad_format"),
        ({"source": "/departments/JTJ"}, "/source", "bad_format"),
        ({"source": "/departments/jtj/x"}, "/source", "bad_format"),
        ({"subject": ...}, "/subject", "missing"),
        ({"subject": " a"}, "/subject", "bad_format"),
        ({"subject": "x" * 401}, "/subject", "too_long"),
        ({"subject": "\U00020000" * 301}, "/subject", "too_long"),
        ({"subject": "a\u2028b"}, "/subject", "bad_format"),
        ({"type": "org.opengazette.item.deleted.v1"}, "/type", "unknown_type"),
        ({"time": "2026-11-23"}, "/time", "bad_format"),
        ({"time": "2026-02-30T00:00:00Z"}, "/time", "impossible_date"),
        ({"time": "1764000000"}, "/time", "bad_format"),
        ({"sourceversion": 0}, "/sourceversion", "too_small"),
        ({"sourceversion": "3"}, "/sourceversion", "wrong_type"),
        ({"sourceversion": True}, "/sourceversion", "wrong_type"),
        ({"sourceversion": 1.5}, "/sourceversion", "wrong_type"),
        ({"sourceversion": 2**53}, "/sourceversion", "too_big"),
        ({"datacontenttype": "text/xml"}, "/datacontenttype", "not_allowed"),
        ({"data_base64": "e30="}, "/data_base64", "not_allowed"),
        ({"myExt": "x"}, "/myExt", "bad_extension"),
        ({"ext": {"a": 1}}, "/ext", "bad_extension"),
        ({"data": []}, "/data", "wrong_type"),
    ],
)
def test_the_envelope_is_judged(changes: dict[str, Any], path: str, code: str) -> None:
    """Each rule about the attributes of CloudEvents is told at the attribute's own path."""
    assert refused(event(**changes)) == {path: code}


def test_an_event_without_data_is_refused() -> None:
    """A null in place of the data is no data."""
    assert refused(event() | {"data": None}) == {"/data": "missing"}


def test_absent_attributes_may_be_null() -> None:
    """The JSON format of CloudEvents lets an unset attribute be null."""
    assert (
        accepted(event(time=None, sourceversion=None, datacontenttype=None)).sourceversion is None
    )


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"titel": "x"}, "/titel", "unknown_field"),
        ({"a/b~c": "x"}, "/a~1b~0c", "unknown_field"),
        ({"title": ...}, "/title", "missing"),
        ({"title": "x" * 501}, "/title", "too_long"),
        ({"title": "  "}, "/title", "blank"),
        ({"title": "一\n二"}, "/title", "line_break"),
        ({"title": 5}, "/title", "wrong_type"),
        ({"body": ...}, "/body", "missing"),
        ({"body": "text"}, "/body", "wrong_type"),
        ({"body": {"format": "word", "content": "x"}}, "/body/format", "not_allowed"),
        ({"body": {"format": "text"}}, "/body/content", "missing"),
        ({"body": {"format": "text", "content": " \n"}}, "/body/content", "blank"),
        ({"disclosure": "on_application"}, "/body", "not_applicable"),
        ({"catalogue": "regulations"}, "/catalogue", "unknown_code"),
        ({"formed_on": "2026-02-30"}, "/formed_on", "impossible_date"),
        ({"formed_on": "2026/02/03"}, "/formed_on", "bad_format"),
        ({"formed_on": "2026-11-20T00:00:00Z"}, "/formed_on", "bad_format"),
        ({"formed_on": 20261120}, "/formed_on", "wrong_type"),
        ({"formed_on": "0202-11-20"}, "/formed_on", "implausible_date"),
        ({"formed_on": "2026-11-25"}, "/formed_on", "in_the_future"),
        (
            {"effective_on": "2026-12-01", "expires_on": "2026-11-30"},
            "/expires_on",
            "before_effective",
        ),
        ({"validity": "valid"}, "/validity", "not_allowed"),
        ({"language": "中文"}, "/language", "bad_format"),
        ({"genre": ""}, "/genre", "blank"),
        ({"topics": "农业"}, "/topics", "wrong_type"),
        ({"topics": ["x" * 201]}, "/topics/0", "too_long"),
        ({"keywords": ["x"] * 51}, "/keywords", "too_many"),
        ({"important": "true"}, "/important", "wrong_type"),
        ({"publish_at": "2026-12-01T00:00:00"}, "/publish_at", "no_time_zone"),
        ({"publish_at": "1764000000"}, "/publish_at", "bad_format"),
        ({"publish_at": "9999-12-31T23:59:59-12:00"}, "/publish_at", "implausible_date"),
        ({"remove_after": "2026-02-30"}, "/remove_after", "impossible_date"),
        ({"remove_after": "2026-12-01T00:00:00"}, "/remove_after", "no_time_zone"),
        ({"remove_after": "1764000000"}, "/remove_after", "bad_format"),
        ({"contact": {"tel": "1"}}, "/contact/tel", "unknown_field"),
        ({"places": [{"name": "x", "division": "34a"}]}, "/places/0/division", "bad_format"),
        (
            {"relations": [{"type": "amends", "target": "nowhere"}]},
            "/relations/0/target",
            "bad_format",
        ),
        (
            {"relations": [{"type": "amends", "target": "jtj/gg/2026/1"}]},
            "/relations/0/target",
            "relates_to_itself",
        ),
        ({"old_urls": ["javascript:alert(1)"]}, "/old_urls/0", "bad_format"),
        ({"change_reason": "typo"}, "/change_reason", "not_allowed"),
    ],
)
def test_the_data_is_judged(changes: dict[str, Any], path: str, code: str) -> None:
    """Each rule about the data is told at the field's own path, and nothing else is."""
    assert refused(event(item(**changes))) == {f"/data{path}": code}


@pytest.mark.parametrize(
    ("opens", "closes", "codes"),
    [
        (
            "2026-11-23T09:00:00+08:00",
            "2026-11-23T01:00:00Z",
            {"/data/period/closes_at": "closes_before_opening"},
        ),
        ("2026-11-23T09:00:00+08:00", "2026-11-23T08:00:00Z", {}),
        (None, "2026-11-23T01:00:00Z", {}),
    ],
)
def test_a_period_closes_after_it_opens(
    opens: str | None, closes: str, codes: dict[str, str]
) -> None:
    """Instants are compared, whatever their time zones."""
    document = event(item(period={"kind": "objection", "opens_at": opens, "closes_at": closes}))
    answer = read_event(raw(document), department="jtj", now=NOW)
    found = {p.path: p.code for p in answer.problems} if isinstance(answer, Unreadable) else {}
    assert found == codes


ATTACHMENT = {"name": "附件1.pdf", "media_type": "application/pdf", "sha256": "a" * 64, "size": 1}


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"name": "../x.pdf"}, "/name", "unsafe_name"),
        ({"name": "a\\b.pdf"}, "/name", "unsafe_name"),
        ({"name": ".."}, "/name", "unsafe_name"),
        ({"name": "x\u202efdp.exe.pdf"}, "/name", "unsafe_name"),
        ({"name": "附" * 80 + ".pdf"}, "/name", "unsafe_name"),
        ({"name": "x.svg"}, "", "type_not_allowed"),
        ({"name": "x.HTML"}, "", "type_not_allowed"),
        ({"name": "x.pdf", "media_type": "image/svg+xml"}, "", "type_not_allowed"),
        ({"sha256": "A" * 64}, "/sha256", "bad_format"),
        ({"size": -1}, "/size", "too_small"),
        ({"media_type": "pdf"}, "/media_type", "bad_format"),
        ({"role": "picture"}, "/role", "not_allowed"),
    ],
)
def test_attachments_are_judged(changes: dict[str, Any], path: str, code: str) -> None:
    """A name must be safe as a file's name, and a type one that no browser runs."""
    assert refused(event(item(attachments=[ATTACHMENT | changes]))) == {
        f"/data/attachments/0{path}": code
    }


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"kind": "withdrawn"}, {"/data/reason": "missing"}),
        ({"kind": "deleted", "reason": "x"}, {"/data/kind": "not_allowed"}),
        ({"kind": "redirect", "reason": "x"}, {"/data/redirect_to": "missing"}),
        (
            {"kind": "redirect", "reason": "x", "redirect_to": "http://a.cn/"},
            {"/data/redirect_to": "bad_format"},
        ),
        (
            {"kind": "redirect", "reason": "x", "redirect_to": "https://u@a.cn/"},
            {"/data/redirect_to": "bad_format"},
        ),
        (
            {"kind": "redirect", "reason": "x", "redirect_to": "javascript:1"},
            {"/data/redirect_to": "bad_format"},
        ),
        ({"kind": "redirect", "reason": "x", "redirect_to": "https://a.cn/b?c#d"}, {}),
        ({"kind": "redirect", "reason": "x", "redirect_to": "jtj/gg/2026/2"}, {}),
        (
            {"kind": "gone", "reason": "x", "redirect_to": "jtj/1"},
            {"/data/redirect_to": "not_applicable"},
        ),
        ({"kind": "gone", "reason": " "}, {"/data/reason": "blank"}),
        ({"kind": "gone", "reason": "x", "title": "x"}, {"/data/title": "unknown_field"}),
    ],
)
def test_withdrawals_are_judged(data: dict[str, Any], found: dict[str, str]) -> None:
    """A withdrawal needs its reason, and a redirect its target."""
    answer = read_event(raw(event(data, type=WITHDRAWN)), department="jtj", now=NOW)
    assert (
        {p.path: p.code for p in answer.problems} if isinstance(answer, Unreadable) else {}
    ) == found


def test_an_entry_disclosed_on_application_needs_no_body() -> None:
    """It shows metadata and how to apply, nothing more."""
    read = accepted(event(item(disclosure="on_application", body=...)))
    assert isinstance(read.data, IntakeData)
    assert read.data.body is None


def test_a_body_may_have_two_mebibytes() -> None:
    """The bound counts bytes of UTF-8: at it a body passes, one character more is refused."""
    full = "汉" * (MAX_BODY_BYTES // 3)
    accepted(event(item(body={"format": "text", "content": full})))
    assert refused(event(item(body={"format": "text", "content": full + "汉"}))) == {
        "/data/body/content": "body_too_large"
    }


def test_all_problems_come_at_once_with_words_in_both_languages() -> None:
    """Fields, relations between fields and the envelope are told together, each with what to do."""
    data = item(
        titel="x",
        formed_on="2026-02-30",
        catalogue="notices",
        effective_on="2026-02-01",
        expires_on="2026-01-01",
    )
    document = event(data, specversion="2", source="/departments/xxj")
    answer = read_event(raw(document), department="jtj", now=NOW)
    assert isinstance(answer, Unreadable)
    assert {p.path for p in answer.problems} == {
        "/specversion", "/source", "/data/titel", "/data/formed_on", "/data/catalogue", "/data/expires_on",
    }  # fmt: skip
    for problem in answer.problems:
        for text in (problem.message, problem.fix):
            chinese, english = text.split(" / ")
            assert any("\u4e00" <= char <= "\u9fff" for char in chinese)
            assert english.isascii()
    assert (answer.id, answer.source_id, answer.type) == ("e-1", "gg/2026/1", PUBLISHED)


def fix_of(path: str, data: dict[str, Any]) -> str:
    """Return what a sender of *data* is told to do at *path*."""
    answer = read_event(raw(event(data)), department="jtj", now=NOW)
    assert isinstance(answer, Unreadable)
    return next(problem.fix for problem in answer.problems if problem.path == path)


def test_a_fix_names_what_was_probably_meant() -> None:
    """A misspelt field, a synonym, a misspelt code and a misspelt value are recognised."""
    assert "title" in fix_of("/data/titel", item(titel="x"))
    assert "formed_on" in fix_of("/data/成文日期", item(成文日期="x"))
    assert "phone" in fix_of("/data/contact/phon", item(contact={"phon": "1"}))
    assert "regulation.normative" in fix_of(
        "/data/catalogue", item(catalogue="regulation.normativ")
    )
    assert "markdown" in fix_of(
        "/data/body/format", item(body={"format": "markdwn", "content": "x"})
    )


def test_a_fix_shows_limits_and_allowed_values() -> None:
    """The numbers in a text are those of the contract."""
    answer = read_event(raw(event(item(title="x" * 501))), department="jtj", now=NOW)
    assert isinstance(answer, Unreadable)
    assert "501" in answer.problems[0].message
    assert "500" in answer.problems[0].fix
    assert "in_force" in fix_of("/data/validity", item(validity="?"))


def test_hostile_values_are_quoted_harmlessly() -> None:
    """A problem never repeats control characters, line breaks or endless text of the sender."""
    answer = read_event(
        raw(event(item(**{"x\n\u202e" + "y" * 500: 1, "catalogue": "z / \n" * 15}))), now=NOW
    )
    assert isinstance(answer, Unreadable)
    for problem in answer.problems:
        assert problem.message.count(" / ") == 1
        assert problem.message.isprintable()
        assert problem.path.isprintable()
        assert len(problem.message) < 400


def test_thousands_of_problems_are_cut() -> None:
    """A person is told a hundred, and how many more there are."""
    answer = read_event(
        raw(event(item(**{f"field{n}": 1 for n in range(5000)}))), department="jtj", now=NOW
    )
    assert isinstance(answer, Unreadable)
    assert len(answer.problems) == MAX_PROBLEMS + 1
    assert "4900" in answer.problems[-1].message


HISTORY = {
    "first_published_on": "2014-05-01",
    "index_number": "A-1",
    "old_urls": ["/a.html"],
    "change": "republish",
}


def test_history_needs_its_right() -> None:
    """First dates, index numbers, old addresses and republishing are for departments with the right `history`."""
    data = item(**HISTORY)
    assert refused(event(data), sender=Sender(history=False)) == {
        f"/data/{field}": "needs_history_right" for field in HISTORY
    }
    accepted(event(data), sender=Sender(history=True))


def test_a_department_may_use_its_own_codes() -> None:
    """Codes below the standard ones are known by their department only."""
    assert refused(event(item(catalogue="notice.road"))) == {"/data/catalogue": "unknown_code"}
    accepted(event(item(catalogue="notice.road")), sender=Sender(codes={"notice.road"}))


def test_a_date_may_be_one_day_ahead() -> None:
    """Papers are dated the day they go out; the day after tomorrow is a slip."""
    accepted(event(item(formed_on="2026-11-24")))


def test_time_alone_refuses_only_new_events() -> None:
    """A past `remove_after` reads well, so that a repeat can be recognised, and is told separately."""
    read = accepted(event(item(remove_after="2026-11-23T08:00:00Z")))
    assert isinstance(read.data, IntakeData)
    assert [problem.code for problem in overtaken(read.data, NOW, ZONE)] == ["in_the_past"]
    assert overtaken(read.data, NOW - timedelta(hours=2), ZONE) == []


@pytest.mark.parametrize(
    ("remove_after", "publish_at", "code"),
    [
        ("2026-11-22", None, "in_the_past"),
        ("2026-11-23", None, None),
        ("2026-11-23", "2026-11-23T23:59:59+08:00", None),
        ("2026-11-23", "2026-11-24T00:00:00+08:00", "before_publication"),
        ("2026-12-01T00:00:00+08:00", "2026-12-01T00:00:00+08:00", "before_publication"),
        ("2026-12-01T00:00:00+08:00", "2026-11-30T00:00:00+08:00", None),
        ("2026-12-01T00:00:00+08:00", "2026-01-01T00:00:00+08:00", None),
    ],
)
def test_what_is_removed_was_to_be_seen(
    remove_after: str, publish_at: str | None, code: str | None
) -> None:
    """The time of removal lies ahead, and after that of publication; a day lasts until its end in the site's zone."""
    read = accepted(event(item(remove_after=remove_after, publish_at=publish_at)))
    assert isinstance(read.data, IntakeData)
    found = [(p.path, p.code) for p in overtaken(read.data, NOW, ZONE)]
    assert found == ([("/data/remove_after", code)] if code else [])


def test_equal_content_has_one_hash() -> None:
    """Key order, written defaults, published or updated, the source version and the envelope change nothing; content does."""
    read = accepted(event(sourceversion=1))
    turned = dict(reversed(event(dict(reversed(item().items())), sourceversion=1).items()))
    same = accepted(
        turned
        | {"id": "e-2", "type": UPDATED, "data": turned["data"] | {"summary": None, "topics": []}}
    )
    other = accepted(event(item(summary="x"), sourceversion=1))
    assert (
        data_hash(read.data)
        == data_hash(same.data)
        == data_hash(accepted(event(sourceversion=2)).data)
        != data_hash(other.data)
    )


def test_data_without_an_envelope_is_read_by_the_same_rules() -> None:
    """PUT and DELETE bodies give the same models and the same paths."""
    assert isinstance(read_data(raw(item()), "item", now=NOW), IntakeData)
    assert isinstance(read_data({"kind": "gone", "reason": "x"}, "withdrawal"), WithdrawalData)
    answer = read_data(raw(item(titel=1, formed_on=...)), "item", now=NOW)
    assert isinstance(answer, Unreadable)
    assert {p.path: p.code for p in answer.problems} == {
        "/data/titel": "unknown_field",
        "/data/formed_on": "missing",
    }
    for bad in (b"[", b"[]", b"[" * 10_000):
        assert isinstance(read_data(bad, "item"), Unreadable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)
FIELDS = st.sampled_from([*IntakeData.model_fields, *WithdrawalData.model_fields, "titel"])


@settings(deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_reading_never_raises(document: bytes) -> None:
    """Any bytes give an event or a refusal that names a problem."""
    answer = read_event(document, department="jtj", now=NOW)
    assert isinstance(answer, Unreadable)
    assert answer.problems


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(FIELDS, JSON, max_size=5),
    st.sampled_from([PUBLISHED, UPDATED, WITHDRAWN]),
    st.dictionaries(
        st.sampled_from(["id", "time", "sourceversion", "subject", "ext"]), JSON, max_size=2
    ),
)
def test_reading_never_raises_on_nearly_good_events(
    data: dict[str, Any], kind: str, changes: dict[str, Any]
) -> None:
    """Whatever stands in known fields, the answer is an event that can be written again, or problems with words."""
    whole = event(item() | data, type=kind) | changes
    answer = read_event(json.dumps(whole).encode(), department="jtj", now=NOW)
    if isinstance(answer, IntakeEvent):
        assert read_event(answer.model_dump_json().encode(), department="jtj", now=NOW) == answer
        assert data_hash(answer.data)
    else:
        assert answer.problems
        assert all(problem.message and problem.fix for problem in answer.problems)


@pytest.mark.skipif(not SHARED.exists(), reason="the real documents lie beside the repository")
def test_real_documents_are_read_quickly() -> None:
    """836 documents of eight governments are accepted as they are."""
    lines = (SHARED / "data" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines]
    events = [
        raw(
            event(
                item(
                    title=each["title"],
                    body={"format": "markdown", "content": each["body_markdown"]},
                    language=each["language"],
                    formed_on=each["issued_on"] or each["published_on"] or "2000-01-01",
                    document_number=each["document_number"],
                )
            )
        )
        for each in documents
    ]
    begun = time.perf_counter()
    answers = [read_event(each, department="jtj", now=NOW) for each in events]
    assert time.perf_counter() - begun < 5
    assert [answer for answer in answers if isinstance(answer, Unreadable)] == []


@given(
    st.text(max_size=40), st.booleans(), st.sampled_from(["1e5", "1E+999", "12", "-0.5e3", "1.5"])
)
def test_the_quick_look_takes_nothing_unclean(text: str, ascii_only: bool, number: str) -> None:
    """Where the quick look says "surely clean", the close look finds nothing either."""
    raw = json.dumps({"a": text, "b": [0], text: 1}, ensure_ascii=ascii_only).replace(
        "[0]", f"[{number}]"
    )
    try:
        encoded = raw.encode()
    except UnicodeEncodeError:
        return
    document, clean = reading._parsed(encoded)
    if clean:
        assert not list(reading._unclean(document))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"\\u0000"}',
        b'{"a":1e999}',
        b'{"a":"\x7f"}',
        b"[" * 40 + b"]" * 40,
        '{"a":"\uffff"}'.encode(),
    ],
)
def test_the_quick_look_suspects(raw: bytes) -> None:
    """Control characters, huge numbers and deep nesting are looked at closely."""
    document, clean = reading._parsed(raw)
    assert not clean
    assert list(reading._unclean(document))
