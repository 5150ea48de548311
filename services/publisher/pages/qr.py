"""The QR code of a permanent link, as inline SVG: one path, no colours of its own."""

from __future__ import annotations

from functools import lru_cache

import segno
from markupsafe import Markup

_BORDER = 4
"""Quiet zone in modules (ISO/IEC 18004)."""


_MASK = 0
"""One fixed mask instead of trying all eight for the prettiest: every reader knows each, and it takes a fifth of the time."""


@lru_cache(maxsize=4096)
def qr_code(address: str, title: str) -> Markup:
    """Return an `svg` element that leads to *address*."""
    code = segno.make_qr(address, error="m", boost_error=False, mask=_MASK)
    size = code.symbol_size(border=_BORDER)[0]
    runs = "".join(
        f"M{x} {y}h{length}v1h-{length}z"
        for y, row in enumerate(code.matrix, _BORDER)
        for x, length in _runs(row)
    )
    return Markup(
        '<svg class="qr-code" role="img" aria-label="{}" viewBox="0 0 {} {}" shape-rendering="crispEdges">'
        '<path class="quiet" d="M0 0h{}v{}H0z"/><path class="dark" d="{}"/></svg>'
    ).format(title, size, size, size, size, runs)


def _runs(row: bytearray) -> list[tuple[int, int]]:
    """Return start and length of each stretch of dark modules, the border counted in."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row, _BORDER):
        if not dark:
            continue
        if found and sum(found[-1]) == x:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((x, 1))
    return found
