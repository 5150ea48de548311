"""The main job with the index on a real OpenSearch."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.instance.opensearch import OpenSearch
from tests.flow.conftest import Gazette, item
from tests.instance.conftest import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def on_opensearch(fresh: Gazette, search_url: str) -> Iterator[Gazette]:
    """An instance whose index lies on OpenSearch."""
    fresh.settings = {"GAZETTE_SEARCH_URL": search_url}
    fresh.start()
    yield fresh
    fresh.stop()


def holding(folder: Path, mark: str) -> list[Path]:
    """Return the files below *folder* in which *mark* stands."""
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and mark.encode() in path.read_bytes():
                found.append(path)
        except FileNotFoundError:  # merged away while we looked
            continue
    return found


def test_the_main_job_on_opensearch(on_opensearch: Gazette, opensearch: OpenSearch) -> None:
    """Push, correction, withdrawal, verify, rebuild, kill and leak: all on the cluster, nothing in the folder."""
    gazette = on_opensearch
    gazette.department("roads", "--name", "公路局")
    assert gazette.put("roads", "closure", item("关于青石桥封闭的通告"))["outcome"] == "accepted"
    gazette.visible("roads", "closure", 1)
    [hit] = gazette.search("青石桥什么时候封闭")["hits"]
    assert (hit["title"], hit["department"]) == ("关于青石桥封闭的通告", "roads")
    assert "青石桥" in gazette.get("/search?q=青石桥").text

    corrected = item("关于青石桥封闭的通告", "延期五天。", change="major", change_note="延期")
    gazette.put("roads", "closure", corrected)
    gazette.visible("roads", "closure", 2)
    assert gazette.search("延期五天")["total"] == 1
    assert gazette.search("路面抢修")["total"] == 0
    assert "重建完成" in gazette.run("rebuild", "search").stdout
    assert gazette.search("延期五天")["total"] == 1
    gazette.equal()

    gazette.kill()
    gazette.start()
    assert gazette.search("延期五天")["total"] == 1
    gazette.withdraw("roads", "closure", {"kind": "gone", "reason": "桥已修好。"})
    gazette.visible("roads", "closure", 3)
    assert gazette.search("青石桥")["total"] == 0

    mark = f"泄密{secrets.token_hex(12)}"
    gazette.put("roads", "leak", item("公示", mark))
    gazette.visible("roads", "leak", 1)
    assert gazette.search(mark)["total"] == 1
    assert holding(opensearch.folder, mark)
    gazette.withdraw("roads", "leak", {"kind": "vanish", "reason": "涉及个人信息"})
    eventually(lambda: not holding(opensearch.folder, mark), seconds=60)
    assert gazette.search(mark)["total"] == 0
    gazette.equal()
    assert not any((gazette.folder / "search").iterdir())
