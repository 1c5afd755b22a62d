"""An office and a gate that follows its modes, real processes: promoted by two people a rule stops the next call, retracted by one
it lets the next one pass."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from peer_office import OfficeProcess
from test_office_story import RunningGate, until

from tosqauyl.ledger.backtest_record import BacktestRecord, RuleEffect, write_record
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.modes import rule_key

pytestmark = pytest.mark.peers()

RULE = "kz-fixed-abroad"
CALLER = "+77172123456"
WITHIN = 5.0
"""Seconds that a gate has to obey a retraction."""
PROMOTED = 60.0
"""Seconds for a new snapshot on a busy machine."""
WANTED = {"mode": "enforce", "percent": 0, "skip_canary": True, "why": "a trial in the tests, on nobody's calls"}


def put_record(ledger: Path) -> None:
    rule = next(rule for rule in load_shipped().rules if rule.id == RULE)
    now, effect = time.time(), RuleEffect(rule_key(rule), "stop", 412, 400, 0, 0, 0)
    ledger.mkdir(mode=0o700, parents=True)
    write_record(ledger, BacktestRecord(
        "bt-0123456789ab", now - 60, "kz-border", load_shipped().hash, "", "7-0123456789ab", now - 31 * 86400, now - 3600,
        1_000_000, 400, 0, ("answered",), (), {RULE: effect},
    ))  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeProcess]:
    put_record(tmp_path / "ledger")
    made = OfficeProcess(tmp_path, more=f'[ledger]\nfolder = "{tmp_path / "ledger"}"\n')
    made.make()
    made.start()
    try:
        made.account("aida", "analyst")
        made.account("daniyar", "supervisor")
        yield made
    finally:
        made.stop()


class FollowingGate(RunningGate):
    """A gate that follows the office's modes, too, and enforces nothing by itself."""

    more, words = "modes = true\n", ()


@pytest.fixture
def gate(office: OfficeProcess, tmp_path: Path) -> Iterator[FollowingGate]:
    running = FollowingGate(tmp_path, office.url, office.command("key", "add", "border", "--role", "gate"))
    try:
        yield running
    finally:
        running.stop()


def test_a_rule_is_promoted_by_two_people_and_retracted_by_one(office: OfficeProcess, gate: FollowingGate) -> None:
    aida, daniyar = office.sign_in("aida"), office.sign_in("daniyar")
    assert gate.call(CALLER) == 302
    one = aida.post(f"/v1/policy/rules/{RULE}:propose", WANTED)
    aida.post(f"/v1/policy/decisions/{one['id']}:approve", {"version": one["version"]}, status=403)
    assert gate.call(CALLER) == 302, "a proposal stops nobody"
    daniyar.post(f"/v1/policy/decisions/{one['id']}:approve", {"version": one["version"]})
    print(f"\npromoted: a call is stopped {until(lambda: gate.call(CALLER) == 603, PROMOTED):.2f} s after the approval")
    aida.post(f"/v1/policy/rules/{RULE}:retract", {"why": "a hotel complains"})
    print(f"retracted: a call passes {until(lambda: gate.call(CALLER) == 302, WITHIN):.2f} s after the retraction")
    assert "user:aida" in (gate.folder / "gate" / "office-modes.json").read_text()


def test_a_gate_keeps_its_modes_while_the_office_is_away_and_across_a_restart(
    office: OfficeProcess, gate: FollowingGate, tmp_path: Path
) -> None:
    aida, daniyar = office.sign_in("aida"), office.sign_in("daniyar")
    one = aida.post(f"/v1/policy/rules/{RULE}:propose", WANTED)
    daniyar.post(f"/v1/policy/decisions/{one['id']}:approve", {"version": one["version"]})
    until(lambda: gate.call(CALLER) == 603, PROMOTED)
    office.kill()
    assert [gate.call(CALLER) for _ in range(20)] == [603] * 20
    gate.restart()
    assert gate.call(CALLER) == 603, "without the office"
    office.start()
    office.sign_in("aida").post(f"/v1/policy/rules/{RULE}:retract", {"why": "a hotel complains"})
    took = until(lambda: gate.call(CALLER) == 302, WITHIN)
    print(f"\nretracted after an outage: a call passes {took:.2f} s after the retraction")
    gate.restart()
    assert gate.call(CALLER) == 302, "a retraction is not forgotten"
