"""The main job: an event becomes a page, a search hit and a mail; each works on when the others are down."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.flow.conftest import Gazette, item
from tests.instance.conftest import eventually

pytestmark = pytest.mark.timeout(300)


def test_an_event_becomes_a_page_a_hit_and_a_mail(gazette: Gazette) -> None:
    """What a department pushes is on the site, in the index and in a subscriber's mail; a correction and a withdrawal follow."""
    gazette.department("roads", "--name", "公路局")
    gazette.subscribe("one@example.org", department="roads")
    outcome = gazette.put("roads", "closure", item("关于青石桥封闭的通告"))
    assert outcome["outcome"] == "accepted"
    gazette.visible("roads", "closure", 1)
    assert "关于青石桥封闭的通告" in gazette.get(outcome["url"]).text
    assert gazette.search("青石桥封闭")["hits"][0]["url"] == outcome["url"]
    eventually(lambda: _subjects(gazette, "青石桥") == 1)

    gazette.put(
        "roads",
        "closure",
        item("关于青石桥封闭的通告", "延期。", change="major", change_note="延期五天"),
    )
    gazette.visible("roads", "closure", 2)
    assert "延期五天" in gazette.get(outcome["url"]).text
    assert "路面抢修" in gazette.get(outcome["url"] + "v1/").text
    eventually(lambda: _subjects(gazette, "青石桥") == 2)

    gazette.withdraw("roads", "closure", {"kind": "withdrawn", "reason": "桥已修好。"})
    gazette.visible("roads", "closure", 3)
    page = gazette.get(outcome["url"])
    assert page.status_code == 410
    assert "桥已修好" in page.text
    assert "延期。" not in page.text
    assert gazette.get(outcome["url"] + "v1/").status_code in (404, 410)
    [hit] = [hit for hit in gazette.search("青石桥封闭")["hits"] if hit["url"] == outcome["url"]]
    assert hit["state"] == "withdrawn"
    eventually(lambda: _subjects(gazette, "青石桥") == 3)


def _subjects(gazette: Gazette, words: str) -> int:
    from services.notifier.channels.folder import newest_mails

    return sum(words in mail.subject for mail in newest_mails(gazette.folder / "mail"))


def test_the_same_five_times_is_one_version_and_one_mail(gazette: Gazette) -> None:
    """Repeats change nothing and tell nobody again."""
    gazette.department("bridges")
    gazette.subscribe("two@example.org", department="bridges")
    outcomes = [gazette.put("bridges", "same", item("五次都一样的通告")) for _ in range(5)]
    assert {outcome["version"] for outcome in outcomes} == {1}
    assert [outcome["unchanged"] for outcome in outcomes] == [False, True, True, True, True]
    gazette.visible("bridges", "same", 1)
    eventually(lambda: _subjects(gazette, "五次都一样") == 1)
    time.sleep(1)
    assert _subjects(gazette, "五次都一样") == 1


def test_what_carries_an_id_number_shows_nowhere_until_it_is_released(gazette: Gazette) -> None:
    """The gate holds it; no path, list, feed or search shows it; a recorded reason lets it out."""
    gazette.department("people")
    outcome = gazette.put("people", "held", item("低保名单公示甲", "身份证号110101190001010014。"))
    assert outcome["outcome"] == "held"
    assert gazette.get("/api/items/people/held").status_code == 404
    assert "held" not in [hit["source_id"] for hit in gazette.search("低保名单公示甲")["hits"]]
    assert "低保名单公示甲" not in gazette.get("/").text
    listed = gazette.run("review", "list").stdout
    row = next(line for line in listed.splitlines() if " people " in line)
    number = next(word for word in row.split() if word.isdigit())
    refused = gazette.run("review", "approve", number, "--reason", " ", check=False)
    assert refused.returncode == 1
    gazette.run("review", "approve", number, "--reason", "号码为示例，已核实", "--by", "张审核")
    gazette.visible("people", "held", 1)
    assert gazette.search("低保名单公示甲")["hits"][0]["source_id"] == "held"


def test_the_site_is_served_while_database_and_bus_are_down(fresh: Gazette) -> None:
    """With PostgreSQL and NATS stopped, pages are served, intake answers 503, and everything catches up by itself."""
    fresh.start()
    fresh.department("water")
    first = fresh.put("water", "one", item("停水通告一"))
    fresh.visible("water", "one", 1)
    servers = _server_pids(fresh)
    import os
    import signal

    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert "停水通告一" in fresh.get(first["url"]).text
        assert fresh.get("/").status_code == 200
        assert fresh.search("停水通告一")["hits"][0]["source_id"] == "one"
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
    eventually(
        lambda: fresh.put("water", "two", item("停水通告二"))["outcome"] == "accepted", seconds=40
    )
    fresh.visible("water", "two", 1, seconds=60)
    fresh.equal(60)


def _server_pids(gazette: Gazette) -> list[int]:
    from pathlib import Path

    from tests.instance.conftest import processes_on

    return [
        pid
        for pid in processes_on(gazette.folder)
        if Path(f"/proc/{pid}/exe").readlink().name in ("postgres", "nats-server")
    ]


def test_a_stranger_gets_nothing(gazette: Gazette) -> None:
    """No key, a revoked key and another department's key are refused and learn nothing of others."""
    gazette.department("mine")
    theirs = gazette.department("theirs")
    address = f"{gazette.url}/api/items/mine/secret"
    assert httpx.put(address, json=item("甲"), trust_env=False).status_code == 401
    foreign = {"Authorization": f"Bearer {theirs}"}
    assert httpx.put(address, json=item("甲"), headers=foreign, trust_env=False).status_code == 403
    gazette.run("departments", "revoke", "theirs")
    own = f"{gazette.url}/api/items/theirs/x"
    assert httpx.put(own, json=item("甲"), headers=foreign, trust_env=False).status_code == 401


def test_the_site_says_who_it_is(gazette: Gazette, tmp_path: Path) -> None:
    """The operator sets name and footer with one file; a wrong one names the field and changes nothing."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('organiser = "县政府"\n', encoding="utf-8")
    refused = gazette.run("site", "set", wrong, check=False)
    assert refused.returncode == 1
    assert "names" in refused.stderr
    right = tmp_path / "site.toml"
    right.write_text(
        'organiser = "白水县人民政府"\n[names]\nzh-Hans = "白水县政府信息公开"\n', encoding="utf-8"
    )
    gazette.run("site", "set", right)
    eventually(lambda: "白水县政府信息公开" in gazette.get("/").text)
    eventually(lambda: "白水县人民政府" in gazette.get("/en/").text)


def test_the_figures_of_the_instance_are_there(gazette: Gazette) -> None:
    """Metrics tell the lag of every consumer and the age of what is not visible yet."""
    text = gazette.get("/metrics").text
    for name in ("catalog", "catalog-effects", "publisher", "search", "notifier"):
        assert f'gazette_consumer_pending{{consumer="{name}"}}' in text
    assert 'gazette_end_to_end_age_seconds{projection="search"}' in text
    assert gazette.get("/readyz").json()["status"] == "ok"
