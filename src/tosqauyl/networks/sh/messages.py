"""The Diameter messages of Sh: what we ask, and what an answer says (TS 29.329 sections 6.1 and 6.2, RFC 6733).

Encoding and splitting is the library's. Its UserDataAnswer looks for User-Data under the code of Cx (606, TS 29.229);
that of Sh is 702 (TS 29.329 6.3.2), so answers are read AVP by AVP here.
"""

from collections.abc import Iterable
from typing import NamedTuple

from diameter.message import Avp, Message  # type: ignore[import-untyped]
from diameter.message import constants as codes
from diameter.message.avp.errors import AvpDecodeError  # type: ignore[import-untyped]
from diameter.message.avp.grouped import (  # type: ignore[import-untyped]
    UserIdentity,
    VendorSpecificApplicationId,
)
from diameter.message.commands import (  # type: ignore[import-untyped]
    CapabilitiesExchangeRequest,
    DeviceWatchdogRequest,
    DisconnectPeerRequest,
    UserDataRequest,
)
from diameter.message.packer import Error as PackingError  # type: ignore[import-untyped]

from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.sh.frames import ERROR, PROXIABLE, REQUEST, Header, Ids, check_avps, read_header
from tosqauyl.networks.sh.options import ShOptions

APPLICATION, VENDOR = 16_777_217, 10_415
"""Sh (TS 29.329 section 6.1) and 3GPP."""
RELAY = 0xFFFFFFFF
"""The application of an agent that passes everything on (RFC 6733 section 2.4)."""
CAPABILITIES, WATCHDOG, DISCONNECT, USER_DATA = 257, 280, 282, 306
"""Command codes."""
SUCCESS, LIMITED_SUCCESS, UNSUPPORTED = 2001, 2002, 3001
LOCATION, STATE = 14, 15
"""Data-Reference: LocationInformation, UserState (TS 29.329 6.3.4)."""
PRODUCT = "Tosqauyl"
_KNOWN = frozenset((CAPABILITIES, WATCHDOG, DISCONNECT, USER_DATA))

BASE_RESULTS = {
    3002: "down", 3005: "down", 4003: "down", 5012: "down",
    3004: "limited", 4002: "limited", 5006: "limited",
    5002: "wrong",
    5030: "unknown",
}  # fmt: skip
"""Result-Code (RFC 6733 section 7.1, RFC 4006) -> unknown, or a kind of failure. Every other code: refused, for it says that
the question was not allowed, not routed or not understood, and asking again the same way will not help."""
SH_RESULTS = {
    4100: "unknown", 5001: "unknown",
    4101: "limited",
    5002: "wrong", 5008: "wrong", 5103: "wrong", 5104: "wrong", 5105: "wrong", 5106: "wrong", 5107: "wrong", 5108: "wrong",
    5011: "refused", 5100: "refused", 5101: "refused", 5102: "refused",
}  # fmt: skip
"""Experimental-Result-Code of 3GPP (TS 29.329 section 6.2, TS 29.230 section 8.1) -> likewise. 4100: the data are not there now;
5001: the HSS does not know the number; 5103 to 5108 answer updates and subscriptions, which we never send."""


class Received(NamedTuple):
    """A message that was read: its header and its AVPs, none of them decoded yet."""

    header: Header
    avps: tuple[Avp, ...]

    def payload(self, code: int, vendor: int = 0) -> bytes | None:
        """The content of the first AVP of that code; None where there is none."""
        return next((avp.payload for avp in self.avps if avp.code == code and avp.vendor_id == vendor), None)

    def number(self, code: int, vendor: int = 0) -> int | None:
        """The same of an Unsigned32 or Enumerated AVP. Raises AskFailed (malformed) where it has not 4 octets."""
        return _unsigned(self.payload(code, vendor))

    def text(self, code: int, vendor: int = 0) -> str:
        """The same of a UTF8String or DiameterIdentity, '' where there is none. Never raises: bad octets are replaced."""
        return (self.payload(code, vendor) or b"").decode("utf-8", "replace")

    def group(self, code: int, vendor: int = 0) -> "Received | None":
        """The AVPs inside the first Grouped AVP of that code. Raises AskFailed (malformed)."""
        avp = next((avp for avp in self.avps if avp.code == code and avp.vendor_id == vendor), None)
        if avp is None:
            return None
        try:
            return Received(self.header, tuple(avp.value))
        except (AvpDecodeError, PackingError, TypeError):
            raise AskFailed("malformed", "a grouped AVP cannot be read") from None


