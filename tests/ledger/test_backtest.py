"""What a back-test says: the changes, whom they meet, what is not known; and that it goes on where it was killed."""

import json
import os
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tosqauyl.cli import main
from tosqauyl.errors import TosqauylError
from tosqauyl.facts import UNKNOWN_CALL, Reason, Verdict
from tosqauyl.ledger.backtest import Task, record_of_result, run_backtest
from tosqauyl.ledger.backtest_record import record_of, write_record
from tosqauyl.ledger.backtesting.judge import Judge, judge_of, with_rules
from tosqauyl.ledger.backtesting.result import Amount, Result
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.generate import Options, generate
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.expression import read_condition
from tosqauyl.policy.load import Policy, load_shipped, policy_of_rules
from tosqauyl.policy.rule import Rule

TODAY = date(2026, 3, 1)
AT = datetime(2025, 3, 10, 7, tzinfo=UTC).timestamp()
ABROAD = "direction = 'international'"
MOBILES = f"{ABROAD} AND caller_kind = 'mobile'"


def silent(done: int, count: int) -> None:
    assert 0 <= done <= count


def rule_of(when: str, verdict: Verdict = Verdict.STOP, **other: Any) -> Rule:
    fields = {"id": "tried", "klass": "deterministic", "tier": "screen", "mode": "enforce"} | other
    condition = read_condition(when)[0]
    return Rule(
        fields.pop("id"), when, condition, verdict, Reason.CUSTOM, fields.pop("klass"), fields.pop("tier"),
        fields.pop("mode"), {}, {}, {}, **fields,
    )  # fmt: skip


def policy_of(*rules: Rule) -> Policy:
    return policy_of_rules("own", TODAY, rules, "own.toml")


def judge(*rules: Rule, tried: tuple[str, ...] = ()) -> Judge:
    return judge_of(policy_of(*rules), tried, TODAY)


def put(store: Store, calls: Iterable[dict[str, Any]], name: str = "1", recorded: Iterable[str] = ()) -> None:
    """Take some calls into a ledger: facts by name, besides verdict, reason, rule and truth."""
    calls = list(calls)
    names = dict.fromkeys([name for call in calls for name in call]) | dict.fromkeys(recorded)
    unknown = UNKNOWN_CALL._asdict() | {"verdict": "pass", "reason": "none", "rule": "", "truth": "unknown"}
    rows = [", ".join(f'{literal(call.get(one, unknown[one]))} AS "{one}"' for one in names) for call in calls]
    con = duckdb.connect()
    select = " UNION ALL ".join(f"SELECT {row}" for row in rows)
    assert store.write(con, select, Batch("calls", "import:test", name, frozenset(names))) == len(calls)
    con.close()


def put_outcomes(store: Store, *outcomes: tuple[str, str, float]) -> None:
    con = duckdb.connect()
    rows = [
        f"SELECT {AT + 300} AS \"at\", {literal(call_id)} AS call_id, '{answered}' AS answered, {seconds} AS duration"
        for call_id, answered, seconds in outcomes
    ]
    batch = Batch("outcomes", "import:cdr", "1", frozenset({"at", "call_id", "answered", "duration"}))
    store.write(con, " UNION ALL ".join(rows), batch)
    con.close()


def call(number: int, **facts: Any) -> dict[str, Any]:
    base = {"at": AT + number, "call_id": f"c{number}", "direction": "international", "caller": f"+7701000{number:04}"}
    said = {"caller_kind": "mobile", "verdict": "pass", "reason": "none", "rule": "", "carrier": "A", "trunk": "t1"}
    return {**base, **said, **facts}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "ledger")


