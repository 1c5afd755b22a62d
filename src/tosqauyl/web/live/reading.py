"""One look at a gate's metrics (gate/metrics.py): the counters that the live view is made of, and what runs there.

Gates count calls by verdict, reason, rule and trunk. One of an earlier version, which does not count them by trunk (`TRUNKS`), is
understood.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tosqauyl.facts import Verdict

CALLS, WOULD = "tosqauyl_calls_total", "tosqauyl_calls_would_total"
RULES = ("tosqauyl_rule_hits_total", "tosqauyl_rule_decided_total", "tosqauyl_rule_would_stop_total")
TRUNKS = "tosqauyl_trunk_calls_total"
SHED = "tosqauyl_shed_total"
SNAPSHOT, BUILD = "tosqauyl_snapshot_info", "tosqauyl_build_info"
AGE, LEVEL, DEGRADED = "tosqauyl_snapshot_age_seconds", "tosqauyl_overload_level", "tosqauyl_degraded"
STARTED = "process_start_time_seconds"
_WANTED = tuple(
    name + end
    for name in (CALLS, WOULD, *RULES, TRUNKS, SHED, SNAPSHOT, BUILD, AGE, LEVEL, DEGRADED, STARTED)
    for end in ("{", " ")
)
"""How lines begin that are looked at. The others, which are many, are not even parsed."""
VERDICTS = tuple(one.value for one in Verdict)
MOST_NAMES = 1_000
"""Rules, trunks or reasons of one gate that are told apart: as many rules as a gate counts by name (gate/tally.py)."""
OTHERS = ""
"""All names beyond."""
MOST_LETTERS = 128
"""Of a name, hash or version."""
_LATEST = 4_102_444_800.0
"""2100-01-01: no process started later."""
MOST_COUNT = 1 << 53
"""Beyond it a float is no exact count."""

Counts = Mapping[str, tuple[int, ...]]
"""Name -> counters since the gate's start."""


class Unreadable(Exception):
    """These are no metrics of a gate."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters since the gate's start, and gauges. verdicts: calls, in the order of VERDICTS; would_stop: calls that rules in
    monitor would have stopped; failed_open: let through after a fault; reasons: name -> stopped, touched otherwise, passed, would
    have been stopped; rules: name -> condition held, decided, would have stopped; trunks, carriers: name -> calls, stopped, None
    where the gate does not count them; shed: what was given up under load -> how often; age: of the snapshot, seconds, -1 where it
    is not known; level: of overload, 0 calm; started: seconds since 1970, 0 where it is not known."""

    verdicts: tuple[int, ...]
    would_stop: int = 0
    failed_open: int = 0
    reasons: Counts = field(default_factory=dict)
    rules: Counts = field(default_factory=dict)
    trunks: Counts | None = None
    carriers: Counts | None = None
    shed: Counts = field(default_factory=dict)
    version: str = ""
    snapshot: str = ""
    policy: str = ""
    age: float = -1.0
    level: int = 0
    degraded: bool = False
    started: float = 0.0


class _Names:
    """Counters by name, of at most MOST_NAMES names."""

    def __init__(self, width: int) -> None:
        self._width, self.counts = width, dict[str, list[int]]()

    def add(self, name: str, place: int, count: int) -> None:
        """Add to one of a name's counters."""
        known = name[:MOST_LETTERS]
        if known not in self.counts and len(self.counts) >= MOST_NAMES:
            known = OTHERS
        self.counts.setdefault(known, [0] * self._width)[place] += count

    def done(self) -> Counts:
        """The counters as they are kept."""
        return {name: tuple(found) for name, found in self.counts.items()}


def read(text: str) -> Reading:
    """The reading of a gate's exposition text (Prometheus, version 0.0.4). Raises Unreadable."""
    lines = "\n".join(line for line in text.split("\n") if line.startswith(_WANTED))
    try:
        return _reading(_samples(text_string_to_metric_families(lines + "\n")))
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise Unreadable from error


Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]
"""Name -> labels and value of each line."""


def _samples(families: Iterable[Metric]) -> Samples:
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _reading(samples: Samples) -> Reading:
    if CALLS not in samples and BUILD not in samples:
        raise Unreadable  # a page of somebody else
    verdicts, failed_open, reasons = dict.fromkeys(VERDICTS, 0), 0, _Names(4)
    for labels, value in samples.get(CALLS, ()):
        verdict, reason, count = labels["verdict"], labels["reason"], _count(value)
        if verdict in verdicts:
            verdicts[verdict] += count
            reasons.add(reason, {"stop": 0, "pass": 2}.get(verdict, 1), count)
            failed_open += count if reason == "failed-open" else 0
    would_stop = 0
    for labels, value in samples.get(WOULD, ()):
        if labels["verdict"] == "stop":
            would_stop += _count(value)
            reasons.add(labels["reason"], 3, _count(value))
    snapshot = next((labels for labels, _ in samples.get(SNAPSHOT, ())), {})
    build = next((labels for labels, _ in samples.get(BUILD, ())), {})
    return Reading(
        verdicts=tuple(verdicts.values()), would_stop=would_stop, failed_open=failed_open, reasons=reasons.done(),
        rules=_rules(samples), trunks=_by(samples, "trunk"),
        carriers=_by(samples, "carrier"), shed=_shed(samples), version=build.get("version", "")[:MOST_LETTERS],
        snapshot=snapshot.get("snapshot", "")[:MOST_LETTERS], policy=snapshot.get("policy", "")[:MOST_LETTERS],
        age=_gauge(samples, AGE, -1.0), level=int(min(max(_gauge(samples, LEVEL, 0.0), 0.0), 9.0)),
        degraded=_gauge(samples, DEGRADED, 0.0) > 0,
        started=min(max(_gauge(samples, STARTED, 0.0), 0.0), _LATEST),
    )  # fmt: skip


def _rules(samples: Samples) -> Counts:
    names = _Names(len(RULES))
    for place, family in enumerate(RULES):
        for labels, value in samples.get(family, ()):
            names.add(labels["rule"], place, _count(value))
    return names.done()


def _by(samples: Samples, label: str) -> Counts | None:
    """Calls and stopped ones by trunk or carrier; a trunk that names no carrier is of none."""
    if TRUNKS not in samples:
        return None
    names = _Names(2)
    for labels, value in samples[TRUNKS]:
        if name := labels.get(label, ""):
            names.add(name, 0, _count(value))
            if labels["verdict"] == "stop":
                names.add(name, 1, _count(value))
    return names.done()


def _shed(samples: Samples) -> Counts:
    names = _Names(1)
    for labels, value in samples.get(SHED, ()):
        names.add(labels["what"], 0, _count(value))
    return names.done()


def _count(value: float) -> int:
    """A counter's value. Raises ValueError where it can be none."""
    if not 0 <= value <= MOST_COUNT:
        raise ValueError("no count")
    return int(value)


def _gauge(samples: Samples, family: str, without: float) -> float:
    value = next((value for _, value in samples.get(family, ())), without)
    return value if math.isfinite(value) else without
