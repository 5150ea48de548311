"""Secret links and message ids: derived from one key, so that only their SHA-256 need be stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID


@dataclass(frozen=True)
class Links:
    """The addresses that stand in mails; made of settings alone, never of a request's `Host`."""

    key: bytes
    site_url: str
    """Absolute, without a trailing slash; it may have a path."""

    @property
    def host(self) -> str:
        """Return the site's host as it stands in message ids."""
        host = urlsplit(self.site_url).hostname or ""
        return (
            host if "." in host and not host.replace(".", "").isdigit() else "localhost.localdomain"
        )

    def page_token(self, subscriber_id: UUID) -> str:
        """Return the token of a subscriber's own page."""
        return self._token("page", subscriber_id.bytes)

    def letter_token(self, letter_id: UUID) -> str:
        """Return the token of a confirmation link."""
        return self._token("letter", letter_id.bytes)

    def page(self, subscriber_id: UUID, part: str = "") -> str:
        """Return the absolute address of a subscriber's own page, or of a part of it."""
        return f"{self.site_url}/subscription/{self.page_token(subscriber_id)}{part}"

    def confirmation(self, letter_id: UUID) -> str:
        """Return the absolute address behind "confirm"."""
        return f"{self.site_url}/subscription/confirm/{self.letter_token(letter_id)}"

    def message_id(self, about: UUID, subscriber_id: UUID) -> str:
        """Return the one Message-ID of this notice or letter for this person, however often it is sent."""
        digest = hmac.new(
            self.key, b"message\0" + about.bytes + subscriber_id.bytes, hashlib.sha256
        )
        return f"<{digest.hexdigest()[:40]}@{self.host}>"

    def fingerprint(self) -> bytes:
        """Return what tells one key from another."""
        return hashlib.sha256(b"fingerprint\0" + self.key).digest()

    def _token(self, use: str, subject: bytes) -> str:
        digest = hmac.new(self.key, use.encode() + b"\0" + subject, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def sha256(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()
