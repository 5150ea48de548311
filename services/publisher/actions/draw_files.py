"""Draw files from what was read and write them; blocking, called in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.publisher.files.sheet import Sheet
from services.publisher.store import SiteStore


@dataclass
class Drawn:
    """What became of one sheet."""

    sheet: Sheet
    files: dict[str, bytes | None] = field(default_factory=dict)
    error: Exception | None = None
    changed: int = 0
    """Files of the whole group that were written; the first sheet tells."""
    aside: Mapping[str, bool | None] = field(default_factory=dict)
    """What `Written.aside` says of the whole group; the first sheet tells."""


def draw_and_write(store: SiteStore, tree: int, sheets: Sequence[Sheet]) -> list[Drawn]:
    """Draw every sheet and write all files as one group; one that cannot be drawn is set aside with its error."""
    drawn = [_drawn(sheet) for sheet in sheets]
    good = [one for one in drawn if one.error is None]
    files: dict[str, bytes | None] = {}
    for one in good:
        files.update(one.files)
    if files:
        written = store.write(tree, files)
        good[0].changed, good[0].aside = written.changed, written.aside
    folders = {
        one.sheet.folder: names_in(one.sheet.folder, one.files)
        for one in good
        if one.sheet.folder is not None
    }
    if folders:
        store.keep_only(tree, folders)
    return drawn


def _drawn(sheet: Sheet) -> Drawn:
    try:
        return Drawn(sheet, sheet.draw())
    except Exception as error:  # noqa: BLE001 — a page that cannot be rendered must not hold up the others
        return Drawn(sheet, error=error)


def names_in(folder: str, files: dict[str, bytes | None]) -> frozenset[str]:
    """Return the names that *files* have directly in *folder*."""
    return frozenset(path[len(folder) :].split("/")[0] or "index.html" for path in files)
