"""What the browser tests share: the demonstration as a process, and a page that remembers what went wrong on it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from services.commands.demo import READER
from services.notifier.channels.folder import newest_mails

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def _chinese_fonts() -> bool:
    listed = shutil.which("fc-list")
    if not listed:
        return False
    done = subprocess.run([listed, ":lang=zh"], capture_output=True, check=False)
    return bool(done.stdout.strip())


MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(420),
    pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium, which is not here"),
    pytest.mark.skipif(not _chinese_fonts(), reason="needs Chinese fonts, which are not here"),
]
"""Marks of every module here; the time holds the start of the county as well."""

PHONE, DESK = 360, 1280
ZOOMED = 320
"""A 1280 px screen at 400 % zoom."""
PREFIXES = {"zh-CN": "", "zh-TW": "/zh-tw", "en": "/en"}


@dataclass
class Demo:
    """A running `gazette demo`."""

    url: str
    data: Path
    found: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask the front."""
        return httpx.get(self.url + path, trust_env=False, timeout=20, **options)

    def item(self, key: str) -> str:
        """Return the address of the item `<department>/<source_id>`."""
        if key not in self.found:
            self.found[key] = self.get(f"/api/items/{key}").json()["url"]
        return self.found[key]

    def path(self, where: str) -> str:
        """Return the path for *where*: `item:<department>/<source_id>` and what follows it, or a path as it is."""
        if where == "own page":
            return self.own_page()
        if where == "webhook":
            return self.webhook()
        if not where.startswith("item:"):
            return where
        key, _, rest = where.removeprefix("item:").partition(" ")
        return self.item(key) + rest

    def own_page(self) -> str:
        """Return the link that the demonstration's reader was mailed; used, it leads to the reader's own page."""
        return self.mailed(READER, r"/subscription/confirm/[\w.~-]+")

    def webhook(self) -> str:
        """Enter a webhook that is never verified, so never called; return its page."""
        form = {"url": "https://hooks.example.org/gov", "department": "transport"}
        headers = {"Origin": self.url}
        answer = httpx.post(
            f"{self.url}/subscribe/webhook", data=form, headers=headers, trust_env=False
        )
        return answer.headers["location"]

    def mailed(self, address: str, link: str, *, seconds: float = 20) -> str:
        """Return the newest link like *link* that was mailed to *address*; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for mail in newest_mails(self.data / "mail"):
                if mail.to == address and (found := re.search(link, mail.text)):
                    return found.group()
            time.sleep(0.1)
        pytest.fail(f"no such link was mailed to {address}")


def ready(url: str, *, told: Path, process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    """Wait until the county stands: the program has said what to open, and every page is rendered."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if "/demo/mail" in told.read_text(encoding="utf-8") and _settled(url):
            return
        time.sleep(0.3)
    end = told.read_text(encoding="utf-8", errors="replace")[-2000:]
    pytest.fail(f"the county did not stand within {seconds} s:\n{end}")


def _settled(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=10).json()
    except httpx.HTTPError:
        return False
    publisher = answer["services"]["publisher"].get("detail", {})
    return answer["status"] == "ok" and publisher.get("paths", {}).get("waiting") == 0


@dataclass
class Seen:
    """What happened on a page while it was watched."""

    said: list[str] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings; a page that is meant to be a 404 or 410 is none."""
        meant = re.search(r"responded with a status of 4(04|10)", message.text)
        if message.type in {"error", "warning"} and not meant:
            self.said.append(message.text)

    def note(self, request: Request) -> None:
        """Keep a request."""
        self.asked.append(request)

    def foreign(self, base: str) -> list[str]:
        """Return the addresses outside of the site that were asked for."""
        return [r.url for r in self.asked if not r.url.startswith((base + "/", "data:"))]

    def weight(self) -> int:
        """Return the bytes that came over the wire, heads included."""
        sizes = [r.sizes() for r in self.asked if r.url.startswith("http")]
        return sum(s["responseBodySize"] + s["responseHeadersSize"] for s in sizes)


@contextmanager
def watched(browser: Browser, width: int = PHONE, **options: Any) -> Iterator[tuple[Page, Seen]]:
    """A page in a context of its own (no cache, no memory of looks), and what happens on it."""
    context = browser.new_context(viewport={"width": width, "height": 800}, **options)
    page, seen = context.new_page(), Seen()
    page.on("console", seen.hear)
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("request", seen.note)
    yield page, seen
    context.close()


_BROKEN = """options => axe.run(document, options).then(
  results => results.violations.map(v => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`))"""


def broken_rules(page: Page, *only: str) -> list[str]:
    """Return the accessibility rules (all, or some) that the page breaks, each with the first place."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(only)} if only else {})
    broken: list[str] = page.evaluate(_BROKEN, options)
    return broken


def lost_at_the_side(page: Page) -> list[str]:
    """Return what does not fit: the page itself, and links, controls and headings outside of the window."""
    found: list[str] = page.evaluate(_LOST)
    return found


_LOST = """() => {
  const wide = document.documentElement, lost = [];
  if (wide.scrollWidth > wide.clientWidth) lost.push(`page ${wide.scrollWidth} > ${wide.clientWidth}`);
  for (const e of document.querySelectorAll('a[href], button, input, select, textarea, summary, h1, h2, h3, p, dd')) {
    if (e.closest('.scroll, .hidden, .skip') || !e.checkVisibility()) continue;
    const box = e.getBoundingClientRect();
    if (box.width && (box.right > wide.clientWidth + 1 || box.left < -1)) lost.push(e.outerHTML.slice(0, 120));
  }
  return lost;
}"""
