"""A condition's tree as JSON data and back. What comes back is checked as if a person had written it.

Each node is a list: its name, then its parts. The generated function of a policy is made from names and values of these
nodes (to_python.py), so a name that is no fact, or a value of another type, must not get through.
"""

import math
from typing import NoReturn, TypeGuard

from tosqauyl.facts import FACTS, FactType
from tosqauyl.policy.tree import (
    AllOf,
    AnyOf,
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
    Operand,
    StartsWith,
    Value,
)

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

MOST_NODES = 4_000
"""Nodes of one condition: an expression has at most that many code points (policy/tokens.py)."""
DEEPEST = 64
"""Nodes inside nodes; parentheses nest at most 12 deep, and each brings an AND, an OR and a NOT at most."""

_OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
_ORDERED = (FactType.TEXT, FactType.INTEGER, FactType.NUMBER)
_TYPES = {str: FactType.TEXT, bool: FactType.BOOLEAN, int: FactType.INTEGER, float: FactType.NUMBER}
_BIGINT = 2**63


class Unstored(ValueError):
    """What is stored is no condition; the text says why."""


def encode_condition(condition: Condition) -> Json:
    """The condition as JSON data."""
    match condition:
        case AllOf() | AnyOf():
            name = "and" if isinstance(condition, AllOf) else "or"
            return [name, *(encode_condition(part) for part in condition.parts)]
        case Not():
            return ["not", encode_condition(condition.part)]
        case Comparison():
            return [condition.operator, _encode_operand(condition.left), _encode_operand(condition.right)]
        case Between():
            return ["between", *(_encode_operand(one) for one in (condition.operand, condition.low, condition.high))]
        case OneOf():
            return ["in", _encode_operand(condition.operand), list(condition.values)]
        case Like():
            return ["like", condition.fact.name, condition.pattern, condition.escape]
        case StartsWith():
            return ["starts", condition.fact.name, condition.prefix]
        case IsTrue():
            return ["true", condition.fact.name]
        case Constant():
            return ["is", condition.value]


def _encode_operand(operand: Operand) -> Json:
    match operand:
        case FactRef():
            return ["fact", operand.name]
        case Length():
            return ["length", operand.fact.name]
        case Literal():
            return ["value", operand.value]


def decode_condition(data: object) -> Condition:
    """The condition that was encoded. Raises Unstored for anything that `read_condition` could not have given."""
    return _Decoder().condition(data, 0)


class _Decoder:
    def __init__(self) -> None:
        self._nodes = 0

    def condition(self, data: object, depth: int) -> Condition:
        """One node with all below it."""
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            _refuse("a condition is too large")
        name, *parts = _node(data)
        if name in ("and", "or"):
            return self._joined(str(name), parts, depth)
        if name == "not" and len(parts) == 1:
            return Not(self.condition(parts[0], depth + 1))
        if name in _OPERATORS and len(parts) == 2:
            return _comparison(str(name), _operand(parts[0]), _operand(parts[1]))
        if name == "between" and len(parts) == 3:
            return _between(*(_operand(part) for part in parts))
        if name == "in" and len(parts) == 2:
            return _one_of(_operand(parts[0]), parts[1])
        return _plain(name, parts)

    def _joined(self, name: str, parts: list[object], depth: int) -> Condition:
        kind = AllOf if name == "and" else AnyOf
        inner = tuple(self.condition(part, depth + 1) for part in parts)
        if len(inner) < 2 or any(isinstance(part, kind) for part in inner):
            _refuse(f"{name!r} joins at least two parts, none of them of its own kind")
        return kind(inner)


def _plain(name: object, parts: list[object]) -> Condition:
    """The atoms that speak of one fact, or of none."""
    match name, parts:
        case "like", [fact, str(pattern), str(escape)]:
            if len(escape) > 1 or not escape.isascii() or _ends_in_escape(pattern, escape):
                _refuse("a pattern has a wrong escape character")
            return Like(_fact(fact, FactType.TEXT), pattern, escape)
        case "starts", [fact, str(prefix)]:
            return StartsWith(_fact(fact, FactType.TEXT), prefix)
        case "true", [fact]:
            return IsTrue(_fact(fact, FactType.BOOLEAN))
        case "is", [bool(value)]:
            return Constant(value)
    _refuse(f"{str(name)[:40]!r} is no condition")


def _comparison(operator: str, left: Operand, right: Operand) -> Comparison:
    if isinstance(left, Literal) and isinstance(right, Literal):
        _refuse("two values are compared")
    kind = _same_type(left, right)
    if operator not in ("=", "<>") and kind not in _ORDERED:
        _refuse(f"{operator} needs an order")
    return Comparison(operator, left, right)


def _between(operand: Operand, low: Operand, high: Operand) -> Between:
    if isinstance(operand, Literal) or _same_type(operand, low) not in _ORDERED or not _same_type(operand, high):
        _refuse("between needs a fact that has an order")
    return Between(operand, low, high)


def _one_of(operand: Operand, values: object) -> OneOf:
    if isinstance(operand, Literal) or not isinstance(values, list) or not 0 < len(values) <= MOST_NODES:
        _refuse("'in' needs a fact and its values")
    found = tuple(_value(value) for value in values)
    for value in found:
        _same_type(operand, Literal(value))
    return OneOf(operand, found)


def _operand(data: object) -> Operand:
    match _node(data):
        case ["fact", name]:
            return _fact(name)
        case ["length", name]:
            return Length(_fact(name, FactType.TEXT))
        case ["value", value]:
            return Literal(_value(value))
    _refuse("an operand is neither fact, length nor value")


def _fact(name: object, wanted: FactType | None = None) -> FactRef:
    fact = FACTS.get(name) if isinstance(name, str) else None
    if fact is None or wanted not in (None, fact.type):
        _refuse(f"{str(name)[:40]!r} is no fact that can stand here")
    return FactRef(fact.name)


def _value(value: object) -> Value:
    if _is_value(value) and (
        isinstance(value, str | bool)
        or (isinstance(value, float) and math.isfinite(value))
        or (isinstance(value, int) and -_BIGINT <= value < _BIGINT)
    ):
        return value
    _refuse("a value is no text, number or truth value")


def _is_value(value: object) -> TypeGuard[Value]:
    return type(value) in _TYPES


def _same_type(one: Operand, other: Operand) -> FactType:
    """The type of two operands that are compared; a value takes the type of the fact beside it."""
    if isinstance(one, Literal):
        one, other = other, one
    kind = _type(one)
    if isinstance(other, Literal):
        value = other.value
        fits = _TYPES[type(value)] is kind
        if kind is FactType.CHOICE and isinstance(one, FactRef):
            fits = value in FACTS[one.name].about.choices
        if not fits:
            _refuse("a fact is compared with a value that it never has")
    elif _type(other) is not kind:
        _refuse("two facts of different types are compared")
    return kind


def _type(operand: Operand) -> FactType:
    match operand:
        case FactRef():
            return FACTS[operand.name].type
        case Length():
            return FactType.INTEGER
        case Literal():
            return _TYPES[type(operand.value)]


def _node(data: object) -> list[object]:
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        _refuse("a node is no list with a name")
    return data


def _ends_in_escape(pattern: str, escape: str) -> bool:
    return bool(escape) and (len(pattern) - len(pattern.rstrip(escape))) % 2 == 1


def _refuse(what: str) -> NoReturn:
    raise Unstored(what)