def tried(store: Store, *rules: Rule, **other: Any) -> Result:
    return run_backtest(store, Task(judge(*rules), **other), silent)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 calls of a month as an enforcing gate recorded them."""
    folder = tmp_path_factory.mktemp("month")
    window = window_of_days(date(2025, 3, 1), date(2025, 3, 31))
    generate(Options(20_000, 3, window, window.end), folder, silent)
    return folder


def test_the_policy_that_was_enforced_changes_nothing(month: Path) -> None:
    found = run_backtest(Store(month), Task(judge_of(load_shipped(), (), TODAY)), silent)
    assert found.rows == 20_000
    assert all(old == new for old, new, _ in found.matrix)
    assert sum(calls for _, _, calls in found.matrix) == 20_000
    assert found.newly_stopped == found.newly_passed == Amount()
    assert found.truth is not None
    assert found.truth.fraud_before == found.truth.fraud_after > 1000


def test_a_rule_that_would_stop_roamers_says_so(month: Path) -> None:
    shipped = load_shipped()
    task = Task(judge_of(with_rules(shipped, policy_of(rule_of(MOBILES))), ("tried",), TODAY))
    found = run_backtest(Store(month), task, silent)
    engine = DuckEngine(Store(month))
    ((calls, numbers),) = engine.rows(
        "SELECT count(*), count(DISTINCT caller) FROM calls WHERE direction = 'international' AND caller_kind = 'mobile'"
        " AND 'abroad' IN (network_subscriber, presented_subscriber) AND rule = 'kz-mobile-abroad'"
    )
    engine.close()
    assert found.stopped_roamers == found.newly_stopped_roamers == Amount(calls, numbers)
    assert calls > 100
    assert any("roamer" in one.label.split(" ") for one in found.examples)


def test_changes_are_told_by_verdict_rule_reason_and_dimension(store: Store) -> None:
    put(
        store,
        [
            call(1, carrier="A", trunk="t1", caller_country="KZ", caller_operator="kcell"),
            call(2, carrier="B", trunk="t2", caller_country="KZ", caller_operator="beeline"),
            call(3, carrier="B", trunk="t2", verdict="stop", reason="block-listed", rule="old"),
            call(4, caller_kind="foreign", verdict="stop", reason="block-listed", rule="old"),
            call(5, caller_kind="foreign", verdict="mark", reason="burst", rule="older"),
        ],
    )
    found = tried(store, rule_of(MOBILES))
    assert set(found.matrix) == {("pass", "stop", 2), ("stop", "stop", 1), ("stop", "pass", 1), ("mark", "pass", 1)}
    assert (found.newly_stopped, found.newly_passed, found.otherwise) == (Amount(2, 2), Amount(1, 1), Amount(1, 1))
    assert found.by["rule"] == (("tried", 2, 0), ("old", 0, 1))
    assert found.by["reason"] == (("custom", 2, 0), ("block-listed", 0, 1))
    assert found.by["carrier"] == (("A", 1, 1), ("B", 1, 0))
    assert found.by["operator"] == (("", 0, 1), ("beeline", 1, 0), ("kcell", 1, 0))
    assert found.by["day"] == (("2025-03-10", 2, 1),)
    (rule,) = found.rules
    assert (rule.hits, rule.decides, rule.newly_stopped) == (3, 3, Amount(2, 2))
    assert {one.call["caller"] for one in found.examples} == {f"+7701000000{n}" for n in (1, 2, 4, 5)}


def test_two_policies_are_compared_with_each_other_and_not_with_what_was_recorded(store: Store) -> None:
    put(store, [call(1, verdict="stop", rule="old"), call(2, caller_kind="foreign")])
    found = run_backtest(store, Task(judge(rule_of(MOBILES)), judge(rule_of(ABROAD, id="all"))), silent)
    assert (found.newly_stopped.calls, found.newly_passed.calls) == (0, 1)
    assert found.by["rule"] == (("all", 0, 1),)


def test_without_a_rule_to_try_monitored_rules_are_judged_as_enforce_would_promote_them(store: Store) -> None:
    put(store, [call(1), call(2, caller_kind="foreign")])
    rules = (rule_of(MOBILES, mode="monitor"), rule_of(ABROAD, id="analytic", klass="analytic", mode="monitor"))
    found = tried(store, *rules)
    assert (found.modes, [rule.mode for rule in found.rules]) == ("enforced", ["enforce", "monitor"])
    assert found.newly_stopped.calls == 1
    assert [rule.would_decide for rule in found.rules] == [1, 1]


def test_a_rule_tried_alone_is_enforced_and_the_others_stay_as_they_are_written(store: Store) -> None:
    put(store, [call(1), call(2, caller_kind="foreign")])
    rules = (rule_of(MOBILES, mode="monitor"), rule_of(ABROAD, id="other", klass="analytic", mode="monitor"))
    found = run_backtest(store, Task(judge(*rules, tried=("other",))), silent)
    assert (found.modes, [rule.mode for rule in found.rules]) == ("written", ["monitor", "enforce"])
    assert found.newly_stopped.calls == 2


def test_a_canary_holds_for_the_callers_the_gate_would_choose(store: Store) -> None:
    put(store, [call(number) for number in range(200)])
    found = tried(store, rule_of(MOBILES, mode="canary", percent=30))
    assert found.newly_stopped.calls == sum(bucket(f"+7701000{number:04}") < 30 for number in range(200))
    assert found.rules[0].would_decide == 200


def test_known_good_numbers_are_counted_by_why_they_are_good(store: Store) -> None:
    put(
        store,
        [
            call(1),
            call(2, caller="+77010000001"),
            call(3),
            call(4),
            call(5, originated="yes"),
            call(6, listed="allow"),
            call(7, caller_kind="foreign", originated="yes"),
        ],
    )
    put_outcomes(store, ("c3", "yes", 75.0), ("c4", "yes", 20.0), ("c6", "no", 0.0))
    found = tried(store, rule_of(MOBILES), good=frozenset({"+77010000001"}), good_name="good.txt")
    assert found.good == {
        "file": Amount(2, 1), "answered": Amount(1, 1), "confirmed": Amount(1, 1), "allow-listed": Amount(1, 1)
    }  # fmt: skip
    assert found.known_good == Amount(5, 4)
    assert found.good_sources == ("file", "answered", "confirmed", "allow-listed")


def test_what_the_calls_cannot_tell_is_not_told_as_zero(store: Store) -> None:
    put(store, [call(1)])
    found = tried(store, rule_of(MOBILES))
    assert found.good_sources == ()
    assert found.truth is None
    assert (found.rules[0].honest, found.rules[0].fraud) == (-1, -1)


def test_recorded_truth_gives_false_stops_and_catches(store: Store) -> None:
    put(store, [call(n, truth="fraud") for n in range(3)] + [call(n, truth="honest") for n in range(3, 5)])
    put(store, [call(9, truth="honest", caller_kind="foreign", verdict="stop", rule="old")], "2")
    truth = tried(store, rule_of(MOBILES)).truth
    assert truth is not None
    assert (truth.honest, truth.honest_before, truth.honest_after) == (3, 1, 2)
    assert (truth.fraud, truth.fraud_before, truth.fraud_after) == (3, 0, 3)
    assert (truth.honest_newly_stopped, truth.honest_newly_passed) == (Amount(2, 2), Amount(1, 1))


def test_a_fact_that_was_not_recorded_is_named_with_its_share_and_its_rule(store: Store) -> None:
    put(store, [call(1), call(2), call(3)])
    put(store, [call(4, caller_calls_1m=50)], "2")
    found = tried(store, rule_of("caller_calls_1m >= 30"), rule_of(MOBILES, id="sound"))
    fact = found.facts[0]
    assert (fact.name, fact.recorded, fact.derived, fact.unknown) == ("caller_calls_1m", 1, 0, 3)
    assert [rule.unknown for rule in found.rules] == [("caller_calls_1m",), ()]
    assert found.rules[0].hits == 1


def test_calls_without_a_recorded_verdict_count_as_let_through_and_are_told(store: Store) -> None:
    put(store, [{"at": AT, "caller": "+77010000001", "caller_kind": "mobile", "direction": "international"}])
    found = tried(store, rule_of(MOBILES))
    assert (found.undecided, found.newly_stopped.calls) == (1, 1)


def test_only_calls_of_the_window_are_judged_by_local_days(store: Store) -> None:
    day = datetime(2025, 3, 10, tzinfo=UTC).timestamp()
    put(store, [call(n, at=day + hour * 3600.0) for n, hour in enumerate((18.9, 19.1, 30, 42.9, 43.1))])
    found = tried(store, rule_of(MOBILES), window=window_of_days(date(2025, 3, 11), date(2025, 3, 11)))
    assert found.rows == 3
    assert found.by["day"] == (("2025-03-11", 3, 0),)


def test_a_broken_clock_costs_no_row(store: Store) -> None:
    put(store, [call(1), call(2, at=9e18)])
    found = tried(store, rule_of(MOBILES))
    assert found.newly_stopped.calls == 2
    assert found.by["day"] == (("1970-01-01", 1, 0), ("2025-03-10", 1, 0))


def test_no_calls_at_all_is_an_error_and_no_zero(store: Store) -> None:
    with pytest.raises(TosqauylError, match="no calls to judge"):
        tried(store, rule_of(MOBILES))


class Killed(BaseException):
    pass


def test_a_backtest_that_was_killed_goes_on_and_says_the_same(month: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(month, folder)
    task = Task(judge(rule_of(MOBILES), rule_of("length(caller) > 12", id="long")), part_rows=5000)

    def kill(done: int, count: int) -> None:
        if done > count / 2:
            raise Killed

    with pytest.raises(Killed):
        run_backtest(Store(folder), task, kill)
    (work,) = (folder / "backtests" / "work").iterdir()
    kept = {path.name: path.stat().st_mtime_ns for path in work.glob("*.json")}
    assert len(kept) >= 2
    (work / "part-00000.json").write_text('{"rows": 1')  # torn: done again
    seen: list[int] = []
    resumed = run_backtest(Store(folder), task, lambda done, count: seen.append(done))
    whole = run_backtest(Store(month), Task(task.judge), silent)
    assert resumed == run_backtest(Store(month), task, silent)
    assert (resumed.matrix, resumed.newly_stopped, resumed.by) == (whole.matrix, whole.newly_stopped, whole.by)
    assert not work.exists()
    assert len(seen) > len(kept)


def test_kept_parts_are_not_used_for_another_state_of_the_ledger(store: Store) -> None:
    put(store, [call(1), call(2)])

    def kill(done: int, count: int) -> None:
        if done:
            raise Killed

    task = Task(judge(rule_of(MOBILES)))
    with pytest.raises(Killed):
        run_backtest(store, task, kill)
    put(store, [call(3)], "2")
    assert run_backtest(store, task, silent).newly_stopped.calls == 3


def test_the_same_backtest_is_not_run_twice_at_a_time(store: Store) -> None:
    put(store, [call(1)])
    task = Task(judge(rule_of(MOBILES)))

    def again(done: int, count: int) -> None:
        if done == 0:
            with pytest.raises(TosqauylError, match="running already"):
                run_backtest(store, task, silent)

    assert run_backtest(store, task, again).newly_stopped.calls == 1


def test_forgotten_work_is_removed_and_other_work_is_left(store: Store) -> None:
    put(store, [call(1)])
    for name, age in (("forgotten", 90_000.0), ("running", 60.0)):
        folder = store.folder / "backtests" / "work" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    tried(store, rule_of(MOBILES))
    assert [one.name for one in (store.folder / "backtests" / "work").iterdir()] == ["running"]


def test_a_record_serves_the_rule_as_it_is_and_no_other(store: Store) -> None:
    put(store, [call(1, network_subscriber="abroad"), call(2, originated="yes"), call(3, truth="fraud"), call(4)])
    task = Task(judge(rule_of(MOBILES, mode="monitor")))
    found = run_backtest(store, task, silent)
    record = record_of_result(found, task, 1.0)
    write_record(store.folder, record)
    kept = record_of(store.folder, rule_of(MOBILES, mode="canary", percent=5))
    assert kept == record
    assert record.id.startswith("bt-")
    assert len(record.id) == 15
    effect = record.rules["tried"]
    assert (effect.hits, effect.decides, effect.known_good, effect.roamers, effect.fraud) == (4, 4, 1, 1, 1)
    assert record_of(store.folder, rule_of(f"{MOBILES} AND protected")) is None


def test_a_rule_that_is_not_there_is_named_with_what_is_near() -> None:
    with pytest.raises(TosqauylError, match=r"no rule 'kz-burts'.*kz-burst"):
        judge_of(load_shipped(), ("kz-burts",), TODAY)


def test_added_rules_may_not_take_an_id() -> None:
    with pytest.raises(TosqauylError, match="has a rule 'tried' already"):
        with_rules(policy_of(rule_of(MOBILES)), policy_of(rule_of(ABROAD)))


# ---- the command ----


@pytest.fixture
def ledger(store: Store) -> Path:
    put(store, [call(1, network_subscriber="abroad", truth="honest", called="+77172000001"), call(2, protected=True)])
    return store.folder


def test_the_command_masks_numbers_and_reveals_them_on_record_only(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["backtest", "kz-border", "--calls", str(ledger), "--rule", "kz-protected-caller"]
    assert main(command) == 0
    assert "+77010000002" not in capsys.readouterr().out
    assert not (ledger / "access.log").exists()
    assert main([*command, "--reveal"]) == 0
    assert "+77010000002" in capsys.readouterr().out
    assert json.loads((ledger / "access.log").read_text())["what"]["command"] == "backtest"


def test_json_has_everything_and_no_number_in_clear(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "kz-border", "--calls", str(ledger), "--json", "--record"]) == 0
    text = capsys.readouterr().out
    content = json.loads(text)
    assert content["newly_stopped"] == {"calls": 1, "numbers": 1}
    assert content["examples"][0]["new"][2] == "kz-protected-caller"
    assert "+7701000000" not in text
    assert (ledger / "backtests" / f"{content['record']}.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kz-border", "--rule", "no-such"], "no rule 'no-such'"),
        (["missing.toml"], "the policy cannot be read"),
        (["kz-border", "--zone", "Mars/Base"], "no time zone"),
        (["kz-border", "--from", "yesterday"], "is no day"),
        (["kz-border", "--good", "missing.txt"], "the numbers cannot be read"),
        (["kz-border", "--from", "2030-01-01", "--to", "2030-01-02"], "no calls to judge"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    ledger: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["backtest", *arguments, "--calls", str(ledger)]) == 2
    assert message in capsys.readouterr().err


def test_no_ledger_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "kz-border", "--calls", str(tmp_path)]) == 2
    assert "there is no ledger" in capsys.readouterr().err


def test_lines_without_a_number_are_named_and_left_out(
    ledger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "good.txt"
    good.write_text("# ours\n8 701 000 00 02   # an office\nhello\n\n", encoding="utf-8")
    assert main(["backtest", "kz-border", "--calls", str(ledger), "--good", str(good), "--json"]) == 0
    said = capsys.readouterr()
    assert "1 lines of" in said.err
    assert "line 3" in said.err
    assert json.loads(said.out)["good"]["file"] == {"calls": 1, "numbers": 1}
