"""What the sender makes of files and folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.sender.reading import UnreadableFile, read_paths
from shared.events import intake


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file below the test's folder and return its path."""

    def wrote(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return wrote


Write = Callable[[str, str | bytes], Path]


def lines(*rows: dict[str, Any]) -> str:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


# --- JSON Lines


def test_json_lines_become_lines_in_order(write: Write) -> None:
    """Each line is one item; short and full types are known; published is meant where none is named."""
    path = write(
        "a.jsonl",
        lines(
            {"source_id": "1", "data": {"title": "一"}},
            {"source_id": "2", "sourceversion": 3, "type": "updated", "data": {"title": "二"}},
            {"source_id": "3", "type": intake.WITHDRAWN, "data": {"kind": "gone", "reason": "x"}},
        )
        + "\n",
    )
    found = read_paths([path])
    assert [(line.source_id, line.type, line.sourceversion) for line in found] == [
        ("1", intake.PUBLISHED, None),
        ("2", intake.UPDATED, 3),
        ("3", intake.WITHDRAWN, None),
    ]
    assert found[1].origin == f"{path}:2"


def test_breaks_inside_strings_are_no_ends_of_lines(write: Write) -> None:
    """U+2028, U+0085 and other breaks may stand in JSON strings; a byte order mark and CRLF do no harm."""
    text = "第一行\u2028第二行\u0085第三行\x1c"
    row = json.dumps({"source_id": "1", "data": {"title": text}}, ensure_ascii=False).replace(
        "\\u001c", "\\u001c"
    )
    path = write("a.jsonl", b"\xef\xbb\xbf" + f"{row}\r\n{row}\r\n".encode())
    assert [line.data["title"] for line in read_paths([path])] == [text, text]


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        '"x"',
        '{"data": {}}',
        '{"source_id": "1"}',
        '{"source_id": "1", "data": []}',
        '{"source_id": "1", "data": {}, "type": "deleted"}',
        '{"source_id": "1", "data": {}, "sourceversion": "2"}',
        '{"source_id": "1", "data": {}, "sourceversion": true}',
        '{"source_id": "1", "data": {}, "sourceversion": 0}',
        '{"source_id": "1", "data": {"attachments": [{"file": "nothing.pdf"}]}}',
    ],
)
def test_a_bad_line_is_named(write: Write, row: str) -> None:
    """The refusal names file and line, in two languages."""
    good = json.dumps({"source_id": "0", "data": {}})
    path = write("a.jsonl", f"{good}\n{row}\n")
    with pytest.raises(UnreadableFile, match=f"{path}:2") as refused:
        read_paths([path])
    assert " / " in refused.value.detail


@pytest.mark.parametrize("content", [b"\xff\xfe{", None])
def test_a_file_that_cannot_be_read_is_named(
    write: Write, tmp_path: Path, content: bytes | None
) -> None:
    """Bytes that are no UTF-8, or a file that is not there, are refused by name."""
    path = write("a.jsonl", content) if content else tmp_path / "missing.jsonl"
    with pytest.raises(UnreadableFile, match=path.name):
        read_paths([path])


def test_another_kind_of_file_is_refused_with_what_is_possible(write: Write) -> None:
    """A PDF alone is no item; the refusal says what can be pushed."""
    with pytest.raises(UnreadableFile, match=r"\.jsonl"):
        read_paths([write("a.pdf", "x")])


# --- Markdown

FRONT = "---\ntitle: 通告\nformed_on: 2026-11-23\ncatalogue: notice\n"


def test_a_markdown_file_is_an_item(write: Write) -> None:
    """Front matter is the data, what follows is the body; the file's name is the source id."""
    [line] = read_paths([write("road-closure.md", FRONT + "---\n\n正文\n\n第二段\n")])
    assert (line.source_id, line.type, line.sourceversion) == ("road-closure", intake.PUBLISHED, 1)
    assert line.data["body"] == {"format": "markdown", "content": "正文\n\n第二段"}
    assert line.data["title"] == "通告"


