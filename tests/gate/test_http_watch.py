"""Health, readiness, status and metrics: true, complete, and without any number."""

import re

import pytest
from desk import AT_HOME
from http_desk import TOKENS, make_http_desk
from prometheus_client.parser import text_string_to_metric_families
from publication_desk import Bench

from tosqauyl.errors import FaultKind
from tosqauyl.gate.metrics import SHED, Metrics
from tosqauyl.gate.report import Report, reload_section
from tosqauyl.screen.enrich import Signalled
from tosqauyl.state.provider import Line, ScriptedProvider
from tosqauyl.state.rates import Rates

FIXED = "+77172123456"


@pytest.fixture
def http(tmp_path):
    return make_http_desk(tmp_path)


def samples(http):
    """Every sample by 'name{label="value"}'."""
    text = http.send("GET", "/metrics", TOKENS["metrics"]).body.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_health_tells_ok_or_degraded_and_nothing_else(http):
    assert http.send("GET", "/healthz").json == {"status": "ok"}
    http.gate.journal.counters.failed_writes = 1
    assert http.send("GET", "/healthz").json == {"status": "degraded"}
    assert http.send("GET", "/readyz").json == {"status": "degraded"}
    assert http.send("GET", "/readyz").status == 200, "a gate that cannot write still answers calls"


def test_readiness_is_503_before_and_after_calls_are_taken(http):
    http.gate.is_serving = False
    answer = http.send("GET", "/readyz")
    assert (answer.status, answer.json) == (503, {"status": "degraded"})
    assert http.send("GET", "/healthz").status == 200


def test_status_tells_what_was_decided_and_what_is_wrong(http):
    http.screen(presented=FIXED)
    said = http.send("GET", "/v1/status", TOKENS["metrics"]).json
    assert (said["status"], said["troubles"]) == ("ok", [])
    assert said["decided"] == {"stop:fixed-from-abroad": 1}
    assert said["rules"]["kz-fixed-abroad"]["hits"] == 1
    assert said["journal"]["rows"] == 1
    http.report.add("reload", reload_section(lambda: {"last_error": "a torn file", "loads": 3}))
    said = http.send("GET", "/v1/status", TOKENS["metrics"]).json
    assert (said["status"], said["troubles"]) == ("degraded", ["snapshot-refused"])
    assert said["reload"]["last_error"] == "a torn file"


def test_reload_is_asked_for_and_answered_at_once(http):
    answer = http.send("POST", "/v1/snapshot:reload", TOKENS["reload"])
    assert (answer.status, answer.json, http.reloads) == (202, {"accepted": True}, ["asked"])


def test_metrics_count_calls_by_verdict_and_reason_and_rules_by_id(tmp_path):
    http = make_http_desk(tmp_path, enforce=False)
    http.screen(presented=FIXED)
    http.screen(presented="+447700900123", call_id="c2")
    found = samples(http)
    assert found['tosqauyl_calls_total{reason="none",verdict="pass"}'] == 2
    assert found['tosqauyl_calls_would_total{reason="fixed-from-abroad",verdict="stop"}'] == 1
    assert found['tosqauyl_rule_hits_total{rule="kz-fixed-abroad"}'] == 1
    assert found['tosqauyl_rule_would_stop_total{rule="kz-fixed-abroad"}'] == 1
    assert found['tosqauyl_trunk_calls_total{carrier="Carrier",trunk="abroad",verdict="pass"}'] == 2
    assert found['tosqauyl_trunk_calls_total{carrier="Carrier",trunk="home",verdict="stop"}'] == 0
    assert found["tosqauyl_journal_rows_total"] == 2


def test_every_fault_and_everything_that_is_shed_is_there_from_the_start(http):
    found = samples(http)
    assert all(found[f'tosqauyl_faults_total{{kind="{kind.value}"}}'] == 0 for kind in FaultKind)
    assert all(found[f'tosqauyl_shed_total{{what="{name}"}}'] == 0 for name in SHED)


def test_every_counter_of_the_session_is_in_some_metric_once(http):
    counters = {"fault_enrich_raised": 1, "answer_home": 2, "dropped_not_sip": 3, "refused_400": 4, "stranger": 5, "asked": 6,
                "shed_analytics": 7, "stream_opened": 8}  # fmt: skip
    http.desk.session.counters.update(counters)
    found = samples(http)
    assert found['tosqauyl_faults_total{kind="enrich_raised"}'] == 1
    assert found['tosqauyl_home_network_answers_total{answer="home"}'] == 2
    assert found['tosqauyl_messages_dropped_total{why="not_sip"}'] == 3
    assert found['tosqauyl_messages_refused_total{status="400"}'] == 4
    assert found['tosqauyl_events_total{event="stranger"}'] == 5
    assert found["tosqauyl_home_network_questions_total"] == 6
    assert found['tosqauyl_shed_total{what="shed_analytics"}'] == 7
    assert found['tosqauyl_events_total{event="stream_opened"}'] == 8
    assert sum(value in counters.values() for name, value in found.items() if "_total" in name and value > 3) >= 5


