"""Migrations of the catalog's schema."""

from services.catalog.tables import metadata
from shared.db import run_migrations

run_migrations(metadata)
