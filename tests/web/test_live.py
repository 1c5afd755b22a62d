"""Gates as the office sees them live: read from a real gate's metrics, rates that are never negative, and a size that never grows."""

import gc
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from certificates import make_authority, make_certificate
from http_desk import TOKENS, make_http_desk
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.cli.office_serve import gate_jobs
from tosqauyl.gate.report import reload_section
from tosqauyl.web.live import fetch, history, watch
from tosqauyl.web.live.fetch import Gates
from tosqauyl.web.live.history import LONGEST, LOOKS, MOST_GROWN, POINTS, History
from tosqauyl.web.live.reading import MOST_NAMES, OTHERS, VERDICTS, Reading, Unreadable, read
from tosqauyl.web.live.watch import MOST_ROWS, Live
from tosqauyl.web.office import GateAt

FIXED = "+77172123456"
START = 1_800_000_000_000
TEXT = """\
# TYPE tosqauyl_calls counter
tosqauyl_calls_total{reason="none",verdict="pass"} 90.0
tosqauyl_calls_total{reason="fixed-from-abroad",verdict="stop"} 10.0
tosqauyl_build_info{version="1.2.3"} 1.0
"""


def reading(passed: int = 0, stopped: int = 0, **more) -> Reading:
    return Reading(verdicts=(passed, 0, 0, 0, stopped), **more)


