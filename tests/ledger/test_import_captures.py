"""Captures: HEP packets and frames in every state come to messages, a reason, or a count; dialogs come to calls and outcomes."""

import socket
import struct
import zlib
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.imports import hep, sip_rows
from tosqauyl.ledger.imports.capture import Capture
from tosqauyl.ledger.imports.packets import ETHERNET, RAW, SLL, SLL2, Segment, segment_of
from tosqauyl.ledger.imports.rejects import RejectFile
from tosqauyl.ledger.imports.run import Done, Importer, Options
from tosqauyl.ledger.imports.sip_calls import CallTracker, Heard, SipCall
from tosqauyl.ledger.imports.streams import Streams
from tosqauyl.ledger.store import Store
from tosqauyl.sip.message import parse

AT = 1_740_805_200
A, B = "192.0.2.7", "192.0.2.8"


def sip(start: str, cseq: str, call_id: str = "c1", from_tag: str = "a", to_tag: str = "", *more: str) -> bytes:
    to = f"To: <sip:+77012345678@b>{f';tag={to_tag}' if to_tag else ''}"
    head = [start, "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1", f"From: <sip:+442071838750@a>;tag={from_tag}", to]
    return "\r\n".join([*head, f"Call-ID: {call_id}", f"CSeq: {cseq}", *more, "Content-Length: 0", "", ""]).encode()


def invite(call_id: str = "c1", *more: str) -> bytes:
    return sip("INVITE sip:+77012345678@b SIP/2.0", "1 INVITE", call_id, "a", "", *more)


def final(status: str, call_id: str = "c1", *more: str) -> bytes:
    return sip(f"SIP/2.0 {status}", "1 INVITE", call_id, "a", "b", *more)


def bye(call_id: str = "c1", by: str = "a", *more: str) -> bytes:
    return sip("BYE sip:x@b SIP/2.0", "2 BYE", call_id, by, "b" if by == "a" else "a", *more)


CANCEL = sip("CANCEL sip:+77012345678@b SIP/2.0", "1 CANCEL")


# -- HEP --------------------------------------------------------------------------------------------------------------


def chunk(kind: int, value: bytes, vendor: int = 0) -> bytes:
    return struct.pack(">HHH", vendor, kind, 6 + len(value)) + value


