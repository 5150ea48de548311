"""The one allow-list of HTML: what a body may hold when it is stored, and again when a page is rendered.

Whatever is not named here does not exist: no script, handler, style, frame, form or foreign picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import nh3

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Allowed:
    """Tags, attributes, classes and URL schemes that a body may hold."""

    tags: frozenset[str]
    attributes: Mapping[str, frozenset[str]]
    classes: Mapping[str, frozenset[str]]
    schemes: frozenset[str]


_ALIGNED = frozenset({"center", "right"})

ALLOWED = Allowed(
    tags=frozenset(
        "h2 h3 h4 h5 h6 p br hr strong em u s sup sub code pre blockquote ul ol li "
        "table caption thead tbody tr th td a img section".split()
    ),
    attributes=MappingProxyType(
        {
            "a": frozenset({"href", "id"}),
            "img": frozenset({"src", "alt"}),
            "ol": frozenset({"start"}),
            "li": frozenset({"id"}),
            "th": frozenset({"colspan", "rowspan", "scope"}),
            "td": frozenset({"colspan", "rowspan"}),
        }
    ),
    classes=MappingProxyType(
        {
            "p": _ALIGNED,
            "th": _ALIGNED,
            "td": _ALIGNED,
            "table": frozenset({"data"}),
            "section": frozenset({"footnotes"}),
        }
    ),
    schemes=frozenset({"http", "https", "mailto", "tel", "attachment"}),
)
"""`table.data` marks a table of data; layout tables are dissolved. Ids exist only for footnotes."""

FOOTNOTE = re.compile(r"fn(ref)?[0-9]{1,6}(:[0-9]{1,6})?")
"""Ids that a body may give to its footnotes and to the places that refer to them."""

_PICTURE = re.compile(r"(/files/|attachment:)\S+")
_SPAN = re.compile(r"[1-9][0-9]{0,3}")
_CHECKED = {
    ("a", "id"): FOOTNOTE,
    ("li", "id"): FOOTNOTE,
    ("img", "src"): _PICTURE,
    ("ol", "start"): re.compile(r"[0-9]{1,6}"),
    ("th", "colspan"): _SPAN,
    ("th", "rowspan"): _SPAN,
    ("td", "colspan"): _SPAN,
    ("td", "rowspan"): _SPAN,
    ("th", "scope"): re.compile("col|row"),
}


def _checked(tag: str, attribute: str, value: str) -> str | None:
    pattern = _CHECKED.get((tag, attribute))
    return value if pattern is None or pattern.fullmatch(value) else None


_CLEANER = nh3.Cleaner(
    tags=set(ALLOWED.tags),
    clean_content_tags={
        "script",
        "style",
        "title",
        "iframe",
        "noscript",
        "template",
        "svg",
        "math",
        "xml",
        "textarea",
    },
    attributes={tag: set(names) for tag, names in ALLOWED.attributes.items()},
    attribute_filter=_checked,
    allowed_classes={tag: set(names) for tag, names in ALLOWED.classes.items()},
    url_schemes=set(ALLOWED.schemes),
    link_rel=None,
)


def scrub(fragment: str) -> str:
    """Return *fragment* with nothing left in it that the allow-list does not name; scrubbing twice is scrubbing once."""
    return _CLEANER.clean(fragment)
