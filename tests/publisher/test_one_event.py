"""From one event of the record to the files that readers see."""

from __future__ import annotations

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
