"""Parsing: all spellings mean the same, junk never raises, limits answer or drop, nothing injects a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd import plain, requests, spelt

from tosqauyl.sip import limits
from tosqauyl.sip.answer import answer
from tosqauyl.sip.framing import Parser
from tosqauyl.sip.message import Request, Response, Unreadable, parse
from tosqauyl.sip.render import render

SOURCE = ("192.0.2.9", 5061)


def invite(*extra: str, line: str = "INVITE sip:+77770001122@h SIP/2.0", body: str = "", **replaced: str) -> bytes:
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
        "From": "<sip:+77011234567@h>;tag=f",
        "To": "<sip:+77770001122@h>",
        "Call-ID": "c1",
        "CSeq": "1 INVITE",
    } | {name.replace("_", "-"): value for name, value in replaced.items()}
    lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value != "-"), *extra]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "surrogateescape")


def read(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request), message
    return message


def fault(data: bytes) -> str:
    message = parse(data)
    if isinstance(message, Unreadable):
        return f"dropped {message.fault.kind}"
    assert isinstance(message, Request)
    return message.fault.kind if message.fault else ""


def meaning(message: Request) -> tuple[object, ...]:
    vias = ["".join(via.split()) for via in message.via]
    fields = {name: values for name, values in message.fields.items() if name not in ("via", "content-length")}
    return (message.method, message.uri, vias, fields, message.body, message.key, message.max_forwards, message.fault)


@given(st.data())
def test_every_spelling_means_the_same(data: st.DataObject) -> None:
    request = data.draw(requests())
    simple = read(plain(request))
    odd = read(data.draw(spelt(request)))
    assert simple.fault is None
    assert meaning(odd) == meaning(simple)


@given(st.data())
def test_rendering_is_a_fixed_point(data: st.DataObject) -> None:
    first = read(data.draw(spelt(data.draw(requests()))))
    again = read(render(first))
    assert render(again) == render(first)
    assert meaning(again) == meaning(first)


@given(st.binary(max_size=300))
def test_junk_parses_or_is_unreadable(data: bytes) -> None:
    message = parse(data)
    if not isinstance(message, Unreadable):
        render(message)


@given(st.data())
def test_a_broken_message_parses_or_is_unreadable_and_its_answer_is_clean(data: st.DataObject) -> None:
    whole = bytearray(plain(data.draw(requests())))
    junk = st.sampled_from(
        [b"\r", b"\n", b"\0", b"\r\n", b"\r\n ", b",", b";", b'"', b"<", b":", b" ", b"\xff", b"\t", b"\\"]
    )
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(whole)))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(junk)
    message = parse(bytes(whole))
    if isinstance(message, Request):
        reply = answer(message, 400, "Bad Request", SOURCE, "t")
        head, blank, body = reply.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert (blank, body) == (b"\r\n\r\n", b"")
        assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
        assert len(lines) == 6 + len(message.via)
    if not isinstance(message, Unreadable):
        render(message)


@given(st.lists(requests(), min_size=1, max_size=3), st.data())
def test_a_stream_in_pieces_gives_the_messages_of_the_whole(
    several: list[tuple[str, list[tuple[str, str]], bytes]], data: st.DataObject
) -> None:
    parts = []
    for line, headers, body in several:
        framed = [header for header in headers if header[0] != "Content-Length"] + [("Content-Length", str(len(body)))]
        parts.append(data.draw(spelt((line, framed, body))))
    stream = b"".join(parts)
    whole = Parser().feed(stream)
    bytewise, pieces = Parser(), Parser()
    one_by_one = [message for octet in stream for message in bytewise.feed(bytes([octet]))]
    cut = data.draw(st.integers(0, len(stream)))
    in_two = pieces.feed(stream[:cut]) + pieces.feed(stream[cut:])
    expected = [meaning(read(part)) for part in parts]
    for messages in (whole, one_by_one, in_two):
        assert [meaning(message) for message in messages if isinstance(message, Request)] == expected


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_a_junk_stream_breaks_the_same_whole_and_in_pieces(chunks: list[bytes]) -> None:
    one, many = Parser(), Parser()
    whole = one.feed(b"".join(chunks))
    pieces = [message for chunk in chunks for message in many.feed(chunk)]
    assert [type(message) for message in whole] == [type(message) for message in pieces]
    assert one.broken == many.broken


def test_a_stream_with_an_unreadable_length_is_broken() -> None:
    parser = Parser()
    (message,) = parser.feed(invite("Content-Length: 1", "Content-Length: 2", body="xy"))
    assert isinstance(message, Request)
    assert message.fault is not None
    assert message.fault.kind == "malformed"
    assert parser.broken
    assert parser.feed(invite()) == []


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b" "])
def test_keep_alives_are_unreadable(data: bytes) -> None:
    assert fault(data) == "dropped keepalive"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (invite(), ""),
        (invite("Content-Length: 3", body="abcdef"), ""),
        (invite("Content-Length: 3", "l: 3", body="abc"), ""),
        (invite("Content-Length: 4", body="abc"), "malformed"),
        (invite("Content-Length: 0x3", body="abc"), "malformed"),
        (invite("Content-Length: ٣", body="abc"), "malformed"),
        (invite("Max-Forwards: 256"), "malformed"),
        (invite("Max-Forwards: 70", "Max-Forwards: 70"), "malformed"),
        (invite("Max-Forwards: -1"), "malformed"),
        (invite("From: <sip:b@h>;tag=g"), "malformed"),
        (invite(CSeq="1"), "malformed"),
        (invite(CSeq="1 ACK"), "malformed"),
        (invite(CSeq=f"{2**31} INVITE"), "malformed"),
        (invite(CSeq=f"{2**31 - 1} INVITE"), ""),
        (invite(CSeq="1" * 5000 + " INVITE"), "malformed"),
        (invite(CSeq="000000000000000000001   INVITE"), ""),
        (invite(From="-"), "dropped unanswerable"),
        (invite(Via="-"), "dropped unanswerable"),
        (invite(Via="SIP/2.0/UDP"), "dropped unanswerable"),
        (invite(Via="SIP/2.0/UDP h;;branch=z9hG4bKa"), "malformed"),
        (invite(Call_ID=""), "malformed"),
        (invite(From="sip:a@h?x=y;tag=1"), "malformed"),
        (invite(From="Каспи Банк (.) <sip:a@h>;tag=1"), ""),
        (invite(From="<sip:a@h"), "malformed"),
        (invite(line="INVITE sip: SIP/2.0"), "malformed"),
        (invite(line="INVITE tel:+77011234567 SIP/2.0"), ""),
        (invite(line="INVITE SIPS:+77011234567@h sip/2.0"), ""),
        (invite(line="INVITE http://h SIP/2.0"), "scheme"),
        (invite(line="INVITE sip:a@h SIP/3.0"), "version"),
        (invite(line="INVITE sip:a?b@h SIP/2.0"), ""),
        (invite(line="GET / HTTP/1.1"), "dropped not_sip"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "dropped not_sip"),
        (invite()[:-2], "malformed"),
        (invite().replace(b"\r\n", b"\n"), ""),
        (invite("no colon here", "bad name: x", ": y"), ""),
        (invite(From="<sip:a@h>;tag=1\rVia: x"), "malformed"),
        (invite(Via="SIP/2.0/UDP h;branch=z9hG4bKa\rVia: x"), "malformed"),
        (invite("X: a\0b"), "malformed"),
        (invite('Subject: "\\\0"'), ""),
        (b"SIP/2.0 200 OK\r\n\r\n", "dropped bad_response"),
        (b"SIP/2.0 1\xbb0 OK\r\nCSeq: 1 INVITE\r\n\r\n", "dropped bad_response"),
    ],
)  # fmt: skip
def test_fault_of(data: bytes, expected: str) -> None:
    assert fault(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (invite("X: " + "a" * (limits.MAX_HEAD - 200)), ""),
        (invite("X: " + "a" * limits.MAX_HEAD), "too_long"),
        (invite(*["X: a"] * (limits.MAX_HEADER_LINES - 6)), ""),
        (invite(*["X: a"] * (limits.MAX_HEADER_LINES - 5)), "too_long"),
        (invite(*["Via: SIP/2.0/UDP h"] * (limits.MAX_VIAS - 1)), ""),
        (invite(*["Via: SIP/2.0/UDP h"] * limits.MAX_VIAS), "too_long"),
        (invite(Call_ID="c" * limits.MAX_CALL_ID), ""),
        (invite(Call_ID="c" * (limits.MAX_CALL_ID + 1)), "too_long"),
        (invite(Via="SIP/2.0/UDP h;branch=z9hG4bK" + "b" * (limits.MAX_BRANCH - 7)), ""),
        (invite(Via="SIP/2.0/UDP h;branch=z9hG4bK" + "b" * (limits.MAX_BRANCH - 6)), "too_long"),
        (invite(line=f"INVITE sip:{'u' * (limits.MAX_URI - 6)}@h SIP/2.0"), ""),
        (invite(line=f"INVITE sip:{'u' * (limits.MAX_URI - 5)}@h SIP/2.0"), "too_long"),
        (b"X: " + b"a" * limits.MAX_DATAGRAM, "dropped too_long"),
    ],
    ids=str,
)  # fmt: skip
def test_each_limit_holds_on_its_line(data: bytes, expected: str) -> None:
    assert fault(data) == expected


def test_a_64_kb_header_is_answered_without_reading_past_the_limit() -> None:
    message = read(invite("P-Asserted-Identity: <sip:" + "7" * 60_000 + "@h>"))
    assert message.fault is not None
    assert message.fault.kind == "too_long"
    assert "p-asserted-identity" not in message.fields


def test_odd_runs_take_linear_time() -> None:
    for filler in (" ", "\t", "\\", ",", ";", '"', "<", "\r\n ", "/ ", "a,", '"\\'):
        run = (filler * 30_000)[:30_000]
        for data in (
            invite(From=run),
            invite(Via=run),
            invite(Via="SIP/2.0/UDP h;" + run),
            invite("X: " + run),
            invite(To='"' + run),
        ):
            parse(data)


def test_bytes_that_are_no_utf8_survive_the_round_trip() -> None:
    message = read(invite("X-Odd: \udcff\udcfe", From='"\udcd0" <sip:a@h>;tag=1'))
    assert b"X-Odd: \xff\xfe\r\n" in render(message)
    assert b'From: "\xd0" <sip:a@h>;tag=1\r\n' in answer(message, 400, "Bad Request", SOURCE, "t")


def test_an_ack_shares_the_key_of_its_invite_and_a_cancel_names_it() -> None:
    first = read(invite())
    ack = read(invite(line="ACK sip:+77770001122@h SIP/2.0", CSeq="1 ACK", To="<sip:+77770001122@h>;tag=x"))
    cancel = read(invite(line="CANCEL sip:+77770001122@h SIP/2.0", CSeq="1 CANCEL"))
    assert ack.key == first.key == cancel.invite_key
    assert cancel.key != first.key
    assert ack.to_has_tag
    assert not first.to_has_tag


def test_an_rfc2543_ack_and_cancel_find_their_invite_too() -> None:
    via = "SIP/2.0/UDP 192.0.2.1"
    first = read(invite(Via=via))
    ack = read(invite(line="ACK sip:+77770001122@h SIP/2.0", CSeq="1 ACK", Via=via, To="<sip:+77770001122@h>;tag=x"))
    cancel = read(invite(line="CANCEL sip:+77770001122@h SIP/2.0", CSeq="1 CANCEL", Via=via))
    assert ack.key == first.key == cancel.invite_key
    assert read(invite(Via=via, Call_ID="other")).key != first.key
    assert read(invite(Via=via + ":5070")).key != first.key


def test_a_response_is_read() -> None:
    message = parse(b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP h\r\n\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (180, "Ringing")
