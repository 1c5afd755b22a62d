"""Kamailio as the border SBC before the gate, with the recipe of deploy/kamailio."""

import socket
import statistics
import time
from pathlib import Path

import pytest
from peer_sbc import (
    BUSY,
    RINGS,
    SBC,
    SET_UP,
    STRANGER,
    Callee,
    Caller,
    Sbc,
    ScriptedGate,
    cancelled,
    refused,
    start_gate,
    wait_until,
)
from server import Gate, free_port

pytestmark = pytest.mark.peers("sipp", "kamailio")

HONEST = ["+447911000001", "+77005000001", "+12125550100"]  # two foreigners and a roamer of the roaming file
SPOOFED = ["+77172000000", "+77010000009", "102"]  # a fixed line, a mobile that is at home, the police
REASON = "Reason: Q.850;cause=21;text="
UNPROBED, PROBED = 0.5, 0.05  # seconds that a dead gate may add to a set-up, before and after probing has seen it


def test_honest_calls_are_set_up_and_spoofed_ones_get_603(tmp_path: Path) -> None:
    port = free_port()
    gate = start_gate(tmp_path / "gate", port)
    with gate, Sbc(tmp_path / "sbc", [port]) as sbc, Callee(tmp_path / "callee", sbc.switch_port) as callee:
        honest = Caller(tmp_path / "honest", sbc, HONEST * 20, SET_UP)
        spoofed = refused(tmp_path / "spoofed", sbc, SPOOFED * 20, 603, check=REASON)
        ends = honest.ended(), spoofed.ended()
        assert [(end.code, end.errors) for end in ends] == [(0, ""), (0, "")]
        assert callee.callers() == set(HONEST)
        assert len(callee.received("BYE")) == 60
        assert not [text for text in callee.received("INVITE") if "X-Tosqauyl-Trunk" in text]
        counted = sbc.counters()
        assert (counted["asked"], counted["passed"], counted["stopped"], counted["open"]) == (120, 60, 60, 0)


def test_with_the_gate_killed_calls_go_through_and_screening_resumes_after_its_restart(tmp_path: Path) -> None:
    port = free_port()
    gate = start_gate(tmp_path / "gate", port)
    with gate, Sbc(tmp_path / "sbc", [port]) as sbc, Callee(tmp_path / "callee", sbc.switch_port) as callee:
        honest = Caller(tmp_path / "honest", sbc, HONEST * 100, SET_UP, rate=40)
        time.sleep(2.0)
        killed = time.time()
        gate.kill()
        down = wait_until(lambda: sbc.states() == {port: False}, 6, "probing marks the gate down")
        end = honest.ended()
        assert (end.code, end.errors) == (0, "")
        assert len(callee.received("INVITE")) == 300

        usual = statistics.median(taken for began, taken in end.times if began < killed - 0.1)
        unprobed = [taken - usual for began, taken in end.times if killed < began < down - 0.5]
        probed = [taken - usual for began, taken in end.times if began > down]
        print(f"usual {usual * 1000:.1f} ms, down after {down - killed:.2f} s; added until then: {len(unprobed)} calls, median",
              f"{statistics.median(unprobed) * 1000:.0f} ms, most {max(unprobed) * 1000:.0f} ms; from then on:",
              f"{len(probed)} calls, median {statistics.median(probed) * 1000:.1f} ms, most {max(probed) * 1000:.1f} ms")  # fmt: skip
        assert statistics.median(unprobed) > 0.2, "these calls did not wait for a dead gate: nothing was shown"
        assert max(unprobed) <= UNPROBED
        assert max(probed) <= PROBED
        counted = sbc.counters()
        assert counted["open"] == 300 - counted["passed"] > counted["open_down"] > 0
        assert "gate sip:127.0.0.1" in sbc.log.read_text()

        with start_gate(tmp_path / "gate", port):
            wait_until(lambda: sbc.states() == {port: True}, 6, "probing finds the gate up again")
            again = refused(tmp_path / "again", sbc, SPOOFED * 5, 603, check=REASON).ended()
            assert (again.code, again.errors) == (0, "")
            assert sbc.counters()["open"] == counted["open"]
        assert callee.callers() == set(HONEST)


