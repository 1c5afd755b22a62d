"""Looking up: what was published, nothing else, and what is not found."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from tosqauyl.registry import observables
from tosqauyl.registry.actor import CITIZEN, SYSTEM
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.lookup import KINDS, PUBLIC_KINDS, Question, check, domains_of, reason_texts
from tosqauyl.registry.tables import Indicator, ProtectedIdentity
from tosqauyl.registry.words import VERDICTS

NUMBER = "+77011234567"
DAY = 86_400_000


def publish(registry, kind, value, organisation="centre", **more):
    """An indicator of a value, active and public unless told otherwise."""
    with registry.work(SYSTEM) as work:
        said = {
            "verdict": "fraud", "confidence": 90, "source": "report", "state": "active", "valid_from": work.now - DAY,
            "valid_until": work.now + DAY, "created": work.now - DAY, "approved_by": "user:daniyar", "scheme": "safe-account",
        } | more  # fmt: skip
        seen = observables.observe(work, kind, value)
        work.db.add(Indicator(id=work.new_id(), organisation=organisation, observable=seen.id, **said))


def ask(registry, kind, value):
    with registry.read(CITIZEN) as work:
        return check(work, [Question(kind, value)])[0]


def test_a_published_number_is_known_with_verdict_scheme_since_until_reasons_and_who_decided(registry, clock):
    reasons = json.dumps([{"slug": "reported", "text": "called my mother"}, {"slug": "gossip", "text": "secret"}])
    publish(registry, "phone", NUMBER, reasons=reasons)
    found = ask(registry, "phone", "8 701 123 45 67")
    (said,) = found.said
    assert found.known
    assert (said.kind, said.verdict, said.scheme, said.decided_by) == ("phone", "fraud", "safe-account", "Centre")
    assert (said.since, said.until) == (clock[0] - DAY, clock[0] + DAY)
    assert [one.slug for one in said.reasons] == ["reported"]
    assert "mother" not in str(found)
    assert "secret" not in str(found)
    assert "daniyar" not in str(found)


def test_what_is_not_known_is_no_proof_of_honesty(registry):
    found = ask(registry, "phone", NUMBER)
    assert (found.known, found.said, dict(found.owner)) == (False, (), {})
    assert "no proof of honesty" in found.text["en"]


@pytest.mark.parametrize(
    "more",
    [
        {"state": "proposed"},
        {"state": "revoked"},
        {"state": "decayed"},
        {"state": "draft"},
        {"public": False},
        {"valid_until": 1},
    ],
    ids=str,
)
def test_only_what_is_published_and_holds_now_is_told(registry, more):
    publish(registry, "phone", NUMBER, **more)
    assert ask(registry, "phone", NUMBER) == ask(registry, "phone", "+77011234568")


def test_found_or_not_the_same_queries_are_made(registry):
    publish(registry, "phone", NUMBER)
    seen = []
    event.listen(registry.engine, "before_cursor_execute", lambda *call: seen.append(call[2]))
    counts = []
    for number in (NUMBER, "+77011234568"):
        seen.clear()
        ask(registry, "phone", number)
        counts.append(list(seen))
    assert counts[0] == counts[1]
    assert len([one for one in counts[0] if one.startswith("SELECT")]) == 3


def test_a_link_is_known_by_itself_by_its_other_scheme_and_by_its_domain(registry):
    publish(registry, "url", "http://evil.example.kz/pay?id=1")
    publish(registry, "domain", "kaspi-bonus.kz", verdict="suspect")
    assert ask(registry, "url", "https://evil.example.kz/pay?id=1").known
    assert not ask(registry, "url", "https://evil.example.kz/other").known
    found = ask(registry, "url", "https://login.kaspi-bonus.kz/x")
    assert [(one.kind, one.verdict) for one in found.said] == [("domain", "suspect")]
    assert ask(registry, "domain", "m.kaspi-bonus.kz").known
    assert not ask(registry, "domain", "bonus.kz").known


def test_the_gravest_word_comes_first_and_gives_the_text(registry):
    publish(registry, "iban", "KZ86125KZT5004100100", verdict="clean")
    publish(registry, "iban", "KZ86125KZT5004100100", verdict="fraud", organisation="halyk")
    found = ask(registry, "iban", "KZ86 125K ZT50 0410 0100")
    assert [(one.verdict, one.decided_by) for one in found.said] == [("fraud", "Halyk"), ("clean", "Centre")]
    assert "used for fraud" in found.text["en"]


def test_a_number_of_a_protected_body_is_named_and_never_calls(registry, clock):
    with registry.work(SYSTEM) as work:
        made = {"created": 1, "created_by": "user:x"}
        work.db.add(
            ProtectedIdentity(id=work.new_id(), body="Bank of Steppe {x}", kind="phone", value="+77272500000", **made)
        )
        work.db.add(
            ProtectedIdentity(id=work.new_id(), body="Bank of Steppe", kind="domain", value="steppe.kz", **made)
        )
        work.db.add(
            ProtectedIdentity(
                id=work.new_id(), body="Old", kind="phone", value="+77272500001", ended=clock[0] - 1, **made
            )
        )
    found = ask(registry, "phone", "8 727 250 00 00")
    assert found.known
    assert found.owner["ru"] == "Bank of Steppe {x}"
    assert "Bank of Steppe {x}. It never calls out" in found.text["en"]
    assert ask(registry, "url", "https://login.steppe.kz/").owner["kk"] == "Bank of Steppe"
    assert not ask(registry, "phone", "+77272500001").known
    assert "1414" in ask(registry, "phone", "1414").owner["en"]


def test_several_are_answered_in_their_order_and_a_wrong_one_is_named_by_its_place(registry):
    publish(registry, "phone", NUMBER)
    with registry.read(CITIZEN) as work:
        asked = [
            Question("phone", "+77011234568"),
            Question("phone", NUMBER),
            Question("phone", NUMBER),
            Question("domain", "a.kz"),
        ]
        assert [one.known for one in check(work, asked)] == [False, True, True, False]
        with pytest.raises(Invalid) as refused:
            check(work, [*asked, Question("phone", "mother")])
        assert refused.value.where == "/items/4/value"


@pytest.mark.parametrize("kind", ["iin_token", "trunk", "name"])
def test_nobody_looks_up_a_person(registry, kind):
    with pytest.raises(Invalid):
        ask(registry, kind, "850101300123")
    assert kind not in KINDS
    assert set(PUBLIC_KINDS) < set(KINDS)


@given(st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=12))
def test_domains_of_a_host_are_itself_and_those_above_it(labels):
    host = ".".join([*labels, "kz"])
    found = domains_of(host)
    assert len(found) <= 5
    assert all(host == one or host.endswith("." + one) for one in found)
    assert f"{labels[-1]}.kz" in found


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "kz", ""])
def test_an_address_has_no_domains(host):
    assert domains_of(host) == []


def test_every_verdict_and_every_reason_of_a_call_that_a_number_can_be_listed_for_has_its_text(registry):
    for verdict in VERDICTS:
        publish(registry, "wallet", "0x52908400098527886E0F7030069857D2E4169EE7", verdict=verdict)
    assert {one.verdict for one in ask(registry, "wallet", "0x52908400098527886E0F7030069857D2E4169EE7").said} == set(
        VERDICTS
    )
    assert {"other", "finding", "burst", "fan-out", "sequential-dialling"} <= set(reason_texts())
