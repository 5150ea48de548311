"""Every kind of page of the demonstration in a real browser, at every width and in every language it has."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from playwright.sync_api import Page

from tests.browser.house import (
    DESK,
    MARKS,
    PHONE,
    PREFIXES,
    ZOOMED,
    broken_rules,
    lost_at_the_side,
    watched,
)

pytestmark = MARKS


class Kind(NamedTuple):
    """A kind of page: where one stands, with which status, and whether it has a frame in each language."""

    where: str
    frames: bool = True
    status: int = 200


ONE = False
"""A page with one frame: that of its text, or of its reader."""

KINDS = {
    "home": Kind("/"),
    "department": Kind("/transport/"),
    "entrance guide": Kind("/guide/"),
    "entrance system": Kind("/guide/system/"),
    "entrance catalogue": Kind("/catalogue/"),
    "entrance annual reports": Kind("/guide/annual-reports/"),
    "entrance on application": Kind("/guide/apply/"),
    "entry": Kind("/catalogue/welfare/"),
    "entry of a department": Kind("/transport/catalogue/emergency/"),
    "blank entry": Kind("/meteorology/catalogue/inspection/"),
    "calendar month": Kind("/calendar/2026/10/"),
    "corrections": Kind("/corrections/"),
    "short notice": Kind("item:development-reform/ev-charging-tou-price", ONE),
    "closure with a table": Kind("item:transport/s207-shiqiao-closure", ONE),
    "long item with tables": Kind("item:finance/budget-2026", ONE),
    "item with two versions": Kind("item:county-government/hotline-2026q3", ONE),
    "version with differences": Kind("item:county-government/hotline-2026q3 v2/", ONE),
    "old version": Kind("item:county-government/hotline-2026q3 v1/", ONE),
    "item in English": Kind("item:county-government/foreign-residents-guide", ONE),
    "item in Traditional Chinese": Kind("item:county-government/taiwan-compatriots", ONE),
    "withdrawn item": Kind("item:county-government/service-hall-weekend", ONE, 410),
    "no such page": Kind("/no-such-page/", ONE, 404),
    "search": Kind("/search?q=路为什么封了"),
    "search for everything": Kind("/search"),
    "search narrowed": Kind("/search?q=公示&department=shiqiao&year=2026"),
    "search without hits": Kind("/search?q=qzxjkvwq"),
    "search by number": Kind("/search?q=禾政发3号"),
    "subscribe": Kind("/subscribe?department=transport"),
    "subscribe sent": Kind("/subscribe?sent=1"),
    "own subscriptions": Kind("own page", ONE),
    "webhook form": Kind("/subscribe/webhook?department=transport"),
    "own webhook": Kind("webhook", ONE),
    "delivery": Kind("/api/items/transport/s207-shiqiao-closure", ONE),
    "demo": Kind("/demo", ONE),
    "demo mail": Kind("/demo/mail", ONE),
    "interfaces": Kind("/api/docs", ONE),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_page_is_sound(demo, browser, name):
    """In each language: right status and language, no broken rule, no error, no foreign request, nothing at the side."""
    kind = KINDS[name]
    path = demo.path(kind.where)
    wrong: dict[str, object] = {}
    for tag, prefix in PREFIXES.items() if kind.frames else [("", "")]:
        with watched(browser) as (page, seen):
            answer = page.goto(demo.url + prefix + path)
            assert answer is not None
            assert answer.status == kind.status
            assert not tag or page.evaluate("document.documentElement.lang") == tag
            found = _at_every_width(page)
            found |= {"said": seen.said, "foreign": seen.foreign(demo.url)}
            wrong |= {f"{tag} {what}": each for what, each in found.items() if each}
    assert not wrong


def _at_every_width(page: Page) -> dict[str, list[str]]:
    found = {}
    for width in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": 800})
        found[f"axe at {width}"] = broken_rules(page)
        found[f"lost at {width}"] = lost_at_the_side(page)
    page.set_viewport_size({"width": ZOOMED, "height": 800})
    found["lost at 400 %"] = lost_at_the_side(page)
    if page.locator("#large").count():
        page.locator("#large").check()
        found["lost at 400 % in large type"] = lost_at_the_side(page)
    return found


ANSWERED = [
    "search",
    "search without hits",
    "search by number",
    "subscribe",
    "own subscriptions",
    "webhook form",
    "own webhook",
    "delivery",
    "demo",
    "demo mail",
]
"""Pages that services answer themselves; the site's own are looked at in every colour with the publisher."""


@pytest.mark.parametrize(("scheme", "contrast"), [("dark", False), ("light", True)])
def test_answers_can_be_read_in_dark_and_in_high_contrast(demo, browser, scheme, contrast):
    """Both looks keep the contrast that WCAG AA asks for."""
    wrong = {}
    with watched(browser, color_scheme=scheme) as (page, _):
        for name in ANSWERED:
            page.goto(demo.url + demo.path(KINDS[name].where))
            page.locator("#contrast").set_checked(contrast)
            if found := broken_rules(page, "color-contrast"):
                wrong[name] = found
    assert not wrong


