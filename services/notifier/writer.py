"""From a claimed delivery to the bytes of its message."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.notifier.actions.claim_deliveries import Claim
from services.notifier.links import Links
from services.notifier.mails import Recipient, Sender, Shell, letter_mail, notice_mail, notice_shell
from services.notifier.queries import Directory
from shared.web.dates import Lang
from shared.web.frame import default_settings

_SHELLS = 64
"""Notices, each in a language, that are kept built."""


@dataclass
class Writer:
    """Writes messages; what all readers of a notice share is built once."""

    links: Links
    mail_from: str
    timezone: str
    _shells: dict[tuple[UUID, datetime, Lang], Shell] = field(default_factory=dict)

    async def message(self, claim: Claim, names: Directory) -> bytes:
        """Return the finished message, the same for every try."""
        if claim.address is None:
            raise RuntimeError("nobody to write to")
        sender = self._sender(names, claim.language)
        because = tuple(names.label(each.target, claim.language) for each in claim.targets)
        list_id = claim.targets[0].subscription_id if claim.targets else claim.subscriber_id
        to = Recipient(claim.subscriber_id, claim.address, because, claim.delivery_id, list_id)
        if claim.letter_id and claim.letter_kind and claim.letter_at:
            kind, at = claim.letter_kind, claim.letter_at
            return letter_mail(kind, claim.language, sender, to, letter_id=claim.letter_id, at=at)
        if claim.notice_id:
            return notice_mail(await self._shell(claim, sender), claim.notice_id, sender, to)
        raise RuntimeError("a delivery is of a notice or of a letter")

    def name(self, claim: Claim) -> str:
        """Return the name of the message, the same for every try; names sort by age."""
        about = claim.notice_id or claim.letter_id or claim.subscriber_id
        return f"{claim.delivery_id:010d}-{self.links.message_id(about, claim.subscriber_id)[1:13]}"

    def _sender(self, names: Directory, lang: Lang) -> Sender:
        settings = names.settings or default_settings()
        return Sender(settings.names.of(lang), self.mail_from, self.timezone, self.links)

    async def _shell(self, claim: Claim, sender: Sender) -> Shell:
        """Return what all readers of this notice in this language share, built once."""
        if claim.notice_id is None or claim.notice_at is None or claim.content is None:
            raise RuntimeError("this claim has no notice")
        key = (claim.notice_id, claim.notice_at, claim.language)
        shell = self._shells.get(key)
        if shell is None:
            shell = await asyncio.to_thread(
                notice_shell, claim.content, claim.language, sender, claim.notice_at
            )
            while len(self._shells) >= _SHELLS:
                del self._shells[next(iter(self._shells))]
            self._shells[key] = shell
        return shell
