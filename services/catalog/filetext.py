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
from lxml.etree import _Element as Element

from shared.archives import Unscannable, judge_archive, read_entry

__all__ = ["Unscannable", "attachment_text", "decoded", "judge_archive", "word_traces"]

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Bytes of a text file that are read."""
_TEXT_SUFFIXES = frozenset(
    ".txt .csv .tsv .md .markdown .json .jsonl .xml .html .htm .yaml .yml .log .ini".split()
)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
HEAD = 4096
"""Bytes at the beginning that tell text from other files."""
_OFFICE_FOLDERS = ("word/", "xl/", "ppt/")
_PARAGRAPHS = frozenset({"p", "TextObject", "h", "br", "cr", "row", "si", "table-row"})
_TEXTS = frozenset({"t", "delText", "TextCode", "instrText"})


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


_CHANGES = frozenset({"ins", "del", "moveFrom", "moveTo", "cellIns", "cellDel", "cellMerge"})


def word_traces(path: Path) -> list[str]:
    """Return `tracked_changes` and `comments` if the Word file at *path* holds any; nothing for other files.

    Raises `Unscannable` as `attachment_text` does.
    """
    if not zipfile.is_zipfile(path):
        return []
    with _opened(path) as archive:
        judge_archive(archive)
        parts = [
            name
            for name in archive.namelist()
            if name.startswith("word/") and name.endswith(".xml")
        ]
        found = {code for name in parts for code in _traces(_parsed(archive, name))}
    return sorted(found)


def _traces(root: Element | None) -> Iterator[str]:
    for node in root.iter("{*}*") if root is not None else ():
        local = _local(node)
        if local in _CHANGES or local.endswith("PrChange"):
            yield "tracked_changes"
        elif local in {"comment", "commentReference", "commentRangeStart"}:
            yield "comments"


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
        with zipfile.ZipFile(path) as archive:
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
        return "\n".join(_texts(archive))


def _texts(archive: zipfile.ZipFile) -> Iterator[str]:
    names = sorted(
        entry.filename
        for entry in archive.infolist()
        if entry.filename.lower().endswith((".xml", ".rels"))
    )
    shared = _shared_strings(archive) if "xl/sharedStrings.xml" in names else []
    # the main text first: a secrecy mark counts on its first lines
    for name in sorted(
        names, key=lambda name: (not name.endswith(("document.xml", "Content.xml")), name)
    ):
        if name.startswith("xl/worksheets/sheet"):
            yield from _rows(_parsed(archive, name), shared)
        elif name != "xl/sharedStrings.xml" and not name.endswith(
            (".rels", "[Content_Types].xml", "styles.xml")
        ):
            yield _running(_parsed(archive, name))


def _parsed(archive: zipfile.ZipFile, name: str) -> Element | None:
    raw = read_entry(archive, name)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, recover=True, remove_comments=True
    )
    return etree.fromstring(raw, parser) if raw.strip() else None


def _running(root: Element | None) -> str:
    """Return the text of one XML part, a line for each paragraph."""
    parts: list[str] = []
    for event, node in etree.iterwalk(root, events=("start", "end")) if root is not None else ():
        local = _local(node)
        if event == "start" and local in _TEXTS:
            parts.append(node.text or "")
        elif event == "start" and local == "tab":
            parts.append("\t")
        elif event == "end" and local in _PARAGRAPHS:
            parts.append("\n")
    return "".join(parts)


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    root = _parsed(archive, "xl/sharedStrings.xml")
    return [_running(node).strip("\n") for node in root] if root is not None else []


def _rows(root: Element | None, shared: list[str]) -> Iterator[str]:
    """Yield the rows of a sheet, cells parted by tabs."""
    for row in root.iter("{*}row") if root is not None else ():
        yield "\t".join(_cell(cell, shared) for cell in row.iter("{*}c"))


def _cell(cell: Element, shared: list[str]) -> str:
    inline = "".join(node.text or "" for node in cell.iter("{*}t"))
    value = next((node.text or "" for node in cell.iter("{*}v")), "")
    if cell.get("t") == "s" and value.isdigit() and int(value) < len(shared):
        return shared[int(value)]
    return inline or value


def _local(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]
