"""Metrics for Prometheus: how often and how fast each operation answered, and how the registry stands. No label holds anything of a
person: operations, statuses and counters are our own words."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import AuditHead, Delivery, ListHead

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1, 3, 10, 30)


@dataclass(slots=True)
class Seen:
    """What became of one request. status: 0 where it was not answered."""

    status: int = 0


class Answers:
    """Counts of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "tosqauyl_office_answers",
            "Answers by operation and status.",
            ("operation", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tosqauyl_office_answer_seconds",
            "From request to answer.",
            ("operation",),
            registry=self.registry,
            buckets=_SECONDS,
        )

    @contextmanager
    def timed(self, operation: str) -> Iterator[Seen]:
        """Count one request of an operation."""
        seen, started = Seen(), time.perf_counter()
        try:
            yield seen
        finally:
            self._answers.labels(operation, str(seen.status)).inc()
            self._seconds.labels(operation).observe(time.perf_counter() - started)

    def text(self, standing: Iterable[Metric]) -> bytes:
        """The exposition text, with what else is to be told."""
        return generate_latest(self.registry) + generate_latest(_Ready(standing))


class _Ready(Collector):
    """A collector of ready families, for `generate_latest`."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def standing(work: Work, counters: dict[str, int]) -> list[Metric]:
    """How the registry stands, and the office's own counters."""
    counted = CounterMetricFamily("tosqauyl_office_events", "Events by name.", labels=("event",))
    for name, count in sorted(counters.items()):
        counted.add_metric((name,), count)
    waiting = work.db.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == "waiting")) or 0
    gauges = (
        ("tosqauyl_office_list_seq", "The last publication.", work.db.scalar(select(ListHead.seq)) or 0),
        ("tosqauyl_office_audit_entries", "Entries of the audit trail.", work.db.scalar(select(AuditHead.seq)) or 0),
        ("tosqauyl_office_deliveries_waiting", "Webhook deliveries that wait.", waiting),
    )
    return [counted, *(GaugeMetricFamily(name, text, value=value) for name, text, value in gauges)]
