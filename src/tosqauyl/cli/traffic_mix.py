"""What traffic to send: classes of calls as data, and the calls drawn from them.

A mix is a TOML file (`data/traffic.toml` is the shipped one and explains the keys). Drawing is deterministic: the
same mix, seed, rate and length give the same calls, and the same roamers for the gate's roaming file.
"""

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.facts import Verdict

LANGUAGES = ("kk", "ru", "en")
TRUNKS = ("international", "domestic")
RECOGNISED = ("now", "rates")
LISTS = ("allow", "block", "mark", "protected")
ROAMERS = 400


@dataclass(frozen=True, slots=True)
class TrafficClass:
    """One kind of call: who calls whom, how often, and which verdicts are right. `data/traffic.toml` has the keys."""

    id: str
    weight: float
    trunk: str
    right: frozenset[str]
    bare: frozenset[str]
    recognised: str
    callers: tuple[str, ...]
    callees: tuple[str, ...]
    what: Mapping[str, str]
    why: Mapping[str, str]
    active: tuple[float, float] = (0.0, 1.0)
    hold: int = 1
    diversion: str = ""
    display: tuple[str, ...] = ()
    privacy: bool = False


@dataclass(frozen=True, slots=True)
class ListedNumber:
    """A number that the gate's indicator file has to carry for the truths to hold."""

    list: str
    id: str
    number: str
    why: str


@dataclass(frozen=True, slots=True)
class AskedNumbers:
    """Numbers about which a gate has to ask, and what their networks say: a line of the scripted provider (docs/state.md)."""

    id: str
    numbers: tuple[str, ...]
    answer: str = "home"
    started: str = "unknown"
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Mix:
    """All classes, the numbers to be listed, the patterns of the roamers, and the numbers that are asked about."""

    name: str
    dated: str
    classes: tuple[TrafficClass, ...]
    numbers: tuple[ListedNumber, ...]
    roamers: tuple[str, ...]
    asked: tuple[AskedNumbers, ...] = ()

    def by_id(self, name: str) -> TrafficClass:
        """The class of that id; KeyError if there is none."""
        return {one.id: one for one in self.classes}[name]


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call to send. at: seconds since the start of the run; written: how the number is written in the headers
    (plus, bare, prefixed or national); asserted: P-Asserted-Identity is sent; tel: a tel URI instead of a sip one.
    """

    at: float
    klass: str
    trunk: str
    caller: str
    callee: str
    display: str
    diversion: str
    privacy: bool
    written: str
    asserted: bool
    tel: bool


def load_mix(text: str | None = None, file: str = "traffic.toml") -> Mix:
    """Read a mix (None: the shipped one). Raises FileMistakes with everything that is wrong with it."""
    if text is None:
        text = (files("tosqauyl.cli") / "data" / "traffic.toml").read_text("utf-8")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileMistakes([Mistake(file, 0, 0, str(error))]) from None
    found = [
        f"class {place + 1} ({one.get('id', '?')}): {what}"
        for place, one in _tables(table, "class")
        for what in _wrong(one)
    ]
    found += [f"number {place + 1}: {what}" for place, one in _tables(table, "number") for what in _wrong_number(one)]
    found += [f"asked {place + 1}: {what}" for place, one in _tables(table, "asked") for what in _wrong_asked(one)]
    if not table.get("class"):
        found.append("the mix has no [[class]]")
    found += [
        f"{key}: a list of number patterns is needed" for key in ("callees", "roamers") if not _patterns(table.get(key))
    ]
    if found:
        raise FileMistakes([Mistake(file, 0, 0, what, "the shipped traffic.toml explains every key") for what in found])
    return Mix(
        str(table.get("name", file)),
        str(table.get("dated", "")),
        tuple(_class(one, table["callees"]) for _, one in _tables(table, "class")),
        tuple(ListedNumber(**one) for _, one in _tables(table, "number")),
        tuple(table["roamers"]),
        tuple(AskedNumbers(**{**one, "numbers": tuple(one["numbers"])}) for _, one in _tables(table, "asked")),
    )


def _tables(table: Mapping[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    return [(place, one) for place, one in enumerate(table.get(key, ())) if isinstance(one, dict)]


def _patterns(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


_KEYS = {"id", "weight", "trunk", "right", "bare", "recognised", "callers", "callees", "what", "why", "active", "hold"}
_KEYS |= {"diversion", "display", "privacy"}


def _wrong(one: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with one [[class]]."""
    checks = {
        "id: a name is needed": bool(one.get("id")),
        "weight: a positive number is needed": _is_number(one.get("weight")) and one["weight"] > 0,
        f"trunk: one of {', '.join(TRUNKS)} is needed": one.get("trunk") in TRUNKS,
        "recognised: now or rates is needed": one.get("recognised") in RECOGNISED,
        "callers: a list of number patterns is needed": _patterns(one.get("callers")),
        "callees: a list of number patterns is needed": _patterns(one.get("callees", ["+7"])),
        "active: two shares with 0 <= from < until <= 1 are needed": _is_span(one.get("active", [0, 1])),
        "hold: a whole number of 1 or more is needed": isinstance(one.get("hold", 1), int) and one.get("hold", 1) > 0,
    }
    found = [what for what, good in checks.items() if not good]
    verdicts = [str(verdict) for verdict in Verdict]
    for key in ("right", "bare"):
        value = one.get(key, ["pass"] if key == "bare" else None)
        if not _patterns(value) or set(value) - set(verdicts):
            found.append(f"{key}: a list of {', '.join(verdicts)} is needed")
    for key in ("what", "why"):
        if set(one.get(key, {})) != set(LANGUAGES):
            found.append(f"{key}: a text each in kk, ru and en is needed")
    return found + [f"{key}: no such key" for key in sorted(one.keys() - _KEYS)]