def hep_packet(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def captured(payload: bytes, at: float = AT, kind: int = 1) -> bytes:
    ip = chunk(1, b"\2") + chunk(2, b"\x11") + chunk(3, socket.inet_aton(A)) + chunk(4, socket.inet_aton(B))
    when = chunk(9, struct.pack(">I", int(at))) + chunk(10, struct.pack(">I", round(at % 1 * 1e6)))
    return hep_packet(ip, chunk(7, struct.pack(">H", 5060)), when, chunk(11, bytes([kind])), chunk(15, payload))


def test_a_hep_packet_tells_payload_time_and_sender() -> None:
    assert hep.unwrap(captured(b"x", AT + 0.25)) == hep.Captured(AT + 0.25, "192.0.2.7:5060", "udp", 1, b"x")


def test_ipv6_tcp_and_foreign_chunks() -> None:
    six = chunk(5, socket.inet_pton(socket.AF_INET6, "2001:db8::1")) + chunk(2, b"\6") + chunk(15, b"no", vendor=9)
    found = hep.unwrap(hep_packet(six, chunk(99, b"?"), chunk(15, b"yes")))
    assert found is not None
    assert (found.source, found.transport, found.payload) == ("2001:db8::1:0", "tcp", b"yes")


def test_a_packed_payload_is_unpacked_up_to_the_size_of_a_datagram() -> None:
    found = hep.unwrap(hep_packet(chunk(16, zlib.compress(b"abc"))))
    assert found is not None
    assert found.payload == b"abc"
    assert hep.unwrap(hep_packet(chunk(16, zlib.compress(b"\0" * 10_000_000)))) is None
    assert hep.unwrap(hep_packet(chunk(16, b"junk"))) is None


@pytest.mark.parametrize("data", [b"", b"HEP3", b"HEP3\0\6", b"HEP3\0\x09\0\0\0", b"HEP2" + captured(b"x")[4:]])
def test_what_is_no_hep_is_none(data: bytes) -> None:
    assert hep.unwrap(data) is None


@given(st.binary(max_size=120), st.integers(0, 100))
def test_no_bytes_make_the_parser_raise_or_read_past_the_end(junk: bytes, cut: int) -> None:
    for data in (junk, b"HEP3" + junk, captured(junk)[:cut], captured(b"x")[:20] + junk):
        found = hep.unwrap(data)
        assert found is None or len(found.payload) <= hep.MOST_PAYLOAD
        packets, rest, lost = hep.split(data)
        assert sum(map(len, packets)) + len(rest) + lost == len(data)


def test_packets_in_a_file_are_found_again_after_what_is_none() -> None:
    one = captured(b"x")
    assert hep.split(one + b"rubbish" + one + one[:9]) == ([one, one], one[:9], 7)


# -- frames -----------------------------------------------------------------------------------------------------------


def ip4(payload: bytes, protocol: int = 17, fragment: int = 0) -> bytes:
    return (
        struct.pack(
            ">BBHHHBBH4s4s",
            69,
            0,
            20 + len(payload),
            0,
            fragment,
            64,
            protocol,
            0,
            socket.inet_aton(A),
            socket.inet_aton(B),
        )
        + payload
    )


def ip6(payload: bytes, header: int = 17, extension: bytes = b"") -> bytes:
    ends = b"".join(socket.inet_pton(socket.AF_INET6, one) for one in ("2001:db8::1", "2001:db8::2"))
    return struct.pack(">IHBB", 6 << 28, len(extension) + len(payload), header, 64) + ends + extension + payload


def udp(data: bytes) -> bytes:
    return struct.pack(">HHHH", 5060, 5061, 8 + len(data), 0) + data


def tcp(data: bytes, seq: int, flags: int = 24) -> bytes:
    return struct.pack(">HHIIBBHHH", 5060, 5061, seq, 0, 80, flags, 0, 0, 0) + data


def ethernet(packet: bytes, kind: int = 0x0800, tags: bytes = b"") -> bytes:
    return b"\0" * 12 + tags + struct.pack(">H", kind) + packet


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (ETHERNET, ethernet(ip4(udp(b"x")))),
        (ETHERNET, ethernet(ip4(udp(b"x")), tags=b"\x81\0\0\5")),
        (ETHERNET, ethernet(ip4(udp(b"x")), tags=b"\x88\xa8\0\5\x81\0\0\6")),
        (ETHERNET, ethernet(ip4(udp(b"x"))) + b"\0" * 20),
        (SLL, b"\0" * 14 + b"\x08\0" + ip4(udp(b"x"))),
        (SLL2, b"\x08\0" + b"\0" * 18 + ip4(udp(b"x"))),
        (RAW, ip4(udp(b"x"))),
        (0, b"\2\0\0\0" + ip4(udp(b"x"))),
    ],
)
def test_a_datagram_is_found_below_every_link_layer(link: int, frame: bytes) -> None:
    assert segment_of(link, frame, Counter()) == Segment("udp", (A, 5060), (B, 5061), b"x")


def test_ipv6_with_extension_headers() -> None:
    found = segment_of(RAW, ip6(udp(b"x"), 0, b"\x11\0\0\0\0\0\0\0"), Counter())
    assert found == Segment("udp", ("2001:db8::1", 5060), ("2001:db8::2", 5061), b"x")


def test_of_fragments_the_first_is_read_and_all_are_counted() -> None:
    counts: Counter[str] = Counter()
    assert segment_of(RAW, ip4(udp(b"x"), fragment=0x2000), counts) is not None
    assert segment_of(RAW, ip4(b"y" * 8, fragment=0x0001), counts) is None
    assert segment_of(RAW, ip6(udp(b"x"), 44, b"\x11\0\0\1\0\0\0\0"), counts) is not None
    assert segment_of(RAW, ip6(b"y", 44, b"\x11\0\0\x08\0\0\0\0"), counts) is None
    assert counts == {"fragments": 4}


