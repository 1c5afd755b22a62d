"""modes.toml and modes.log: written whole, refused when damaged, and what of them holds beside policy and configuration."""

import json
import multiprocessing
import stat
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.cli.build import built_of
from tosqauyl.config.load import default_config, with_changes
from tosqauyl.config.modes_file import (
    FILE,
    LOG,
    Backtested,
    Change,
    SetMode,
    left_out,
    merged,
    mode_line,
    parse_modes,
    promote_mode,
    read_modes,
    render_modes,
    restored,
    retract_mode,
)
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.ledger import backtest_record
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.modes import rule_key, standing
from tosqauyl.policy.rule import ModeOverride

POLICY = load_shipped()
RULES = {rule.id: rule for rule in POLICY.rules}
RULE = "kz-fixed-abroad"
DAY = date(2026, 11, 20)
WHY = "back-test bt-0123456789ab: would have decided 400 of 1000000 attempts"


def promoted(rule: str = RULE, mode: str = "enforce", percent: int = 0, reason: str = WHY) -> SetMode:
    made_for = standing(RULES[rule]) if rule in RULES else "f926af2851e4 monitor"
    about = reason, "fraud desk", DAY, "bt-0123456789ab", made_for, 1_795_000_000
    return SetMode(rule, mode, percent, *about, Backtested(1_000_000, 2_678_400, 400, 0, 0))


def retraction(rule: str = RULE) -> SetMode:
    return replace(
        promoted(rule, "monitor"), report="", reason="retracted at 2026-11-20 03:00:00 UTC", tested=Backtested()
    )


def change(new: SetMode | None, rule: str = RULE, action: str = "promote") -> Change:
    return Change(action, rule, "monitor", new.mode if new else "enforce", new, "fraud desk", 0, 1_795_000_000.5)


def configured(mode: str = "enforce", rule: str = RULE) -> ModeOverride:
    return ModeOverride(rule, mode, 0, "", "", DAY)


TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=20, max_size=200)


@given(
    TEXTS, TEXTS, st.integers(0, 2**40), st.integers(1, 99), st.lists(st.integers(-1, 2**40), min_size=5, max_size=5)
)
def test_what_is_written_is_read_again(reason, by, since, percent, counts):
    tested = Backtested(*(max(count, 0) for count in counts[:3]), *counts[3:])
    modes = (
        replace(promoted("a"), reason=reason, by=by, since=since, mode="canary", percent=percent, tested=tested),
        retraction("b"),
    )
    assert parse_modes(render_modes(modes), FILE) == modes


@given(st.data())
def test_a_file_that_was_cut_anywhere_is_refused(data):
    text = render_modes([promoted(), retraction("kz-short-caller")])
    place = data.draw(st.integers(0, len(text.rstrip()) - 1))
    with pytest.raises(FileMistakes):
        parse_modes(text[:place], FILE)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('mode = "enforce"', 'mode = "off"', "off is not one of"),
        ('report = "bt-0123456789ab"\n', "", "a rule decides only on a back-test"),
        ("tested_calls", "tested_cals", "is no key that is known"),
        ("modes = 1", "modes = 2", "the file was cut"),
        (WHY, "because", "has not 20 to 500 characters"),
        ('mode = "enforce"', 'mode = "canary"', "a canary needs it"),
    ],
)
def test_what_no_command_writes_is_refused(old, new, what):
    text = render_modes([promoted()])
    assert old in text
    with pytest.raises(FileMistakes, match=what):
        parse_modes(text.replace(old, new), FILE)


def test_no_file_is_no_modes(tmp_path):
    assert read_modes(tmp_path) == ()


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"[[mode]]\nrule", b""])
def test_damage_of_any_kind_is_told_with_what_to_do(tmp_path, damage):
    (tmp_path / FILE).write_bytes(damage)
    with pytest.raises(FileMistakes) as error:
        read_modes(tmp_path)
    assert "policy retract sets a damaged file aside" in str(error.value)


