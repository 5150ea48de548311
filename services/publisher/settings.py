"""What the publisher can be told from outside; read once, by app.py."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the publisher."""

    model_config = SettingsConfigDict(env_prefix="GAZETTE_", frozen=True, extra="ignore")

    database_url: str
    nats_url: str = "nats://127.0.0.1:4222"
    catalog_url: str = "http://127.0.0.1:8080"
    """Where the record feed is read."""
    site_store: str | Path = "site"
    """Folder of the static site, or `s3://bucket/prefix`; web servers serve `current` in it."""
    site_url: str = "http://127.0.0.1:8080"
    """Absolute address of the site, without path prefix and trailing slash."""
    path_prefix: str = ""
    """Path below which the site lies, e.g. `/zwgk`."""
    portal_header: Path | None = None
    portal_footer: Path | None = None
    """Files with HTML fragments of the portal that this site is a column of."""
    internal_token: str = ""
    timezone: str = "Asia/Shanghai"
