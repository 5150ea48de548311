"""What the notifier is told by its environment, read once by app.py."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.addresses import Rules


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
    outgoing_networks: str = ""
    """Networks that are no part of the public Internet and that webhooks may reach: `10.20.0.0/16, 10.30.1.5/32`."""
    outgoing_ports: str = ""
    """Ports that webhooks may reach; default 443 and 8443, with `outgoing_http` also 80 and 8080."""
    outgoing_http: bool = False
    """Whether webhooks may be `http://`."""

    @field_validator("site_url", "path_prefix")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _readable(self) -> Settings:
        try:
            _ = self.outgoing
        except ValueError as error:
            raise ValueError(
                "GAZETTE_OUTGOING_NETWORKS 须为用逗号分开的网段（如 10.20.0.0/16），GAZETTE_OUTGOING_PORTS 须为端口号。 / "
                "GAZETTE_OUTGOING_NETWORKS needs networks parted by commas, such as 10.20.0.0/16; "
                f"GAZETTE_OUTGOING_PORTS needs port numbers: {error}"
            ) from error
        return self

    @property
    def outgoing(self) -> Rules:
        """What our calls may reach."""
        return Rules.of(self.outgoing_networks, self.outgoing_ports, http=self.outgoing_http)
