"""All 49 torture messages of RFC 4475, each with the outcome that tests/corpora/sip/rfc4475.csv argues for."""

import csv
from pathlib import Path

import pytest

from tosqauyl.sip.answer import answer, destination
from tosqauyl.sip.message import Request, Response, Unreadable, parse
from tosqauyl.sip.render import render

CORPUS = Path(__file__).parent.parent / "corpora" / "sip"
ROWS = list(csv.DictReader((CORPUS / "rfc4475.csv").open(encoding="utf-8")))
STATUS = {"malformed": 400, "scheme": 416, "version": 505, "too_long": 513}


def vector(name: str) -> bytes:
    return (CORPUS / "rfc4475" / f"{name}.dat").read_bytes()


def outcome(message: Request | Response | Unreadable) -> tuple[str, str]:
    if isinstance(message, Unreadable):
        return "dropped", message.fault.where
    if isinstance(message, Response):
        return "response", ""
    return (f"answer {STATUS[message.fault.kind]}", message.fault.where) if message.fault else ("parsed", "")


def test_the_table_has_every_message_once() -> None:
    assert sorted(row["name"] for row in ROWS) == sorted(path.stem for path in (CORPUS / "rfc4475").glob("*.dat"))
    assert len(ROWS) == 49
    assert all(row["argument"] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_outcome_is_the_argued_one(row: dict[str, str]) -> None:
    assert outcome(parse(vector(row["name"]))) == (row["outcome"], row["where"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_what_can_be_answered_is_answered_with_clean_lines(row: dict[str, str]) -> None:
    request = parse(vector(row["name"]))
    if not isinstance(request, Request):
        return
    reply = answer(request, 400, "Bad Request", ("192.0.2.77", 5099), "t0")
    head, _, rest = reply.partition(b"\r\n\r\n")
    assert rest == b""
    assert not any(control in head.replace(b"\r\n", b"") for control in (b"\r", b"\n", b"\0"))
    assert head.count(b"\r\nVia: ") == len(request.via)
    assert destination(request, ("192.0.2.77", 5099))[0] == "192.0.2.77"
    parsed = parse(reply)
    assert isinstance(parsed, Response) or request.cseq_number < 0
    if isinstance(parsed, Response):
        assert (parsed.fields["call-id"], parsed.fields["cseq"]) == ([request.call_id], [request.cseq])


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r["outcome"] in ("parsed", "response")], ids=lambda row: row["name"]
)
def test_rendering_is_a_fixed_point(row: dict[str, str]) -> None:
    first = parse(vector(row["name"]))
    assert not isinstance(first, Unreadable)
    second = parse(render(first))
    assert not isinstance(second, Unreadable)
    assert render(second) == render(first)
    assert second.body == first.body


def request(name: str) -> Request:
    message = parse(vector(name))
    assert isinstance(message, Request)
    return message


def test_wsinv_means_what_the_rfc_says() -> None:
    read = request("wsinv")
    assert read.method == "INVITE"
    assert [" ".join(via.split()) for via in read.via] == [
        "SIP / 2.0 /UDP 192.0.2.2;branch=390skdjuw",
        "SIP / 2.0 / TCP spindle.example.com ; branch = z9hG4bK9ikj8",
        "SIP / 2.0 / UDP 192.168.255.111 ; branch= z9hG4bK30239",
    ]
    assert (read.sent_by, read.branch) == ("192.0.2.2", "390skdjuw")
    assert (read.max_forwards, read.cseq_number) == (68, 9)
    assert read.to_has_tag
    assert read.from_address is not None
    assert read.from_address.display == 'J Rosenberg \\"'
    assert read.fields["subject"] == [""]
    assert read.fields["newfangledheader"] == ["newfangled value continued newfangled value"]
    assert len(read.body) == 150


def test_the_sip_uris_keep_their_odd_users() -> None:
    assert request("semiuri").uri == "sip:user;par=u%40example.net@example.com"
    address = request("esc01").from_address
    assert address is not None
    assert address.uri == "sip:I%20have%20spaces@example.net"


def test_the_second_request_of_dblreq_is_ignored() -> None:
    assert request("dblreq").body == b""


def test_an_rfc2543_request_gets_a_key_of_its_own() -> None:
    assert "inv2543.1717@ift.client.example.com" in request("inv2543").key
    assert "badbranch.sadonfo23i420jv0as0derf3j3n" in request("badbranch").key
