"""The journal's columns, generated from the fact table, and the function that turns a decision into one row.

A row is one line of tab-separated UTF-8 text. There is no quoting and no escaping: values never hold a control
character (the row maker replaces them), so a tab always ends a value and a newline always ends a row.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

from tosqauyl.facts import FACTS, Call, FactType
from tosqauyl.record import COLUMNS

Decided = tuple[str, str, str, str, int, str, str, str]
"""The decision columns as the engine hands them over: verdict, reason, rule, class, rules (bitmask), would_verdict,
would_reason, would_rule. Plain str values are twice as fast to write as enum members."""

MakeRow = Callable[[Call, Decided, float, int], str]
"""(call, decided, elapsed_us, answer) -> one whole row, newline included. Never raises, whatever the values hold."""


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


Token = Callable[[str], str]
"""What writes a number that must not stand in clear."""

_PLACES = {name: place for place, name in enumerate(FACTS)}
_LEAST: Final = -1
_MOST: Final = 2046
_INTEGERS: Final = [str(number) for number in range(_LEAST, _MOST + 1)]
"""Texts of the integers that facts mostly are."""
_TENTHS: Final = [f"{number / 10:.1f}" for number in range(_MOST + 1)]
"""Texts of 0.0 to 204.6 us: most decisions are given in less."""
_TAILS_KEPT: Final = 4096


def row_maker(token: Token | None, policy: str, snapshot: str) -> MakeRow:
    """The row function of one snapshot. token: writes `called` and `redirecting` (None: in clear)."""
    return Rows(token, policy, snapshot).row


def _of_type(kind: FactType) -> list[int]:
    return [place for place, fact in enumerate(FACTS.values()) if fact.type is kind]


class Rows:
    """Writes the rows of one snapshot. What a decision adds is joined once for all calls it is given to, and the calls of
    one batch share their time."""

    def __init__(self, token: Token | None, policy: str, snapshot: str) -> None:
        self._token, self._policy, self._snapshot = token, policy, snapshot
        self._tokenised = [_PLACES[name] for name in TOKENISED] if token else []
        self._integers, self._booleans = _of_type(FactType.INTEGER), _of_type(FactType.BOOLEAN)
        self._numbers = [place for place in _of_type(FactType.NUMBER) if place != 0]
        self._searched = itemgetter(
            *(
                _PLACES[fact.name]
                for fact in FACTS.values()
                if fact.type is FactType.TEXT and fact.name not in OWN_WORDS and not (token and fact.name in TOKENISED)
            )
        )
        self._tails: dict[object, str] = {}
        self._at, self._time = 0.0, f"{0.0:.6f}"

    def row(self, call: Any, decided: Any, elapsed_us: Any, answer: Any) -> str:
        """The row of a call; by the careful way where it holds what a row must not, or values of other types."""
        try:
            if "".join(self._searched(call)).isprintable():
                return self._quick(list(call), decided, elapsed_us, answer)
        except Exception:  # noqa: BLE001, S110 - what is odd about the values matters to the careful way alone
            pass
        return self._careful(call, decided, elapsed_us, answer)

    def _quick(self, values: list[Any], decided: Any, elapsed_us: float, answer: int) -> str:
        """The row of values that are of their types and hold no control character."""
        values[0] = self._time if values[0] == self._at else self._new_time(values[0])
        for place in self._integers:
            number: int = values[place]
            values[place] = _INTEGERS[number - _LEAST] if _LEAST <= number <= _MOST else str(number)
        for place in self._booleans:
            values[place] = "true" if values[place] else "false"
        for place in self._numbers:
            values[place] = repr(values[place])
        token = self._token
        if token is not None:
            for place in self._tokenised:
                if values[place]:
                    values[place] = token(values[place])
        values.append(self._tails.get(decided) or self._new_tail(decided))
        values.append(_tenths(elapsed_us))
        values.append(f"{answer}\n")
        return "\t".join(values)

    def _new_time(self, at: float) -> str:
        self._at, self._time = at, f"{at:.6f}"
        return self._time

    def _new_tail(self, decided: Any) -> str:
        if len(self._tails) >= _TAILS_KEPT:
            self._tails.clear()
        tail = self._tails[decided] = "\t".join(map(written, (*decided, self._policy, self._snapshot)))
        return tail

    def _careful(self, call: Any, decided: Any, elapsed_us: Any, answer: Any) -> str:
        """The same row value by value."""
        values = [written(value) for value in (*call, *decided, self._policy, self._snapshot, elapsed_us, answer)]
        for place, decimals in ((0, 6), (len(COLUMNS) - 2, 1)):
            values[place] = _fixed(values[place], decimals)
        if self._token is not None:
            for place in self._tokenised:
                values[place] = self._token(str(call[place])) if call[place] else ""
        return "\t".join(values) + "\n"


def _tenths(elapsed_us: float) -> str:
    """Microseconds with one decimal: by far not all of a float's digits mean anything."""
    tenths = elapsed_us * 10.0
    if not 0.0 <= tenths < _MOST:
        return f"{elapsed_us:.1f}"
    below = int(tenths)
    rest = tenths - below
    return _TENTHS[below + 1 if rest > 0.5 or (rest == 0.5 and below & 1) else below]


def _fixed(text: str, decimals: int) -> str:
    try:
        return f"{float(text):.{decimals}f}"
    except ValueError:
        return text
