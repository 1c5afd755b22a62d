"""Metrics for Prometheus: read from the report when somebody scrapes, nothing is done for them per call.

Labels have few values, all from our own tables or the configuration: no numbers, no addresses. The families are made and
written one after the other with a turn of the loop between them, so that a scrape never holds up a call.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from tosqauyl import __version__
from tosqauyl.errors import FaultKind
from tosqauyl.gate.report import Report
from tosqauyl.state.provider import ENDINGS, ORIGINATION, SAID, WHEREABOUTS

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

SHED = ("shed_analytics", "source_capped", "source_dropped", "kernel_drops", "not_asked_overload", "http_shed")
"""Counters of work that was given up under load."""
ANSWERS = (*SAID[WHEREABOUTS], *SAID[ORIGINATION], *ENDINGS, "timeout")
_PREFIXED = ("fault_", "answer_", "dropped_", "refused_")
_TURN = 4
"""Families written in one turn of the loop."""


class _One(Collector):
    """A collector of some ready families, for `generate_latest`."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class Metrics(Collector):
    """The collector of one gate. sections: the report's, by name, as far as the gate has them."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._process = ProcessCollector(registry=CollectorRegistry())

    def collect(self) -> Iterator[Metric]:
        """Every family, each read at the moment it is asked for."""
        for family in (
            self._decisions, self._trunks, self._rules, self._latency, self._events, self._questions, self._networks, self._tables,
            self._journal, self._snapshot, self._load, self._reload, self._feeds, self._publications, self._http,
            self._certificates, self._process.collect,
        ):  # fmt: skip
            yield from family()

    async def text(self) -> bytes:
        """The exposition text."""
        written: list[bytes] = []
        batch: list[Metric] = []
        for metric in self.collect():
            batch.append(metric)
            if len(batch) == _TURN:
                written.append(generate_latest(_One(batch)))
                batch = []
                await asyncio.sleep(0)
        written.append(generate_latest(_One(batch)))
        return b"".join(written)

    @property
    def _counters(self) -> Mapping[str, int]:
        return self.report.gate.session.counters

    def _decisions(self) -> Iterator[Metric]:
        decided, would = self.report.decisions()
        calls = CounterMetricFamily("tosqauyl_calls", "Calls judged.", labels=("verdict", "reason"))
        for label, count in sorted(decided.items()):
            calls.add_metric(label, count)
        yield calls
        monitored = CounterMetricFamily(
            "tosqauyl_calls_would",
            "Calls that monitored rules would have judged otherwise.",
            labels=("verdict", "reason"),
        )
        for label, count in sorted(would.items()):
            monitored.add_metric(label, count)
        yield monitored

    def _trunks(self) -> Iterator[Metric]:
        labels = ("trunk", "carrier", "verdict")
        calls = CounterMetricFamily("tosqauyl_trunk_calls", "Calls judged, by trunk and its carrier.", labels=labels)
        for label, count in sorted(self.report.trunks().items()):
            calls.add_metric(label, count)
        yield calls

    def _rules(self) -> Iterator[Metric]:
        rules = self.report.rules()
        for name, member, doc in (
            ("hits", "hits", "Calls that a rule's condition held for, whatever its mode."),
            ("decided", "decided", "Calls that a rule decided."),
            ("would_stop", "would_stop", "Calls that a monitored rule would have stopped."),
        ):
            family = CounterMetricFamily(f"tosqauyl_rule_{name}", doc, labels=("rule",))
            for rule, counts in rules.items():
                family.add_metric((rule,), counts.get(member, 0))
            yield family

    def _latency(self) -> Iterator[Metric]:
        """Slot i of the count ends below 2**i microseconds. The sum is not counted: the middle of each slot stands for it."""
        buckets: list[tuple[str, float]] = []
        total, microseconds = 0, 0.0
        latency = self.report.gate.session.latency
        for slot, count in enumerate(latency):
            total += count
            microseconds += count * 0.75 * (1 << slot)
            if slot >= _FINEST:
                buckets.append((repr((1 << slot) / 1e6) if slot < len(latency) - 1 else "+Inf", total))
        family = HistogramMetricFamily(
            "tosqauyl_decision_seconds", "From a call's arrival to its decision, questions to home networks included."
        )
        family.add_metric((), buckets, microseconds / 1e6)
        yield family

    def _events(self) -> Iterator[Metric]:
        counters = dict(self._counters)
        yield _labelled("tosqauyl_faults", "What went wrong, by kind.", "kind",
                        {kind.value: counters.get(f"fault_{kind.value}", 0) for kind in FaultKind})  # fmt: skip
        yield _labelled(
            "tosqauyl_shed", "Work given up under load.", "what", {name: counters.get(name, 0) for name in SHED}
        )
        for prefix, name, doc, label in (
            ("dropped_", "tosqauyl_messages_dropped", "SIP messages that got no answer.", "why"),
            ("refused_", "tosqauyl_messages_refused", "SIP requests refused, by status.", "status"),
        ):
            found = {key.removeprefix(prefix): count for key, count in counters.items() if key.startswith(prefix)}
            yield _labelled(name, doc, label, found)
        others = {
            name: count for name, count in counters.items() if not name.startswith(_PREFIXED) and name not in SHED
        }
        yield _labelled("tosqauyl_events", "Everything else that is counted.", "event", others)

    def _questions(self) -> Iterator[Metric]:
        counters = self._counters
        yield _counter("tosqauyl_home_network_questions", "Questions put to home networks.", counters.get("asked", 0))
        yield _labelled("tosqauyl_home_network_answers", "How they ended.", "answer",
                        {answer: counters.get(f"answer_{answer}", 0) for answer in ANSWERS})  # fmt: skip

    def _networks(self) -> Iterator[Metric]:
        """What networks/desk tells, by operator and kind of question."""
        labels = ("operator", "kind")
        outcomes = CounterMetricFamily(
            "tosqauyl_network_outcomes", "What came of questions to one network.", labels=(*labels, "outcome")
        )
        spared = GaugeMetricFamily(
            "tosqauyl_network_spared", "1 while a network is not asked because it failed too often.", labels=labels
        )
        waiting = GaugeMetricFamily("tosqauyl_network_in_flight", "Questions on their way.", labels=labels)
        latency = HistogramMetricFamily("tosqauyl_network_seconds", "Until a question to it ended.", labels=labels)
        for operator, kinds in sorted(self.report.section("networks").get("operators", {}).items()):
            for kind, desk in kinds.items():
                for outcome, count in desk["counters"].items():
                    outcomes.add_metric((operator, kind, outcome), count)
                spared.add_metric((operator, kind), desk["breaker"]["state"] != "closed")
                waiting.add_metric((operator, kind), desk["in_flight"])
                latency.add_metric((operator, kind), *_buckets(desk["latency_us"]))
        yield from (outcomes, spared, waiting, latency)

    def _tables(self) -> Iterator[Metric]:
        session = self.report.gate.session
        for name, doc, value in (
            ("transactions", "Answered transactions kept for repetitions (32 s).", len(session.transactions)),
            ("waiting_calls", "SIP calls that wait for a home network or an ACK.", len(session.waiting)),
            ("open_questions", "Calls that wait for a home network.", len(session.questions)),
        ):
            yield _gauge(f"tosqauyl_{name}", doc, value)

    def _journal(self) -> Iterator[Metric]:
        journal = self.report.journal()
        for name, doc in (
            ("rows", "Decisions written."),
            ("lost_rows", "Decisions that could not be written."),
            ("failed_writes", "Writes that failed."),
            ("failed_rotations", "Segments that could not be begun."),
            ("failed_syncs", "fsyncs that failed."),
        ):
            yield _counter(f"tosqauyl_journal_{name}", doc, journal[name])
        if journal["free_bytes"] >= 0:
            yield _gauge("tosqauyl_journal_free_bytes", "Free bytes on the journal's disk.", journal["free_bytes"])

    def _snapshot(self) -> Iterator[Metric]:
        known = self.report.gate.session.engine.known
        info = InfoMetricFamily("tosqauyl_build", "What runs.")
        info.add_metric((), {"version": __version__})
        yield info
        hashes = InfoMetricFamily("tosqauyl_snapshot", "Content hashes of what is known.")
        hashes.add_metric((), {"snapshot": known.hash, "policy": known.policy.hash})
        yield hashes
        yield _gauge(
            "tosqauyl_degraded", "1 while something is wrong that somebody should mend.", self.report.is_degraded()
        )

    def _load(self) -> Iterator[Metric]:
        """Rates, overload, connections."""
        gate = self.report.gate
        rates = gate.session.engine.rates
        yield _gauge("tosqauyl_overload_level", "0 calm, 1 analytics shed, 2 sources held to their share.",
                     gate.overload.pressure.level)  # fmt: skip
        yield _gauge("tosqauyl_overload_sources", "Sources that calls come from now.", len(gate.overload.caps))
        streams = GaugeMetricFamily("tosqauyl_stream_connections", "Open SIP connections.", labels=("listener",))
        for listener in gate.streams:
            streams.add_metric((listener.name,), len(listener))
        yield streams
        if rates is not None:
            kept = GaugeMetricFamily("tosqauyl_rates_kept", "What calls are counted by now.", labels=("of",))
            for name, count in (("callers", len(rates)), ("ranges", rates.ranges), ("trunks", rates.trunks)):
                kept.add_metric((name,), count)
            yield kept
            yield _counter("tosqauyl_rates_evictions", "Counts given up for others within their hour.", rates.evictions)

    def _reload(self) -> Iterator[Metric]:
        """What gate/reload tells."""
        state = self.report.section("reload")
        if not state:
            return
        yield _gauge("tosqauyl_snapshot_age_seconds", "Since the snapshot was built.", state.get("age_seconds", -1))
        yield _gauge("tosqauyl_snapshot_loading", "1 while a new one is built and checked.", bool(state.get("loading")))
        yield _counter("tosqauyl_snapshot_loads", "Snapshots put in use since the start.", state.get("loads", 0))
        yield _counter("tosqauyl_snapshot_refusals", "Snapshots refused.", state.get("refusals", 0))

    def _feeds(self) -> Iterator[Metric]:
        """What gate/feeds tells, by operator."""
        section = self.report.section("feeds")
        operators: Mapping[str, Mapping[str, Any]] = section.get("operators", {})
        for name, member, doc in FEED_GAUGES:
            family = GaugeMetricFamily(f"tosqauyl_feed_{name}", doc, labels=("operator",))
            for operator, state in sorted(operators.items()):
                family.add_metric((operator,), float(state[member]))
            yield family
        yield _labelled("tosqauyl_feed_events", "What came over the feeds.", "event",
                        {"held_events": 0, "held_bulks": 0, **section.get("counters", {})})  # fmt: skip

    def _publications(self) -> Iterator[Metric]:
        """What gate/publications tells."""
        state = self.report.section("publications")
        if not state:
            return
        yield _gauge("tosqauyl_publications_seq", "The last change of the office that holds here.", state["seq"])
        yield _gauge("tosqauyl_publications_entries", "Numbers on the office's list.", state["entries"])
        yield _gauge("tosqauyl_publications_changes", "Numbers changed since it was packed.", state["changes"])
        yield _gauge(
            "tosqauyl_publications_age_seconds", "Since the office was heard; -1: never.", state["age_seconds"]
        )
        yield _gauge(
            "tosqauyl_publications_clock_off_seconds", "How far its clock is ahead.", state["clock_off_seconds"]
        )
        yield _labelled("tosqauyl_publications_events", "What came of following it.", "event",
                        {"changes": 0, "lists": 0, "lists_refused": 0, **state["counters"]})  # fmt: skip

    def _http(self) -> Iterator[Metric]:
        """What the HTTP side tells."""
        section = self.report.section("http")
        if not section:
            return
        yield _gauge("tosqauyl_http_connections", "Open HTTP connections.", section["connections"])
        yield _gauge("tosqauyl_http_screenings", "Calls being judged over HTTP.", section["screenings"])
        answers = CounterMetricFamily("tosqauyl_http_answers", "HTTP answers.", labels=("route", "status"))
        for name, count in sorted(section["answers"].items()):
            answers.add_metric(name.split(), count)
        yield answers
        yield _labelled("tosqauyl_http_client_requests", "Requests of each client that was known.", "client",
                        section["clients"])  # fmt: skip

    def _certificates(self) -> Iterator[Metric]:
        """How long the server certificates still hold."""
        family = GaugeMetricFamily("tosqauyl_certificate_seconds_left", "Until a certificate expires.", labels=("of",))
        for name in ("streams", "http"):
            days = self.report.section(name).get("certificate_days")
            if days is not None:
                family.add_metric((name,), days * 86_400)
        yield family


FEED_GAUGES = (
    ("age_seconds", "age_seconds", "Since the operator was heard from; -1: never."),
    ("bulk_age_seconds", "bulk_age_seconds", "Since its last list; -1: never."),
    ("swing_percent", "swing_percent", "Share of its states that changed lately."),
    ("abroad", "abroad", "Its subscribers abroad."),
    ("stale", "stale", "1: silent for so long that nobody is taken to be at home."),
    ("log_bytes", "log_bytes", "Length of its event log."),
    ("unsaved", "unsaved", "Events that are in use but could not be written."),
)
"""Metrics of a feed: name, member of its state, meaning."""
_NETWORK_SLOTS = range(9, 23)
"""From half a millisecond to four seconds: no network answers faster, and nobody waits longer."""
_FINEST = 4
"""The first bucket ends at 16 us: nothing is faster."""


def _buckets(slots: Mapping[str, int]) -> tuple[list[tuple[str, float]], float]:
    """Buckets and sum (the middle of each slot stands for it) of a latency count by the upper ends of its slots, us."""
    counts = {int(end): count for end, count in slots.items()}
    ends = [1 << slot for slot in _NETWORK_SLOTS]
    buckets = [(repr(end / 1e6), float(sum(n for at, n in counts.items() if at <= end))) for end in ends]
    total = float(sum(counts.values()))
    return [*buckets, ("+Inf", total)], sum(0.75 * end * count for end, count in counts.items()) / 1e6


def _labelled(name: str, doc: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, doc, labels=(label,))
    for value, count in sorted(counts.items()):
        family.add_metric((value,), count)
    return family


def _gauge(name: str, doc: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, doc)
    family.add_metric((), float(value))
    return family


def _counter(name: str, doc: str, value: float) -> Metric:
    family = CounterMetricFamily(name, doc)
    family.add_metric((), float(value))
    return family