def test_with_one_of_two_gates_killed_nothing_passes_unscreened(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    one, two = (start_gate(tmp_path / f"gate-{port}", port) for port in ports)
    with one, two, Sbc(tmp_path / "sbc", ports) as sbc, Callee(tmp_path / "callee", sbc.switch_port) as callee:
        honest = Caller(tmp_path / "honest", sbc, [f"+4479110{n:05d}" for n in range(150)], SET_UP, rate=40)
        spoofed = refused(tmp_path / "spoofed", sbc, [f"+7717230{n:04d}" for n in range(150)], 603, check=REASON)
        time.sleep(1.0)
        one.kill()
        ends = honest.ended(), spoofed.ended()
        assert [(end.code, end.errors) for end in ends] == [(0, ""), (0, "")]
        assert sbc.counters()["unanswered"] > 0, "no call was sent to the dead gate: nothing was shown"
        assert sbc.counters()["open"] == 0
        assert not [caller for caller in callee.callers() if caller.startswith("+7")]


POLICY = """
[policy]
name = "of-the-test"
dated = 2026-02-20
"""
RULE = """
[[rule]]
id = "{verdict}-it"
when = "starts_with(caller, '{start}')"
verdict = "{verdict}"
reason = "custom"
class = "deterministic"
tier = "screen"
mode = "enforce"
law = "of the test"
why_mode = "it is tried out"
{more}
[rule.text]
kk = "Сынақ."
ru = "Проба."
en = "A trial."
"""
ANNOUNCEMENT = "sip:announcement@198.51.100.9"


def test_marked_and_withheld_calls_go_on_changed_and_diverted_ones_only_to_the_place_in_site_cfg(
    tmp_path: Path,
) -> None:
    rules = [("mark", "+441", ""), ("withhold", "+442", ""), ("divert", "+443", f'divert_to = "{ANNOUNCEMENT}"')]
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY + "".join(RULE.format(verdict=v, start=s, more=m) for v, s, m in rules), "utf-8")
    port = free_port()
    extra = "P-Asserted-Identity: <sip:[field0];verstat=TN-Validation-Passed@203.0.113.9;user=phone>\n"
    numbers = ["+441110000001", "+442220000002", "+443330000003", "+495550000005"]
    with start_gate(tmp_path / "gate", port, policy=str(policy), profile='label = "Unverified"'):
        for place in (ANNOUNCEMENT, "sip:another@198.51.100.9"):
            folder = tmp_path / place[4:7]
            with (
                Sbc(folder / "sbc", [port], more=f'#!define DIVERT_URI "{place}"') as sbc,
                Callee(folder / "callee", sbc.switch_port) as callee,
            ):
                end = Caller(folder / "calls", sbc, numbers, SET_UP, extra=extra, rate=5).ended()
                assert (end.code, end.errors) == (0, "")
                marked, withheld, diverted, plain = callee.received("INVITE")
                goal = ANNOUNCEMENT if place == ANNOUNCEMENT else f"sip:+77011234567@127.0.0.30:{sbc.port};user=phone"
                assert diverted.startswith(f"INVITE {goal} ")
                hidden = withheld + callee.received("BYE")[1]
    assert (
        'P-Asserted-Identity: "Unverified" <sip:+441110000001;verstat=TN-Validation-Failed@127.0.0.30;user=phone>'
        in marked
    )
    assert "From: <sip:+441110000001@" in marked
    assert 'P-Asserted-Identity: "Anonymous" <sip:anonymous@anonymous.invalid>' in withheld
    assert 'From: "Anonymous" <sip:anonymous@anonymous.invalid>' in withheld
    assert "Privacy: id" in withheld
    assert "442220000002" not in hidden, "a withheld number reached the callee"
    assert "P-Asserted-Identity: <sip:+495550000005@203.0.113.9;user=phone>" in plain, (
        "the carrier's verstat was believed"
    )
    assert [text.count("P-Asserted-Identity:") for text in (marked, withheld, diverted, plain)] == [1, 1, 1, 1]


@pytest.mark.parametrize("answer", ["302 Moved Temporarily\nContact: <sip:1@198.51.100.66>", "404 Not Found", ""])
def test_what_the_callee_answers_reaches_the_caller_and_not_the_gates_answer(answer: str, tmp_path: Path) -> None:
    with ScriptedGate(answer) as gate, Sbc(tmp_path / "sbc", [gate.port]) as sbc:
        with Callee(tmp_path / "busy", sbc.switch_port, BUSY):
            end = refused(tmp_path / "calls", sbc, HONEST, 486).ended()
            assert (end.code, end.errors) == (0, "")
        with Callee(tmp_path / "rings", sbc.switch_port, RINGS) as callee:
            end = cancelled(tmp_path / "cancelled", sbc, HONEST).ended()
            assert end.code == 0, end.errors
            assert len(callee.received("CANCEL")) == len(HONEST)


