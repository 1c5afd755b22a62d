"""An HSS that speaks Sh for a simulated home network: to try a gate out, and to rehearse what a bad network does to it.

Answers capabilities, watchdog, farewell and User-Data requests, as many at a time as are asked, each after the network's
delay. Ships with the product; for tests and drills, never for a real network.
"""

import asyncio
import base64
from collections.abc import Iterator
from functools import lru_cache

from diameter.message import Avp, constants  # type: ignore[import-untyped]
from diameter.message.avp.grouped import ExperimentalResult  # type: ignore[import-untyped]
from diameter.message.commands import (  # type: ignore[import-untyped]
    CapabilitiesExchangeAnswer,
    UserDataAnswer,
)

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.sh import messages
from tosqauyl.networks.sh.frames import REQUEST, read_frame
from tosqauyl.networks.sh.messages import Received
from tosqauyl.networks.sh.options import ShOptions
from tosqauyl.networks.sh.places import HOME_COUNTRY, MCC_COUNTRIES
from tosqauyl.networks.simulated import Simulated
from tosqauyl.numbers.plan import load_plan

HOST, REALM = "hss.simulated.invalid", "simulated.invalid"
"""Origin-Host and Origin-Realm of the simulator."""
MAX_CONNECTIONS, MAX_QUESTIONS = 64, 1_024
"""At a time; and questions of one connection. More connections are closed, more questions are answered TOO_BUSY."""
AGE_MINUTES = 1
USER_UNKNOWN, NOT_AUTHORIZED, MISSING_AVP, TOO_BUSY = 5001, 5003, 5005, 3004
_US = ShOptions(HOST, HOST, REALM, REALM)
_GARBAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class HssServer:
    """A running simulator. Made by `serve_hss`. port: where it listens."""

    def __init__(self, simulated: Simulated) -> None:
        self._simulated = simulated
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Begin to listen. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and close all connections. Never raises."""
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(_Connection(self._simulated, reader, writer).run())
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)


class _Connection:
    def __init__(self, simulated: Simulated, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._simulated, self._reader, self._writer = simulated, reader, writer
        self._questions: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        try:
            while self._take(messages.receive(await read_frame(self._reader))):
                pass
            await self._writer.drain()
            self._writer.close()
        except (AskFailed, OSError):
            pass  # gone, or no Diameter: the connection is closed without a word, as a real peer would
        finally:
            for task in tuple(self._questions):
                task.cancel()
            # after close() what is written still goes out; abort() would cut it off
            if not self._writer.is_closing():
                self._writer.transport.abort()

    def _take(self, message: Received) -> bool:
        """Serve one message. Whether the connection goes on."""
        header = message.header
        if not header.flags & REQUEST:
            return True
        if self._simulated.behaviour == "down":
            self._writer.transport.abort()
            return False
        if header.command == messages.CAPABILITIES:
            self._writer.write(_capabilities(message, self._writer.get_extra_info("sockname")[0]))
        elif header.command == messages.USER_DATA:
            self._ask(message)
        else:
            known = header.command in (messages.WATCHDOG, messages.DISCONNECT)
            result = messages.SUCCESS if known else messages.UNSUPPORTED
            self._writer.write(messages.plain_answer(_US, header, result))
        return header.command != messages.DISCONNECT

    def _ask(self, message: Received) -> None:
        self._simulated.asked += 1
        if len(self._questions) >= MAX_QUESTIONS:
            self._writer.write(messages.plain_answer(_US, message.header, TOO_BUSY))
            return
        task = asyncio.create_task(self._answer(message, self._simulated.asked))
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)

    async def _answer(self, message: Received, turn: int) -> None:
        await asyncio.sleep(self._simulated.seconds)
        behaviour = self._simulated.behaviour
        if behaviour == "down":
            self._writer.transport.abort()
        elif behaviour == "malformed":
            self._writer.write(_malformed(message, turn))
        elif behaviour == "wrong":
            self._writer.write(_wrong(message, turn))
        elif self._simulated.refuses():
            self._writer.write(_answer(message, result=NOT_AUTHORIZED))
        else:
            self._writer.write(_right(message, self._simulated))


async def serve_hss(simulated: Simulated, host: str, port: int) -> HssServer:
    """Start an HSS for those subscribers. port 0 takes a free one. The network's behaviour may be changed while it
    runs. Raises OSError, and TosqauylError where its subscribers are in a country without numbers."""
    node_number(simulated.country)
    server = HssServer(simulated)
    await server.start(host, port)
    return server


def _capabilities(request: Received, address: str) -> bytes:
    """CEA (RFC 6733 5.3.2)."""
    answer = CapabilitiesExchangeAnswer()
    answer.result_code = messages.SUCCESS
    answer.origin_host, answer.origin_realm = HOST.encode(), REALM.encode()
    answer.host_ip_address = [address]
    answer.vendor_id = messages.VENDOR
    answer.product_name = f"{messages.PRODUCT} HSS simulator"
    answer.supported_vendor_id = [messages.VENDOR]
    answer.vendor_specific_application_id = [messages.sh_application()]
    return messages.to_bytes(answer, request.header.ids)


def asked_number(request: Received) -> str:
    """Whom a UDR asks about, as '+7...'; '' where it names nobody. Raises AskFailed (malformed)."""
    identity = request.group(constants.AVP_TGPP_USER_IDENTITY, messages.VENDOR)
    if identity is None:
        return ""
    digits = messages.from_tbcd(identity.payload(constants.AVP_TGPP_MSISDN, messages.VENDOR) or b"")
    if digits:
        return "+" + digits
    address = identity.text(constants.AVP_TGPP_PUBLIC_IDENTITY, messages.VENDOR)
    return address.removeprefix("tel:") if address.startswith("tel:+") else ""


def _right(request: Received, simulated: Simulated) -> bytes:
    number = asked_number(request)
    if not number or not request.payload(constants.AVP_SESSION_ID):
        return _answer(request, result=MISSING_AVP)
    state = simulated.state(number)
    if state == "unknown":
        return _answer(request, special=USER_UNKNOWN)
    country = simulated.country if state == "abroad" else HOME_COUNTRY
    return _answer(request, data=sh_data(country, country, _wants_ps(request)))


def _wrong(request: Received, turn: int) -> bytes:
    """By turns: another subscriber's session, and a home node in a foreign network."""
    if turn % 2:
        return _answer(request, data=sh_data(HOME_COUNTRY, HOME_COUNTRY, _wants_ps(request)), session=f"{HOST};1;1")
    return _answer(request, data=sh_data(HOME_COUNTRY, "TR", _wants_ps(request)))


