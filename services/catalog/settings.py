"""The catalog's settings, read once by `app.py`."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from services.catalog.numbering import DEFAULT_RULE


class Settings(BaseSettings):
    """Environment variables `GAZETTE_*`."""

    model_config = SettingsConfigDict(env_prefix="GAZETTE_", frozen=True, extra="ignore")

    database_url: str = "postgresql+psycopg://localhost/gazette"
    nats_url: str = "nats://127.0.0.1:4222"
    site_url: str = "http://127.0.0.1:8080"
    path_prefix: str = ""
    """Path below which the site lies, e.g. `/zwgk`: links of the delivery page begin with it."""
    blobs_url: str | Path = "blobs"
    """Folder of the attachments, or `s3://bucket/prefix`: `public/` and `held/` below it."""
    data: Path | None = None
    """Folder of a disk: uploads on their way to a bucket lie in `arriving` below it; unset: among temporary files."""
    nats_users_file: Path | None = None
    """Where the departments' NATS users are written (the server includes this file)."""
    nats_users_with_ours: bool = False
    """Whether that file begins with our own user, as `nats_url` names it: for a server that includes it as it is."""
    timezone: str = "Asia/Shanghai"
    internal_token: str = ""
    projections: dict[str, str] = {}
    """Projection -> address of its `/internal/shown`, for anti-entropy of delivery."""
    index_number_rule: str = DEFAULT_RULE
    max_attachment_bytes: int = 200 * 1024 * 1024
