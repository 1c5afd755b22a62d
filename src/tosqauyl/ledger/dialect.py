"""DuckDB's SQL as Spark's: sqlglot translates, and what it leaves wrong is mended here, case by case.

Made for the queries of this ledger, not for all of SQL: counts, sums, CASE, windows, joins and WITH over `calls` and `outcomes`.
What cannot give the same value on Spark (estimates, hashes, chance) is refused instead of being answered otherwise.
"""

from collections.abc import Callable

import sqlglot
from sqlglot import exp

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import MASK_TYPE, TABLES

DOUBLES = frozenset(
    column.name for columns in TABLES.values() for column in columns if column.sql_type in ("DOUBLE", "FLOAT")
)
"""Columns that hold numbers with a fraction."""

DIFFERENT = (
    exp.ApproxDistinct, exp.ApproxQuantile, exp.Rand, exp.AnyValue, exp.First, exp.Last, exp.ArrayAgg, exp.GroupConcat,
    exp.List, exp.Uuid, exp.CurrentTimestamp, exp.CurrentDate,
)  # fmt: skip
DIFFERENT_NAMES = frozenset({"hash", "now", "today", "mode"})
"""Functions whose value is an estimate, chance, or depends on the order in which rows are met."""

WHOLE_TYPES = (exp.DataType.Type.BIGINT, exp.DataType.Type.INT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT)
ESCAPES = "!#~^|"
"""Signs to choose from where a LIKE pattern needs one that is not in it."""


def to_spark(sql: str) -> str:
    """The text for Spark. Raises TosqauylError where it is no SQL, or asks for what the engines answer differently."""
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise TosqauylError(f"the query cannot be read: {error}", "query") from error
    for node in tree.walk():
        if isinstance(node, DIFFERENT) or (isinstance(node, exp.Anonymous) and node.name.lower() in DIFFERENT_NAMES):
            what = f"{node.sql(dialect='duckdb')[:60]} gives another value on another engine"
            raise TosqauylError(what, "query", "count exactly; take the least or greatest of several values")
    doubles = _double_names(tree)
    for node in reversed(list(tree.walk(bfs=True))):  # parts before the whole
        mended = _mended(node, doubles)
        if mended is not node:
            tree = mended if node is tree else tree
            node.replace(mended)
    return tree.sql(dialect="spark")


def _mended(node: exp.Expr, doubles: frozenset[str]) -> exp.Expr:
    for kind, mend in MENDS:
        if isinstance(node, kind):
            return mend(node, doubles)
    return node


def _type(node: exp.Expr, _: frozenset[str]) -> exp.Expr:
    """HUGEINT is DECIMAL(38,0): Spark has no 128-bit integer, and 38 digits hold every mask of 126 bits."""
    return exp.DataType.build(MASK_TYPE, dialect="spark") if node.this is exp.DataType.Type.INT128 else node


def _cast(node: exp.Expr, doubles: frozenset[str]) -> exp.Expr:
    """DuckDB rounds a fraction on its way to an integer, Spark cuts it off; and Spark reads no '0x1f'."""
    value, kind = node.this, node.args["to"].this
    if kind not in WHOLE_TYPES:
        return node
    if isinstance(value, exp.DPipe) and value.this.name == "0x" and value.this.is_string:
        node.set("this", exp.func("CONV", value.expression, exp.Literal.number(16), exp.Literal.number(10)))
    elif _is_double(value, doubles):
        node.set("this", exp.func("RINT", value))
    return node


def _floor(node: exp.Expr, _: frozenset[str]) -> exp.Expr:
    """floor() and ceil() are integers on Spark and stay doubles on DuckDB; the type decides what follows."""
    if isinstance(node.parent, exp.Cast):
        return node
    return exp.cast(node.copy(), "DOUBLE", copy=False)


def _division(node: exp.Expr, _: frozenset[str]) -> exp.Expr:
    """`/` is of doubles on DuckDB, whatever is divided; Spark divides decimals as decimals. By zero: an error on Spark."""
    if not node.this.is_type("double"):
        node.set("this", exp.cast(node.this, "DOUBLE"))
    return node


