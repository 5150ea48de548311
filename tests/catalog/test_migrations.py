"""What a migration of the catalog finds in an older record stays true."""

from __future__ import annotations

import json

import psycopg

from shared.db import migrate
from shared.leader import plain_url

BODY = "(outbox_id, event_id, stream, subject, body) OVERRIDING SYSTEM VALUE"


def test_numbers_that_were_replaced_before_are_kept(empty_database_url: str) -> None:
    """Index numbers of earlier versions are found in the record; purged versions and current numbers are left out."""
    migrate(empty_database_url, ["catalog"], revision="0002")
    bodies = [json.dumps({"data": {"index_number": number}}) for number in ("A-1", "A-2")]
    with psycopg.connect(plain_url(empty_database_url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO catalog.department (code, names) VALUES ('transport', '{}')"
        )
        for outbox_id, body in enumerate([bodies[0], "", bodies[1], bodies[1]], start=1):
            connection.execute(
                f"INSERT INTO catalog.outbox {BODY} VALUES (%s, 'e', 'RECORD', 's', %s)",
                [outbox_id, body],
            )
        [(item_id,)] = connection.execute(
            "INSERT INTO catalog.item (item_id, department, source_id, version, state, content_sha256, url, "
            "index_number, published_at, updated_at, notice_version, history, outbox_id) VALUES "
            "(gen_random_uuid(), 'transport', 's', 4, 'published', 'x', '/u/', 'A-2', now(), now(), 1, '[]', 4) "
            "RETURNING item_id"
        ).fetchall()
        for version in range(1, 5):
            connection.execute(
                "INSERT INTO catalog.version (item_id, version, at, change, sha256, outbox_id) "
                "VALUES (%s, %s, now(), 'minor', 'x', %s)",
                [item_id, version, version],
            )
    migrate(empty_database_url, ["catalog"])
    with psycopg.connect(plain_url(empty_database_url)) as connection:
        found = connection.execute("SELECT number, item_id FROM catalog.former_number").fetchall()
    assert found == [("A-1", item_id)]
