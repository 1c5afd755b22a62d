"""What the tests of Sh share: options, a scripted peer, a relay that records what passes, and a pcap file of it."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tosqauyl.networks.backend import AskFailed, Whereabouts
from tosqauyl.networks.sh import messages, simulator
from tosqauyl.networks.sh.client import ShBackend, ShOptions
from tosqauyl.networks.sh.frames import Ids, read_frame
from tosqauyl.networks.sh.location import whereabouts
from tosqauyl.networks.simulated import Simulated
from tosqauyl.numbers.plan import load_plan

PLAN = load_plan()
NOW = 1_800_000_000.0
HOME, ABROAD, NOBODY = "+77010000001", "+77010000002", "+77010000003"
SUBSCRIBERS = {HOME: "home", ABROAD: "abroad", NOBODY: "unknown"}
SESSION, IDS = "gate.example.kz;1;2", Ids(7, 8)
LIMIT = 5.0


def make_options(port: int = 3868, **changes: Any) -> ShOptions:
    settings: dict[str, Any] = {"connect_seconds": LIMIT, "close_seconds": 0.05}
    settings |= {"backoff_least": 0.01, "backoff_most": 0.05} | changes
    return ShOptions("127.0.0.1", "gate.example.kz", "example.kz", "hss.example.kz", port=port, **settings)


def make_network(**changes: Any) -> Simulated:
    return Simulated(SUBSCRIBERS, **({"delay": 0.0} | changes))


@asynccontextmanager
async def asking(port: int, **changes: Any) -> AsyncIterator[ShBackend]:
    """A backend that asks 127.0.0.1:port; the whole bounded in time."""
    backend = ShBackend(make_options(port, **changes), PLAN, clock=lambda: NOW)
    try:
        async with asyncio.timeout(LIMIT * 2):
            yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def simulated_hss(network: Simulated) -> AsyncIterator[int]:
    server = await simulator.serve_hss(network, "127.0.0.1", 0)
    try:
        yield server.port
    finally:
        await server.close()


async def kind_of(asked: Any) -> str:
    """The kind of failure a question ends in, '' for none."""
    try:
        await asked
    except AskFailed as failure:
        return failure.kind
    return ""


def outcome(frame: bytes, session: str = SESSION, ids: Ids = IDS) -> Whereabouts | str:
    """What the bytes of an answer come to: a finding, or the kind of failure."""
    try:
        data = messages.sh_data(messages.receive(frame), session, ids)
        return whereabouts(data, NOW, PLAN) if data else Whereabouts("unknown", NOW)
    except AskFailed as failure:
        return failure.kind


def a_request(number: str = HOME, **changes: Any) -> bytes:
    return messages.user_data_request(make_options(**changes), SESSION, number, IDS)


def an_answer(number: str = HOME) -> bytes:
    """The simulator's right answer to `a_request`."""
    return simulator._right(messages.receive(a_request(number)), make_network())


def answer_to(request: bytes) -> bytes:
    return simulator._right(messages.receive(request), make_network())


class ScriptedPeer:
    """An HSS that does what the test says. `frames` has what came, capabilities aside."""

    def __init__(self, capabilities: bytes | None = None) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()
        self.ended: asyncio.Queue[None] = asyncio.Queue()
        self.connections = 0
        self._capabilities = capabilities
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            hello = messages.receive(await read_frame(reader))
            writer.write(self._capabilities or simulator._capabilities(hello, "127.0.0.1"))
            while True:
                self.frames.put_nowait(await read_frame(reader))
        except AskFailed:
            writer.close()
            self.ended.put_nowait(None)

    def send(self, data: bytes) -> None:
        self._writers[-1].write(data)

    def hang_up(self) -> None:
        self._writers[-1].transport.abort()


@asynccontextmanager
async def scripted(peer: ScriptedPeer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in peer._writers:
            writer.transport.abort()


@asynccontextmanager
async def recorded(port: int, record: list[tuple[bool, bytes]]) -> AsyncIterator[int]:
    """A relay in front of a server; record gets (towards the server, bytes) in order."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inwards: bool) -> None:
        while data := await reader.read(65_536):
            record.append((inwards, data))
            writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            pump(reader, far_writer, True), pump(far_reader, writer, False), return_exceptions=True
        )  # fmt: skip

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def one_by_one(record: Iterable[tuple[bool, bytes]]) -> Iterable[tuple[bool, bytes]]:
    """The recorded bytes cut between messages, by the length that each tells of itself."""
    kept = {True: b"", False: b""}
    for inwards, data in record:
        kept[inwards] += data
        while len(kept[inwards]) >= 4 and len(kept[inwards]) >= (length := int.from_bytes(kept[inwards][1:4])) > 0:
            yield inwards, kept[inwards][:length]
            kept[inwards] = kept[inwards][length:]
    assert kept == {True: b"", False: b""}


def write_pcap(path: Path, record: Iterable[tuple[bool, bytes]]) -> None:
    """A capture of one TCP connection to port 3868: Ethernet, IPv4 and TCP headers around the recorded messages."""
    packets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)]
    sent = {True: 1, False: 1}
    for place, (inwards, data) in enumerate(one_by_one(record)):
        ports = (40_000, 3868) if inwards else (3868, 40_000)
        tcp = struct.pack(">HHIIBBHHH", *ports, sent[inwards], sent[not inwards], 0x50, 0x18, 65_535, 0, 0)
        sent[inwards] += len(data)
        addresses = (b"\x7f\0\0\2", b"\x7f\0\0\1") if inwards else (b"\x7f\0\0\1", b"\x7f\0\0\2")
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), place, 0, 64, 6, 0, *addresses)
        frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + tcp + data
        packets.append(struct.pack("<IIII", 1_800_000_000, place, len(frame), len(frame)) + frame)
    path.write_bytes(b"".join(packets))
