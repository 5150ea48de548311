"""Refusals: what a caller did wrong, as types with a status and a sentence.

A bug is never a refusal. `shared/http.py` turns a refusal into `application/problem+json` (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel


class Problem(BaseModel):
    """One thing that is wrong with an input: where, what, and how to mend it."""

    path: str
    """JSON Pointer from the event's root, e.g. `/data/formed_on` (RFC 6901)."""
    code: str
    """Stable, snake_case name of the rule."""
    message: str
    """What is wrong, in Chinese and English, parted by ` / `."""
    fix: str
    """What to do about it, in Chinese and English, parted by ` / `."""


class Refused(Exception):
    """The request was refused."""

    status = 422

    def __init__(self, detail: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail or self.title())
        self.detail = detail
        self.problems = list(problems)

    @classmethod
    def kind(cls) -> str:
        """Return the stable name of this refusal, e.g. `no-such-item`."""
        name = cls.__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")

    @classmethod
    def title(cls) -> str:
        """Return the sentence of this refusal: the first line of its docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


class Unavailable(Refused):
    """暂时不能处理，请稍后再试。 / Temporarily unavailable; try again later."""

    status = 503


class StoreUnreachable(ConnectionError):
    """The object store does not answer, or does not let us: what needs it waits and is tried again.

    No refusal: nobody did anything wrong. It stands here, so that who only waits need not load the store's client.
    """
