"""The quick way through a message and the careful way read the same, whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd import plain, requests, spelt
from test_message import invite

from tosqauyl.sip.message import Message, Request, parse, parse_carefully
from tosqauyl.sip.scan import scan

READ = (
    "asserted", "body", "branch", "call_id", "cseq", "cseq_method", "cseq_number", "fault", "from_", "from_display", "from_uri",
    "has_rare", "hops", "key", "length", "max_forwards", "method", "sent_by", "to", "to_has_tag", "to_is_sound", "uri",
    "user_agent", "via",
)  # fmt: skip


def all_of(message: Message) -> object:
    if not isinstance(message, Request):
        return message
    top = message.top_via
    via = (top.value, top.sent_by, top.branch, top.has_rport, top.rport_at, top.has_received, top.sound)
    return (
        [getattr(message, name) for name in READ],
        via,
        message.fields,
        list(message.fields),
        message.to_address,
        message.from_address,
    )


def goes_quickly(data: bytes) -> bool:
    text = data.decode("utf-8", "surrogateescape")
    return scan(text, Request(text, None)) >= 0


@given(st.data())
def test_any_spelling_reads_the_same_both_ways(data: st.DataObject) -> None:
    whole = data.draw(spelt(data.draw(requests())))
    assert all_of(parse(whole)) == all_of(parse_carefully(whole))


@given(st.data())
def test_a_plain_message_goes_the_quick_way(data: st.DataObject) -> None:
    whole = plain(data.draw(requests()))
    assert goes_quickly(whole) == (whole.count(b"\r\nUser-Agent:") < 2)


JUNK = st.sampled_from(
    ["\r", "\n", "\0", "\r\n", "\r\n ", ",", ";", '"', "<", ":", " ", "\udcff", "\t", "\\", "/", "Ж", "\x0b", "\x1c", "\x85",
     "\r\nVia: SIP/2.0/UDP h", "\r\nv: x", "\r\nl: 0", "\r\nMax-Forwards: 1", "\r\nP-Asserted-Identity: <tel:+1>",
     "\r\nPrivacy: id", "\r\nCall-id: y", "\r\nuser-agent: z", "\r\n\r\n", "SIP/2.0", ";rport", ";branch=z9hG4bKx",
     ";received=1.2.3.4", "\r\nF\u0131om: x", "\r\n:", "\r\nno colon", ";;"]
)  # fmt: skip


@given(st.data())
def test_a_broken_message_reads_the_same_both_ways(data: st.DataObject) -> None:
    whole = plain(data.draw(requests())).decode("utf-8", "surrogateescape")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole)))
        whole = whole[:place] + data.draw(JUNK) + whole[place + data.draw(st.integers(0, 3)) :]
    broken = whole.encode("utf-8", "surrogateescape")
    assert all_of(parse(broken)) == all_of(parse_carefully(broken))


@given(st.binary(max_size=300))
def test_junk_reads_the_same_both_ways(data: bytes) -> None:
    assert all_of(parse(data)) == all_of(parse_carefully(data))


@pytest.mark.parametrize(
    "data",
    [
        invite("X: a\nb: c"),
        invite("X: a\r\n b"),
        invite("X:\ta"),
        invite("X : a"),
        invite("Max-Forwards : 3"),
        invite(": a"),
        invite("no colon"),
        invite("Call-ID: c2"),
        invite(To="-"),
        invite()[:-2],
        invite().replace(b"\r\n", b"\n"),
        b"\r\n" + invite(),
        invite(line="INVITE sip:a@h SIP/3.0"),
        invite(line="INVITE  sip:a@h SIP/2.0"),
        b"SIP/2.0 200 SIP/2.0" + invite()[len("INVITE sip:+77770001122@h SIP/2.0") :],
    ],
)
def test_what_is_unusual_is_left_to_the_careful_way(data: bytes) -> None:
    assert not goes_quickly(data)
    assert all_of(parse(data)) == all_of(parse_carefully(data))


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("p-asserted-identity: <tel:+1>", "asserted", ["<tel:+1>"]),
        ("P-Asserted-Identity:  <tel:+1> \r\nP-ASSERTED-IDENTITY:<tel:+2>", "asserted", ["<tel:+1>", "<tel:+2>"]),
        ("USER-AGENT: x", "user_agent", "x"),
        ("Max-Forwards: 07", "max_forwards", 7),
        ("Privacy: id", "has_rare", True),
        ("history-info: <sip:a@h>;index=1", "has_rare", True),
        ("Contact: x", "has_rare", False),
        ("MIME-Version: 1.0", "max_forwards", 70),
        ("X-A-Name-That-Is-Longer-Than-Any-Other-By-Far: 1", "asserted", None),
    ],
)
def test_a_header_is_found_by_its_name_alone(line: str, attribute: str, value: object) -> None:
    data = invite(line)
    assert goes_quickly(data)
    for message in (parse(data), parse_carefully(data)):
        assert isinstance(message, Request)
        assert getattr(message, attribute) == value


def test_fields_are_read_when_they_are_asked_for() -> None:
    message = parse(
        invite("X-A: 1", "x-a: 2", "(bad): 3", "Via: SIP/2.0/UDP a, SIP/2.0/UDP b", body="X-A: 4\r\n\r\nY: 5")
    )
    assert isinstance(message, Request)
    assert (message.fields["x-a"], len(message.fields["via"]), message.first("y")) == (["1", "2"], 3, "")
    assert message.fields is message.fields
