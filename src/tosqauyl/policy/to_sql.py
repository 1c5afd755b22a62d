"""The same conditions as DuckDB SQL over the journal's columns (named like the facts)."""

from collections.abc import Sequence

from tosqauyl.policy.canary import bucket_sql
from tosqauyl.policy.rule import Rule
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
    Operand,
    StartsWith,
    Value,
)


def condition_text(condition: Condition) -> str:
    """One condition as a DuckDB boolean expression; also its canonical spelling, which the policy's hash is made of."""
    match condition:
        case AllOf():
            return "(" + " AND ".join(condition_text(part) for part in condition.parts) + ")"
        case AnyOf():
            return "(" + " OR ".join(condition_text(part) for part in condition.parts) + ")"
        case Not():
            return f"(NOT {condition_text(condition.part)})"
        case _:
            return _atom(condition)


def mask_text(conditions: Sequence[Condition]) -> str:
    """A HUGEINT expression whose bit i is set when conditions[i] holds; at most 126 bits fit."""
    bits = [
        f"CASE WHEN {condition_text(condition)} THEN CAST({1 << bit} AS HUGEINT) ELSE CAST(0 AS HUGEINT) END"
        for bit, condition in enumerate(conditions)
    ]
    return "(" + " + ".join(bits or ["CAST(0 AS HUGEINT)"]) + ")"


def condition_sql(rule: Rule) -> str:
    """When a rule is hit, as SQL."""
    return condition_text(rule.condition)


def holds_sql(rule: Rule) -> str:
    """When a rule is hit and its verdict holds, as SQL: never in off and monitor, for some callers in canary.

    The mode is the one written in the policy; what --enforce and the expiry make of it is Rule.mode_at().
    """
    share = {"enforce": "TRUE", "canary": f"({bucket_sql()} < {rule.percent})"}.get(rule.mode, "FALSE")
    return f"({condition_text(rule.condition)} AND {share})"


def mask_sql(rules: Sequence[Rule]) -> str:
    """The mask of the rules hit, as SQL: the value that Policy.hits() gives."""
    return mask_text([rule.condition for rule in rules])


def _atom(atom: Atom) -> str:
    match atom:
        case Comparison():
            return f"({_operand(atom.left)} {atom.operator} {_operand(atom.right)})"
        case Between():
            return f"({_operand(atom.operand)} BETWEEN {_operand(atom.low)} AND {_operand(atom.high)})"
        case OneOf():
            return f"({_operand(atom.operand)} IN ({', '.join(_value(value) for value in atom.values)}))"
        case Like():
            escape = f" ESCAPE {_value(atom.escape)}" if atom.escape else ""
            return f"({_operand(atom.fact)} LIKE {_value(atom.pattern)}{escape})"
        case StartsWith():
            return f"starts_with({_operand(atom.fact)}, {_value(atom.prefix)})"
        case IsTrue():
            return _operand(atom.fact)
        case Constant():
            return "TRUE" if atom.value else "FALSE"


def _operand(operand: Operand) -> str:
    match operand:
        case FactRef():
            return f'"{operand.name}"'
        case Literal():
            return _value(operand.value)
        case Length():
            return f'length("{operand.fact.name}")'


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return f"CAST({value} AS BIGINT)"
    if isinstance(value, float):
        return f"CAST({value!r} AS DOUBLE)"
    return "'" + value.replace("'", "''") + "'"
