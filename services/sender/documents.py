"""A Word file as a line to push: what its layout says, under what the folder says, over what the clerk says."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.sender.reading import VERSIONED, Line, UnreadableFile, defaults_of, described
from services.sender.word.page import has_content
from services.sender.word.reading import Fact, WordReading, catalogue_of, genre_of, read_word
from shared.events import intake

OPTION = "选项 / option"
FOLDER = "defaults.yaml"
GUESS = "由标题推定 / guessed from the title"
BASIS = "《政府信息公开条例》第十七条，经审查可以公开"
BY_NAME = "由文件名算出 / from the file's name"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
REQUIRED = {"title": ("标题", "--title"), "formed_on": ("成文日期", "--formed-on")}


@dataclass(frozen=True)
class Said:
    """What the clerk says on the command line; it goes before everything else."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """Intake data."""
    source_id: str | None = None
    reviewed_by: str | None = None
    cleared_by: str | None = None
    basis: str = BASIS
    attach: Sequence[Path] = ()


@dataclass(frozen=True)
class Document:
    """A Word file that was read: the line to push, and what the clerk should see first."""

    line: Line
    reading: WordReading
    facts: Sequence[Fact]

    @property
    def is_reviewed(self) -> bool:
        """Say whether the line carries an attestation."""
        return bool(self.line.data.get("review"))


def read_document(path: Path, room: Path, said: Said) -> Document:
    """Return the Word file at *path* as a line; its cleaned original and pictures are written into *room*.

    Its id follows from its name (`id_of`), so that the file with its corrections is the same item again.
    `名@2.docx` is the second version of `名`, as with Markdown; without a number the order of receipt decides.
    Raises `WordRefused`, and `UnreadableFile` for what neither the layout nor anybody said.
    """
    named = VERSIONED.fullmatch(path.stem)
    stem, version = (named["source_id"], named["version"]) if named else (path.stem, None)
    reading = read_word(path, f"{stem}.docx")
    defaults = defaults_of(path.parent)
    data = defaults | reading.data
    facts = [_fact(fact, defaults, said.fields) for fact in reading.facts]
    title = str(said.fields.get("title") or data.get("title") or "")
    genre = genre_of(title)
    guesses = {"genre": genre, "catalogue": catalogue_of(title, genre)}
    for name, guess in guesses.items():
        if guess and name not in defaults:
            data[name] = guess
    facts += [_chosen(name, defaults, said.fields, guesses) for name in ("catalogue", "genre")]
    source_id = said.source_id or id_of(stem)
    facts.append(Fact("source_id", source_id, OPTION if said.source_id else BY_NAME))
    data |= said.fields
    if review := _review(path, said):
        data["review"] = review
    _demand(path, data)
    files = _written(reading, room)
    for extra in said.attach:
        attachment = described(extra)
        data["attachments"] = [*data["attachments"], attachment]
        files[attachment["sha256"]] = extra
    line = Line(
        source_id=source_id,
        type=intake.PUBLISHED,
        data=data,
        sourceversion=int(version) if version else None,
        files=files,
        origin=str(path),
        hold=reading.hold,
    )
    return Document(line, reading, facts)


def id_of(stem: str) -> str:
    """Return the default id of a Word file called *stem*: the name where it is an id by its looks, else its digest.

    People call their files by the title, and an id stays public for ever, also when the item must vanish. The number
    of the document would tell as much, and change when it is corrected. The digest does not hide a title from
    somebody who guesses it whole.
    """
    if _PLAIN_NAME.fullmatch(stem):
        return stem
    return f"w-{hashlib.sha256(unicodedata.normalize('NFC', stem).encode()).hexdigest()[:16]}"


def _fact(fact: Fact, defaults: Mapping[str, Any], said: Mapping[str, Any]) -> Fact:
    if fact.name in said:
        return Fact(fact.name, _shown(said[fact.name]), OPTION)
    if fact.value is None and fact.name in defaults:
        return Fact(fact.name, _shown(defaults[fact.name]), FOLDER)
    return fact


def _chosen(
    name: str, defaults: Mapping[str, Any], said: Mapping[str, Any], guesses: Mapping[str, Any]
) -> Fact:
    for source, where in ((said, OPTION), (defaults, FOLDER), (guesses, GUESS)):
        if source.get(name):
            return Fact(name, _shown(source[name]), where)
    return Fact(name, None, "")


def _shown(value: Any) -> str:
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


def _review(path: Path, said: Said) -> dict[str, Any] | None:
    """Return the attestation of the draft as it was last saved: the same file says the same again."""
    if not said.reviewed_by or not said.cleared_by:
        return None
    at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC).astimezone().isoformat()
    return {
        "reviewed_by": said.reviewed_by,
        "reviewed_at": at,
        "confidentiality": {
            "verdict": "cleared",
            "by": said.cleared_by,
            "at": at,
            "basis": said.basis,
        },
    }


def _demand(path: Path, data: Mapping[str, Any]) -> None:
    missing = [names for key, names in REQUIRED.items() if not data.get(key)]
    if missing:
        words = "、".join(word for word, _ in missing)
        options = " ".join(f"{option} …" for _, option in missing)
        raise UnreadableFile(
            f"{path}：没有从版式里读出{words}。请在命令后加 {options} / "
            f"{path}: its layout does not say this; add {options}"
        )
    if not has_content(data["body"]["content"]):
        raise UnreadableFile(
            f"{path}：除了版头没有正文。 / {path}: there is no text below its head."
        )


def _written(reading: WordReading, room: Path) -> dict[str, Path]:
    files = {}
    for sha256, content in reading.files.items():
        place = room / sha256
        place.write_bytes(content)
        files[sha256] = place
    return files
