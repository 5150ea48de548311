"""The service on a cluster: nothing is lost while it is away, copies share one index, rebuilds swap it for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from services.search.engines import cluster
from services.search.engines.cluster import ClusterShelf
from services.search.engines.engine import SearchDown
from services.search.engines.wire import Wire, address_of
from services.search.settings import Settings
from tests.search.conftest import TOKEN, Running, running, until
from tests.search.gate import Gate, gate_to
from tests.search.items import card, item_id, state
from tests.search.record import Record

pytestmark = pytest.mark.timeout(120)

Told = Callable[[], list[tuple[str, int]]]
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def gate(opensearch_url: str) -> AsyncIterator[Gate]:
    """A way to the cluster that can be closed."""
    async with gate_to(urlsplit(opensearch_url).port or 0) as opened:
        yield opened


@pytest.fixture
def gated(on_cluster: Settings, gate: Gate) -> Settings:
    """Settings that lead through the gate."""
    url = urlsplit(on_cluster.search_url or "")
    return on_cluster.model_copy(
        update={"search_url": url._replace(netloc=f"127.0.0.1:{gate.port}").geturl()}
    )


async def on_server(settings: Settings, method: str, path: str, **more: Any) -> Any:
    """Ask the cluster itself; `{name}` in the path is the index's."""
    url = urlsplit(settings.search_url or "")
    async with httpx.AsyncClient(trust_env=False) as client:
        address = f"http://{url.netloc}{path.format(name=url.path.strip('/'))}"
        answer = await client.request(method, address, **more)
        answer.raise_for_status()
        return answer.json()


async def indices(settings: Settings) -> set[str]:
    """Return the names of the indices of these settings."""
    return set(await on_server(settings, "GET", "/{name}-*/_alias"))


async def total(service: Running, number: int) -> bool:
    """Say whether so many items are found."""
    return bool((await service.find())["total"] == number)