def test_files_are_for_their_owner_only_and_the_log_has_every_change(tmp_path):
    promote_mode(tmp_path, change(promoted()), None)
    promote_mode(tmp_path, change(promoted("kz-letters", "canary", 5), "kz-letters"), None)
    retract_mode(tmp_path, change(retraction(), action="retract"))
    assert [(one.rule, one.mode) for one in read_modes(tmp_path)] == [(RULE, "monitor"), ("kz-letters", "canary")]
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [(one["action"], one["rule"], one["report"]) for one in lines] == [
        ("promote", RULE, "bt-0123456789ab"),
        ("promote", "kz-letters", "bt-0123456789ab"),
        ("retract", RULE, ""),
    ]
    assert lines[0]["by"] == "fraud desk"
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_change_that_was_decided_on_another_state_is_refused_and_changes_nothing(tmp_path):
    promote_mode(tmp_path, change(promoted(mode="canary", percent=5)), None)
    seen = read_modes(tmp_path)[0]
    retract_mode(tmp_path, change(retraction(), action="retract"))
    with pytest.raises(TosqauylError, match="was changed meanwhile"):
        promote_mode(tmp_path, change(promoted()), seen)
    assert read_modes(tmp_path)[0].is_retraction


def _write(data: Path, rule: str) -> None:
    for percent in range(1, 6):
        seen = next((one for one in read_modes(data) if one.rule == rule), None)
        promote_mode(data, change(promoted(rule, "canary", percent), rule), seen)


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    names = [rule.id for rule in POLICY.rules[:4]]
    writers = [context.Process(target=_write, args=(tmp_path, name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    assert [(one.rule, one.percent) for one in read_modes(tmp_path)] == [(name, 5) for name in sorted(names)]
    assert len((tmp_path / LOG).read_text().splitlines()) == 20


def test_a_promotion_is_refused_on_a_damaged_file_and_a_retraction_makes_it_again_from_the_log(tmp_path):
    promote_mode(tmp_path, change(promoted()), None)
    retract_mode(tmp_path, change(retraction("kz-letters"), "kz-letters", "retract"))
    whole = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(whole[:300])
    with (tmp_path / LOG).open("a") as log:
        log.write('{"at": 1795')
    with pytest.raises(FileMistakes):
        promote_mode(tmp_path, change(promoted("kz-impossible"), "kz-impossible"), None)
    assert (tmp_path / FILE).read_text() == whole[:300], "the damaged file stays as it is"
    done = retract_mode(tmp_path, change(retraction(), action="retract"))
    assert done.aside is not None
    assert done.aside.read_text() == whole[:300]
    assert {one.rule: one.mode for one in read_modes(tmp_path)} == {RULE: "monitor", "kz-letters": "monitor"}
    assert restored(tmp_path) == {one.rule: one for one in read_modes(tmp_path)}, "the torn line harmed no other"


def test_a_retraction_stands_though_the_log_cannot_be_written(tmp_path):
    promote_mode(tmp_path, change(promoted()), None)
    (tmp_path / LOG).unlink()
    (tmp_path / LOG).mkdir()
    assert not retract_mode(tmp_path, change(retraction(), action="retract")).logged
    assert read_modes(tmp_path)[0].is_retraction
    with pytest.raises(TosqauylError, match="cannot be written"):
        promote_mode(tmp_path, change(promoted("kz-letters"), "kz-letters"), None)
    assert [one.rule for one in read_modes(tmp_path)] == [RULE], "no change without its line in the history"


@pytest.mark.parametrize(
    ("own", "chosen", "mode", "said"),
    [
        ((), promoted(), "enforce", ""),
        ((), retraction(), "monitor", ""),
        ((configured("monitor"),), promoted(), "monitor", "the configuration sets its mode"),
        ((configured("enforce"),), promoted(mode="canary", percent=5), "enforce", "the configuration sets its mode"),
        ((configured("enforce"),), retraction(), "monitor", "retracted, though the configuration says enforce"),
        ((configured("off"),), retraction(), "off", "the configuration sets its mode"),
        ((configured("off"),), promoted(), "off", "the configuration sets its mode"),
    ],
)
def test_which_of_configuration_and_commands_counts(own, chosen, mode, said):
    policy = POLICY.with_modes(merged(own, [chosen]))
    rule = next(rule for rule in policy.rules if rule.id == RULE)
    assert rule.mode == mode
    told = left_out(own, [chosen], policy.rules)
    assert [one.what for one in told if said in one.what] == [one.what for one in told]
    assert bool(told) == bool(said)


def test_a_retraction_holds_against_enforce_and_a_promotion_is_the_recorded_reason():
    held = POLICY.with_modes(merged((), [retraction()]))
    rule = next(rule for rule in held.rules if rule.id == RULE)
    assert (rule.mode_at(True, DAY), RULES[RULE].mode_at(True, DAY)) == ("monitor", "enforce")
    tested = POLICY.with_modes(merged((), [promoted("kz-sequential")]))
    rule = next(rule for rule in tested.rules if rule.id == "kz-sequential")
    assert rule.evidence is not None
    assert (rule.mode, rule.evidence.report, rule.evidence.by) == ("enforce", "bt-0123456789ab", "fraud desk")
    assert tested.hash != POLICY.hash != held.hash


def changed_policy(**values):
    rules = tuple(replace(rule, **values) if rule.id == RULE else rule for rule in POLICY.rules)
    return replace(POLICY, rules=rules)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"condition": RULES["kz-letters"].condition}, "was changed since its back-test"),
        ({"tier": "listed"}, "was changed since its back-test"),
        ({"mode": "canary", "percent": 3}, "the policy file's mode of the rule was changed"),
        ({"mode": "off"}, "the policy file turned the rule off"),
        ({"id": "another"}, "the policy has no such rule any more"),
    ],
)
def test_a_promotion_is_left_out_where_the_rule_is_not_what_was_tested_and_that_is_said(values, said):
    policy = changed_policy(**values)
    settled = policy.with_modes(merged((), [promoted()]))
    assert settled.rules == policy.rules
    (told,) = left_out((), [promoted()], settled.rules)
    assert (told.rule, said in told.what) == (RULE, True), told


