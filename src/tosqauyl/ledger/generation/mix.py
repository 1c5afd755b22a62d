"""What calls there are: the classes, trunks, lists and habits of `data/calls.toml`, which explains every key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from tosqauyl.errors import TosqauylError

FILE = "calls.toml"
_PATTERN = re.compile(r"\+[1-9][0-9]*#*")
_NEAR = re.compile(r"near:([1-6])")
LOOKALIKE = "lookalike"
_TABLES = {"name", "dated", "zone", "visitors", "called", "profile", "trunk", "operator", "list", "class"}


@dataclass(frozen=True, slots=True)
class Profile:
    """When calls are made, by local time: a weight for each hour, and for each day of the week from Monday."""

    id: str
    hours: tuple[float, ...]
    week: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TrunkMix:
    """A trunk; honest and fraud: weights of the two kinds of traffic on it."""

    id: str
    carrier: str
    direction: str
    transport: str
    hosts: tuple[str, ...]
    agents: tuple[str, ...]
    honest: float
    fraud: float
    trust: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OperatorMix:
    """How the gate knows where an operator's subscribers are: told "feed" or "list"; age: seconds since it was told."""

    id: str
    told: str
    age: float


@dataclass(frozen=True, slots=True)
class ListedMix:
    """A number or range on a list of the gate."""

    id: str
    kind: str
    number: str
    why: str


@dataclass(frozen=True, slots=True)
class CallClass:
    """One class of calls; the keys are explained in the file."""

    id: str
    what: str
    truth: str
    weight: float
    profile: str
    callers: tuple[str, ...]
    called: str
    state: str = "unknown"
    numbers: int = 0
    calls: float = 0.0
    skew: float = 1.0
    friends: int = 0
    redials: float = 0.0
    campaign: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    lines: int = 1
    hold: int = 0
    block: int = 0
    step: int = 0
    after: float = 1.0
    trunks: Mapping[str, float] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()
    forwarder: str = "unknown"
    asked: tuple[str, ...] = ()
    started: str = ""
    display: tuple[str, ...] = ()
    withheld: bool = False
    written: Mapping[str, float] = field(default_factory=lambda: {"plus": 88, "prefixed": 6, "bare": 3, "national": 3})


@dataclass(frozen=True, slots=True)
class Mix:
    """Everything. called: group -> patterns; visitors: ranges of roaming numbers; text: the file, for its hash."""

    name: str
    dated: str
    zone: str
    visitors: tuple[str, ...]
    called: Mapping[str, tuple[str, ...]]
    profiles: tuple[Profile, ...]
    trunks: tuple[TrunkMix, ...]
    operators: tuple[OperatorMix, ...]
    lists: tuple[ListedMix, ...]
    classes: tuple[CallClass, ...]
    text: str = field(repr=False, default="")

    def profile(self, name: str) -> Profile:
        """A profile by its id; KeyError if there is none."""
        return {one.id: one for one in self.profiles}[name]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of numbers: the least one as an integer, and how many last digits are free. Or a text that is no number:
    base -1. The example stands for all of them where the facts are made; the plan must not look at the free digits."""

    text: str
    base: int
    digits: int

    @property
    def low(self) -> str:
        """The least number, as text."""
        return self.text.replace("#", "0")

    @property
    def high(self) -> str:
        """The greatest number, as text."""
        return self.text.replace("#", "9")


def pattern(text: str) -> Pattern:
    """A pattern as it is written. Raises TosqauylError where # stands elsewhere than at the end."""
    if "#" not in text and not _PATTERN.fullmatch(text):
        return Pattern(text, -1, 0)
    if not _PATTERN.fullmatch(text) or len(text) > 16:
        raise TosqauylError(f"{text!r} is no pattern: digits after +, then # for each free digit", FILE)
    return Pattern(text, int(text[1:].replace("#", "0")), text.count("#"))


def near_digits(text: str) -> int:
    """N of "near:N"; 0 for every other pattern."""
    found = _NEAR.fullmatch(text)
    return int(found[1]) if found else 0


def load_mix(text: str | None = None) -> Mix:
    """Read a mix; None: the shipped one. Raises TosqauylError for what makes no sense."""
    if text is None:
        text = (files("tosqauyl.ledger") / "data" / FILE).read_text("utf-8")
    try:
        content: dict[str, Any] = _frozen(tomllib.loads(text))
        if unknown := content.keys() - _TABLES:
            raise KeyError(", ".join(sorted(unknown)))
        mix = Mix(
            content["name"],
            content["dated"],
            content["zone"],
            content["visitors"],
            content["called"],
            tuple(Profile(**one) for one in content["profile"]),
            tuple(TrunkMix(**one) for one in content["trunk"]),
            tuple(OperatorMix(**one) for one in content["operator"]),
            tuple(ListedMix(**one) for one in content["list"]),
            tuple(CallClass(**one) for one in content["class"]),
            text,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise TosqauylError(f"the mix of calls makes no sense: {error}", FILE) from error
    for one in mix.classes:
        _check(one, mix)
    return mix


def _frozen(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_frozen(inner) for inner in value)
    return value


def _check(one: CallClass, mix: Mix) -> None:
    """Raise TosqauylError for a class that names what is not there, or says neither or both of two keys."""
    wrong = {
        "truth is honest or fraud": one.truth in ("honest", "fraud"),
        f"no profile {one.profile!r}": one.profile in {profile.id for profile in mix.profiles},
        f"no group {one.called!r} in [called]": one.called in mix.called,
        "a trunk that is not there": set(one.trunks) <= {trunk.id for trunk in mix.trunks},
        "weight is above 0": one.weight > 0,
        "calls, or else numbers or campaign": (one.calls > 0) != (one.numbers > 0 or bool(one.campaign)),
        "shown and forwarded do not go together": not (one.shown and one.forwarded),
        "redials is a share below 1": 0 <= one.redials < 1,
    }
    for what, good in wrong.items():
        if not good:
            raise TosqauylError(what, f"{FILE}, class {one.id}")