async def test_a_cluster_that_is_away_is_an_honest_503(record: Record, gated: Settings, gate: Gate):
    """Without the cluster API and page answer 503 with Retry-After, and both say why; health says so too."""
    async with running(gated) as service:
        await record.say(state("a", "石桥"))
        await service.until_shown(1)
        await gate.close()
        answer = await service.client.get("/api/search", params={"q": "石桥"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["type"] == "urn:opengazette:problem:search-down"
        page = await service.client.get("/en/search", params={"q": "石桥"})
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        assert "Search is not available now" in page.text
        assert 'value="石桥"' in page.text
        ready = await service.client.get("/readyz")
        assert (ready.status_code, ready.json()["engine"]) == (503, False)
        assert 'gazette_search_engine_up{consumer="search"} 0.0' in (await metrics(service))
        assert (await service.client.get("/livez")).status_code == 200
        await gate.open()
        await until(lambda: total(service, 1))
        assert 'gazette_search_engine_up{consumer="search"} 1.0' in (await metrics(service))


async def metrics(service: Running) -> str:
    """Return the service's figures."""
    return (await service.client.get("/metrics")).text


async def test_a_cluster_that_does_not_answer_holds_nobody_up(
    record: Record, gated: Settings, gate: Gate
):
    """A cluster that hangs is a 503 within seconds, also for those who ask together, and is used again afterwards."""
    async with running(gated) as service:
        await record.say(state("a", "石桥"))
        await service.until_shown(1)
        gate.block()
        async with asyncio.timeout(10):
            answers = await asyncio.gather(
                *(service.client.get("/api/search", params={"q": "石桥"}) for _ in range(50))
            )
        assert {answer.status_code for answer in answers} == {503}
        await gate.open()
        await until(lambda: found_again(service))


async def found_again(service: Running) -> bool:
    """Say whether searching works."""
    return (await service.client.get("/api/search")).status_code == 200


async def test_what_comes_while_the_cluster_is_away_waits_and_is_not_parked(
    record: Record, gated: Settings, gate: Gate, told: Told
):
    """Events wait for the cluster; afterwards all are found, told once, none parked."""
    async with running(gated) as service:
        await record.say(state("a", "石桥"))
        await until(lambda: len(told()) == 1)
        await gate.close()
        await record.say(*(state(f"n{n}", f"石桥第{n}条") for n in range(20)))
        await asyncio.sleep(1)
        assert len(told()) == 1
        await gate.open()
        await until(lambda: len(told()) == 21, seconds=60)
        assert (await service.find("石桥"))["total"] == 21


async def test_the_service_starts_without_the_cluster(record: Record, gated: Settings, gate: Gate):
    """A cluster that comes later than the service is found and filled."""
    await gate.close()
    async with running(gated, at_once=True) as service:
        record.keep(state("a", "石桥"))
        assert (await service.client.get("/api/search")).status_code == 503
        await gate.open()
        await until(lambda: found_again(service))
        await until(lambda: total(service, 1))


async def test_copies_share_one_index(record: Record, on_cluster: Settings, told: Told):
    """Two copies of the service show the same, whichever of them handled an event, and tell once."""
    async with running(on_cluster) as one, running(on_cluster) as other:
        await record.say(*(state(f"n{n}", f"石桥第{n}条") for n in range(40)))
        await until(lambda: total(one, 40))
        assert await total(other, 40)
        await until(lambda: len(told()) == 40)
        assert len(await other.shown()) == len(await one.shown()) == 40
    assert len(await indices(on_cluster)) == 1


async def test_a_rebuild_by_one_copy_is_a_rebuild_for_all(
    record: Record, on_cluster: Settings, told: Told
):
    """While one copy rebuilds, the other searches and writes; nothing is missing afterwards, one index is left."""
    async with running(on_cluster) as one, running(on_cluster) as other:
        await record.say(*(state(f"n{n}", f"石桥第{n}条") for n in range(60)))
        await until(lambda: total(other, 60))
        [before] = await indices(on_cluster)
        seen: list[int] = []
        ended = asyncio.Event()

        async def searching() -> None:
            while not ended.is_set():
                seen.append((await other.find("石桥"))["total"])

        task = asyncio.create_task(searching())
        asked = [copy.client.post("/internal/rebuild", headers=HEADERS) for copy in (one, other)]
        saying = record.say(*(state(f"late{n}", f"石桥又{n}条") for n in range(30)))
        answers = await asyncio.gather(*asked, saying)
        assert [answer.status_code for answer in answers[:2] if answer] == [200, 200]
        await until(lambda: total(one, 90))
        ended.set()
        await task
        assert min(seen) >= 60
        assert await total(other, 90)
        await until(lambda: len(told()) == 90)
        [after] = await indices(on_cluster)
        assert before != after


async def test_an_index_that_was_lost_is_made_anew(
    record: Record, on_cluster: Settings, told: Told, monkeypatch: pytest.MonkeyPatch
):
    """A cluster that has lost the index answers 503, not with less, until it is made anew; nobody is told again."""
    monkeypatch.setattr("services.search.app.LOOK", 0.5)
    async with running(on_cluster) as service:
        await record.say(state("a", "石桥"), state("b", "学区"))
        await until(lambda: len(told()) == 2)
        [lost] = await indices(on_cluster)
        await on_server(on_cluster, "DELETE", f"/{lost}")
        seen: set[int] = set()

        async def whole() -> bool:
            answer = await service.client.get("/api/search")
            seen.add(answer.json()["total"] if answer.status_code == 200 else answer.status_code)
            return answer.status_code == 200

        await until(whole)
        assert seen <= {503, 2}
    assert len(told()) == 2


async def test_an_index_of_another_analysis_answers_until_it_is_made_anew(
    record: Record, on_cluster: Settings, monkeypatch: pytest.MonkeyPatch
):
    """A new way of cutting rebuilds the index beside the old one, which answers and is written meanwhile."""
    async with running(on_cluster) as first:
        await record.say(state("a", "石桥"))
        await first.until_shown(1)
    [before] = await indices(on_cluster)
    _become_newer(monkeypatch)
    without_feed = on_cluster.model_copy(update={"catalog_url": "http://127.0.0.1:1"})
    async with running(without_feed, at_once=True) as second:
        assert second.search.shelf.stale
        assert await second.titles("石桥") == ["石桥"]
        gone = state("a", None, None, version=2, state="gone", change="withdrawal")
        await record.say(gone)
        await until(lambda: total(second, 0))
    async with running(on_cluster) as third:
        await until(lambda: not third.search.shelf.stale)
        assert await total(third, 0)
        assert len(await third.shown()) == 1
        await until(lambda: _replaced(on_cluster, before))


async def _replaced(settings: Settings, before: str) -> bool:
    """Say whether another index is the only one."""
    left = await indices(settings)
    return len(left) == 1 and before not in left


def _become_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be code that cuts in another way."""
    monkeypatch.setattr(cluster, "ANALYSER", "of tomorrow")
    monkeypatch.setattr(cluster, "_LAYOUT", "tomorrow")


def test_older_code_reads_a_newer_index_and_does_not_write_it(
    search_url: str, monkeypatch: pytest.MonkeyPatch
):
    """After the swap a copy of older code still finds, but what it cuts in the old way is not taken."""
    old = ClusterShelf(address_of(search_url))
    old.swap(*old.begin(), UUID(int=1))
    old.engine.write([card("a", "石桥")])
    _become_newer(monkeypatch)
    new = ClusterShelf(address_of(search_url))
    new.look()
    assert new.stale
    name, engine = new.begin()
    engine.write([card("a", "石桥")])
    new.drop(new.swap(name, engine, UUID(int=1)))
    with pytest.raises(SearchDown):
        old.engine.write([card("b", "学区")])
    new.engine.write([card("c", "县道")])
    assert old.engine.versions([str(item_id(name)) for name in "abc"]).keys() == {
        str(item_id("a")),
        str(item_id("c")),
    }
    old.close()
    new.close()


def test_an_index_that_goes_while_it_is_made_is_not_guessed(search_url: str):
    """Where somebody removes what a rebuild fills, the rebuild fails; no index with guessed fields comes to life."""
    shelf = ClusterShelf(address_of(search_url))
    shelf.swap(*shelf.begin(), UUID(int=1))
    _, engine = shelf.begin()
    shelf.drop(engine)
    with pytest.raises(SearchDown):
        engine.write([card("a", "石桥")])
    with pytest.raises(SearchDown):
        engine.size()
    assert shelf.engine.size() == 0
    shelf.close()


def test_dropping_leaves_what_is_not_ours(search_url: str):
    """A rebuild that failed leaves nothing behind; indices of a neighbour whose name begins like ours stay."""
    ours, neighbour = (
        ClusterShelf(address_of(url)) for url in (search_url, f"{search_url}-0123456789ab")
    )
    for shelf in (ours, neighbour):
        shelf.swap(*shelf.begin(), UUID(int=1))
    name, engine = ours.begin()
    ours.drop(engine)
    assert neighbour.engine.size() == ours.engine.size() == 0
    with pytest.raises(SearchDown):
        engine.size()
    assert name
    ours.close()
    neighbour.close()


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("opensearch:9200", "http://"),
        ("http://os:9200/Upper", "lower-case"),
        ("http://os:port/x", "host:9200"),
        ("http://os:9200/x?shards=0", "shards"),
        ("http://os:9200/x?replica=2", "replica"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(url: str, wrong: str):
    """A wrong address is refused before anything starts, with what is wrong in it and without its password."""
    with pytest.raises(ValueError, match=wrong):
        address_of(url)


def test_an_address_says_hosts_account_name_and_shards():
    """Several hosts, a password with reserved characters, a name, shards and a certificate authority are read."""
    read = address_of(
        "https://u:p%40ss@a.example:9201,b.example,[::1]:9202/county?shards=3&ca=/ca.pem"
    )
    assert read.hosts == (("a.example", 9201), ("b.example", 443), ("[::1]", 9202))
    assert (read.secure, read.user, read.password) == (True, "u", "p@ss")
    assert (read.name, read.shards, read.authority) == ("county", 3, "/ca.pem")


async def test_nobody_waits_for_a_connection_that_is_closed() -> None:
    """A call that is under way when the connection is closed ends at once, and none begins afterwards."""
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    wire = Wire(address_of(f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/gazette"))
    calling = asyncio.create_task(asyncio.to_thread(wire.call, lambda client: client.info()))
    await asyncio.sleep(0.3)
    assert not calling.done()
    async with asyncio.timeout(3):
        await asyncio.to_thread(wire.close)
        with pytest.raises(SearchDown):
            await calling
    with pytest.raises(SearchDown):
        wire.call(lambda client: client.info())
    silent.close()
