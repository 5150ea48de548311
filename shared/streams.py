"""The streams and durables, made by `gazette streams apply` alone.

A setting that differs from the one here is changed to it and named in the answer, never silently.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import nats
from nats.aio.client import Client
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

_DAY = 86_400.0
CLUSTERED = 3
"""Copies of a stream, and nodes of a cluster, from which on one node may be lost."""


@dataclass(frozen=True)
class Stream:
    """One stream of the contract."""

    name: str
    subjects: tuple[str, ...]
    max_age: float
    duplicate_window: float
    description: str


STREAMS = (
    Stream("INTAKE", ("intake.*.items",), 7 * _DAY, 0.1, "what departments push"),
    Stream("OUTCOMES", ("outcomes.*.items",), 30 * _DAY, 120, "what became of it"),
    Stream("RECORD", ("record.>",), 30 * _DAY, 120, "the public state of everything"),
    Stream("EFFECTS", ("effects.>",), 7 * _DAY, 120, "what became visible where"),
    Stream("PARKED", ("parked.>",), 30 * _DAY, 120, "what could not be processed"),
)

DURABLES = {
    "catalog": ("INTAKE", None),
    "catalog-effects": ("EFFECTS", None),
    "publisher": ("RECORD", None),
    "search": ("RECORD", None),
    "notifier": ("RECORD", None),
}
"""durable -> (stream, filter subject)."""

ACK_WAIT = 60.0
"""Seconds; the consumer wrapper says "in progress" every third of it."""


def _stream_config(stream: Stream, replicas: int, max_bytes: int) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        description=stream.description,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_age=stream.max_age,
        max_bytes=max_bytes,
        max_msg_size=8 * 1024 * 1024,
        duplicate_window=stream.duplicate_window,
        allow_atomic=True,
        allow_direct=True,
        deny_delete=False,
        deny_purge=False,
    )


def consumer_config(durable: str) -> ConsumerConfig:
    """Return the settings of a durable; `max_deliver` -1 and no `backoff`, see the architecture's table."""
    return ConsumerConfig(
        durable_name=durable,
        filter_subject=DURABLES[durable][1],
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=-1,
        max_ack_pending=2048,
        max_waiting=64,
    )


_COMPARED = (
    "subjects",
    "max_age",
    "duplicate_window",
    "num_replicas",
    "allow_atomic",
    "discard",
    "storage",
)


def servers(url: str) -> list[str]:
    """Return the servers that a setting names: one, or those of a cluster parted by commas."""
    return [part.strip() for part in url.split(",") if part.strip()]


def copies(client: Client) -> int:
    """Return how many copies a stream should have on these servers: three where there are three nodes, else one."""
    info = client._server_info  # noqa: SLF001 - nats-py has no other way to what the server says of its cluster
    nodes = info.get("connect_urls") or ()
    return CLUSTERED if info.get("cluster") and len(set(nodes)) >= CLUSTERED else 1


async def apply_with(
    client: Client, *, replicas: int | None = None, max_bytes: int | None = None
) -> list[str]:
    """Make or mend every stream and durable over an open connection; return what was done, one sentence each.

    Without *replicas* or *max_bytes* an existing stream keeps the larger of what it has and what the servers
    suggest: a node that is away for a moment takes no copy from a stream.
    """
    js = client.jetstream(timeout=10)
    wanted = replicas or copies(client)
    done: list[str] = []
    for stream in STREAMS:
        limit = max_bytes if stream.name == "RECORD" and max_bytes is not None else -1
        config = _stream_config(stream, wanted, limit)
        try:
            current = (await js.stream_info(stream.name)).config
        except NotFoundError:
            await js.add_stream(config)
            done.append(f"stream {stream.name} made")
            continue
        if replicas is None:
            config.num_replicas = max(wanted, current.num_replicas or 1)
        if max_bytes is None:
            config.max_bytes = current.max_bytes
        differs = [
            name for name in _COMPARED if _differs(getattr(current, name), getattr(config, name))
        ]
        if differs:
            await js.update_stream(config)
            done.append(f"stream {stream.name}: {', '.join(differs)} set as the contract says")
    for durable, (name, _) in DURABLES.items():
        try:
            await js.consumer_info(name, durable)
        except NotFoundError:
            await js.add_consumer(name, consumer_config(durable))
            done.append(f"durable {durable} made on {name}")
    return done


def _differs(current: object, wanted: object) -> bool:
    if isinstance(current, float) and isinstance(wanted, (int, float)):
        return abs(current - wanted) > 0.001
    return (current or None) != (wanted or None)


async def apply(url: str, *, replicas: int | None = None, data: str | None = None) -> list[str]:
    """Make or mend every stream and durable on the servers at *url*; *replicas* as `apply_with` says.

    RECORD takes half the disk that *data* lies on at most.
    """
    max_bytes = shutil.disk_usage(data).total // 2 if data else None
    connection: Client = await nats.connect(
        servers(url), connect_timeout=5, max_reconnect_attempts=5
    )
    try:
        return await apply_with(connection, replicas=replicas, max_bytes=max_bytes)
    finally:
        await connection.close()
