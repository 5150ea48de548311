"""Migrations of the search service's schema."""

from services.search.tables import metadata
from shared.db import run_migrations

run_migrations(metadata)
