"""No request goes to an address that a stranger chose but through `shared/outgoing.py`."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.test_code import ROOT, trees

OWN_ADDRESSES = {
    "services/catalog/clockwork.py": "asks our own projections what they show, as the settings say",
    "services/catalog/actions/hear_shown.py": "the same",
    "services/commands/": "the operator's own instance",
    "services/demo/": "the demo's own instance",
    "services/instance/": "our own processes, by socket or loopback",
    "services/sender/": "the interface that the sender names on the command line",
    "shared/feed.py": "the catalog's record feed, as the settings say",
}
"""Who calls addresses that only settings or the command line name, and why."""

CLIENTS = {
    "httpx",
    "requests",
    "aiohttp",
    "urllib3",
    "websockets",
    "ftplib",
    "http.client",
    "urllib.request",
    "xmlrpc.client",
}


def imported(tree: ast.Module) -> set[str]:
    """Return the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def callers(clients: set[str]) -> set[str]:
    """Return the files that import one of *clients*, or something of it."""
    return {
        path
        for path, tree in trees().items()
        if any(
            module == client or module.startswith(f"{client}.")
            for module in imported(tree)
            for client in clients
        )
    }


def test_strangers_addresses_are_called_in_one_place() -> None:
    """HTTP clients are imported only where addresses are our own; every such place is listed with its reason."""
    strange = {
        path
        for path in callers(CLIENTS)
        if not any(
            path == place or (place.endswith("/") and path.startswith(place))
            for place in OWN_ADDRESSES
        )
    }
    assert strange == set()
    assert callers({"httpcore"}) == {"shared/outgoing.py"}
    assert callers({"shared.outgoing"}) == {"services/notifier/channels/webhook.py"}


def test_the_list_names_nothing_that_is_not_there() -> None:
    """A place that stopped calling anybody leaves the list."""
    found = callers(CLIENTS)
    for place in OWN_ADDRESSES:
        assert any(path.startswith(place) for path in found), place


def test_nothing_follows_redirects() -> None:
    """Our own calls go where they were sent: no client follows redirects."""
    following = {
        str(Path(path).relative_to(ROOT)) if Path(path).is_absolute() else path
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "follow_redirects"
        and getattr(node.value, "value", None) is True
    }
    assert following == set()
