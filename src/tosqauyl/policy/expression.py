"""A rule's condition from text: a restricted SQL boolean, parsed by sqlglot, checked against the fact table."""

import math
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from tosqauyl.facts import FACTS, Fact, FactType
from tosqauyl.policy.near import close
from tosqauyl.policy.tokens import Complain, read_tokens
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

_OPERATORS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_PARTS: dict[type[exp.Expr], set[str]] = {
    exp.Like: {"this", "expression", "negate"},
    exp.Escape: {"this", "expression"},
    exp.In: {"this", "expressions"},
    exp.Between: {"this", "low", "high"},
    exp.Length: {"this"},
    exp.StartsWith: {"this", "expression"},
    exp.Column: {"this"},
}
"""The parts that the reader looks at. sqlglot hangs more on its nodes (IN's subquery, NOT LIKE's negate, SYMMETRIC):
what is not looked at must not be there, or a rule would mean less than it says."""
_ORDERED = (FactType.TEXT, FactType.INTEGER, FactType.NUMBER)
_BIGINT = 2**63


@dataclass(frozen=True, slots=True)
class Misread:
    """One mistake in an expression: offset in code points from its start, what is wrong, and a hint."""

    offset: int
    what: str
    hint: str = ""


class _Refused(Exception):
    """An expression node is outside the language; carries the node for its place."""

    def __init__(self, node: object, what: str, hint: str = "") -> None:
        self.node, self.what, self.hint = node, what, hint
        super().__init__(what)


def read_condition(text: str) -> tuple[Condition | None, list[Misread]]:
    """Parse and type-check an expression; the condition is None if there is any mistake. Never raises."""
    found: list[Misread] = []

    def complain(offset: int, what: str, hint: str = "") -> None:
        found.append(Misread(offset, what, hint))

    tokens = read_tokens(text, complain)
    if found:
        return None, found
    if not tokens:
        return None, [Misread(0, "the expression is empty", "TRUE is the condition that always holds")]
    try:
        parsed = _parse(text)
        if not found:
            condition = _Reader(complain).condition(parsed)
    except _Unreadable as unreadable:
        return None, [Misread(unreadable.offset, unreadable.what, unreadable.hint)]
    except RecursionError:
        return None, [Misread(0, "the expression is nested too deep", "split the rule in two")]
    return (None, found) if found else (condition, [])


class _Unreadable(Exception):
    def __init__(self, offset: int, what: str, hint: str) -> None:
        self.offset, self.what, self.hint = offset, what, hint
        super().__init__(what)


def _parse(text: str) -> exp.Expr:
    hint = "a condition reads: fact = 'value' AND (fact IN ('a', 'b') OR NOT fact)"
    try:
        parts = sqlglot.parse(text, dialect="duckdb")
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        offset = _offset(text, int(first.get("line") or 1), int(first.get("col") or 1))
        near = str(first.get("highlight") or "").strip()
        raise _Unreadable(offset, f"the expression cannot be read near {near!r}", hint) from None
    except (SqlglotError, ValueError, AttributeError, IndexError, TypeError):
        raise _Unreadable(0, "the expression cannot be read", hint) from None
    if len(parts) != 1 or parts[0] is None:
        raise _Unreadable(0, "a rule is one condition", hint)
    return parts[0]


def _offset(text: str, line: int, column: int) -> int:
    lines = text.split("\n")
    return min(sum(len(part) + 1 for part in lines[: line - 1]) + max(column - 1, 0), max(len(text) - 1, 0))


def _place(node: object) -> int:
    """Where a node starts: the least offset that sqlglot noted on it or on a part of it."""
    if not isinstance(node, exp.Expr):
        return 0
    starts = [int(part.meta["start"]) for part in node.walk() if "start" in part.meta]
    return min(starts, default=0)


