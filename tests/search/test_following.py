"""Search follows the record: by the stream, by the feed, over restarts, losses and restores."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.search.settings import Settings
from services.search.tables import tables
from shared import position
from shared.bus import Bus
from tests.search.conftest import TOKEN, Running, running, until
from tests.search.items import item_id, state
from tests.search.record import Record

pytestmark = pytest.mark.timeout(90)

Told = Callable[[], list[tuple[str, int]]]


async def test_an_event_becomes_a_hit_and_is_told_once(
    record: Record, service: Running, told: Told
):
    """What the record says is found at once, shown with its checksum, and its visibility said once per version."""
    await record.say(state("closure", "石桥段封闭施工", "<p>绕行县道。</p>"))
    await service.until_shown(1)
    assert await service.titles("石桥") == ["石桥段封闭施工"]
    [row] = await service.shown()
    assert (row["item_id"], row["version"], len(row["sha256"])) == (str(item_id("closure")), 1, 64)
    await until(lambda: told() == [(str(item_id("closure")), 1)])


async def test_an_event_that_is_not_newer_changes_nothing(
    record: Record, service: Running, told: Told
):
    """Repetitions and late older versions are ignored, in whatever order they come."""
    old, new = record.keep(state("a", "旧标题"), state("a", "新标题", version=2))
    await record.send(new)
    await until(lambda: len(told()) == 1)
    await record.send(old)
    await record.send(new)
    await record.say(state("b", "另一条"))
    await service.until_shown(2)
    assert set(await service.titles("标题")) == {"新标题"}
    assert told() == [(str(item_id("a")), 2), (str(item_id("b")), 1)]


async def test_withdrawn_items_are_found_by_title_only(record: Record, service: Running):
    """A withdrawn item is found by its title, flagged, without its text; its reason stands on the page."""
    await record.say(state("a", "石桥段封闭施工", "<p>绕行县道。</p>", summary="封路"))
    more: dict[str, Any] = {
        "state": "withdrawn",
        "reason": "内容有误",
        "change": "withdrawal",
        "body": None,
    }
    await record.say(state("a", "石桥段封闭施工", version=2, sequence=2, **more))
    await until(lambda: _has(service, "石桥", "withdrawn"))
    [hit] = (await service.find("石桥段封闭施工"))["hits"]
    assert (hit["state"], hit["snippet"]) == ("withdrawn", "")
    assert await service.titles("绕行") == []
    page = await service.page("/search?q=石桥")
    assert "内容有误" in page
    assert 'class="badge withdrawn"' in page


async def _has(service: Running, q: str, standing: str) -> bool:
    return any(hit["state"] == standing for hit in (await service.find(q))["hits"])


@pytest.mark.parametrize("kind", ["gone", "redirect", "vanish"])
async def test_what_is_gone_is_found_by_nothing(record: Record, service: Running, kind: str):
    """Gone, redirected and vanished items are no hit and in no count, but known to be up to date."""
    await record.say(state("a", "石桥段封闭施工", "<p>绕行县道。</p>"), state("b", "学区"))
    await record.say(state("a", None, None, version=2, state=kind, change="withdrawal"))
    await until(lambda: _shows_version(service, 2))
    assert await service.titles("石桥段封闭施工") == []
    assert (await service.find())["total"] == 1
    assert len(await service.shown()) == 2


async def _shows_version(service: Running, version: int) -> bool:
    return any(row["version"] == version for row in await service.shown())


async def test_a_published_again_item_is_found_again(record: Record, service: Running):
    """A version after a withdrawal brings the item back."""
    await record.say(
        state("a", "学区", "<p>划分</p>"),
        state("a", None, None, version=2, state="gone"),
        state("a", "学区", "<p>划分</p>", version=3),
    )
    await until(lambda: _shows_version(service, 3))
    assert await service.titles("划分") == ["学区"]


async def test_what_the_stream_lost_is_read_from_the_feed(record: Record, service: Running):
    """An event that never came is fetched as soon as a later one shows the gap."""
    await record.say(state("a", "第一条"))
    await service.until_shown(1)
    record.keep(state("b", "第二条"))
    await record.say(state("c", "第三条"))
    await service.until_shown(3)
    assert await service.titles("第二条") == ["第二条"]


async def test_an_unreadable_event_is_parked_once_and_stops_nothing(
    record: Record, settings: Settings
):
    """An event that nobody can read is set aside, by the stream or the feed; what follows is found, also after a restart."""
    record.spoiled = {2, 4}
    async with running(settings) as first:
        await until(lambda: _ready(first))
        await record.say(state("a", "第一条"), state("b", "第二条"), state("c", "第三条"))
        await first.until_shown(2)
        record.keep(state("d", "第四条"))  # these two come by the feed alone
        record.keep(state("e", "第五条"))
        await record.say(state("f", "第六条"))
        await first.until_shown(4)
    async with running(settings) as second:
        await until(lambda: _ready(second))
        assert 'gazette_parked{service="search"} 2.0' in (await _figures(second))
        async with second.search.db.sessions() as session:
            holes = await position.missing(session, tables.position, "search", 6)
        assert holes == []
        headers = {"Authorization": f"Bearer {TOKEN}"}
        rebuilt = await second.client.post("/internal/rebuild", headers=headers)
        assert rebuilt.json()["items"] == 4
        assert set(await second.titles()) == {"第一条", "第三条", "第五条", "第六条"}


async def _figures(service: Running) -> str:
    return (await service.client.get("/metrics")).text


async def test_a_trace_goes_on_to_the_effect(record: Record, service: Running, nats_url: str):
    """The effect bears the `traceparent` of the event that it follows from, as attribute and as header."""
    trace = f"00-{7:032x}-{8:016x}-01"
    async with Bus(nats_url, name="effects") as bus:
        effects = await bus.client.subscribe("effects.search.>")
        await bus.client.flush()
        [said] = record.keep(state("a", "石桥"), trace=trace)
        await record.send(said)
        message = await effects.next_msg(timeout=20)
    assert message.headers is not None
    assert message.headers["traceparent"] == trace
    assert json.loads(message.data)["traceparent"] == trace


async def test_the_index_outlives_a_restart(record: Record, settings: Settings):
    """After a restart everything is found without reading the record again."""
    async with running(settings) as first:
        await record.say(state("a", "石桥"))
        await first.until_shown(1)
    record.begin_anew(record.epoch)
    record.keep(state("other", "别的"))
    async with running(settings) as second:
        assert await second.titles("石桥") == ["石桥"]


async def test_a_lost_index_is_made_anew_and_nobody_is_told(
    record: Record, in_folder: Settings, told: Told
):
    """Deleting the index while stopped is repaired from the feed, without effects."""
    async with running(in_folder) as first:
        await record.say(state("a", "石桥"), state("b", "学区"))
        await first.until_shown(2)
        await until(lambda: len(told()) == 2)
    shutil.rmtree(in_folder.search_index)
    async with running(in_folder) as second:
        await until(lambda: _total(second, 2))
        assert len(await second.shown()) == 2
    assert len(told()) == 2


async def _total(service: Running, number: int) -> bool:
    return bool((await service.find())["total"] == number)


async def test_an_index_of_another_analysis_answers_until_it_is_made_anew(
    record: Record, in_folder: Settings
):
    """A new way of cutting rebuilds the index beside the old one, which answers meanwhile."""
    async with running(in_folder) as first:
        await record.say(state("a", "石桥"))
        await first.until_shown(1)
    note = in_folder.search_index / "current.json"
    before = json.loads(note.read_text())
    note.write_text(json.dumps({**before, "analyser": "of yesterday"}))
    async with running(in_folder) as second:
        assert await second.titles("石桥") == ["石桥"]
        await until(lambda: not second.search.shelf.stale)
        assert await second.titles("石桥") == ["石桥"]
    assert json.loads(note.read_text())["folder"] != before["folder"]
    assert [path.name for path in in_folder.search_index.glob("index-*")] != [before["folder"]]


async def test_an_unreadable_index_is_made_anew(record: Record, in_folder: Settings):
    """A damaged index stops nothing: an empty one answers until the rebuild is done."""
    async with running(in_folder) as first:
        await record.say(state("a", "石桥"))
        await first.until_shown(1)
    _damage(in_folder.search_index)
    async with running(in_folder) as second:
        await until(lambda: _total(second, 1))


def _damage(folder: Path) -> None:
    for path in folder.glob("index-*/meta.json"):
        path.write_text("{")


async def test_searches_go_on_during_a_rebuild(record: Record, service: Running, told: Told):
    """A rebuild swaps a complete index in; no search sees less, what comes meanwhile is in it, nobody is told."""
    await record.say(*(state(f"n{n}", f"石桥第{n}条") for n in range(60)))
    await service.until_shown(60)
    await until(lambda: len(told()) == 60)
    totals: list[int] = []
    ended = asyncio.Event()

    async def searching() -> None:
        while not ended.is_set():
            totals.append((await service.find("石桥"))["total"])

    task = asyncio.create_task(searching())
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = await service.client.post("/internal/rebuild", headers=headers)
    await record.say(state("late", "石桥又一条"))
    await service.until_shown(61)
    ended.set()
    await task
    assert answer.json()["items"] == 60
    assert set(totals) <= {60, 61}
    assert (await service.find("石桥"))["total"] == 61
    await until(lambda: len(told()) == 61)


async def test_another_epoch_is_shown_and_told_to_nobody(
    record: Record, service: Running, told: Told
):
    """After a restore the index shows the restored record, older versions included, without effects."""
    await record.say(state("a", "新标题", version=3), state("b", "后来的"))
    await service.until_shown(2)
    await until(lambda: len(told()) == 2)
    record.begin_anew(UUID("00000000-0000-4000-8000-000000000002"))
    await record.say(state("a", "旧标题", version=1))
    await until(lambda: _total(service, 1))
    assert await service.titles() == ["旧标题"]
    await until(lambda: _versions_are(service, [1]))
    assert len(told()) == 2


async def _versions_are(service: Running, versions: list[int]) -> bool:
    return [row["version"] for row in await service.shown()] == versions


async def test_search_answers_without_database_and_nats(record: Record, settings: Settings):
    """With database and NATS down the index answers, page and API; readiness says that it is degraded."""
    async with running(settings) as first:
        await record.say(state("a", "石桥"))
        await first.until_shown(1)
    alone = settings.model_copy(
        update={
            "database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none",
            "nats_url": "nats://127.0.0.1:1",
        }
    )
    async with running(alone) as service:
        assert await service.titles("石桥") == ["石桥"]
        assert "石桥" in await service.page("/search?q=石桥")
        answer = await service.client.get("/readyz")
        assert (answer.status_code, answer.json()["database"]) == (503, False)


async def test_what_is_internal_needs_the_token(service: Running):
    """Without the instance's token nothing internal is answered."""
    for method, path in (("GET", "/internal/shown"), ("POST", "/internal/rebuild")):
        assert (await service.client.request(method, path)).status_code == 401


async def test_ready_and_figures(record: Record, service: Running):
    """A service that hears and has caught up is ready, and says its figures."""
    await record.say(state("a", "石桥"))
    await service.until_shown(1)
    await until(lambda: _ready(service))
    figures = await _figures(service)
    assert 'gazette_search_cards{consumer="search"} 1.0' in figures
    assert 'gazette_parked{service="search"} 0.0' in figures
    assert (await service.client.get("/livez")).status_code == 200


async def _ready(service: Running) -> bool:
    return (await service.client.get("/readyz")).status_code == 200