@pytest.mark.parametrize(
    ("frame", "slug"),
    [
        (ethernet(b"", 0x0806), "not_ip"),
        (ethernet(ip4(b"", 1)), "not_udp_tcp"),
        (b"", "not_ip"),
        (ethernet(ip4(b"")), "cut_packets"),
    ],
)
def test_what_is_no_datagram_is_counted(frame: bytes, slug: str) -> None:
    counts: Counter[str] = Counter()
    assert segment_of(ETHERNET, frame, counts) is None
    assert counts == {slug: 1}


@given(st.binary(max_size=100), st.sampled_from([ETHERNET, RAW, 0, 108, SLL, SLL2, 7]))
def test_no_frame_raises(frame: bytes, link: int) -> None:
    counts: Counter[str] = Counter()
    segment_of(link, frame, counts)
    segment_of(link, ethernet(b"E" + frame), counts)


# -- TCP --------------------------------------------------------------------------------------------------------------

STREAM = invite("c1") + bye("c2") + final("200 OK", "c3")


def texts(segments: list[Segment]) -> list[str]:
    streams = Streams(Counter())
    return [message.fields["call-id"][0] for one in segments for message in streams.take(one)]  # type: ignore[union-attr]


def cut(data: bytes, places: list[int], start: int) -> list[Segment]:
    ends = sorted({0, len(data), *(place % len(data) for place in places)})
    return [Segment("tcp", (A, 1), (B, 2), data[low:high], (start + low) % 2**32) for low, high in pairwise(ends)]


@given(st.lists(st.integers(0, 2000), max_size=8), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_segments_in_any_order_and_repeated_give_the_messages_once(places: list[int], start: int, dice: Any) -> None:
    begin = Segment("tcp", (A, 1), (B, 2), b"", (start - 1) % 2**32, 2)
    segments = cut(STREAM, places, start)
    shuffled = [one for one in segments for _ in range(dice.randrange(1, 3))]
    dice.shuffle(shuffled)
    assert texts([begin, *shuffled]) == ["c1", "c2", "c3"]


def test_a_connection_that_began_before_the_capture_is_read_from_its_next_message_on() -> None:
    segments = cut(STREAM, [100, len(invite("c1"))], 5)
    assert texts(segments[1:]) == ["c2", "c3"]


def test_a_missing_segment_costs_its_message_only() -> None:
    counts: Counter[str] = Counter()
    streams = Streams(counts)
    many = b"".join(bye(f"c{number:03d}") for number in range(100))
    size = len(bye("c000"))
    begin = Segment("tcp", (A, 1), (B, 2), b"", 0, 2)
    first, *others = cut(many, list(range(0, len(many), size)), 1)
    found = [one for part in [begin, first, *others[1:90]] for one in streams.take(part)]
    assert len(found) == 90
    assert counts["tcp_gaps"] == 1


def test_what_waits_for_a_segment_that_never_came_is_read_at_the_end() -> None:
    streams = Streams(Counter())
    begin = Segment("tcp", (A, 1), (B, 2), b"", 0, 2)
    first, _, third = cut(STREAM, [len(invite("c1")), len(invite("c1") + bye("c2"))], 1)
    assert [len(streams.take(one)) for one in (begin, first, third)] == [0, 1, 0]
    assert len(streams.rest()) == 1


# -- dialogs ----------------------------------------------------------------------------------------------------------


def outcome(*heard: tuple[float, bytes]) -> tuple[Any, ...]:
    calls = tracked(*heard)
    assert len(calls) == 1
    at, *rest = calls[0].outcome
    return (round(at - AT, 3), *rest)


def tracked(*heard: tuple[float, bytes]) -> list[SipCall]:
    tracker = CallTracker(Counter())
    told = []
    for number, (at, data) in enumerate(heard):
        told += tracker.take(Heard(number, AT + at, "192.0.2.7:5060", "udp", parse(data)))
    return told + tracker.rest()


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([(0, invite()), (7, final("200 OK")), (67, bye())], (67, "yes", 60.0, 7.0, 200, 0, "caller")),
        ([(0, invite()), (7, final("200 OK")), (67, bye(by="b"))], (67, "yes", 60.0, 7.0, 200, 0, "callee")),
        ([(0, invite()), (7, final("200 OK")), (9, bye("c1", "a", "Reason: Q.850;cause=31;text=x"))], (9, "yes", 2.0, 7.0, 200, 31, "caller")),
        ([(0, invite()), (7, final("200 OK"))], (7, "yes", -1.0, 7.0, 200, 0, "unknown")),
        ([(0, invite()), (3, final("486 Busy Here"))], (3, "no", 0.0, 3.0, 486, 0, "callee")),
        ([(0, invite()), (3, final("503 X", "c1", "Reason: SIP;cause=1, Q.850;cause=34"))], (3, "no", 0.0, 3.0, 503, 34, "network")),
        ([(0, invite()), (9, CANCEL), (9.1, final("487 Request Terminated"))], (9.1, "no", 0.0, 9.1, 487, 0, "caller")),
        ([(0, invite()), (1, final("302 Moved"))], (1, "unknown", -1.0, 1.0, 302, 0, "unknown")),
        ([(0, invite()), (1, final("302 Moved")), (1.1, invite()), (8, final("200 OK")), (9, bye())], (9, "yes", 1.0, 8.0, 200, 0, "caller")),
        ([(0, invite()), (1, final("407 Auth")), (1.1, invite()), (8, final("603 Decline"))], (8, "no", 0.0, 8.0, 603, 0, "callee")),
        ([(0, invite()), (1, final("183 Progress"))], (0, "unknown", -1.0, -1.0, 0, 0, "unknown")),
        ([(0, invite()), (7, final("200 OK")), (8, final("200 OK")), (67, bye()), (68, bye())], (67, "yes", 60.0, 7.0, 200, 0, "caller")),
    ],
)  # fmt: skip
def test_a_dialog_comes_to_its_outcome(heard: list[tuple[float, bytes]], expected: tuple[Any, ...]) -> None:
    wanted = [pytest.approx(one, abs=1e-3) if isinstance(one, float | int) else one for one in expected]
    assert list(outcome(*heard)) == wanted