@pytest.mark.parametrize(
    ("microseconds", "bucket"),
    [(0, "1.6e-05"), (15, "1.6e-05"), (16, "3.2e-05"), (1000, "0.001024"), (1024, "0.002048")],
)
def test_the_latency_histogram_has_a_call_in_the_bucket_of_its_time_and_all_above(http, microseconds, bucket):
    clock = iter([microseconds / 1e6 + 1e-9])
    http.desk.session._clock = lambda: next(clock)
    http.desk.session._record(*_decided(http), 0.0, 302)
    found = {
        name: value for name, value in samples(http).items() if name.startswith("tosqauyl_decision_seconds_bucket")
    }
    bounds = {float(re.search(r'le="([^"]+)"', name)[1]): value for name, value in found.items()}
    assert min(bound for bound, value in bounds.items() if value) == float(bucket)
    assert [value for _, value in sorted(bounds.items())] == sorted(bounds.values())
    assert bounds[float("inf")] == samples(http)["tosqauyl_decision_seconds_count"] == 1


def _decided(http):
    call = http.desk.session.engine.facts(_said(), http.desk.session.trunks.entries[0].trunk)
    return call, http.desk.session.engine.decide(call)


def _said():
    return Signalled(1.0, "c", "t", "s", "http", None, "+447700900123", None, "+77017654321")


def test_a_call_of_hours_is_in_the_last_bucket(http):
    http.desk.session._clock = lambda: 10_000.0
    http.desk.session._record(*_decided(http), 0.0, 302)
    assert samples(http)['tosqauyl_decision_seconds_bucket{le="+Inf"}'] == 1


def test_metrics_of_the_parts_a_gate_has(http):
    http.desk.session.engine.rates = Rates(100, 10, 4)
    http.screen()
    http.report.add("reload", reload_section(lambda: {"age_seconds": 5, "loads": 2, "refusals": 1, "loading": True}))
    http.report.add("http", lambda: {**http.application.section(), "connections": 3, "certificate_days": 2.5})
    http.feeds.events("kcell", [(AT_HOME, "home")], 0.0, 1_790_000_000.0)
    found = samples(http)
    assert found['tosqauyl_rates_kept{of="callers"}'] == 1
    assert (found["tosqauyl_snapshot_age_seconds"], found["tosqauyl_snapshot_loads_total"]) == (5, 2)
    assert (found["tosqauyl_snapshot_refusals_total"], found["tosqauyl_snapshot_loading"]) == (1, 1)
    assert found["tosqauyl_http_connections"] == 3
    assert found['tosqauyl_certificate_seconds_left{of="http"}'] == 216_000
    assert found['tosqauyl_http_answers_total{route="screen_call",status="200"}'] == 1
    assert found['tosqauyl_http_client_requests_total{client="screen-client"}'] == 1
    assert found['tosqauyl_feed_stale{operator="kcell"}'] == 0
    assert found['tosqauyl_feed_events_total{event="events"}'] == 1
    assert found["tosqauyl_overload_level"] == 0


def test_a_bare_gate_has_metrics_too(tmp_path):
    http = make_http_desk(tmp_path, feeds=False)
    names = {family.name for family in Metrics(Report(http.gate)).collect()}
    assert "tosqauyl_calls" in names
    assert "tosqauyl_snapshot_age_seconds" not in names


def test_names_follow_the_conventions_and_every_metric_is_explained(http):
    families = list(Metrics(http.report).collect())
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert re.fullmatch(r"(tosqauyl|process)_[a-z0-9_]+", family.name)
        assert family.documentation.strip().endswith(".")
        assert not family.name.endswith(("_total", "_ms", "_us"))


def test_no_number_no_address_and_no_token_is_in_metrics_or_status(tmp_path):
    http = make_http_desk(tmp_path, complete=False, provider=ScriptedProvider({}, Line("home")))
    for count, number in enumerate((FIXED, AT_HOME, "anonymous")):
        http.screen(presented=number, call_id=f"c{count}", display_name="Kaspi")
    http.feeds.events("kcell", [(AT_HOME, "home")], 0.0, 1_790_000_000.0)
    text = http.send("GET", "/metrics", TOKENS["metrics"]).body + http.send("GET", "/v1/status", TOKENS["metrics"]).body
    for secret in (FIXED[1:], AT_HOME[1:], "7017654321", "198.51.100", "Kaspi", "tq_", "sha256:", "c1@sbc"):
        assert secret not in text.decode()


def test_what_the_office_published_is_in_status_health_and_metrics(http, tmp_path):
    assert not [name for name in samples(http) if "publications" in name]
    bench = Bench(tmp_path)
    http.report.add("publications", bench.follower.state)
    assert http.send("GET", "/healthz").json == {"status": "degraded"}
    bench.office.publish("+447700900111")
    bench.follow(lambda: bench.office.publish("+447700900222"))
    assert http.send("GET", "/healthz").json == {"status": "ok"}
    said = http.send("GET", "/v1/status", TOKENS["metrics"]).json["publications"]
    assert (said["source"], said["seq"], said["entries"], said["age_seconds"]) == ("office", 2, 2, 0.0)
    found = samples(http)
    assert found["tosqauyl_publications_seq"] == 2
    assert found["tosqauyl_publications_entries"] == 2
    assert found["tosqauyl_publications_age_seconds"] == 0
    assert found['tosqauyl_publications_events_total{event="changes"}'] == 1
    bench.wall += 901.0
    assert http.send("GET", "/healthz").json == {"status": "degraded"}
