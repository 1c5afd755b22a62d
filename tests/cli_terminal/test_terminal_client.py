from dataclasses import replace

import pytest

from tosqauyl.cli.traffic_client import Client, branch_of, read_answer, spell, verdict_of
from tosqauyl.cli.traffic_mix import PlannedCall

CALL = PlannedCall(
    0.0, "honest-foreign", "international", "+447700900123", "+77010000001", "", "", False, "plus", True, False
)
HERE, THERE = ("127.0.0.1", 40000), ("127.0.0.1", 5060)


@pytest.fixture
def client() -> Client:
    return Client({"international": HERE}, {"international": THERE}, "n")


def reply(invite: bytes, start: str, *extra: str, tag: str = ";tag=g", **changed: str) -> bytes:
    fields = dict(line.split(": ", 1) for line in invite.decode().split("\r\n\r\n")[0].split("\r\n")[1:])
    kept = {name: fields[name] for name in ("Via", "From", "Call-ID", "CSeq")} | {"To": fields["To"] + tag} | changed
    lines = [
        f"SIP/2.0 {start}",
        *(f"{name}: {value}" for name, value in kept.items()),
        *extra,
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


GOOD = "Contact: <sip:+77010000001@127.0.0.1:40000>"


def test_a_final_answer_ends_the_call_and_is_acknowledged_in_its_transaction(client: Client) -> None:
    invite = client.start(CALL, 10.0)
    outcome, ack = client.receive(reply(invite, "302 Moved", GOOD), 10.25)
    assert outcome is not None
    assert (outcome.verdict, outcome.seconds, outcome.status) == ("pass", 0.25, 302)
    lines = ack.decode().split("\r\n")
    assert lines[0] == "ACK sip:+77010000001@127.0.0.1:5060;user=phone SIP/2.0"
    assert "CSeq: 1 ACK" in lines
    assert next(line for line in lines if line.startswith("To:")).endswith(";tag=g")
    via = next(line for line in invite.decode().split("\r\n") if line.startswith("Via:"))
    assert via in lines
    assert client.pending == 0


def test_a_repeated_final_answer_gets_its_ack_again_and_counts_once(client: Client) -> None:
    invite = client.start(CALL, 0.0)
    answer = reply(invite, "603 Decline")
    _, ack = client.receive(answer, 0.1)
    assert client.receive(answer, 0.2) == (None, ack)
    assert client.strays == 0


def test_a_second_answer_that_contradicts_the_first_is_a_stray(client: Client) -> None:
    invite = client.start(CALL, 0.0)
    client.receive(reply(invite, "603 Decline"), 0.1)
    assert client.receive(reply(invite, "302 Moved", GOOD), 0.2) == (None, b"")
    assert client.strays == 1


def test_invites_are_repeated_by_timer_a_and_lost_after_timer_b(client: Client) -> None:
    client.start(CALL, 0.0)
    sent = []
    for tenth in range(1, 330):
        again, lost = client.tick(tenth / 10)
        sent += [tenth / 10 for _ in again]
        if lost:
            assert [one.verdict for one in lost] == ["lost"]
            break
    assert sent == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert tenth == 320


def test_after_100_trying_the_invite_is_not_repeated(client: Client) -> None:
    invite = client.start(CALL, 0.0)
    assert client.receive(reply(invite, "100 Trying", tag=""), 0.2) == (None, b"")
    assert client.tick(1.0) == ([], [])
    outcome, _ = client.receive(reply(invite, "603 Decline"), 1.1)
    assert outcome is not None
    assert outcome.verdict == "stop"


@pytest.mark.parametrize(
    ("start", "extra", "changed", "detail"),
    [
        ("302 Moved", GOOD, {"From": "<sip:other@x>;tag=1"}, "From"),
        ("302 Moved", GOOD, {"Call-ID": "other"}, "Call-ID"),
        ("302 Moved", GOOD, {"CSeq": "2 INVITE"}, "CSeq"),
        ("302 Moved", "X: y", {}, "without Contact"),
        ("302 Moved", "Contact: <sip:+77010000001@127.0.0.1:5060;user=phone>", {}, "Request-URI"),
        ("500 Oops", "X: y", {}, "status"),
        ("200 OK", GOOD, {}, "status"),
    ],
)
def test_an_answer_no_client_could_use_is_broken(
    client: Client, start: str, extra: str, changed: dict, detail: str
) -> None:
    invite = client.start(CALL, 0.0)
    outcome, ack = client.receive(reply(invite, start, extra, **changed), 0.1)
    assert outcome is not None
    assert outcome.verdict == "broken"
    assert detail in outcome.detail
    assert ack == b""


def test_an_answer_without_to_tag_is_broken(client: Client) -> None:
    outcome, _ = client.receive(reply(client.start(CALL, 0.0), "603 Decline", tag=""), 0.1)
    assert outcome is not None
    assert outcome.verdict == "broken"


@pytest.mark.parametrize(
    "junk", [b"", b"\xff\xfe", b"INVITE sip:x SIP/2.0\r\n\r\n", b"SIP/2.0 abc\r\n\r\n", b"SIP/2.0 603 X\r\n\r\n"]
)
def test_junk_is_counted_and_ends_no_call(client: Client, junk: bytes) -> None:
    client.start(CALL, 0.0)
    assert client.receive(junk, 0.1) == (None, b"")
    assert (client.pending, client.strays) == (1, 1)


@pytest.mark.parametrize(
    ("start", "extra", "expected"),
    [
        ("302 Moved", (), ("pass", "")),
        ("404 Not Found", ('Reason: SIP;cause=302;text="no-fraud-detected"',), ("pass", "")),
        ("503 Service Unavailable", (), ("pass", "")),
        ("302 Moved", ('Reason: SIP;cause=603;text="monitor: would stop, mobile-at-home, rule kz-mobile"',), ("pass", "stop")),
        ("302 Moved", ('P-Asserted-Identity: "Unverified" <sip:+44;verstat=No-TN-Validation@invalid>',), ("mark", "")),
        ("302 Moved", ('P-Asserted-Identity: "Anonymous" <sip:anonymous@anonymous.invalid>',), ("withhold", "")),
        ("302 Moved", ('Reason: SIP;cause=302;text="fixed-from-abroad"',), ("divert", "")),
        ("603 Decline", ('Reason: Q.850;cause=21;text="fixed-from-abroad"',), ("stop", "")),
        ("608 Rejected", (), ("stop", "")),
    ],
)  # fmt: skip
def test_verdicts_are_read_off_the_wire_as_the_answers_page_defines_them(
    client: Client, start: str, extra: tuple[str, ...], expected: tuple[str, str]
) -> None:
    answer = read_answer(reply(client.start(CALL, 0.0), start, GOOD, *extra))
    assert answer is not None
    assert verdict_of(answer) == expected


def test_compact_header_forms_of_an_answer_are_understood() -> None:
    answer = read_answer(
        b"SIP/2.0 603 Decline\r\nv: SIP/2.0/UDP h;branch=z9hG4bKx;rport=1\r\nt: <sip:a@b>;tag=1\r\n\r\n"
    )
    assert answer is not None
    assert branch_of(answer) == "z9hG4bKx"
    assert answer.first("to") == "<sip:a@b>;tag=1"


def test_numbers_are_written_as_trunks_do() -> None:
    written = [spell("+77010000001", one) for one in ("plus", "prefixed", "bare", "national")]
    assert written == ["+77010000001", "0077010000001", "77010000001", "87010000001"]
    assert spell("102", "national") == "102"


def test_withheld_callers_send_anonymous_from_with_the_network_number_asserted(client: Client) -> None:
    text = client.start(replace(CALL, privacy=True), 0.0).decode()
    assert 'From: "Anonymous" <sip:anonymous@anonymous.invalid>' in text
    assert "P-Asserted-Identity: <sip:+447700900123@" in text
    assert "\r\nPrivacy: id\r\n" in text


def test_calls_still_open_at_the_end_are_lost(client: Client) -> None:
    client.start(CALL, 0.0)
    assert [one.verdict for one in client.give_up(5.0)] == ["lost"]
    assert client.pending == 0
