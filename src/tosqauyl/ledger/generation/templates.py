"""Every kind of call there is, with its facts and its decision made by the gate's own code.

A template is a row of the ledger without its numbers, time and Call-ID. Calls of one class, from numbers of one kind to numbers
of one kind, over one trunk and spelled in one way have the same template.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import FACTS, Call
from tosqauyl.ledger.generation.mix import FILE, LOOKALIKE, CallClass, Mix, Pattern, near_digits, pattern
from tosqauyl.ledger.generation.world import EXAMPLE_AT, World, check_pattern, facts_of, written
from tosqauyl.record import DECISION_COLUMNS
from tosqauyl.screen.engine import Ask, answered
from tosqauyl.screen.enrich import Signalled
from tosqauyl.state.provider import ORIGINATION, SAID, WHEREABOUTS, Answer

VARIANTS = 32
"""Ways in which calls between two kinds of numbers are tried: trunk, host, spelling, headers."""
NUMBERS = ("caller", "network", "presented", "remote_party", "redirecting", "called")
"""Columns that hold a number: each is the drawn caller, the drawn called number, the drawn other one, or a fixed text."""
ROLES = ("fixed", "caller", "called", "other")
RATES = tuple(
    name for name, fact in FACTS.items() if fact.about.unknown == -1 and name not in ("home_age", "redirections")
)
"""Facts that are counted over calls; generated calls do not carry them."""
_DRAWN = ("at", "call_id", "transaction")
FIXED = tuple(name for name in FACTS if name not in (*NUMBERS, *RATES, *_DRAWN))
"""Facts that a template gives as they are."""
ANSWERS = {"pass": 302, "mark": 302, "withhold": 302, "divert": 302, "stop": 603}
_MICROSECONDS = {"answered": 24_000.0, "unknown": 24_000.0, "timeout": 300_000.0, "failed": 41_000.0}
"""How long a call takes that asks, by how that ended; without asking 24."""

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Side:
    """Numbers of one side of a class: its patterns, for each the group whose facts are the same, and whether its numbers are
    Kazakh mobiles, so that they have a place."""

    patterns: tuple[Pattern, ...]
    groups: tuple[int, ...]
    mobile: tuple[bool, ...]

    def examples(self, fill: str) -> Iterator[str]:
        """A number of each group, in order."""
        for group in range(max(self.groups) + 1):
            yield self.patterns[self.groups.index(group)].text.replace("#", fill)


@dataclass(frozen=True, slots=True)
class ClassTemplates:
    """The templates of one class. ids: by group of caller, of called and of the other number, and variant.

    paired: the caller is made from the called number, pattern by pattern.
    """

    callers: Side
    called: Side
    others: Side
    ids: Ids
    paired: bool


@dataclass(slots=True)
class Templates:
    """All templates, each once. rows: (truth and kind, values of FIXED, roles of NUMBERS, texts of NUMBERS, microseconds,
    decisions of the watching and of the enforcing gate)."""

    classes: list[ClassTemplates] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    _known: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def add(self, row: tuple[Any, ...]) -> int:
        """The place of a row; a new one where it was not there yet."""
        place = self._known.setdefault(row, len(self.rows))
        if place == len(self.rows):
            self.rows.append(row)
        return place

    def stops(self) -> npt.NDArray[np.bool_]:
        """For each template whether the enforcing gate stops it."""
        return np.array([row[-1][0] == "stop" for row in self.rows], dtype=np.bool_)

    def columns(self, enforcing: bool) -> dict[str, list[Any]]:
        """The table: columns of the ledger, `role_X` and `text_X` of each number, and `base_us`."""
        truth, fixed, roles, texts, base, watched, enforced = zip(*self.rows, strict=True)
        decisions = enforced if enforcing else watched
        table: dict[str, list[Any]] = dict(zip(FIXED, map(list, zip(*fixed, strict=True)), strict=True))
        for place, name in enumerate(NUMBERS):
            table[f"role_{name}"] = [row[place] for row in roles]
            table[f"text_{name}"] = [row[place] for row in texts]
        for place, column in enumerate(DECISION_COLUMNS):
            table[column.name] = [row[place] for row in decisions]
        table["answer"] = [ANSWERS[row[0]] for row in decisions]
        table |= {name: [row[place] for row in truth] for place, name in enumerate(("truth", "kind"))}
        return table | {"base_us": list(base)}


@dataclass(frozen=True, slots=True)
class _Variant:
    trunk: str
    transport: str
    host: str
    agent: str
    how: str
    asserted: bool
    display: str
    asked: str


def build_templates(mix: Mix, world: World) -> Templates:
    """Every template of a mix, a few thousand; about a second. Raises TosqauylError for patterns that mix kinds of numbers."""
    made = Templates()
    for one in mix.classes:
        made.classes.append(_of_class(one, mix, world, made))
    return made


def _of_class(one: CallClass, mix: Mix, world: World, made: Templates) -> ClassTemplates:
    called = _side(mix.called[one.called], world)
    paired = near_digits(one.callers[0]) > 0 or one.callers[0] == LOOKALIKE
    texts = tuple(_relative(one.callers[0], text) for text in mix.called[one.called]) if paired else one.callers
    callers = _side(texts, world)
    others = _side(one.shown or one.forwarded or ("-",), world)
    for side in (callers, others):
        if any(is_mobile and p.digits < 6 for is_mobile, p in zip(side.mobile, side.patterns, strict=True)):
            raise TosqauylError("Kazakh mobiles need 6 free digits to have a place", f"{FILE}, class {one.id}")
    shape = tuple(max(side.groups) + 1 for side in (callers, called, others))
    ids = np.zeros((*shape, VARIANTS), dtype=np.int32)
    variants = _variants(one, mix)
    groups = product(*(enumerate(side.examples(fill)) for side, fill in ((callers, "3"), (called, "5"), (others, "7"))))
    for (c, caller), (d, to), (o, other) in groups:
        for v, variant in enumerate(variants):
            ids[c, d, o, v] = made.add(_row(one, (caller, to, other), variant, world))
    return ClassTemplates(callers, called, others, ids, paired)


def _relative(how: str, called: str) -> str:
    """The pattern of callers that look like numbers of a called pattern."""
    return "+79" + called[3:] if how == LOOKALIKE else called


def _side(texts: tuple[str, ...], world: World) -> Side:
    patterns = tuple(map(pattern, texts))
    for one in patterns:
        check_pattern(world, one)
    kinds = [facts_of(world, one.low) for one in patterns]
    order = {kind: place for place, kind in enumerate(dict.fromkeys(kinds))}
    mobile = tuple(world.plan.read(one.low).kind == "mobile" for one in patterns)
    return Side(patterns, tuple(order[kind] for kind in kinds), mobile)


def _variants(one: CallClass, mix: Mix) -> list[_Variant]:
    """Trunks by their exact shares, all else drawn; the same in every run."""
    dice = random.Random(f"variants {one.id}")  # noqa: S311 - made-up calls, and they have to be repeatable
    weights = one.trunks or {
        trunk.id: getattr(trunk, one.truth) for trunk in mix.trunks if trunk.direction == "international"
    }
    found = []
    for place in range(VARIANTS):
        trunk = next(t for t in mix.trunks if t.id == _at_share(weights, (place + 0.5) / VARIANTS))
        found.append(
            _Variant(
                trunk.id,
                trunk.transport,
                dice.choice(trunk.hosts),
                dice.choice(trunk.agents),
                dice.choices(list(one.written), list(one.written.values()))[0],
                one.withheld or bool(one.shown) or dice.random() < 0.8,
                dice.choice(one.display) if one.display else "",
                one.asked[place % len(one.asked)] if one.asked else "",
            )
        )
    dice.shuffle(found)
    return found


def _at_share(weights: Mapping[str, float], share: float) -> str:
    """The name in whose part of the whole a share lies."""
    left = share * sum(weights.values())
    for name, weight in weights.items():
        if left < weight:
            return name
        left -= weight
    return max(weights)


def _row(one: CallClass, numbers: tuple[str, str, str], variant: _Variant, world: World) -> tuple[Any, ...]:
    caller, called, other = numbers
    world.place(((caller, one.state), (other, one.forwarder if one.forwarded else one.state)))
    said = _said(one, numbers, variant)
    call = world.enforcing.facts(said, world.trunks[variant.trunk])
    assert call is not None, said  # noqa: S101 - the gate's code raised: a bug to be seen here
    ask = world.enforcing.question(call, 0.0) if one.asked or one.started else None
    if ask is not None:
        call = answered(call, {answer.key: answer for answer in _answers(ask, one, variant.asked)})
    return (
        (one.truth, one.id),
        tuple(getattr(call, name) for name in FIXED),
        *_roles(call, caller, called, other),
        _MICROSECONDS.get(call.home_network if call.home_network != "not_asked" else call.origination, 24.0),
        world.watching.decide(call).row,
        world.enforcing.decide(call).row,
    )


def _said(one: CallClass, numbers: tuple[str, str, str], variant: _Variant) -> Signalled:
    caller, called, other = numbers
    spelled = written(caller, variant.how)
    presented = "anonymous" if one.withheld else written(other, variant.how) if one.shown else spelled
    return Signalled(
        EXAMPLE_AT,
        "",
        "",
        variant.host,
        variant.transport,
        spelled if variant.asserted else None,
        presented,
        None,
        called,
        other if one.forwarded else None,
        1 if one.forwarded else 0,
        "id" if one.withheld else "",
        variant.display,
        variant.agent,
    )


def _answers(ask: Ask, one: CallClass, asked: str) -> Iterator[Answer]:
    """What the networks say: of each question what the class says, nothing where it says nothing."""
    for question in ask.questions:
        state = {WHEREABOUTS: asked, ORIGINATION: one.started}[question.kind]
        if state in SAID[WHEREABOUTS]:
            yield Answer(question.key, state, "camara", 2.0)
        elif state:
            yield Answer(question.key, state)


def _roles(call: Call, caller: str, called: str, other: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """For each of NUMBERS whose number it is (place in ROLES), and its text where it is nobody's."""
    whose = {other: 3, called: 2, caller: 1}
    found = [(whose.get(text, 0) if text[:1] == "+" else 0, text) for text in (getattr(call, n) for n in NUMBERS)]
    return tuple(role for role, _ in found), tuple("" if role else text for role, text in found)
