"""What judging needs beside the event and the database: the site's zone, the rule of index numbers, the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from services.catalog.blobs import BlobStore, open_blobs
from services.catalog.numbering import IndexNumbers, index_numbers


@dataclass(frozen=True)
class Doors:
    """Built once by `app.py`, and by the commands that judge."""

    zone: ZoneInfo
    numbers: IndexNumbers
    blobs: BlobStore


def open_doors(
    *, timezone: str, index_number_rule: str, blobs: str | Path, data: Path | None = None
) -> Doors:
    """Return the doors that these settings describe; uploads on their way to a bucket lie in the folder *data*."""
    store = open_blobs(blobs, arrivals=data / "arriving" if data else None)
    return Doors(ZoneInfo(timezone), index_numbers(index_number_rule), store)