_TOO_SMALL = """() => [...document.querySelectorAll('a[href], button, select, summary, label:has(input), input:not([type=checkbox], [type=radio])')]
  .filter(e => e.checkVisibility() && !e.closest('.skip, .small, p:not([class]), p.hint, pre'))
  .filter(e => e.getBoundingClientRect().height < 43.5)
  .map(e => `${e.outerHTML.slice(0, 100)} ${e.getBoundingClientRect().height}`)"""


def test_answers_have_room_for_fingers(demo, browser):
    """On a phone every control and every link outside of running text is at least 44 px high."""
    small = {}
    with watched(browser) as (page, _):
        for name in ANSWERED:
            page.goto(demo.url + demo.path(KINDS[name].where))
            if found := page.evaluate(_TOO_SMALL):
                small[name] = found
    assert not small


def test_the_rules_see_a_broken_page(browser):
    """The checks above are able to fail: no text for a picture, grey on grey, a line that does not fit."""
    with watched(browser) as (page, _):
        page.set_content(
            "<body><img src='data:,'><p style='color:#999;background:#aaa;width:50rem'>看不清、放不下的一行</p>"
        )
        found = {broken.partition(":")[0] for broken in broken_rules(page)}
        assert {"image-alt", "color-contrast"} <= found
        assert lost_at_the_side(page)


def test_no_page_needs_a_script(demo, browser):
    """Without JavaScript every kind of page says the same, apart from the button that prints."""
    missing: dict[str, set[str]] = {}
    with (
        watched(browser) as (page, _),
        watched(browser, java_script_enabled=False) as (bare, _),
    ):
        for name, kind in KINDS.items():
            path = demo.url + demo.path(kind.where)
            page.goto(path)
            bare.goto(path)
            with_script = set(page.locator("main").inner_text().split("\n"))
            lost = (
                with_script
                - set(bare.locator("main").inner_text().split("\n"))
                - {"打印", "Print", "列印"}
            )
            if lost or not with_script:
                missing[name] = lost
    assert not missing


def test_the_home_page_is_light(demo, browser):
    """Home with everything it loads is at most 60 KB over the wire, in every language."""
    for prefix in PREFIXES.values():
        with watched(browser) as (page, seen):
            page.goto(f"{demo.url}{prefix}/", wait_until="networkidle")
            weight = seen.weight()
        assert 5_000 < weight <= 60 * 1024


_CONTROLS = """() => {
  window.controls = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility() && (!e.closest('details:not([open])') || e.tagName == 'SUMMARY'));
  return window.controls.map(e => e.outerHTML.slice(0, 100));
}"""

_HERE = """() => {
  const e = document.activeElement, look = getComputedStyle(e), box = e.getBoundingClientRect();
  return [window.controls.indexOf(e), look.outlineStyle != 'none' && parseFloat(look.outlineWidth) >= 2,
          box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth];
}"""


@pytest.mark.parametrize("path", ["/", "/search?q=路为什么封了", "/subscribe"])
def test_the_keyboard_reaches_everything(demo, browser, path):
    """Tab goes through every control in order, each with a visible frame, from the skip link on."""
    with watched(browser) as (page, _):
        page.goto(demo.url + path)
        controls = page.evaluate(_CONTROLS)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        seen: list[int] = []
        unclear = []
        for _ in range(3 * len(controls)):  # a date field is several stops
            at, framed, in_sight = page.evaluate(_HERE)
            if at == -1:
                break
            seen.append(at)
            if not (framed and in_sight):
                unclear.append(controls[at])
            page.keyboard.press("Tab")
    assert not unclear
    assert seen == sorted(seen)
    assert set(seen) == set(range(len(controls)))


def test_the_skip_link_leads_to_the_text(demo, browser):
    """Enter on the skip link moves the keyboard past the head of the page."""
    with watched(browser) as (page, _):
        page.goto(demo.url)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_names_of_departments_stand_in_the_language_of_the_frame(demo, browser):
    """Lists, forms and filters in Traditional Chinese and English name the bodies as that frame does."""
    for prefix, ours, theirs in (
        ("/zh-tw", "交通運輸局", "交通运输局"),
        ("/en", "Transport Bureau", "交通运输局"),
    ):
        with watched(browser) as (page, _):
            for path in ("/", "/transport/", "/departments/", "/search?q=石桥", "/subscribe"):
                page.goto(demo.url + prefix + path)
                said = page.evaluate("document.querySelector('main').textContent")
                titles = page.locator("[lang]:not(html)").all_inner_texts()
                for title in titles:
                    said = said.replace(title, "")
                assert ours in said, (prefix, path)
                assert theirs not in said, (prefix, path)
