"""The policy over HTTP: rules, promotions by two people on a back-test, retractions by one, what gates take, drafts."""

import threading
import time
from dataclasses import replace

import pytest
from policy_records import ANALYTIC, POLICY, REPORT, RULE, RULES, WHY, effect, put_record

from tosqauyl.networks.office.modes import read_document
from tosqauyl.policy.load import shipped_text
from tosqauyl.policy.modes import standing
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.publish import head
from tosqauyl.web.office import PolicySource

DAY_MS = 86_400_000
CANARY = {"mode": "canary", "percent": 5, "why": WHY}


@pytest.fixture
def ledger(office, tmp_path, clock):
    """The folder of a ledger that has one back-test on record."""
    folder = tmp_path / "ledger"
    put_record(folder, clock[0] / 1000)
    office.calls = replace(office.calls, ledger=folder)
    return folder


@pytest.fixture
def analyst(client_as, ledger):
    return client_as("analyst")


@pytest.fixture
def supervisor(client_as, ledger):
    return client_as("supervisor")


@pytest.fixture
def gate(client_as, office, registry):
    """A gate's client: asks with a key's scope."""
    from tosqauyl.registry.actor import Actor
    from tosqauyl.registry.keys import KEY_SCOPES

    client = client_as("gate")
    believed = office.access.actor_of
    key = Actor("key:tq_000000000001", "centre", "centre", "gate", KEY_SCOPES["gate"])
    office.access.actor_of = lambda request: (
        key if request.headers.get("x-test-actor") == "gate@centre" else believed(request)
    )
    return client


def propose(client, rule=RULE, status=201, **said):
    answer = client.post(f"/v1/policy/rules/{rule}:propose", json=CANARY | said)
    assert answer.status_code == status, answer.text
    return answer.json()


def approve(client, decision, status=200):
    answer = client.post(f"/v1/policy/decisions/{decision['id']}:approve", json={"version": decision["version"]})
    assert answer.status_code == status, answer.text
    return answer.json()


def retract(client, rule=RULE, status=200):
    answer = client.post(f"/v1/policy/rules/{rule}:retract", json={"why": "a hotel complains"})
    assert answer.status_code == status, answer.text
    return answer.json()


