"""Addresses of searches: what a reader has chosen, with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from services.search.http.edge import EXACT
from services.search.queries import Wanted


@dataclass(frozen=True)
class Links:
    """Makes addresses from what is wanted now; every change leads to the first page."""

    wanted: Wanted

    def to(self, **changed: str | int | None) -> str:
        """Return the address with parameters set, or taken out by None."""
        fields = {**dict(self.fields()), "page": None, **changed}
        given = [(name, value) for name, value in fields.items() if value not in (None, "", ())]
        query = urlencode(given, doseq=True)
        return f"/search?{query}" if query else "/search"

    def page(self, number: int) -> str:
        """Return the address of another page of the same search."""
        return self.to(page=number if number > 1 else None)

    def bare(self) -> str:
        """Return the address of the same words without filters."""
        free = replace(self.wanted.filters, exact={}, year=None, first_day=None, last_day=None)
        return Links(replace(self.wanted, filters=free)).to()

    def fields(self, *without: str) -> list[tuple[str, str | Sequence[str]]]:
        """Return what is chosen as names and values, for hidden fields and addresses."""
        filters = self.wanted.filters
        fields: list[tuple[str, str | Sequence[str]]] = [("q", self.wanted.q)]
        fields += [(name, filters.exact[name]) for name in EXACT if name in filters.exact]
        fields += [("year", str(filters.year))] if filters.year is not None else []
        for name, day in (("from", filters.first_day), ("to", filters.last_day)):
            fields += [(name, date.fromordinal(day).isoformat())] if day is not None else []
        fields += [("sort", "newest")] if self.wanted.newest else []
        fields += [("size", str(self.wanted.size))] if self.wanted.size != 10 else []
        return [(name, value) for name, value in fields if name not in without]

    def hidden(self, *without: str) -> list[tuple[str, str]]:
        """Return every chosen name and single value but those *without*."""
        return [
            (name, each)
            for name, value in self.fields(*without)
            for each in ([value] if isinstance(value, str) else value)
        ]
