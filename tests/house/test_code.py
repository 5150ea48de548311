"""Rules of the house that a linter does not know, read from the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shared.streams import DURABLES, STREAMS

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ("catalog", "publisher", "search", "notifier")

EDGES = {
    "services/catalog/http/",
    "services/publisher/http.py",
    "services/search/http/",
    "services/notifier/http/",
}
"""Where requests come in: they open transactions, read the clock, answer."""


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of services and shared by its path."""
    files = [
        file for folder in ("services", "shared") for file in sorted((ROOT / folder).rglob("*.py"))
    ]
    assert len(files) > 100
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text("utf-8")) for file in files}


def called(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a method or function *name*."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name == getattr(
            node.func, "attr", getattr(node.func, "id", None)
        ):
            yield node


def users(name: str) -> set[str]:
    """Return the files that call *name*."""
    return {path for path, tree in trees().items() if next(called(tree, name), None)}


def within(path: str, places: set[str]) -> bool:
    """Say whether *path* is one of *places* or lies below one."""
    return any(
        path == place or (place.endswith("/") and path.startswith(place)) for place in places
    )


def receiver(call: ast.Call) -> str:
    """Return the source of what a method is called on."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def test_only_edges_commit() -> None:
    """Actions work in their caller's transaction; what an index writer commits is no transaction of ours."""
    indexes = {"services/search/engines/"}
    found = {
        path for path in users("commit") | users("rollback") if not within(path, EDGES | indexes)
    }
    assert found == set()


def test_nothing_is_published_without_stream_and_id() -> None:
    """A bare publish is fire and forget: outside `shared/` it needs `stream=` and a message id."""
    for path, tree in trees().items():
        if path.startswith("shared/"):
            continue
        for call in called(tree, "publish"):
            if receiver(call) in {"", "rules"}:  # a function of that name, the rule
                continue
            given = {keyword.arg for keyword in call.keywords}
            assert {"stream", "headers"} <= given, f"{path}:{call.lineno}"
            assert "Nats-Msg-Id" in ast.unparse(tree), path


def test_only_the_wrapper_and_the_sender_speak_nats() -> None:
    """No service opens a connection or subscription of its own; departments' side of the wire is the sender's."""
    allowed = {
        "services/sender/wire.py",
        "services/instance/nats.py",
        "services/instance/status.py",
        "shared/bus.py",
        "shared/streams.py",
    }
    importers = {
        path
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) and any(alias.name == "nats" for alias in node.names)
    }
    assert importers == allowed


CLOCKS = {
    *EDGES,
    "services/catalog/clockwork.py",
    "services/publisher/renderer.py",
    "services/sender/wire.py",
    "services/demo/",
    "services/commands/",
    "services/instance/",
    "services/search/app.py",
    "shared/bus.py",
}
"""Edges and composition roots: who reads the clock hands it on as `now`."""


def test_only_edges_read_the_clock() -> None:
    """Rules, actions, queries and pages take `now`; they never ask for it."""
    found = set()
    for path, tree in trees().items():
        for name in ("now", "utcnow", "today"):
            for call in called(tree, name):
                if receiver(call) in {"datetime", "date", "datetime.datetime", "datetime.date"}:
                    found.add(path)
        if any(receiver(call) == "time" for call in called(tree, "time")):
            found.add(path)
    assert {path for path in found if not within(path, CLOCKS)} == set()


def test_no_random_ids() -> None:
    """Ids ascend in time (UUIDv7); `uuid4` is nowhere."""
    assert users("uuid4") | users("uuid1") == set()


# --- streams: a speaker and a hearer each

SPEAKERS = {
    "INTAKE": ("services/sender/wire.py", "intake."),
    "OUTCOMES": ("services/catalog/actions/accept_items.py", "outcomes."),
    "RECORD": ("services/catalog/announcing.py", "record."),
    "EFFECTS": ("shared/events/effects.py", "effects."),
    "PARKED": ("shared/bus.py", "parked."),
}
"""stream -> who says it, and how its subjects begin."""
HEARD_OTHERWISE = {
    "OUTCOMES": ("services/sender/wire.py", "outcomes."),
    "PARKED": ("services/commands/parked.py", "parked"),
}
"""Streams without a durable of ours: departments hear their outcomes, the operator reads what is parked."""


def texts(path: str) -> set[str]:
    """Return the beginnings of all strings of a file, f-strings included."""
    return {
        n.value
        for n in ast.walk(trees()[path])
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def hearings() -> dict[str, tuple[str, str]]:
    """Return durable -> (file, stream) of every handler."""
    found: dict[str, tuple[str, str]] = {}
    for path, tree in trees().items():
        if path == "shared/bus.py":
            continue
        for call in called(tree, "hears"):
            [stream] = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
            [durable] = [
                k.value.value
                for k in call.keywords
                if k.arg == "durable" and isinstance(k.value, ast.Constant)
            ]
            assert durable not in found, f"{durable} has two handlers"
            found[str(durable)] = (path, str(stream))
    return found


def test_every_stream_has_a_speaker() -> None:
    """Each stream of the contract is written by the one that the contract names."""
    assert set(SPEAKERS) == {stream.name for stream in STREAMS}
    for path, start in SPEAKERS.values():
        assert any(text.startswith(start) for text in texts(path)), (path, start)


def test_every_stream_has_a_hearer() -> None:
    """Each stream is heard by a handler, or by whom the list says."""
    heard = {stream for _, stream in hearings().values()}
    assert heard | set(HEARD_OTHERWISE) == {stream.name for stream in STREAMS}
    for path, start in HEARD_OTHERWISE.values():
        assert any(text.startswith(start) for text in texts(path)), (path, start)


def test_every_durable_is_heard_by_one_handler() -> None:
    """The durables that provisioning makes are those that handlers hear, each on its own stream, from an inbox."""
    found = hearings()
    assert {durable: stream for durable, (_, stream) in found.items()} == {
        durable: stream for durable, (stream, _) in DURABLES.items()
    }
    assert all(Path(path).name == "inbox.py" for path, _ in found.values())
