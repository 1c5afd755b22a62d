"""The facts of an imported call are those that the gate would have made: SQL against screen.enrich, for any numbers."""

from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.facts import Call
from tosqauyl.ledger.imports.clock import REPEATED, SKIPPED, changes_between, doubt_sql, utc_sql
from tosqauyl.ledger.imports.mapped import Mapper
from tosqauyl.ledger.imports.mapping import load_mapping
from tosqauyl.ledger.imports.plan_facts import PlanFacts, read_number
from tosqauyl.ledger.imports.sip_rows import RECORDED
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_policy, shipped_text
from tosqauyl.screen.enrich import Signalled, enrich
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.subscribers import Subscribers

PLAN = load_plan()
KNOWN = Snapshot(load_policy(shipped_text(), "kz-border.toml"), PLAN, Indicators(), Subscribers(()), hash="t")
TRUNK = Trunk("t1", "international", "c1", frozenset(("asserted", "remote_party")))
MAPPING = load_mapping(
    """
[time]
formats = ["epoch"]
[calls]
at = "at"
network = "network"
presented = "presented"
called = "called"
redirecting = "redirecting"
display_name = "name"
[constants]
trunk = "t1"
direction = "international"
carrier = "c1"
""",
    "facts.toml",
)
NUMBERS = st.one_of(
    st.sampled_from(
        ["", "+77010000001", "87172000001", "77010000001", "+442071838750", "anonymous", "112", "1414", "+999", "bank", "0044207",
         "8107495123", "7172000001", "+7 701 000-00-01", "+79001234567", "++77010000001", "12"]
    ),
    st.text("+0123456789 -()a", max_size=17),
)  # fmt: skip
NAMES = st.sampled_from(["", "Anna", "KASPI BANK", "Полиция", "+77010000001"])


def by_sql(rows: list[dict[str, str]]) -> list[dict[str, object]]:
    con = duckdb.connect()
    mapper = Mapper(con, MAPPING, tuple(rows[0]), PlanFacts(con, PLAN))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    mapped = mapper.map(pa.table({**columns, "line": list(range(len(rows)))}), "p-")
    found = con.execute(f"SELECT * FROM ({mapped.calls}) ORDER BY line")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def by_gate(row: dict[str, str]) -> Call:
    raw = {name: row[name].strip() or None for name in ("network", "redirecting")}
    said = Signalled(
        float(row["at"]), "", "", "", "", raw["network"], row["presented"].strip(), None, row["called"].strip(), raw["redirecting"],
        int(raw["redirecting"] is not None), "", row["name"],
    )  # fmt: skip
    return enrich(said, TRUNK, KNOWN, None, 0.0, None)


@settings(max_examples=25)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NAMES), min_size=10, max_size=40))
def test_imported_facts_are_the_gates(rows: list[tuple[str, ...]]) -> None:
    named = [dict(zip(("network", "presented", "called", "redirecting", "name"), row, strict=True)) for row in rows]
    named = [{"at": str(1_740_000_000 + place), **row} for place, row in enumerate(named)]
    for row, found in zip(named, by_sql(named), strict=True):
        expected = by_gate(row)._asdict()
        for name, value in found.items():
            if name not in ("line", "call_id"):
                value = "" if value is None and name == "display_name" else value
                assert value == expected[name], (name, row)


def test_a_capture_records_no_fact_that_only_a_gate_knows() -> None:
    assert {"caller_kind", "presented_form", "impersonates", "called_country", "user_agent"} <= set(RECORDED)
    never = (
        "subscriber",
        "listed",
        "protected",
        "_calls_",
        "_callees_",
        "home_",
        "origin",
        "msrn",
        "trunk",
        "sequential",
    )
    assert [name for name in RECORDED if any(part in name for part in never)] == []


@pytest.mark.parametrize(
    ("raw", "text"),
    [("sip:+77010000001@a.example", "+77010000001"), ("tel:+77010000001", "+77010000001"),
     ('"Anna" <sip:87010000001@a>', "+77010000001"), ("+77010000001", "+77010000001")],
)  # fmt: skip
def test_a_cell_may_hold_an_address(raw: str, text: str) -> None:
    assert read_number(PLAN, raw).text == text


# -- time -------------------------------------------------------------------------------------------------------------


def seconds(text: str) -> float:
    return datetime.fromisoformat(text + "+00:00").timestamp()


@pytest.mark.parametrize("zone", ["Asia/Almaty", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@given(st.datetimes(datetime(2023, 1, 1), datetime(2025, 12, 31)))
def test_local_times_are_read_as_python_reads_them(zone: str, local: datetime) -> None:
    local = local.replace(microsecond=0)
    naive = seconds(local.isoformat())
    changes = changes_between(seconds("2022-12-01T00:00:00"), seconds("2026-01-31T00:00:00"), zone)
    row = duckdb.execute(f"SELECT {utc_sql('x', changes)} FROM (SELECT {naive!r} AS x)").fetchall()
    assert row == [(local.replace(tzinfo=ZoneInfo(zone)).timestamp(),)]


@pytest.mark.parametrize(
    ("zone", "local", "kind"),
    [
        ("Asia/Almaty", "2024-02-29T23:30:00", REPEATED),
        ("Asia/Almaty", "2024-03-01T00:00:00", ""),
        ("Asia/Almaty", "2024-02-29T22:59:59", ""),
        ("Europe/Berlin", "2024-03-31T02:30:00", SKIPPED),
        ("Europe/Berlin", "2024-10-27T02:30:00", REPEATED),
        ("Europe/Berlin", "2024-10-27T03:00:00", ""),
    ],
)
def test_hours_that_a_change_of_the_clock_skips_or_repeats_are_named(zone: str, local: str, kind: str) -> None:
    at = seconds(local)
    changes = changes_between(at, at, zone)
    assert duckdb.execute(f"SELECT {doubt_sql('x', changes)} FROM (SELECT {at!r} AS x)").fetchall() == [(kind,)]
