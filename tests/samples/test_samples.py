"""The demo county 青禾县: each file is what the push program and the catalog take, and the whole holds together."""

from __future__ import annotations

import hashlib
import io
import re
import tomllib
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from stdnum.cn import ric

from samples.make_files import COUNTY, made
from services.catalog import standard
from services.catalog.cleaning import clean_body
from services.catalog.reading import Sender, Unreadable, read_data
from shared.events.intake import IntakeData, WithdrawalData

TODAY = date(2026, 12, 1)
NOW = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
BEIJING = timezone(timedelta(hours=8))
HELD_ON_PURPOSE = {"held-by-the-gate"}
_TOKEN = re.compile(r"\[\[(day|日|年月日|at)([+-]\d+)(?: (\d\d):(\d\d))?\]\]")
_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def current(text: str, today: date) -> str:
    """Put dates in place of the relative ones."""

    def word(token: re.Match[str]) -> str:
        day = today + timedelta(days=int(token[2]))
        if token[1] == "at":
            at = datetime(
                day.year, day.month, day.day, int(token[3]), int(token[4]), tzinfo=BEIJING
            )
            return at.isoformat()
        if token[1] == "日":
            return f"{day.month}月{day.day}日（周{'一二三四五六日'[day.weekday()]}）"
        return f"{day.year}年{day.month}月{day.day}日" if token[1] == "年月日" else day.isoformat()

    return _TOKEN.sub(word, text)


@dataclass(frozen=True)
class Sample:
    """One file: where it stands and what its front matter and body say today."""

    path: Path
    front: dict[str, Any]
    body: str

    @property
    def department(self) -> str:
        """Return the code of its department."""
        return self.path.parent.name

    @property
    def slug(self) -> str:
        """Return its source id."""
        return self.path.stem.partition("@")[0]

    @property
    def version(self) -> int:
        """Return its version: 1 without a mark."""
        return int(self.path.stem.partition("@")[2] or 1)

    @property
    def name(self) -> str:
        """Return what relations call it."""
        return f"{self.department}/{self.slug}"

    @property
    def withdraws(self) -> bool:
        """Say whether it takes its item back."""
        return self.front.get("type") == "withdrawn"


@cache
def samples() -> tuple[Sample, ...]:
    """Return every sample of the county."""
    return tuple(_sample(path) for path in sorted(COUNTY.glob("*/*.md")))


def _sample(path: Path) -> Sample:
    text = current(path.read_text(encoding="utf-8"), TODAY)
    _, head, body = re.split(r"(?m)^---[ \t]*$\n?", text, maxsplit=2)
    return Sample(path, yaml.safe_load(head), body.strip())


