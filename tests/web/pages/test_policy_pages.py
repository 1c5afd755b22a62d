"""Pages of the policy: rules, one rule promoted by two people and retracted by one, a draft, back-tests."""

import re
import sys
import time
from dataclasses import replace
from html import unescape

import pytest
from call_ledger import write_ledger
from policy_records import ANALYTIC, POLICY, RULE, RULES, WHY, effect, put_record
from sqlalchemy import select

from tosqauyl.policy.difference import compare
from tosqauyl.policy.load import shipped_text
from tosqauyl.registry import sessions
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import Account
from tosqauyl.texts import LANGUAGES
from tosqauyl.web.backtest_desk import BacktestDesk, backtests_of
from tosqauyl.web.pages.labels import LABELS

DAY_MS = 86_400_000
PLACE = f"/office/policy/rules/{RULE}"
FORM = {"mode": "canary", "percent": "5", "why": WHY}
LONG = "import sys, time; print('5 of 10 calls', file=sys.stderr, flush=True); time.sleep(600)"


@pytest.fixture
def ledger(office, tmp_path, clock):
    folder = tmp_path / "ledger"
    put_record(folder, clock[0] / 1000)
    office.calls = replace(office.calls, ledger=folder)
    yield folder
    backtests_of(office).stop()
    backtests_of(office).settled(30)


@pytest.fixture
def aida(staff, ledger):
    return staff("analyst", login="aida")


@pytest.fixture
def daniyar(staff, ledger):
    return staff("supervisor", login="daniyar")


def come_back(person, desk, registry):
    """A new session of the same account, as on another day."""
    with registry.work(SYSTEM) as work:
        which = work.db.scalars(select(Account.id).where(Account.login == person.login)).one()
        opened = sessions.enter_as(work, which, desk.rules, second_factor=True)
    person.cookies.set(desk.cookie("tosqauyl"), opened.token, domain="office.test")
    person.csrf = opened.csrf


