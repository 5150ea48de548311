"""Channels: how a finished message leaves the house. One port, one file per kind."""

from __future__ import annotations

from typing import Protocol

from services.notifier.rules import Verdict


class ChannelDown(Exception):
    """Nothing can be sent now, to anybody: no message was tried, none is to blame."""


class Channel(Protocol):
    """One way out, used by one worker at a time."""

    async def send(self, message: bytes, *, sender: str, to: str, name: str) -> Verdict:
        """Hand *message* over to one recipient; *name* is the same for every try of the same message.

        Raises `ChannelDown` when it could not even be tried.
        """

    async def close(self) -> None:
        """Give connections up."""
