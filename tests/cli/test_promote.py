"""`policy promote`, `retract` and `modes` without a gate: every refusal, the figures, what is written; and the gate's own part."""

import fcntl
import json
import os
import socket
from argparse import ArgumentTypeError
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tosqauyl.cli import build_parser, main
from tosqauyl.cli.modes_now import IN_FORCE, InForce, ModesNow, read_in_force
from tosqauyl.cli.modes_table import run_modes
from tosqauyl.cli.promote import run_promote
from tosqauyl.cli.promote_checks import WORDS, refusals
from tosqauyl.cli.promote_gate import gate_pid
from tosqauyl.cli.retract import run_retract
from tosqauyl.config.modes_file import FILE, LOG, read_modes
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect, write_record
from tosqauyl.ledger.promotion import SLUGS, Asked, Case
from tosqauyl.ledger.rule_activity import activity_of
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.modes import rule_key
from tosqauyl.policy.tree import facts_of
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.subscribers import Subscribers
from tosqauyl.texts import ENGLISH

RULE, ANALYTIC = "kz-fixed-abroad", "kz-sequential"
POLICY = load_shipped()
RULES = {rule.id: rule for rule in POLICY.rules}
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC).timestamp()
DAY = 86400.0
WHY = "two carriers looked at by hand, no complaint"


def effect(rule=RULE, **values):
    plain = {"key": rule_key(RULES[rule]), "verdict": RULES[rule].verdict.value, "hits": 412, "decides": 400,
             "known_good": 0, "known_good_numbers": 0, "roamers": 0}  # fmt: skip
    return RuleEffect(**(plain | values))


def record(effects=None, **values):
    plain = BacktestRecord(
        "bt-0123456789ab", NOW - 3600, "kz-border", POLICY.hash, "", "7-0123456789ab", NOW - 32 * DAY, NOW - DAY,
        1_000_000, 400, 0, ("answered",), (), effects or {RULE: effect(), ANALYTIC: effect(ANALYTIC)},
    )  # fmt: skip
    return replace(plain, **values)


def case(**values):
    plain = {"rule": RULES[RULE], "current": ("monitor", 0), "now": NOW, "record": record()}
    return Case(**(plain | values))


CANARY, ENFORCE = Asked("canary", 5), Asked("enforce")
RUNNING = {"current": ("canary", 5), "since": NOW - 2 * DAY}


def slugs(found):
    return [one.slug for one in found]


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ({}, CANARY),
        (RUNNING, ENFORCE),
        (RUNNING, Asked("canary", 20)),
        ({}, Asked("enforce", skip_canary=True, reason=WHY)),
        ({"record": record({RULE: effect(known_good=3)})}, replace(CANARY, accept_known_good="3")),
        ({"record": record({RULE: effect(roamers=2)})}, replace(CANARY, accept_roamers="2")),
        ({"record": record(good=())}, replace(CANARY, accept_known_good="unknown")),
        ({"record": record(end=NOW - 60 * DAY)}, replace(CANARY, max_age=90 * DAY)),
        ({"current": ("canary", 5), "since": NOW - 3600}, replace(ENFORCE, canary=1800)),
        ({"configured": ("enforce", 0, "gate.toml:7"), "held": True}, Asked("enforce", skip_canary=True, reason=WHY)),
        ({"record": record({RULE: effect(verdict="pass", known_good=9)})}, CANARY),
        ({"record": record({RULE: effect(decides=0)}, good=())}, CANARY),
    ],
)
def test_what_may_be_promoted(known, asked):
    assert refusals(case(**known), asked, ENGLISH) == []