class Clock:
    """Both clocks, moved together."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wall(self) -> int:
        return START + round(self.seconds * 1_000)

    def steady(self) -> float:
        return self.seconds


class Watched:
    """A live view of some gates that is told what they say."""

    def __init__(self, *names: str) -> None:
        self.clock = Clock()
        self.live = Live(names or ("one",), list, self.clock.wall, self.clock.steady)

    def look(self, *found, after: float = 2.0) -> watch.Now:
        self.clock.seconds += after
        self.live.take(found)
        return self.live.now()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_what_a_real_gate_tells_is_read_whole(tmp_path):
    http = make_http_desk(tmp_path)
    http.report.add("reload", reload_section(lambda: {"age_seconds": 12.5, "loads": 1}))
    http.screen(presented=FIXED)
    http.screen(call_id="c2@sbc")
    found = read(http.send("GET", "/metrics", TOKENS["metrics"]).body.decode())
    known = http.desk.session.engine.known
    assert dict(zip(VERDICTS, found.verdicts, strict=True)) == {
        "pass": 1,
        "mark": 0,
        "withhold": 0,
        "divert": 0,
        "stop": 1,
    }
    assert found.reasons["fixed-from-abroad"] == (1, 0, 0, 0)
    assert found.rules["kz-fixed-abroad"][:2] == (1, 1)
    assert (found.snapshot, found.policy) == (known.hash, known.policy.hash)
    assert (found.age, found.level, found.degraded, found.failed_open) == (12.5, 0, False, 0)
    assert found.version
    assert found.started > 1_600_000_000
    assert {"shed_analytics", "http_shed"} <= found.shed.keys()
    assert found.trunks == {"abroad": (2, 1), "home": (0, 0), "new": (0, 0)}
    assert found.carriers == {"Carrier": (2, 1)}


def test_a_gate_that_only_watches_says_what_it_would_have_stopped(tmp_path):
    http = make_http_desk(tmp_path, enforce=False)
    http.screen(presented=FIXED)
    found = read(http.send("GET", "/metrics", TOKENS["metrics"]).body.decode())
    assert (found.verdicts[0], found.would_stop) == (1, 1)
    assert found.reasons["fixed-from-abroad"][3] == 1
    assert found.rules["kz-fixed-abroad"][2] == 1


def test_a_gate_that_counts_by_trunk_is_understood():
    found = read(
        TEXT
        + 'tosqauyl_trunk_calls_total{trunk="a",verdict="stop"} 3.0\ntosqauyl_trunk_calls_total{trunk="a",verdict="pass"} 4.0\n'
    )
    assert found.trunks == {"a": (7, 3)}
    assert found.carriers == {}, "a trunk that names no carrier is of none"


@pytest.mark.parametrize(
    "text",
    [
        "", "<html>404</html>", "up 1\n", 'tosqauyl_calls_total{verdict="stop"} 1\n',
        'tosqauyl_calls_total{reason="x",verdict="stop"} NaN\n', 'tosqauyl_calls_total{reason="x",verdict="stop"} -1\n',
        'tosqauyl_calls_total{reason="x",verdict="stop"} 1e300\n', 'tosqauyl_calls_total{reason="x\n', "tosqauyl_calls_total{\n",
    ],
)  # fmt: skip
def test_what_is_no_metrics_of_a_gate_is_unreadable(text):
    with pytest.raises(Unreadable):
        read(text)


@given(st.text(max_size=300), st.integers(0, 200))
def test_garbage_is_read_or_unreadable_and_nothing_else(junk, place):
    with suppress(Unreadable):
        read(TEXT[:place] + junk + TEXT[place:])


def test_more_names_than_are_told_apart_are_counted_as_one():
    lines = "".join(f'tosqauyl_rule_hits_total{{rule="r{n}"}} 1.0\n' for n in range(MOST_NAMES + 50))
    found = read(TEXT + lines)
    assert len(found.rules) == MOST_NAMES + 1
    assert found.rules[OTHERS][0] == 50


def test_counters_become_rates_by_their_differences(watched):
    watched.look(reading(100, 10, would_stop=5, rules={"a": (10, 10, 0)}, reasons={"burst": (10, 0, 0, 0)}))
    now = watched.look(reading(300, 30, would_stop=9, rules={"a": (30, 20, 0)}, reasons={"burst": (30, 0, 0, 0)}))
    assert (now.rate.calls, now.rate.verdicts[-1], now.rate.would_stop) == (110, 10, 2)
    assert [(one.name, one.rates) for one in now.rules] == [("a", (10, 5, 0))]
    assert [(one.name, one.rates) for one in now.reasons] == [("burst", (10, 0, 0, 0))]


def test_the_first_look_gives_no_rate(watched):
    now = watched.look(reading(1_000_000))
    assert (now.gates[0].state, now.rate, now.rules) == ("up", None, ())


def test_a_gate_that_began_anew_gives_no_negative_rate(watched):
    watched.look(reading(1_000, 500, started=1.0, failed_open=7, rules={"a": (500, 500, 0)}))
    now = watched.look(reading(20, 4, started=2.0, failed_open=2, rules={"a": (4, 4, 0)}))
    assert (now.rate.calls, now.rate.verdicts[-1], now.rate.failed_open) == (12, 2, 1)
    assert now.rules[0].rates == (2, 2, 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from([1.0, 2.0])), min_size=2, max_size=12
    )
)
def test_no_rate_is_ever_negative(counts):
    watched = Watched()
    for passed, stopped, started in counts:
        rules = {"a": (stopped, passed, 0), str(passed): (passed, 0, 0)}
        now = watched.look(
            reading(passed, stopped, failed_open=stopped, would_stop=passed, started=started, rules=rules)
        )
        assert all(rate >= 0 for point in now.series for rate in (*point.verdicts, point.would_stop, point.failed_open))
        assert all(rate >= 0 for row in now.rules for rate in row.rates)


def test_one_look_without_an_answer_is_no_outage_and_two_are(watched):
    watched.look(reading(10))
    up = watched.live.now().gates[0].since
    assert watched.look("unreached").gates[0].state == "up"
    missed = START + 4_000
    now = watched.look("refused")
    assert (now.gates[0].state, now.gates[0].why, now.gates[0].since) == ("down", "refused", missed)
    assert (now.down, now.rate) == (("one",), None)
    assert now.gates[0].heard == up
    now = watched.look(reading(12))
    assert (now.gates[0].state, now.gates[0].why, now.gates[0].since) == ("up", "", START + 8_000)


def test_after_an_outage_nothing_is_said_of_the_time_between(watched):
    watched.look(reading(10, rules={"a": (1, 1, 1)}))
    watched.look(reading(20, rules={"a": (11, 1, 1)}))
    now = watched.look(reading(100_000, rules={"a": (90_000, 1, 1)}), after=LONGEST + 1)
    assert (now.rate, now.rules) == (None, ())
    assert watched.look(reading(100_010, rules={"a": (90_000, 1, 1)})).rate.calls == 5


def test_gates_are_added_up_and_one_that_is_down_adds_nothing():
    watched = Watched("one", "two")
    watched.look(reading(0, rules={"a": (0, 0, 0)}), reading(0, rules={"a": (0, 0, 0)}))
    now = watched.look(reading(20, rules={"a": (20, 0, 0)}), reading(40, rules={"a": (2, 0, 0), "b": (4, 0, 0)}))
    assert now.rate.calls == 30
    assert [(one.name, one.rates[0]) for one in now.rules] == [("a", 11), ("b", 2)]
    for _ in range(history.MISSES):
        now = watched.look(reading(20, rules={"a": (20, 0, 0)}), "unreached")
    assert now.rate.calls == 0
    assert [one.name for one in now.rules] == ["a"]


def test_trunks_are_none_unless_a_gate_counts_them(watched):
    assert watched.look(reading(1)).trunks is None
    watched.look(reading(2, trunks={"a": (0, 0)}))
    assert watched.look(reading(3, trunks={"a": (4, 2)})).trunks == (watch.Row("a", (1.0, 0.5)),)


def test_trunks_of_one_carrier_are_added_up():
    lines = "".join(
        f'tosqauyl_trunk_calls_total{{trunk="{trunk}",carrier="Far",verdict="{verdict}"}} {count}.0\n'
        for trunk, verdict, count in (("a", "pass", 3), ("b", "pass", 4), ("b", "stop", 2))
    )
    found = read(TEXT + lines)
    assert (found.trunks, found.carriers) == ({"a": (3, 0), "b": (6, 2)}, {"Far": (9, 2)})


def test_only_the_rows_with_the_most_calls_are_told_and_the_others_as_one(watched):
    none = {f"r{n}": (0, 0, 0) for n in range(MOST_ROWS + 5)}
    watched.look(reading(0, rules=none))
    now = watched.look(reading(0, rules={name: (2 * (place + 1), 0, 0) for place, name in enumerate(none)}))
    assert len(now.rules) == MOST_ROWS + 1
    assert (now.rules[0].name, now.rules[-1].name) == (f"r{MOST_ROWS + 4}", OTHERS)
    assert now.rules[-1].rates[0] == 1 + 2 + 3 + 4 + 5


@pytest.mark.parametrize(
    ("early", "late"), [(160, 240), pytest.param(300, 1_800, marks=pytest.mark.nightly, id="ten minutes and an hour")]
)
def test_ten_gates_that_are_watched_for_longer_take_no_more_memory(early, late):
    """Rules, reasons and trunks come and go, as nobody's do: names are new at every look."""
    names = tuple(f"gate-{n}" for n in range(10))
    watched = Watched(*names)

    def told(look: int) -> Reading:
        rules = {f"rule-{look}-{n}": (n + 1, 1, 0) for n in range(MOST_GROWN + 5)}
        reasons, trunks = {f"reason-{look}": (1, 0, 0, 0)}, {f"trunk-{look}": (1, 0)}
        return reading(look * 100, look, rules=rules, reasons=reasons, trunks=trunks, snapshot=f"{look:064}")

    def looks(first: int, end: int) -> int:
        for look in range(first, end):
            watched.clock.seconds += 2
            watched.live.take([told(look)] * len(names))
        watched.live.now()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, after = looks(0, early), looks(early, late)
    finally:
        tracemalloc.stop()
    assert after < before * 1.1, (before, after)
    assert watched.live.size <= len(names) * (POINTS + 5 * LOOKS * (MOST_GROWN + 1))
    assert len(watched.live.now().series) == POINTS


