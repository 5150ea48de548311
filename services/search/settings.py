"""What search is told by its environment, read once by app.py."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.search.engines.wire import address_of


class Settings(BaseSettings):
    """Settings of one search service."""

    model_config = SettingsConfigDict(env_prefix="GAZETTE_", frozen=True, extra="ignore")

    database_url: str
    nats_url: str = "nats://127.0.0.1:4222"
    catalog_url: str = "http://127.0.0.1:8080"
    """Where the record feed is read."""
    search_url: str | None = None
    """OpenSearch, for an index that several copies of the service share; see `engines/wire.py` for how it is written."""
    search_index: Path = Path("search")
    """Folder of the index when there is no `search_url`; one writing process at a time."""
    site_url: str = "http://127.0.0.1:8080"
    """Absolute address of the site, without path prefix and trailing slash."""
    path_prefix: str = ""
    """Path below which the site lies, e.g. `/zwgk`."""
    portal_header: Path | None = None
    portal_footer: Path | None = None
    """Files with HTML fragments of the portal that this site is a column of."""
    internal_token: str = ""
    timezone: str = "Asia/Shanghai"

    @field_validator("search_url")
    @classmethod
    def _readable(cls, url: str | None) -> str | None:
        """Refuse an address that cannot be read, before anything starts."""
        if not url:
            return None
        address_of(url)
        return url
