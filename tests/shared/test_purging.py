"""After a rewriting no file of PostgreSQL holds what was deleted."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg
import pytest

from shared.leader import plain_url
from shared.purging import rewrite


async def files_with(url: str, mark: str) -> list[str]:
    """Return the files of the server that hold *mark*, once everything is written."""
    async with await psycopg.AsyncConnection.connect(plain_url(url), autocommit=True) as connection:
        row = await (await connection.execute("SHOW data_directory")).fetchone()
    assert row
    folder = Path(row[0])
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and mark.encode() in path.read_bytes()
    ]


@pytest.mark.parametrize("turn", range(3))
async def test_a_deleted_text_is_in_no_table_and_no_log(database_url: str, turn: int) -> None:
    mark = f"leak-{turn}-{secrets.token_hex(16)}"
    async with await psycopg.AsyncConnection.connect(
        plain_url(database_url), autocommit=True
    ) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS leaked (body text)")
        await connection.execute("INSERT INTO leaked VALUES (%s)", (mark,))
        await connection.execute("CHECKPOINT")
        assert await files_with(database_url, mark), "the mark was never written"
        await connection.execute("DELETE FROM leaked")
    await rewrite(database_url, ["leaked"])
    assert await files_with(database_url, mark) == []
