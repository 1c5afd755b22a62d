"""What the number plan says of numbers, for SQL: each distinct number is read once, by the code that reads it in the gate."""

from collections.abc import Iterable, Sequence

import duckdb
import pyarrow as pa

from tosqauyl.ledger.columns import literal
from tosqauyl.numbers.number import Number
from tosqauyl.numbers.plan import Plan
from tosqauyl.screen.impersonation import impersonated
from tosqauyl.sip.address import name_addr
from tosqauyl.sip.uri import telephone

MOST_KNOWN = 4_000_000
"""Distinct numbers that are remembered, some 100 bytes each; then it begins anew."""
_SCHEMA = pa.schema([(name, pa.string()) for name in ("raw", "text", "form", "kind", "country", "operator")])


class PlanFacts:
    """Two tables of a connection: `numbers` (raw, text, form, kind, country, operator) and `display_names` (raw, impersonates)."""

    def __init__(self, con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
        self.con, self.plan = con, plan
        self._forget()

    def learn(self, numbers: Iterable[str], names: Iterable[str], relation: str) -> None:
        """Read what is new. numbers, names: SQL expressions over a relation; NULL is passed over."""
        if self._size() > MOST_KNOWN:
            self._forget()
        self._learn("numbers", [self._numbers(raw) for raw in self._new("numbers", numbers, relation)], _SCHEMA)
        schema = pa.schema([("raw", pa.string()), ("impersonates", pa.string())])
        found = [(raw, impersonated(raw)) for raw in self._new("display_names", names, relation)]
        self._learn("display_names", found, schema)

    def _numbers(self, raw: str) -> tuple[str, ...]:
        return (raw, *read_number(self.plan, raw))

    def _new(self, table: str, expressions: Iterable[str], relation: str) -> list[str]:
        every = " UNION ALL ".join(f"SELECT {one} AS raw FROM {relation}" for one in expressions)
        if not every:
            return []
        rows = self.con.execute(
            f"SELECT DISTINCT raw FROM ({every}) WHERE raw IS NOT NULL AND raw NOT IN (SELECT raw FROM {table})"
        ).fetchall()
        return [row[0] for row in rows]

    def _learn(self, table: str, rows: Sequence[tuple[str, ...]], schema: pa.Schema) -> None:
        if rows:
            columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            self.con.register("learnt", pa.Table.from_arrays(columns, schema=schema))
            self.con.execute(f"INSERT INTO {table} SELECT * FROM learnt")
            self.con.unregister("learnt")

    def _size(self) -> int:
        return int(self.con.execute("SELECT count(*) FROM numbers").fetchall()[0][0])

    def _forget(self) -> None:
        texts = ", ".join(f"{name} VARCHAR" for name in _SCHEMA.names)
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE numbers ({texts})")
        self.con.execute("CREATE OR REPLACE TEMP TABLE display_names (raw VARCHAR, impersonates VARCHAR)")


def read_number(plan: Plan, raw: str) -> Number:
    """A cell as the plan reads it; of a URI or an address the number in it."""
    if ":" in raw:
        address = name_addr(raw) if "<" in raw else None
        found = telephone(address.uri if address is not None else raw)
        raw = found or raw
    return plan.read(raw)


def known(alias: str, column: str, unknown: str) -> str:
    """SQL: one fact of a joined number, or its unknown value."""
    return f"coalesce({alias}.{column}, {literal(unknown)})"
