"""One spelling for each observable: the text that people and systems send, as the value that is compared and kept.

Pure: no database, no clock. Each reader takes a text that was cleaned of what copying adds (direction marks, odd blanks and
dashes) and raises Invalid with a reason that never repeats the text: it may be personal.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

import idna

from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.registry.errors import Invalid

MOST = {"url": 2_048, "domain": 300, "wallet": 128, "card_token": 128}
"""Characters of a text, by kind; 64 of all others."""
_MOST_OTHERS = 64

_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D), "-")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_TELEGRAM_HOSTS = ("t.me/", "telegram.me/", "telegram.dog/")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HANDLE = re.compile(r"[a-z][a-z0-9_]{2,30}[a-z0-9]")
_INVITE = re.compile(r"[A-Za-z0-9_-]{16,40}")
_TRUNK = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CARD_TOKEN = re.compile(r"[A-Za-z0-9_.:-]{12,128}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normalise(kind: str, text: str) -> str:
    """The value of a text. Raises Invalid (where="value"); never anything else."""
    read = READERS.get(kind)
    if read is None:
        raise _wrong("this kind of observable is not known", f"one of {', '.join(READERS)}")
    if len(text) > MOST.get(kind, _MOST_OTHERS):
        raise _wrong(f"it is longer than {MOST.get(kind, _MOST_OTHERS)} characters")
    cleaned = _cleaned(text)
    if not cleaned:
        raise _wrong("there is nothing")
    return read(cleaned)


def guess(text: str) -> str:
    """The kind of a text that somebody typed into one box: phone, iban, card_token, wallet, url, domain or telegram.

    'phone' where it is none of them: that reader says best what is missing. Never raises.
    """
    return next((kind for kind, looks in _LOOKS if looks(text.strip()) and _reads(kind, text)), "phone")


def _reads(kind: str, text: str) -> bool:
    try:
        normalise(kind, text)
    except Invalid:
        return False
    return True


def _looks_telegram(text: str) -> bool:
    return text.startswith("@") or any(host in text.lower() for host in _TELEGRAM_HOSTS)


def _looks_linked(text: str) -> bool:
    host, slash, _ = text.partition("://")[2].partition("/") if "://" in text else text.partition("/")
    return bool("://" in text or (slash and "." in host))


def _looks_card(text: str) -> bool:
    return not text.startswith("+") and is_card_number(re.sub(r"[\s-]", "", text)) and not _reads("phone", text)


_LOOKS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("telegram", _looks_telegram),
    ("url", _looks_linked),
    ("iban", lambda text: True),
    ("card_token", _looks_card),
    ("phone", lambda text: True),
    ("domain", lambda text: "." in text),
    ("wallet", lambda text: True),
)
"""Kind -> whether a text may be meant as one; the first whose reader takes the text wins."""


@cache
def number_plan() -> Plan:
    """The shipped number plan, with no portability: the operator of a number is the one its code was given to."""
    return load_plan()


def operator_of(number: str) -> str:
    """The operator whose range a normalised number is of; '' for any number that is of none."""
    return number_plan().read(number).operator


def _wrong(what: str, hint: str = "") -> Invalid:
    return Invalid(what, "value", hint)


def _cleaned(text: str) -> str:
    """Without blanks around it and without marks of format (category Cf: contacts copied from a phone have them), dashes as '-'."""
    if text.isascii():
        plain = text
    else:
        plain = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cs")).translate(_DASHES)
        if len(plain) != len(text) and any("\ud800" <= sign <= "\udfff" for sign in text):
            raise _wrong("it has half of a surrogate pair")
    if any((ord(sign) < 32 and sign not in "\t\r\n") or ord(sign) == 127 for sign in plain):
        raise _wrong("it has control characters")
    return plain.strip()


def _phone(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    if folded[:4].lower() == "tel:":
        folded = folded[4:].partition(";")[0]
    number = number_plan().read(folded.translate({0x2F: None, 9: None, 10: None, 13: None}))
    if number.form == "anonymous":
        raise _wrong("the number is withheld", "report it without a number")
    if number.kind in ("unknown", "impossible", "unassigned"):
        raise _wrong("no telephone number of any country", "with country code, as +7 701 123 45 67; or a short number")
    return number.text


def _iban(text: str) -> str:
    value = re.sub(r"[\s-]", "", text).upper()
    if not (value.isascii() and _IBAN.fullmatch(value)):
        raise _wrong("no IBAN: two letters, two digits, 11 to 30 letters and digits")
    if value[:2] == "KZ" and len(value) != 20:
        raise _wrong("an IBAN of Kazakhstan has 20 characters")
    if int("".join(str(int(sign, 36)) for sign in value[4:] + value[:4])) % 97 != 1:
        raise _wrong("the check digits of the IBAN do not fit: a character is wrong")  # ISO 7064, MOD 97-10
    return value


def is_card_number(value: str) -> bool:
    """Whether a card token is the number of a card itself: then it is kept as a keyed token only."""
    return value.isascii() and value.isdigit() and 13 <= len(value) <= 19 and luhn(value)


def _card_token(text: str) -> str:
    digits = re.sub(r"[\s-]", "", text)
    if digits.isascii() and digits.isdigit():
        if not is_card_number(digits):
            raise _wrong("no card number: a digit is wrong or missing", "13 to 19 digits, or a token of the bank")
        return digits
    if "*" in text:
        raise _wrong("a masked card number names many cards", "the whole number, or a token of the bank")
    if not _CARD_TOKEN.fullmatch(text):
        raise _wrong("no card token: 12 to 128 letters, digits and any of _ . : -")
    return text


def luhn(digits: str) -> bool:
    """Whether the last digit fits (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _wallet(text: str) -> str:
    """Case is kept where it carries the value (base 58), and folded where it does not (hexadecimal, bech32)."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]{40}", text):
        return text.lower()
    folded = text.lower()
    if folded.startswith("bc1") and text in (folded, text.upper()) and _bech32_fits(folded):
        return folded
    payload = _base58_payload(text)
    if len(payload) == 21 and payload[0] in (0x00, 0x05, 0x41):  # Bitcoin P2PKH, P2SH; TRON
        return text
    raise _wrong("no address of Bitcoin, Ethereum or TRON, or a character of it is wrong")


def _base58_payload(text: str) -> bytes:
    """What a Base58Check text carries; b'' where its checksum does not fit."""
    if not 25 <= len(text) <= 36 or any(sign not in _BASE58 for sign in text):
        return b""
    value = 0
    for sign in text:
        value = value * 58 + _BASE58.index(sign)
    zeros = len(text) - len(text.lstrip("1"))
    whole = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    body, check = whole[:-4], whole[-4:]
    return body if sha256(sha256(body).digest()).digest()[:4] == check else b""


def _bech32_fits(text: str) -> bool:
    """Whether a lower-case address has the checksum of BIP 173, or of BIP 350 for witness versions above 0."""
    data = text[3:]
    if not 14 <= len(text) <= 90 or any(sign not in _BECH32 for sign in data):
        return False
    values = [3, 3, 0, 2, 3, *(_BECH32.index(sign) for sign in data)]  # 'bc' expanded, then the data
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> place & 1 else 0
    return check == (1 if data[0] == "q" else 0x2BC830A3)


def _domain(text: str) -> str:
    if any(sign in text for sign in "/:@?#\\") or any(sign.isspace() for sign in text):
        raise _wrong("not only a domain", "a link is reported as url")
    value = _host(text)
    if "." not in value or value.rpartition(".")[2].isdigit() or ":" in value:
        raise _wrong("no domain name of the internet", "an address of digits is reported as url: http://192.0.2.1/")
    return value


def _host(text: str) -> str:
    """A host name in ASCII (RFC 5891, UTS 46), lower case, without the dot of the root."""
    try:
        value = idna.encode(text.rstrip("."), uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        value = text.lower().rstrip(".")  # names with '_' or '--' are no IDNA but are there
    labels = value.split(".")
    plain = value.isascii() and all(_LABEL.fullmatch(label.replace("_", "a")) for label in labels)
    if not plain or len(value) > 253:
        raise _wrong("no host name")
    return value


def _url(text: str) -> str:
    """Scheme, host, path and query. Gone: user and password before the host, the usual port, dots in the path, the fragment."""
    given = text.replace("\\", "/")  # as browsers read it
    if any(sign.isspace() for sign in given):
        raise _wrong("a link has no blanks")
    if "://" not in given.partition("?")[0]:
        given = "http://" + given
    try:
        parts = urlsplit(given)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise _wrong("no link that can be read") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise _wrong("a link begins with http:// or https://")
    usual = {"http": 80, "https": 443}[scheme]
    place = _url_host(host) + ("" if port in (None, usual) else f":{port}")
    value = f"{scheme}://{place}{_path(parts.path)}" + (f"?{_escaped(parts.query)}" if parts.query else "")
    if len(value) > 3 * MOST["url"]:
        raise _wrong("it is too long")
    return value


def _url_host(host: str) -> str:
    if not host:
        raise _wrong("the link names no host")
    try:
        return f"[{IPv6Address(host.partition('%')[0])}]" if ":" in host else str(IPv4Address(host))
    except AddressValueError:
        if ":" in host:
            raise _wrong("no address of version 6") from None
    value = _host(host)
    if "." not in value:
        raise _wrong("the link names no host of the internet")
    return value


def _path(path: str) -> str:
    """Escapes in one form, '.' and '..' resolved (RFC 3986 sections 5.2.4, 6.2.2)."""
    kept: list[str] = []
    segments = _escaped(path).split("/")[1:]
    for place, segment in enumerate(segments):
        if segment == "..":
            del kept[-1:]
        if segment not in (".", ".."):
            kept.append(segment)
        elif place == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def _escaped(text: str) -> str:
    """Unreserved characters bare, everything else that is escaped in capitals, what is not ASCII as escaped UTF-8."""

    def one(found: re.Match[str]) -> str:
        sign = chr(int(found[1], 16))
        return sign if sign in _UNRESERVED else found[0].upper()

    return quote(_PERCENT.sub(one, text), safe="%/?:@!$&'()*+,;=-._~[]|")


def _telegram(text: str) -> str:
    value = text.removeprefix("https://").removeprefix("http://").removeprefix("www.")
    for host in _TELEGRAM_HOSTS:
        if value.lower().startswith(host):
            value = value[len(host) :].partition("?")[0].strip("/")
            value = value.removeprefix("s/")
            break
    invite = value.removeprefix("joinchat/").removeprefix("+")
    if invite != value:
        if _INVITE.fullmatch(invite):
            return "+" + invite
        raise _wrong("no invitation of Telegram")
    handle = value.removeprefix("@").partition("/")[0].lower()
    if not _HANDLE.fullmatch(handle) or "__" in handle:
        raise _wrong(
            "no Telegram name: 4 to 32 Latin letters, digits and _, a letter first", "@name or https://t.me/name"
        )
    return handle


def _imei(text: str) -> str:
    """15 digits. 14 (without the check digit) and 16 (IMEISV: a version of software in its place) are made 15."""
    digits = re.sub(r"[\s/-]", "", text)
    if not (digits.isascii() and digits.isdigit() and 14 <= len(digits) <= 16) or not digits.strip("0"):
        raise _wrong("no IMEI: 15 digits")
    if len(digits) == 15 and not luhn(digits):
        raise _wrong("the check digit of the IMEI does not fit: a digit is wrong")
    body = digits[:14]  # 3GPP TS 23.003 section 6.2, annex B
    return next(body + check for check in "0123456789" if luhn(body + check))


_CENTURIES = {"0": 0, "1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}
"""Seventh digit of an IIN -> century of birth; 0 for foreigners, whose century it does not say."""


def _iin(text: str) -> str:
    """An individual identification number: YYMMDD, century and sex, four digits of order, a check digit."""
    digits = re.sub(r"[\s-]", "", text)
    if not (digits.isascii() and digits.isdigit() and len(digits) == 12 and digits[6] in _CENTURIES):
        raise _wrong("no IIN: 12 digits")
    century = _CENTURIES[digits[6]] or 2000  # 2000 is a leap year: 29 February of an unknown century passes
    try:
        date(century + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        raise _wrong("no IIN: it does not begin with a day of birth") from None
    numbers = [int(digit) for digit in digits]
    for weights in (range(1, 12), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)):
        check = sum(weight * number for weight, number in zip(weights, numbers[:11], strict=True)) % 11
        if check < 10:
            break
    if check != numbers[11]:
        raise _wrong("the check digit of the IIN does not fit: a digit is wrong")
    return digits


def _trunk(text: str) -> str:
    value = text.lower()
    if not _TRUNK.fullmatch(value):
        raise _wrong("no name of a trunk: letters, digits and any of . _ -, 64 at most")
    return value


READERS: Mapping[str, Callable[[str], str]] = {
    "phone": _phone, "iban": _iban, "card_token": _card_token, "wallet": _wallet, "domain": _domain, "url": _url,
    "telegram": _telegram, "imei": _imei, "iin_token": _iin, "trunk": _trunk,
}  # fmt: skip
"""Kind -> its reader."""
