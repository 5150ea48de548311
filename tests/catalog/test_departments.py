"""Bodies that owe disclosure: what of them is changed, and what cannot be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.catalog.actions.add_department import (
    DepartmentExists,
    NewDepartment,
    NoSuchParent,
    add_department,
)
from services.catalog.actions.change_department import (
    NoSuchDepartment,
    ParentIsBelow,
    change_department,
)
from services.commands import departments
from shared.errors import Refused
from tests.catalog.desk import Desk

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


async def add(desk: Desk, code: str, **fields: Any) -> None:
    """Add a body."""
    async with desk.db.sessions.begin() as session:
        await add_department(session, NewDepartment(code=code, **fields), now=NOW)


async def change(desk: Desk, code: str, **changes: Any) -> None:
    """Change a body."""
    async with desk.db.sessions.begin() as session:
        await change_department(session, code, changes, now=NOW)


async def row(desk: Desk, code: str) -> Any:
    """Return a body's row."""
    [found] = await desk.rows("SELECT * FROM catalog.department WHERE code = :c", c=code)
    return found


@pytest.fixture
async def tree(fresh_desk: Desk) -> Desk:
    """A county, a township below it, and a village below that."""
    await add(fresh_desk, "county")
    await add(fresh_desk, "liulin", parent="county")
    await add(fresh_desk, "shiqiao", parent="liulin")
    return fresh_desk


async def test_a_part_of_the_contact_leaves_the_others(fresh_desk: Desk) -> None:
    """A new phone leaves office and address; an empty one takes the phone away; names are merged as well."""
    await add(fresh_desk, "transport", contact={"office": "办公室", "phone": "1"})
    await change(fresh_desk, "transport", contact={"phone": "2"}, names={"en": "Transport"})
    assert (await row(fresh_desk, "transport")).contact == {"office": "办公室", "phone": "2"}
    await change(fresh_desk, "transport", contact={"phone": ""}, names={"zh-Hans": "交通局"})
    found = await row(fresh_desk, "transport")
    assert found.contact == {"office": "办公室"}
    assert found.names == {"zh-Hans": "交通局", "en": "Transport"}
    await change(fresh_desk, "transport", contact={"office": ""})
    assert not (await row(fresh_desk, "transport")).contact
    said = (await fresh_desk.feed(state=1))["records"][-1]["event"]["data"]
    assert said["version"] == 4
    assert "contact" not in said


@pytest.mark.parametrize(
    ("code", "parent", "refusal"),
    [
        ("liulin", "nobody", NoSuchParent),
        ("liulin", "", NoSuchParent),
        ("liulin", "liulin", ParentIsBelow),
        ("county", "liulin", ParentIsBelow),
        ("county", "shiqiao", ParentIsBelow),
        ("nobody", "county", NoSuchDepartment),
    ],
)
async def test_no_body_lies_below_itself(
    tree: Desk, code: str, parent: str, refusal: type[Refused]
) -> None:
    """A parent that is not there, is the body itself or lies below it is refused with a sentence; nothing changes."""
    before = await tree.rows("SELECT code, parent, version FROM catalog.department ORDER BY 1")
    with pytest.raises(refusal):
        await change(tree, code, parent=parent)
    assert before == await tree.rows(
        "SELECT code, parent, version FROM catalog.department ORDER BY 1"
    )


async def test_a_body_moves_elsewhere_in_the_tree(tree: Desk) -> None:
    """A parent that is not below may be taken, also the same again."""
    await change(tree, "shiqiao", parent="county")
    await change(tree, "shiqiao", parent="county")
    await change(tree, "liulin", parent="shiqiao")
    assert (await row(tree, "liulin")).parent == "shiqiao"


async def test_two_moves_at_once_make_no_circle(fresh_desk: Desk) -> None:
    """Of two bodies that go below each other at the same moment one is refused."""
    for number in range(5):
        one, two = f"one{number}", f"two{number}"
        await add(fresh_desk, one)
        await add(fresh_desk, two)
        answers = await asyncio.gather(
            change(fresh_desk, one, parent=two),
            change(fresh_desk, two, parent=one),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers if answer] == [ParentIsBelow]


async def test_a_new_body_needs_a_parent_that_is_there(fresh_desk: Desk) -> None:
    """Its own code, or one that nobody has, is no parent; a code is taken once."""
    for parent in ("new", "nobody"):
        with pytest.raises(NoSuchParent):
            await add(fresh_desk, "new", parent=parent)
    await add(fresh_desk, "new")
    with pytest.raises(DepartmentExists):
        await add(fresh_desk, "new")


async def test_the_command_changes_and_refuses(tree: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gazette departments set` merges the phone into the contact, and ends with a refusal, no trace of ours."""
    monkeypatch.setenv("GAZETTE_DATABASE_URL", tree.database_url)
    program = typer.Typer()
    departments.mount(program)

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, program, ["departments", *words])

    await change(tree, "liulin", contact={"office": "办公室"})
    assert (await run("set", "liulin", "--phone", "0551-1")).exit_code == 0
    assert (await row(tree, "liulin")).contact == {"office": "办公室", "phone": "0551-1"}
    assert (await run("set", "liulin", "--phone", "")).exit_code == 0
    assert (await row(tree, "liulin")).contact == {"office": "办公室"}
    assert isinstance((await run("set", "county", "--parent", "shiqiao")).exception, ParentIsBelow)
    assert isinstance((await run("set", "county", "--parent", "x")).exception, NoSuchParent)
