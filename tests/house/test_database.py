"""The schemas: migrations lead where the tables say, and the catalog's rules hold in the database as well."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from psycopg.errors import CheckViolation
from sqlalchemy import CheckConstraint, MetaData, create_engine, inspect, pool

from services.catalog.tables import metadata as catalog
from services.notifier.tables import meta as notifier
from services.publisher.tables import metadata as publisher
from services.search.tables import metadata as search
from shared.db import migrate
from shared.leader import plain_url

SCHEMAS: dict[str, MetaData] = {
    "catalog": catalog,
    "publisher": publisher,
    "search": search,
    "notifier": notifier,
}


def tables(url: str, schema: str) -> set[str]:
    """Return the names of a schema's tables."""
    engine = create_engine(url, poolclass=pool.NullPool)
    try:
        return set(inspect(engine).get_table_names(schema=schema)) - {"alembic_version"}
    finally:
        engine.dispose()


def differences(url: str, schema: str) -> list[Any]:
    """Return what a new migration would have to change."""
    engine = create_engine(url, poolclass=pool.NullPool)
    options = {
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name == schema,
        "version_table_schema": schema,
        "compare_type": True,
        "compare_server_default": True,
    }
    try:
        with engine.connect() as connection:
            return compare_metadata(
                MigrationContext.configure(connection, opts=options), SCHEMAS[schema]
            )
    finally:
        engine.dispose()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_migrations_lead_up_down_and_up_again(empty_database_url: str, schema: str) -> None:
    """Every migration can be undone and done again, and ends exactly at the tables of the code."""
    migrate(empty_database_url, [schema])
    assert tables(empty_database_url, schema) == {
        table.name for table in SCHEMAS[schema].tables.values()
    }
    assert differences(empty_database_url, schema) == []
    migrate(empty_database_url, [schema], revision="base")
    assert tables(empty_database_url, schema) == set()
    migrate(empty_database_url, [schema])
    migrate(empty_database_url, [schema])
    assert differences(empty_database_url, schema) == []


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_code_knows_every_check(database_url: str, schema: str) -> None:
    """The CHECK constraints of the tables in code are those of the database (migrations are not compared by them)."""
    known = {
        constraint.name
        for table in SCHEMAS[schema].tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    with psycopg.connect(plain_url(database_url)) as connection:
        found = connection.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = CAST(%s AS regnamespace)",
            (schema,),
        ).fetchall()
    assert {name for (name,) in found} == known


BODY = "(outbox_id, event_id, stream, subject, body) OVERRIDING SYSTEM VALUE"
GOOD = f"""
INSERT INTO catalog.department (code, names) VALUES ('transport', '{{}}');
INSERT INTO catalog.outbox {BODY} VALUES (1, 'e', 'RECORD', 's', 'b');
"""
ITEM = (
    "INSERT INTO catalog.item (item_id, department, source_id, version, state, content_sha256, url, published_at, "
    "updated_at, notice_version, history, outbox_id) VALUES (gen_random_uuid(), 'transport', 's', {version}, {state}, "
    "'x', '/u/', now(), now(), {notice}, '[]', 1)"
)
WAITING = (
    "INSERT INTO catalog.waiting (department, source_id, event_id, kind, event, content_sha256, received_at, publish_at, "
    "decision, decided_at, reason) VALUES ('transport', 's', 'e', {kind}, '{{}}', 'x', now(), {publish}, {decision}, "
    "{decided}, {reason})"
)
RELATION = (
    "INSERT INTO catalog.relation (department, source_id, type, target_department, target_source_id, title, said_at, "
    "decision, decided_at) VALUES ('transport', 's', {kind}, 'finance', 't', 'x', now(), {decision}, {decided})"
)
VERSION = (
    "INSERT INTO catalog.version (item_id, version, at, change, sha256, outbox_id) "
    "VALUES (gen_random_uuid(), 1, now(), {change}, 'x', 1)"
)


def item(version: str = "1", state: str = "'published'", notice: str = "1") -> str:
    """Return a row of `item`."""
    return ITEM.format(version=version, state=state, notice=notice)


