"""A whole instance as a process of its own, with what a department and a reader do to it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.instance.conftest import environment, eventually, free_port, processes_on, program

REVIEW = {
    "reviewed_by": "审核员",
    "reviewed_at": "2026-11-20T09:00:00+08:00",
    "confidentiality": {
        "verdict": "cleared",
        "by": "保密员",
        "at": "2026-11-20T09:30:00+08:00",
        "basis": "条例第十七条",
    },
}


def item(title: str, text: str = "路面抢修，请绕行。", **more: Any) -> dict[str, Any]:
    """Return the intake data of a notice that goes out at once."""
    return {
        "title": title,
        "body": {"format": "markdown", "content": text},
        "catalogue": "notice",
        "formed_on": "2026-11-20",
        "review": REVIEW,
    } | more


@dataclass
class Gazette:
    """`gazette up` on a folder, which may be killed and started again."""

    folder: Path
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    keys: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """`GAZETTE_*` variables that it is started with."""

    @property
    def url(self) -> str:
        """Address of the front."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, *options: str, until: Callable[[], bool] | None = None) -> None:
        """Start and wait until every service is up, or *until* something is true."""
        command = program("up", "--port", self.port, "--data", self.folder, *options)
        with self.log.open("ab") as out:
            variables = environment() | self.settings
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=variables)
        eventually(until or (lambda: self.get("/readyz").status_code == 200), seconds=90)

    def kill(self) -> None:
        """Kill the process that is the instance, with signal 9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it cleanly."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask the front."""
        return httpx.get(self.url + path, trust_env=False, timeout=20, **options)

    def run(
        self, *words: object, check: bool = True, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of `gazette` on this folder to its end."""
        done = subprocess.run(
            program(*words, "--data", self.folder),
            capture_output=True,
            text=True,
            env=environment(),
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def department(self, code: str, *options: str) -> str:
        """Add a department and return its key."""
        self.run("departments", "add", code, *options)
        key = self.run("departments", "key", code).stdout.split()[-1]
        self.keys[code] = key
        return key

    def put(self, code: str, source_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """Push one item over HTTP and return its outcome."""
        answer = httpx.put(
            f"{self.url}/api/items/{code}/{source_id}",
            json=data,
            headers={"Authorization": f"Bearer {self.keys[code]}"},
            trust_env=False,
            timeout=20,
        )
        outcome: dict[str, Any] = answer.json()["results"][0]
        return outcome

    def withdraw(self, code: str, source_id: str, data: dict[str, Any]) -> dict[str, Any]:
        """Withdraw one item over HTTP and return its outcome."""
        answer = httpx.request(
            "DELETE",
            f"{self.url}/api/items/{code}/{source_id}",
            json=data,
            headers={"Authorization": f"Bearer {self.keys[code]}"},
            trust_env=False,
            timeout=20,
        )
        outcome: dict[str, Any] = answer.json()["results"][0]
        return outcome

    def search(self, q: str, **more: Any) -> dict[str, Any]:
        """Search and return the answer."""
        found: dict[str, Any] = self.get("/api/search", params={"q": q} | more).json()
        return found

    def visible(
        self, code: str, source_id: str, version: int, *, seconds: float = 20
    ) -> dict[str, Any]:
        """Wait until page and index show *version*; return the item's public answer."""
        answer: dict[str, Any] = {}

        def shown() -> bool:
            answer.update(self.get(f"/api/items/{code}/{source_id}").json())
            delivery = answer.get("delivery", {})
            return all(
                any(seen["version"] >= version for seen in delivery.get(name, []))
                for name in ("publisher", "search")
            )

        eventually(shown, seconds=seconds)
        return answer

    def equal(self, seconds: float = 60) -> None:
        """Demand that site and index equal the record within *seconds*."""
        done = self.run("verify", "--wait", seconds, check=False, seconds=seconds + 60)
        assert done.returncode == 0, done.stdout + done.stderr

    def mails(self) -> list[str]:
        """Return the mails that were sent, as raw text."""
        return [
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted((self.folder / "mail").glob("*.eml"))
        ]

    def subscribe(self, address: str, **target: str) -> None:
        """Subscribe as a reader does: form, mail, confirmation."""
        from services.notifier.channels.folder import newest_mails

        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        httpx.post(
            f"{self.url}/subscribe",
            data={"address": address} | target,
            headers=headers,
            trust_env=False,
        )
        found: list[str] = []

        def mailed() -> bool:
            found.extend(
                mail.text.split("/subscription/confirm/")[1].split()[0]
                for mail in newest_mails(self.folder / "mail")
                if mail.to == address and "/subscription/confirm/" in mail.text
            )
            return bool(found)

        eventually(mailed, seconds=20)
        answer = httpx.post(
            f"{self.url}/subscription/confirm/{found[0]}", headers=headers, trust_env=False
        )
        assert answer.status_code < 400, answer.text


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write lines for `gazette push`."""
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Gazette]:
    """An instance that is not started yet, on an empty folder."""
    gazette = Gazette(tmp_path / "data", tmp_path / "log")
    yield gazette
    gazette.kill()
    deadline = time.monotonic() + 20
    while processes_on(gazette.folder) and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.fixture(scope="session")
def gazette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gazette]:
    """A running instance that tests share; each uses departments of its own."""
    folder = tmp_path_factory.mktemp("flow")
    running = Gazette(folder / "data", folder / "log")
    running.start()
    yield running
    running.kill()
