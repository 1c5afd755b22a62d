"""What happened, counted: journal rows -> Report, and the report for terminals and as JSON.

Call attempts, calling numbers and called numbers are three counts and are never mixed; every count belongs to a
window (first to last call) and a source (the journal it was counted from).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tosqauyl.facts import Verdict
from tosqauyl.texts import N_, Texts

Row = Mapping[str, Any]
"""One decision by column name, as the journal gives it."""

DIMENSIONS = ("verdict", "reason", "rule", "trunk", "country")
_COLUMN_OF = {"country": "caller_country"}
STYLES = {"pass": "green", "mark": "yellow", "withhold": "yellow", "divert": "cyan", "stop": "red"}


@dataclass(frozen=True, slots=True)
class Tally:
    """Three counts of one group: call attempts, different calling numbers, different called numbers (or tokens)."""

    attempts: int
    callers: int
    callees: int


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of a window. first and last: seconds since 1970-01-01 UTC of its first and last call, 0 if none;
    source: the journal folder. stops: by reason, stopped attempts only. would_stop: passed attempts that rules in
    monitor mode would have stopped. faulty: attempts with a fault on their way. Tables are ordered, biggest first.
    """

    source: str
    first: float
    last: float
    total: Tally
    verdict: dict[str, Tally]
    reason: dict[str, Tally]
    rule: dict[str, Tally]
    trunk: dict[str, Tally]
    country: dict[str, Tally]
    stops: dict[str, Tally]
    would_stop: int
    faulty: int

    def as_dict(self) -> dict[str, object]:
        """The report for --json."""
        return asdict(self) | {"unit": {"attempts": "call attempts", "callers": "numbers", "callees": "numbers"}}


class _Group:
    """Counts while rows come in. The sets cost about 100 bytes for each different number."""

    __slots__ = ("attempts", "callees", "callers")

    def __init__(self) -> None:
        self.attempts = 0
        self.callers: set[str] = set()
        self.callees: set[str] = set()

    def add(self, row: Row) -> None:
        self.attempts += 1
        self.callers.add(row["caller"])
        self.callees.add(row["called"])

    @property
    def tally(self) -> Tally:
        return Tally(self.attempts, len(self.callers - {""}), len(self.callees - {""}))


class Counting:
    """Rows are added one by one; `report` may be asked at any time."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._total = _Group()
        self._groups: dict[str, dict[str, _Group]] = {name: {} for name in (*DIMENSIONS, "stops")}
        self._window = (0.0, 0.0)
        self._counts: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Count one decision."""
        at = float(row["at"])
        self._window = (min(self._window[0], at) if self._total.attempts else at, max(self._window[1], at))
        self._total.add(row)
        for name in DIMENSIONS:
            value = row[_COLUMN_OF.get(name, name)]
            if value or name != "rule":
                self._groups[name].setdefault(value, _Group()).add(row)
        if row["verdict"] == Verdict.STOP:
            self._groups["stops"].setdefault(row["reason"], _Group()).add(row)
        elif row["would_verdict"] == Verdict.STOP:
            self._counts["would_stop"] += 1
        self._counts["faulty"] += bool(row["faults"])

    @property
    def report(self) -> Report:
        """Everything counted so far."""
        verdict, reason, rule, trunk, country, stops = map(_ordered, self._groups.values())
        return Report(
            self._source,
            *self._window,
            self._total.tally,
            verdict,
            reason,
            rule,
            trunk,
            country,
            stops,
            self._counts["would_stop"],
            self._counts["faulty"],
        )


def _ordered(groups: Mapping[str, _Group]) -> dict[str, Tally]:
    tallies = {name: group.tally for name, group in groups.items()}
    return dict(sorted(tallies.items(), key=lambda item: (-item[1].attempts, item[0])))


def make_report(rows: Iterable[Row], source: str) -> Report:
    """Count journal rows."""
    counting = Counting(source)
    for row in rows:
        counting.add(row)
    return counting.report


def clock_time(at: float, date: bool = False) -> str:
    """A time for people in the zone of this machine: 14:03:07, with the date before it and the zone behind if asked."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z" if date else "%H:%M:%S")


def render_report(report: Report, t: Texts, limit: int = 8) -> RenderableType:
    """The report for a terminal; each table shows at most `limit` rows and says how many it leaves out."""
    if not report.total.attempts:
        return Text(t("No call in {source}.", source=report.source))
    values = {"first": clock_time(report.first, True), "last": clock_time(report.last, True), "source": report.source}
    parts: list[RenderableType] = [
        Text(t("From {first} to {last}, counted from {source}.", **values)),
        Text(),
        _table(report.verdict, t("What happened"), t, t.verdict, limit),
    ]
    if report.stops:
        parts += [Text(), _table(report.stops, t("Stopped, and why"), t, t.reason, limit)]
    parts += [Text(), _table(report.trunk, t("By trunk"), t, str, limit)]
    parts += [
        Text(),
        _table(
            report.country, t("By country of the calling number"), t, lambda code: code or t("none or shared"), limit
        ),
    ]
    if report.would_stop:
        parts.append(
            Text(t("Rules in monitor mode would have stopped {n} more attempts.", n=t.count(report.would_stop)))
        )
    if report.faulty:
        parts.append(Text(t("Attempts with a fault on their way: {n}.", n=t.count(report.faulty))))
    return Group(*parts)


_COUNTED = (N_("attempts"), N_("calling numbers"), N_("called numbers"))


def _table(tallies: Mapping[str, Tally], title: str, t: Texts, name: Any, limit: int) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(Text(title, style="bold"), min_width=36)
    for counted in _COUNTED:
        table.add_column(t(counted), justify="right")
    for slug, tally in list(tallies.items())[:limit]:
        cells = (t.count(tally.attempts), t.count(tally.callers), t.count(tally.callees))
        table.add_row(Text(name(slug), style=STYLES.get(slug, "")), *cells)
    if len(tallies) > limit:
        table.add_row(Text(t("and {n} more", n=len(tallies) - limit), style="dim"))
    return table
