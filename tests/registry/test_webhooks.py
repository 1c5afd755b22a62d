"""Webhooks: who is told, what is written down, and deliveries until they are taken or given up."""

import json
import re
from pathlib import Path
from uuid import UUID

import pytest

from tosqauyl.registry import deliveries, webhooks
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.deliveries import AT_ONCE, GIVE_UP_S, LEASE_S, MOST_S, OF_ONE, WAITS_S, Round, deliver_due
from tosqauyl.registry.errors import Absent, Conflict, Invalid, TooMany
from tosqauyl.registry.guarded_fetch import Answer
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.signing import HEADER, PREFIX, is_signed
from tosqauyl.registry.tables import AuditEntry, Delivery, Webhook
from tosqauyl.registry.webhooks import EVENTS, MOST_WEBHOOKS, announce

URL = "https://hooks.example.kz/tosqauyl"
TAKEN = Answer(204)


class Receiver:
    """Answers as told, and keeps what it got."""

    def __init__(self, *answers):
        self.answers, self.got = list(answers), []

    def __call__(self, url, headers, body):
        self.got.append((url, dict(headers), body))
        answer = self.answers.pop(0) if self.answers else TAKEN
        return answer() if callable(answer) else answer

    @property
    def events(self):
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
def hook(registry, someone):
    """Registers a webhook: organisation, events -> id and secret."""

    def made(organisation="centre", events=("report.received",), url=URL):
        with registry.work(someone("supervisor", organisation)) as work:
            found = webhooks.register(work, url, events)
            return found.webhook.id, found.secret

    return made


def tell(registry, event="report.received", organisation="", **data):
    with registry.work(SYSTEM) as work:
        announce(work, event, data, organisation)


