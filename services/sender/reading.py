"""Read what is to be pushed: JSON Lines, or a folder of Markdown files with front matter."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import yaml

from shared.errors import Refused
from shared.events import intake

WORD_SUFFIXES = (".docx", ".doc", ".docm", ".wps")
"""Files that `documents` reads, or refuses with the remedy."""
VERSIONED = re.compile(r"(?P<source_id>.+?)(@(?P<version>\d+))?")
TYPES = {
    "published": intake.PUBLISHED,
    "updated": intake.UPDATED,
    "withdrawn": intake.WITHDRAWN,
    intake.PUBLISHED: intake.PUBLISHED,
    intake.UPDATED: intake.UPDATED,
    intake.WITHDRAWN: intake.WITHDRAWN,
}
MEDIA_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".ofd": "application/ofd",
    ".csv": "text/csv",
    ".md": "text/markdown",
}


class UnreadableFile(Refused):
    """文件读不懂。 / The file cannot be read."""


@dataclass(frozen=True)
class Line:
    """One item to push."""

    source_id: str
    type: str
    data: dict[str, Any]
    sourceversion: int | None = None
    files: dict[str, Path] = field(default_factory=dict)
    """SHA-256 → the attachment's file."""
    origin: str = ""
    """Where it was read, for messages: file and line."""
    hold: tuple[str, ...] = ()
    """Why we ourselves want a person to look before it is published, e.g. `tracked_changes`."""
    event_id: str | None = None
    """The id to send it under; without one, a new one each time."""
    department: str | None = None
    """Whose item it is, where the file says so."""


def read_paths(
    paths: Sequence[Path],
    *,
    transform: Callable[[str], str] = str,
    documents: Callable[[Path], Line] | None = None,
) -> list[Line]:
    """Return the lines of *paths* in order; raises `UnreadableFile` naming file, line and fix.

    *documents* reads a Word file (`services/sender/documents.py`).
    """
    lines: list[Line] = []
    for path in paths:
        if path.is_dir():
            lines += read_folder(path, transform=transform)
        elif path.suffix in (".jsonl", ".ndjson", ".json"):
            lines += list(_json_lines(path))
        elif path.suffix in (".md", ".markdown"):
            lines.append(read_markdown(path, defaults_of(path.parent), transform=transform))
        elif documents and path.suffix.lower() in WORD_SUFFIXES:
            lines.append(documents(path))
        else:
            raise UnreadableFile(
                f"{path}：可推送 .docx、.jsonl、.md 文件或放 Markdown 的文件夹。 / "
                f"{path}: push .docx, .jsonl and .md files, or a folder of Markdown."
            )
    return lines


