"""Can a condition ever hold? Decided by trying the values that make a difference, never by guessing.

Every fact gets the few values a condition can tell apart. What cannot be split so (patterns on a text that is none of
the texts named, arithmetic between facts) is tried both ways. So more is tried than can happen, and "never" is certain;
where the search would take too long the answer is "perhaps".
"""

from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

from tosqauyl.facts import FACTS, FactType
from tosqauyl.policy.like import matcher
from tosqauyl.policy.tree import (
    AllOf,
    AnyOf,
    Atom,
    Between,
    Comparison,
    Condition,
    Constant,
    FactRef,
    IsTrue,
    Length,
    Like,
    Literal,
    Not,
    OneOf,
    StartsWith,
    Value,
    atoms,
    facts_of,
    operands,
)

MAX_STEPS = 50_000
"""Atoms looked at in one search: about 50 ms; a search of the shipped policy needs a few hundred."""

MAX_VARIABLES = 60


class _Other:
    """Some text that the conditions do not name."""


_OTHER = _Other()
_Env = dict[Hashable, object]


def is_impossible(condition: Condition) -> bool:
    """True if the condition certainly holds for no call; False means: it holds for some, or it could not be decided."""
    variables = _variables(condition)
    if len(variables) > MAX_VARIABLES:
        return False
    return _Search(condition, variables).fails({}, 0)


def implies(narrow: Condition, wide: Condition) -> bool:
    """True if certainly every call that meets narrow meets wide."""
    return is_impossible(AllOf((narrow, Not(wide))))


class _Search:
    def __init__(self, condition: Condition, variables: list[tuple[Hashable, Sequence[object]]]) -> None:
        self._condition, self._variables = condition, variables
        self._steps, self._stride = 0, sum(1 for _ in atoms(condition))

    def fails(self, env: _Env, depth: int) -> bool:
        """True if no choice for the variables from depth on makes the condition hold."""
        self._steps += self._stride
        if self._steps > MAX_STEPS:
            return False
        result = _evaluate(self._condition, env)
        if result is not None or depth == len(self._variables):
            return result is False
        key, values = self._variables[depth]
        return all(self.fails({**env, key: value}, depth + 1) for value in values)


def _variables(condition: Condition) -> list[tuple[Hashable, Sequence[object]]]:
    """Facts with the values to try, then the atoms that are tried both ways."""
    everything = list(atoms(condition))
    crossing = any(_is_crossing(atom) for atom in everything)
    found: list[tuple[Hashable, Sequence[object]]] = []
    for name in facts_of(condition):
        own = [atom for atom in everything if crossing or name in facts_of(atom)]
        found.append((name, _values(name, _literals(own), crossing)))
    both: list[object] = [True, False]
    found += [(atom, both) for atom in dict.fromkeys(everything) if _may_be_opaque(atom)]
    return found


def _is_crossing(atom: Atom) -> bool:
    return len(facts_of(atom)) > 1


def _literals(some: Iterable[Atom]) -> list[Value]:
    """No set: 0, 0.0 and False are one there, and a fact would not get the value that its own condition names."""
    return [operand.value for atom in some for operand in operands(atom) if isinstance(operand, Literal)]


def _values(name: str, literals: list[Value], crossing: bool) -> Sequence[object]:
    fact = FACTS[name]
    match fact.type:
        case FactType.BOOLEAN:
            return [True, False]
        case FactType.CHOICE:
            named = [choice for choice in fact.about.choices if choice in literals]
            rest = [choice for choice in fact.about.choices if choice not in literals]
            return [*named, *(rest if crossing else rest[:1])]
        case FactType.TEXT:
            return [*sorted({value for value in literals if isinstance(value, str)}), _OTHER]
        case FactType.INTEGER:
            wholes = {value for value in literals if type(value) is int}
            return sorted({value + step for value in wholes for step in (-1, 0, 1)}) or [0]
        case FactType.NUMBER:
            points = sorted({value for value in literals if isinstance(value, float)})
            between = [low / 2 + high / 2 for low, high in pairwise(points)]
            return [*points, *between, float("-inf"), float("inf")]


