"""The main job with site and attachments in a bucket on a real S3 server, through a gate that counts and can be shut."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.objects import Bucket
from tests.flow.conftest import Gazette, item
from tests.instance.conftest import eventually
from tests.s3 import KEY_ID, SECRET, Gate

pytestmark = pytest.mark.timeout(300)

SHEET = "序号,路段\n1,青石桥\n".encode() * 40_000
SHA = hashlib.sha256(SHEET).hexdigest()
ATTACHED = {"name": "路段.csv", "media_type": "text/csv", "sha256": SHA, "size": len(SHEET)}
LIMIT = 2_000_000


@pytest.fixture
def on_s3(fresh: Gazette, gate: Gate, bucket_address: str) -> Iterator[Gazette]:
    """An instance that keeps site and attachments in a bucket; credentials are in its environment alone."""
    fresh.settings = {
        "GAZETTE_SITE_STORE": f"{bucket_address}/site",
        "GAZETTE_BLOBS_URL": f"{bucket_address}/blobs",
        "GAZETTE_MAX_ATTACHMENT_BYTES": str(LIMIT),
    }
    fresh.start()
    yield fresh
    fresh.stop()


def upload(gazette: Gazette, code: str, content: bytes) -> httpx.Response:
    """Upload an attachment as its department."""
    headers = {"Authorization": f"Bearer {gazette.keys[code]}", "Content-Type": "text/csv"}
    address = f"{gazette.url}/api/blobs/{hashlib.sha256(content).hexdigest()}"
    return httpx.put(address, content=content, headers=headers, trust_env=False, timeout=60)


def served(bucket: Bucket) -> dict[str, bytes]:
    """Return what is served from the bucket."""
    found = {}
    for some in bucket.keys("site/current"):
        for key in some:
            if held := bucket.read(key):
                found[key.removeprefix("site/current")] = held[1]
    return found


def test_the_main_job_on_s3(on_s3: Gazette, gate: Gate, bucket_address: str) -> None:
    """Push, attachment, correction, withdrawal, verify, rebuild: all in the bucket, nothing of it in the folder."""
    bucket = Bucket(bucket_address)
    on_s3.department("roads", "--name", "公路局")
    assert upload(on_s3, "roads", SHEET).status_code == 201
    assert upload(on_s3, "roads", b"1,2\n" * (LIMIT // 4 + 1)).status_code == 413
    outcome = on_s3.put("roads", "closure", item("关于青石桥封闭的通告", attachments=[ATTACHED]))
    assert outcome["outcome"] == "accepted"
    url = outcome["url"]
    on_s3.visible("roads", "closure", 1)
    assert "关于青石桥封闭的通告".encode() in served(bucket)[f"{url}index.html"]
    assert "关于青石桥封闭的通告" in on_s3.get(url).text
    file = on_s3.get(f"/files/{SHA}/路段.csv")
    assert file.content == SHEET
    assert file.headers["content-type"].startswith("text/csv")
    part = on_s3.get(f"/files/{SHA}/路段.csv", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, SHEET[:10])
    assert bucket.look(f"blobs/public/{SHA[:2]}/{SHA}")
    assert bucket.look(f"blobs/held/{SHA[:2]}/{SHA}") is None

    corrected = item("关于青石桥封闭的通告", "延期。", change="major", change_note="延期五天")
    on_s3.put("roads", "closure", corrected)
    on_s3.visible("roads", "closure", 2)
    assert "延期五天" in on_s3.get(url).text
    assert "路面抢修" in on_s3.get(url + "v1/").text
    on_s3.withdraw("roads", "closure", {"kind": "gone", "reason": "桥已修好。"})
    on_s3.visible("roads", "closure", 3)
    assert on_s3.get(url).status_code == 410
    assert on_s3.get(url + "v1/").status_code == 404
    eventually(
        lambda: not [key for key, content in served(bucket).items() if "青石桥".encode() in content]
    )

    eventually(lambda: bucket.look(f"blobs/public/{SHA[:2]}/{SHA}") is None)
    assert bucket.look(f"blobs/held/{SHA[:2]}/{SHA}") is None
    assert on_s3.get(f"/files/{SHA}/路段.csv").status_code == 404
    on_s3.equal()
    eventually(lambda: '"waiting":0' in on_s3.get("/readyz").text.replace(" ", ""))
    time.sleep(1)
    before = served(bucket)
    gate.asked.clear()
    assert "重建完成" in on_s3.run("rebuild", "site").stdout
    written = gate.written(bucket_address.split("/", 3)[3] + "/site/")
    assert written == ["serving"]
    assert served(bucket) == before
    on_s3.equal()

    assert not any((on_s3.folder / "site").iterdir())
    assert not any(path.is_file() for path in (on_s3.folder / "blobs").rglob("*"))
    on_s3.stop()
    for secret in (SECRET, KEY_ID):
        assert [path for path in _files(on_s3) if secret.encode() in path.read_bytes()] == []


def _files(gazette: Gazette) -> list[Path]:
    return [gazette.log, *(path for path in gazette.folder.rglob("*") if path.is_file())]


@pytest.mark.slow
@pytest.mark.long
def test_a_start_without_s3_waits_for_it(fresh: Gazette, gate: Gate, bucket_address: str) -> None:
    """Started while the store is away the instance runs, says what is missing, takes items, and shows them later."""
    fresh.settings = {"GAZETTE_SITE_STORE": f"{bucket_address}/site"}
    gate.open = False
    fresh.start(until=lambda: fresh.get("/readyz").json()["services"]["catalog"]["status"] == "ok")
    assert fresh.get("/").status_code == 503
    assert fresh.get("/readyz").json()["services"]["publisher"]["status"] == "down"
    fresh.department("water")
    outcome = fresh.put("water", "one", item("停水通告一"))
    assert outcome["outcome"] == "accepted"
    gate.open = True
    fresh.visible("water", "one", 1, seconds=60)
    assert "停水通告一" in fresh.get(outcome["url"]).text
    eventually(lambda: fresh.get("/readyz").status_code == 200)
    fresh.equal()
    fresh.stop()


@pytest.mark.slow
@pytest.mark.long
def test_everything_waits_for_s3_and_catches_up(
    on_s3: Gazette, gate: Gate, bucket_address: str
) -> None:
    """With S3 away items are accepted and wait, uploads are asked to come again, read pages are served; then all is there."""
    on_s3.department("water", "--name", "水务局")
    first = on_s3.put("water", "one", item("停水通告一"))
    on_s3.visible("water", "one", 1)
    assert on_s3.get(first["url"]).status_code == 200
    gate.open = False
    second = on_s3.put("water", "two", item("停水通告二"))
    assert second["outcome"] == "accepted"
    refused = upload(on_s3, "water", SHEET)
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert "停水通告一" in on_s3.get(first["url"]).text
    assert on_s3.get(second["url"]).status_code == 503
    eventually(lambda: on_s3.search("停水通告二")["total"] == 1)
    eventually(lambda: "store_unreachable" in on_s3.log.read_text())
    gate.open = True
    on_s3.visible("water", "two", 1, seconds=40)
    assert "停水通告二" in on_s3.get(second["url"]).text
    assert upload(on_s3, "water", SHEET).status_code == 201
    third = on_s3.put("water", "three", item("停水通告三", attachments=[ATTACHED]))
    assert third["outcome"] == "accepted"
    on_s3.visible("water", "three", 1)
    on_s3.equal()
    log = on_s3.log.read_text()
    assert "page_failed" not in log
    assert SECRET not in log
