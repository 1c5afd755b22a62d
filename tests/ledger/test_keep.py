"""Tokens in place of old numbers, retention with counts that stay, and erasure of one number."""

import math
from datetime import date

import pytest

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import DAILY
from tosqauyl.ledger.engine import DuckEngine, connect, recorded_columns
from tosqauyl.ledger.keep import IDENTIFYING, NUMBERS, Erased, Kept, Periods, erase, keep
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.merge import merge
from tosqauyl.ledger.store import Store
from tosqauyl.tokens import Tokens

DAY = 86400.0
NOW = 1_772_000_000.0  # 2026-02-25 06:13:20 UTC
TOKENS = Tokens(b"k" * 32)
HOTLINE, WHO, OTHER = "+77172000000", "+77011234567", "+77019999999"
COLUMNS = frozenset(
    {"at", "call_id", "verdict", "reason", "trunk", "carrier", "caller", "presented", "called", "display_name", "source",
     "caller_kind", "would_verdict", "transaction"}
)  # fmt: skip


def add(store, name, days_ago=0.0, columns=COLUMNS, **values):
    """A batch of one row."""
    texts = {one: "" for one in columns - {"at"}} | {"call_id": name, "verdict": "stop"} | values
    select = ", ".join(f"'{value}' AS {one}" for one, value in texts.items())
    with connect() as con:
        batch = Batch("calls", "gate:g", name, columns)
        store.write(con, f'SELECT {NOW - days_ago * DAY} AS "at", {select}', batch)


def add_outcome(store, name, call_id):
    with connect() as con:
        batch = Batch("outcomes", "import:cdr", name, frozenset({"at", "call_id", "answered"}))
        store.write(con, f"SELECT {NOW} AS \"at\", '{call_id}' AS call_id, 'yes' AS answered", batch)


def ask(store, sql):
    engine = DuckEngine(store)
    try:
        return engine.rows(sql)
    finally:
        engine.close()


