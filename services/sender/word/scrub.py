"""Take out of a Word file what the public must not get: authors, tracked changes, comments, hidden text, other files.

Tracked changes are accepted. What stays is what a reader of the finished document sees.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml.etree import _Element as Element

from services.sender.word.package import Package, embedded, refusal
from services.sender.word.pictures import OddPicture, extension_of, without_metadata
from services.sender.word.styles import Styles
from services.sender.word.xml import child, elements, get, is_on, local, made, remove, unwrap

_GONE = re.compile(
    r"word/comments\w*\.xml|word/people\.xml|word/glossary/.*|customXml/.*|docProps/(?!core\.xml|app\.xml).*"
    r"|docMetadata/.*|_xmlsignatures/.*|word/printerSettings.*|word/embeddings/.*|word/webextensions/.*"
    r"|word/(?:charts|diagrams)/_rels/.*\.rels|word/_rels/settings\.xml\.rels"
)
_KEPT = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(?:core|app)\.xml|word/.+\.(?:xml|rels)"
    r"|word/.+\.(?i:png|jpe?g|jfif|gif|bmp|tiff?|webp|emf|wmf|emz|wmz|wdp|svg|odttf|ttf)"
)
"""Parts of a document; whatever else a file carries nobody has cleaned."""
_EMBEDDED = frozenset({"OLEObject", "altChunk", "subDoc", "control", "object"})
_UNWRAPPED = frozenset({"ins", "moveTo"})
_REVISED = frozenset("ins moveTo del moveFrom cellIns cellDel cellMerge numberingChange".split())
_DROPPED = frozenset(
    "del moveFrom moveFromRangeStart moveFromRangeEnd moveToRangeStart moveToRangeEnd cellIns cellDel cellMerge "
    "numberingChange customXmlInsRangeStart customXmlInsRangeEnd customXmlDelRangeStart customXmlDelRangeEnd "
    "customXmlMoveFromRangeStart customXmlMoveFromRangeEnd customXmlMoveToRangeStart customXmlMoveToRangeEnd "
    "commentRangeStart commentRangeEnd commentReference annotationRef dataBinding externalData userShapes".split()
)
_SETTINGS = frozenset(
    "rsids rsid trackRevisions attachedTemplate mailMerge docVars doNotTrackMoves schemaLibrary".split()
)
_TRACES = re.compile(r"rsid\w*|author|initials|userId|providerId")
_FETCHES = re.compile(
    r"\s*(?:DDE|DDEAUTO|LINK|INCLUDETEXT|INCLUDEPICTURE|IMPORT|DATABASE|MACROBUTTON)\b",
    re.IGNORECASE,
)
_WEB = ("http://", "https://", "mailto:")
CORE = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<cp:coreProperties '
    b'xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>'
)
APP = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    b'<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"/>'
)
_PROPERTIES = {"core-properties": CORE, "extended-properties": APP}


@dataclass
class Scrubbed:
    """What was found on the way."""

    changes: int = 0
    """Tracked changes; they are accepted in what stays."""
    comments: int = 0
    hidden: int = 0
    """Runs of hidden text, taken out."""


def scrub(package: Package) -> Scrubbed:
    """Clean *package* in place and return what was found; raises `WordRefused` for what carries other files."""
    found = Scrubbed()
    texts = [name for name in package.names() if name.startswith("word/") and name.endswith(".xml")]
    for name in texts:
        _judge(package, name)
        _count(package.tree(name), found)
    styles = Styles(package)
    gone = {name for name in package.names() if _GONE.fullmatch(name) or not _KEPT.fullmatch(name)}
    for name in gone:
        package.drop(name)
    for name in texts:
        if name not in gone:
            _clean_text(package.tree(name), styles, found)
    _clean_relations(package, gone)
    _clean_types(package, gone)
    for relation in package.tree("_rels/.rels"):
        blank = _PROPERTIES.get(str(relation.get("Type")).rpartition("/")[2])
        if blank:
            package.replace(str(relation.get("Target")).lstrip("/"), blank)
    for name in package.names():
        if name.startswith("word/") and extension_of(package.read(name)):
            _clean_picture(package, name)
    return found


def _clean_picture(package: Package, name: str) -> None:
    try:
        package.replace(name, without_metadata(package.read(name)))
    except OddPicture as error:
        raise refusal(
            package.path,
            f"图片 {name} 读不懂，去不掉其中的拍摄信息。请另存这张图片后重新插入。",
            f"its picture {name} cannot be read, and so not be cleaned of where and by whom it was made. "
            "Save that picture anew and insert it again.",
        ) from error


def _judge(package: Package, name: str) -> None:
    if any(local(node) in _EMBEDDED for node in package.tree(name).iter("{*}*")):
        raise embedded(package.path)


def _count(root: Element, found: Scrubbed) -> None:
    for node in root.iter("{*}*"):
        name = local(node)
        found.changes += name in _REVISED or name.endswith("PrChange")
        found.comments += name == "comment"
    if not found.comments:
        found.comments = sum(1 for _ in elements(root, "commentReference"))


def _clean_text(root: Element, styles: Styles, found: Scrubbed) -> None:
    _accept(root)
    found.hidden += _show_nothing_hidden(root, styles)
    _unlink_fields(root)
    for node in list(root.iter("{*}*")):
        if local(node) in _SETTINGS:
            remove(node)
        for key in [k for k in node.attrib if _TRACES.fullmatch(str(k).rpartition("}")[2])]:
            del node.attrib[key]


# --- tracked changes


def _accept(root: Element) -> None:
    """Make *root* the document with every change accepted and no comment."""
    merged = [p for p in elements(root, "p") if _has(child(p, "pPr", "rPr"), "del", "moveFrom")]
    rows = [row for row in elements(root, "tr") if _has(child(row, "trPr"), "del")]
    cells = [cell for cell in elements(root, "tc") if _has(child(cell, "tcPr"), "cellDel")]
    for node in [*rows, *cells]:
        remove(node)
    for node in list(root.iter("{*}*")):
        name = local(node)
        if name in _DROPPED or name.endswith("PrChange"):
            remove(node)
        elif name in _UNWRAPPED:
            unwrap(node)
    for paragraph in merged:
        _merge_into_next(paragraph)
    for table in elements(root, "tbl"):
        if child(table, "tr") is None:
            remove(table)
    for cell in elements(root, "tc"):
        if not any(local(one) in {"p", "tbl", "sdt"} for one in cell):
            cell.append(made(cell, "p"))


def _has(node: Element | None, *names: str) -> bool:
    return node is not None and any(local(one) in names for one in node)


def _merge_into_next(paragraph: Element) -> None:
    """Join a paragraph whose mark was deleted with the one after it, which keeps its own properties."""
    content = [one for one in paragraph if local(one) != "pPr"]
    after = paragraph.getnext()
    if after is not None and local(after) == "p":
        start = 1 if child(after, "pPr") is not None else 0
        for number, one in enumerate(content):
            after.insert(start + number, one)
        remove(paragraph)
    elif not content and after is not None:
        remove(paragraph)


# --- hidden text, and fields that fetch


def _show_nothing_hidden(root: Element, styles: Styles) -> int:
    hidden = [run for run in elements(root, "r") if _is_hidden(run, styles)]
    with_text = sum(1 for run in hidden if any(local(one) == "t" for one in run))
    for run in hidden:
        remove(run)
    return with_text


def _is_hidden(run: Element, styles: Styles) -> bool:
    """Say whether the run itself, the style of its text, of its paragraph or of its table hides it."""
    for properties in (one for one in run if local(one) == "rPr"):  # a formula has two
        if (own := child(properties, "vanish")) is not None:
            return is_on(own)
    found = styles.run(next(run.iterancestors("{*}p"), None), run, "vanish")
    if found is not None:
        return is_on(found)
    return any(is_on(styles.table(table, "vanish")) for table in run.iterancestors("{*}tbl"))


def _unlink_fields(root: Element) -> None:
    """Turn fields that fetch from elsewhere (DDE, INCLUDETEXT …) into the text they show."""
    for node in elements(root, "fldSimple"):
        if _FETCHES.match(get(node, "instr") or ""):
            unwrap(node)
    fields: list[_Field] = []
    for run in elements(root, "r"):
        for mark in [one for one in run if local(one) in {"fldChar", "instrText"}]:
            _follow(fields, run, mark)


@dataclass
class _Field:
    code: list[Element]
    instruction: str = ""
    in_code: bool = True


def _follow(fields: list[_Field], run: Element, mark: Element) -> None:
    kind = get(mark, "fldCharType")
    if kind == "begin":
        fields.append(_Field([]))
    if not fields:
        return
    field = fields[-1]
    if local(mark) == "instrText":
        field.instruction += mark.text or ""
    if run not in field.code and (field.in_code or kind == "end"):
        field.code.append(run)
    if kind == "separate":
        field.in_code = False
    elif kind == "end":
        fields.pop()
        if _FETCHES.match(field.instruction):
            for one in field.code:
                remove(one)


# --- relations and content types


def _clean_relations(package: Package, gone: Iterable[str]) -> None:
    gone = set(gone)
    for name in [one for one in package.names() if one.endswith(".rels")]:
        folder, _, file = name.rpartition("_rels/")
        owner = folder + file.removesuffix(".rels")
        for relation in list(package.tree(name)):
            target, kind = str(relation.get("Target") or ""), str(relation.get("Type") or "")
            if relation.get("TargetMode") == "External":
                _judge_external(package, owner, relation, target, kind)
            elif _resolved(folder, target) in gone or not package.has(_resolved(folder, target)):
                _cut(package, owner, relation)


def _judge_external(
    package: Package, owner: str, relation: Element, target: str, kind: str
) -> None:
    """Keep links that a reader may follow; take out pictures and templates that lie elsewhere; refuse the rest."""
    if kind.endswith("/hyperlink") and target.lower().startswith(_WEB):
        return
    if not kind.endswith(("/hyperlink", "/image", "/attachedTemplate")):
        raise refusal(
            package.path,
            f"引用了文件以外的内容（{target[:80]}）。请在 Word 中断开链接后再报送。",
            f"it refers to what lies outside ({target[:80]}). Break the link in Word and push again.",
        )
    _cut(package, owner, relation)


def _cut(package: Package, owner: str, relation: Element) -> None:
    """Take a relation out, and every reference to it: one that leads nowhere makes a file unreadable."""
    remove(relation)
    if package.has(owner) and owner.endswith(".xml"):
        _forget(package.tree(owner), str(relation.get("Id")))


def _forget(root: Element, relation: str) -> None:
    """Take every reference to *relation* out of a part."""
    for node in list(root.iter("{*}*")):
        named = [
            key
            for key, value in node.attrib.items()
            if value == relation and "relationships" in str(key)
        ]
        for key in named:
            del node.attrib[key]
        if named and local(node) == "hyperlink":
            unwrap(node)


def _resolved(folder: str, target: str) -> str:
    return posixpath.normpath(
        target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
    )


def _clean_types(package: Package, gone: Iterable[str]) -> None:
    names = {f"/{name}" for name in gone}
    for node in list(package.tree("[Content_Types].xml")):
        if node.get("PartName") in names:
            remove(node)
