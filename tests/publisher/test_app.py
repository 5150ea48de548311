"""The publisher as a whole: an event on the RECORD stream becomes a page and an effect."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import nats
from pydantic_core import to_json

from services.publisher.app import create_app
from services.publisher.settings import Settings
from shared import streams
from tests.publisher.world import World


async def test_from_the_stream_to_a_page(database_url: str, nats_url: str, tmp_path: Path) -> None:
    """An event on RECORD becomes a page; EFFECTS says so once; `/internal/shown` knows it for the token's holder."""
    await streams.apply(nats_url)
    settings = Settings(
        database_url=database_url,
        nats_url=nats_url,
        catalog_url="http://127.0.0.1:9",
        site_store=tmp_path / "site",
        internal_token="secret",
    )
    app = create_app(settings)
    page = tmp_path / "site/current/transport/2026/1/index.html"
    async with app.router.lifespan_context(app):
        client = await nats.connect(nats_url)
        effects = await client.subscribe("effects.publisher.>")
        event = World().publish("transport", "a-1", title="封闭施工")
        trace = f"00-{7:032x}-{8:016x}-01"
        body = to_json(event.model_copy(update={"traceparent": trace}), by_alias=True)
        for _ in range(2):
            await client.jetstream().publish("record.transport.a", body, stream="RECORD")
        message = await effects.next_msg(timeout=20)
        assert "封闭施工" in page.read_text(encoding="utf-8")
        effect = json.loads(message.data)
        assert (effect["data"]["version"], effect["traceparent"]) == (1, trace)
        assert (message.headers or {})["traceparent"] == trace
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://publisher"
        ) as http:
            assert (await http.get("/internal/shown")).status_code == 401
            answer = await http.get("/internal/shown", headers={"Authorization": "Bearer secret"})
            (shown,) = answer.json()["shown"]
            assert (shown["version"], shown["sha256"]) == (1, event.statesha256)
            assert (await http.get("/livez")).status_code == 200
            metrics = await http.get("/metrics")
            assert 'gazette_publisher_paths{state="parked"} 0.0' in metrics.text
            assert 'gazette_parked{service="publisher"} 0.0' in metrics.text
            assert (await http.post("/internal/look")).status_code == 401
            page.unlink()
            token = {"Authorization": "Bearer secret"}
            looked = (await http.post("/internal/look", headers=token)).json()
            assert [fault["path"] for fault in looked["faults"]] == ["/transport/2026/1/"]
            async with asyncio.timeout(20):
                while not page.exists():
                    await asyncio.sleep(0.02)
            assert (await http.post("/internal/look", headers=token)).json()["faults"] == []
        await asyncio.sleep(0.5)
        assert effects.pending_msgs == 0
        await client.close()
