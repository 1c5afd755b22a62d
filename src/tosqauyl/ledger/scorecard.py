"""Scorecards: what each carrier or trunk brings, against the period before; and how often each rule was wrong.

The order is by the share of suspect attempts, taken at the lower end of its 95 % interval (Wilson 1927), so that a carrier with
three calls does not lead the list. A metric whose columns were not recorded is None, and `missing` names them.

Attempts of each kind come out of counts by hour, however many calls there are. Different numbers and how calls ended take a look
at every call, which is said apart (`every_call`).
"""

from dataclasses import dataclass
from datetime import timedelta
from math import sqrt

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.definitions import KAZAKH, NO_NUMBER, STOPPED, TRUTH_KNOWN, WOULD_STOP, attempts_if, counted_if
from tosqauyl.ledger.engine import Engine, Rows
from tosqauyl.ledger.statistics import Coverage, coverage, days_of, table_for
from tosqauyl.ledger.statistics_queries import ended, inside
from tosqauyl.ledger.window import Window, window_of_days

SHORT_SECONDS = 10.0
"""An answered call that ends sooner is short: hung up on, or a recorded voice that nobody listened to."""
Z = 1.959964
"""Standard normal quantile of a 95 % interval."""
PARTIES = ("carrier", "trunk")

_METRICS: dict[str, tuple[tuple[str, ...], str]] = {
    "stopped": (("verdict",), STOPPED),
    "suspect": (("verdict", "would_verdict"), f"{STOPPED} OR ({WOULD_STOP})"),
    "marked": (("verdict",), "verdict = 'mark'"),
    "no_number": (("caller_kind",), NO_NUMBER),
    "kazakh": (("caller_country", "caller_kind"), KAZAKH),
}
"""Name -> columns it takes, which attempts are counted."""
_NUMBERS: dict[str, tuple[tuple[str, ...], str]] = {
    "callers": (("caller",), "count(DISTINCT CASE WHEN caller <> '' THEN caller END)"),
    "callees": (("called",), "count(DISTINCT CASE WHEN called <> '' THEN called END)"),
    "pairs": (
        ("caller", "called"),
        "count(DISTINCT CASE WHEN caller <> '' AND called <> '' THEN caller || ' ' || called END)",
    ),
}
"""Name -> columns it takes, aggregate."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Attempts of one party in one period; None where the columns were not recorded.

    suspect: stopped, or would have been by rules in monitor. no_number: with a calling number that nobody can have or calls
    from (unallocated, reserve, short ...). kazakh: with a Kazakh calling number. callers, callees: different numbers; pairs:
    different (calling, called). answered, short: of attempts whose outcome is known. The last five are None too where not every
    call was looked at.
    """

    attempts: int = 0
    stopped: int | None = None
    suspect: int | None = None
    marked: int | None = None
    no_number: int | None = None
    kazakh: int | None = None
    callers: int | None = None
    callees: int | None = None
    pairs: int | None = None
    answered: int | None = None
    short: int | None = None

    def share(self, metric: str) -> float | None:
        """A metric as a part of all attempts (short: of the answered ones); None where it is not computable."""
        value = getattr(self, metric)
        whole = self.answered if metric == "short" else self.attempts
        return value / whole if value is not None and whole else None

    @property
    def callers_per_callee(self) -> float | None:
        """From how many different numbers one called number was called, on average."""
        return self.pairs / self.callees if self.pairs is not None and self.callees else None


