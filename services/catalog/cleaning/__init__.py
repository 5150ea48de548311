"""Cleaning of bodies: whatever a department writes becomes one strict HTML fragment. Pure, CPU only.

`markdown.py` and `plain.py` turn their format into HTML; `tree.py` reads HTML of any kind into blocks (`blocks.py`)
and `writing.py` writes those in one canonical way; `shared/html.py` has the last word. Because the result is
canonical, cleaning it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from services.catalog.cleaning.entities import hidden, restored
from services.catalog.cleaning.markdown import from_markdown
from services.catalog.cleaning.plain import from_plain
from services.catalog.cleaning.quick import clean_quickly
from services.catalog.cleaning.tree import read_blocks
from services.catalog.cleaning.writing import write_blocks
from shared.html import scrub

Format = Literal["markdown", "html", "text"]

_READERS: dict[Format, Callable[[str], str]] = {
    "markdown": from_markdown,
    "text": from_plain,
    "html": str,
}


def clean_body(format: Format, content: str, attachments: Mapping[str, str] | None = None) -> str:  # noqa: A002
    """Return *content* as a clean HTML fragment; empty when nothing readable is left.

    *attachments* gives the path of each attached file by its name (`/files/<sha256>/<name>`): pictures and links
    that name one (`attachment:图1.png`, or just `图1.png`) point there afterwards, other pictures leave their
    alternative text. Without it, `attachment:` references stay as they are. Headings begin at `h2`.
    """
    quick = clean_quickly(format, content)
    if quick is not None:
        return quick
    written = write_blocks(read_blocks(_READERS[format](content), attachments))
    return restored(scrub(hidden(written)))