def test_dates_stay_the_text_they_are(write: Write) -> None:
    """Dates and instants of front matter are strings, as the contract has them; numbers and booleans are not."""
    extra = "publish_at: 2026-11-23T09:00:00+08:00\nperiod: {kind: notice, opens_at: 2026-11-23 09:00:00}\nimportant: true\n"
    [line] = read_paths([write("a.md", FRONT + extra + "---\nx")])
    assert line.data["formed_on"] == "2026-11-23"
    assert line.data["publish_at"] == "2026-11-23T09:00:00+08:00"
    assert line.data["period"]["opens_at"] == "2026-11-23 09:00:00"
    assert line.data["important"] is True


def test_versions_are_named_behind_an_at(write: Write, tmp_path: Path) -> None:
    """`name@2.md` is the second version of `name` and comes after every first version."""
    write("a@2.md", FRONT + "---\n二")
    write("a.md", FRONT + "---\n一")
    write("z@10.md", FRONT + "---\n十")
    write("b.md", FRONT.replace("2026-11-23", "2026-11-20") + "---\n早")
    write("below/c.md", FRONT + "---\n下")
    found = [(line.source_id, line.sourceversion) for line in read_paths([tmp_path])]
    assert found == [("b", 1), ("a", 1), ("a", 2), ("z", 10)]


def test_front_matter_may_name_id_version_type_and_format(write: Write) -> None:
    """What the file's name says, front matter may say otherwise."""
    matter = FRONT + "source_id: 通知/1\nsourceversion: 7\ntype: updated\nformat: text\n---\nx"
    [line] = read_paths([write("a.md", matter)])
    assert (line.source_id, line.sourceversion, line.type) == ("通知/1", 7, intake.UPDATED)
    assert line.data["body"]["format"] == "text"
    assert not {"source_id", "sourceversion", "type", "format"} & set(line.data)


def test_a_withdrawal_has_no_defaults_and_no_body(write: Write, tmp_path: Path) -> None:
    """`type: withdrawn` is a withdrawal with its kind and reason, nothing else."""
    write("defaults.yaml", "review: {reviewed_by: 王}\n")
    write("a@2.md", "---\ntype: withdrawn\nkind: withdrawn\nreason: 发布有误\n---\n说明\n")
    [line] = read_paths([tmp_path])
    assert (line.type, line.data) == (intake.WITHDRAWN, {"kind": "withdrawn", "reason": "发布有误"})


@pytest.mark.parametrize("place", ["defaults.yaml", "folder/defaults.yaml"])
def test_defaults_lie_under_front_matter(write: Write, tmp_path: Path, place: str) -> None:
    """`defaults.yaml` of the folder or the one above fills in what a file does not say."""
    write(place, "catalogue: news\nresponsible_office: 办公室\n")
    write("folder/a.md", FRONT + "---\nx")
    [line] = read_paths([tmp_path / "folder"])
    assert (line.data["catalogue"], line.data["responsible_office"]) == ("notice", "办公室")


def test_attachments_are_hashed(write: Write) -> None:
    """`file:` becomes name, type, size and hash of the file beside it; what is said explicitly stays."""
    write("files/表.xlsx", b"PK content")
    matter = "attachments:\n- {file: files/表.xlsx, role: form}\n- {file: files/表.xlsx, name: 申请表.xlsx}\n"
    [line] = read_paths([write("a.md", FRONT + matter + "---\nx")])
    first, second = line.data["attachments"]
    digest = sha256(b"PK content").hexdigest()
    assert first == {
        "name": "表.xlsx",
        "media_type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "sha256": digest,
        "size": 10,
        "role": "form",
    }
    assert second["name"] == "申请表.xlsx"
    assert line.files[digest].name == "表.xlsx"


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "---\ntitle: x\n",
        "---\n- a\n---\nx",
        "---\ntitle: [\n---\nx",
        FRONT + "attachments: [{file: no}]\n---\nx",
    ],
)
def test_a_bad_markdown_file_is_named(write: Write, text: str) -> None:
    """What is no front matter, or names a file that is not there, is refused by name."""
    with pytest.raises(UnreadableFile, match=r"bad\.md"):
        read_paths([write("bad.md", text)])


def test_text_is_transformed_before_it_is_read(write: Write) -> None:
    """A transformation sees the whole file, front matter included."""
    path = write("a.md", FRONT.replace("2026-11-23", "[[today]]") + "---\n[[today]]")
    [line] = read_paths([path], transform=lambda text: text.replace("[[today]]", "2026-11-24"))
    assert (line.data["formed_on"], line.data["body"]["content"]) == ("2026-11-24", "2026-11-24")