def _like(node: exp.Expr, _: frozenset[str]) -> exp.Expr:
    """Spark knows an escape in every pattern, the backslash, and allows it before % and _ alone. So the pattern is written anew."""
    like, sign = (node.this, node.expression.name) if isinstance(node, exp.Escape) else (node, "")
    if isinstance(node.parent, exp.Escape) or not isinstance(like, exp.Like) or not like.expression.is_string:
        return node
    written = like.expression.this
    free = next((one for one in ESCAPES if one not in written), None)
    if free is None:
        raise TosqauylError("this LIKE pattern cannot be told to Spark", "query", f"leave out one of {ESCAPES}")
    pattern, escaped = "", False
    for letter in written:
        escaped_now, escaped = escaped, bool(sign) and letter == sign and not escaped
        if not escaped:
            pattern += free + letter if escaped_now and letter in "%_" else letter
    literal = exp.Literal.string
    plain = exp.Like(this=like.this.copy(), expression=literal(pattern))
    return exp.Escape(this=plain, expression=literal(free)) if sign or "\\" in pattern else node


def _bit_and(node: exp.Expr, _: frozenset[str]) -> exp.Expr:
    """One bit of a mask: x & p is x % 2p - x % p for a power of two, exact in decimals; Spark has no & for them."""
    power = node.expression.find(exp.Literal) if isinstance(node.expression, exp.Cast) else node.expression
    if not isinstance(power, exp.Literal) or not power.is_int:
        return node
    bit = int(power.this)
    if bit <= 0 or bit & (bit - 1):
        return node
    mask = exp.cast(exp.paren(node.this), MASK_TYPE)
    low, high = (exp.cast(exp.Literal.number(one), MASK_TYPE) for one in (bit, 2 * bit))
    return exp.paren(
        exp.Sub(this=exp.Mod(this=mask.copy(), expression=high), expression=exp.Mod(this=mask, expression=low))
    )


def _is_finite(node: exp.Expr, _: frozenset[str]) -> exp.Expr:
    if node.name.lower() != "isfinite":
        return node
    value = exp.cast(node.expressions[0], "DOUBLE")
    return exp.paren(exp.LT(this=exp.func("ABS", value), expression=exp.cast(exp.Literal.string("inf"), "DOUBLE")))


Mend = Callable[[exp.Expr, frozenset[str]], exp.Expr]
MENDS: tuple[tuple[type[exp.Expr], Mend], ...] = (
    (exp.DataType, _type),
    (exp.Cast, _cast),
    (exp.Floor, _floor),
    (exp.Ceil, _floor),
    (exp.Div, _division),
    (exp.Like, _like),
    (exp.Escape, _like),
    (exp.BitwiseAnd, _bit_and),
    (exp.Anonymous, _is_finite),
)

WHOLE_RESULTS = (exp.Floor, exp.Ceil, exp.Round, exp.Count, exp.Length, exp.Predicate, exp.Literal, exp.RowNumber)


def _is_double(node: exp.Expr, doubles: frozenset[str]) -> bool:
    """Whether an expression may have a fraction: it rests on a column of doubles, a division, a mean or a literal with a point."""
    if isinstance(node, exp.Column):
        return node.name in doubles
    if isinstance(node, exp.Literal):
        return not node.is_string and not node.is_int
    if isinstance(node, exp.Cast):
        return node.is_type("double", "float")
    if isinstance(node, exp.Div | exp.Avg):
        return True
    if isinstance(node, exp.Case):
        results = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
        return any(_is_double(one, doubles) for one in results if one is not None)
    return not isinstance(node, WHOLE_RESULTS) and any(_is_double(one, doubles) for one in node.iter_expressions())


def _double_names(tree: exp.Expr) -> frozenset[str]:
    """Names that stand for doubles anywhere in the query: columns of the tables, and names given to such expressions."""
    names = DOUBLES
    while True:
        given = {one.alias for one in tree.find_all(exp.Alias) if _is_double(one.this, names)}
        if given <= names:
            return names
        names |= given