def _flat(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The parts of a chain of one connector, without recursion: a thousand ANDs nest a thousand deep in sqlglot."""
    parts: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        part = waiting.pop()
        inner = part
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, kind):
            waiting += [inner.args["expression"], inner.this]
        else:
            parts.append(part)
    return parts


class _Reader:
    """Turns sqlglot's tree into ours; complains of every part that has no place in it and goes on."""

    def __init__(self, complain: Complain) -> None:
        self._complain = complain

    def condition(self, node: exp.Expr) -> Condition:
        """The condition a node stands for; FALSE in place of a part that was complained of."""
        while isinstance(node, exp.Paren):
            node = node.this
        if isinstance(node, exp.And):
            return AllOf(tuple(self.condition(part) for part in _flat(node, exp.And)))
        if isinstance(node, exp.Or):
            return AnyOf(tuple(self.condition(part) for part in _flat(node, exp.Or)))
        if isinstance(node, exp.Not):
            return Not(self.condition(node.this))
        try:
            return self._atom(node)
        except _Refused as refused:
            self._complain(_place(refused.node), refused.what, refused.hint)
            return Constant(False)

    def _atom(self, node: exp.Expr) -> Condition:
        operator = _OPERATORS.get(type(node))
        if operator:
            return self._comparison(node, operator)
        _refuse_unread(node)
        match node:
            case exp.Boolean():
                return Constant(bool(node.this))
            case exp.Column():
                return self._bare(node)
            case exp.In():
                return self._one_of(node)
            case exp.Between():
                return self._between(node)
            case exp.Like():
                return self._like(node, "")
            case exp.Escape() if isinstance(node.this, exp.Like):
                _refuse_unread(node.this)
                return self._like(node.this, self._text(node.args["expression"], "ESCAPE"))
            case exp.StartsWith():
                return StartsWith(self._text_fact(node.this, "starts_with"), self._text(node.expression, "starts_with"))
        raise _Refused(node, "this part is no condition", "compare a fact with a value")

    def _bare(self, node: exp.Column) -> IsTrue:
        fact = _fact(node)
        if fact.type is not FactType.BOOLEAN:
            raise _Refused(node, f"{fact.name} is {_article(fact.type)}, not true or false", _compare_hint(fact))
        return IsTrue(FactRef(fact.name))

    def _comparison(self, node: exp.Expr, operator: str) -> Comparison:
        left, right = self._operand(node.this), self._operand(node.args["expression"])
        if isinstance(left, Literal) and isinstance(right, Literal):
            raise _Refused(node, "two values are compared; nothing depends on the call", "one side must be a fact")
        left, right = _fit(node.this, left, right), _fit(node.args["expression"], right, left)
        kind = _type(right if isinstance(left, Literal) else left)
        if operator not in ("=", "<>") and kind not in _ORDERED:
            raise _Refused(node, f"{operator} needs an order, and {_article(kind)} has none", "use =, <> or IN")
        return Comparison(operator, left, right)

    def _between(self, node: exp.Between) -> Between:
        operand = self._operand(node.this)
        if isinstance(operand, Literal):
            raise _Refused(node, "BETWEEN needs a fact before it", "write: fact BETWEEN low AND high")
        if _type(operand) not in _ORDERED:
            raise _Refused(node, f"BETWEEN needs an order, and {_article(_type(operand))} has none", "use IN")
        low, high = (_fit(node.args[end], self._operand(node.args[end]), operand) for end in ("low", "high"))
        return Between(operand, low, high)

    def _one_of(self, node: exp.In) -> OneOf:
        operand = self._operand(node.this)
        if isinstance(operand, Literal):
            raise _Refused(node, "IN needs a fact before it", "write: fact IN ('a', 'b')")
        members = node.expressions
        if not members:
            raise _Refused(node, "IN needs a list of values in parentheses", "write: fact IN ('a', 'b')")
        values: dict[Value, None] = {}
        for member in members:
            try:
                fitted = _fit(member, self._operand(member), operand)
                if not isinstance(fitted, Literal):
                    raise _Refused(member, "IN takes values only", "compare two facts with =")
                values[fitted.value] = None
            except _Refused as refused:
                self._complain(_place(refused.node), refused.what, refused.hint)
        return OneOf(operand, tuple(values))

    def _like(self, node: exp.Like, escape: str) -> Like | Not:
        pattern = self._text(node.args["expression"], "LIKE")
        if len(escape) > 1 or not escape.isascii():  # DuckDB takes one byte
            raise _Refused(node, f"ESCAPE {escape!r} is not one ASCII character", "write: ESCAPE '!'")
        if escape and _ends_in_escape(pattern, escape):
            raise _Refused(node.args["expression"], "the pattern ends in its escape character", "double it")
        like = Like(self._text_fact(node.this, "LIKE"), pattern, escape)
        return Not(like) if node.args.get("negate") else like

    def _text(self, node: exp.Expr, whose: str) -> str:
        operand = self._operand(node)
        if not isinstance(operand, Literal) or not isinstance(operand.value, str):
            raise _Refused(node, f"{whose} needs a text value", "in single quotes: '+7717%'")
        return operand.value

    def _text_fact(self, node: exp.Expr, whose: str) -> FactRef:
        operand = self._operand(node)
        if not isinstance(operand, FactRef):
            raise _Refused(node, f"{whose} needs a text fact", "for example caller")
        fact = FACTS[operand.name]
        if fact.type is not FactType.TEXT:
            raise _Refused(
                node, f"{whose} needs a text fact; {fact.name} is {_article(fact.type)}", _compare_hint(fact)
            )
        return operand

    def _operand(self, node: exp.Expr) -> Operand:
        while isinstance(node, exp.Paren):
            node = node.this
        _refuse_unread(node)
        match node:
            case exp.Column():
                return FactRef(_fact(node).name)
            case exp.Boolean():
                return Literal(bool(node.this))
            case exp.Literal():
                return Literal(str(node.this)) if node.is_string else _number(node, str(node.this))
            case exp.Neg() if isinstance(node.this, exp.Literal) and not node.this.is_string:
                return _number(node, "-" + str(node.this.this))
            case exp.Length():
                return Length(self._text_fact(node.this, "length"))
        raise _Refused(node, "this part cannot be compared", "compare a fact with a value or with a fact")


def _refuse_unread(node: exp.Expr) -> None:
    allowed = _PARTS.get(type(node))
    if allowed is not None and any(value and part not in allowed for part, value in node.args.items()):
        if isinstance(node, exp.In):
            raise _Refused(node, "IN needs a list of values in parentheses", "write: fact IN ('a', 'b')")
        raise _Refused(node, "this part says more than the rule language has", "leave it out")


def _fact(node: exp.Column) -> Fact:
    name = node.name
    if name not in FACTS:
        raise _Refused(node, f"there is no fact {name!r}", close(name, list(FACTS)))
    return FACTS[name]


def _number(node: exp.Expr, digits: str) -> Literal:
    if any(letter in digits for letter in ".eE"):
        try:
            value = float(digits)
        except ValueError:
            raise _Refused(node, f"{digits[:30]} is no number", "write it as 12 or 1.5") from None
        if not math.isfinite(value):
            raise _Refused(node, f"{digits} is too large", "numbers go up to 1.7e308")
        return Literal(value)
    whole = int(digits)
    if not -_BIGINT <= whole < _BIGINT:
        raise _Refused(node, f"{digits[:30]} is too large", "whole numbers have 64 bits")
    return Literal(whole)


def _type(operand: Operand) -> FactType:
    if isinstance(operand, FactRef):
        return FACTS[operand.name].type
    if isinstance(operand, Length):
        return FactType.INTEGER
    kinds = {bool: FactType.BOOLEAN, int: FactType.INTEGER, float: FactType.NUMBER}
    return kinds.get(type(operand.value), FactType.TEXT)


def _fit(node: object, operand: Operand, other: Operand) -> Operand:
    """operand, made to have the type of other; refuses with a hint where it cannot."""
    if isinstance(other, Literal):
        return operand
    wanted = _type(other)
    if isinstance(operand, Literal):
        return _fit_literal(node, operand.value, other, wanted)
    if _type(operand) is not wanted:
        raise _Refused(
            node, f"{_article(_type(operand))} is compared with {_article(wanted)}", "both sides need one type"
        )
    if isinstance(operand, FactRef) and isinstance(other, FactRef) and wanted is FactType.CHOICE:
        ours, theirs = FACTS[operand.name].about.choices, FACTS[other.name].about.choices
        if not set(ours) & set(theirs):
            raise _Refused(node, f"{operand.name} and {other.name} have no value in common", "they are never equal")
    return operand


def _fit_literal(node: object, value: Value, other: Operand, wanted: FactType) -> Literal:
    if wanted is FactType.NUMBER and type(value) is int:
        return Literal(float(value))
    if wanted is FactType.CHOICE and isinstance(value, str):
        assert isinstance(other, FactRef)  # noqa: S101 - only facts have choices
        choices = FACTS[other.name].about.choices
        if value not in choices:
            hint = close(value, choices) or "one of: " + ", ".join(choices)
            raise _Refused(node, f"{other.name} is never {value!r}", hint)
        return Literal(value)
    if _type(Literal(value)) is not wanted:
        name = other.name if isinstance(other, FactRef) else "length()"
        raise _Refused(node, f"{name} is {_article(wanted)} and cannot be compared with {value!r}", _value_hint(wanted))
    return Literal(value)


def _article(kind: FactType) -> str:
    return ("an " if kind is FactType.INTEGER else "a ") + kind.value


def _compare_hint(fact: Fact) -> str:
    if fact.about.choices:
        return f"write {fact.name} = '{fact.about.choices[-1]}'"
    return f"write {fact.name} = ..."


def _value_hint(kind: FactType) -> str:
    return {
        FactType.TEXT: "text values stand in single quotes",
        FactType.CHOICE: "its values stand in single quotes",
        FactType.BOOLEAN: "write the fact alone, or NOT before it",
        FactType.INTEGER: "write a whole number without quotes",
        FactType.NUMBER: "write a number without quotes",
    }[kind]


def _ends_in_escape(pattern: str, escape: str) -> bool:
    place = 0
    while place < len(pattern):
        if pattern[place] == escape:
            place += 1
            if place == len(pattern):
                return True
        place += 1
    return False
