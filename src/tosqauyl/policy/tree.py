"""The tree of a rule's condition: what is left of an expression once it is parsed, checked and typed.

Everything that runs or prints a rule (Python, SQL, prose, lint) walks this tree; nothing reads the rule's text again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class FactRef:
    """A fact by name; the name is in FACTS."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the rule. Beside a fact of type number it is a float, beside an integer an int."""

    value: Value


@dataclass(frozen=True, slots=True)
class Length:
    """length(fact): how many code points a text fact has."""

    fact: FactRef


Operand = FactRef | Literal | Length


@dataclass(frozen=True, slots=True)
class Comparison:
    """left operator right; operator is one of = <> < <= > >=, both sides have one type."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """operand BETWEEN low AND high, both ends included."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class OneOf:
    """operand IN (values)."""

    operand: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """fact LIKE pattern ESCAPE escape; % is any run of code points, _ any one; escape '' means none."""

    fact: FactRef
    pattern: str
    escape: str


@dataclass(frozen=True, slots=True)
class StartsWith:
    """starts_with(fact, prefix)."""

    fact: FactRef
    prefix: str


@dataclass(frozen=True, slots=True)
class IsTrue:
    """A boolean fact that stands alone."""

    fact: FactRef


@dataclass(frozen=True, slots=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """NOT part."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """parts joined with AND; at least two, none of them an AllOf."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """parts joined with OR; at least two, none of them an AnyOf."""

    parts: tuple["Condition", ...]


Atom = Comparison | Between | OneOf | Like | StartsWith | IsTrue | Constant
Condition = Atom | Not | AllOf | AnyOf


def atoms(condition: Condition) -> Iterator[Atom]:
    """Every atom of a condition, in the order written."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from atoms(part)
    elif isinstance(condition, Not):
        yield from atoms(condition.part)
    else:
        yield condition


def operands(atom: Atom) -> tuple[Operand, ...]:
    """The facts and values an atom speaks of, in the order written."""
    match atom:
        case Comparison():
            return (atom.left, atom.right)
        case Between():
            return (atom.operand, atom.low, atom.high)
        case OneOf():
            return (atom.operand, *(Literal(value) for value in atom.values))
        case Like():
            return (atom.fact, Literal(atom.pattern))
        case StartsWith():
            return (atom.fact, Literal(atom.prefix))
        case IsTrue():
            return (atom.fact,)
        case Constant():
            return ()


def facts_of(condition: Condition) -> tuple[str, ...]:
    """Names of the facts a condition asks for, each once, in the order first used."""
    names: dict[str, None] = {}
    for atom in atoms(condition):
        for operand in operands(atom):
            if isinstance(operand, Length):
                names[operand.fact.name] = None
            elif isinstance(operand, FactRef):
                names[operand.name] = None
    return tuple(names)
