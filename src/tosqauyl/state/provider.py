"""Who can be asked about a caller: the protocol, a provider that knows nothing, and one that follows a script (for trials
and tests). Times are seconds of any one clock, given by the caller."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.facts import ASKED, SUBSCRIBER
from tosqauyl.toml_text import Table, read_toml

WHEREABOUTS, ORIGINATION = "whereabouts", "origination"
"""What can be asked: where a subscriber is registered now; whether his operator started this call."""
SAID = {WHEREABOUTS: ("abroad", "home"), ORIGINATION: ("yes", "no", "not_here")}
"""The answers that say something."""
ENDINGS = tuple(ending for ending in ASKED if ending not in ("not_asked", "answered", "timeout"))
"""How a question can end without such an answer. A timeout is for the asker to see."""


class Question(NamedTuple):
    """One question about a calling number. until: the moment from which nobody waits any more.

    kind: WHEREABOUTS or ORIGINATION; number: E.164; operator: whom the number belongs to now, portability applied;
    called, at: of an origination only: the called number and when the call came, seconds since 1970.
    """

    kind: str
    number: str
    until: float
    operator: str = ""
    called: str = ""
    at: float = 0.0

    @property
    def key(self) -> str:
        """Equal for questions that one answer serves."""
        return f"{self.number}>{self.called}" if self.called else self.number


class Answer(NamedTuple):
    """What came back. key: of the question; state: one of SAID for its kind, else one of ENDINGS.

    source: who said it, a choice of the fact home_source; age: for how many seconds that had been known, at the moment of
    the answer; -1 where that is not told.
    """

    key: str
    state: str
    source: str = "none"
    age: float = -1.0


class Provider(Protocol):
    """Whoever knows. Of each question comes at most one answer, and none from its `until` on. The same question may be asked
    again while it is open, by another call: one answer then serves both, until the later `until`.

    The asker keeps the time: that nothing came is for it to see. So an old question about a number can never time out a
    new one about the same number. Never raises, whatever the number.
    """

    def ask(self, question: Question, now: float) -> Answer | None:
        """The answer if it is known at once, else None: it will come from `poll`, or not at all."""

    def poll(self, now: float) -> list[Answer]:
        """The answers that came since the last call, in the order in which they came."""

    def deadline(self) -> float | None:
        """When the next `poll` is worth while; None if nothing is on its way, or `wake` will be called."""

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, in the asker's own loop, whenever `poll` has got something that no deadline told of."""


class NullProvider:
    """Knows nobody: every question is answered at once with unknown."""

    def ask(self, question: Question, now: float) -> Answer | None:
        """Unknown, at once."""
        return Answer(question.key, "unknown")

    def poll(self, now: float) -> list[Answer]:
        """Nothing, ever."""
        return []

    def deadline(self) -> float | None:
        """None, ever."""
        return None

    def wake_by(self, wake: Callable[[], None]) -> None:
        """There is never a reason."""


@dataclass(frozen=True, slots=True)
class Line:
    """What the script says about one number. answer: abroad, home or unknown; started: yes, no, not_here or unknown, whether
    it started the call; delay: seconds until it comes; fault: '' (none), timeout (it never comes) or failed (an error comes
    instead)."""

    answer: str = "unknown"
    delay: float = 0.0
    fault: str = ""
    started: str = "unknown"


@dataclass(slots=True)
class ScriptedProvider:
    """Answers as a script says: a line for each number, and a default line for all others."""

    lines: Mapping[str, Line] = field(default_factory=dict)
    default: Line = field(default_factory=Line)
    _coming: list[tuple[float, int, float, Answer]] = field(default_factory=list)
    _asked: int = 0

    @property
    def knows_starts(self) -> bool:
        """Whether the script says of anybody that a call was started or not."""
        return any(line.started != "unknown" for line in (self.default, *self.lines.values()))

    def ask(self, question: Question, now: float) -> Answer | None:
        """The answer of the line if it has no delay, else None."""
        line = self.lines.get(question.number, self.default)
        due = now + line.delay
        if line.fault == "timeout" or due >= question.until:
            return None
        said = line.answer if question.kind == WHEREABOUTS else line.started
        answer = Answer(question.key, line.fault or said, "script")
        if due <= now:
            return answer
        self._asked += 1
        heapq.heappush(self._coming, (due, self._asked, question.until, answer))
        return None

    def poll(self, now: float) -> list[Answer]:
        """The answers due by now, earliest first; those nobody polled for in time are dropped."""
        answers = []
        while self._coming and self._coming[0][0] <= now:
            _, _, until, answer = heapq.heappop(self._coming)
            if now < until:
                answers.append(answer)
        return answers

    def deadline(self) -> float | None:
        """When the next answer is due."""
        return self._coming[0][0] if self._coming else None

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Not needed: `deadline` tells."""


def load_script(text: str, file: str) -> ScriptedProvider:
    """A script from TOML: a table [default] and tables [[number]] with number, answer, started, delay (seconds), fault.

    Raises FileMistakes with everything that is wrong.
    """
    content, places = read_toml(text, file)
    mistakes: list[Mistake] = []
    for name in content.keys() - {"default", "number"}:
        line = next((table.line for table in places if table.name == name), 0) or places[0].line_of(name)
        mistakes.append(Mistake(file, line, 0, f"{name!r} is not known", _TABLES))
    nowhere = Table("", 0)
    defaults = next((table for table in places if table.name == "default"), nowhere)
    numbers = [table for table in places if table.name == "number"]
    default = _line(content.get("default", {}), file, defaults, mistakes)
    lines: dict[str, Line] = {}
    tables = content.get("number", [])
    for place, table in enumerate(tables if isinstance(tables, list) else [tables]):
        where = numbers[place] if place < len(numbers) else nowhere
        number = table.pop("number", None) if isinstance(table, dict) else None
        if not isinstance(number, str) or not number or number in lines:
            what = "'number' is missing, no text, or there twice"
            mistakes.append(Mistake(file, where.line_of("number"), 0, what, _TABLES))
            continue
        lines[number] = _line(table, file, where, mistakes)
    if mistakes:
        raise FileMistakes(sorted(mistakes, key=lambda mistake: mistake.line))
    return ScriptedProvider(lines, default)


_TABLES = "use [default] and [[number]]"


def _is_delay(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


_CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "answer": (lambda value: value in SUBSCRIBER, f"one of {', '.join(SUBSCRIBER)}"),
    "started": (lambda value: value in ("unknown", *SAID[ORIGINATION]), "yes, no, not_here or unknown"),
    "fault": (lambda value: value in ("", "timeout", "failed"), "timeout or failed"),
    "delay": (_is_delay, "seconds, 0 to 3600"),
}


def _line(table: object, file: str, where: Table, mistakes: list[Mistake]) -> Line:
    """One checked line of the script."""
    if not isinstance(table, dict):
        mistakes.append(Mistake(file, where.line, 0, "this is no table", _TABLES))
        return Line()
    good = {}
    for key, value in table.items():
        line = where.line_of(key)
        if key not in _CHECKS:
            mistakes.append(Mistake(file, line, 0, f"{key!r} is not known", f"known are {', '.join(_CHECKS)}"))
        elif not _CHECKS[key][0](value):
            mistakes.append(Mistake(file, line, 0, f"{key} = {value!r} cannot be", _CHECKS[key][1]))
        else:
            good[key] = value
    return Line(**good)