@pytest.mark.parametrize(
    ("slug", "known", "asked"),
    [
        ("no-record", {"record": None}, CANARY),
        ("other-content", {"record": None, "other_key": True}, CANARY),
        ("too-old", {"record": record(end=NOW - 32 * DAY)}, CANARY),
        ("from-the-future", {"record": record(made=NOW + 2 * 3600)}, CANARY),
        ("no-calls", {"record": record(rows=0)}, CANARY),
        ("facts-unknown", {"record": record(unknown_facts=(facts_of(RULES[RULE].condition)[0],))}, CANARY),
        ("known-good", {"record": record({RULE: effect(known_good=3)})}, CANARY),
        ("known-good", {"record": record({RULE: effect(known_good=3)})}, replace(CANARY, accept_known_good="4")),
        ("known-good", {"record": record({RULE: effect(honest=2)})}, CANARY),
        ("known-good", {}, replace(CANARY, accept_known_good="3")),
        ("known-good", {"record": record(good=())}, CANARY),
        ("roamers", {"record": record({RULE: effect(roamers=2)})}, CANARY),
        ("roamers", {"record": record(unknown_facts=("network_subscriber",))}, CANARY),
        ("skips-canary", {}, ENFORCE),
        ("reason", {}, Asked("enforce", skip_canary=True, reason="tested")),
        ("reason", {}, replace(CANARY, reason="a\nb")),
        ("canary-too-short", {"current": ("canary", 5), "since": NOW - 3600}, ENFORCE),
        ("canary-too-short", {"current": ("canary", 5), "since": NOW + 3600}, ENFORCE),
        ("canary-too-short", {"current": ("canary", 5), "since": None}, ENFORCE),
        ("canary-too-short", {**RUNNING, "in_force": "monitor"}, ENFORCE),
        ("already", {"current": ("enforce", 0)}, CANARY),
        ("already", RUNNING, CANARY),
        ("off", {"current": ("off", 0)}, CANARY),
        ("expired", {"rule": replace(RULES[RULE], expires=date(2026, 11, 19))}, CANARY),
        ("retracted-by-office", {"held_by_office": True}, CANARY),
        ("set-in-configuration", {"configured": ("monitor", 0, "gate.toml:7")}, CANARY),
        ("set-in-configuration", {"configured": ("enforce", 0, "gate.toml:7"), "held": True}, CANARY),
    ],
)  # fmt: skip
def test_each_refusal(slug, known, asked):
    assert slugs(refusals(case(**known), asked, ENGLISH)) == [slug]


def test_everything_that_speaks_against_it_is_said_at_once():
    bad = record({RULE: effect(known_good=3, roamers=2)}, end=NOW - 40 * DAY, rows=0)
    found = slugs(refusals(case(record=bad, current=("monitor", 0)), ENFORCE, ENGLISH))
    assert found == ["skips-canary", "too-old", "no-calls", "known-good", "roamers"]


def test_every_refusal_is_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "promote.md").read_text("utf-8")
    assert set(WORDS) == set(SLUGS)
    assert [slug for slug in SLUGS if f"`{slug.partition('.')[0]}`" not in page] == []


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a verb at a moment; exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "200")
    data = tmp_path / "data"
    data.mkdir()

    def policy(verb, *words, now=NOW):
        options = build_parser().parse_args(["policy", verb, *words, "--data", str(data), "--lang", "en"])
        code = {"promote": run_promote, "retract": run_retract, "modes": run_modes}[verb](options, lambda: now)
        return code, capsys.readouterr().out

    policy.data = data
    return policy


def kept(data, made=None):
    (data / "ledger").mkdir(exist_ok=True)
    write_record(data / "ledger", made or record())


def test_without_a_record_nothing_is_written(run):
    code, told = run("promote", RULE, "--yes")
    assert (code, "Refused (no-record)" in told) == (1, True)
    assert list(run.data.iterdir()) == []


def test_the_way_from_monitor_over_a_canary_to_enforce_and_back(run):
    kept(run.data)
    code, told = run("promote", ANALYTIC, "--yes", "--by", "fraud desk")
    assert code == 0, told
    for part in ("monitor -> canary:5", "bt-0123456789ab", "1,000,000", "412", "400", "No gate was found"):
        assert part in told
    assert run("promote", ANALYTIC, "--yes", now=NOW + 3600)[0] == 1, "it has run for an hour"
    code, told = run("promote", ANALYTIC, "--yes", "--reason", WHY, now=NOW + 1.1 * DAY)
    assert (code, "canary:5 -> enforce" in told) == (0, True), told
    (one,) = read_modes(run.data)
    assert (one.mode, one.report, one.since) == ("enforce", "bt-0123456789ab", int(NOW + 1.1 * DAY))
    assert one.reason == (
        "back-test bt-0123456789ab: would have decided 400 of 1000000 attempts in 31.0 days, "
        f"0 of numbers known to be good, 0 of roamers; {WHY}"
    )
    code, told = run("retract", ANALYTIC, "--reason", "a complaint", now=NOW + 2 * DAY)
    assert code == 0
    assert read_modes(run.data)[0].reason == "retracted at 2026-11-22 10:00:00 UTC: a complaint"
    log = [json.loads(line) for line in (run.data / LOG).read_text().splitlines()]
    assert [(each["was"], each["now"], each["uid"]) for each in log] == [
        ("monitor", "canary:5", os.getuid()), ("canary:5", "enforce", os.getuid()), ("enforce", "monitor", os.getuid()),
    ]  # fmt: skip
    assert log[0]["by"] == "fraud desk"
    assert run("promote", ANALYTIC, "--yes", now=NOW + 3 * DAY)[0] == 0, "from the beginning again"


