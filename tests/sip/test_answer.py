"""Answers: what is copied, received and rport, where they go."""

import pytest
from test_message import invite, read

from tosqauyl.sip.answer import answer, destination
from tosqauyl.sip.message import Response, parse

SOURCE = ("192.0.2.9", 5061)


def test_an_answer_copies_what_rfc_3261_8_2_6_says() -> None:
    request = read(invite("Via: SIP/2.0/TCP second", Via="SIP/2.0/UDP 192.0.2.9:5061;branch=z9hG4bKa"))
    assert answer(request, 302, "Moved Temporarily", SOURCE, "tt", "Contact: <sip:x>\r\n") == (
        b"SIP/2.0 302 Moved Temporarily\r\nVia: SIP/2.0/UDP 192.0.2.9:5061;branch=z9hG4bKa\r\nVia: SIP/2.0/TCP second\r\n"
        b"From: <sip:+77011234567@h>;tag=f\r\nTo: <sip:+77770001122@h>;tag=tt\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
        b"Contact: <sip:x>\r\nContent-Length: 0\r\n\r\n"
    )
    assert isinstance(parse(answer(request, 100, "Trying", SOURCE, "tt")), Response)


def test_a_100_and_a_to_with_a_tag_get_no_tag() -> None:
    assert b"tag=tt" not in answer(read(invite()), 100, "Trying", SOURCE, "tt")
    assert b"tag=tt" not in answer(read(invite(To="<sip:a@h>;Tag=x")), 481, "No", SOURCE, "tt")
    assert b"tag=tt" in answer(read(invite(To='"a;tag=b" <sip:a@h;tag=c>')), 481, "No", SOURCE, "tt")


@pytest.mark.parametrize(
    ("via", "top", "port"),
    [
        ("192.0.2.9", "192.0.2.9", 5060),
        ("192.0.2.9:5070", "192.0.2.9:5070", 5070),
        ("host:5070", "host:5070;received=192.0.2.9", 5070),
        ("192.0.2.1;maddr=1.2.3.4", "192.0.2.1;maddr=1.2.3.4;received=192.0.2.9", 5060),
        ("192.0.2.9;rport", "192.0.2.9;received=192.0.2.9;rport=5061", 5061),
        ("h:99;rport;x=1", "h:99;received=192.0.2.9;rport=5061;x=1", 5061),
        ("h; RPort ;x=1", "h;received=192.0.2.9;rport=5061;x=1", 5061),
        ("h;rport=1", "h;received=192.0.2.9;rport=5061", 5061),
        ("h;received=6.6.6.6;rport", "h;received=192.0.2.9;rport=5061", 5061),
        ("192.0.2.9;received=6.6.6.6", "192.0.2.9", 5060),
        ("h;received=6.6.6.6", "h;received=192.0.2.9", 5060),
        ('h;x=";rport"', 'h;x=";rport";received=192.0.2.9', 5060),
        ("h:0", "h:0;received=192.0.2.9", 5060),
        ("h:x", "h:x;received=192.0.2.9", 5060),
        ("[2001:db8::1]:5070", "[2001:db8::1]:5070;received=192.0.2.9", 5070),
    ],
)
def test_top_via_and_destination(via: str, top: str, port: int) -> None:
    request = read(invite(Via="SIP/2.0/UDP " + via))
    assert b"\r\nVia: SIP/2.0/UDP " + top.encode() + b"\r\n" in answer(request, 400, "x", SOURCE, "t")
    assert destination(request, SOURCE) == ("192.0.2.9", port)


def test_the_same_request_gets_the_same_bytes() -> None:
    assert answer(read(invite()), 603, "Decline", SOURCE, "t") == answer(read(invite()), 603, "Decline", SOURCE, "t")