@cache
def defaults() -> dict[str, Any]:
    """Return what is merged under the front matter of every item."""
    loaded: dict[str, Any] = yaml.safe_load((COUNTY / "defaults.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def departments() -> list[dict[str, Any]]:
    """Return the county's bodies."""
    rows: list[dict[str, Any]] = tomllib.loads(
        (COUNTY / "departments.toml").read_text(encoding="utf-8")
    )["department"]
    return rows


def _attached(sample: Sample, entry: dict[str, Any]) -> dict[str, Any]:
    entry = dict(entry)
    file = sample.path.parent / entry.pop("file")
    content = file.read_bytes()
    facts = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "media_type": _TYPES[file.suffix],
    }
    return {"name": file.name, **facts, **entry}


def intake(sample: Sample) -> IntakeData | WithdrawalData | Unreadable:
    """Read *sample* as the catalog would."""
    front = {key: value for key, value in sample.front.items() if key not in {"type", "format"}}
    if sample.withdraws:
        return read_data(_plain(front), "withdrawal", now=NOW, itself=sample.name)
    data = {
        **defaults(),
        **front,
        "body": {"format": sample.front.get("format", "markdown"), "content": sample.body},
    }
    data["attachments"] = [_attached(sample, entry) for entry in front.get("attachments", [])]
    return read_data(_plain(data), "item", sender=Sender(history=True), now=NOW, itself=sample.name)


def _plain(value: Any) -> Any:
    """Turn YAML's dates into the strings that JSON carries."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def _called(sample: Sample) -> str:
    return f"{sample.department}/{sample.path.stem}"


every_sample = pytest.mark.parametrize("sample", samples(), ids=_called)
every_item = pytest.mark.parametrize(
    "sample", [s for s in samples() if not s.withdraws], ids=_called
)


@every_sample
def test_the_catalog_takes_it(sample: Sample) -> None:
    """No sample is refused, and an item's attestation is complete."""
    known = intake(sample)
    assert not isinstance(known, Unreadable), [problem.message for problem in known.problems]
    assert sample.withdraws or (
        isinstance(known, IntakeData) and known.review and known.review.complete()
    )


@every_item
def test_its_body_survives_cleaning(sample: Sample) -> None:
    """The cleaned body keeps its tables, shows no Markdown marks and no relative date that nobody filled in."""
    html = clean_body(sample.front.get("format", "markdown"), sample.body)
    wanted = sample.body.count("\n| ---") or sample.body.count("<table")
    assert html.count("<table") == wanted
    assert not re.search(r"\*\*[^*\d]", html), (
        "masked names and numbers keep their asterisks, emphasis does not"
    )
    assert "[[" not in html
    assert "Mso" not in html


@every_item
def test_it_says_what_a_reader_needs(sample: Sample) -> None:
    """An item has a plain summary, a phone, a genre and topics of the vocabulary, and 120 characters of text."""
    front = sample.front
    assert front["summary"].rstrip()[-1] in "。；！？."
    assert len(front["summary"]) <= 150 or front.get("language") == "en"
    assert front["contact"]["phone"]
    assert front["genre"] in standard.genres()
    assert set(front["topics"]) <= set(standard.topics())
    assert len(sample.body) >= 120


@every_item
def test_relations_point_to_what_exists(sample: Sample) -> None:
    """Each relation names an item of the county."""
    names = {other.name for other in samples()}
    assert {relation["target"] for relation in sample.front.get("relations", [])} <= names


@every_item
def test_history_tells_nobody(sample: Sample) -> None:
    """A first version with an earlier date of publication is a migration, so that no mail goes out for it."""
    if sample.version == 1 and sample.front.get("first_published_on"):
        assert sample.front["change"] == "republish"


@every_item
def test_no_resident_number_but_the_one_for_the_gate(sample: Sample) -> None:
    """No sample carries a valid resident ID number, except the one that shows the gate."""
    found = [n for n in re.findall(r"(?<!\d)\d{17}[\dXx](?!\d)", sample.body) if ric.is_valid(n)]
    assert bool(found) == (sample.slug in HELD_ON_PURPOSE)


def test_versions_are_complete_and_in_a_row() -> None:
    """A later version has all its earlier ones, and says what changed."""
    seen: dict[str, set[int]] = {}
    for sample in samples():
        seen.setdefault(sample.name, set()).add(sample.version)
        assert sample.version == 1 or sample.withdraws or sample.front.get("change_note"), (
            sample.path
        )
    assert all(versions == set(range(1, len(versions) + 1)) for versions in seen.values())


def test_titles_and_numbers_are_one_of_a_kind() -> None:
    """No two items share a title or a document number with a year in brackets."""
    items = [s for s in samples() if s.version == 1]
    titles = Counter(s.front["title"] for s in items)
    numbers = Counter(n for s in items if "〔" in (n := s.front.get("document_number") or ""))
    assert [what for what, count in (titles + numbers).items() if count > 1] == []


def test_the_county_is_big_enough() -> None:
    """17 bodies, each with items, at least 120 items in all; three of the bodies' texts are word-processor HTML."""
    codes = {row["code"] for row in departments()}
    items = {s.name for s in samples()}
    assert len(codes) == 17
    assert {s.department for s in samples()} == codes
    assert len(items) >= 120
    assert sum(s.front.get("format") == "html" for s in samples()) >= 3


def test_departments_form_a_tree_with_known_entries() -> None:
    """Each body is named in three languages, hangs below the county, and keeps entries of the standard catalogue."""
    codes = {row["code"] for row in departments()}
    for row in departments():
        assert set(row["names"]) == {"zh-Hans", "zh-Hant", "en"}
        assert row.get("parent", "county-government") in codes
        assert {entry["code"] for entry in row.get("entries", [])} <= standard.codes()


def test_one_entry_is_blank_and_says_who_owes_it() -> None:
    """One entry has no item; its note names the day it was due and the persons, and no sample fills it."""
    blank = [
        (row["code"], entry)
        for row in departments()
        for entry in row.get("entries", [])
        if "blank_note" in entry
    ]
    assert len(blank) == 1
    code, entry = blank[0]
    assert re.search(r"应于\d{4}年\d+月\d+日前更新.*责任人", entry["blank_note"])
    assert not [
        s for s in samples() if s.department == code and s.front.get("catalogue") == entry["code"]
    ]


def _members(office_file: bytes) -> dict[str, tuple[bytes, tuple[int, ...]]]:
    """Return what a zip holds and when it says so; compressors differ between machines."""
    with zipfile.ZipFile(io.BytesIO(office_file)) as packed:
        return {
            entry.filename: (packed.read(entry), entry.date_time) for entry in packed.infolist()
        }


def test_attachments_are_what_the_script_makes() -> None:
    """Each committed form holds what `make_files` writes today, names no author, and is below 40 kB."""
    for path, content in made().items():
        committed = (COUNTY / path).read_bytes()
        assert _members(committed) == _members(content), path
        assert len(committed) < 40_000
        assert not re.search(rb"<dc:creator>[^<]", _members(committed)["docProps/core.xml"][0])


def test_one_item_came_late_and_says_so() -> None:
    """One item of the past was published after its limit; its text says when it was due and who owed it."""
    late = [s for s in samples() if "晚了29天" in s.body]
    assert [s.name for s in late] == ["education/fee-inspection-2026-spring"]
    assert (late[0].front["first_published_on"] - late[0].front["formed_on"]).days > 28
    assert "责任人" in late[0].body
