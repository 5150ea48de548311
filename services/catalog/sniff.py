"""What a file really is: by its first bytes, against its name and what its sender says. Values in, problems out."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from services.catalog.complaints import JsonPath, Words, complaint, shown
from services.catalog.filetext import Unscannable, decoded, judge_archive, opened_archive
from shared.errors import Problem

HEAD = 4096
"""Bytes at the beginning that decide."""

_OFFICE = "application/vnd.openxmlformats-officedocument."
_MEDIA: dict[str, tuple[str, ...]] = {
    "pdf": ("application/pdf",),
    "ofd": ("application/ofd", "application/vnd.ofd"),
    "docx": (f"{_OFFICE}wordprocessingml.document",),
    "xlsx": (f"{_OFFICE}spreadsheetml.sheet",),
    "pptx": (f"{_OFFICE}presentationml.presentation",),
    "doc": ("application/msword",),
    "xls": ("application/vnd.ms-excel",),
    "ppt": ("application/vnd.ms-powerpoint",),
    "wps": ("application/vnd.ms-works", "application/wps-office.wps", "application/kswps"),
    "et": ("application/wps-office.et", "application/kset"),
    "zip": ("application/zip", "application/x-zip-compressed"),
    "png": ("image/png",),
    "jpg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    "gif": ("image/gif",),
    "webp": ("image/webp",),
    "mp3": ("audio/mpeg", "audio/mp3"),
    "mp4": ("video/mp4", "audio/mp4", "application/mp4"),
    "txt": ("text/plain",),
    "csv": ("text/csv", "application/csv", "application/vnd.ms-excel", "text/plain"),
    "md": ("text/markdown", "text/plain"),
    "json": ("application/json", "text/plain"),
    "xml": ("application/xml", "text/xml", "text/plain"),
}
_SAME = {
    "jpeg": "jpg",
    "jpe": "jpg",
    "m4a": "mp4",
    "m4v": "mp4",
    "markdown": "md",
    "tsv": "csv",
    "jsonl": "json",
    "geojson": "json",
}
_OLE = frozenset({"doc", "xls", "ppt", "wps", "et"})
_TEXTS = frozenset({"txt", "csv", "md", "json", "xml"})
_ANYTHING = frozenset({"application/octet-stream", "binary/octet-stream"})
_ACTIVE = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|script|svg|iframe|\?xml-stylesheet)\b|#!/", re.IGNORECASE
)
_PROGRAMS = (
    b"MZ",
    b"\x7fELF",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"\xfe\xed\xfa",
    b"#!",
    b"dex\n",
    b"\x00asm",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the bytes are: an extension of ours, or a reason why they cannot be taken."""

    extension: str = ""
    refused: str = ""
    """`active` for what a browser or a machine would run, `unknown`, `dishonest` for an unsafe archive."""

    @property
    def note(self) -> str:
        """One word for it, that `of_note` reads."""
        return f"!{self.refused}" if self.refused else self.extension

    @classmethod
    def of_note(cls, note: str) -> Kind:
        """Return what *note* says."""
        return cls(refused=note[1:]) if note.startswith("!") else cls(note)