def shown(client, rule=RULE):
    answer = client.get(f"/v1/policy/rules/{rule}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def against(answer):
    return [one["where"].removeprefix("check:") for one in answer["fields"]]


def test_every_rule_is_told_with_its_texts_law_and_mode(analyst):
    said = analyst.get("/v1/policy").json()
    assert [one["id"] for one in said["rules"]] == [rule.id for rule in POLICY.rules]
    one = next(one for one in said["rules"] if one["id"] == RULE)
    assert (one["text"], one["law"], one["mode"], one["verdict"]) == (
        dict(RULES[RULE].texts), dict(RULES[RULE].law), "monitor", "stop",
    )  # fmt: skip
    assert (said["hash"], said["revision"], said["missing"]) == (POLICY.hash, 0, "no-ledger")
    assert (one["counts"], one["false_stops"], one["held"], one["waiting"]) == (
        None,
        {"upheld": 0, "decided": 0},
        None,
        None,
    )


def test_from_a_proposal_to_a_rule_in_force_and_back(analyst, supervisor, clock):
    one = propose(analyst)
    assert (one["state"], one["backtest"], one["tested"]["decides"]) == ("proposed", REPORT, 400)
    assert one["reason"].endswith(f"0 of numbers known to be good, 0 of roamers; {WHY}")
    assert shown(analyst)["mode"] == "monitor"
    approve(analyst, one, status=403)
    assert approve(supervisor, one)["revision"] == 1
    found = shown(analyst)
    assert (found["mode"], found["percent"], found["in_use"], found["file_mode"]) == ("canary", 5, True, "monitor")
    assert against(propose(analyst, mode="enforce", percent=0, status=422)) == ["canary-too-short"]
    clock[0] += DAY_MS + 1
    two = propose(analyst, mode="enforce", percent=0)
    approve(supervisor, two)
    assert shown(analyst)["mode"] == "enforce"
    clock[0] += 1
    assert retract(analyst)["revision"] == 3
    found = shown(analyst)
    assert (found["mode"], [one["state"] for one in found["history"]]) == (
        "monitor",
        ["retracted", "approved", "approved"],
    )
    assert propose(analyst)["state"] == "proposed", "from the beginning again"


def test_nobody_approves_his_own_proposal_in_any_way(supervisor, client_as, ledger):
    one = propose(supervisor)
    approve(supervisor, one, status=403)
    approve(client_as("supervisor", name="key:tq_1"), one, status=403)
    assert shown(supervisor)["mode"] == "monitor"


@pytest.mark.parametrize(
    ("slugs", "effects", "said"),
    [
        (["skips-canary"], {}, {"mode": "enforce", "percent": 0}),
        (["reason"], {}, {"mode": "enforce", "percent": 0, "skip_canary": True, "why": "short"}),
        (["known-good"], {"known_good": 3}, {}),
        (["known-good"], {"known_good": 3}, {"accept_known_good": "4"}),
        (["roamers"], {"roamers": 2}, {}),
        (["other-content"], {"key": "000000000000"}, {}),
        (["no-record"], {}, {"backtest": "bt-000000000000"}),
    ],
)
def test_what_speaks_against_it_is_said_and_nothing_is_written(analyst, ledger, clock, slugs, effects, said):
    put_record(ledger, clock[0] / 1000, {RULE: effect(**effects)})
    assert against(propose(analyst, status=422, **said)) == slugs
    checked = analyst.post(f"/v1/policy/rules/{RULE}:check", json=CANARY | said).json()
    assert [one["slug"] for one in checked["refusals"]] == slugs
    assert all(set(one["text"]) == {"kk", "ru", "en"} for one in checked["refusals"])
    assert analyst.get("/v1/policy/decisions").json()["items"] == []


def test_a_number_that_is_accepted_is_kept_with_the_proposal_and_holds_at_the_approval(
    analyst, supervisor, ledger, clock
):
    put_record(ledger, clock[0] / 1000, {RULE: effect(known_good=3)}, good=("list",))
    one = propose(analyst, accept_known_good="3")
    assert approve(supervisor, one)["tested"]["known_good"] == 3


def test_all_is_looked_at_once_more_when_it_is_approved(analyst, supervisor, ledger, clock):
    one = propose(analyst)
    clock[0] += 40 * DAY_MS
    assert against(approve(supervisor, one, status=422)) == ["too-old"]
    (ledger / "backtests" / f"{REPORT}.json").unlink()
    assert against(approve(supervisor, one, status=422)) == ["no-record"]


def test_a_rule_that_was_changed_since_is_not_approved(analyst, supervisor, office, tmp_path, ledger):
    own = tmp_path / "own.toml"
    own.write_text(shipped_text())
    office.policy = PolicySource(str(own))
    one = propose(analyst)
    when = RULES[RULE].when
    own.write_text(shipped_text().replace(when, when.replace("network_kind = 'fixed' OR ", "")))
    answer = approve(supervisor, one, status=409)
    assert "was changed since" in answer["detail"]


def test_a_rule_is_retracted_while_the_policy_file_has_mistakes(analyst, office, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text("[policy]\n")
    office.policy = PolicySource(str(own))
    assert analyst.get("/v1/policy").status_code == 422
    assert retract(analyst, "some-rule")["mode"] == "monitor"
    assert retract(analyst, "some-rule", status=409)
    assert any("the policy has mistakes" in line for line in office.alarm.told)


def test_a_misspelt_rule_is_not_there(analyst):
    retract(analyst, "kz-fixed-abraod", status=404)
    propose(analyst, "kz-fixed-abraod", status=404)
    assert analyst.get("/v1/policy/rules/kz-fixed-abraod").status_code == 404


def test_a_proposal_is_turned_down_and_decisions_are_listed(analyst, supervisor, clock):
    one = propose(analyst)
    clock[0] += 1
    two = propose(analyst, ANALYTIC)
    answer = supervisor.post(
        f"/v1/policy/decisions/{one['id']}:turn-down",
        json={"version": one["version"], "why": "the holidays are no measure"},
    )
    assert (answer.status_code, answer.json()["decided_why"]) == (200, "the holidays are no measure")
    waiting = analyst.get("/v1/policy/decisions", params={"state": "proposed"}).json()["items"]
    assert [each["id"] for each in waiting] == [two["id"]]
    of_rule = analyst.get("/v1/policy/decisions", params={"rule": RULE}).json()["items"]
    assert [each["state"] for each in of_rule] == ["turned-down"]
    page = analyst.get("/v1/policy/decisions", params={"limit": 1}).json()
    assert (len(page["items"]), page["next"]) == (1, two["id"])


def test_the_policy_is_the_centres_alone(client_as, ledger):
    tenant = client_as("supervisor", "kcell")
    for method, path, body in (
        ("GET", "/v1/policy", None), ("GET", f"/v1/policy/rules/{RULE}", None), ("GET", "/v1/policy/decisions", None),
        ("POST", f"/v1/policy/rules/{RULE}:propose", CANARY), ("POST", f"/v1/policy/rules/{RULE}:check", CANARY),
        ("POST", f"/v1/policy/rules/{RULE}:retract", {"why": "a hotel"}), ("POST", "/v1/policy/draft:check", {"text": "x"}),
        ("GET", "/v1/policy/backtests", None),
    ):  # fmt: skip
        answer = tenant.request(method, path, json=body)
        assert answer.status_code == 403, (path, answer.text)


def test_gates_take_what_holds_as_one_document_that_they_can_read(analyst, supervisor, gate, registry):
    answer = gate.get("/v1/publications/modes")
    assert answer.status_code == 200, answer.text
    empty = read_document(answer.content)
    with registry.read(SYSTEM) as work:
        assert (empty.office, empty.revision, empty.modes) == (head(work).list, 0, ())
    propose(analyst, ANALYTIC)
    approve(supervisor, propose(analyst))
    found = read_document(gate.get("/v1/publications/modes").content)
    (one,) = found.modes
    assert (found.revision, one.rule, one.mode, one.percent, one.report) == (1, RULE, "canary", 5, REPORT)
    assert one.made_for == standing(RULES[RULE])
    assert one.tested == (1_000_000, (31 * 86_400 - 3600), 400, 0, 0)
    retract(analyst)
    (one,) = read_document(gate.get("/v1/publications/modes").content).modes
    assert (one.mode, one.report, one.reason) == (
        "monitor",
        "",
        "retracted at 2026-11-30T07:00:00.000Z: a hotel complains",
    )


def test_nothing_new_is_told_by_its_tag(analyst, gate):
    first = gate.get("/v1/publications/modes")
    same = gate.get("/v1/publications/modes", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    retract(analyst)
    changed = gate.get("/v1/publications/modes", headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["ETag"] != first.headers["ETag"]) == (200, True)


def test_a_gate_that_waits_is_answered_when_a_rule_is_retracted(analyst, gate):
    tag = gate.get("/v1/publications/modes").headers["ETag"]
    got = []

    def wait():
        began = time.monotonic()
        answer = gate.get("/v1/publications/modes", params={"wait": 20}, headers={"If-None-Match": tag})
        got.append((answer.status_code, time.monotonic() - began))

    waiting = threading.Thread(target=wait)
    waiting.start()
    retract(analyst)
    waiting.join(20)
    assert got[0][0] == 200
    assert got[0][1] < 5


def test_only_a_gates_key_takes_the_modes(analyst, supervisor, client_as):
    assert [one.get("/v1/publications/modes").status_code for one in (analyst, supervisor, client_as())] == [
        403,
        403,
        401,
    ]


def test_a_draft_with_mistakes_is_told_each_with_its_line(analyst):
    text = shipped_text().replace('verdict = "stop"', 'verdict = "stpo"', 1).replace("caller_kind", "caller_knd", 1)
    said = analyst.post("/v1/policy/draft:check", json={"text": text}).json()
    lines = text.splitlines()
    assert len(said["mistakes"]) == said["mistakes_in_all"] >= 2
    assert any("stpo" in lines[one["line"] - 1] for one in said["mistakes"])
    assert said["changes"] == []


def test_a_draft_is_compared_with_the_policy_in_its_modes(analyst, supervisor):
    approve(supervisor, propose(analyst))
    said = analyst.post("/v1/policy/draft:check", json={"text": shipped_text()}).json()
    assert (said["mistakes"], said["changes"], said["same"]) == ([], [], len(POLICY.rules))
    text = shipped_text().replace(RULES[RULE].texts["en"], "Something else.")
    said = analyst.post("/v1/policy/draft:check", json={"text": text}).json()
    (change,) = said["changes"]
    assert (change["rule"], change["kind"], change["needs_backtest"]) == (RULE, "changed", False)
    assert [(part["name"], part["after"]) for part in change["parts"]] == [("text.en", "Something else.")]


def test_a_draft_that_is_too_long_or_has_controls_is_refused(analyst):
    for text in ("x" * 262_145, "a\x00b", ""):
        assert analyst.post("/v1/policy/draft:check", json={"text": text}).status_code == 422


def test_calls_are_counted_by_rule(office, client_as, tmp_path):
    from call_ledger import DAY, write_ledger
    from call_ledger import RULE as LIVE

    office.calls = replace(office.calls, ledger=write_ledger(tmp_path / "calls"), memory_mb=256)
    own = tmp_path / "own.toml"
    own.write_text(shipped_text().replace(f'id = "{RULE}"', f'id = "{LIVE}"'))
    office.policy = PolicySource(str(own))
    window = {"first": (DAY.replace(day=DAY.day - 1)).isoformat(), "last": DAY.isoformat()}
    said = client_as("analyst").get("/v1/policy", params=window).json()
    one = next(one for one in said["rules"] if one["id"] == LIVE)
    assert (said["missing"], one["counts"]) == ("", {"hits": None, "decided": 8, "watched": 20})


def test_appeals_count_for_the_rule_and_for_its_reason(analyst, registry, belongings, clock):
    from tosqauyl.registry.tables import Appeal

    belongings("kcell")
    with registry.work(SYSTEM) as work:
        appeal = work.db.query(Appeal).one()
        appeal.state, appeal.rule, appeal.decided = "upheld", RULES[RULE].reason.value, clock[0]
    assert shown(analyst)["false_stops"] == {"upheld": 1, "decided": 1}
