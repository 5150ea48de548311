"""Every kind of page in a real browser: accessibility rules, narrow screens, no error, no foreign request."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from shared.web.frame import asset_files
from tests.publisher.page_kinds import every_page
from tests.publisher.sample_site import load

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium, which is not here"),
]


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not talk."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a server with one page of every kind, and the path of each."""
    root = tmp_path_factory.mktemp("site")
    pages = {
        name: page for name, page in every_page(load()).items() if name != "redirect"
    }  # it leads away at once
    for path, content in asset_files().items():
        _write(root, path, content)
    for path, html in pages.values():
        _write(root, path, html.encode())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield (
        f"http://127.0.0.1:{server.server_port}",
        {name: path for name, (path, _) in pages.items()},
    )
    server.shutdown()
    server.server_close()
    thread.join()


def _write(root: Path, path: str, content: bytes) -> None:
    file = root / path.strip("/")
    file = file if "." in file.name and not path.endswith("/") else file / "index.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


def _overflow(page: Page) -> int:
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


FOREIGN = (
    "home",
    "department",
    "entry",
    "blank entry",
    "entrance on-application",
    "corrections",
    "data",
)
"""Kinds of list that are checked in the other two languages as well; the others differ from Simplified in words only."""


def _worth_a_look(name: str) -> bool:
    kind, _, lang = name.rpartition(" ")
    return lang not in {"zh-Hant", "en"} or kind in FOREIGN


@pytest.mark.slow
def test_no_page_breaks_an_accessibility_rule(browser, site):
    """axe finds nothing on any kind of page on a phone."""
    base, paths = site
    page = browser.new_page(viewport={"width": 360, "height": 800})
    found: dict[str, list[str]] = {}
    for name in filter(_worth_a_look, paths):
        page.goto(base + paths[name])
        violations = Axe().run(page).response["violations"]
        if violations:
            found[name] = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in violations]
    page.close()
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "contrast"), [("dark", False), ("light", True)])
def test_colours_can_be_told_apart_in_every_look(browser, site, scheme, contrast):
    """Dark and high contrast keep the contrast that WCAG AA asks for."""
    base, paths = site
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for name in paths:
        if name.endswith((" zh-Hant", " en")):
            continue
        page.goto(base + paths[name])
        page.locator("#contrast").set_checked(contrast)
        violations = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
        if violations:
            found[name] = [v["nodes"][0]["html"][:200] for v in violations]
    page.close()
    assert not found


def test_the_rules_see_a_broken_page(browser):
    """The check above is able to fail: a picture without text and grey on grey are found."""
    page = browser.new_page()
    page.set_content(
        "<html><body><img src='data:,'><p style='color:#999;background:#aaa'>看不清的一行字</p></body></html>"
    )
    found = {violation["id"] for violation in Axe().run(page).response["violations"]}
    page.close()
    assert {"image-alt", "color-contrast"} <= found


WIDTHS = (1280, 768, 360, 320)
"""320 px is a 1280 px screen at 400 % zoom."""


def test_nothing_is_lost_at_the_side(browser, site):
    """No page scrolls sideways at any width, 大字 included."""
    base, paths = site
    page = browser.new_page()
    wide = []
    for name, path in paths.items():
        page.goto(base + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            for large in (False, True):
                page.evaluate("on => { document.getElementById('large').checked = on }", large)
                if _overflow(page) > 0:
                    wide.append((name, width, large))
    page.close()
    assert not wide


def test_pages_make_no_error_and_no_foreign_request(browser, site):
    """The console stays silent and every request goes to this site."""
    base, paths = site
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for path in paths.values():
        page.goto(base + path)
    page.close()
    assert not said
    assert not [url for url in asked if not url.startswith((base, "data:"))]


def test_looks_work_without_scripts_and_are_remembered_with_them(browser, site):
    """大字 changes the size of the text by the sheet alone; with the script the next page knows it."""
    base, paths = site

    def size(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).fontSize"))

    bare = browser.new_context(java_script_enabled=False)
    page = bare.new_page()
    page.goto(base + paths["home zh-Hans"])
    page.locator("#large").check()
    box = page.locator("h1 + section, .entrances").first.bounding_box()
    assert box is not None
    bare.close()
    context = browser.new_context()
    page = context.new_page()
    page.goto(base + paths["home zh-Hans"])
    assert size(page) == "18px"
    page.locator("#large").check()
    assert size(page) == "24px"
    page.goto(base + paths["about zh-Hans"])
    assert size(page) == "24px"
    context.close()


def test_the_keyboard_reaches_the_text_first(browser, site):
    """The first Tab shows the skip link, Enter leads to the content."""
    base, paths = site
    page = browser.new_page()
    page.goto(base + paths["finance/budget-2026"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.close()


def test_fingers_hit_what_they_aim_at(browser, site):
    """On a phone every link outside of running text, every button and box is at least 44 px high or fills its row."""
    base, paths = site
    page = browser.new_page(viewport={"width": 360, "height": 800})
    small: dict[str, list[str]] = {}
    for name, path in paths.items():
        page.goto(base + path)
        found = page.evaluate(_SMALL)
        if found:
            small[name] = found
    page.close()
    assert not small


_SMALL = """() => [...document.querySelectorAll('header a, footer a, .breadcrumb a, .button, button, input:not([type=checkbox]), label:has(input), summary, .tel, .more a, .actions a, .entrances a')]
  .filter(e => e.offsetParent && e.getBoundingClientRect().height < 44 - 0.5)
  .map(e => e.outerHTML.slice(0, 120) + ' ' + e.getBoundingClientRect().height)"""
