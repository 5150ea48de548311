"""What the notifier is told by its environment, read once by app.py."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one notifier."""

    model_config = SettingsConfigDict(env_prefix="GAZETTE_", frozen=True, extra="ignore")

    database_url: str
    nats_url: str
    site_url: str = "http://127.0.0.1:8080"
    """Absolute address of the site as readers reach it, without path prefix: links in mails begin with it."""
    path_prefix: str = ""
    """Path below which the site lies, e.g. `/zwgk`."""
    portal_header: Path | None = None
    portal_footer: Path | None = None
    """Files with HTML fragments of the portal that this site is a column of."""
    catalog_url: str = "http://127.0.0.1:8080"
    internal_token: str = ""
    timezone: str = "Asia/Shanghai"
    data: Path | None = None
    """Folder of the key of our links, when none is set."""
    mail_folder: Path | None = None
    """Where mail goes when there is no mail server; default `<data>/mail`."""
    smtp_url: str | None = None
    """`smtp://user:password@host:587` or `smtps://host:465`; without it mail goes to `mail_folder`."""
    mail_from: str | None = None
    """Address that mails come from; default `notices@<host of site_url>`."""
    link_secret: SecretStr | None = None
    """Key of the secret links, 32 characters or more; must be the same for every copy of the notifier."""
    mail_workers: int = 4
    """Connections to the mail server."""
    letters_per_minute: int = 60
    """Confirmation mails that strangers can cause in a minute, all addresses together."""

    @field_validator("site_url", "path_prefix")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")