def test_ended_calls_are_told_of_after_a_while_and_open_ones_at_the_end() -> None:
    tracker = CallTracker(Counter())
    for at, data in ((0, invite("c1")), (1, final("486 Busy", "c1")), (2, invite("c2"))):
        assert tracker.take(Heard(1, AT + at, "", "udp", parse(data))) == []
    (told,) = tracker.take(Heard(1, AT + 40, "", "udp", parse(invite("c3"))))
    assert told.request.call_id == "c1"
    assert [call.request.call_id for call in tracker.rest()] == ["c2", "c3"]


# -- files ------------------------------------------------------------------------------------------------------------


def pcap(path: Path, packets: list[tuple[float, bytes]], link: int = RAW) -> Path:
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for at, data in packets:
        out += struct.pack("<IIII", int(AT + at), round(at % 1 * 1e6), len(data), len(data)) + data
    path.write_bytes(out)
    return path


def take(folder: Path, path: Path, rejects: RejectFile | None = None, **options: Any) -> tuple[Done, DuckEngine]:
    importer = Importer(Store(folder / "ledger"), Options(**options), rejects)
    done = importer.take(path)
    importer.close()
    return done, DuckEngine(Store(folder / "ledger"))


CALL = [(0.0, invite()), (7.0, final("200 OK")), (67.0, bye())]


