"""A .docx as its parts. What is unsafe, or is more than a document, is refused before anything is read."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from lxml import etree
from lxml.etree import _Element as Element

from shared.archives import Unscannable, judge_archive, opened_archive, read_entry
from shared.errors import Refused

MAX_BYTES = 200 * 1024 * 1024
"""Bytes of a file, as of any attachment."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MACRO = re.compile(r"vbaProject|vbaData", re.IGNORECASE)
_MAIN = re.compile(r"word/[^/]+\.xml")
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
    *(OSError, EOFError, ValueError),
)
"""What reading an archive raises that no program wrote."""


class WordRefused(Refused):
    """这个 Word 文件不能报送。 / This Word file cannot be pushed."""


def refusal(path: Path, chinese: str, english: str) -> WordRefused:
    """Return the refusal of *path* with its reason and remedy in both languages."""
    return WordRefused(f"{path}：{chinese} / {path}: {english}")


class Package:
    """The parts of one .docx; XML parts are parsed once and written back as they were changed."""

    def __init__(self, path: Path, parts: dict[str, bytes]) -> None:
        self.path = path
        self._parts = parts
        self._trees: dict[str, Element] = {}
        self.main = self._main()

    def names(self) -> list[str]:
        """Return the names of the parts, in a stable order."""
        return sorted(self._parts)

    def read(self, name: str) -> bytes:
        """Return a part's bytes, as changed."""
        if name in self._trees:
            return etree.tostring(
                self._trees[name], xml_declaration=True, encoding="UTF-8", standalone=True
            )
        return self._parts[name]

    def replace(self, name: str, content: bytes) -> None:
        """Give a part other bytes."""
        self._trees.pop(name, None)
        self._parts[name] = content

    def drop(self, name: str) -> None:
        """Take a part out."""
        self._trees.pop(name, None)
        self._parts.pop(name, None)

    def tree(self, name: str) -> Element:
        """Return the root of an XML part, to be read or changed in place."""
        if name not in self._trees:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            try:
                self._trees[name] = etree.fromstring(self._parts[name], parser)
            except etree.XMLSyntaxError as error:
                raise damaged(self.path) from error
        return self._trees[name]

    def has(self, name: str) -> bool:
        """Say whether there is such a part."""
        return name in self._parts

    def packed(self) -> bytes:
        """Return the whole as a .docx: equal parts give equal bytes."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(self._parts, key=lambda name: (name != "[Content_Types].xml", name)):
                entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, self.read(name))
        return out.getvalue()

    def copy(self) -> Package:
        """Return a copy that may be changed by itself."""
        return Package(self.path, {name: self.read(name) for name in self._parts})

    def _main(self) -> str:
        if "_rels/.rels" in self._parts:
            for relation in self.tree("_rels/.rels"):
                if str(relation.get("Type")).endswith("/officeDocument"):
                    name = str(relation.get("Target")).lstrip("/")
                    if name in self._parts:
                        return self._in_place(name)
        raise refusal(
            self.path,
            "不是 Word 文档。请用 Word 或 WPS 另存为 .docx。",
            "this is no Word document. Save it as .docx with Word or WPS.",
        )

    def _in_place(self, name: str) -> str:
        """Refuse a text that lies where nobody looks for one: it would not be cleaned."""
        if _MAIN.fullmatch(name):
            return name
        raise refusal(
            self.path,
            f"正文不在通常的位置（{name[:80]}）。请用 Word 或 WPS 打开后另存为新的 .docx。",
            f"its text lies in an unusual place ({name[:80]}). Open it with Word or WPS and save it as a new .docx.",
        )


def read_package(path: Path) -> Package:
    """Return the parts of the .docx at *path*; raises `WordRefused` with reason and remedy."""
    if path.stat().st_size > MAX_BYTES:
        raise refusal(
            path, "超过 200 MiB。请压缩图片。", "larger than 200 MiB. Shrink its pictures."
        )
    with path.open("rb") as file:
        head = file.read(8)
    if head == _OLE:
        raise _old_or_locked(path)
    try:
        with opened_archive(path) as archive:
            judge_archive(archive)
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            _judge_names(path, names)
            parts = {name: read_entry(archive, name) for name in names}
    except Unscannable as error:
        raise refusal(
            path,
            f"压缩结构不安全（{error}）。请用 Word 或 WPS 打开后另存为新的 .docx。",
            f"its archive is unsafe ({error}). Open it with Word or WPS and save it as a new .docx.",
        ) from error
    except _BROKEN as error:
        raise damaged(path) from error
    _judge_parts(path, parts)
    return Package(path, parts)


def damaged(path: Path) -> WordRefused:
    """Return the refusal of a file that no program can read safely."""
    return refusal(
        path,
        "文件损坏或不是 .docx。请用 Word 或 WPS 打开后另存为 .docx。",
        "damaged, or no .docx. Open it with Word or WPS and save it as .docx.",
    )


def _old_or_locked(path: Path) -> WordRefused:
    if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
        return refusal(
            path,
            "设了打开密码。请去掉密码后再报送。",
            "locked with a password. Take the password off and push again.",
        )
    return refusal(
        path,
        "是旧格式（.doc/.wps）。请另存为 .docx 后再报送。",
        "an old format (.doc/.wps). Save it as .docx and push again.",
    )


def _judge_names(path: Path, names: list[str]) -> None:
    odd = any(
        name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts for name in names
    )
    if odd or len(set(names)) != len(names):
        raise damaged(path)
    if any(_MACRO.search(name) for name in names):
        raise refusal(
            path,
            "含有宏。请另存为不带宏的 .docx 后再报送。",
            "it has macros. Save it as a .docx without macros and push again.",
        )
    if any("/activex/" in f"/{name.lower()}" for name in names):
        raise embedded(path)


def _judge_parts(path: Path, parts: dict[str, bytes]) -> None:
    for name, content in parts.items():
        is_xml = name.endswith((".xml", ".rels", ".vml"))
        if is_xml and _DOCTYPE.search(content.replace(b"\x00", b"")):
            raise damaged(path)
    if b"macroEnabled" in parts.get("[Content_Types].xml", b""):
        raise refusal(
            path,
            "是带宏的文件。请另存为不带宏的 .docx。",
            "a file for macros. Save it as a .docx without macros.",
        )


def embedded(path: Path) -> WordRefused:
    """Return the refusal of a document that carries other files inside."""
    return refusal(
        path,
        "嵌入了别的文件或控件（OLE）。请在 Word 中把它改成表格、文字或图片，文件另作附件。",
        "it embeds another file or a control (OLE). Make it a table, text or a picture in Word, and attach the file by itself.",
    )
