"""Migrations of the publisher's schema."""

from services.publisher.tables import metadata
from shared.db import run_migrations

run_migrations(metadata)