def waiting(person):
    """Where the decision is that waits, and its version."""
    text = person.see(PLACE)
    place = re.search(rf"{PLACE}/decisions/[0-9a-f-]{{36}}", text)[0]
    return place, {"version": re.search(r'name="version" value="(\d+)"', text)[1]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_rules_are_shown_in_the_readers_language(aida, language):
    aida.language = language
    text = unescape(aida.see("/office/policy"))
    for rule in POLICY.rules:
        assert rule.id in text
        assert rule.texts[language] in text
        assert rule.law[language] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_rule_is_explained_in_the_readers_language(aida, language):
    aida.language = language
    text = unescape(aida.see(PLACE))
    assert RULES[RULE].texts[language] in text
    assert 'type="range"' in text
    assert "1,000,000" in text.replace("\xa0", ",")


def test_from_a_canary_to_enforce_by_two_people_and_back_by_one(aida, daniyar, clock, desk, registry):
    assert "done=proposed" in aida.done(f"{PLACE}/propose", FORM)
    place, seen = waiting(aida)
    assert "You proposed it" in aida.see(PLACE)
    assert aida.submit(f"{place}/approve", seen).status_code == 403
    assert "done=approved" in daniyar.done(f"{place}/approve", seen)
    assert "for some callers: 5 %" in daniyar.see(PLACE)
    clock[0] += DAY_MS + 1
    come_back(aida, desk, registry)
    come_back(daniyar, desk, registry)
    aida.done(f"{PLACE}/propose", {"mode": "enforce", "percent": "5", "why": ""})
    place, seen = waiting(daniyar)
    daniyar.done(f"{place}/approve", seen)
    assert '<span class="tag good">in force' in daniyar.see(PLACE)
    assert "done=retracted" in aida.done(f"{PLACE}/retract", {"why": "a hotel complains"})
    text = aida.see(PLACE)
    assert "a hotel complains" in text
    assert "Retract the rule" not in text


def test_nobody_approves_his_own_proposal_on_a_page(daniyar):
    daniyar.done(f"{PLACE}/propose", FORM)
    place, seen = waiting(daniyar)
    assert f"{place}/approve" not in daniyar.see(PLACE)
    assert daniyar.submit(f"{place}/approve", seen).status_code == 403


def test_the_share_is_shown_with_its_number_before_it_is_proposed(aida):
    text = aida.see(PLACE, mode="canary", percent="20")
    assert "For 20 per cent of callers" in text
    assert 'value="20" list=' in text
    assert 'name="percent" value="20"' in text
    for wrong in ("0", "100", "x", "٥"):
        assert "For 5 per cent of callers" in aida.see(PLACE, mode="canary", percent=wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_speaks_against_it_is_told_and_what_was_typed_comes_back(aida, ledger, clock, language):
    put_record(ledger, clock[0] / 1000, {RULE: effect(known_good=3)})
    aida.language = language
    got = aida.submit(f"{PLACE}/propose", FORM)
    assert got.status_code == 422
    assert WHY in got.text
    assert 'name="accept_known_good"' in got.text
    assert aida.submit(f"{PLACE}/propose", FORM | {"accept_known_good": "3"}).status_code == 303


def test_what_speaks_against_what_waits_is_told_to_whoever_should_approve_it(aida, daniyar, ledger, clock):
    aida.done(f"{PLACE}/propose", FORM)
    place, seen = waiting(daniyar)
    put_record(ledger, clock[0] / 1000, end=clock[0] / 1000 - 40 * 86_400)
    text = daniyar.see(PLACE)
    assert "are 40 days old" in text
    assert f"{place}/approve" not in text
    assert daniyar.submit(f"{place}/approve", seen).status_code == 422


def test_a_proposal_is_turned_down_with_a_reason(aida, daniyar):
    aida.done(f"{PLACE}/propose", FORM)
    place, seen = waiting(daniyar)
    assert daniyar.submit(f"{place}/turn-down", seen | {"why": ""}).status_code == 422
    daniyar.done(f"{place}/turn-down", seen | {"why": "the holidays are no measure"})
    assert "the holidays are no measure" in aida.see(PLACE)


def test_a_rule_without_a_back_test_offers_none_of_it(aida):
    text = aida.see("/office/policy/rules/kz-letters")
    assert "There is no back-test of this rule" in text
    assert "/propose" not in text


def test_an_auditor_sees_and_decides_nothing(staff, ledger):
    auditor = staff("auditor")
    text = auditor.see(PLACE)
    assert "/propose" not in text
    assert "/retract" not in text
    assert auditor.submit(f"{PLACE}/retract", {"why": "a hotel complains"}).status_code == 403


def test_a_rule_that_is_not_there_is_not_found(aida):
    aida.see("/office/policy/rules/no-such-rule", 404)
    aida.see("/office/policy/backtests/x", 404)


def test_every_part_of_a_rule_has_a_name():
    parts = {part.name for change in compare((), POLICY.rules).changes for part in change.parts}
    assert parts <= set(LABELS["rule-part"])
    assert {f"law.{language}" for language in LANGUAGES} <= parts


def test_a_draft_is_looked_at_its_mistakes_and_its_changes(aida):
    wrong = shipped_text().replace('verdict = "stop"', 'verdict = "stpo"', 1)
    text = aida.submit("/office/policy/draft", {"text": wrong}).text
    assert "stpo" in text
    assert "Mistakes: 1" in text
    changed = shipped_text().replace(RULES[RULE].texts["en"], "Something <b>else</b>.")
    text = aida.submit("/office/policy/draft", {"text": changed}).text
    assert "<ins>Something &lt;b&gt;else&lt;/b&gt;.</ins>" in text
    assert "<b>else" not in text
    assert "It changes nothing." in aida.submit("/office/policy/draft", {"text": shipped_text()}).text
    assert aida.submit("/office/policy/draft", {"text": ""}).status_code == 422


def test_a_draft_may_be_a_file(aida):
    def send(content):
        return aida.post(
            "/en/office/policy/draft/file", data={"csrf": aida.csrf}, files={"file": ("own.toml", content)},
            headers={"Origin": "https://office.test"},
        )  # fmt: skip

    assert "It changes nothing." in send(shipped_text().encode()).text
    assert send(b"\xff\xfe").status_code == 400
    assert send(b"").status_code == 422


def test_a_back_test_shows_how_far_it_is_renews_itself_and_can_be_left_and_ended(aida, office, tmp_path, monkeypatch):
    office.calls = replace(office.calls, ledger=write_ledger(tmp_path / "calls"), memory_mb=256)
    monkeypatch.setattr(BacktestDesk, "_command", lambda *_: (sys.executable, "-c", LONG))
    place = aida.done("/office/policy/backtests", {"first": "", "last": ""}).removeprefix("/en").partition("?")[0]
    text = aida.see(place)
    assert '<meta http-equiv="refresh"' in text
    assert "<progress" in text
    assert place in aida.see("/office/policy/backtests")
    assert aida.submit("/office/policy/backtests", {}).status_code == 409
    deadline = time.monotonic() + 30
    while "of 10 calls" not in aida.see(place):
        assert time.monotonic() < deadline
    assert 'max="10" value="5"' in aida.see(place)
    aida.done(f"{place}/cancel")
    backtests_of(office).settled(30)
    text = aida.see(place)
    assert "http-equiv" not in text
    assert "ended by somebody" in text


def test_a_back_test_that_is_done_shows_each_rule(aida, office, tmp_path):
    office.calls = replace(office.calls, ledger=write_ledger(tmp_path / "calls"), memory_mb=256)
    place = aida.done("/office/policy/backtests", {}).removeprefix("/en").partition("?")[0]
    backtests_of(office).settled(120)
    text = aida.see(place)
    assert "Attempts that were judged" in text, office.alarm.told
    assert "bt-" in text


def test_an_office_without_a_ledger_says_so(staff):
    person = staff("analyst")
    assert "this office has no ledger of calls" in person.see("/office/policy")
    assert "no calls to judge" in person.see("/office/policy/backtests")
    assert ANALYTIC in person.see("/office/policy")