@dataclass(frozen=True, slots=True)
class Card:
    """One carrier or trunk. rank: 1 is the worst; 0 where `suspect` is not computable. before: attempts in the period before,
    None where the ledger has none of it."""

    name: str
    rank: int
    now: Counts
    before: int | None

    @property
    def trend(self) -> float | None:
        """Attempts now by attempts before; None where there were none."""
        return self.now.attempts / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Every carrier or trunk of a window, worst first. missing: columns that were not recorded, or outcomes that were not
    delivered. previous: the window of the trend. gaps: days of the window without any row; previous_gaps: the same before.
    every_call: whether every call was looked at."""

    party: str
    window: Window
    previous: Window
    cards: tuple[Card, ...]
    sources: tuple[str, ...]
    revision: str
    missing: tuple[str, ...]
    gaps: int = 0
    previous_gaps: int = 0
    every_call: bool = True


@dataclass(frozen=True, slots=True)
class RuleFigure:
    """How often a rule stopped calls and was wrong, in attempts. watched: a rule in monitor, which would have stopped them.

    known: of `stops`, those whose truth is known; false: of those, honest ones; None where no truth was recorded.
    corrected: of `stops`, those of numbers that were on the allow-list later in the window; None where `listed` was not recorded.
    """

    rule: str
    watched: bool
    stops: int
    known: int | None
    false: int | None
    corrected: int | None

    @property
    def false_share(self) -> float | None:
        """False stops as a part of those whose truth is known."""
        return self.false / self.known if self.false is not None and self.known else None

    @property
    def at_most(self) -> float | None:
        """Upper end of the 95 % interval of that share (Wilson): what can be said at most after so many calls."""
        return wilson(self.false, self.known)[1] if self.false is not None and self.known else None


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """The figures of every rule that stopped, or would have stopped, a call: most stops first, rules in monitor last."""

    window: Window
    rules: tuple[RuleFigure, ...]
    sources: tuple[str, ...]
    revision: str
    missing: tuple[str, ...]


def wilson(part: int, whole: int) -> tuple[float, float]:
    """95 % interval of a share (E. B. Wilson, Probable Inference, 1927); (0, 1) where nothing is known.

    >>> [round(one, 4) for one in wilson(0, 100)]
    [0.0, 0.037]
    """
    if whole <= 0:
        return 0.0, 1.0
    share, spread = part / whole, Z * Z / whole
    middle = share + spread / 2
    width = Z * sqrt(share * (1 - share) / whole + spread / whole / 4)
    return max(0.0, (middle - width) / (1 + spread)), min(1.0, (middle + width) / (1 + spread))


def previous_of(window: Window) -> Window:
    """The window of as many days just before."""
    length = len(days_of(window))
    first = window.first_day
    return window_of_days(first - timedelta(days=length), first - timedelta(days=1), window.zone)


def with_previous(window: Window) -> Window:
    """The window that an engine needs for a scorecard: with the period before."""
    return Window(previous_of(window).first, window.end, window.zone)


def scorecard(
    engine: Engine, window: Window, party: str = "carrier", limit: int = 0, every_call: bool = True
) -> Scorecard:
    """Score every carrier or trunk. engine: over `with_previous(window)`, else there is no trend. limit: 0 for all.

    every_call: look at every call for different numbers and short calls; without, the time does not grow with the calls.
    Raises TosqauylError (another party than these, a query that cannot be run).
    """
    if party not in PARTIES:
        raise TosqauylError(f"there is no scorecard by {party!r}", "--by", ", ".join(PARTIES))
    before = previous_of(window)
    known, earlier = coverage(engine, window, counts=False), coverage(engine, before, counts=False)
    wanted = (_METRICS | _NUMBERS if every_call else _METRICS).values()
    needed = dict.fromkeys((party, *(name for columns, _ in wanted for name in columns)))
    missing = [one for one in needed if one not in engine.recorded]
    cards: tuple[Card, ...] = ()
    if party not in missing:
        now = _counts(engine, window, party, every_call)
        past = _attempts(engine, before, party) if earlier.days else None
        cards = _ranked(now, past)
        if every_call and not any(card.now.answered for card in cards):
            missing.append("outcomes.answered")
    return Scorecard(
        party=party,
        window=window,
        previous=before,
        cards=cards[:limit] if limit else cards,
        sources=known.sources,
        revision=engine.revision,
        missing=tuple(missing),
        gaps=_gap_days(known),
        previous_gaps=_gap_days(earlier),
        every_call=every_call,
    )


def rule_figures(engine: Engine, window: Window) -> RuleFigures:
    """The false-stop figure of every rule. Raises TosqauylError where a query cannot be run."""
    found: list[RuleFigure] = []
    wanted = ("verdict", "rule", "would_verdict", "would_rule", "truth", "caller", "listed")
    truth = "truth" in engine.recorded
    for watched in (False, True):
        needed = {"verdict", "would_verdict", "would_rule"} if watched else {"verdict", "rule"}
        if needed <= engine.recorded:
            corrected = _corrected(engine, window, watched)
            rows = engine.rows(rules_sql(window, watched))
            figures = [_rule_figure(row, watched, truth, corrected) for row in rows]
            found += sorted(figures, key=lambda one: (-one.stops, one.rule))
    missing = tuple(one for one in wanted if one not in engine.recorded)
    return RuleFigures(window, tuple(found), coverage(engine, window, counts=False).sources, engine.revision, missing)


def counts_sql(window: Window, party: str, recorded: frozenset[str], table: str = "calls") -> str:
    """(party, attempts, the metrics whose columns are recorded, in the order of the table). table: hours for the same in less
    time."""
    wanted = {name: attempts_if(condition, table) for name, condition in _computable(_METRICS, recorded).items()}
    attempts = "count(*)" if table == "calls" else "sum(attempts)"
    return _by_party(window, party, {"attempts": attempts} | wanted, table)


def numbers_sql(window: Window, party: str, recorded: frozenset[str]) -> str:
    """(party, different numbers as far as they are recorded): a look at every call."""
    return _by_party(window, party, _computable(_NUMBERS, recorded))


def queries_text(window: Window, party: str, recorded: frozenset[str], every_call: bool) -> str:
    """The queries of a scorecard as they are shown to people."""
    shown = [counts_sql(window, party, recorded)]
    if every_call:
        shown += [numbers_sql(window, party, recorded), ended_sql(window, party)]
    return "\n\n".join(shown)


def ended_sql(window: Window, party: str) -> str:
    """(party, answered attempts, short ones of them) of attempts whose outcome is known."""
    short = f"answered = 'yes' AND duration >= 0 AND duration < {SHORT_SECONDS}"
    calls = f"SELECT {party}, call_id FROM calls WHERE {inside(window)}"
    yes = counted_if("answered = 'yes'")
    return (
        f"SELECT {party} AS value, {yes} AS answered, {counted_if(short)} AS short\n"
        f"FROM {ended(calls)}\nWHERE answered <> 'unknown'\nGROUP BY 1\nORDER BY 1"
    )


def rules_sql(window: Window, watched: bool) -> str:
    """(rule, stops, those whose truth is known, honest ones of them)."""
    rule, stops = _stops(watched)
    honest = counted_if("truth = 'honest'")
    return (
        f"SELECT {rule} AS value, count(*) AS stops, {counted_if(TRUTH_KNOWN)} AS known, {honest} AS honest\n"
        f"FROM calls\nWHERE {inside(window)} AND {stops}\nGROUP BY 1\nORDER BY 1"
    )


def corrected_sql(window: Window, watched: bool) -> str:
    """(rule, stops of numbers that came through later because they were on the allow-list)."""
    rule, stops = _stops(watched)
    return (
        f"SELECT {rule} AS value, count(*) AS corrected\nFROM calls\n"
        f'  JOIN (SELECT caller AS allowed_caller, max("at") AS allowed_at\n'
        f"  FROM calls WHERE {inside(window)} AND listed = 'allow' AND caller <> '' GROUP BY caller) AS allowed\n"
        f'  ON caller = allowed_caller\nWHERE {inside(window)} AND {stops} AND "at" < allowed_at\nGROUP BY 1\nORDER BY 1'
    )


def all_queries(window: Window, recorded: frozenset[str]) -> list[tuple[str, str]]:
    """(name, query) of everything that is asked here, to be run on every engine."""
    found = [(f"scorecard {party}", counts_sql(window, party, recorded)) for party in PARTIES]
    found += [(f"scorecard numbers {party}", numbers_sql(window, party, recorded)) for party in PARTIES]
    found += [(f"scorecard outcomes {party}", ended_sql(window, party)) for party in PARTIES]
    for watched in (False, True):
        kind = "watched" if watched else "stopped"
        found += [
            (f"rules {kind}", rules_sql(window, watched)),
            (f"rules corrected {kind}", corrected_sql(window, watched)),
        ]
    return found


def _stops(watched: bool) -> tuple[str, str]:
    return ("would_rule", f"({WOULD_STOP})") if watched else ("rule", STOPPED)


def _by_party(window: Window, party: str, columns: dict[str, str], table: str = "calls") -> str:
    counted = "".join(f",\n  {sql} AS {name}" for name, sql in columns.items())
    return f"SELECT {party} AS value{counted}\nFROM {table}\nWHERE {inside(window)}\nGROUP BY 1\nORDER BY 1"


def _computable(metrics: dict[str, tuple[tuple[str, ...], str]], recorded: frozenset[str]) -> dict[str, str]:
    return {name: sql for name, (columns, sql) in metrics.items() if recorded.issuperset(columns)}


def _attempts(engine: Engine, window: Window, party: str) -> dict[str, int]:
    rows = engine.rows(counts_sql(window, party, frozenset(), table_for(engine, window)))
    return {str(name): int(attempts) for name, attempts in rows}


def _counts(engine: Engine, window: Window, party: str, every_call: bool) -> dict[str, Counts]:
    """Counts by carrier or trunk."""
    table, recorded = table_for(engine, window), engine.recorded
    names = ("attempts", *_computable(_METRICS, recorded))
    found = _by_name(engine.rows(counts_sql(window, party, recorded, table)), names)
    more: dict[str, dict[str, int]] = {}
    if every_call:
        more = _by_name(engine.rows(numbers_sql(window, party, recorded)), tuple(_computable(_NUMBERS, recorded)))
    ends: dict[str, dict[str, int]] = {}
    if every_call and "call_id" in recorded:
        ends = _by_name(engine.rows(ended_sql(window, party)), ("answered", "short"))
    return {name: Counts(**counts | more.get(name, {}) | ends.get(name, {})) for name, counts in found.items()}


def _by_name(rows: Rows, names: tuple[str, ...]) -> dict[str, dict[str, int]]:
    return {str(row[0]): {name: int(value) for name, value in zip(names, row[1:], strict=True)} for row in rows}


def _ranked(now: dict[str, Counts], past: dict[str, int] | None) -> tuple[Card, ...]:
    def badness(name: str) -> tuple[float, int, str]:
        counts = now[name]
        return -wilson(counts.suspect or 0, counts.attempts)[0], -counts.attempts, name

    ordered = sorted(now, key=badness)
    return tuple(
        Card(
            name,
            place if now[name].suspect is not None else 0,
            now[name],
            past.get(name, 0) if past is not None else None,
        )
        for place, name in enumerate(ordered, 1)
    )


def _rule_figure(row: tuple[object, ...], watched: bool, truth: bool, corrected: dict[str, int] | None) -> RuleFigure:
    rule, stops, known, honest = str(row[0]), *(int(str(value)) for value in row[1:])
    return RuleFigure(
        rule,
        watched,
        stops,
        known if truth else None,
        honest if truth else None,
        corrected.get(rule, 0) if corrected is not None else None,
    )


def _corrected(engine: Engine, window: Window, watched: bool) -> dict[str, int] | None:
    if not {"caller", "listed"} <= engine.recorded:
        return None
    return {str(rule): int(count) for rule, count in engine.rows(corrected_sql(window, watched))}


def _gap_days(known: Coverage) -> int:
    return len(days_of(known.window)) - len(known.covered)
