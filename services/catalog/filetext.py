"""The text inside an attachment, for the gate: text files, and office files that are zip archives of XML.

Archives are distrusted (`shared/archives.py`).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

from services.catalog.xmltext import Rows, Running, Strings, Taken, Traces, read_part
from shared.archives import Unscannable, judge_archive, opened_archive

__all__ = [
    "Unscannable",
    "attachment_text",
    "decoded",
    "judge_archive",
    "opened_archive",
    "word_traces",
]

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Bytes of a text file that are read."""
_TEXT_SUFFIXES = frozenset(
    ".txt .csv .tsv .md .markdown .json .jsonl .xml .html .htm .yaml .yml .log .ini".split()
)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
HEAD = 4096
"""Bytes at the beginning that tell text from other files."""
_OFFICE_FOLDERS = ("word/", "xl/", "ppt/")


def attachment_text(path: Path, media_type: str, name: str | None = None) -> str:
    """Return the text of the file at *path*, or nothing for a file that is no text.

    The bytes decide, not what the sender calls them: a Word file sent as `application/octet-stream` is read as well.
    *name* is what the stored file is called in public. Raises `Unscannable` for what is too large, or an
    archive that is damaged or not honest about its size.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(b"PK\x03\x04"):
        return _office(path)
    is_named = Path(name or path.name).suffix.lower() in _TEXT_SUFFIXES or media_type.startswith(
        "text/"
    )
    return _plain(path) if is_named or _looks_like_text(head) else ""


def word_traces(path: Path) -> list[str]:
    """Return `tracked_changes` and `comments` if the Word file at *path* holds any; nothing for other files.

    Raises `Unscannable` as `attachment_text` does.
    """
    if not zipfile.is_zipfile(path):
        return []
    with _opened(path) as archive:
        if not any(name.startswith("word/") for name in archive.namelist()):
            return []
        judge_archive(archive)
        found: set[str] = set()
        taken = Taken()
        for name in _xml_parts(archive):
            traces = Traces(taken, anywhere=name.startswith("word/"))
            read_part(archive, name, traces)
            found |= traces.found
    return sorted(found)


def _is_office(archive: zipfile.ZipFile) -> bool:
    """Tell office files from plain archives, which are files of files and no text."""
    names = archive.namelist()
    return any(
        name.startswith(_OFFICE_FOLDERS) or name in {"OFD.xml", "content.xml"} for name in names
    )


def _looks_like_text(head: bytes) -> bool:
    """Say whether a person could read these bytes, whatever their sender called them."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if _BINARY.search(head):
        return False
    # a character may be cut where our head of the file ends
    return "\ufffd" not in decoded(head[:-4] if len(head) == HEAD else head)


def decoded(raw: bytes) -> str:
    """Return *raw* as text: byte order mark, UTF-8, GB 18030, and at last whatever can be read."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    ):
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("gb18030", "replace")


def _plain(path: Path) -> str:
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise Unscannable("text file too large")
    return decoded(path.read_bytes())


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; whatever goes wrong with it is `Unscannable`."""
    try:
        with opened_archive(path) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        etree.XMLSyntaxError,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
    ) as e:
        raise Unscannable(f"{type(e).__name__}: not a readable archive") from e


def _office(path: Path) -> str:
    with _opened(path) as archive:
        if not _is_office(archive):
            return ""
        judge_archive(archive)
        return _text_of(archive)


def _text_of(archive: zipfile.ZipFile) -> str:
    names = _xml_parts(archive)
    taken = Taken()
    strings = Strings(taken)
    if "xl/sharedStrings.xml" in names:
        read_part(archive, "xl/sharedStrings.xml", strings)
    # the main text first: a secrecy mark counts on its first lines
    for name in sorted(
        names, key=lambda name: (not name.endswith(("document.xml", "Content.xml")), name)
    ):
        if name.startswith("xl/worksheets/sheet"):
            read_part(archive, name, Rows(taken, strings))
        elif name != "xl/sharedStrings.xml" and not name.endswith(
            (".rels", "[Content_Types].xml", "styles.xml")
        ):
            read_part(archive, name, Running(taken))
        taken.say("\n")
    return taken.text.getvalue()


def _xml_parts(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the parts that are XML, by their bytes where their names do not say so."""
    names = sorted({entry.filename for entry in archive.infolist() if not entry.is_dir()})
    return [
        name
        for name in names
        if name.lower().endswith((".xml", ".rels")) or _begins_as_xml(archive, name)
    ]


def _begins_as_xml(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as stream:
        head = stream.read(64)
    return head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")