def test_a_new_text_of_the_rule_needs_no_new_back_test():
    policy = changed_policy(
        law=dict.fromkeys(("kk", "ru", "en"), "another order"), texts={"kk": "а", "ru": "б", "en": "c"}
    )
    rule = next(rule for rule in policy.with_modes(merged((), [promoted()])).rules if rule.id == RULE)
    assert rule.mode == "enforce"


def test_a_retraction_holds_also_of_a_rule_that_was_changed():
    policy = changed_policy(tier="listed", mode="enforce")
    rule = next(rule for rule in policy.with_modes(merged((), [retraction()])).rules if rule.id == RULE)
    assert (rule.mode, rule.promote) == ("monitor", False)


def test_a_back_test_and_a_promotion_mean_the_same_content():
    assert backtest_record.rule_key is rule_key


def test_a_snapshot_is_built_with_the_modes_and_one_of_a_rule_that_is_gone_is_named(tmp_path):
    promote_mode(tmp_path, change(promoted()), None)
    promote_mode(tmp_path, change(promoted("kz-gone"), "kz-gone"), None)
    said: list[str] = []
    built = built_of(with_changes(default_config(), data=str(tmp_path)), say=said.append)
    modes = {rule.id: rule.mode for rule in built.snapshot.policy.rules}
    assert modes[RULE] == "enforce"
    assert [line for line in said if "modes.toml" in line] == [
        f"{tmp_path / FILE}: mode of rule kz-gone: the policy has no such rule any more"
    ]
    assert [(one.kind, one.size > 0) for one in built.inputs if one.kind == "modes"] == [("modes", True)]


def test_a_damaged_file_is_told_with_the_mistakes_of_all_others_and_nothing_is_built(tmp_path):
    (tmp_path / FILE).write_text(render_modes([promoted()])[:200])
    (tmp_path / "policy.toml").write_text("nothing = 1\n")
    config = with_changes(default_config(), data=str(tmp_path), policy=str(tmp_path / "policy.toml"))
    with pytest.raises(FileMistakes) as error:
        built_of(config)
    assert FILE in str(error.value)
    assert "there is no table or key 'nothing' here" in str(error.value)


def test_the_line_of_a_configured_mode_is_found():
    text = f'enforce = true\n\n[[mode]]\nrule = "other"\nmode = "off"\n[[mode]]\nmode = "off"\nrule = "{RULE}"\n'
    assert mode_line(text, "gate.toml", RULE) == 8
    assert mode_line(text, "gate.toml", "none") == 0
