"""Every service by itself and twice: the copies share the work, and a rolling restart loses no read."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flow.conftest import item
from tests.instance.conftest import environment, eventually, free_port, program

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow, pytest.mark.long]

COPIED = ("catalog", "publisher", "search", "notifier")
ITEMS = 60
TOKEN = "a-token-for-the-services-of-this-test"
READERS = ("ann@example.org", "bob@example.org")


@dataclass
class Copy:
    """One process of `gazette serve`."""

    service: str
    settings: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it is ready later."""
        command = program("serve", self.service, "--port", self.port)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment() | self.settings
            )

    def await_ready(self) -> None:
        """Wait until it does its work."""
        eventually(lambda: get(f"{self.url}/readyz").status_code == 200, seconds=180)

    def stop(self) -> None:
        """End it as a supervisor does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def handled(self) -> float:
        """Return how many events it has dealt with."""
        text = get(f"{self.url}/metrics").text
        return sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("gazette_consumer_handled")
        )


@dataclass
class House:
    """Two copies of every service, one relay, and the servers of the tests."""

    folder: Path
    settings: dict[str, str]
    copies: dict[str, list[Copy]]
    relay: Copy

    @property
    def all(self) -> list[Copy]:
        """Every process."""
        return [self.relay, *itertools.chain.from_iterable(self.copies.values())]

    def run(self, *words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of `gazette` with nothing but the settings."""
        done = subprocess.run(
            program(*words), capture_output=True, text=True, env=environment() | self.settings,
            timeout=300, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def read(self, service: str, path: str, turn: int = 0) -> int:
        """Read as the web server in front does: from one copy, from the other when that one gives no answer."""
        copies = self.copies[service]
        status = 0
        for copy in (copies[turn % 2], copies[(turn + 1) % 2]):
            try:
                status = get(copy.url + path).status_code
            except httpx.TransportError:
                continue
            if status not in {502, 503}:
                return status
        return status

    def mails(self) -> list[Any]:
        """Return the mails that were sent."""
        files = sorted((self.folder / "mail").glob("*.eml"))
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def get(url: str, **options: Any) -> httpx.Response:
    """Ask one copy, on a connection of its own."""
    return httpx.get(url, trust_env=False, timeout=20, **options)


@pytest.fixture
def house(
    tmp_path: Path, empty_database_url: str, nats_url: str, search_url: str
) -> Iterator[House]:
    """Everything twice, started from nothing by the commands that an operator uses."""
    folder = tmp_path
    (folder / "token").write_text(TOKEN + "\n", encoding="ascii")
    (folder / "database").write_text(empty_database_url + "\n", encoding="utf-8")
    settings = {
        "GAZETTE_DATABASE_URL_FILE": str(folder / "database"),
        "GAZETTE_INTERNAL_TOKEN_FILE": str(folder / "token"),
        "GAZETTE_NATS_URL": nats_url,
        "GAZETTE_SEARCH_URL": search_url,
        "GAZETTE_LINK_SECRET": "x" * 40,
        "GAZETTE_DATA": str(folder),
        "GAZETTE_SITE_STORE": str(folder / "site"),
        "GAZETTE_BLOBS_URL": str(folder / "blobs"),
        "GAZETTE_SITE_URL": "http://gazette.example",
        "GAZETTE_MAIL_FROM": "notices@gazette.example",
    }
    copies = {
        name: [Copy(name, settings, folder / f"{name}{n}.log") for n in (1, 2)] for name in COPIED
    }
    relay = Copy("relay", settings, folder / "relay.log")
    services = {name: pair[0].url for name, pair in copies.items()} | {"relay": relay.url}
    settings |= {
        "GAZETTE_CATALOG_URL": services["catalog"],
        "GAZETTE_SERVICES": json.dumps(services),
        "GAZETTE_PROJECTIONS": json.dumps(
            {name: f"{services[name]}/internal/shown" for name in ("publisher", "search")}
        ),
    }
    made = House(folder, settings, copies, relay)
    made.run("migrate")
    made.run("streams", "apply")
    for copy in made.all:
        copy.start()
    for copy in made.all:
        copy.await_ready()
    yield made
    for copy in made.all:
        copy.stop()


def push(house: House, key: str, name: str, turn: int) -> None:
    """Push one notice through one of the two catalogs."""
    answer = httpx.put(
        f"{house.copies['catalog'][turn % 2].url}/api/items/transport/{name}",
        json=item(f"{name}号绕行通告", change="major"),
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=20,
    )
    assert answer.json()["results"][0]["outcome"] == "accepted", answer.text


def subscribe(house: House, address: str) -> None:
    """Subscribe at one notifier, and confirm at the other."""
    headers = {"Origin": "http://gazette.example", "Sec-Fetch-Site": "same-origin"}
    asked, confirmed = (copy.url for copy in house.copies["notifier"])
    form = {"address": address, "department": "transport"}
    with httpx.Client(headers=headers, trust_env=False, timeout=20) as client:
        assert client.post(f"{asked}/subscribe", data=form).status_code < 400
        found: list[str] = []

        def letter_came() -> bool:
            found[:] = [
                path
                for mail in house.mails()
                if mail["To"] == address
                for path in re.findall(
                    r"/subscription/confirm/[\w.~-]+", mail.get_body(("plain",)).get_content()
                )
            ]
            return bool(found)

        eventually(letter_came)
        assert client.post(confirmed + found[0]).status_code < 400


def test_copies_share_the_work_and_a_rolling_restart_loses_no_read(house: House) -> None:
    """Both copies handle events, everybody is told once, commands find the services, and reads go on through restarts."""
    house.run("departments", "add", "transport", "--name", "交通运输局")
    key = house.run("departments", "key", "transport").stdout.split()[-1]
    for address in READERS:
        subscribe(house, address)
    for number in range(ITEMS):
        push(house, key, f"n{number}", number)

    assert f"{ITEMS}" in house.run("verify", "--wait", "120").stdout
    eventually(lambda: told(house) == {(to, ITEMS) for to in READERS}, seconds=120)
    assert house.run("status").returncode == 0
    for service in ("publisher", "search", "notifier"):
        counts = [copy.handled() for copy in house.copies[service]]
        assert min(counts) > 0, (service, counts)

    reading = Reading(house)
    reading.begin()
    for turn, copy in enumerate(itertools.chain.from_iterable(house.copies.values())):
        copy.stop()
        if copy.service != "catalog":  # while a catalog is away, senders go to the other one
            push(house, key, f"r{turn}", turn)
        reading.meets(copy.service)
        copy.start()
        copy.await_ready()
    reading.end()
    assert set(reading.answers.values()) <= {200}, reading.answers
    assert len(reading.seen) > 200
    assert reading.passed_over > 0, "no copy was ever away, so nothing was tried"
    house.run("verify", "--wait", "120")
    restarted = ITEMS + 2 * (len(COPIED) - 1)
    eventually(lambda: told(house) == {(to, restarted) for to in READERS}, seconds=120)
    assert "重建完成" in house.run("rebuild", "search").stdout
    house.run("verify", "--wait", "60")


def told(house: House) -> set[tuple[str, int]]:
    """Return how many notices each reader got; one that came twice counts twice."""
    notices = [mail for mail in house.mails() if "绕行通告" in str(mail["Subject"])]
    return set(Counter(str(mail["To"]) for mail in notices).items())


class Reading:
    """A reader who never stops."""

    PATHS = (
        ("search", "/api/search?q=%E7%BB%95%E8%A1%8C"),
        ("search", "/en/search?q=road"),
        ("catalog", "/api/items/transport/n1"),
        ("catalog", "/api/records?limit=5"),
        ("notifier", "/subscribe"),
    )

    def __init__(self, house: House) -> None:
        self._house = house
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.seen: list[int] = []
        self.answers: dict[str, int] = {}
        self.passed_over = 0

    def begin(self) -> None:
        """Begin to read."""
        self._thread.start()

    def end(self) -> None:
        """Read no more."""
        self._ended.set()
        self._thread.join()

    def meets(self, service: str) -> None:
        """Wait until something was read of *service* while a copy of it is away; of the publisher only files are read."""
        before = self.passed_over
        if any(service == read for read, _ in self.PATHS):
            eventually(lambda: self.passed_over > before, seconds=30)

    def _read(self) -> None:
        page = next((self._house.folder / "site" / "current" / "transport").glob("*/*/index.html"))
        current = self._house.folder / "site" / "current"
        page = current / page.relative_to(current)
        for turn in itertools.count():
            if self._ended.is_set():
                return
            service, path = self.PATHS[turn % len(self.PATHS)]
            status = self._house.read(service, path, turn) if page.is_file() else 404
            self.seen.append(status)
            if status != 200 or path not in self.answers:
                self.answers[path] = status
            self.passed_over += any(c.process is None for c in self._house.copies[service])
            time.sleep(0.02)
