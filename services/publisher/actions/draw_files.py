"""Draw files from what was read and write them; blocking, called in a thread."""

from __future__ import annotations

from collections.abc import Sequence
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


def draw_and_write(store: SiteStore, tree: int, sheets: Sequence[Sheet]) -> list[Drawn]:
    """Draw every sheet and write all files as one group; one that cannot be drawn is set aside with its error."""
    drawn = [_drawn(sheet) for sheet in sheets]
    good = [one for one in drawn if one.error is None]
    files: dict[str, bytes | None] = {}
    for one in good:
        files.update(one.files)
    if files:
        good[0].changed = store.write(tree, files).changed
    for one in good:
        if one.sheet.folder is not None:
            store.keep_only(tree, one.sheet.folder, _names(one.sheet.folder, one.files))
    return drawn


def _drawn(sheet: Sheet) -> Drawn:
    try:
        return Drawn(sheet, sheet.draw())
    except Exception as error:  # noqa: BLE001 — a page that cannot be rendered must not hold up the others
        return Drawn(sheet, error=error)


def _names(folder: str, files: dict[str, bytes | None]) -> frozenset[str]:
    """Return the names that *files* have directly in *folder*."""
    return frozenset(path[len(folder) :].split("/")[0] or "index.html" for path in files)
