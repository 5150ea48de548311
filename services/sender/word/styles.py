"""What the styles of a Word file say about its paragraphs, inheritance followed."""

from __future__ import annotations

from collections.abc import Iterator

from lxml.etree import _Element as Element

from services.sender.word.package import Package
from services.sender.word.xml import child, elements, get, is_on

DEEPEST = 20
"""Styles that may lie under one another."""


class Styles:
    """The styles of one file."""

    def __init__(self, package: Package) -> None:
        name = package.main.rpartition("/")[0] + "/styles.xml"
        root = package.tree(name) if package.has(name) else None
        self._by_id: dict[str, Element] = {}
        self._normal: str | None = None
        self._default: Element | None = None
        for style in elements(root, "style") if root is not None else ():
            identity = get(style, "styleId") or ""
            self._by_id[identity] = style
            if get(style, "type") == "paragraph" and get(style, "default") in {"1", "true"}:
                self._normal = identity
        if root is not None:
            self._default = child(root, "docDefaults", "rPrDefault", "rPr")

    def name(self, paragraph: Element) -> str:
        """Return the name of a paragraph's style in lower case, e.g. `title`."""
        style = next(self._chain(paragraph), None)
        return (get(child(style, "name"), "val") or "").lower()

    def paragraph(self, paragraph: Element, name: str) -> Element | None:
        """Return the paragraph property *name* that holds: the paragraph's own, or its nearest style's."""
        own = child(paragraph, "pPr", name)
        if own is not None:
            return own
        found = (child(style, "pPr", name) for style in self._chain(paragraph))
        return next((one for one in found if one is not None), None)

    def run(self, paragraph: Element | None, run: Element, name: str) -> Element | None:
        """Return the character property *name* that holds for *run*."""
        own = child(run, "rPr", name)
        if own is not None:
            return own
        character = get(child(run, "rPr", "rStyle"), "val")
        for style in [*self._based(character), *self._chain(paragraph)]:
            found = child(style, "rPr", name)
            if found is not None:
                return found
        return child(self._default, name)

    def table(self, table: Element, name: str) -> Element | None:
        """Return the character property *name* that the style of *table* gives its text."""
        identity = get(child(table, "tblPr", "tblStyle"), "val")
        found = (child(style, "rPr", name) for style in self._based(identity))
        return next((one for one in found if one is not None), None)

    def is_bold(self, paragraph: Element, run: Element) -> bool:
        """Say whether *run* is bold."""
        return is_on(self.run(paragraph, run, "b"))

    def _chain(self, paragraph: Element | None) -> Iterator[Element]:
        return self._based(get(child(paragraph, "pPr", "pStyle"), "val") or self._normal)

    def _based(self, identity: str | None) -> Iterator[Element]:
        """Yield the style and those that it is based on."""
        for _ in range(DEEPEST):
            style = self._by_id.get(identity or "")
            if style is None:
                return
            yield style
            identity = get(child(style, "basedOn"), "val")
