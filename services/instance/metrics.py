"""One page of metrics from those of all services (Prometheus text format)."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from shared import figures


def merged(
    texts: Mapping[str, str], *, services: Mapping[str, bool], servers: Mapping[str, bool]
) -> bytes:
    """Return one page; services that share a process may show the same sample, which stays one."""
    families: dict[str, Metric] = {}
    for text in texts.values():
        for family in text_string_to_metric_families(text):
            kept = families.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            seen = {(s.name, frozenset(s.labels.items())) for s in kept.samples}
            kept.samples += [
                s for s in family.samples if (s.name, frozenset(s.labels.items())) not in seen
            ]
    ups = [
        figures.gauge(f"gazette_{kind}_up", f"Whether the {kind} runs.", states, kind)
        for kind, states in (("service", services), ("server", servers))
    ]
    return figures.page([*families.values(), *ups])
