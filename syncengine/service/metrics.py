"""Metrics: what this process does, counted and measured, and how all integrations stand, for Prometheus (NEW-09).

docs/metrics.md explains each figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

from contracts.errors import Problem
from syncengine.cycle.run import Report
from syncengine.cycle.tiers import Counts
from syncengine.engine import Engine
from syncengine.observer import Observer
from syncengine.service.base_figures import BaseFigures

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
FROM_ERP: Final = "erp_to_crm"
TO_ERP: Final = "crm_to_erp"
_CYCLE_S: Final = (0.1, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3_600, 14_400)
_CALL_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 120)
_LATE_S: Final = (0.1, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600)

_TIERS: Final = {
    "arrived": (FROM_ERP, "created"),
    "changed": (FROM_ERP, "changed"),
    "unchanged": (FROM_ERP, "unchanged"),
    "vanished": (FROM_ERP, "vanished"),
    "refused": (FROM_ERP, "refused"),
    "created_in_erp": (TO_ERP, "created"),
    "sent": (TO_ERP, "changed"),
    "stale": (TO_ERP, "stale"),
    "refused_by_erp": (TO_ERP, "refused"),
}
"""The figures of a cycle that count tiers: which way they went, and what came of them."""
_FIELDS: Final = {"parked": "asked", "decided": "decided"}


class Figures(Observer):
    """What a process counts; one for its life. ``base`` reads how the integrations stand."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.base = BaseFigures()
        ProcessCollector(registry=self.registry)
        self._cycles = self._counter("cycles", "Cycles ended", "kind", "status")
        self._seconds = self._histogram("cycle_duration_seconds", "Duration of cycles", _CYCLE_S, "kind")
        self._late = self._histogram("cycle_lateness_seconds", "From when a cycle was due to its beginning", _LATE_S)
        self._records = self._counter("records", "Records that cycles dealt with", "entity", "direction", "outcome")
        self._conflicts = self._counter("conflict_fields", "Fields that both sides had changed", "outcome")
        self._problems = self._counter("problems", "Cycles that could not begin or finish", "code")
        calls = "Duration of calls of the gateway"
        self._calls = self._histogram("gateway_call_duration_seconds", calls, _CALL_S, "operation", "outcome")

    def began(self, lateness_s: float) -> None:
        """A cycle that was due began."""
        self._late.observe(lateness_s)

    def ended(self, report: Report, seconds: float) -> None:
        """A cycle ended."""
        self._cycles.labels(report.kind.value, report.status.value).inc()
        self._seconds.labels(report.kind.value).observe(seconds)
        self._count(report.counts)
        if report.problem is not None:
            self.prevented(report.problem)

    def prevented(self, problem: Problem) -> None:
        """A cycle was asked for and none came of it."""
        self._problems.labels(problem.problem_code).inc()

    def called(self, operation: str, outcome: str, seconds: float) -> None:
        """The gateway was called."""
        self._calls.labels(operation, outcome).observe(seconds)

    def _count(self, counts: Counts) -> None:
        for name, (direction, outcome) in _TIERS.items():
            self._records.labels("tiers", direction, outcome).inc(getattr(counts, name))
        for entity, count in counts.reference.items():
            self._records.labels(entity, FROM_ERP, "changed").inc(count)
        for name, outcome in _FIELDS.items():
            self._conflicts.labels(outcome).inc(getattr(counts, name))

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"syncengine_{name}", words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(f"syncengine_{name}", words, labels, registry=self.registry, buckets=tuple(buckets))


def exposition(engine: Engine) -> tuple[bytes, str]:
    """All figures as Prometheus reads them, and the content type. Those of the base alone where nothing is counted.

    While the base does not answer, ``syncengine_base_up`` is 0 and its figures are missing; nothing is raised.
    """
    figures = engine.observer if isinstance(engine.observer, Figures) else Figures()
    return generate_latest(_Both(figures, engine)), CONTENT_TYPE


class _Both:
    """What ``generate_latest`` asks of a registry."""

    def __init__(self, figures: Figures, engine: Engine) -> None:
        self._figures, self._engine = figures, engine

    def collect(self) -> Iterator[Metric]:
        """The process's figures, then the base's."""
        yield from self._figures.registry.collect()
        yield from self._figures.base.families(self._engine)
