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


def read_paths(paths: Sequence[Path], *, transform: Callable[[str], str] = str) -> list[Line]:
    """Return the lines of *paths* in order; raises `UnreadableFile` naming file, line and fix."""
    lines: list[Line] = []
    for path in paths:
        if path.is_dir():
            lines += read_folder(path, transform=transform)
        elif path.suffix in (".jsonl", ".ndjson", ".json"):
            lines += list(_json_lines(path))
        elif path.suffix in (".md", ".markdown"):
            lines.append(read_markdown(path, _defaults(path.parent), transform=transform))
        else:
            raise UnreadableFile(
                f"{path}：可推送 .jsonl 文件、.md 文件或放 Markdown 的文件夹。 / "
                f"{path}: push .jsonl files, .md files, or a folder of Markdown."
            )
    return lines


def _json_lines(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: {error}") from error
    # not splitlines(): JSON strings may hold U+2028 and other breaks as they are
    for number, row in enumerate(text.split("\n"), start=1):
        if row.strip():
            yield _line(_parsed(row, f"{path}:{number}"), path.parent, f"{path}:{number}")


def _parsed(row: str, origin: str) -> dict[str, Any]:
    try:
        value = json.loads(row)
    except ValueError as error:
        raise UnreadableFile(
            f"{origin}：不是 JSON（{error}）。 / {origin}: not JSON ({error})."
        ) from error
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
    return Line(str(row["source_id"]), TYPES[kind], data, version, files, origin)


def read_folder(folder: Path, *, transform: Callable[[str], str] = str) -> list[Line]:
    """Return the Markdown files of *folder* (not of folders below it), oldest first, later versions last.

    `name.md` has the source id `name`; `name@2.md` is its second version. `defaults.yaml` in the folder or the one
    above it is laid under every front matter.
    """
    defaults = _defaults(folder)
    lines = [
        read_markdown(path, defaults, transform=transform) for path in sorted(folder.glob("*.md"))
    ]
    return sorted(
        lines, key=lambda line: (line.sourceversion or 1, _day(line.data), line.source_id)
    )


def _day(data: dict[str, Any]) -> str:
    return str(data.get("first_published_on") or data.get("formed_on") or "")


def _defaults(folder: Path) -> dict[str, Any]:
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
            described = _described(path) | rest
            files[described["sha256"]] = path
            attachments.append(described)
        else:
            attachments.append(attachment)
    return (data | {"attachments": attachments} if attachments else data), files


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha = file_digest(file, "sha256").hexdigest()
    kind = (
        MEDIA_TYPES.get(path.suffix.lower())
        or mimetypes.guess_type(path.name)[0]
        or "application/octet-stream"
    )
    return {"name": path.name, "media_type": kind, "sha256": sha, "size": path.stat().st_size}
