"""One page of metrics from those of all services (Prometheus text format)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


class _Pages(Collector):
    """The families of several pages, each family once."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return what was given."""
        return self._families


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
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        _Pages([*families.values(), *_up("service", services), *_up("server", servers)])
    )
    return generate_latest(registry)


def _up(kind: str, states: Mapping[str, bool]) -> list[Metric]:
    """Return which of these are up."""
    family = GaugeMetricFamily(f"gazette_{kind}_up", f"Whether the {kind} runs.", labels=[kind])
    for name, up in states.items():
        family.add_metric([name], float(up))
    return [family]
