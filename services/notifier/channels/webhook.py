"""Webhooks: one signed POST for each message, through the one guarded way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from time import perf_counter

from services.notifier.webhooks import Result, retry_after, signed_headers
from shared.addresses import AddressRefused, Rules
from shared.outgoing import GuardedClient, Unanswered

_AGENT = "Gazette-Webhooks/1"


class WebhookChannel:
    """Signs and posts; an answer is read for its status only, except that of a question."""

    def __init__(self, outgoing: GuardedClient, clock: Callable[[], datetime]) -> None:
        self.outgoing = outgoing
        self._clock = clock

    @classmethod
    def over(cls, rules: Rules, clock: Callable[[], datetime]) -> WebhookChannel:
        """Return a channel that may reach what the operator's *rules* allow."""
        return cls(GuardedClient(rules, agent=_AGENT), clock)

    async def call(
        self, url: str, message_id: str, body: bytes, secrets: Sequence[str]
    ) -> tuple[Result, bytes]:
        """Post *body* and return how it went, and the answer's body; it raises nothing that a receiver can cause."""
        headers = signed_headers(message_id, body, secrets, self._clock())
        begun = perf_counter()
        try:
            answer = await self.outgoing.post(url, body, headers)
        except (AddressRefused, Unanswered) as error:
            return Result(reason=str(error), took_ms=_since(begun)), b""
        wait = retry_after(answer.status, answer.headers.get("retry-after"))
        return Result(answer.status, None, wait, _since(begun)), answer.body


def _since(begun: float) -> int:
    return round((perf_counter() - begun) * 1000)