def _wrong_number(one: Mapping[str, Any]) -> list[str]:
    found = [] if one.get("list") in LISTS else [f"list: one of {', '.join(LISTS)} is needed"]
    if set(one) != {"list", "id", "number", "why"} or not all(isinstance(value, str) for value in one.values()):
        found.append("exactly list, id, number and why are needed, as texts")
    return found


def _wrong_asked(one: Mapping[str, Any]) -> list[str]:
    found = [] if _patterns(one.get("numbers")) else ["numbers: a list of numbers is needed"]
    if not one.get("id") or one.keys() - {"id", "numbers", "answer", "started", "fault"}:
        found.append("id and numbers are needed; answer, started and fault may stand beside them")
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_span(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and 0 <= value[0] < value[1] <= 1


def _class(one: Mapping[str, Any], callees: list[str]) -> TrafficClass:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in one.items()}
    values |= {"right": frozenset(one["right"]), "bare": frozenset(one.get("bare", one["right"]))}
    values.setdefault("callees", tuple(callees))
    return TrafficClass(**values)


def draw_roamers(mix: Mix, seed: int, count: int = ROAMERS) -> list[str]:
    """The Kazakh mobiles that are abroad in this run, in E.164, sorted."""
    dice = random.Random(f"roamers {seed}")  # noqa: S311 - test traffic, and it has to be repeatable
    found: set[str] = set()
    while len(found) < count:
        found.add(_fill(dice.choice(mix.roamers), dice))
    return sorted(found)


def plan_calls(mix: Mix, seconds: float, rate: float, seed: int) -> Iterator[PlannedCall]:
    """The calls of a run in the order of their time. rate: calls a second outside of waves; arrivals are Poisson."""
    dice = random.Random(f"calls {seed}")  # noqa: S311 - test traffic, and it has to be repeatable
    draw = _Draw(mix, draw_roamers(mix, seed), dice)
    base = sum(one.weight for one in mix.classes if one.active == (0.0, 1.0)) or 100.0
    at = 0.0
    while True:
        awake = [one for one in mix.classes if one.active[0] <= at / seconds < one.active[1]]
        weights = [one.weight for one in awake]
        at += dice.expovariate(rate * sum(weights) / base) if awake else seconds / 100
        if at >= seconds:
            return
        if awake:
            yield draw.call(dice.choices(awake, weights)[0], at)


class _Draw:
    """Draws single calls; remembers the callers that a class holds on to."""

    def __init__(self, mix: Mix, roamers: list[str], dice: random.Random) -> None:
        self._roamers, self._abroad, self._dice = roamers, frozenset(roamers), dice
        self._listed = [one.number for one in mix.numbers if one.list == "allow"]
        self._asked = {f"asked:{one.id}": one.numbers for one in mix.asked}
        self._special = self._abroad.union(one.number for one in mix.numbers).union(*self._asked.values())
        self._held: dict[str, tuple[str, int]] = {}

    def call(self, one: TrafficClass, at: float) -> PlannedCall:
        dice = self._dice
        callee = _fill(dice.choice(one.callees), dice)
        caller = self._caller(one, callee)
        return PlannedCall(
            at,
            one.id,
            one.trunk,
            caller,
            callee,
            dice.choice(one.display) if one.display else "",
            self._number(one.diversion, callee) if one.diversion else "",
            one.privacy,
            _written(caller, dice.random()),
            one.privacy or dice.random() < 0.8,
            dice.random() < 0.1,
        )

    def _caller(self, one: TrafficClass, callee: str) -> str:
        held, left = self._held.get(one.id, ("", 0))
        if not left:
            held, left = self._number(self._dice.choice(one.callers), callee), one.hold
        self._held[one.id] = (held, left - 1)
        return held

    def _number(self, pattern: str, callee: str) -> str:
        if pattern == "roamer":
            return self._dice.choice(self._roamers)
        if pattern == "listed":
            return self._dice.choice(self._listed)
        if pattern in self._asked:
            return self._dice.choice(self._asked[pattern])
        if pattern.startswith("copy:"):
            kept = callee[: 1 + int(pattern[5:])]
            pattern = kept + "#" * (len(callee) - len(kept))
        if pattern == "lookalike":
            pattern = f"+79{callee[3:]}"
        number = _fill(pattern, self._dice)
        while number in self._special and "#" in pattern:  # a forged number must not be a roamer's by chance
            number = _fill(pattern, self._dice)
        return number


def _fill(pattern: str, dice: random.Random) -> str:
    return "".join(dice.choice("0123456789") if sign == "#" else sign for sign in pattern)


def _written(number: str, chance: float) -> str:
    """How a trunk writes the number: mostly +E.164; some use 00, and Kazakh numbers come without plus or with the 8."""
    if not number.startswith("+") or chance < 0.86:
        return "plus"
    if not number.startswith("+77"):
        return "prefixed"
    return ("prefixed", "bare", "national")[int(chance * 1000) % 3]