def files_with(store, text):
    """Parquet files below the folder, named in the manifest or not, in which any value is this text."""
    found = []
    with connect() as con:
        for path in store.folder.rglob("*.parquet"):
            source = f"read_parquet('{path}')"
            names = [str(one[0]) for one in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
            some = " OR ".join(f"CAST(\"{one}\" AS VARCHAR) LIKE '%{text}%'" for one in names)
            if con.execute(f"SELECT count(*) FROM {source} WHERE {some}").fetchone() != (0,):
                found.append(path)
    return found


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


# Tokens


def test_old_numbers_become_tokens_and_new_ones_stay(store):
    add(store, "old", 40, caller=WHO, presented=OTHER, called=TOKENS.of(HOTLINE))
    add(store, "new", 20, caller=WHO)
    assert keep(store, Periods(tokenise_after=30), TOKENS, NOW) == Kept(tokenised=1)
    assert ask(store, "SELECT call_id, caller, presented, called, network FROM calls ORDER BY call_id") == [
        ("new", WHO, "", "", ""),
        ("old", TOKENS.of(WHO), TOKENS.of(OTHER), TOKENS.of(HOTLINE), ""),
    ]
    store.sweep(math.inf)
    assert len(files_with(store, WHO)) == 1


def test_what_has_tokens_already_is_not_written_again(store):
    add(store, "old", 40, caller=WHO)
    keep(store, Periods(tokenise_after=30), TOKENS, NOW)
    before = store.manifest()
    assert keep(store, Periods(tokenise_after=30), TOKENS, NOW) == Kept()
    assert store.manifest() == before


def test_a_text_that_only_begins_like_a_token_is_no_token(store):
    add(store, "old", 40, caller="t:" + WHO)
    assert keep(store, Periods(tokenise_after=30), TOKENS, NOW).tokenised == 1
    assert ask(store, "SELECT caller FROM calls") == [(TOKENS.of("t:" + WHO),)]


def test_files_without_number_columns_are_passed_over(store):
    add(store, "old", 40, columns=frozenset({"at", "call_id", "verdict"}))
    assert keep(store, Periods(tokenise_after=30), TOKENS, NOW) == Kept()


def test_without_a_key_nothing_is_done(store):
    add(store, "old", 40, caller=WHO)
    with pytest.raises(TosqauylError, match="no key"):
        keep(store, Periods(tokenise_after=30), None, NOW)


# Retention


def test_removed_calls_leave_their_hourly_counts_without_any_number(store):
    for name, hours, facts in (
        ("a", 0, {"carrier": "c1"}), ("b", 0.5, {"carrier": "c1"}), ("c", 0, {"carrier": "c2"}), ("d", 3, {"carrier": "c1"}),
    ):  # fmt: skip
        add(store, name, 40 - hours / 24, caller=WHO, **facts)
    add(store, "new", 1, caller=WHO)
    assert keep(store, Periods(remove_after=30), None, NOW) == Kept(removed=4, counts=3, days=1)
    assert ask(store, "SELECT call_id FROM calls") == [("new",)]
    hour = (NOW - 40 * DAY) // 3600 * 3600
    assert ask(store, f'SELECT "at" - {hour!r}, carrier, verdict, attempts, origin FROM daily ORDER BY 1, 2') == [
        (0.0, "c1", "stop", 2, "gate:g"), (0.0, "c2", "stop", 1, "gate:g"), (10800.0, "c1", "stop", 1, "gate:g"),
    ]  # fmt: skip
    store.sweep(math.inf)
    assert len(files_with(store, WHO)) == 1


def test_a_day_is_removed_when_it_has_been_over_for_so_many_days(store):
    add(store, "new", 0)
    add(store, "old", 5)
    assert keep(store, Periods(remove_after=5), None, NOW) == Kept()
    assert keep(store, Periods(remove_after=4), None, NOW) == Kept(removed=1, counts=1, days=1)


def test_what_was_not_recorded_is_not_recorded_of_the_counts_either(store):
    add(store, "all", 40)
    add(store, "few", 40, columns=frozenset({"at", "call_id", "verdict"}))
    add(store, "new", 0)
    assert keep(store, Periods(remove_after=30), None, NOW).removed == 2
    recorded = {one.recorded for one in store.manifest().of("daily")}
    kinds = {one.name for one in DAILY}
    assert recorded == {frozenset({"at", "attempts", "verdict"}), (COLUMNS & kinds) | {"at", "attempts"}}


def test_rows_that_come_late_for_a_removed_day_are_counted_beside(store):
    add(store, "new", 0)
    for name in ("first", "late"):
        add(store, name, 40)
        assert keep(store, Periods(remove_after=30), None, NOW).removed == 1
    assert ask(store, "SELECT sum(attempts) FROM daily") == [(2,)]


def test_the_counts_and_the_outcomes_have_periods_of_their_own(store):
    add(store, "new", 0)
    add(store, "old", 40)
    add(store, "older", 80)
    add_outcome(store, "o", "old")
    keep(store, Periods(remove_after=30), None, NOW)
    assert keep(store, Periods("daily", remove_after=60), None, NOW) == Kept(removed=1, days=1)
    assert ask(store, "SELECT sum(attempts) FROM daily") == [(1,)]
    assert ask(store, "SELECT count(*) FROM outcomes") == [(1,)]
    with pytest.raises(TosqauylError, match="no table 'callz'"):
        keep(store, Periods("callz", remove_after=1), None, NOW)


def test_a_clock_that_jumped_ahead_removes_nothing(store):
    add(store, "a", 0)
    add(store, "b", 1)
    before = store.manifest()
    with pytest.raises(TosqauylError, match="clock: even the newest rows"):
        keep(store, Periods(remove_after=30), None, NOW + 3650 * DAY)
    assert store.manifest() == before


def test_rows_of_broken_clocks_are_removed_as_the_oldest(store):
    add(store, "broken", NOW / DAY + 5)
    add(store, "new", 0)
    assert keep(store, Periods(remove_after=30), None, NOW) == Kept(removed=1, counts=1, days=1)


# Erasure


def test_an_erased_number_is_nowhere_any_more_and_no_row_is_gone(store):
    personal = {"display_name": "Aigerim", "source": "10.0.0.1:5060", "transaction": "z9hG4bK1"}
    add(store, "clear", 3, caller=WHO, called=OTHER, **personal)
    add(store, "token", 2, called=TOKENS.of(WHO), presented=OTHER, **personal)
    add(store, "other", 1, caller=OTHER, called=OTHER, **personal)
    for number, call in enumerate(("clear", "other", "")):
        add_outcome(store, f"o{number}", call)
    done = erase(store, WHO, [TOKENS])
    assert done == Erased(calls=2, outcomes=1, files=3)
    names = [one for one in IDENTIFYING if one in COLUMNS]
    sql = f"SELECT {', '.join(names)} FROM calls WHERE verdict = 'stop' ORDER BY \"at\""
    emptied, kept = tuple("" for _ in names), {"caller": OTHER, "called": OTHER, "call_id": "other", **personal}
    assert ask(store, sql) == [emptied, emptied, tuple(kept.get(one, "") for one in names)]
    assert ask(store, "SELECT call_id, answered FROM outcomes ORDER BY call_id") == [
        ("", "yes"),
        ("", "yes"),
        ("other", "yes"),
    ]
    assert files_with(store, WHO) == files_with(store, TOKENS.of(WHO)) == []
    assert not [path for path in files_with(store, "clear") if "outcomes" in path.parts]
    assert erase(store, WHO, [TOKENS]) == Erased()


def test_tokens_under_another_key_are_other_tokens(store):
    add(store, "a", called=TOKENS.of(WHO))
    assert erase(store, WHO) == Erased()
    assert erase(store, WHO, [Tokens(b"x" * 32)]) == Erased()
    assert erase(store, WHO, [Tokens(b"x" * 32), TOKENS]) == Erased(calls=1, files=1)


@pytest.mark.parametrize("column", NUMBERS)
def test_a_number_is_found_in_every_column_that_holds_numbers(store, column):
    add(store, "a", columns=COLUMNS | {column}, **{column: WHO})
    assert erase(store, WHO) == Erased(calls=1, files=1)
    assert ask(store, f"SELECT {column} FROM calls") == [("",)]
    assert files_with(store, WHO) == []


def test_files_that_a_merge_replaced_lately_are_gone_too(store):
    add(store, "a", 2, caller=WHO)
    add(store, "b", 2, caller=OTHER)
    list(merge(store, NOW))
    assert len(files_with(store, WHO)) == 2
    assert erase(store, WHO).calls == 1
    assert files_with(store, WHO) == []
    assert len(files_with(store, OTHER)) == 1


def test_a_number_that_is_part_of_another_is_not_it(store):
    add(store, "a", caller=WHO + "8", called="8" + WHO)
    assert erase(store, WHO) == Erased()


def test_a_number_is_a_value_never_a_piece_of_sql(store):
    add(store, "a", caller=WHO)
    assert erase(store, "x') OR ('1'='1") == Erased()


def test_erasure_changes_nothing_else(store):
    add(store, "a", 3, caller=WHO, carrier="c1", trunk="t1")
    add(store, "b", 3, caller=OTHER)
    before = ask(store, 'SELECT origin, batch, line, "at", verdict, carrier, trunk FROM calls ORDER BY batch')
    recorded = recorded_columns(store.manifest())
    erase(store, WHO)
    assert ask(store, 'SELECT origin, batch, line, "at", verdict, carrier, trunk FROM calls ORDER BY batch') == before
    assert recorded_columns(store.manifest()) == recorded
    assert {one.day for one in store.manifest().files} == {date(2026, 2, 22)}
