"""The verdict of each single call, by the same SQL: to hold it against the gate's Python, row by row."""

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from tosqauyl.ledger.backtesting.reads import Reads
from tosqauyl.screen.decision import Decision

_ROWS = 20_000


def row_decisions(
    con: duckdb.DuckDBPyConnection, reads: Reads, columns: Sequence[str]
) -> Iterator[tuple[tuple[Any, ...], int, Decision]]:
    """(the row's columns, mask of the rules hit, decision) of every row of the view `calls`, in no order."""
    con.execute(f"CREATE OR REPLACE TEMP VIEW judged AS {reads.rows_sql('TRUE', '0', columns)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE groups AS {reads.groups_sql()}")
    judge = reads.judges[0]
    decided = {}
    for row in con.execute(reads.masks_sql()).fetchall():
        mask, hold = row[-2 * len(reads.judges) :][:2]
        decided[row[0]] = (mask, judge.decide(mask, hold))
    found = con.execute(reads.hits_sql("groups", ("number",), [f"told_{name}" for name in columns]))
    while some := found.fetchmany(_ROWS):
        for number, *told in some:
            yield (tuple(told), *decided[number])
