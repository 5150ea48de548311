"""What the routes share: what app.py built, threads for reading, and how parameters are read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Annotated, TypeVar, get_args

from fastapi import Depends, Request
from starlette.datastructures import QueryParams

from services.search.engines.shelf import Shelf
from services.search.names import NameBoard
from services.search.queries import Wanted
from services.search.rules.ask import Filters
from services.search.settings import Settings
from shared.bus import Listener
from shared.db import Database
from shared.errors import Problem, Refused
from shared.events.intake import Validity
from shared.feed import RecordFeed

T = TypeVar("T")

LONGEST_QUESTION = 1000
"""Characters; a title has 500 at most."""
LARGEST_PAGE = 1_000_000
EXACT = ("department", "catalogue", "topic", "genre", "validity")
"""Parameters that are exact values; each may be given several times, any will do."""


@dataclass
class Search:
    """What `app.py` built."""

    settings: Settings
    db: Database
    shelf: Shelf
    names: NameBoard
    listener: Listener
    feed: RecordFeed
    zone: tzinfo
    threads: Executor
    """Threads for reading only: no search waits behind rendering or commits."""
    rebuild: Callable[[], Awaitable[int]] = field(repr=False)

    async def read(self, work: Callable[[], T]) -> T:
        """Run a blocking read in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


def search_of(request: Request) -> Search:
    """Return what `app.py` built."""
    built: Search = request.app.state.search
    return built


Here = Annotated[Search, Depends(search_of)]


class ParameterNotRight(Refused):
    """请求中的参数不正确。 / A parameter of the request is not right."""

    status = 422


class _Reader:
    """Reads parameters one by one and keeps what is wrong with each; an empty one counts as not given."""

    def __init__(self, params: QueryParams) -> None:
        self._params = params
        self.problems: list[Problem] = []

    def text(self, name: str) -> str:
        return (self._params.get(name) or "").strip()

    def values(self, name: str) -> tuple[str, ...]:
        given = (value.strip() for value in self._params.getlist(name))
        return tuple(dict.fromkeys(value for value in given if value))

    def number(self, name: str, least: int, most: int) -> int | None:
        given = self.text(name)
        if not given:
            return None
        if given.isascii() and given.isdigit() and len(given) < 10 and least <= int(given) <= most:
            return int(given)
        self.wrong(
            name, f"要是 {least} 到 {most} 的整数", f"must be an integer from {least} to {most}"
        )
        return None

    def day(self, name: str) -> int | None:
        given = self.text(name)
        if not given:
            return None
        try:
            return date.fromisoformat(given).toordinal()
        except ValueError:
            self.wrong(name, "要是日期，例如 2026-11-23", "must be a date such as 2026-11-23")
            return None

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        given = self.text(name)
        if given and given not in choices:
            self.wrong(name, f"只能是 {'、'.join(choices)}", f"must be one of {', '.join(choices)}")
            return ""
        return given

    def wrong(self, name: str, chinese: str, english: str) -> None:
        self.problems.append(
            Problem(
                path=f"/query/{name}",
                code="invalid_parameter",
                message=f"参数 {name} {chinese}。 / Parameter {name} {english}.",
                fix=f"改正或去掉参数 {name}。 / Correct or leave out the parameter {name}.",
            )
        )


def read_wanted(params: QueryParams) -> tuple[Wanted, list[Problem]]:
    """Read what is asked for; what is wrong is left out and named."""
    reader = _Reader(params)
    q = reader.text("q")
    if len(q) > LONGEST_QUESTION:
        reader.wrong(
            "q", f"最多 {LONGEST_QUESTION} 字", f"has {LONGEST_QUESTION} characters at most"
        )
    first, last = reader.day("from"), reader.day("to")
    if first is not None and last is not None and first > last:
        reader.wrong("to", "不能早于 from", "must not be before from")
        last = None
    reader.choice("validity", get_args(Validity))
    exact = {name: values for name in EXACT if (values := reader.values(name))}
    wanted = Wanted(
        q=q[:LONGEST_QUESTION],
        filters=Filters(exact, reader.number("year", 1, 9999), first, last),
        newest=reader.choice("sort", ("relevance", "newest")) == "newest",
        page=reader.number("page", 1, LARGEST_PAGE) or 1,
        size=reader.number("size", 1, 100) or 10,
    )
    return wanted, reader.problems