@pytest.mark.parametrize("answer", ["100 Trying", ""])
def test_a_call_given_up_while_the_gate_is_asked_ends_there(answer: str, tmp_path: Path) -> None:
    with (
        ScriptedGate(answer) as gate, Sbc(tmp_path / "sbc", [gate.port]) as sbc,
        Callee(tmp_path / "callee", sbc.switch_port) as callee,
    ):  # fmt: skip
        end = cancelled(tmp_path / "calls", sbc, HONEST, after="100").ended()
        assert end.code == 0, end.errors
        assert callee.received("INVITE") == []


def test_a_603_is_repeated_until_its_ack_comes(tmp_path: Path) -> None:
    port = free_port()
    with start_gate(tmp_path / "gate", port), Sbc(tmp_path / "sbc", [port]) as sbc:
        end = refused(tmp_path / "calls", sbc, SPOOFED[:1], 603, wait_ms=1200).ended()
        assert len([text for text in end.received if text.startswith("SIP/2.0 603")]) >= 2


CALLS = {  # what a gate answers: what the carrier gets (200: the call is set up), and which counters rise
    "302": ("302 Moved Temporarily\nContact: <sip:+77011234567@198.51.100.66>", 200, "passed"),
    "404": ("404 Not Found", 200, "passed"),
    "503 that says route on": (
        '503 Service Unavailable\nReason: SIP;cause=302;text="no-fraud-detected"',
        200,
        "passed",
    ),
    "503 over its share": ("503 Service Unavailable\nRetry-After: 1", 503, "busy refused_busy"),
    "603": ("603 Decline", 603, "stopped"),
    "603+": ("603 Network Blocked", 603, "stopped"),
    "607": ("607 Unwanted", 607, "stopped"),
    "608": ("608 Rejected", 608, "stopped"),
    "malformed": ("400 Bad Request", 400, "refused"),
    "too long": ("513 Message Too Large", 513, "refused"),
    "a failure": ("500 Server Internal Error", 200, "odd open"),
    "silence": ("", 200, "unanswered open"),
    "100 and then silence": ("100 Trying", 200, "unanswered open"),
    "100 and then 603": ("100 Trying\n\n603 Decline", 603, "stopped"),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_answer_of_a_gate_has_its_consequence(name: str, tmp_path: Path) -> None:
    answer, status, counters = CALLS[name]
    with (
        ScriptedGate(answer) as gate, Sbc(tmp_path / "sbc", [gate.port]) as sbc,
        Callee(tmp_path / "callee", sbc.switch_port) as callee,
    ):  # fmt: skip
        if status == 200:
            end = Caller(tmp_path / "calls", sbc, HONEST, SET_UP).ended()
        else:
            end = refused(
                tmp_path / "calls", sbc, HONEST, status, check="Retry-After: 1" if status == 503 else ""
            ).ended()
        assert (end.code, end.errors) == (0, "")
        assert max(taken for _, taken in end.times) <= UNPROBED
        assert len(callee.received("INVITE")) == (3 if status == 200 else 0)
        counted = {counter for counter, value in sbc.counters().items() if value and counter != "asked"}
        assert counted == set(counters.split())


CALLERS = [f"+4479110{n:05d}" for n in range(12)]  # enough that each of two gates is the first one of some


def test_a_busy_gate_is_no_failure_to_open_for(tmp_path: Path) -> None:
    busy, stop = "503 Service Unavailable\nRetry-After: 1", "603 Decline"
    for name, answers, status in (
        ("another stops", (busy, stop), 603),
        ("the other is silent", (busy, ""), 503),
        ("another is silent and this one stops", ("", stop), 603),
    ):
        folder = tmp_path / name.replace(" ", "-")
        with (
            ScriptedGate(answers[0]) as one, ScriptedGate(answers[1]) as two, Sbc(folder / "sbc", [one.port, two.port]) as sbc,
            Callee(folder / "callee", sbc.switch_port) as callee,
        ):  # fmt: skip
            end = refused(folder / "calls", sbc, CALLERS, status).ended()
            assert (name, end.code, end.errors) == (name, 0, "")
            assert callee.received("INVITE") == []
            assert sbc.counters()["asked"] > len(CALLERS), "no call was asked twice: nothing was shown"


def test_a_carrier_that_floods_gets_503_before_it_can_drown_the_gate(tmp_path: Path) -> None:
    with ScriptedGate("404 Not Found") as gate, Sbc(tmp_path / "sbc", [gate.port], limit=10) as sbc:
        numbers = [f"+4479110{n:05d}" for n in range(60)]
        with Callee(tmp_path / "callee", sbc.switch_port) as callee:
            Caller(tmp_path / "calls", sbc, numbers, SET_UP, rate=200).ended()
            counted = sbc.counters()
            asked = len({text for text in gate.requests if text.startswith("INVITE")})
            assert 10 <= asked <= 20  # 0.3 s of calls fall into at most two seconds
            assert counted["over_limit"] == 60 - counted["asked"]
            assert len(callee.received("INVITE")) == counted["passed"] == counted["asked"]


def test_a_stranger_is_neither_asked_for_nor_answered(tmp_path: Path) -> None:
    with ScriptedGate("404 Not Found") as gate, Sbc(tmp_path / "sbc", [gate.port]) as sbc:
        caller = Caller(tmp_path / "calls", sbc, HONEST, SET_UP, source=STRANGER)
        wait_until(lambda: sbc.counters()["stranger"] >= 3, 5, "Kamailio counts three strangers")
        caller.process.kill()
        assert caller.ended().received == []
        assert sbc.counters()["asked"] == 0


@pytest.mark.parametrize("answer", ["603 Decline", "400 Bad Request", "503 Service Unavailable\nRetry-After: 1"])
def test_with_watch_only_every_call_is_set_up(answer: str, tmp_path: Path) -> None:
    with (
        ScriptedGate(answer) as gate, Sbc(tmp_path / "sbc", [gate.port], more="#!define WATCH_ONLY") as sbc,
        Callee(tmp_path / "callee", sbc.switch_port),
    ):  # fmt: skip
        end = Caller(tmp_path / "calls", sbc, HONEST, SET_UP).ended()
        assert (end.code, end.errors) == (0, "")


def asking_gate(tmp_path: Path, port: int) -> Gate:
    """A gate whose home network says of two mobiles that they are at home: of ...9 within 270 ms, of ...8 too late."""
    script = tmp_path / "script.toml"
    number = '[[number]]\nnumber = "{}"\nanswer = "home"\ndelay = {}\n'
    script.write_text(number.format("+77010000009", 0.27) + number.format("+77010000008", 9.0))
    tables = f'[home_network]\nprovider = "scripted"\nscript = "{script}"\ndeadline_ms = 300\n'
    return start_gate(tmp_path / "gate", port, tables=tables, complete="false")


def test_a_gate_that_asks_a_home_network_for_300_ms_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    gate = asking_gate(tmp_path, port)
    with gate, Sbc(tmp_path / "sbc", [port]) as sbc, Callee(tmp_path / "callee", sbc.switch_port) as callee:
        home = refused(tmp_path / "home", sbc, ["+77010000009"], 603, check=REASON).ended()
        late = Caller(tmp_path / "late", sbc, ["+77010000008"], SET_UP).ended()
        assert [(end.code, end.errors) for end in (home, late)] == [(0, ""), (0, "")]
        assert sbc.counters()["open"] == 0, "the SBC gave up before the gate's deadline"
        assert min(taken for end in (home, late) for _, taken in end.times) >= 0.25
        given_up = cancelled(tmp_path / "given-up", sbc, ["+77010000009"], after="100").ended()
        assert given_up.code == 0, given_up.errors
        assert callee.callers() == {"+77010000008"}


@pytest.mark.parametrize("open_port", [False, True], ids=["closed", "open, but nothing answers"])
def test_a_dead_gate_on_tcp_costs_no_more_than_one_on_udp(open_port: bool, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not open_port:
            server.close()
        with (
            Sbc(tmp_path / "sbc", [f"{port};transport=tcp"], more=f"listen=tcp:{SBC}:{free_port(SBC, socket.SOCK_STREAM)}") as sbc, Callee(tmp_path / "callee", sbc.switch_port),
        ):  # fmt: skip
            end = Caller(tmp_path / "calls", sbc, HONEST, SET_UP).ended()
            assert (end.code, end.errors) == (0, "")
            assert max(taken for _, taken in end.times) <= UNPROBED
            assert sbc.counters()["open"] == 3
