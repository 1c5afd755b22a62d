"""Sh answers: what each result, each element of Sh-Data and each contradiction comes to; no bytes do more than fail."""

import asyncio
import base64

import pytest
from diameter.message import Avp, Message, constants
from hypothesis import example, given
from hypothesis import strategies as st
from sh_desk import HOME, IDS, NOBODY, NOW, PLAN, SESSION, a_request, an_answer, make_options, outcome

from tosqauyl.networks.backend import FAILURES, AskFailed, Whereabouts
from tosqauyl.networks.sh import messages, simulator
from tosqauyl.networks.sh.frames import read_frame
from tosqauyl.networks.sh.location import whereabouts
from tosqauyl.networks.sh.messages import VENDOR
from tosqauyl.networks.sh.xml_text import MAX_DEPTH, MAX_XML


def b64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


KZ_NODE, RU_NODE = b64("917710000090f9"), b64("919761000090f9")
TR_NODE = b64("91093512000099")
KZ_CELL, TR_CELL = b64("04f11001020304"), b64("82f61001020304")
KZ_NET, TR_NET, SHIP_NET = b64("04f110"), b64("82f610"), b64("09f140")


def vlr(node: str) -> str:
    return f"<VLRNumber><Address>{node}</Address></VLRNumber>"


def cs(*parts: str, state: str = "") -> str:
    told = f"<CSUserState>{state}</CSUserState>" if state else ""
    return f"<Sh-Data><CSLocationInformation>{''.join(parts)}</CSLocationInformation>{told}</Sh-Data>"


def age(minutes: int | str) -> str:
    return f"<AgeOfLocationInformation>{minutes}</AgeOfLocationInformation>"


def read(text: str) -> tuple[str, str, float] | str:
    """State, country, age in minutes; or the kind of failure."""
    try:
        found = whereabouts(text.encode(), NOW, PLAN)
    except AskFailed as failure:
        return failure.kind
    return found.state, found.country, (NOW - found.at) / 60


