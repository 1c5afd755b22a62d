"""Findings of the ledger: proposals, once each, that a person decides on."""

import json

import pytest

from tosqauyl.registry import decisions
from tosqauyl.registry.actor import Actor
from tosqauyl.registry.errors import Forbidden, Invalid
from tosqauyl.registry.findings import QUIET_DAYS, Finding, take
from tosqauyl.registry.moments import DAY

PROGRAM = Actor("key:1f2e", "centre", scopes=frozenset({"findings:write"}))
FINDING = Finding(
    "+447700900666", "many-called-once", "one caller, many called persons, no answer", "2026-11-01T00:00:00.000Z",
    "2026-11-30T00:00:00.000Z", "many_called_once 0123456789012345", {"calls": 1_234_567_890, "called": 900},
)  # fmt: skip


def taken(registry, finding=FINDING):
    with registry.work(PROGRAM) as work:
        return take(work, finding)


def test_a_finding_is_proposed_once(registry):
    first, is_new = taken(registry)
    second, again = taken(registry)
    assert (first.id, is_new, again) == (second.id, True, False)
    assert (first.state, first.source, first.rule, first.verdict, first.listing) == (
        "proposed", "ledger", "many-called-once", "suspect", "mark",
    )  # fmt: skip
    texts = {one["slug"]: one["text"] for one in json.loads(first.reasons)}
    assert texts["counts"] == "called=900; calls=1234567890"
    assert texts["window"] == "2026-11-01T00:00:00.000Z/2026-11-30T00:00:00.000Z"


def test_another_rule_is_another_proposal(registry):
    first, _ = taken(registry)
    second, is_new = taken(registry, Finding(FINDING.number, "short-calls", "s", "", "", "q 1"))
    assert is_new
    assert first.id != second.id


def test_only_a_person_approves_it(registry, supervisor):
    made, _ = taken(registry)
    with pytest.raises(Forbidden), registry.work(Actor("key:9999", "centre")) as work:
        decisions.approve(work, made.id, made.version)
    with registry.work(supervisor) as work:
        assert decisions.approve(work, made.id, made.version).state == "active"
    assert taken(registry)[1] is False


def test_what_a_person_turned_down_is_not_proposed_again_for_a_while(registry, supervisor, clock):
    made, _ = taken(registry)
    with registry.work(supervisor) as work:
        decisions.revoke(work, made.id, made.version, "it is a taxi service")
    assert taken(registry)[1] is False
    clock[0] += QUIET_DAYS * DAY
    assert taken(registry)[1] is True


@pytest.mark.parametrize(
    "wrong",
    [
        Finding("no number", "rule", "s", "", "", "q"),
        Finding("+447700900666", "", "s", "", "", "q"),
        Finding("112", "rule", "s", "", "", "q", listing="block"),
        Finding("+447700900666", "rule", "he called 87011234567", "", "", "q"),
        Finding("+447700900666", "rule", "s", "", "", "q", {f"c{place}": 1 for place in range(21)}),
    ],
)
def test_a_finding_that_cannot_be_is_refused(registry, wrong):
    with pytest.raises(Invalid):
        taken(registry, wrong)