def _json_lines(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: {error}") from error
    if path.suffix == ".json" and (rows := _whole_json(text)) is not None:
        for number, row in enumerate(rows, start=1):
            origin = f"{path}#{number}" if len(rows) > 1 else str(path)
            yield _line(_checked(row, origin), path.parent, origin)
        return
    # not splitlines(): JSON strings may hold U+2028 and other breaks as they are
    for number, row in enumerate(text.split("\n"), start=1):
        if row.strip():
            yield _line(_parsed(row, f"{path}:{number}"), path.parent, f"{path}:{number}")


def _whole_json(text: str) -> list[Any] | None:
    """Return the objects of a file that is one JSON text over any number of lines; None when it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else [value]


def _parsed(row: str, origin: str) -> dict[str, Any]:
    try:
        value = json.loads(row)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(
            f"{origin}：不是 JSON（{error}）。 / {origin}: not JSON ({error})."
        ) from error
    return _checked(value, origin)


def _checked(value: Any, origin: str) -> dict[str, Any]:
    """Return a row of ours, or what a CloudEvent says as one."""
    if isinstance(value, dict) and "specversion" in value and "subject" in value:
        source = str(value.get("source") or "")
        value = value | {
            "source_id": value["subject"],
            "department": source.removeprefix(intake.SOURCE_PREFIX),
        }
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("data"), dict)
        or "source_id" not in value
    ):
        raise UnreadableFile(
            f"{origin}：每行须为含 source_id 和 data 的 JSON 对象。 / {origin}: each line is an object with source_id and data."
        )
    return value


def _line(row: dict[str, Any], folder: Path, origin: str) -> Line:
    kind = row.get("type") or intake.PUBLISHED
    if kind not in TYPES:
        raise UnreadableFile(f"{origin}：不认识 type {kind}。 / {origin}: unknown type {kind}.")
    version = row.get("sourceversion")
    if version is not None and (type(version) is not int or version < 1):
        raise UnreadableFile(
            f"{origin}：sourceversion 应为正整数，不是 {version!r}。 / "
            f"{origin}: sourceversion must be a whole number from 1 on, not {version!r}."
        )
    data, files = _with_files(row["data"], folder, origin)
    hold = tuple(str(row.get("hold") or "").split())
    event_id = str(row["id"]) if row.get("id") else None
    owner = str(row["department"]) if row.get("department") else None
    return Line(
        str(row["source_id"]), TYPES[kind], data, version, files, origin, hold, event_id, owner
    )


def read_folder(folder: Path, *, transform: Callable[[str], str] = str) -> list[Line]:
    """Return the Markdown files of *folder* (not of folders below it), oldest first, later versions last.

    `name.md` has the source id `name`; `name@2.md` is its second version. `defaults.yaml` in the folder or the one
    above it is laid under every front matter.
    """
    defaults = defaults_of(folder)
    lines = [
        read_markdown(path, defaults, transform=transform) for path in sorted(folder.glob("*.md"))
    ]
    return sorted(
        lines, key=lambda line: (line.sourceversion or 1, _day(line.data), line.source_id)
    )


def _day(data: dict[str, Any]) -> str:
    return str(data.get("first_published_on") or data.get("formed_on") or "")


def defaults_of(folder: Path) -> dict[str, Any]:
    """Return what `defaults.yaml` in *folder* or the one above lays under every item."""
    for place in (folder, folder.parent):
        path = place / "defaults.yaml"
        if path.is_file():
            return _yaml(path.read_text(encoding="utf-8"), str(path))
    return {}


def read_markdown(
    path: Path, defaults: dict[str, Any], *, transform: Callable[[str], str] = str
) -> Line:
    """Return one Markdown file with front matter as a line."""
    try:
        text = transform(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: {error}") from error
    parted = re.match(r"\A﻿?---\r?\n(?P<matter>.*?\r?\n)---\r?\n?(?P<body>.*)\Z", text, re.DOTALL)
    if parted is None:
        raise UnreadableFile(
            f"{path}：开头要有两行 --- 夹着的信息项。 / {path}: it must begin with front matter between two lines of ---."
        )
    data = _yaml(parted["matter"], str(path))
    named = VERSIONED.fullmatch(path.stem)
    source_id = str(data.pop("source_id", named["source_id"] if named else path.stem))
    version = data.pop("sourceversion", None) or (int(named["version"] or 1) if named else 1)
    kind = data.pop("type", "published")
    if kind in ("withdrawn", intake.WITHDRAWN):
        return _line(
            {"source_id": source_id, "sourceversion": version, "type": kind, "data": data},
            path.parent,
            str(path),
        )
    body = parted["body"].strip()
    form = data.pop("format", "markdown")
    if body:
        data["body"] = {"format": form, "content": body}
    row = {"source_id": source_id, "sourceversion": version, "type": kind, "data": defaults | data}
    return _line(row, path.parent, str(path))


class _Dates(yaml.SafeLoader):
    """Reads dates as the text they are: the contract has them as strings."""


_Dates.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for key, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(text: str, origin: str) -> dict[str, Any]:
    try:
        value = yaml.load(text, Loader=_Dates)  # noqa: S506 — a SafeLoader without timestamps
    except yaml.YAMLError as error:
        raise UnreadableFile(
            f"{origin}：信息项不是 YAML（{error}）。 / {origin}: front matter is not YAML ({error})."
        ) from error
    if not isinstance(value, dict):
        raise UnreadableFile(
            f"{origin}：信息项应为“名称: 值”。 / {origin}: front matter must be `name: value` lines."
        )
    return value


def _with_files(
    data: dict[str, Any], folder: Path, origin: str
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Fill in name, type, size and hash of the attachments that are given as `file:`."""
    files: dict[str, Path] = {}
    attachments = []
    listed = data.get("attachments")
    for attachment in listed if isinstance(listed, list) else []:
        if isinstance(attachment, dict) and "file" in attachment:
            path = folder / str(attachment["file"])
            if not path.is_file():
                raise UnreadableFile(
                    f"{origin}：没有附件 {path}。 / {origin}: there is no attachment {path}."
                )
            rest = {name: value for name, value in attachment.items() if name != "file"}
            found = described(path) | rest
            files[found["sha256"]] = path
            attachments.append(found)
        else:
            attachments.append(attachment)
    return (data | {"attachments": attachments} if attachments else data), files


def described(path: Path) -> dict[str, Any]:
    """Return the file at *path* as an attachment."""
    with path.open("rb") as file:
        sha = file_digest(file, "sha256").hexdigest()
    kind = (
        MEDIA_TYPES.get(path.suffix.lower())
        or mimetypes.guess_type(path.name)[0]
        or "application/octet-stream"
    )
    return {"name": path.name, "media_type": kind, "sha256": sha, "size": path.stat().st_size}
