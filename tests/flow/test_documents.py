"""836 real documents of seven bodies, pushed as a department pushes them."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.conftest import Gazette

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

NUMBER = re.compile(r"(?P<word>[^\s〔〕\[\]]+)〔(?P<year>\d{4})〕(?P<serial>\d+)号?")


def spellings(word: str, year: str, serial: str) -> list[str]:
    """Return a document number as people type it."""
    return [
        f"{word}〔{year}〕{serial}号",
        f"{word}[{year}]{serial}号",
        f"{word}（{year}）{serial}号",
        f"{word}【{year}】{serial}号",
        f"{word}{year}{serial}号" if len(serial) > 4 else f"{word} {year} {serial}号",
        f"{word}〔{year}〕{serial}",
    ]


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, shared_data: Path
) -> Iterator[tuple[Gazette, list[Path]]]:
    """An instance that holds the documents, and the files that were pushed."""
    folder = tmp_path_factory.mktemp("documents")
    running = Gazette(folder / "data", folder / "log")
    running.start()
    tool = shared_data.parent / "tools" / "as_intake.py"
    subprocess.run(
        [sys.executable, tool, shared_data / "documents.jsonl", folder / "lines"],
        check=True,
        capture_output=True,
    )
    files = sorted((folder / "lines").glob("*.jsonl"))
    for file in files:
        running.department(file.stem)
    running.run("push", *files, seconds=600)
    yield running, files
    running.kill()


def lines_of(files: list[Path]) -> list[tuple[str, dict[str, Any]]]:
    """Return every line with its department."""
    return [
        (file.stem, json.loads(row))
        for file in files
        for row in file.read_text(encoding="utf-8").splitlines()
    ]


def test_every_document_has_its_page_and_verify_says_equal(
    loaded: tuple[Gazette, list[Path]],
) -> None:
    """All are accepted, none is parked, each page carries its title, and record, site and index are equal."""
    gazette, files = loaded
    gazette.equal(60)
    assert gazette.run("parked", "list").stdout.startswith("没有")
    documents = lines_of(files)
    assert len(documents) == 836
    for code, line in documents:
        answer = gazette.get(f"/api/items/{code}/{line['source_id']}").json()
        page = html.unescape(gazette.get(answer["url"]).text)
        assert line["data"]["title"].strip() in page


def test_the_first_hit_for_a_title_has_that_title(loaded: tuple[Gazette, list[Path]]) -> None:
    """Each document is found first by its own title."""
    gazette, files = loaded
    missed = []
    for _, line in lines_of(files):
        title = line["data"]["title"]
        hits = gazette.search(title, size=1)["hits"]
        if not hits or hits[0]["title"] != title:
            missed.append((title, hits[0]["title"] if hits else None))
    assert missed == []


def test_a_document_number_is_found_in_every_spelling(loaded: tuple[Gazette, list[Path]]) -> None:
    """Six spellings of each number with 〔year〕 find its document."""
    gazette, files = loaded
    missed = []
    numbered = 0
    for _, line in lines_of(files):
        match = NUMBER.fullmatch((line["data"].get("document_number") or "").strip())
        if not match:
            continue
        numbered += 1
        for spelling in spellings(match["word"], match["year"], match["serial"]):
            hits = gazette.search(spelling, size=10)["hits"]
            if line["source_id"] not in {hit["source_id"] for hit in hits}:
                missed.append((spelling, line["data"]["document_number"]))
    assert numbered > 0
    assert missed == []


def test_pushing_all_again_changes_nothing(loaded: tuple[Gazette, list[Path]]) -> None:
    """The second push says "unchanged" and leaves the record where it was."""
    gazette, files = loaded
    before = gazette.get("/api/records", params={"after": 2**61}).json()["head"]
    done = gazette.run("push", *files, seconds=600)
    assert done.stdout.count("unchanged") >= 7
    assert gazette.get("/api/records", params={"after": 2**61}).json()["head"] == before