def test_the_newest_back_test_counts_and_another_can_be_named(run):
    kept(run.data, record({RULE: effect(known_good=5)}, id="bt-000000000001", made=NOW - 60))
    kept(run.data)
    code, told = run("promote", RULE, "--yes")
    assert (code, "--accept-known-good 5" in told) == (1, True)
    assert run("promote", RULE, "--yes", "--backtest", "bt-0123456789ab")[0] == 0
    with pytest.raises(TosqauylError, match="there is no back-test 'bt-1'"):
        run("promote", RULE, "--backtest", "bt-1")


def test_a_record_of_other_content_of_the_rule_is_none(run):
    kept(run.data, record({RULE: effect(key="000000000000")}))
    code, told = run("promote", RULE, "--yes")
    assert (code, "Refused (other-content)" in told) == (1, True)


def test_nobody_to_ask_is_no_yes(run, monkeypatch):
    kept(run.data)
    monkeypatch.setattr("sys.stdin", open(os.devnull, encoding="utf-8"))  # noqa: SIM115
    with pytest.raises(TosqauylError, match="give --yes"):
        run("promote", RULE)
    assert not (run.data / FILE).exists()


def test_a_gate_that_cannot_be_asked_is_said_and_the_mode_is_written_down(run, monkeypatch):
    kept(run.data)
    monkeypatch.setenv("TOSQAUYL_TOKEN", "tq_of-the-test")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    code, told = run("promote", RULE, "--yes", "--gate", url)
    assert (code, "takes effect when it starts or reloads" in told, url in told) == (2, True, True)
    assert read_modes(run.data)[0].mode == "canary"
    assert run("retract", RULE, "--gate", url)[0] == 2
    assert read_modes(run.data)[0].is_retraction


def test_a_misspelt_rule_is_told_with_the_right_one(run):
    for verb in ("promote", "retract"):
        with pytest.raises(TosqauylError, match="kz-fixed-abroad"):
            run(verb, "kz-fixed-abraod")


@pytest.mark.parametrize("text", ["canary", "canary:0", "canary:100", "monitor", "enforce:5", "canary:5%"])
def test_what_is_no_step_is_refused_by_the_parser(text, capsys):
    from tosqauyl.cli.promote import _target

    with pytest.raises(ArgumentTypeError):
        _target(text)


CONFIGURED = '[[trunk]]\nid = "one"\nlisten = "udp:127.0.0.1:0"\nfrom = ["127.0.0.1"]\n\n[[mode]]\nrule = "{rule}"\nmode = "enforce"\non = 2026-11-01\n'


def test_what_the_configuration_enforces_is_retracted_with_its_line_and_can_only_be_given_back(run, tmp_path):
    kept(run.data)
    file = tmp_path / "gate.toml"
    file.write_text(CONFIGURED.format(rule=RULE))
    code, told = run("promote", RULE, "--yes", "--config", str(file))
    assert (code, f"{file}:7" in told) == (1, True)
    code, told = run("retract", RULE, "--config", str(file))
    assert (code, f"{file}:7" in told) == (0, True)
    code, told = run("modes", "--config", str(file))
    assert f"{RULE}: retracted, though the configuration says enforce" in told
    code, told = run("promote", RULE, "--yes", "--config", str(file), "--to", "canary:5")
    assert (code, "set-in-configuration" in told) == (1, True)
    words = ("--yes", "--config", str(file), "--to", "enforce", "--skip-canary", "--reason", WHY)
    assert run("promote", RULE, *words)[0] == 0
    assert read_modes(run.data) == (), "the configuration's word counts again"
    assert [json.loads(line)["action"] for line in (run.data / LOG).read_text().splitlines()] == ["retract", "lift"]


