"""Calls that go before a case, as tests/corpora/gate/rates.csv describes them, and counting them again the slow way."""

from dataclasses import dataclass
from itertools import pairwise
from math import log

PEOPLE = 77012000000
APART = 7919
"""Numbers of different people: +77012000000 and on, so far apart that nobody takes them for a row."""


def described(told: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """(caller, called) of every call of a line of the corpus, in order; the case's own call is the last.

    callers: '' the same number, 'rotated' the numbers below it, 'rotated over N' N of them in turn. whom: 'same',
    'spread', 'spread over N people', 'in sequence', 'N apart'. before: how many calls go before.
    """
    before = int(told["before"] or 0)
    backwards = range(before, 0, -1)
    callers = [_caller(told, back) for back in backwards]
    called = [_called(told, back) for back in backwards]
    return (*zip(callers, called, strict=True), (told["from"], told["uri"]))


def _caller(told: dict[str, str], back: int) -> str:
    """The calling number so many calls before the case."""
    words = told["callers"].split()
    if not words:
        return told["from"]
    assert words[0] == "rotated", told
    return _beside(told["from"], -(back % int(words[2])) if len(words) > 1 else -back)


def _called(told: dict[str, str], back: int) -> str:
    """The called number so many calls before the case."""
    match told["whom"].split():
        case ["same"]:
            return told["uri"]
        case ["spread"]:
            return f"+{PEOPLE + APART * back}"
        case ["spread", "over", people, "people"]:
            return f"+{PEOPLE + APART * (back % int(people))}" if back % int(people) else told["uri"]
        case ["in", "sequence"]:
            return _beside(told["uri"], -back)
        case [steps, "apart"]:
            return _beside(told["uri"], -back * int(steps))
    raise AssertionError(f"{told['id']}: nobody knows whom {told['whom']!r} means")


def _beside(number: str, steps: int) -> str:
    """The number so many above."""
    return f"{'+' * number.startswith('+')}{int(number) + steps}"


# -- the same facts, counted from a list of all calls ------------------------------------------------------------------

KEPT_OF = ("caller", "range", "trunk")
WINDOWS = {"1s": 1.0, "1m": 60.0, "10m": 600.0, "1h": 3600.0}
OF_ONE_CALL = ("sequential", "redials", "neighbour")
FACTS = (
    *(f"{who}_calls_{window}" for who in KEPT_OF for window in WINDOWS),
    *(f"{who}_callees_{window}" for who in KEPT_OF for window in ("1m", "10m", "1h")),
    *OF_ONE_CALL,
)
CELLS = {"caller": 28, "range": 70}
CLOCKS = 0.05  # the journal's time is another clock than the one that counts, read a moment later


@dataclass(frozen=True)
class Counted:
    """A call that was counted: when (seconds since 1970, the journal's), who, whom, on which trunk."""

    at: float
    caller: str
    called: str
    trunk: str

    def name(self, who: str) -> str:
        """What is counted under: the caller, its range ('' for less than eight digits), the trunk."""
        if who == "range":
            return self.caller[:-4] if len(self.caller.lstrip("+")) >= 8 else ""
        return self.caller if who == "caller" else self.trunk


def mistakes(row: dict[str, str], calls: list[Counted]) -> list[str]:
    """What is wrong with the facts of the last of these calls, in words. calls: all so far, fewer than fit in 48 seconds."""
    wrong = _of_one_call(row, calls)
    for who in KEPT_OF:
        name = calls[-1].name(who)
        if not name:
            wrong += told_of_nobody(row, who)
            continue
        its = [call for call in calls if call.name(who) == name]
        people = len({call.called for call in its})
        for window, seconds in WINDOWS.items():
            wrong += _within(row, f"{who}_calls_{window}", its, seconds)
            if window != "1s":
                wrong += _estimated(row, f"{who}_callees_{window}", people, int(row[f"{who}_calls_{window}"]))
    return wrong


def told_of_nobody(row: dict[str, str], who: str = "") -> list[str]:
    """The facts (of `who`, or all) that say something where nothing was counted."""
    return [f"{key} is {row[key]} of nobody" for key in FACTS if key.startswith(who) and row[key] != "-1"]


def _within(row: dict[str, str], key: str, calls: list[Counted], seconds: float) -> list[str]:
    """A count holds all calls of the last 4/5 of its window and none that is older than it."""
    now = calls[-1].at
    least = sum(call.at > now - seconds * 0.8 + CLOCKS for call in calls)
    most = sum(call.at >= now - seconds - CLOCKS for call in calls)
    return [] if least <= int(row[key]) <= most else [f"{key} is {row[key]}, there were {least} to {most}"]


def _estimated(row: dict[str, str], key: str, people: int, calls: int) -> list[str]:
    """Different people: never more than calls, never more than a sketch can tell of so many, and from twenty on at least
    a third of them (less comes by chance once in fifty million; tests/state/ is stricter, with seeds of its own).
    """
    cells = CELLS.get(key.partition("_")[0], 0)
    most = min(calls, int(cells * log(cells / (cells - people)))) if people < cells else calls
    least = people // 3 if people >= 20 else 1
    return [] if least <= int(row[key]) <= most else [f"{key} is {row[key]} for {people} people in {calls} calls"]


def _of_one_call(row: dict[str, str], calls: list[Counted]) -> list[str]:
    """Rows, redials and shared digits, which are exact."""
    this = calls[-1]
    dialled = [int(call.called) for call in calls if call.caller == this.caller]
    sequential, redials = 1, 0
    for last, number in pairwise(dialled):
        redials = redials + 1 if number == last else 0
        if number != last:
            sequential = sequential + 1 if abs(number - last) <= 10 else 1
    true = dict(zip(OF_ONE_CALL, (sequential, redials, _shared(this.caller, this.called)), strict=True))
    return [f"{key} is {row[key]}, not {value}" for key, value in true.items() if int(row[key]) != value]


def _shared(caller: str, called: str) -> int:
    """Leading digits after +7 that both have."""
    if not all(number.startswith("+7") and len(number) == 12 for number in (caller, called)):
        return 0
    return next((place - 2 for place in range(2, 12) if caller[place] != called[place]), 10)
