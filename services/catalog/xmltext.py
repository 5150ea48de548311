"""The XML parts of office files, heard as they are read: a tree of one would be thirty times its size in memory.

Every part of one file shares a `Taken`, which bounds what is kept of it; beyond its bounds a file is `Unscannable`.
"""

from __future__ import annotations

import io
import re
import zipfile
from array import array
from collections.abc import Mapping

from lxml import etree

from shared.archives import Unscannable, pieces_of

_PARAGRAPHS = frozenset({"p", "TextObject", "h", "br", "cr", "row", "si", "table-row"})
_TEXTS = frozenset({"t", "delText", "TextCode", "instrText"})
_CHANGES = frozenset({"ins", "del", "moveFrom", "moveTo", "cellIns", "cellDel", "cellMerge"})
_COMMENTS = frozenset({"comment", "commentReference", "commentRangeStart"})

MAX_CHARACTERS = 16 * 1024 * 1024
"""Characters of text that are taken from one file: eight thousand pages."""
MAX_ELEMENTS = 4_000_000
"""Elements of one file: a sheet with a million and a half cells."""
MAX_NAMES = 5000
"""Different names of elements and attributes in one file: the XML library never forgets a name."""
MAX_SILENCE = 4 * 1024 * 1024
"""Bytes of XML in which nothing ends: one attribute or comment, which the library would keep whole."""


class Taken:
    """What was taken from one file, within bounds."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self.characters = 0
        self.elements = 0
        self.events = 0
        self._names: set[str] = set()

    def say(self, words: str) -> None:
        """Keep *words*."""
        self.count(words)
        self.text.write(words)

    def count(self, words: str) -> None:
        """Note that *words* are kept elsewhere."""
        self.characters += len(words)
        if self.characters > MAX_CHARACTERS:
            raise Unscannable("too much text")

    def count_element(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Note one element more."""
        self.elements += 1
        self._names.add(tag)
        self._names.update(attributes)
        if self.elements > MAX_ELEMENTS or len(self._names) > MAX_NAMES:
            raise Unscannable("too many elements")


class Part:
    """Hears one XML part, element by element: a parser's target (`start` to `close` are lxml's names)."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Hear an element with its attributes."""
        self.taken.events += 1
        self.taken.count_element(tag, attributes)
        self._begins(tag.rpartition("}")[2])

    def end(self, tag: str) -> None:
        """Hear the end of an element."""
        self.taken.events += 1
        self._ends(tag.rpartition("}")[2])

    def data(self, words: str) -> None:
        """Hear a piece of text."""
        self.taken.events += 1
        self._says(words)

    def doctype(self, *_: object) -> None:
        """Refuse what may declare entities: the parser would expand them, and no office program writes any."""
        raise Unscannable("a document type")

    def close(self) -> None:
        """Hear that the part is over."""

    def _begins(self, local: str) -> None:
        """Hear an element begin."""

    def _ends(self, local: str) -> None:
        """Hear an element end."""

    def _says(self, words: str) -> None:
        """Hear a piece of text."""


def read_part(archive: zipfile.ZipFile, name: str, part: Part) -> None:
    """Let *part* hear the XML of an entry."""
    parser = etree.XMLParser(
        target=part,  # type: ignore[arg-type]  # the stubs ask for handlers that lxml does without
        resolve_entities=False,
        no_network=True,
        recover=True,
    )
    heard, silence, began = part.taken.events, 0, False
    for piece in pieces_of(archive, name):
        parser.feed(piece)
        began = True
        silence = silence + len(piece) if part.taken.events == heard else 0
        heard = part.taken.events
        if silence > MAX_SILENCE:
            raise Unscannable("one element too large")
    if began:
        parser.close()


class Running(Part):
    """The text of one part, a line for each paragraph."""

    def __init__(self, taken: Taken) -> None:
        super().__init__(taken)
        self._inside = 0

    def _begins(self, local: str) -> None:
        self._inside += local in _TEXTS
        if local == "tab":
            self._take("\t")

    def _says(self, words: str) -> None:
        if self._inside:
            self._take(words)

    def _ends(self, local: str) -> None:
        self._inside -= local in _TEXTS
        if local in _PARAGRAPHS:
            self._take("\n")

    def _take(self, words: str) -> None:
        self.taken.say(words)


class Strings(Running):
    """The strings of a workbook, which its cells name by number."""

    def __init__(self, taken: Taken) -> None:
        super().__init__(taken)
        self._text = io.StringIO()
        self._places = array("Q", [0])
        self._depth = 0
        self._whole = ""

    def _begins(self, local: str) -> None:
        self._depth += 1
        super()._begins(local)

    def _ends(self, local: str) -> None:
        super()._ends(local)
        self._depth -= 1
        if self._depth == 1:
            self._places.append(self._text.tell())

    def _take(self, words: str) -> None:
        self.taken.count(words)
        self._text.write(words)

    def close(self) -> None:
        """Hear that the part is over."""
        self._whole = self._text.getvalue()

    def named(self, number: str) -> str | None:
        """Return the string with this number, if there is one."""
        place = int(number) if re.fullmatch("[0-9]{1,9}", number) else len(self._places)
        if place + 1 >= len(self._places):
            return None
        return self._whole[self._places[place] : self._places[place + 1]].strip("\n")


class Rows(Part):
    """The rows of a sheet, cells parted by tabs."""

    def __init__(self, taken: Taken, strings: Strings) -> None:
        super().__init__(taken)
        self._strings = strings
        self._kind: str | None = None
        self._of = ""
        self._found = _cell()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Hear an element with its attributes."""
        super().start(tag, attributes)
        self._of = tag.rpartition("}")[2]
        if self._of == "c":
            self._kind = attributes.get("t")
            self._found = _cell()

    def _says(self, words: str) -> None:
        if self._of in self._found:
            self.taken.count(words)
            self._found[self._of].write(words)

    def _ends(self, local: str) -> None:
        self._of = ""
        if local == "row":
            self.taken.say("\n")
        elif local == "c":
            value, inline = self._found["v"].getvalue(), self._found["t"].getvalue()
            named = self._strings.named(value) if self._kind == "s" else None
            self.taken.say(named if named is not None else inline or value)
            self.taken.say("\t")


def _cell() -> dict[str, io.StringIO]:
    return {"t": io.StringIO(), "v": io.StringIO()}


class Traces(Part):
    """What tells that a text is not finished: tracked changes, comments."""

    def __init__(self, taken: Taken, *, anywhere: bool) -> None:
        super().__init__(taken)
        self.found: set[str] = set()
        self._anywhere = anywhere
        """Whether elements count that are not named as those of Word."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Hear an element with its attributes."""
        super().start(tag, attributes)
        local = tag.rpartition("}")[2]
        if not self._anywhere and "/wordprocessingml/" not in tag:
            return
        if local in _CHANGES or local.endswith("PrChange"):
            self.found.add("tracked_changes")
        elif local in _COMMENTS:
            self.found.add("comments")