@pytest.mark.parametrize("broken", ["gate.toml", "policy.toml", FILE])
def test_a_retraction_goes_through_whatever_else_is_broken(run, tmp_path, broken):
    kept(run.data)
    assert run("promote", RULE, "--yes")[0] == 0
    (tmp_path / "gate.toml").write_text(CONFIGURED.format(rule="kz-letters") if broken != "gate.toml" else "trunk = 1")
    (tmp_path / "policy.toml").write_text("nothing")
    words = ["--config", str(tmp_path / "gate.toml")]
    words += ["--policy", str(tmp_path / "policy.toml")] if broken == "policy.toml" else []
    if broken == FILE:
        (run.data / FILE).write_text((run.data / FILE).read_text()[:250])
    code, told = run("retract", RULE, *words)
    assert code == 0, told
    assert read_modes(run.data)[0].is_retraction
    assert ("was damaged" in told) == (broken == FILE)


def test_a_rule_that_decides_nothing_is_not_retracted(run):
    code, told = run("retract", "kz-burst")
    assert (code, told) == (1, "kz-burst decides nothing: it is in monitor.\n")
    assert not (run.data / FILE).exists()
    assert run("retract", RULE)[0] == 0, "a gate with --enforce would let it decide"


def test_modes_say_where_each_comes_from(run, tmp_path):
    kept(run.data)
    (tmp_path / "gate.toml").write_text("enforce = true\n" + CONFIGURED.format(rule="kz-letters"))
    assert run("promote", ANALYTIC, "--yes")[0] == 0
    assert run("retract", "kz-impossible", "--config", str(tmp_path / "gate.toml"))[0] == 0
    code, told = run("modes", "--json", "--config", str(tmp_path / "gate.toml"))
    rows = {row["rule"]: (row["mode"], row["source"], row["report"]) for row in json.loads(told)["rules"]}
    assert code == 0
    assert rows[ANALYTIC] == ("canary:5", "modes.toml", "bt-0123456789ab")
    assert rows["kz-letters"] == ("enforce", "configuration", "")
    assert rows["kz-impossible"] == ("monitor", "modes.toml", "")
    assert rows[RULE] == ("enforce", "--enforce", "")
    assert rows["kz-burst"] == ("monitor", "policy", "")
    _, told = run("modes")
    assert "bt-0123456789ab said 400 attempts, 0 of numbers known to be good, 0 of roamers" in told


def test_explain_names_the_back_test(run, tmp_path, capsys):
    kept(run.data)
    run("promote", ANALYTIC, "--yes")
    (tmp_path / "gate.toml").write_text(f'data = "{run.data}"\n' + CONFIGURED.format(rule="kz-letters"))
    assert main(["policy", "explain", "--config", str(tmp_path / "gate.toml"), "--rule", ANALYTIC, "--lang", "en"]) == 0
    assert "Recorded reason: back-test bt-0123456789ab: would have" in capsys.readouterr().out
    main(["policy", "explain", "--config", str(tmp_path / "gate.toml"), "--rule", ANALYTIC, "--json"])
    assert json.loads(capsys.readouterr().out)[0]["evidence"]["report"] == "bt-0123456789ab"


def test_the_ledgers_last_day_is_shown_beside_the_back_test(run, tmp_path):
    """Rows of two days; the last one counts, and after a retraction what the rule decided since its promotion."""
    from tosqauyl.ledger.engine import connect
    from tosqauyl.ledger.manifest import Batch
    from tosqauyl.ledger.store import Store

    kept(run.data)
    assert run("promote", RULE, "--yes", now=NOW - 3000)[0] == 0
    decided = f"(SELECT i, {NOW} - 60 * i AS \"at\", '+7717' || (i % 7) AS caller FROM range(4000) t(i))"
    columns = ("at", "caller", "rule", "would_rule")
    select = (
        f"SELECT \"at\", caller, CASE WHEN i % 10 = 0 THEN '{RULE}' ELSE '' END AS rule, "
        f"CASE WHEN i % 5 = 0 THEN '{RULE}' ELSE '' END AS would_rule FROM {decided}"
    )
    Store(run.data / "ledger").write(connect(), select, Batch("calls", "gate:one", "1", frozenset(columns)))
    found = activity_of(run.data / "ledger", RULE, NOW - DAY)
    assert (found.attempts, found.decided, found.watched, found.numbers) == (1441, 145, 144, 7)
    code, told = run("promote", RULE, "--to", "canary:20", "--yes", now=NOW + 10)
    assert code == 0
    assert "ledger, last day" in told
    assert "1,440" in told
    assert "144" in told
    _, told = run("retract", RULE, now=NOW + 20)
    assert (
        "It decided 6 attempts since 2026-11-20 09:10:00 UTC, by the ledger, which goes to 2026-11-20 10:00:00" in told
    )