def _malformed(request: Received, turn: int) -> bytes:
    """By turns: Sh-Data with a document type, an AVP longer than its message, and something that is no Diameter."""
    if turn % 3 == 1:
        doctype = b'<?xml version="1.0"?><!DOCTYPE Sh-Data [<!ENTITY a "aaaa">]><Sh-Data>&a;</Sh-Data>'
        return _answer(request, data=doctype)
    if turn % 3 == 2:
        frame = bytearray(_answer(request))
        frame[25:28] = b"\xff\xff\xff"  # the length of the first AVP
        return bytes(frame)
    return _GARBAGE


def _answer(request: Received, *, result: int = 0, special: int = 0, data: bytes = b"", session: str = "") -> bytes:
    """UDA (TS 29.329 6.1.2). special: an Experimental-Result of 3GPP in the place of a Result-Code."""
    answer = UserDataAnswer()
    answer.session_id = session or request.text(constants.AVP_SESSION_ID) or None
    answer.vendor_specific_application_id = messages.sh_application()
    if special:
        answer.experimental_result = ExperimentalResult(messages.VENDOR, special)
    else:
        answer.result_code = result or messages.SUCCESS
    answer.auth_session_state = constants.E_AUTH_SESSION_STATE_NO_STATE_MAINTAINED
    answer.origin_host, answer.origin_realm = HOST.encode(), REALM.encode()
    if data:
        answer.append_avp(Avp.new(constants.AVP_TGPP_SH_USER_DATA, messages.VENDOR, value=data))
    return messages.to_bytes(answer, request.header.ids, messages.APPLICATION)


def _wants_ps(request: Received) -> bool:
    return request.number(constants.AVP_TGPP_REQUESTED_DOMAIN, messages.VENDOR) == 1


def sh_data(node: str, network: str, ps: bool) -> bytes:
    """Sh-Data of a subscriber in reach (TS 29.328 annex D). node, network: ISO countries of the serving node's number and of its
    network; the network is left out where its code is not in our small table."""
    octets = b"\x91" + messages.tbcd(node_number(node))
    address = f"<Address>{base64.b64encode(octets).decode()}</Address>"
    mcc = next((code for code, country in MCC_COUNTRIES.items() if country == network), "")
    plmn = messages.tbcd(f"{mcc}F01")  # the filler stands between MCC and a two-digit MNC (TS 24.008 10.5.1.13)
    cell = f"<CellGlobalId>{base64.b64encode(plmn + bytes((1, 2, 3, 4))).decode()}</CellGlobalId>" if mcc else ""
    age = f"<AgeOfLocationInformation>{AGE_MINUTES}</AgeOfLocationInformation>"
    if ps:
        inside = f"{cell}<SGSNNumber>{address}</SGSNNumber>{age}"
        body = f"<PSLocationInformation>{inside}</PSLocationInformation><PSUserState>2</PSUserState>"
    else:
        inside = f"{cell}<VLRNumber>{address}</VLRNumber><MSCNumber>{address}</MSCNumber>{age}"
        body = f"<CSLocationInformation>{inside}</CSLocationInformation><CSUserState>2</CSUserState>"
    return f'<?xml version="1.0" encoding="UTF-8"?><Sh-Data>{body}</Sh-Data>'.encode()


@lru_cache(maxsize=512)
def node_number(country: str) -> str:
    """Digits of a number that the plan places in a country: for a VLR or SGSN there. Raises TosqauylError for a country that
    has no numbers of its own."""
    plan = load_plan()
    for digits in _candidates(country):
        number = plan.read("+" + digits)
        if number.country == country and number.kind not in ("impossible", "unassigned"):
            return digits
    raise TosqauylError("no number plan is known of that country", country, "name another country, such as TR")


def _candidates(country: str) -> Iterator[str]:
    tables = load_plan().tables
    sevens = [code for code, use in tables.uses.items() if use.country == country]
    # mobile codes first: where nodes have their numbers
    sevens.sort(key=lambda code: (tables.uses[code].kind != "mobile", code[0] != "9"))
    yield from (f"7{code}0000099" for code in sevens)
    for code, (place, lengths) in tables.countries.items():
        regions = [digits for digits, region in tables.regions.items() if region == country and digits.startswith(code)]
        heads = [code] * (place == country) + regions
        yield from (head.ljust(len(code) + length, "5") for head in heads for length in lengths)