def test_pcap_hep_and_hep_in_pcap_give_the_same_call(tmp_path: Path) -> None:
    pcap(tmp_path / "a", [(at, ip4(udp(data))) for at, data in CALL])
    pcap(tmp_path / "b", [(90.0, ip4(udp(captured(data, AT + at)))) for at, data in CALL])
    (tmp_path / "c").write_bytes(b"".join(captured(data, AT + at) for at, data in CALL))
    for name in "abc":
        done, engine = take(
            tmp_path / f"l{name}", tmp_path / name, constants={"trunk": "t1", "direction": "international"}
        )
        assert (done.calls, done.outcomes, done.rejected) == (1, 1, 0)
        facts = 'SELECT "at", call_id, source, transport, trunk, direction, caller, caller_source, caller_kind, called FROM calls'
        assert engine.rows(facts) == [
            (
                AT,
                "c1",
                "192.0.2.7:5060",
                "udp",
                "t1",
                "international",
                "+442071838750",
                "presented",
                "foreign",
                "+77012345678",
            )
        ]
        assert engine.rows("SELECT answered, duration, ringing, sip_code, hung_up FROM outcomes") == [
            ("yes", 60.0, 7.0, 200, "caller")
        ]


def test_a_trusted_header_speaks_for_the_network(tmp_path: Path) -> None:
    path = pcap(tmp_path / "a", [(0.0, ip4(udp(invite("c1", "P-Asserted-Identity: <sip:+77172000001@a>"))))])
    _, engine = take(tmp_path / "1", path)
    assert engine.rows("SELECT caller, network, identities FROM calls") == [("+442071838750", "", "unknown")]
    _, engine = take(tmp_path / "2", path, trust=frozenset(("asserted",)))
    assert engine.rows("SELECT caller, network, identities FROM calls") == [("+77172000001", "+77172000001", "differ")]


def test_a_first_fragment_is_enough_for_a_call(tmp_path: Path) -> None:
    whole = invite().replace(b"Content-Length: 0", b"Content-Length: 900") + b"v=0"
    path = pcap(tmp_path / "a", [(0.0, ip4(udp(whole), fragment=0x2000)), (0.0, ip4(b"a=x", fragment=0xB9))])
    done, _ = take(tmp_path, path)
    assert (done.calls, done.rejected, done.counts["fragments"], done.counts["cut_messages"]) == (1, 0, 2, 1)


def test_an_invite_that_cannot_be_read_is_rejected_with_its_packet(tmp_path: Path) -> None:
    broken = invite().replace(b"From: <sip:+442071838750@a>;tag=a\r\n", b"")
    path = pcap(tmp_path / "a", [(0.0, ip4(udp(invite()))), (1.0, ip4(udp(broken))), (2.0, ip4(udp(b"\x80rtp")))])
    rejects = RejectFile(tmp_path / "r.csv")
    done, _ = take(tmp_path, path, rejects)
    assert (done.calls, done.rejected, done.counts["not_sip"]) == (1, 1, 1)
    assert (tmp_path / "r.csv").read_text().splitlines()[
        1
    ] == "a,2,row,,not readable: unanswerable,INVITE sip:+7701***5678@b SIP/2.0"


@pytest.mark.parametrize("cut_at", [30, 100, -5])
def test_a_torn_capture_gives_what_it_has_and_says_so(tmp_path: Path, cut_at: int) -> None:
    path = pcap(tmp_path / "a", [(at, ip4(udp(data))) for at, data in CALL])
    path.write_bytes(path.read_bytes()[:cut_at])
    rejects = RejectFile(None)
    done, _ = take(tmp_path, path, rejects)
    assert done.calls == (1 if cut_at < 0 else 0)
    assert any("ends too early" in reason for _, reason in rejects.counts)


def test_what_is_no_capture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xd4\xc3\xb2\xa1")
    with pytest.raises(TosqauylError, match="this is no capture"):
        take(tmp_path, tmp_path / "a")
    (tmp_path / "b").write_bytes(b"no hep at all")
    with pytest.raises(TosqauylError, match="this is no capture"):
        list(Capture(tmp_path / "b", "pcap").messages())


def test_a_capture_is_taken_in_blocks_and_never_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_rows, "BLOCK_CALLS", 3)
    path = pcap(tmp_path / "a", [(float(number), ip4(udp(invite(f"c{number}")))) for number in range(8)])
    done, engine = take(tmp_path, path)
    assert done.calls == 8
    assert engine.rows("SELECT count(DISTINCT batch), count(DISTINCT call_id) FROM calls") == [(3, 8)]
    assert take(tmp_path, path)[0].calls == 0
