"""How the site's files are named to browsers: media types, and how long they may be kept."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".jsonld": "application/ld+json; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".gz": "application/gzip",
}
OPAQUE = "application/octet-stream"
REVALIDATE = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
_HASHED = re.compile(r"/assets/.*\.[0-9a-f]{8,}\.[a-z0-9]+")

STATUS = "gazette-status"
"""Metadata of a page on an object store that is answered with another status than 200: `410`."""


def page_type(name: str) -> str:
    """Return the media type of a file of the site by its name's ending."""
    return TYPES.get(PurePosixPath(name).suffix.lower(), OPAQUE)


def caching(path: str) -> str:
    """Return `Cache-Control` of a path of the site: what bears its hash in its name never changes."""
    return FOR_EVER if _HASHED.fullmatch(path) else REVALIDATE