def receive(frame: bytes) -> Received:
    """Read one whole message. Commands that are not ours keep their header only. Raises AskFailed (malformed)."""
    header = read_header(frame)
    if header.length != len(frame):
        raise AskFailed("malformed", "a message is not as long as it says")
    check_avps(frame)
    if header.command not in _KNOWN:
        return Received(header, ())
    try:
        return Received(header, tuple(Message.from_bytes(frame, plain_msg=True).avps))
    except (AvpDecodeError, PackingError):
        raise AskFailed("malformed", "a message cannot be read") from None


def tbcd(digits: str) -> bytes:
    """Digits two an octet, the first in the low half, an odd end filled with 1111 (TS 29.329 6.3.3, TS 29.002 TBCD-STRING)."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))


def from_tbcd(octets: bytes) -> str:
    """The digits of a TBCD string; '' where something else is in it."""
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in octets)
    text = text[:-1] if text.endswith("f") else text
    return text if text.isascii() and text.isdigit() else ""


def sh_application() -> VendorSpecificApplicationId:
    """Vendor-Specific-Application-Id of Sh, as requests, answers and capabilities carry it."""
    return VendorSpecificApplicationId(vendor_id=VENDOR, auth_application_id=APPLICATION)


def to_bytes(message: Message, ids: Ids, application: int = 0) -> bytes:
    """A message of the library with its identifiers set."""
    message.header.application_id = application
    message.header.hop_by_hop_identifier, message.header.end_to_end_identifier = ids
    return bytes(message.as_bytes())


def capabilities_request(options: ShOptions, address: str, ids: Ids) -> bytes:
    """CER (RFC 6733 5.3.1): who we are and that we speak Sh. address: our IP address on this connection."""
    message = _from_us(CapabilitiesExchangeRequest(), options)
    message.host_ip_address = [address]
    message.vendor_id = 0  # we have no enterprise number; 0 says so
    message.product_name = PRODUCT
    message.supported_vendor_id = [VENDOR]
    message.vendor_specific_application_id = [sh_application()]
    return to_bytes(message, ids)


def watchdog_request(options: ShOptions, ids: Ids) -> bytes:
    """DWR (RFC 6733 5.5.1)."""
    return to_bytes(_from_us(DeviceWatchdogRequest(), options), ids)


def disconnect_request(options: ShOptions, ids: Ids) -> bytes:
    """DPR (RFC 6733 5.4.1): we go and do not want to be called."""
    message = _from_us(DisconnectPeerRequest(), options)
    message.disconnect_cause = codes.E_DISCONNECT_CAUSE_DO_NOT_WANT_TO_TALK_TO_YOU
    return to_bytes(message, ids)


def user_data_request(options: ShOptions, session: str, number: str, ids: Ids) -> bytes:
    """UDR (TS 29.329 6.1.1) for location and state of a number ('+7...'). session: the Session-Id, never used before."""
    message = _from_us(UserDataRequest(), options)
    message.session_id = session
    message.vendor_specific_application_id = sh_application()
    message.auth_session_state = codes.E_AUTH_SESSION_STATE_NO_STATE_MAINTAINED
    message.destination_realm = options.destination_realm.encode()
    message.destination_host = options.destination_host.encode() or None
    if options.identity == "tel":
        message.user_identity = UserIdentity(public_identity=f"tel:{number}")
    else:
        message.user_identity = UserIdentity(msisdn=tbcd(number.removeprefix("+")))
    message.data_reference = [LOCATION, STATE]
    message.requested_domain = 1 if options.domain == "ps" else 0
    message.current_location = int(options.active)
    return to_bytes(message, ids, APPLICATION)


def plain_answer(options: ShOptions, request: Header, result: int) -> bytes:
    """An answer that says a result and who we are: to watchdog and disconnect requests, and to commands we do not serve,
    with the E flag for a protocol error (RFC 6733 7.2)."""
    message = Message()
    message.header.command_code = request.command
    message.header.command_flags = (request.flags & PROXIABLE) | (ERROR if 3000 <= result < 4000 else 0)
    message.append_avp(Avp.new(codes.AVP_RESULT_CODE, value=result))
    message.append_avp(Avp.new(codes.AVP_ORIGIN_HOST, value=options.origin_host.encode()))
    message.append_avp(Avp.new(codes.AVP_ORIGIN_REALM, value=options.origin_realm.encode()))
    return to_bytes(message, request.ids, request.application)


def check_capabilities(answer: Received) -> None:
    """Whether a CEA lets us ask: success, and Sh or everything among its applications. Raises AskFailed."""
    if answer.header.command != CAPABILITIES or answer.header.flags & REQUEST:
        raise AskFailed("wrong", "the first message is no capabilities answer")
    if answer.number(codes.AVP_RESULT_CODE) != SUCCESS:
        raise AskFailed("refused", "the capabilities exchange was not successful")
    if not {APPLICATION, RELAY} & set(_applications(answer)):
        raise AskFailed("refused", "the peer does not speak Sh")


def sh_data(answer: Received, session: str, ids: Ids) -> bytes | None:
    """The Sh-Data XML of a UDA, b'' where it is a success without any, None where the HSS does not know the subscriber.

    Raises AskFailed: wrong where it answers another question, else what the result says (BASE_RESULTS, SH_RESULTS).
    """
    header = answer.header
    ours = header.command == USER_DATA and header.application == APPLICATION and header.ids == ids
    if not ours or header.flags & REQUEST:
        raise AskFailed("wrong", "an answer to another question")
    told = answer.text(codes.AVP_SESSION_ID)
    # an agent that could not deliver may leave the session out (RFC 6733 7.2)
    if told != session and not (header.flags & ERROR and not told):
        raise AskFailed("wrong", "an answer of another session")
    outcome = _outcome(answer)
    if outcome == "unknown":
        return None
    if outcome:
        kind, _, detail = outcome.partition(" ")
        raise AskFailed(kind, detail)
    return answer.payload(codes.AVP_TGPP_SH_USER_DATA, VENDOR) or b""


def _outcome(answer: Received) -> str:
    """'' for success, unknown, or a kind of failure and, behind a blank, the result that says so."""
    result = answer.number(codes.AVP_RESULT_CODE)
    if result in (SUCCESS, LIMITED_SUCCESS):
        return ""
    if result is not None:
        kind = BASE_RESULTS.get(result, "refused")
        return kind if kind == "unknown" else f"{kind} result {result}"
    special = answer.group(codes.AVP_EXPERIMENTAL_RESULT)
    if special is None:
        return "malformed an answer without a result"
    result = special.number(codes.AVP_EXPERIMENTAL_RESULT_CODE)
    if special.number(codes.AVP_VENDOR_ID) != VENDOR or result is None:
        return "wrong a result of another vendor"
    if 2000 <= result < 3000:
        return ""
    kind = SH_RESULTS.get(result, "refused")
    return kind if kind == "unknown" else f"{kind} 3GPP result {result}"


def _applications(answer: Received) -> Iterable[int | None]:
    for avp in answer.avps:
        if avp.code == codes.AVP_AUTH_APPLICATION_ID and not avp.vendor_id:
            yield _unsigned(avp.payload)
        elif avp.code == codes.AVP_VENDOR_SPECIFIC_APPLICATION_ID and not avp.vendor_id:
            inside = Received(answer.header, (avp,)).group(avp.code)
            yield inside and inside.number(codes.AVP_AUTH_APPLICATION_ID)


def _unsigned(payload: bytes | None) -> int | None:
    if payload is not None and len(payload) != 4:
        raise AskFailed("malformed", "a number that has not 32 bits")
    return None if payload is None else int.from_bytes(payload)


def _from_us(message: Message, options: ShOptions) -> Message:
    message.origin_host = options.origin_host.encode()
    message.origin_realm = options.origin_realm.encode()
    return message