def test_a_ledger_that_lacks_a_column_makes_the_figure_not_computable_never_zero(run):
    from tosqauyl.ledger.engine import connect
    from tosqauyl.ledger.manifest import Batch
    from tosqauyl.ledger.store import Store

    kept(run.data)
    batch = Batch("calls", "import:one", "1", frozenset(("at", "caller")))
    Store(run.data / "ledger").write(connect(), f"SELECT {NOW} AS \"at\", '+77171' AS caller", batch)
    assert "not computable" in run("promote", RULE, "--yes")[1]


def known():
    plan = load_plan()
    return Snapshot(POLICY, plan, Indicators(()), Subscribers(plan.mobile_codes))


def gates_part(data, said=None):
    return ModesNow(data, True, (said if said is not None else []).append, lambda: NOW)


def test_a_gate_takes_retractions_from_the_file_and_no_promotion(run):
    kept(run.data)
    snapshot, modes = known(), gates_part(run.data)
    assert modes.settled(snapshot) is snapshot
    run("promote", ANALYTIC, "--yes")
    assert modes.settled(snapshot) is snapshot
    run("retract", RULE)
    settled = modes.settled(snapshot)
    rule = next(rule for rule in settled.policy.rules if rule.id == RULE)
    assert (rule.mode_at(True, date(2026, 11, 20)), settled.hash != snapshot.hash) == ("monitor", True)
    assert settled.subscribers is snapshot.subscribers
    assert modes.settled(settled) is settled
    modes.tell(settled)
    told = read_in_force(run.data)
    assert (told.pid, told.policy, told.modes[RULE], told.modes["kz-letters"]) == (
        os.getpid(), settled.policy.hash, "monitor", "enforce",
    )  # fmt: skip


def test_the_policy_of_a_retraction_at_once_is_that_of_the_snapshot_that_follows(run):
    from tosqauyl.cli.build import policy_in_modes
    from tosqauyl.config.load import default_config, with_changes

    run("retract", RULE)
    config = with_changes(default_config(), data=str(run.data))
    assert gates_part(run.data).settled(known()).policy.hash == policy_in_modes(config).hash


def test_a_damaged_file_or_a_rule_that_is_gone_takes_nothing_out_of_a_running_gate(run):
    said = []
    snapshot, modes = known(), gates_part(run.data, said)
    (run.data / FILE).write_text("[[mode]]\nrule = ")
    assert modes.settled(snapshot) is snapshot
    assert said[0].startswith("ALARM: retractions are not looked at")
    (run.data / FILE).unlink()
    run("retract", RULE)
    text = (run.data / FILE).read_text().replace(RULE, "kz-gone")
    (run.data / FILE).write_text(text)
    assert modes.settled(snapshot) is snapshot


def test_a_refused_snapshot_is_told_where_the_command_looks(tmp_path):
    said = []
    modes = gates_part(tmp_path, said)
    modes.tell(known())
    modes.hear("ALARM: the new snapshot is refused, the old one stays: own.toml:1: not TOML")
    told = read_in_force(tmp_path)
    assert (told.refusals, "own.toml:1" in told.refused, len(said)) == (1, True, 1)
    modes.tell(known())
    assert read_in_force(tmp_path).refusals == 1


def test_a_folder_that_cannot_be_written_keeps_no_gate_from_working(tmp_path):
    gates_part(tmp_path / "missing").tell(known())
    (tmp_path / IN_FORCE).write_text("[]")
    assert read_in_force(tmp_path) is None
    assert InForce(1, 0.0, "", "").modes == {}


def test_the_gate_is_the_process_that_has_the_lock_open_whatever_is_written_in_it(tmp_path):
    (tmp_path / "journal").mkdir()
    lock = tmp_path / "journal" / "lock"
    lock.write_text("1\n")
    assert gate_pid(tmp_path) == 0
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert gate_pid(tmp_path) == os.getpid()
    assert gate_pid(tmp_path) == 0
    assert gate_pid(tmp_path / "missing") == 0
