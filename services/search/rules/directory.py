"""Names of bodies, entries and lists, as the record says them: labels of facets, and the frame of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.events.record import CatalogueEntry, DepartmentState, Names, SiteSettings
from shared.web.dates import Lang
from shared.web.words import WORDS

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Directory:
    """One look at the names; replaced as a whole when one changes."""

    departments: Mapping[str, DepartmentState] = field(default_factory=dict)
    entries: Mapping[str, CatalogueEntry] = field(default_factory=dict)
    genres: Mapping[str, Names] = field(default_factory=dict)
    topics: Mapping[str, Names] = field(default_factory=dict)
    settings: SiteSettings | None = None

    def label(self, facet: str, value: str, lang: Lang) -> str:
        """Return the name of a facet's value; the value itself when nothing names it."""
        if facet == "validity":
            words = WORDS.get(f"validity-{value}")
            return words[lang] if words else value
        named = self._names(facet, value)
        return named.of(lang) if named else value

    def _names(self, facet: str, value: str) -> Names | None:
        if facet == "department":
            body = self.departments.get(value)
            return body.names if body else None
        if facet == "catalogue":
            entry = self.entries.get(value)
            return entry.names if entry else None
        return {"genre": self.genres, "topic": self.topics}.get(facet, {}).get(value)


def directory_of(states: Iterable[tuple[str, Mapping[str, Any]]]) -> Directory:
    """Read the stored states (`department:<code>`, `site:<key>`); what cannot be read is left out."""
    held = dict(states)
    vocabulary = held.get("site:vocabulary", {}).get("value", {})
    settings = held.get("site:settings", {}).get("value")
    listed = [
        _read(CatalogueEntry, entry)
        for entry in held.get("site:catalogue", {}).get("value", {}).get("entries", [])
    ]
    bodies = [
        _read(DepartmentState, state)
        for key, state in held.items()
        if key.startswith("department:")
    ]
    return Directory(
        departments={body.code: body for body in bodies if body},
        entries={entry.code: entry for entry in listed if entry},
        genres=_named(vocabulary.get("genres", {})),
        topics=_named(vocabulary.get("topics", {})),
        settings=_read(SiteSettings, settings) if settings else None,
    )


def _named(names: Mapping[str, Any]) -> dict[str, Names]:
    read = {code: _read(Names, value) for code, value in names.items()}
    return {code: value for code, value in read.items() if value}


def _read(kind: type[M], value: Any) -> M | None:
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
