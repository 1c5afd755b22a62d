"""The journal's columns, generated from the fact table, and the function that turns a decision into one row.

A row is one line of tab-separated UTF-8 text. There is no quoting and no escaping: values never hold a control
character (the row maker replaces them), so a tab always ends a value and a newline always ends a row.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tosqauyl.facts import FACTS, Call, FactType

Decided = tuple[str, str, str, str, int, str, str, str]
"""The decision columns as the engine hands them over: verdict, reason, rule, class, rules (bitmask), would_verdict,
would_reason, would_rule. Plain str values are twice as fast to write as enum members."""

MakeRow = Callable[[Call, Decided, float, int], str]
"""(call, decided, elapsed_us, answer) -> one whole row, newline included. Never raises, whatever the values hold."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its DuckDB type, the value that means "not known", what it says."""

    name: str
    sql_type: str
    unknown: str | bool | int | float
    doc: str


DECISION_COLUMNS = (
    Column("verdict", "VARCHAR", "pass", "What happened to the call: pass, mark, withhold, divert or stop."),
    Column("reason", "VARCHAR", "none", "Reason slug of the verdict."),
    Column("rule", "VARCHAR", "", "Id of the rule that decided; '' where none did."),
    Column("class", "VARCHAR", "", "Class of that rule: deterministic, analytic or identity."),
    Column(
        "rules", "HUGEINT", 0, "Bitmask of all rules hit: bit i is the i-th rule of the policy, monitor mode included."
    ),
    Column("would_verdict", "VARCHAR", "pass", "Verdict the rules in monitor mode would have given."),
    Column("would_reason", "VARCHAR", "none", "Reason slug of that verdict."),
    Column("would_rule", "VARCHAR", "", "Id of the rule in monitor mode that would have decided."),
)
JOURNAL_COLUMNS = (
    Column("policy", "VARCHAR", "", "Content hash of the policy that decided."),
    Column("snapshot", "VARCHAR", "", "Content hash of policy, number plan, lists and subscriber state together."),
    Column("elapsed_us", "DOUBLE", 0.0, "Microseconds from the datagram to the decision."),
    Column("answer", "INTEGER", 0, "SIP status code of the answer; 0 where none was sent."),
)
COLUMNS = (
    *(Column(fact.name, fact.sql_type, fact.about.unknown, fact.about.doc) for fact in FACTS.values()),
    *DECISION_COLUMNS,
    *JOURNAL_COLUMNS,
)
"""Every column in the order of the file."""

HEADER = "\t".join(column.name for column in COLUMNS) + "\n"
"""First line of every segment: the names of its columns."""

TOKENISED = ("redirecting", "called")
"""Number columns written as keyed tokens by default: whom somebody called is nobody's business."""

OWN_WORDS = frozenset(
    name
    for name in FACTS
    if name in ("source", "transport", "trunk", "carrier", "indicator") or name.endswith(("_country", "_operator"))
)
"""Text facts whose values come from our own tables and checked files, never from the wire: not searched for control
characters in each row. A fact that is added later is searched until it is named here."""

_CONTROLS = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029), "\ufffd"),
    **dict.fromkeys((0x09, 0x0A, 0x0D), " "),
}


def clean(value: str) -> str:
    """The value without control characters: tab, CR and LF become spaces, all others U+FFFD."""
    return value.translate(_CONTROLS)


def written(value: object) -> str:
    """One value as the journal writes it: floats by repr, booleans true or false, text cleaned."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else clean(str(value))


def row_maker(token: Callable[[str], str] | None, policy: str, snapshot: str) -> MakeRow:
    """The row function of one snapshot. token: writes `called` and `redirecting` (None: in clear).

    The function is compiled once from the fact table: 2.1 us a row with tokens. One join over a list of the values is
    faster than an f-string of all fields (2.8 us), what a decision adds is joined once for all calls it is given to, and the
    calls of one batch share their time.
    """
    tails: dict[Decided, str] = {}

    def new_tail(decided: Decided) -> str:
        if len(tails) >= _TAILS_KEPT:
            tails.clear()
        tail = tails[decided] = "\t".join(map(written, (*decided, policy, snapshot)))
        return tail

    times: dict[float, str] = {}

    def new_time(at: float) -> str:
        if len(times) >= _TAILS_KEPT:
            times.clear()
        text = times[at] = f"{at:.6f}"
        return text

    names: dict[str, object] = {
        "time_of": times.get,
        "new_time": new_time,
        "join": "\t".join,
        "token": token,
        "tail_of": tails.get,
        "new_tail": new_tail,
        "slow": _slow_maker(token, policy, snapshot),
    }
    exec(compile(_source(tokens=token is not None), "<journal row>", "exec"), names)  # noqa: S102 - made of names only
    return names["make_row"]  # type: ignore[return-value]


_TAILS_KEPT = 4096


def _source(tokens: bool) -> str:
    """Source of the row function: only positions in the fact table go into it."""
    facts = tuple(enumerate(FACTS.values()))
    searched = "".join(
        f"{{v[{place}]}}"
        for place, fact in facts
        if fact.type is FactType.TEXT and fact.name not in OWN_WORDS and not (tokens and fact.name in TOKENISED)
    )
    changes = "\n            ".join(
        filter(None, (_change(fact.name, fact.type, f"v[{place}]", tokens) for place, fact in facts))
    )
    return f"""
def make_row(call, decided, elapsed_us, answer):
    try:
        v = list(call)
        if f"{searched}".isprintable():
            {changes}
            v.append(tail_of(decided) or new_tail(decided))
            v.append(f"{{elapsed_us:.1f}}\\t{{answer}}\\n")
            return join(v)
    except Exception:
        pass
    return slow(call, decided, elapsed_us, answer)
"""


def _change(name: str, kind: FactType, value: str, tokens: bool) -> str:
    """The statement that turns a fact into what is written; '' for text that is written as it stands."""
    if name == "at":
        return f"{value} = time_of({value}) or new_time({value})"
    if tokens and name in TOKENISED:
        return f"if {value}: {value} = token({value})"
    return {
        FactType.BOOLEAN: f"{value} = 'true' if {value} else 'false'",
        FactType.INTEGER: f"{value} = str({value})",
        FactType.NUMBER: f"{value} = repr({value})",
    }.get(kind, "")


def _slow_maker(token: Callable[[str], str] | None, policy: str, snapshot: str) -> MakeRow:
    """The same row value by value, for the calls that hold what a row must not."""

    def slow(call: Call, decided: Decided, elapsed_us: float, answer: int) -> str:
        values = [written(value) for value in (*call, *decided, policy, snapshot, elapsed_us, answer)]
        for place, decimals in _ROUNDED.items():
            values[place] = _fixed(values[place], decimals)
        for name in TOKENISED if token else ():
            place = Call._fields.index(name)
            values[place] = token(str(call[place])) if token and call[place] else ""
        return "\t".join(values) + "\n"

    return slow


_ROUNDED = {0: 6, len(COLUMNS) - 2: 1}
"""Decimals of `at` (microseconds) and elapsed_us (a tenth): by far not all of a float's digits mean anything."""


def _fixed(text: str, decimals: int) -> str:
    try:
        return f"{float(text):.{decimals}f}"
    except ValueError:
        return text
