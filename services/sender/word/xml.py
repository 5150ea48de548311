"""Reading WordprocessingML by local names: transitional and strict files, Word's and WPS's, look alike then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element as Element

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def local(node: Element) -> str:
    """Return the name of *node* without its namespace."""
    return str(node.tag).rpartition("}")[2]


def get(node: Element | None, name: str) -> str | None:
    """Return the attribute *name* of *node*, whatever its namespace."""
    for key, value in node.attrib.items() if node is not None else ():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def child(node: Element | None, *names: str) -> Element | None:
    """Return the first child by local name, and so on down *names*."""
    for name in names:
        if node is None:
            return None
        node = next((one for one in node if local(one) == name), None)
    return node


def is_on(node: Element | None) -> bool:
    """Say whether a switch such as `w:b` is there and not turned off."""
    return node is not None and get(node, "val") not in {"0", "false", "off", "none"}


def number_in(text: str | None, default: int = 0) -> int:
    """Return *text* as a whole number that a document can mean; *default* for anything else."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,6}", text) else default


def elements(root: Element, *names: str) -> Iterator[Element]:
    """Yield the elements below *root* that have one of these local names, in document order."""
    wanted = [f"{{*}}{name}" for name in names]
    yield from list(root.iter(*wanted))


def made(like: Element, name: str, value: str | None = None) -> Element:
    """Return a new element in the namespace of *like*, with `val` set when *value* is given."""
    space = etree.QName(like).namespace or W
    node = etree.Element(f"{{{space}}}{name}")
    if value is not None:
        node.set(f"{{{space}}}val", value)
    return node


def remove(node: Element) -> None:
    """Take *node* out; the text of WordprocessingML never stands between elements."""
    parent = node.getparent()
    if parent is not None:
        parent.remove(node)


def unwrap(node: Element) -> None:
    """Put the children of *node* in its place."""
    parent = node.getparent()
    if parent is None:
        return
    place = parent.index(node)
    for number, inner in enumerate(list(node)):
        parent.insert(place + number, inner)
    parent.remove(node)