def rows(registry):
    """(state, tries, wait in s, answer) of every delivery, the first one first."""
    with registry.read(SYSTEM) as work:
        found = work.db.query(Delivery).order_by(Delivery.id)
        return [(one.state, one.tries, (one.next - work.now) // 1_000, one.answer) for one in found]


def test_every_event_has_a_text_in_all_languages():
    assert set(EVENTS) == {
        "report.received", "incident.proposed", "incident.closed", "indicator.approved", "indicator.revoked", "listing.changed",
        "action.requested", "action.answered", "check.due", "appeal.filed", "appeal.decided",
    }  # fmt: skip
    assert all(len(name) <= 32 for name in EVENTS), "they stand in a column of 32"
    assert all(text[language] for text in EVENTS.values() for language in ("kk", "ru", "en"))


def test_the_docs_list_every_event_with_its_text():
    docs = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([a-z.]+)` \| (.+) \|$", docs, re.MULTILINE)) == {
        name: text["en"] for name, text in EVENTS.items()
    }


def test_an_organisation_and_the_centre_are_told_and_nobody_else(registry, hook):
    told = {hook("kcell", url=URL + "/kcell")[0], hook("centre", url=URL + "/centre")[0]}
    hook("beeline", url=URL + "/beeline")
    hook("kcell", ("appeal.filed",), URL + "/other")
    tell(registry, organisation="kcell", report=UUID(int=7))
    receiver = Receiver()
    assert deliver_due(registry, receiver, registry.clock()) == Round(2, 0, 0)
    assert {url for url, _, _ in receiver.got} == {URL + "/kcell", URL + "/centre"}
    with registry.read(SYSTEM) as work:
        assert {one.webhook for one in work.db.query(Delivery)} == told


def test_what_is_told_is_a_cloud_event_with_one_id_for_all(registry, hook):
    hook("kcell"), hook("centre")
    tell(registry, organisation="kcell", report=UUID(int=7), count=2, late=True, ids=[UUID(int=8)])
    receiver = Receiver()
    deliver_due(registry, receiver, registry.clock())
    first, second = receiver.events
    assert first == second
    assert first == {
        "specversion": "1.0", "id": first["id"], "source": "urn:tosqauyl:office", "type": "tosqauyl.report.received",
        "time": "2026-11-30T07:00:00.000Z", "datacontenttype": "application/json",
        "data": {"report": str(UUID(int=7)), "count": 2, "late": True, "ids": [str(UUID(int=8))]},
    }  # fmt: skip
    headers = [headers for _, headers, _ in receiver.got]
    assert headers[0]["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert headers[0]["Tosqauyl-Delivery"] != headers[1]["Tosqauyl-Delivery"]


@pytest.mark.parametrize(
    "value", ["+77011234567", "77011234567", "870112", "Aida Omarova", "a" * 65, ["+77011234567"], {"a": 1}, 1.5, "үй"]
)
def test_what_could_be_a_number_or_a_text_is_left_out(registry, hook, value):
    hook()
    tell(registry, report="r-1", other=value)
    receiver = Receiver()
    deliver_due(registry, receiver, registry.clock())
    assert receiver.events[0]["data"] == {"report": "r-1"}


def test_an_unknown_event_is_a_mistake_of_whoever_announces_it(registry):
    with pytest.raises(Invalid), registry.work(SYSTEM) as work:
        announce(work, "report.lost", {})


def test_an_announcement_is_gone_with_the_transaction_that_failed(registry, hook):
    hook()

    def failing():
        with registry.work(SYSTEM) as work:
            announce(work, "report.received", {})
            raise Conflict("no")

    with pytest.raises(Conflict):
        failing()
    assert rows(registry) == []


def test_many_announcements_of_one_transaction_read_the_webhooks_once(registry, hook):
    hook()
    with registry.work(SYSTEM) as work:
        announce(work, "report.received", {})
        assert work.db.info["tosqauyl.webhooks"].keys() == {"centre"}
        for _ in range(10):
            announce(work, "report.received", {})
    assert len(rows(registry)) == 11


def test_the_secret_is_sealed_and_signs_what_is_sent(registry, hook, clock):
    _, secret = hook()
    assert secret.startswith(PREFIX)
    with registry.read(SYSTEM) as work:
        assert secret.encode() not in work.db.query(Webhook).one().secret
    tell(registry)
    clock[0] += 3_000
    receiver = Receiver()
    deliver_due(registry, receiver, clock[0])
    ((_, headers, body),) = receiver.got
    assert headers[HEADER].startswith(f"t={clock[0] // 1_000},v1=")
    assert is_signed(secret, body, headers[HEADER], clock[0] // 1_000)


def test_what_fails_is_sent_again_with_growing_waits_and_given_up_after_three_days(registry, hook, clock):
    hook()
    tell(registry)
    receiver, began, waits = Receiver(*[Answer(500, "oops")] * 99), clock[0], []
    while rows(registry)[0][0] == "waiting":
        assert deliver_due(registry, receiver, clock[0] - 1) == Round()
        outcome = deliver_due(registry, receiver, clock[0])
        waits.append(rows(registry)[0][2])
        clock[0] += waits[-1] * 1_000 if waits[-1] > 0 else 0
    assert outcome == Round(0, 0, 1)
    assert tuple(waits[: len(WAITS_S)]) == WAITS_S
    assert clock[0] - began <= GIVE_UP_S * 1_000
    assert clock[0] - began > GIVE_UP_S * 1_000 - WAITS_S[-1] * 1_000
    state, tries, _, answer = rows(registry)[0]
    assert (state, tries, answer) == ("given_up", len(receiver.got), "500 oops")
    ids = {headers["Tosqauyl-Delivery"] for _, headers, _ in receiver.got}
    assert len(ids) == 1


def test_a_receiver_that_is_gone_costs_one_attempt_a_round_and_holds_up_nobody(registry, hook):
    hook(events=("report.received",), url=URL + "/gone")
    hook("kcell", ("report.received",), URL + "/here")
    for _ in range(3):
        tell(registry, organisation="kcell")

    class Fetch(Receiver):
        def __call__(self, url, headers, body):
            super().__call__(url, headers, body)
            return Answer(0, "no answer within 10 s") if url.endswith("/gone") else TAKEN

    fetch = Fetch()
    assert deliver_due(registry, fetch, registry.clock()) == Round(3, 3, 0)
    assert sorted(url.rpartition("/")[2] for url, _, _ in fetch.got) == ["gone", "here", "here", "here"]


def test_a_slow_receiver_gets_the_rest_in_the_next_round_without_a_count_against_it(registry, hook, clock):
    hook()
    for _ in range(3):
        tell(registry)

    def slowly():
        clock[0] += MOST_S * 1_000 + 1
        return TAKEN

    assert deliver_due(registry, Receiver(slowly), clock[0]) == Round(1, 2, 0)
    assert sorted(row[:2] for row in rows(registry)) == [("done", 1), ("waiting", 0), ("waiting", 0)]
    assert deliver_due(registry, Receiver(), clock[0]) == Round(2, 0, 0)


def test_a_round_takes_so_many_of_one_and_another_round_meanwhile_takes_others(registry, hook):
    hook()
    for _ in range(OF_ONE + 5):
        tell(registry)
    inner = Receiver()

    def meanwhile():
        assert deliver_due(registry, inner, registry.clock()) == Round(5, 0, 0)
        return TAKEN

    outer = Receiver(meanwhile)
    assert deliver_due(registry, outer, registry.clock()) == Round(OF_ONE, 0, 0)
    sent = [headers["Tosqauyl-Delivery"] for _, headers, _ in outer.got + inner.got]
    assert len(set(sent)) == len(sent) == OF_ONE + 5
    assert deliver_due(registry, Receiver(), registry.clock()) == Round()


def test_what_a_killed_process_had_taken_is_sent_again_after_its_lease(registry, hook, clock):
    hook()
    tell(registry)
    with registry.work(SYSTEM) as work:
        assert deliveries._taken(work, clock[0])
    assert deliver_due(registry, Receiver(), clock[0]) == Round()
    clock[0] += LEASE_S * 1_000
    assert deliver_due(registry, Receiver(), clock[0]) == Round(1, 0, 0)


def test_not_more_than_so_many_webhooks_are_sent_to_at_once(registry, hook, monkeypatch):
    seen = []

    class Pool(deliveries.ThreadPoolExecutor):
        def __init__(self, workers, name):
            seen.append(workers)
            super().__init__(workers, name)

    monkeypatch.setattr(deliveries, "ThreadPoolExecutor", Pool)
    for number in range(AT_ONCE + 3):
        hook(url=f"{URL}/{number}")
    tell(registry)
    deliver_due(registry, Receiver(), registry.clock())
    deliver_due(registry, Receiver(), registry.clock())
    assert seen == [AT_ONCE]


def test_ending_a_webhook_gives_up_what_waits_and_nothing_more_is_told(registry, hook, someone):
    kept, _ = hook("kcell")
    with registry.work(someone("operator", "kcell")) as work:
        announce(work, "report.received", {}, "kcell")
        webhooks.end(work, kept)
        announce(work, "report.received", {}, "kcell")
    with registry.work(someone("operator", "kcell")) as work:
        webhooks.end(work, kept)
    assert [(row[0], row[3]) for row in rows(registry)] == [("given_up", "the webhook was ended")]
    assert deliver_due(registry, Receiver(), registry.clock()) == Round()


def test_another_tenants_webhook_is_absent(registry, hook, someone):
    kept, _ = hook("kcell")
    for refused in (webhooks.found, webhooks.end, lambda work, one: deliveries.search(work, one, None, 1)):
        with pytest.raises(Absent), registry.work(someone("operator", "beeline")) as work:
            refused(work, kept)
        with pytest.raises(Absent), registry.work(someone("operator", "kcell")) as work:
            refused(work, UUID(int=5))
    with registry.read(someone("operator", "beeline")) as work:
        assert webhooks.search(work, None, 10) == []
    with registry.read(someone("admin")) as work:
        assert [one.id for one in webhooks.search(work, None, 10)] == [kept]


@pytest.mark.parametrize("events", [[], ["report.lost"], ["report.received", "x"]])
def test_a_webhook_wants_events_that_there_are(registry, someone, events):
    with pytest.raises(Invalid) as refused, registry.work(someone("supervisor")) as work:
        webhooks.register(work, URL, events)
    assert refused.value.where == "events"


def test_an_organisation_has_so_many_webhooks(registry, hook):
    for number in range(MOST_WEBHOOKS):
        hook("kcell", url=f"{URL}/{number}")
    with pytest.raises(TooMany):
        hook("kcell")
    hook("beeline")


def test_the_body_is_kept_sealed_and_only_as_long_as_it_is_needed(registry, hook):
    hook()
    tell(registry, report="r-1")
    with registry.read(SYSTEM) as work:
        assert b"r-1" not in work.db.query(Delivery).one().body
    deliver_due(registry, Receiver(), registry.clock())
    with registry.read(SYSTEM) as work:
        assert work.db.query(Delivery).one().body == b""


def test_each_outcome_is_in_the_audit_trail(registry, hook):
    hook()
    tell(registry)
    deliver_due(registry, Receiver(), registry.clock())
    with registry.read(SYSTEM) as work:
        verbs = [one.verb for one in work.db.query(AuditEntry).order_by(AuditEntry.seq)]
    assert verbs == ["registered", "announced", "delivered"]


def test_a_delivery_knows_from_its_id_when_it_was_announced():
    assert deliveries.made_at(new_id(1_796_022_000_123)) == 1_796_022_000_123
