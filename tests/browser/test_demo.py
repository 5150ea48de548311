"""`/demo` in the browser: each button, and the steps that appear by themselves."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from tests.browser.house import MARKS, broken_rules, lost_at_the_side, watched

pytestmark = MARKS

BUTTONS = {
    "推送一条": ("已收下并公开", "网页已更新", "可以搜到", "邮件已发出"),
    "更正它": ("已收下并公开", "网页已更新", "可以搜到", "邮件已发出"),
    "撤回它": ("已收下并公开", "网页已更新", "可以搜到", "邮件已发出"),
    "同一条推送五次": (
        "已收下并公开",
        "网页已更新",
        "可以搜到",
        "邮件已发出",
        "推送五次：1 个版本，1 封邮件",
    ),
    "停掉检索再推送": ("网页已更新", "邮件已发出", "检索服务恢复", "可以搜到"),
    "推送含身份证号的一条": ("已拦下，待审核", "查过网页、检索、邮件，都没有"),
}
"""Each button, and the steps that it shows."""


def _press(page: Page, button: str) -> str:
    """Press *button* and wait, without touching the page, until its newest result is complete."""
    page.get_by_role("button", name=button, exact=True).click()
    newest = page.locator("article.run").first
    newest.get_by_role("heading", name=re.compile(rf"^\d+\. {button}$")).wait_for(timeout=60_000)
    return newest.inner_text()


def test_every_button_shows_its_effects_with_times(demo, browser):
    """Pressed one after the other: each step of each button appears by itself with its time, nothing is left open."""
    with watched(browser) as (page, seen):
        page.goto(f"{demo.url}/demo")
        for button, steps in BUTTONS.items():
            said = _press(page, button)
            assert [step for step in steps if step not in said] == [], said
            assert re.search(r"\d\s(毫秒|秒)", said)
            assert "等待超时" not in said
            assert "没有完成" not in said
        links = page.locator("article.run").last.get_by_role("link")
        assert links.count() >= 3
        assert not broken_rules(page)
        assert not lost_at_the_side(page)
        assert not seen.said
        assert not seen.foreign(demo.url)
        _look_at_what_was_pushed(page)


def _look_at_what_was_pushed(page: Page) -> None:
    """The first item was corrected and withdrawn: its page, search and mail say so."""
    page.locator("article.run").last.get_by_role("link", name="网页已更新").click()
    assert "撤回" in page.locator("main").inner_text()
    page.go_back()
    page.get_by_role("link", name="看发出的邮件").click()
    subjects = " ".join(page.locator("summary").all_inner_texts())
    assert all(word in subjects for word in ("[交通运输局]", "[更正]", "[撤回]"))
