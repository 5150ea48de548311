"""Alembic's entry: this schema only."""

from services.notifier.tables import meta
from shared.db import run_migrations

run_migrations(meta)
