"""A NATS cluster of three nodes on this machine, each a process that can be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.instance.nats import _answers, _binary
from tests.instance.conftest import free_port


@dataclass
class Node:
    """One nats-server of the cluster."""

    name: str
    folder: Path
    routes: list[int]
    """Ports of the cluster's own connections, this node's first."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"nats://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start the process; returns at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "server.conf"
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes)
        config.write_text(
            f'server_name: "{self.name}"\nhost: "127.0.0.1"\nport: {self.port}\nmax_payload: 8MB\n'
            f"jetstream {{ store_dir: {json.dumps(str(self.folder))}, sync_interval: always, max_file_store: 4GB }}\n"
            f'cluster {{ name: "county", host: "127.0.0.1", port: {self.routes[0]}, routes: [ {routes} ] }}\n'
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(_binary()), "-c", str(config)], stdout=log, stderr=log
            )

    def answers(self) -> bool:
        """Say whether it takes connections."""
        return _answers("127.0.0.1", self.port)

    def kill(self) -> None:
        """Kill it with signal 9."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@dataclass
class Cluster:
    """Three nodes."""

    nodes: dict[str, Node]

    @property
    def url(self) -> str:
        """What `GAZETTE_NATS_URL` says: every node."""
        return ",".join(node.url for node in self.nodes.values())


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start three nodes and wait until they answer."""
    ports = [free_port() for _ in range(3)]
    made = Cluster(
        {
            f"node{n}": Node(
                f"node{n}", folder / f"node{n}", [port, *(p for p in ports if p != port)]
            )
            for n, port in enumerate(ports)
        }
    )
    try:
        for node in made.nodes.values():
            node.launch()
        deadline = time.monotonic() + 30
        while not all(node.answers() for node in made.nodes.values()):
            assert time.monotonic() < deadline, "the cluster does not answer"
            time.sleep(0.05)
        yield made
    finally:
        for node in made.nodes.values():
            node.kill()