def waiting(
    kind: str = "'held'",
    publish: str = "NULL",
    decision: str = "NULL",
    decided: str = "NULL",
    reason: str = "NULL",
) -> str:
    """Return a row of `waiting`."""
    return WAITING.format(
        kind=kind, publish=publish, decision=decision, decided=decided, reason=reason
    )


def relation(kind: str = "'repeals'", decision: str = "NULL", decided: str = "NULL") -> str:
    """Return a row of `relation`."""
    return RELATION.format(kind=kind, decision=decision, decided=decided)


def department(columns: str, values: str) -> str:
    """Return a row of `department`."""
    return f"INSERT INTO catalog.department (names, {columns}) VALUES ('{{}}', {values})"


RIGHT = [
    item(),
    waiting(),
    waiting(kind="'scheduled'", publish="now()", decision="'released'", decided="now()"),
    waiting(decision="'approved'", decided="now()", reason="'geprüft'"),
    VERSION.format(change="'major'"),
    relation(),
    relation(kind="'amends'", decision="'confirmed'", decided="now()"),
    department("code, policy, kind", "'finance', 'review', 'township'"),
    "INSERT INTO catalog.site_list VALUES ('day', 1, '{}')",
    f"INSERT INTO catalog.outbox {BODY} VALUES (2, 'f', 'OUTCOMES', 's', 'b')",
]
WRONG: dict[str, list[str]] = {
    "ck_outbox_only_the_record_has_a_sequence": [
        "INSERT INTO catalog.outbox (event_id, stream, subject, body, sequence) VALUES ('e', 'OUTCOMES', 's', 'b', 1)"
    ],
    "ck_head_one_row": ["INSERT INTO catalog.head (one, epoch) VALUES (false, gen_random_uuid())"],
    "ck_department_policy": [department("code, policy", "'finance', 'open'")],
    "ck_department_kind": [department("code, kind", "'finance', 'shop'")],
    "ck_department_code": [
        department("code", value)
        for value in ("'Finance'", "'f'", "'1f'", "'f_f'", "repeat('f', 41)", "E'ff\\n'")
    ],
    "ck_department_own_parent": [department("code, parent", "'finance', 'finance'")],
    "ck_item_state": [item(state="'hidden'")],
    "ck_item_version": [item(version="0", notice="0"), item(notice="2"), item(notice="-1")],
    "ck_version_change": [VERSION.format(change="'tiny'")],
    "ck_waiting_kind": [waiting(kind="'sleeping'", publish="now()")],
    "ck_waiting_scheduled_has_a_time": [waiting(kind="'scheduled'")],
    "ck_waiting_release_has_a_reason": [waiting(decision="'approved'", decided="now()")],
    "ck_waiting_decision": [waiting(decision="'forgotten'", decided="now()")],
    "ck_waiting_decision_is_whole": [waiting(decided="now()"), waiting(decision="'returned'")],
    "ck_relation_type": [relation(kind="'related'")],
    "ck_relation_decision": [relation(decision="'perhaps'", decided="now()")],
    "ck_relation_decision_is_whole": [relation(decided="now()"), relation(decision="'refused'")],
    "ck_site_list_key": ["INSERT INTO catalog.site_list VALUES ('other', 1, '{}')"],
}


def test_every_check_of_the_catalog_refuses_a_wrong_row(database_url: str) -> None:
    """No constraint is without a row that it refuses, each wrong row is refused by it, and right rows are taken."""
    with psycopg.connect(plain_url(database_url), autocommit=True) as connection:
        found = connection.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'catalog'::regnamespace"
        ).fetchall()
        assert {name for (name,) in found} == set(WRONG)
        connection.execute(GOOD)
        for name, rows in WRONG.items():
            for row in rows:
                with pytest.raises(CheckViolation) as refused:
                    connection.execute(row)
                assert refused.value.diag.constraint_name == name, row
        for row in RIGHT:
            with connection.transaction(force_rollback=True):
                connection.execute(row)


def test_there_is_one_head(database_url: str) -> None:
    """The record has exactly one head from its first migration on, and takes no second."""
    with psycopg.connect(plain_url(database_url), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM catalog.head").fetchone() == (1,)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO catalog.head (epoch) VALUES (gen_random_uuid())")