def _may_be_opaque(atom: Atom) -> bool:
    """Whether an atom may be undecided by the values above: texts not named, lengths, numbers against facts."""
    match atom:
        case IsTrue() | Constant():
            return False
        case OneOf(operand=FactRef()):
            return False
        case Comparison(operator="=" | "<>", left=FactRef() | Literal(), right=FactRef() | Literal()):
            return _is_crossing(atom)
    kinds = {FACTS[name].type for name in facts_of(atom)}
    return _is_crossing(atom) or FactType.TEXT in kinds


def _evaluate(condition: Condition, env: _Env) -> bool | None:
    """True, False, or None where the values chosen so far do not decide."""
    match condition:
        case AllOf():
            return _all(_evaluate(part, env) for part in condition.parts)
        case AnyOf():
            negated = _all(_negate(_evaluate(part, env)) for part in condition.parts)
            return _negate(negated)
        case Not():
            return _negate(_evaluate(condition.part, env))
        case _:
            known = _atom(condition, env)
            return _as_bool(env.get(condition)) if known is None else known


def _as_bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _negate(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(values: Iterable[bool | None]) -> bool | None:
    undecided = False
    for value in values:
        if value is False:
            return False
        undecided = undecided or value is None
    return None if undecided else True


def _atom(atom: Atom, env: _Env) -> bool | None:
    if isinstance(atom, Constant):
        return atom.value
    names = facts_of(atom)
    if any(name not in env for name in names):
        return None
    if _is_crossing(atom):
        return _crossing(atom, env)
    values = [_value(operand, env) for operand in operands(atom)]
    if any(value is _OTHER for value in values):
        return _of_other(atom)
    return _exact(atom, values)


def _crossing(atom: Atom, env: _Env) -> bool | None:
    """A comparison of two facts: decided for choices and booleans, and for texts that are both named."""
    kinds = {FACTS[name].type for name in facts_of(atom)}
    values = [_value(operand, env) for operand in operands(atom)]
    if kinds <= {FactType.CHOICE, FactType.BOOLEAN}:
        return _exact(atom, values)
    if kinds == {FactType.TEXT} and all(isinstance(value, str) for value in values):
        return _exact(atom, values)
    return None


def _of_other(atom: Atom) -> bool | None:
    """An atom about a text that is none of the texts named: only equality is decided."""
    match atom:
        case Comparison(operator="=" | "<>", left=FactRef() | Literal(), right=FactRef() | Literal()):
            if isinstance(atom.left, Literal) or isinstance(atom.right, Literal):
                return atom.operator == "<>"
            return atom.operator == "="  # a fact compared with itself
        case OneOf(operand=FactRef()):
            return False
    return None


def _value(operand: object, env: _Env) -> object:
    if isinstance(operand, Literal):
        return operand.value
    if isinstance(operand, Length):
        text = env[operand.fact.name]
        return len(text) if isinstance(text, str) else _OTHER
    return env[operand.name] if isinstance(operand, FactRef) else _OTHER


def _exact(atom: Atom, values: list[object]) -> bool:
    match atom:
        case Comparison():
            return _compare(atom.operator, values[0], values[1])
        case Between():
            return _compare("<=", values[1], values[0]) and _compare("<=", values[0], values[2])
        case OneOf():
            return values[0] in values[1:]
        case Like():
            return matcher(atom.pattern, atom.escape)(str(values[0]))
        case StartsWith():
            return str(values[0]).startswith(atom.prefix)
    return bool(values[0])


def _compare(operator: str, left: object, right: object) -> bool:
    match operator:
        case "=":
            return left == right
        case "<>":
            return left != right
    below, same = bool(left < right), left == right  # type: ignore[operator]  # the type check gave both one type
    return {"<": below, "<=": below or same, ">": not below and not same, ">=": not below}[operator]
