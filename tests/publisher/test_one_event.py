"""From one event of the record to the files that readers see."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import text

from services.publisher.store import Written
from tests.publisher.conftest import Press
from tests.publisher.world import CATALOGUE, World


async def test_an_event_becomes_a_page(press: Press) -> None:
    """A published item has its page, its version page and its JSON, and is said visible once."""
    world = World()
    await press.print(
        world.site("catalogue", CATALOGUE), world.body("transport"), world.day("2026-11-02")
    )
    event = world.publish("transport", "a-1", title="S207石桥段封闭施工")
    await press.print(event)
    await press.print(event)
    assert "S207石桥段封闭施工" in press.page("/transport/2026/1/")
    assert "S207石桥段封闭施工" in press.page("/transport/2026/1/v1/")
    assert '"statesha256"' in (press.current / "transport/2026/1/index.json").read_text()
    assert [(one.department, one.version) for one in press.said] == [("transport", 1)]
    for lists in (
        "/",
        "/zh-tw/",
        "/en/",
        "/transport/",
        "/transport/catalogue/notice/",
        "/calendar/2026/11/",
    ):
        assert "S207石桥段封闭施工" in press.page(lists), lists


async def test_visible_is_said_from_when_the_file_is_there(press: Press) -> None:
    """The moment that effects and delivery bear is that of the written page, however long the drawing took."""
    world = World()
    await press.print(world.body("transport"))
    write = press.store.write

    def slowly(tree: int, files: Mapping[str, bytes | None]) -> Written:
        time.sleep(0.3)
        return write(tree, files)

    press.store.write = slowly  # type: ignore[method-assign]
    await press.print(world.publish("transport", "a-1", title="S207石桥段封闭施工"))
    page = press.current / "transport/2026/1/index.html"
    [said] = press.said
    assert abs(said.at.timestamp() - page.stat().st_mtime) < 0.2
    async with press.db.sessions() as session:
        since = (await session.execute(text("SELECT since FROM publisher.shown"))).scalar_one()
    assert since == said.at
