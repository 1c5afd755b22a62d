"""Calls over the API: looked for by everything a ledger knows of them, explained one by one, shown in clear for a purpose only."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from explained_calls import AT, BRITISH, CALLED, KEY, SCRIPT, SILENT, SINCE, STOPPED, UNTIL, write_calls
from sqlalchemy import select

from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.merge import merge
from tosqauyl.ledger.policies import keep_policy
from tosqauyl.ledger.store import Store
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.tables import AuditEntry
from tosqauyl.tokens import Tokens

WINDOW = {"since": SINCE, "until": UNTIL}
SEARCH = "/v1/calls:search"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_calls(tmp_path_factory.mktemp("calls") / "ledger", more=7)


@pytest.fixture
def ledger(office, folder):
    office.calls = replace(office.calls, ledger=folder, memory_mb=256, tokens=(Tokens(b"x" * 32), Tokens(KEY)))
    return folder


@pytest.fixture
def analyst(ledger, client_as):
    return client_as("analyst")


def found(client, status: int = 200, **asked: Any) -> Any:
    answer = client.post(SEARCH, json=WINDOW | asked)
    assert answer.status_code == status, answer.text
    return answer.json()


def callers(client, **asked: Any) -> list[str]:
    return [one["calling"] for one in found(client, **asked)["items"]]


def explained(client, **asked: Any) -> Any:
    """The one call that is asked for, explained."""
    (one,) = found(client, **asked)["items"]
    answer = client.get(f"/v1/calls/{one['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def notes(office) -> list[AuditEntry]:
    with office.registry.read(SYSTEM) as work:
        return list(work.db.scalars(select(AuditEntry).where(AuditEntry.what == "call").order_by(AuditEntry.seq)))


def test_calls_come_newest_first_with_their_numbers_masked(analyst):
    items = found(analyst)["items"]
    assert len(items) == 11
    assert [one["at"] for one in items] == sorted((one["at"] for one in items), reverse=True)
    stopped = items[-1]
    assert (stopped["verdict"], stopped["reason"], stopped["rule"]) == ("stop", "mobile-at-home", "kz-mobile-home")
    assert (stopped["calling"], stopped["called"][:2], stopped["at"]) == (
        "+7701***4567",
        "t:",
        "2026-11-30T05:00:00.000Z",
    )
    text = json.dumps(items)
    assert not [number for number in (STOPPED, BRITISH, SILENT, CALLED, "192.0.2") if number in text]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_hold_every_call_once_also_those_of_one_moment(analyst, limit):
    seen, cursor = [], None
    while True:
        page = found(analyst, limit=limit, cursor=cursor)
        seen += [one["id"] for one in page["items"]]
        assert len(page["items"]) <= limit
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [one["id"] for one in found(analyst)["items"]]
    assert len(set(seen)) == 11


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"verdict": "stop"}, 1), ({"would_verdict": "stop"}, 1), ({"reason": "mobile-at-home"}, 1), ({"rule": "kz-mobile-home"}, 1),
        ({"trunk": "t-west"}, 2), ({"carrier": f"north{SCRIPT}"}, 9), ({"country": "kz"}, 2), ({"country": "GB"}, 9),
        ({"sip_call_id": "three@192.0.2.1"}, 1), ({"trunk": "t-west", "verdict": "pass"}, 1), ({"trunk": "' OR '1'='1"}, 0),
        ({"until": "2026-11-30T05:00:01Z"}, 1), ({"since": "2026-11-30T05:00:03Z"}, 7),
    ],
)  # fmt: skip
def test_all_that_is_asked_for_must_hold(analyst, asked, count):
    assert len(found(analyst, **asked)["items"]) == count


@pytest.mark.parametrize("text", [STOPPED, "8 701 123 45 67", "+7 (701) 123-45-67", "77011234567"])
def test_a_calling_number_is_found_however_it_is_written(analyst, text):
    assert callers(analyst, calling=text) == ["+7701***4567"]


def test_a_called_number_is_found_by_its_token_under_any_of_the_keys(analyst):
    assert len(found(analyst, called="8 7172 55 50 01")["items"]) == 11
    assert found(analyst, called="+77172555002")["items"] == []


def test_a_token_as_answers_show_it_finds_the_other_calls_to_the_same_number(analyst):
    token = found(analyst, verdict="stop")["items"][0]["called"]
    assert len(found(analyst, called=token)["items"]) == 11


def test_without_a_key_a_number_that_may_be_a_token_is_refused_and_never_told_as_no_calls(analyst, office):
    office.calls = replace(office.calls, tokens=())
    refused = found(analyst, 422, called=CALLED)
    assert refused["type"].endswith("refused")
    assert "tokens" in refused["detail"]
    assert "ledger.token_keys" in refused["hint"]
    assert callers(analyst, calling=STOPPED) == ["+7701***4567"], "calling numbers are there in clear"


def test_that_a_number_was_looked_for_is_written_down_without_it(analyst, office):
    found(analyst, calling=STOPPED)
    found(analyst, verdict="stop")
    (entry,) = notes(office)
    assert (entry.verb, entry.detail) == ("look-up", "by a calling number")


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"until": SINCE}, "/until"), ({"since": "2025-11-01T00:00:00Z"}, "/until"), ({"calling": "   "}, "/calling"),
        ({"verdict": "none"}, "/verdict"), ({"limit": 201}, "/limit"), ({"cursor": "00000000-0000-0000-0000-000000000007"}, "/cursor"),
        ({"since": None}, "/since"), ({"number": STOPPED}, "/"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told_at_its_place(analyst, asked, where):
    refused = found(analyst, 422, **asked)
    assert [one["where"] for one in refused["fields"]] == [where], refused


def test_a_stopped_call_is_explained_by_the_rule_that_stopped_it(analyst):
    call = explained(analyst, verdict="stop")
    assert call["said"]["en"] == "The call was stopped: Kazakh mobile that is at home."
    assert set(call["said"]) == {"kk", "ru", "en"}
    assert call["policy"]["known"]
    assert call["policy"]["same"]
    by_part = {one["part"]: one for one in call["rules"]}
    decided = by_part["decided"]
    assert (decided["id"], decided["held"], decided["mode"], decided["tier"]) == (
        "kz-mobile-home",
        True,
        "enforce",
        "screen",
    )
    assert decided["law"] == next(dict(rule.law) for rule in load_shipped().rules if rule.id == decided["id"])
    assert "network_subscriber" in decided["facts"]
    assert [one["id"] for one in call["rules"]] == [rule.id for rule in load_shipped().rules]
    not_held = next(one for one in call["rules"] if one["id"] == "kz-mobile-abroad")
    assert (not_held["held"], not_held["part"]) == (False, "no")
    assert "abroad" in not_held["against"]["en"]
    assert "12 s ago" in call["networks"]["en"]


def test_facts_are_told_with_what_is_not_known_and_what_is_hidden(analyst):
    facts = {one["name"]: one for one in explained(analyst, verdict="stop")["facts"]}
    assert (facts["caller"]["value"], facts["caller"]["state"]) == ("+7701***4567", "known")
    assert (facts["trunk_calls_1h"]["state"], facts["trunk_calls_1h"]["text"]["en"]) == ("unknown", "not known")
    assert (facts["redirecting"]["state"], facts["redirecting"]["text"]["en"]) == ("unknown", "none")
    assert (facts["caller_calls_1m"]["value"], facts["caller_calls_1m"]["group"]) == (3, "rates")
    for name in ("call_id", "display_name", "source"):
        assert (facts[name]["value"], facts[name]["state"]) == (None, "hidden")
    assert facts["network_subscriber"]["text"]["en"] != "home", "in words"


def test_a_call_that_rules_only_watched_says_what_they_would_have_done(analyst):
    call = explained(analyst, trunk="t-west", verdict="pass")
    assert call["rules"]
    assert "a network did not answer in time" in call["more"]["en"]
    assert "did not answer in time" in call["networks"]["en"]


def test_what_became_of_a_call_is_told_as_far_as_it_was_told(analyst):
    ended = explained(analyst, sip_call_id="two@192.0.2.1")["end"]
    assert (ended["told"], ended["answered"], ended["duration"], ended["hung_up"]) == (True, "yes", 42.0, "caller")
    silent = explained(analyst, verdict="stop")["end"]
    assert (silent["computable"], silent["told"], silent["answered"]) == (True, False, "unknown")


def test_without_any_word_about_ends_that_is_not_computable(analyst, office, tmp_path):
    office.calls = replace(office.calls, ledger=write_calls(tmp_path / "ledger", outcomes=False))
    ended = explained(analyst, verdict="stop")["end"]
    assert not ended["computable"]
    assert ended["text"]["en"].startswith("Not computable")


@pytest.fixture
def other_policy():
    """The shipped rules with one in another mode: a policy of another hash."""
    return load_shipped().with_modes([ModeOverride("kz-burst", "off", 0, "", "", date(2026, 11, 1))])


def test_a_policy_that_is_not_kept_leaves_what_was_written_down(analyst, office, tmp_path, other_policy):
    office.calls = replace(office.calls, ledger=write_calls(tmp_path / "ledger", policy=other_policy))
    call = explained(analyst, verdict="stop")
    assert (call["policy"]["known"], call["policy"]["name"], call["rules"]) == (False, "", [])
    assert call["policy"]["held"] >= 1
    assert other_policy.hash in call["policy"]["text"]["en"]
    assert call["said"]["en"].startswith("The call was stopped")
    assert call["call"]["rule"] == "kz-mobile-home"


def test_a_policy_that_is_kept_beside_the_ledger_explains_its_calls(analyst, office, tmp_path, other_policy):
    folder = write_calls(tmp_path / "ledger", policy=other_policy)
    keep_policy(folder, other_policy)
    office.calls = replace(office.calls, ledger=folder)
    call = explained(analyst, verdict="stop")
    assert call["policy"]["same"]
    assert len(call["rules"]) == len(other_policy.rules)


def test_a_kept_policy_that_was_changed_is_not_believed(analyst, office, tmp_path, other_policy):
    folder = write_calls(tmp_path / "ledger", policy=other_policy)
    keep_policy(folder, other_policy)
    path = folder / "policies" / f"{other_policy.hash}.json"
    path.write_text(path.read_text().replace("kz-mobile-home", "kz-mobile-hxme"))
    office.calls = replace(office.calls, ledger=folder)
    assert not explained(analyst, verdict="stop")["policy"]["known"]


def test_an_id_stays_the_same_when_files_are_merged(analyst, office, tmp_path):
    folder = write_calls(tmp_path / "ledger", more=3)
    write_again(folder)
    office.calls = replace(office.calls, ledger=folder)
    before = found(analyst)["items"]
    assert len(before) == 8
    assert sum(one.before for one in merge(Store(folder), AT + 10 * 86_400.0)) >= 2
    assert found(analyst)["items"] == before
    assert analyst.get(f"/v1/calls/{before[0]['id']}").json()["call"] == before[0]


def write_again(folder: Path) -> None:
    """A second file of the same day: one call an hour earlier."""
    first = next(iter(Store(folder).manifest().of("calls")))
    con = connect(Means(threads=1))
    source = f"read_parquet('{folder / first.path}', hive_partitioning = false)"
    again = f'SELECT * REPLACE ("at" - 3600 AS "at") FROM {source} LIMIT 1'
    Store(folder).write(con, again, Batch("calls", "gate:other-1", "1", first.recorded))
    con.close()


@pytest.mark.parametrize("which", ["00000000-0000-0000-0000-000000000007", "0000657f-ffff-8fff-bfff-ffffffffffff"])
def test_an_id_that_no_call_has_is_not_found(analyst, which):
    assert analyst.get(f"/v1/calls/{which}").status_code == 404
    assert analyst.post(f"/v1/calls/{which}:open", json={"purpose": "complaint"}).status_code == 404


def test_numbers_in_clear_need_a_purpose_that_is_written_down(analyst, office):
    (one,) = found(analyst, verdict="stop")["items"]
    place = f"/v1/calls/{one['id']}:open"
    assert analyst.post(place, json={"purpose": ""}).status_code == 422
    assert analyst.post(place, json={"purpose": "he has +77011234567"}).status_code == 422
    assert not notes(office)
    opened = analyst.post(place, json={"purpose": "complaint of a subscriber"})
    assert opened.status_code == 200, opened.text
    values = opened.json()["values"]
    assert (values["caller"], values["call_id"], values["display_name"]) == (STOPPED, "one@192.0.2.1", SCRIPT)
    assert values["called"].startswith("t:"), "the ledger does not have it in clear"
    (entry,) = notes(office)
    assert (entry.verb, entry.which, entry.purpose) == ("read-personal", one["id"], "complaint of a subscriber")


def test_who_may_not_read_personal_data_sees_masks_only(ledger, client_as):
    auditor = client_as("auditor")
    (one,) = found(auditor, verdict="stop")["items"]
    assert auditor.get(f"/v1/calls/{one['id']}").status_code == 200
    assert auditor.post(f"/v1/calls/{one['id']}:open", json={"purpose": "curiosity"}).status_code == 403


def test_calls_are_the_centres_alone(ledger, client_as):
    tenant = client_as("analyst", "kcell")
    assert tenant.post(SEARCH, json=WINDOW).status_code == 403
    assert tenant.get("/v1/calls/0000657f-ffff-8fff-bfff-ffffffffffff").status_code == 403


def test_without_a_ledger_it_is_said_what_to_set(client_as):
    answer = client_as("analyst").post(SEARCH, json=WINDOW)
    assert (answer.status_code, answer.json()["hint"]) == (404, "set ledger.folder in its configuration")
