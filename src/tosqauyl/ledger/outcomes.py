"""Outcomes joined to decisions: what became of a call, by its Call-ID. A redirect server sees neither answer nor end of its calls.

A call may have several words about it (a leg, a source, the beginning and the end of it); they are folded into one. The queries are
plain SQL, the same for DuckDB and Spark.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.engine import Engine
from tosqauyl.ledger.window import Window

COLUMNS = ("answered", "duration", "ringing", "sip_code", "q850", "hung_up")
"""What an outcome tells, besides when; a finding that reads one of them needs outcomes."""

_UNKNOWN = {
    "answered": "'unknown'",
    "duration": "CAST(-1.0 AS DOUBLE)",
    "ringing": "CAST(-1.0 AS DOUBLE)",
    "sip_code": "0",
    "q850": "0",
    "hung_up": "'unknown'",
}


def folded_sql() -> str:
    """One row a Call-ID, over the view `outcomes`: call_id, ended_at, and COLUMNS.

    answered: yes if any word says so, else no if any does. duration: the longest; 0 where it was not answered. ringing: the
    longest. sip_code: a 2xx if there is one, else the highest. q850: the highest. hung_up: the first of caller, callee, network.
    """
    said = {value: f"max(CASE WHEN answered = '{value}' THEN 1 ELSE 0 END)" for value in ("yes", "no")}
    ended = {who: f"max(CASE WHEN hung_up = '{who}' THEN 1 ELSE 0 END)" for who in ("caller", "callee", "network")}
    who = " ".join(f"WHEN {flag} = 1 THEN '{name}'" for name, flag in ended.items())
    success = "max(CASE WHEN sip_code BETWEEN 200 AND 299 THEN sip_code ELSE 0 END)"
    return (
        'SELECT call_id, max("at") AS ended_at,'
        f" CASE WHEN {said['yes']} = 1 THEN 'yes' WHEN {said['no']} = 1 THEN 'no' ELSE 'unknown' END AS answered,"
        f" CASE WHEN {said['yes']} = 0 AND {said['no']} = 1 AND max(duration) < 0 THEN CAST(0.0 AS DOUBLE)"
        " ELSE max(duration) END AS duration,"
        f" max(ringing) AS ringing, CASE WHEN {success} > 0 THEN {success} ELSE max(sip_code) END AS sip_code,"
        f" max(q850) AS q850, CASE {who} ELSE 'unknown' END AS hung_up"
        " FROM outcomes WHERE call_id <> '' GROUP BY call_id"
    )


def joined_sql(columns: Sequence[str], condition: str = "TRUE") -> str:
    """Calls with what became of them. columns: of `calls` that are wanted. condition: SQL over `calls`.

    Besides those columns the rows have COLUMNS, unknown where nothing was told, and `told`: 1 where something was.
    """
    wanted = ", ".join(f'calls."{name}"' for name in columns)
    ends = ", ".join(f"coalesce(ends.{name}, {_UNKNOWN[name]}) AS {name}" for name in COLUMNS)
    told = "CASE WHEN ends.call_id IS NULL THEN 0 ELSE 1 END AS told"
    return (
        f"SELECT {wanted}{', ' if wanted else ''}{ends}, {told}"
        f" FROM (SELECT * FROM calls WHERE {condition}) AS calls"
        f" LEFT JOIN ({folded_sql()}) AS ends ON calls.call_id = ends.call_id"
    )


@dataclass(frozen=True, slots=True)
class OutcomeShare:
    """How many calls of a window there are, and of how many it is known what became of them."""

    calls: int
    told: int

    @property
    def is_computable(self) -> bool:
        """Whether a finding about outcomes says anything: without one outcome it would be about nothing."""
        return self.told > 0

    @property
    def share(self) -> float:
        """0 to 1; 0 where there is no call."""
        return self.told / self.calls if self.calls else 0.0


def outcome_share(engine: Engine, window: Window, origin: str = "") -> OutcomeShare:
    """Of how many calls of a window the outcome is known. origin: of those of one gate or import only.

    Calls that ended after the window's last file are among those not told of. Raises TosqauylError where it cannot be run.
    """
    condition = window.condition() + (f" AND origin = {literal(origin)}" if origin else "")
    rows = engine.rows(f"SELECT count(*), coalesce(sum(told), 0) FROM ({joined_sql((), condition)}) AS joined")
    return OutcomeShare(int(rows[0][0]), int(rows[0][1]))