def kind_of(path: Path) -> Kind:
    """Return what the file at *path* is by its bytes; text is `txt` whatever its dialect."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(_PROGRAMS):
        return Kind(refused="active")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(path)
    for extension, matches in _MAGIC:
        if matches.match(head):
            return Kind(extension)
    return _text(head)


def judge(path: Path, name: str, media_type: str, at: JsonPath) -> list[Problem]:
    """Return what is wrong with the file at *path* as an attachment called *name*, said to be *media_type*."""
    return judge_kind(kind_of(path), name, media_type, at)


def judge_kind(kind: Kind, name: str, media_type: str, at: JsonPath) -> list[Problem]:
    """Return what is wrong with a file of this kind as an attachment called *name*, said to be *media_type*."""
    extension = _extension(name)
    if kind.refused == "active" or extension not in _MEDIA:
        return [complaint(at, "type_not_allowed", _not_allowed(name))]
    if kind.refused == "dishonest":
        return [complaint(at, "unsafe_archive", _unsafe(name))]
    if kind.refused or not _agrees(kind.extension, extension):
        return [complaint((*at, "name"), "type_mismatch", _mismatch(name, kind))]
    declared = media_type.split(";", maxsplit=1)[0].strip().lower()
    if declared not in _MEDIA[extension] and declared not in _ANYTHING:
        return [
            complaint(
                (*at, "media_type"),
                "type_mismatch",
                _declared(name, media_type, _MEDIA[extension][0]),
            )
        ]
    return []


def media_type_of(name: str) -> str:
    """Return the media type that an attachment called *name* is served with."""
    known = _MEDIA.get(_extension(name))
    return known[0] if known else "application/octet-stream"


def _extension(name: str) -> str:
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    return _SAME.get(extension, extension)


def _agrees(found: str, named: str) -> bool:
    if found == "ole":
        return named in _OLE
    if found == "txt":
        return named in _TEXTS
    # WPS writes its newer formats as zip archives as well
    return found == named or (found == "zip" and named in {"wps", "et"})


_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("pdf", re.compile(rb"(?s).{0,1024}?%PDF-")),
    ("ole", re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("jpg", re.compile(rb"\xff\xd8\xff")),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("webp", re.compile(rb"(?s)RIFF....WEBP")),
    ("mp4", re.compile(rb"(?s)....ftyp(?!qt  )")),
    ("mp3", re.compile(rb"ID3|\xff[\xfb\xf3\xf2\xfa]")),
)
_CONTENT = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}


def _archive(path: Path) -> Kind:
    """Tell office files from plain archives by their content list, without unpacking more than that."""
    try:
        with opened_archive(path) as archive:
            judge_archive(archive)
            names = archive.namelist()
    except (Unscannable, zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Kind(refused="dishonest")
    if any(name.startswith("/") or ".." in name.split("/") for name in names):
        return Kind(refused="dishonest")
    if any(name.endswith("vbaProject.bin") for name in names):
        return Kind(refused="active")
    if "[Content_Types].xml" in names:
        found = [
            kind
            for folder, kind in _CONTENT.items()
            if any(name.startswith(folder) for name in names)
        ]
        return Kind(found[0]) if len(found) == 1 else Kind(refused="unknown")
    return Kind("ofd" if "OFD.xml" in names else "zip")


def _text(head: bytes) -> Kind:
    """Take UTF-8 and GB 18030 without control characters for text, unless a browser would run it."""
    if _ACTIVE.search(head.lstrip()[:1024]):
        return Kind(refused="active")
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not marked and re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return Kind(refused="unknown")
    # a character may be cut where our head of the file ends
    text = decoded(head[: len(head) - 4] if len(head) == HEAD else head)
    return Kind(refused="unknown") if "\ufffd" in text else Kind("txt")


def _not_allowed(name: str) -> Words:
    return Words(
        f"不接受这种类型的附件：{shown(name)}。",
        f"Attachments of this type are not accepted: {shown(name)}.",
        f"可用的类型：{'、'.join(sorted(_MEDIA))}；网页、脚本、矢量图、宏和程序都不接受。",
        f"Accepted: {', '.join(sorted(_MEDIA))}; no web pages, scripts, SVG, macros or programs.",
    )


def _unsafe(name: str) -> Words:
    return Words(
        f"压缩包不安全或已损坏：{shown(name)}。",
        f"The archive is unsafe or damaged: {shown(name)}.",
        "请重新生成文件；不要加密，不超过 1000 个文件、解开后 100 MiB。",
        "Make the file again: not encrypted, at most 1,000 entries and 100 MiB when unpacked.",
    )


def _mismatch(name: str, kind: Kind) -> Words:
    really = kind.extension or "无法识别的文件", kind.extension or "a file of unknown type"
    return Words(
        f"附件 {shown(name)} 的内容与扩展名不符：内容是 {really[0]}。",
        f"The content of {shown(name)} does not match its extension: it is {really[1]}.",
        "请用正确的扩展名，或重新导出文件。",
        "Use the right extension, or export the file again.",
    )


def _declared(name: str, media_type: str, right: str) -> Words:
    return Words(
        f"附件 {shown(name)} 的媒体类型与内容不符：{shown(media_type)}。",
        f"The media type of {shown(name)} does not match its content: {shown(media_type)}.",
        f"请改为 {right}。",
        f"Make it {right}.",
    )