PS = "<Sh-Data><PSLocationInformation>{}</PSLocationInformation></Sh-Data>"
EPS = (
    "<Sh-Data><Extension><Extension><Extension><Extension><EPSLocationInformation>{}</EPSLocationInformation>"
    "</Extension></Extension></Extension></Extension></Sh-Data>"
)
CASES = {
    "a home node": (cs(vlr(KZ_NODE)), ("home", "KZ", 0)),
    "a Russian node has the same country code": (cs(vlr(RU_NODE)), ("abroad", "RU", 0)),
    "a node abroad, and how old that is": (cs(vlr(TR_NODE), age(90)), ("abroad", "TR", 90)),
    "an MSC alone": (cs(f"<MSCNumber><Address>{TR_NODE}</Address></MSCNumber>"), ("abroad", "TR", 0)),
    "a node as bare digits": (cs("<VLRNumber>905321000000</VLRNumber>"), ("abroad", "TR", 0)),
    "a national node number tells nothing": (cs(vlr(b64("a177100000"))), ("unknown", "", 0)),
    "a cell": (cs(f"<CellGlobalId>{TR_CELL}</CellGlobalId>"), ("abroad", "TR", 0)),
    "a service area": (cs(f"<ServiceAreaId>{KZ_CELL}</ServiceAreaId>"), ("home", "KZ", 0)),
    "a location area": (cs(f"<LocationAreaId>{b64('04f1100001')}</LocationAreaId>"), ("home", "KZ", 0)),
    "Base64 in two lines": (cs(f"<CellGlobalId>\n {TR_CELL[:4]}\n {TR_CELL[4:]}</CellGlobalId>"), ("abroad", "TR", 0)),
    "node and cell agree": (cs(f"<CellGlobalId>{KZ_CELL}</CellGlobalId>", vlr(KZ_NODE), age(3)), ("home", "KZ", 3)),
    "node and cell contradict": (cs(f"<CellGlobalId>{TR_CELL}</CellGlobalId>", vlr(KZ_NODE)), "wrong"),
    "two countries abroad": (cs(f"<CellGlobalId>{TR_CELL}</CellGlobalId>", vlr(RU_NODE)), ("abroad", "", 0)),
    "a ship": (PS.format(f"<VisitedPLMNID>{SHIP_NET}</VisitedPLMNID>"), ("abroad", "", 0)),
    "an SGSN": (PS.format(f"<SGSNNumber><Address>{TR_NODE}</Address></SGSNNumber>"), ("abroad", "TR", 0)),
    "a visited network deep in extensions": (
        PS.format(f"<Extension><Extension><VisitedPLMNID>{KZ_NET}</VisitedPLMNID></Extension></Extension>"),
        ("home", "KZ", 0),
    ),
    "a visited network as digits": (PS.format("<VisitedPLMNID>28601</VisitedPLMNID>"), ("abroad", "TR", 0)),
    "a routing area": (PS.format(f"<RoutingAreaId>{b64('82f610000101')}</RoutingAreaId>"), ("abroad", "TR", 0)),
    "an MME's name": (
        EPS.format("<MMEName>mmec1.mmegi2.mme.epc.mnc001.mcc286.3gppnetwork.org</MMEName>"), ("abroad", "TR", 0),
    ),
    "a name without a network": (EPS.format("<MMEName>mme1.example.kz</MMEName>"), ("unknown", "", 0)),
    "just paged": (cs(vlr(KZ_NODE), "<CurrentLocationRetrieved>1</CurrentLocationRetrieved>"), ("home", "KZ", 0)),
    "a prefix": (
        f'<s:Sh-Data xmlns:s="urn:x"><s:CSLocationInformation><s:VLRNumber><s:Address>{TR_NODE}</s:Address></s:VLRNumber>'
        "</s:CSLocationInformation></s:Sh-Data>", ("abroad", "TR", 0),
    ),
    "detached, and no age": (cs(vlr(KZ_NODE), state="1"), ("unknown", "", 0)),
    "detached, and an old location": (cs(vlr(KZ_NODE), age(2880), state="1"), ("home", "KZ", 2880)),
    "nothing told": ("<Sh-Data/>", ("unknown", "", 0)),
    "only a state": ("<Sh-Data><CSUserState>2</CSUserState></Sh-Data>", ("unknown", "", 0)),
    "domains differ, the younger counts": (
        cs(vlr(KZ_NODE), age(600)).replace("</Sh-Data>", "")
        + PS.format(f"<VisitedPLMNID>{TR_NET}</VisitedPLMNID>{age(1)}").removeprefix("<Sh-Data>"),
        ("abroad", "TR", 1),
    ),
    "domains differ, no age": (
        cs(vlr(KZ_NODE)).replace("</Sh-Data>", "")
        + PS.format(f"<VisitedPLMNID>{TR_NET}</VisitedPLMNID>").removeprefix("<Sh-Data>"), "wrong",
    ),
    "another document": ("<html>no</html>", "malformed"),
    "not XML": ("<Sh-Data>", "malformed"),
    "not Base64": (cs("<CellGlobalId>???</CellGlobalId>"), "malformed"),
    "a cell too short": (cs(f"<CellGlobalId>{KZ_NET}</CellGlobalId>"), "malformed"),
    "a network without digits": (cs(f"<CellGlobalId>{b64('ffffff01020304')}</CellGlobalId>"), "malformed"),
    "an age that is none": (cs(vlr(KZ_NODE), age("soon")), "malformed"),
    "an age over its range": (cs(vlr(KZ_NODE), age(32768)), "malformed"),
    "a document type": ('<!DOCTYPE Sh-Data SYSTEM "file:///x"><Sh-Data/>', "malformed"),
    "entities": ('<!DOCTYPE x [<!ENTITY a "b">]><Sh-Data>&a;</Sh-Data>', "malformed"),
    "an entity without its type": ("<Sh-Data>&other;</Sh-Data>", "malformed"),
    "too deep": ("<Sh-Data>" + "<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH + "</Sh-Data>", "malformed"),
    "too many elements": ("<Sh-Data>" + "<a/>" * 1000 + "</Sh-Data>", "malformed"),
    "too long": ("<Sh-Data>" + " " * MAX_XML + "</Sh-Data>", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_sh_data_tells_whereabouts(text, expected):
    assert read(text) == expected


def test_a_document_type_in_another_encoding_is_not_read():
    with pytest.raises(AskFailed, match="UTF-8"):
        whereabouts('<!DOCTYPE x [<!ENTITY a "b">]><Sh-Data/>'.encode("utf-16"), NOW, PLAN)


@pytest.mark.parametrize(("digits", "octets"), [("77010000001", "7710000000f1"), ("905321", "093512"), ("", "")])
def test_digits_are_packed_two_an_octet(digits, octets):
    assert messages.tbcd(digits).hex() == octets
    assert messages.from_tbcd(bytes.fromhex(octets)) == digits


@given(st.text("0123456789", max_size=15))
def test_packed_digits_come_back(digits):
    assert messages.from_tbcd(messages.tbcd(digits)) == digits


def test_a_request_carries_what_the_standard_asks_for():
    request = messages.receive(a_request(domain="ps", active=True, destination_host="hss1.example.kz"))
    assert (request.header.command, request.header.flags, request.header.application) == (306, 0xC0, 16_777_217)
    assert request.avps[0].code == constants.AVP_SESSION_ID
    assert request.text(constants.AVP_SESSION_ID) == SESSION
    assert request.number(constants.AVP_AUTH_SESSION_STATE) == 1
    assert request.text(constants.AVP_DESTINATION_HOST) == "hss1.example.kz"
    assert [int.from_bytes(avp.payload) for avp in request.avps if avp.code == 703] == [14, 15]
    assert request.number(706, VENDOR) == 1
    assert request.number(707, VENDOR) == 1
    assert simulator.asked_number(request) == HOME


def test_a_subscriber_may_be_named_by_a_tel_uri():
    request = messages.receive(a_request(identity="tel"))
    assert request.group(700, VENDOR).text(601, VENDOR) == f"tel:{HOME}"
    assert simulator.asked_number(request) == HOME


RESULTS = {
    2001: "unknown", 2002: "unknown", 3001: "refused", 3002: "down", 3003: "refused", 3004: "limited", 3010: "refused",
    4002: "limited", 5001: "refused", 5002: "wrong", 5003: "refused", 5004: "refused", 5005: "refused", 5012: "down",
    5030: "unknown", 5999: "refused",
}  # fmt: skip
SPECIAL = {
    2003: "unknown", 4100: "unknown", 4101: "limited", 5001: "unknown", 5002: "wrong", 5011: "refused", 5100: "refused",
    5101: "refused", 5102: "refused", 5105: "wrong", 5999: "refused",
}  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), RESULTS.items())
def test_a_result_is_an_outcome(code, expected):
    found = outcome(simulator._answer(messages.receive(a_request()), result=code))
    assert (found.state if isinstance(found, Whereabouts) else found) == expected


@pytest.mark.parametrize(("code", "expected"), SPECIAL.items())
def test_a_result_of_3gpp_is_an_outcome(code, expected):
    found = outcome(simulator._answer(messages.receive(a_request()), special=code))
    assert (found.state if isinstance(found, Whereabouts) else found) == expected


def without(code: int) -> bytes:
    message = Message.from_bytes(an_answer(), plain_msg=True)
    return Message(message.header, [avp for avp in message.avps if avp.code != code]).as_bytes()


def test_an_answer_without_a_result_cannot_be_read():
    assert outcome(without(constants.AVP_RESULT_CODE)) == "malformed"


def test_an_answer_without_its_session_is_wrong():
    assert outcome(without(constants.AVP_SESSION_ID)) == "wrong"


def test_an_agents_error_may_lack_the_session():
    request = messages.receive(a_request())
    assert outcome(messages.plain_answer(make_options(), request.header, 3002)) == "down"


def test_answers_to_other_questions_are_wrong():
    assert outcome(an_answer()) == Whereabouts("home", NOW - 60, "KZ")
    assert outcome(an_answer(), session="gate.example.kz;1;3") == "wrong"
    assert outcome(an_answer(), ids=IDS._replace(end=9)) == "wrong"
    assert outcome(a_request()) == "wrong"
    assert outcome(an_answer(NOBODY)) == Whereabouts("unknown", NOW)


def test_a_result_of_another_vendor_is_wrong():
    frame = simulator._answer(messages.receive(a_request()), special=5001)
    vendor = Avp.new(constants.AVP_VENDOR_ID, value=VENDOR).as_bytes()
    at = frame.rindex(vendor)
    assert outcome(frame[:at] + Avp.new(constants.AVP_VENDOR_ID, value=9).as_bytes() + frame[at + 12 :]) == "wrong"


@pytest.mark.parametrize("length", [0, 7, 200, 0xFFFFFF])
def test_an_avp_that_does_not_fit_is_malformed(length):
    frame = bytearray(an_answer())
    frame[25:28] = length.to_bytes(3)
    assert outcome(bytes(frame)) == "malformed"


def check_outcome(found: Whereabouts | str) -> None:
    if isinstance(found, str):
        assert found in FAILURES
    else:
        assert found.state in ("abroad", "home", "unknown")
        assert found.at <= NOW


@given(st.binary(max_size=200))
@example(b"")
def test_any_bytes_as_a_frame_give_an_outcome(data):
    check_outcome(outcome(data))
    header = bytes((1,)) + (20 + len(data)).to_bytes(3) + an_answer()[4:20]
    check_outcome(outcome(header + data))


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6), st.integers(0, 2000))
def test_any_damage_to_an_answer_gives_an_outcome(damage, cut):
    frame = bytearray(an_answer())
    for place, value in damage:
        frame[place % len(frame)] = value
    check_outcome(outcome(bytes(frame)))
    check_outcome(outcome(bytes(frame[: cut % len(frame)])))


ALPHABET = st.sampled_from(
    ["<Sh-Data>", "</Sh-Data>", "<CSLocationInformation>", "</CSLocationInformation>", vlr(KZ_NODE), vlr(TR_NODE), "&a;", "<!",
     "<?", "]]>", age(5), age(-1), f"<CellGlobalId>{TR_CELL}</CellGlobalId>", "\0", "\ufeff", "ә", "<VLRNumber>=</VLRNumber>"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(ALPHABET, max_size=12).map(lambda parts: "".join(parts).encode())))
def test_any_bytes_as_sh_data_give_an_outcome(data):
    check_outcome(outcome(simulator._answer(messages.receive(a_request()), data=data)))


@given(st.binary(max_size=300))
def test_any_bytes_of_a_stream_are_frames_or_fail(data):
    async def read_all() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        while True:
            check_outcome(outcome(await read_frame(reader)))

    with pytest.raises(AskFailed) as raised:
        asyncio.run(read_all())
    assert raised.value.kind in ("malformed", "down")
