"""What people read: three languages each, no name of the product, nothing of the machine it was written on."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import opencc
import pytest

from services.notifier.words import WORDS as NOTIFIER
from services.search.words import WORDS as SEARCH
from shared.web.words import WORDS as FRAME

ROOT = Path(__file__).resolve().parent.parent.parent
LANGUAGES = ("zh-Hans", "zh-Hant", "en")
ALL: dict[str, dict[str, str]] = {
    f"{owner}.{key}": {str(language): text for language, text in said.items()}
    for owner, words in (("frame", FRAME), ("search", SEARCH), ("notifier", NOTIFIER))
    for key, said in words.items()
}
PRODUCT = re.compile(r"open.?gazette|邸报|邸報", re.IGNORECASE)
PLACE = re.compile(r"\{(\w*)")


ENGLISH_ONLY = {"notifier.chinese_only"}
"""Said to English readers alone: that a text is in Chinese."""


def test_every_word_exists_in_three_languages() -> None:
    """Each entry is written out for Simplified, Traditional and English readers."""
    assert len(ALL) > 200
    lacking = {
        key
        for key, said in ALL.items()
        if set(said) != set(LANGUAGES) or not all(v.strip() for v in said.values())
    }
    assert lacking == ENGLISH_ONLY


def test_traditional_is_not_simplified() -> None:
    """Where the characters differ, so do the two entries."""
    converter = opencc.OpenCC("s2t")
    same = {
        key
        for key, said in ALL.items()
        if said["zh-Hans"] == said["zh-Hant"]
        and converter.convert(said["zh-Hans"]) != said["zh-Hans"]
    }
    assert same == set()


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_places_for_values_are_the_same(language: str) -> None:
    """`{n}` of the Simplified sentence is in the others as well, by the same name."""
    differ = {
        key
        for key, said in ALL.items()
        if set(PLACE.findall(said["zh-Hans"])) != set(PLACE.findall(said[language]))
    }
    assert differ == set()


def public_files() -> list[Path]:
    """Return what public pages and mails are made of."""
    folders = [
        ROOT / "shared" / "web",
        *(ROOT / "services" / name / "templates" for name in ("publisher", "search", "notifier")),
    ]
    found = [
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in {".html", ".css", ".js", ".txt", ".xml"}
    ]
    assert len(found) > 20
    return found


def test_the_products_name_is_nowhere_in_public() -> None:
    """The site is the government's: neither templates, sheets, scripts nor words name the product."""
    assert [file.name for file in public_files() if PRODUCT.search(file.read_text("utf-8"))] == []
    assert {
        key for key, said in ALL.items() if any(PRODUCT.search(text) for text in said.values())
    } == set()


@cache
def committed() -> dict[str, str]:
    """Return the text of every file under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no working copy of git")
    names = [
        name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()
    ]
    return {name: (ROOT / name).read_bytes().decode("utf-8", "replace") for name in names}


HERE = "tests/house/test_words.py"
MACHINE = re.compile(r"(?<![\w.~/-])/(?:work|home|Users|root)/[\w.-]+/")
REGISTRY = re.compile(r"--(?:extra-)?index-url|pythonhosted\.org|/simple/?\s*$", re.MULTILINE)


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    """No absolute path of a person's machine stands in a committed file."""
    found = {
        (name, hit[0])
        for name, text in committed().items()
        if name != HERE
        for hit in [MACHINE.search(text)]
        if hit
    }
    assert found == set()


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the business of whoever installs; locks carry hashes, no hosts."""
    configured = {
        host[1]
        for name in (
            "PIP_INDEX_URL",
            "PIP_EXTRA_INDEX_URL",
            "UV_INDEX_URL",
            "UV_DEFAULT_INDEX",
            "npm_config_registry",
        )
        for host in [re.search(r"//(?:[^/@]*@)?([^/:]+)", os.environ.get(name, ""))]
        if host and host[1] not in {"127.0.0.1", "localhost"}
    }
    found = {
        name
        for name, text in committed().items()
        if name != HERE and (REGISTRY.search(text) or any(host in text for host in configured))
    }
    assert found == set()


def test_the_checks_can_fail() -> None:
    """The patterns of this file find what they are there for."""
    assert MACHINE.search('open("/home/someone/project/x")')
    assert not MACHINE.search("https://example.org/home/work/")
    assert REGISTRY.search("--index-url https://packages.example.org/simple")
    assert PRODUCT.search("Powered by Open Gazette")