def test_names_that_grow_no_more_are_forgotten():
    one = History("one")
    one.take(reading(0, rules={"a": (0, 0, 0)}), START, 0.0)
    one.take(reading(0, rules={"a": (9, 0, 0)}), START, 2.0)
    assert one.now().rules.counts == (("a", (9, 0, 0)),)
    for look in range(LOOKS):
        one.take(reading(0, rules={"a": (9, 0, 0)}), START, 4.0 + 2 * look)
    assert one.now().rules.counts == ()


class Canned(ThreadingHTTPServer):
    """Answers every request with what `answer` gives: status, headers, body."""

    daemon_threads = True
    answer: Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]
    asked: list[str | None]

    def handle_error(self, *_: object) -> None:
        """Whoever was cut off says nothing."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.headers.get("authorization"))
        status, headers, body = self.server.answer(self)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def canned() -> Iterator[Canned]:
    server = Canned(("127.0.0.1", 0), _Handler)
    server.answer, server.asked = lambda _: (200, {}, TEXT.encode()), []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gates() -> Iterator[Callable[..., Gates]]:
    made: list[Gates] = []

    def make(*which: GateAt) -> Gates:
        made.append(Gates(which))
        return made[-1]

    yield make
    for one in made:
        one.close()


def place(server: Canned, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_address[1]}"


def test_a_gate_is_asked_with_its_token_and_its_answer_is_read(canned, gates):
    look = gates(GateAt("one", place(canned), token="tq_secret"))
    assert [one.verdicts for one in look()] == [(90, 0, 0, 0, 10)]
    assert look()[0].version == "1.2.3"
    assert canned.asked == ["Bearer tq_secret"] * 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {}, b""), "refused"), ((403, {}, b""), "refused"), ((500, {}, b""), "unreadable"), ((200, {}, b"hello"), "unreadable"),
        ((302, {"Location": "/elsewhere"}, b""), "unreadable"),
    ],
)  # fmt: skip
def test_it_is_told_why_a_gate_says_nothing(canned, gates, answer, why):
    canned.answer = lambda _: answer
    assert gates(GateAt("one", place(canned)))() == [why]
    assert len(canned.asked) == 1, "nowhere else is asked"


def test_an_answer_that_is_too_large_or_too_slow_is_given_up(canned, gates, monkeypatch):
    monkeypatch.setattr(fetch, "MOST_BYTES", 100)
    assert gates(GateAt("one", place(canned)))() == ["unreadable"]
    monkeypatch.setattr(fetch, "SECONDS", 0.2)
    canned.answer = lambda _: time.sleep(1.0) or (200, {}, b"")
    began = time.monotonic()
    found = gates(GateAt("one", place(canned)), GateAt("two", place(canned)), GateAt("none", "http://127.0.0.1:9"))()
    assert found == ["unreached"] * 3
    assert time.monotonic() - began < 0.9, "all at once"


def test_a_gate_is_checked_against_its_own_authority(canned, gates, tmp_path):
    authority = make_authority(tmp_path)
    own = make_certificate(tmp_path, authority, "gate", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    canned.socket = context.wrap_socket(canned.socket, server_side=True)
    url = place(canned, "https")
    good, unknown, lost = (
        GateAt("good", url, ca=str(authority.certificate)), GateAt("unknown", url), GateAt("lost", url, ca=str(tmp_path / "none")),
    )  # fmt: skip
    found = gates(good, unknown, lost)()
    assert isinstance(found[0], Reading)
    assert found[1:] == ["certificate", "certificate"]


def test_polling_counts_the_gates_that_answered(canned, gates):
    look = gates(GateAt("one", place(canned)), GateAt("two", "http://127.0.0.1:9"))
    clock = Clock()
    live = Live(("one", "two"), look, clock.wall, clock.steady)
    assert live.poll() == 1
    clock.seconds += 2
    live.poll()
    assert [one.state for one in live.now().gates] == ["up", "down"]


def test_the_api_tells_everything_of_now(client_as, office):
    watched = Watched("one", "two")
    office.live, office.registry.clock = watched.live, watched.clock.wall
    first = {"shed": {"http_shed": (3,)}, "snapshot": "abc", "version": "1.2", "age": 60.0}
    watched.look(reading(100, 0, **first), "unreached")
    later = reading(
        120, 20, rules={"a": (20, 20, 0)}, reasons={"burst": (20, 0, 0, 0)}, **first | {"shed": {"http_shed": (5,)}}
    )
    watched.look(later, "unreached")
    watched.clock.seconds += 1
    said = client_as("auditor").get("/v1/live").json()
    one, two = said["gates"]
    assert (one["state"], one["now"]["calls"], one["now"]["stopped"], one["snapshot_age"]) == ("up", 20, 10, 61)
    assert (one["snapshot"], one["version"], one["shed"]) == (
        "abc",
        "1.2",
        [{"what": "http_shed", "total": 5, "lately": 2}],
    )
    assert (two["state"], two["why"], two["now"], two["heard"]) == ("down", "unreached", None, None)
    assert (said["now"]["passed"], said["now"]["stopped"], len(said["series"]), len(one["series"])) == (10, 10, 1, 1)
    assert said["rules"] == [{"rule": "a", "held": 10, "decided": 10, "would_stop": 0}]
    assert said["reasons"][0] == {"reason": "burst", "stopped": 10, "touched": 0, "passed": 0, "would_stop": 0}
    assert (said["trunks"], said["carriers"]) == (None, None)


def test_without_a_gate_there_is_nothing_to_tell(client_as):
    said = client_as("analyst").get("/v1/live").json()
    assert (said["gates"], said["now"], said["series"], said["at"]) == ([], None, [], None)


def test_only_the_centre_sees_gates(client_as):
    assert client_as("analyst", "kcell").get("/v1/live").status_code == 403
    assert client_as("operator", "kcell").get("/v1/live").status_code == 403


def test_an_office_that_serves_watches_the_gates_of_its_configuration(office, canned):
    assert gate_jobs(office, Gates(())) == []
    assert office.live is None
    office.calls = replace(office.calls, gates=(GateAt("one", place(canned), token="tq_secret"),))
    gates = Gates(office.calls.gates)
    (job,) = gate_jobs(office, gates)
    try:
        assert (job.every, job.run()) == (watch.EVERY, 1)
    finally:
        gates.close()
    assert [(one.name, one.state) for one in office.live.now().gates] == [("one", "up")]
