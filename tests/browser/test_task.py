"""What a resident comes for, done on a phone: find out about the closed road, ask in one's own words."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page

from tests.browser.house import MARKS, watched

pytestmark = MARKS

TAPS = 3
CLOSURE = "transport/s207-shiqiao-closure"


def _visible(page: Page) -> str:
    return page.locator("main").inner_text()


def _day_of_reopening(demo) -> str:
    public = demo.get(f"/api/items/{CLOSURE}").json()["public"]
    closes = datetime.fromisoformat(public["period"]["closes_at"]).astimezone(
        ZoneInfo("Asia/Shanghai")
    )
    return f"{closes.month}月{closes.day}日"


def _answers(page: Page, demo) -> dict[str, bool]:
    said = _visible(page)
    tables = page.locator("main table").all_inner_texts()
    return {
        "why": bool(re.search(r"支座.{0,20}(损坏|裂)", said)),
        "until when": _day_of_reopening(demo) in said,
        "detour": any("绕行路线" in table and "沿河路" in table for table in tables),
        "whom to call": page.locator("main a[href='tel:055160030110']").first.is_visible(),
    }


def test_the_closed_road_is_understood_within_three_taps(demo, browser):
    """From home, following what one reads: why, until when, the detour, the phone; a phone without scripts will do."""
    with watched(browser, java_script_enabled=False, has_touch=True) as (page, _):
        page.goto(demo.url)
        taps = 0
        for words in ("封闭施工的通告", "怎么绕行", "问谁"):
            if all(_answers(page, demo).values()) or taps == TAPS:
                break
            page.get_by_role("link", name=re.compile(words)).locator("visible=true").first.tap()
            taps += 1
        assert all(_answers(page, demo).values()), _answers(page, demo)
        assert taps <= TAPS


def test_the_answer_stands_at_the_top(demo, browser):
    """Why, until when and whom to call are in the first two screens of a phone, before the text."""
    with watched(browser) as (page, _):
        page.goto(demo.url + demo.item(CLOSURE))
        box = page.locator(".facts").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 2 * 800
        said = page.locator(".facts").inner_text()
        assert "支座" in said
        assert _day_of_reopening(demo) in said
        assert "0551-60030110" in said


def test_home_says_what_is_urgent_first(demo, browser):
    """On the first screen of a phone: the box to ask in, and the road that is closed or the storm, with a phone number."""
    with watched(browser) as (page, _):
        page.goto(demo.url)
        for place in (page.locator("#q"), page.locator(".emergency a.tel").first):
            box = place.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 800


QUESTIONS = {
    "路为什么封了": CLOSURE,
    "老人补贴多少钱": "county-government/elderly-allowance-2026",
    "学区怎么划": "education/school-districts-2026",
    "禾政发3号": "county-government/elderly-allowance-2026",
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_in_ones_own_words_finds_the_item_first(demo, browser, question):
    """Typed into the box on the home page, the first thing found is the right item."""
    with watched(browser) as (page, _):
        page.goto(demo.url)
        page.get_by_role("searchbox").fill(question)
        page.get_by_role("searchbox").press("Enter")
        page.wait_for_url("**/search?q=*")
        assert page.get_by_role("searchbox").input_value() == question
        first = page.locator("main .hit-title a").first
        assert first.get_attribute("href") == demo.item(QUESTIONS[question])
        first.click()
        assert page.locator("h1").is_visible()


def test_a_reader_subscribes_and_leaves_without_scripts(demo, browser):
    """Form, mail, confirmation, own page, and leaving again, all by buttons."""
    address = "phone@example.org"
    with watched(browser, java_script_enabled=False) as (page, seen):
        page.goto(f"{demo.url}/transport/")
        page.get_by_role("link", name="邮件订阅").first.click()
        assert page.get_by_label("部门").input_value() == "transport"
        page.get_by_label("您的邮箱").first.fill(address)
        page.get_by_role("button", name="订阅").first.click()
        assert "sent=1" in page.url
        page.goto(demo.url + demo.mailed(address, r"/subscription/confirm/[\w.~-]+"))
        page.get_by_role("button", name="确认订阅").click()
        assert "交通运输局" in page.locator("main h2").first.inner_text()
        page.get_by_role("button", name="退订").first.click()
        assert not page.locator("main section.subscription").count()
        assert not seen.said
