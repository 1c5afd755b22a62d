"""Generated calls: their facts and decisions are the gate's own, they come out the same again, and look like traffic."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from tosqauyl.cli import main
from tosqauyl.errors import TosqauylError
from tosqauyl.facts import FACTS, Call
from tosqauyl.ledger.columns import CALLS, PLACE
from tosqauyl.ledger.engine import DuckEngine, connect
from tosqauyl.ledger.generate import Options, draw_part, generate, plan_run
from tosqauyl.ledger.generation.mix import load_mix, near_digits, pattern
from tosqauyl.ledger.generation.schedule import Plan, build_cells
from tosqauyl.ledger.generation.templates import FIXED, NUMBERS, RATES
from tosqauyl.ledger.generation.world import EXAMPLE_AT, World, build_world, check_pattern, state_of
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window, window_of_days
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.to_sql import mask_sql
from tosqauyl.record import DECISION_COLUMNS
from tosqauyl.screen.decision import decide, modes
from tosqauyl.screen.enrich import Signalled, enrich
from tosqauyl.state.ranges import parse_pattern

MIX = load_mix()
WEEK = window_of_days(date(2025, 3, 3), date(2025, 3, 9))
MONTHS = window_of_days(date(2025, 3, 1), date(2025, 5, 31))
MOVED = datetime(2025, 4, 1, tzinfo=UTC).timestamp()
MANY = Options(60_000, 7, WEEK, WEEK.end, fraud=0.5)
SAMPLE = 3000


def silent(done: int, count: int) -> None:
    assert 0 <= done <= count


def engine_of(options: Options, folder: Path) -> DuckEngine:
    assert generate(options, folder, silent) == options.count
    return DuckEngine(Store(folder))


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(MIX)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> DuckEngine:
    """60,000 calls of a week, half of them fraud."""
    return engine_of(MANY, tmp_path_factory.mktemp("week"))


def calls(engine: DuckEngine, where: str = "TRUE", limit: int = SAMPLE) -> list[dict[str, object]]:
    names = [column.name for column in CALLS]
    columns = ", ".join(f'"{name}"' for name in names)
    rows = engine.rows(f"SELECT {columns} FROM calls WHERE {where} ORDER BY hash(call_id) LIMIT {limit}")
    return [dict(zip(names, row, strict=True)) for row in rows]


# ---- facts and decisions ----


def test_the_plan_says_of_every_number_what_the_row_says(week: DuckEngine, world: World) -> None:
    for row in calls(week):
        for name in ("caller", "network", "presented", "called"):
            read, text = world.plan.read(str(row[name])), row[name]
            kind, country = row[f"{name}_kind"], row[f"{name}_country"]
            if text != "" and row.get(f"{name}_form") != "anonymous":
                assert (text, kind, country) == (read.text, read.kind, read.country), row
        assert row["caller_operator"] == world.plan.read(str(row["caller"])).operator
        redirecting = world.plan.read(str(row["redirecting"]))
        assert (row["redirecting_kind"], row["redirecting_country"]) == (redirecting.kind, redirecting.country)


def test_lists_ranges_and_roaming_numbers_say_what_the_row_says(week: DuckEngine, world: World) -> None:
    for row in calls(week):
        at = float(row["at"])  # type: ignore[arg-type]
        hit = world.known.indicators.find(str(row["presented"]), at)
        if row["identities"] != "same" and row["network"]:
            hit = hit.stronger(world.known.indicators.find(str(row["network"]), at))
        assert (row["protected"], row["listed"], row["indicator"]) == hit
        assert row["called_msrn"] == (row["called"] in world.known.msrn)
        trunk = world.trunks[str(row["trunk"])]
        inside = "inside" if row["caller"] in trunk.ranges else "outside"
        assert row["trunk_ranges"] == (inside if trunk.ranges else "unknown")
        assert (row["direction"], row["carrier"]) == (trunk.direction, trunk.carrier)


def test_one_number_has_one_place_in_all_calls(week: DuckEngine) -> None:
    """Without calls about which a network was asked: its answer is the better one."""
    seen = Counter[str]()
    of_unknown = calls(week, "kind = 'forwarded-by-unknown'", 10)
    for row in [*calls(week, "home_network = 'not_asked'"), *of_unknown]:
        for name in ("network", "presented", "redirecting"):
            if row[f"{name}_kind"] == "mobile":
                assert row[f"{name}_subscriber"] == state_of(str(row[name])), row
                seen[str(row[f"{name}_subscriber"])] += 1
    assert set(seen) == {"abroad", "home", "unknown"}


def test_the_whole_row_comes_out_of_the_gates_engine_again(week: DuckEngine, world: World) -> None:
    """Facts of one row in each class, from signalling to decision: with the row's own numbers instead of the example's."""
    for row in calls(week, "home_network = 'not_asked' AND origination = 'not_asked'"):
        numbers = [str(row[name]) for name in NUMBERS]
        world.place((n, state_of(n)) for n in numbers if n.startswith("+7") and len(n) == 12)
        asserted = row["caller"] if row["caller_source"] == "asserted" else row["network"] or None
        presented = "anonymous" if row["presented_form"] == "anonymous" else str(row["presented"])
        said = Signalled(
            EXAMPLE_AT, str(row["call_id"]), str(row["transaction"]), str(row["source"]), str(row["transport"]),
            asserted, presented, None, str(row["called"]), str(row["redirecting"]) or None,
            int(row["redirections"]), str(row["privacy"]), str(row["display_name"]), str(row["user_agent"]),
        )  # fmt: skip
        trunk = world.trunks[str(row["trunk"])]
        made = enrich(said, trunk, world.known, None, 0.0, world.enforcing.freshness)
        spelled = {name for name in FACTS if name.endswith("_form")}  # 00, 8 or nothing in front is not in the row
        skip = {"at", *spelled}
        assert {n: v for n, v in made._asdict().items() if n not in skip} == {n: row[n] for n in FACTS if n not in skip}


def test_the_recorded_decision_is_what_the_policy_gives_for_the_recorded_facts(week: DuckEngine) -> None:
    policy = load_shipped()
    now = modes(policy.rules, True, date(2025, 3, 3))
    verdicts = Counter[object]()
    for row in calls(week):
        call = Call(*(row[name] for name in FACTS))  # type: ignore[arg-type]
        expected = decide(policy.hits(call), policy.rules, now).row
        assert tuple(row[column.name] for column in DECISION_COLUMNS) == expected
        verdicts[row["verdict"]] += 1
    assert set(verdicts) == {"pass", "mark", "stop"}


def test_the_recorded_mask_is_that_of_the_policy_in_sql_on_every_row(week: DuckEngine) -> None:
    rules = load_shipped().rules
    ((rows, hit, wrong),) = week.rows(
        f"SELECT count(*), count(CASE WHEN rules > 0 THEN 1 END), count(CASE WHEN rules <> {mask_sql(rules)} THEN 1 END) FROM calls"
    )
    assert (rows, wrong) == (MANY.count, 0)
    assert hit > 10_000


def test_policy_and_snapshot_are_named(week: DuckEngine) -> None:
    assert week.rows("SELECT DISTINCT policy, length(snapshot) FROM calls") == [(load_shipped().hash, 16)]


def test_facts_that_are_counted_over_calls_are_not_recorded(week: DuckEngine) -> None:
    place = {column.name for column in PLACE}
    assert {column.name for column in CALLS} - place - week.recorded == set(RATES)
    assert len(RATES) == 24
    assert {"truth", "kind", "rules", "elapsed_us", "originated"} <= week.recorded
    assert not set(RATES) & set(FIXED)


def test_a_gate_that_watches_records_what_it_would_have_done(tmp_path: Path) -> None:
    engine = engine_of(replace(MANY, count=5000, enforced_from=float("inf")), tmp_path)
    ((stopped, would),) = engine.rows(
        "SELECT count(CASE WHEN verdict = 'stop' THEN 1 END), count(CASE WHEN would_verdict = 'stop' THEN 1 END) FROM calls"
    )
    assert (stopped, would > 1000) == (0, True)


def test_a_gate_enforces_from_a_day_on(tmp_path: Path) -> None:
    day = WEEK.first + 3 * 86400
    engine = engine_of(replace(MANY, count=20_000, enforced_from=day), tmp_path)
    ((first, last, would),) = engine.rows(
        'SELECT min(CASE WHEN verdict = \'stop\' THEN "at" END), max("at"), min(CASE WHEN would_verdict = \'stop\' THEN "at" END) FROM calls'
    )
    assert would < day <= first < last
    assert engine.rows(
        f"SELECT count(*) FROM calls WHERE \"at\" >= {day} AND would_rule = 'kz-fixed-abroad' AND verdict <> 'stop'"
    ) == [(0,)]


def test_only_stopped_calls_are_all_stopped_and_some_of_them_honest(tmp_path: Path) -> None:
    engine = engine_of(replace(MANY, count=20_000, only_stopped=True, fraud=0.2), tmp_path)
    assert engine.rows("SELECT DISTINCT verdict FROM calls") == [("stop",)]
    truths = dict(engine.rows("SELECT truth, count(*) FROM calls GROUP BY 1"))
    assert 50 < truths["honest"] < 1000
    ((reasons,),) = engine.rows("SELECT count(DISTINCT reason) FROM calls")
    assert reasons >= 9


# ---- the same again, and going on ----


def drawn_rows(options: Options) -> list[tuple[object, ...]]:
    run = plan_run(options)
    return [tuple(row.values()) for part in run.parts for row in draw_part(run, part).to_pylist()]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(tmp_path: Path) -> None:
    options = replace(MANY, count=3000)
    everything = 'SELECT * FROM calls ORDER BY "at", call_id'
    first = engine_of(options, tmp_path / "a").rows(everything)
    again = engine_of(options, tmp_path / "b").rows(everything)
    other = engine_of(replace(options, seed=8), tmp_path / "c").rows("SELECT caller, called FROM calls")
    assert first == again
    pairs = {(row[13], row[40]) for row in first}
    assert len(pairs & set(other)) < len(pairs) / 20


def test_calls_are_the_same_however_they_are_cut_into_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    options = replace(MANY, count=5000)
    whole = drawn_rows(options)
    monkeypatch.setattr("tosqauyl.ledger.generate.BATCH_ROWS", 300)
    parts = plan_run(options).parts
    assert len(parts) > 5
    cut = drawn_rows(options)
    # `line` (the first column) counts within the batch, `ordinal` (the second) does not
    assert sorted(row[1:] for row in cut) == sorted(row[1:] for row in whole)
    assert [row[1] for row in whole] == list(range(1, options.count + 1))


class Killed(Exception):
    pass


def test_a_run_that_broke_off_goes_on_without_doubling_or_losing_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tosqauyl.ledger.generate.BATCH_ROWS", 900)
    options = replace(MANY, count=6000)
    told: list[int] = []

    def stop_at_half(done: int, count: int) -> None:
        told.append(done)
        if done > count / 2:
            raise Killed

    with pytest.raises(Killed):
        generate(options, tmp_path / "torn", stop_at_half)
    assert 0 < Store(tmp_path / "torn").manifest().rows("calls") < options.count
    whole = engine_of(options, tmp_path / "whole").rows("SELECT * FROM calls ORDER BY call_id")
    again: list[int] = []
    generate(options, tmp_path / "torn", lambda done, count: again.append(done))
    assert again[0] == told[-1], "it does not start anew"
    assert DuckEngine(Store(tmp_path / "torn")).rows("SELECT * FROM calls ORDER BY call_id") == whole
    assert generate(options, tmp_path / "torn", silent) == options.count, "a third time changes nothing"


def test_other_options_of_one_seed_are_not_mixed(tmp_path: Path) -> None:
    generate(replace(MANY, count=100), tmp_path, silent)
    with pytest.raises(TosqauylError, match="other options"):
        generate(replace(MANY, count=200), tmp_path, silent)
    assert generate(replace(MANY, count=100, seed=9), tmp_path, silent) == 200


def test_a_ledger_with_real_calls_is_refused(tmp_path: Path) -> None:
    store, con = Store(tmp_path), connect()
    store.write(
        con, "SELECT 1.0 AS \"at\", 'pass' AS verdict", Batch("calls", "gate:a", "1", frozenset(("at", "verdict")))
    )
    with pytest.raises(TosqauylError, match="real calls"):
        generate(replace(MANY, count=100), tmp_path, silent)


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"fraud": 1.5},
        {"only_stopped": True, "enforced_from": float("inf")},
        {"window": Window(0.0, 10.0)},
    ],
)
def test_options_that_make_no_sense_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(TosqauylError):
        generate(replace(MANY, **change), tmp_path, silent)  # type: ignore[arg-type]


# ---- what it looks like ----


def test_shares_follow_the_mix(week: DuckEngine) -> None:
    counted = dict(week.rows("SELECT kind, count(*) FROM calls GROUP BY 1"))
    assert (
        sum(n for kind, n in counted.items() if {one.id: one.truth for one in MIX.classes}[kind] == "fraud") == 30_000
    )
    for truth in ("fraud", "honest"):
        classes = [one for one in MIX.classes if one.truth == truth]
        whole = sum(one.weight for one in classes)
        for one in classes:  # fraud moves after the week, so nothing has changed yet
            assert counted[one.id] == pytest.approx(30_000 * one.weight / whole, abs=2)


def test_times_lie_in_the_window_and_lines_are_in_order(week: DuckEngine) -> None:
    ((least, most, ids),) = week.rows('SELECT min("at"), max("at"), count(DISTINCT call_id) FROM calls')
    assert WEEK.first <= least < most < WEEK.end
    assert ids == MANY.count
    before = 'lag("at") OVER (PARTITION BY batch ORDER BY line)'
    assert week.rows(f'SELECT count(*) FROM (SELECT "at" - {before} AS gap FROM calls) WHERE gap < 0') == [(0,)]


def test_nights_are_quiet_and_offices_rest_on_sundays(week: DuckEngine) -> None:
    hours = dict(week.rows(f"SELECT {WEEK.hour()} % 24, count(*) FROM calls GROUP BY 1"))
    assert max(hours, key=lambda hour: hours[hour]) in range(10, 21)
    assert min(hours, key=lambda hour: hours[hour]) in range(1, 6)
    assert hours[3] * 8 < hours[17]
    days = dict(week.rows(f"SELECT {WEEK.day()}, count(*) FROM calls WHERE kind = 'courier' GROUP BY 1"))
    assert days[max(days)] * 4 < days[min(days)]


def test_campaigns_come_in_bursts(week: DuckEngine) -> None:
    hours = week.rows(f"SELECT {WEEK.hour()}, count(*) FROM calls WHERE kind = 'robocall' GROUP BY 1")
    ((calls_of_class,),) = week.rows("SELECT count(*) FROM calls WHERE kind = 'robocall'")
    assert len(hours) < 70, "of 168 hours"
    assert max(n for _, n in hours) > 5 * calls_of_class / 168


def test_some_classes_fan_out_and_people_do_not(week: DuckEngine) -> None:
    per_hour = dict(
        week.rows(
            f"SELECT kind, max(callees) FROM (SELECT kind, caller, {WEEK.hour()} AS hour, count(DISTINCT called) AS callees"
            " FROM calls WHERE caller <> '' GROUP BY 1, 2, 3) GROUP BY 1"
        )
    )
    assert min(per_hour[kind] for kind in ("robocall", "airline-notice", "bank-hotline")) >= 60
    assert min(per_hour[kind] for kind in ("foreign-call-centre", "wangiri", "roaming-sim")) >= 20
    assert max(per_hour[kind] for kind in ("russia", "central-asia", "roamer", "domestic", "turkiye")) <= 8
    assert max(per_hour[kind] for kind in ("neighbour-mobile", "rotating-block")) <= 3, (
        "these hide by changing their number"
    )


def test_people_call_the_same_people_again(week: DuckEngine) -> None:
    ((all_calls, callers, pairs),) = week.rows(
        "SELECT count(*), count(DISTINCT caller), count(DISTINCT caller || called) FROM calls WHERE kind = 'russia'"
    )
    assert callers * 5 < all_calls
    assert pairs < 0.7 * all_calls
    gap = '"at" - lag("at") OVER (PARTITION BY caller, called ORDER BY "at")'
    ((redialled,),) = week.rows(
        f"SELECT count(*) FROM (SELECT {gap} AS gap FROM calls WHERE kind = 'russia') WHERE gap < 600"
    )
    assert 0.08 * all_calls < redialled < 0.2 * all_calls


def test_a_machine_dials_number_after_number(week: DuckEngine) -> None:
    step = 'CAST(substr(called, 2) AS BIGINT) - lag(CAST(substr(called, 2) AS BIGINT)) OVER (PARTITION BY caller ORDER BY "at", line)'
    ((steps, ones),) = week.rows(
        f"SELECT count(*), count(CASE WHEN step = 1 THEN 1 END) FROM (SELECT {step} AS step FROM calls WHERE kind = 'sequential')"
        " WHERE step IS NOT NULL"
    )
    assert ones > 0.95 * steps > 200


def test_neighbours_share_digits_with_whom_they_call(week: DuckEngine) -> None:
    for row in calls(week, "kind = 'neighbour-mobile'"):
        assert str(row["caller"])[:8] == str(row["called"])[:8]
        assert row["caller"] != row["called"]
        assert state_of(str(row["caller"])) == "home"
    for row in calls(week, "kind = 'neighbour-foreign'"):
        assert str(row["caller"]) == "+79" + str(row["called"])[3:]


def test_one_carrier_is_much_worse_than_the_others(week: DuckEngine) -> None:
    rows = week.rows(
        "SELECT carrier, sum(CASE WHEN truth = 'fraud' THEN 1.0 ELSE 0.0 END) / count(*) FROM calls"
        " WHERE direction = 'international' GROUP BY 1 ORDER BY 2 DESC"
    )
    assert len(rows) == 6
    assert rows[0][0] == "Zephyr Wholesale"
    assert rows[0][1] > 0.8


def test_laundered_calls_come_over_domestic_trunks_outside_their_numbers(week: DuckEngine) -> None:
    rows = week.rows(
        "SELECT DISTINCT direction, trunk_ranges FROM calls WHERE kind = 'laundered' AND trunk = 'dom-sip'"
    )
    assert rows == [("domestic", "outside")]


def test_fraud_moves_to_foreign_numbers(tmp_path: Path) -> None:
    engine = engine_of(Options(60_000, 3, MONTHS, MOVED, fraud=0.5), tmp_path)
    later = MOVED + 14 * 86400
    rates = {}
    for when, days in (
        (f'"at" < {MOVED}', (MOVED - MONTHS.first) / 86400),
        (f'"at" >= {later}', (MONTHS.end - later) / 86400),
    ):
        ((national, foreign),) = engine.rows(
            "SELECT count(CASE WHEN kind LIKE 'spoofed%' AND caller_country = 'KZ' THEN 1 END),"
            f" count(CASE WHEN kind = 'foreign-call-centre' THEN 1 END) FROM calls WHERE {when}"
        )
        rates[when] = (national / days, foreign / days)
    (national, foreign), (national_later, foreign_later) = rates.values()
    assert national_later < 0.6 * national
    assert foreign_later > 2 * foreign


# ---- the mix, and what it refuses ----


def test_the_plan_tells_no_numbers_of_a_pattern_of_the_mix_apart(world: World) -> None:
    assert len(MIX.classes) >= 45
    assert len({one.id for one in MIX.classes}) == len(MIX.classes)
    for one in MIX.classes:
        for text in (*one.callers, *one.shown, *one.forwarded, *MIX.called[one.called]):
            if not near_digits(text) and text != "lookalike":
                check_pattern(world, pattern(text))


@pytest.mark.parametrize("text", ["+77#1", "+0123#", "+7701#############", "77#"])
def test_patterns_are_digits_with_free_ones_at_the_end(text: str) -> None:
    with pytest.raises(TosqauylError):
        pattern(text)


@pytest.mark.parametrize("text", ["+4474########", "+7########", "+7727288####", "+7778#######", "+7800########"])
def test_a_pattern_whose_numbers_have_different_facts_is_refused(text: str, world: World) -> None:
    with pytest.raises(TosqauylError):
        check_pattern(world, pattern(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('truth = "honest"', 'truth = "unsure"'),
        ('profile = "people"\n', 'profile = "nobody"\n'),
        ('called = "subscribers"', 'called = "nobody"'),
        ("skew = 2.2\n", "skewed = 2.2\n"),
        ("redials = 0.14", "redials = 1.4"),
        ("[[profile]]\nid", "[[profil]]\nid"),
        ("dated =", "dated"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    assert old in MIX.text
    with pytest.raises(TosqauylError, match=r"calls\.toml"):
        load_mix(MIX.text.replace(old, new, 1))


def test_cells_hold_exactly_the_calls_that_were_planned() -> None:
    totals = tuple(range(0, 300 * len(MIX.classes), 300))
    cells = build_cells(MIX, Plan(WEEK, 5, totals, WEEK.end))
    for place, total in enumerate(totals):
        mine = cells.klass == place
        numbers = np.sort(
            np.concatenate(
                [np.arange(f, f + n) for f, n in zip(cells.first[mine], cells.count[mine], strict=True)]
                or [np.arange(0)]
            )
        )
        assert np.array_equal(numbers, np.arange(total))
    assert parse_pattern(MIX.visitors[0]).form == "prefix"


# ---- the command ----


def test_the_command_writes_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "calls"
    arguments = [
        "calls",
        "generate",
        "--count",
        "1_500",
        "--out",
        str(out),
        "--from",
        "2025-02-01",
        "--to",
        "2025-02-07",
    ]
    assert main([*arguments, "--fraud", "0.3"]) == 0
    assert "1,500 calls are in" in capsys.readouterr().out
    ((rows, fraud),) = DuckEngine(Store(out)).rows(
        "SELECT count(*), count(CASE WHEN truth = 'fraud' THEN 1 END) FROM calls"
    )
    assert (rows, fraud) == (1500, 450)


def test_the_command_refuses_what_makes_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["calls", "generate", "--count", "10", "--out", str(tmp_path), "--monitor"]
    assert main([*arguments, "--enforce-from", "2025-03-01"]) == 2
    assert main([*arguments, "--only-stopped"]) == 2
    assert "--only-stopped" in capsys.readouterr().err


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["calls", "generate", "--help"])
    assert "--only-stopped" in capsys.readouterr().out


@pytest.mark.parametrize(("count", "fraud"), [(1, 0.2), (10, 0.0), (500, 1.0)])
def test_small_and_one_sided_runs_have_exactly_their_calls(count: int, fraud: float, tmp_path: Path) -> None:
    engine = engine_of(replace(MANY, count=count, fraud=fraud), tmp_path)
    ((rows, frauds),) = engine.rows("SELECT count(*), count(CASE WHEN truth = 'fraud' THEN 1 END) FROM calls")
    assert (rows, frauds) == (count, round(count * fraud))


def test_listing_decisions_goes_on_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--data", str(tmp_path / "nothing"), "--last", "5"]) == 2
    assert "there is no journal" in capsys.readouterr().err
