"""What tells where a subscriber is: numbers of network nodes, and codes of networks. Either says home, a country, or nothing.

Home is Kazakhstan: a node number of the Kazakh part of +7, or the mobile country code 401 (ITU-T E.212).
"""

import base64
import binascii
import re

from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.sh.messages import from_tbcd
from tosqauyl.numbers.plan import Plan

HOME_COUNTRY, HOME_MCC = "KZ", "401"
SOMEWHERE = "?"
"""Abroad, in a country that is not told."""

_INTERNATIONAL_E164 = 0x91
"""First octet of an ISDN-AddressString: no extension, international number, E.164 (TS 29.002 17.7.8)."""
_PLAIN = re.compile(r"\+?[0-9]{5,15}", re.ASCII)
_PLMN = re.compile(r"[0-9]{5,6}", re.ASCII)
_NAME_MCC = re.compile(r"\.mcc([0-9]{3})\.", re.ASCII | re.IGNORECASE)

MCC_COUNTRIES = {
    "208": "FR", "214": "ES", "222": "IT", "228": "CH", "232": "AT", "234": "GB", "235": "GB", "244": "FI", "246": "LT",
    "247": "LV", "248": "EE", "250": "RU", "255": "UA", "257": "BY", "259": "MD", "260": "PL", "262": "DE", "282": "GE",
    "283": "AM", "286": "TR", "400": "AZ", "401": "KZ", "404": "IN", "405": "IN", "410": "PK", "412": "AF", "420": "SA",
    "424": "AE", "425": "IL", "427": "QA", "428": "MN", "432": "IR", "434": "UZ", "436": "TJ", "437": "KG", "438": "TM",
    "440": "JP", "450": "KR", "452": "VN", "460": "CN", "470": "BD", "472": "MV", "510": "ID", "520": "TH", "525": "SG",
    "602": "EG",
}  # fmt: skip
"""ITU-T E.212 mobile country codes of places where many Kazakh subscribers travel -> ISO 3166-1. Only for naming the country:
a code that is not here is abroad all the same."""


def by_number(text: str, plan: Plan) -> str:
    """Where the node with that ISDN address stands: an ISO country, SOMEWHERE, or '' where it cannot be told.

    text: Base64 of an ISDN-AddressString (TS 29.328 annex D, TS 29.002), or bare digits as some HSSs write it; the two cannot be
    confused, for Base64 of an international number begins with k. Raises AskFailed (malformed).
    """
    if _PLAIN.fullmatch(text):
        digits = text.removeprefix("+")
    else:
        octets = _octets(text, 2)
        digits = from_tbcd(octets[1:]) if octets[0] == _INTERNATIONAL_E164 else ""
    if not digits:
        return ""
    number = plan.read("+" + digits)
    return number.country or (SOMEWHERE if number.kind == "foreign" else "")


def by_area(text: str) -> str:
    """Likewise of a cell, service, location, routing or tracking area: Base64, the first three octets are the network."""
    return by_octets(_octets(text, 5)[:3])


def by_network(text: str) -> str:
    """Likewise of VisitedPLMNID: Base64 of three octets, or MCC and MNC as digits. Raises AskFailed (malformed)."""
    if _PLMN.fullmatch(text):
        return _by_mcc(text[:3])
    return by_octets(_octets(text, 3)[:3])


def by_digits(text: str) -> str:
    """Likewise of NRCellGlobalId: MCC, MNC and cell as characters (TS 29.328 annex D). Raises AskFailed (malformed)."""
    return _by_mcc(text[:3])


def by_name(text: str) -> str:
    """Likewise of a node's name in 3gppnetwork.org (TS 23.003 19.4.2); '' for a name that carries no network."""
    found = _NAME_MCC.search(text)
    return _by_mcc(found[1]) if found else ""


def by_octets(octets: bytes) -> str:
    """Likewise of MCC and MNC in three octets, digits crosswise (TS 24.008 10.5.1.13). Raises AskFailed (malformed)."""
    return _by_mcc(f"{octets[0] & 15:x}{octets[0] >> 4:x}{octets[1] & 15:x}")


def _by_mcc(mcc: str) -> str:
    if len(mcc) != 3 or not (mcc.isascii() and mcc.isdigit()):
        raise AskFailed("malformed", "a network code that has no country code")
    return MCC_COUNTRIES.get(mcc, SOMEWHERE)


def _octets(text: str, least: int) -> bytes:
    """Base64 with blanks and line ends allowed (RFC 2045)."""
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) < least:
        raise AskFailed("malformed", "a location that is not Base64")
    return octets
