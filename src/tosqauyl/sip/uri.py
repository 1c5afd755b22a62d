"""SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966)."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from tosqauyl.errors import Fault

_SIP: Final = ("sip", "sips")


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI in parts. user and password unescaped; host lower case, IPv6 in its brackets; port 0 where none is given.

    params by lower-case name ('' where without value), escapes undone; headers as sent. Of a tel URI `user` is the
    number as written, of another scheme everything after the colon.
    """

    scheme: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: int = 0
    params: dict[str, str] = field(default_factory=dict)
    headers: str = ""


def parse_uri(text: str) -> Uri | None:
    """Read a URI; None where it is malformed. An unknown scheme is well-formed."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not rest or not _is_scheme(scheme) or any(letter in rest for letter in ' \t<>"'):
        return None
    if scheme == "tel":
        number, _, params = rest.partition(";")
        return Uri("tel", unescape(number), params=_params(params)) if number else None
    if scheme not in _SIP:
        return Uri(scheme, rest)
    return _sip_uri(scheme, rest)


def _sip_uri(scheme: str, rest: str) -> Uri | None:
    user, at, hostpart = rest.rpartition("@") if "@" in rest else ("", "", rest)
    if at and (not user or "@" in user):
        return None  # a user part has no raw @ (25.1): sip:a@b@c reads as two different users
    name, _, password = user.partition(":")
    hostpart, _, headers = hostpart.partition("?")
    address, _, params = hostpart.partition(";")
    if address[:1] == "[":
        host, bracket, port = address.partition("]")
        host, port = host + bracket, port[1:] if port[:1] == ":" else port and "x"
    else:
        host, colon, port = address.partition(":")
        port = port if port or not colon else "x"
    if not host or not (port == "" or (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536)):
        return None
    number = int(port) if port else 0
    return Uri(scheme, unescape(name), unescape(password), host.lower(), number, _params(params), headers)


def render_uri(uri: Uri) -> str:
    """The URI as text, escaping only what must be: parse_uri(render_uri(u)) == u."""
    params = "".join(f";{_escape(k, _PARAM)}" + (f"={_escape(v, _PARAM)}" if v else "") for k, v in uri.params.items())
    if uri.scheme not in _SIP:
        return f"{uri.scheme}:{_escape(uri.user, _TEL)}{params}" if uri.scheme == "tel" else f"{uri.scheme}:{uri.user}"
    password = f":{_escape(uri.password, _PASSWORD)}" if uri.password else ""
    user = f"{_escape(uri.user, _USER)}{password}@" if uri.user or password else ""
    port = f":{uri.port}" if uri.port else ""
    return f"{uri.scheme}:{user}{uri.host}{port}{params}" + (f"?{uri.headers}" if uri.headers else "")


_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_UNRESERVED = _ALNUM + "-_.!~*'()"
_USER = frozenset(_UNRESERVED + "&=+$,;?/")
_PASSWORD = frozenset(_UNRESERVED + "&=+$,")
_PARAM = frozenset(_UNRESERVED + "[]/:&+$")
_TEL = frozenset(_UNRESERVED + "+#")


def _escape(text: str, kept: frozenset[str]) -> str:
    octets = text.encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if chr(octet) in kept else f"%{octet:02X}" for octet in octets)


def unescape(text: str) -> str:
    """Undo %HH escapes; what is no escape stays; bytes that are not UTF-8 become surrogate escapes."""
    return unquote(text, "utf-8", "surrogateescape") if "%" in text else text


def _params(text: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for piece in text.split(";") if text else ():
        name, _, value = piece.partition("=")
        if name:
            params.setdefault(unescape(name).lower(), unescape(value))
    return params


def _is_scheme(text: str) -> bool:
    return text.isascii() and text[:1].isalpha() and text.replace("+", "").replace("-", "").replace(".", "").isalnum()


def telephone(uri: str) -> str:
    """The number text of a sip, sips or tel URI: the unescaped user part before its first ';'; '' if there is none.

    A tel number with a phone-context that begins with '+' gets that context in front (RFC 3966 5.1.5), once.
    """
    begin = 4
    if not uri.startswith("sip:"):
        scheme, _, rest = uri.partition(":")
        scheme = scheme.lower()
        if scheme == "tel":
            return _tel(rest)
        if scheme not in _SIP:
            return ""
        begin = len(scheme) + 1
    at = uri.rfind("@", begin)
    if at < 0:
        return ""
    user = uri[begin:at]
    if ";" in user or ":" in user:
        user = user.partition(";")[0].partition(":")[0]
    return unquote(user, "utf-8", "surrogateescape") if "%" in user else user


def _tel(rest: str) -> str:
    number, _, params = rest.partition(";")
    number = unescape(number)
    if params and number[:1] != "+":
        context = _params(params).get("phone-context", "")
        if context[:1] == "+":
            return context + number
    return number


def uri_fault(uri: str, method: str) -> Fault | None:
    """What is wrong with a Request-URI: malformed (400), scheme (416; RFC 3261 8.2.2.1), or nothing.

    ACK and CANCEL with an unknown scheme are not refused: the INVITE they belong to was.
    """
    if "<" in uri or ">" in uri or '"' in uri or not uri.isprintable():
        # 25.1 has none of them; copied into the <> of a Contact they would end it early
        return Fault("malformed", "request line", "a character that no URI holds")
    if uri.startswith("sip:") and len(uri) > 4 and "?" not in uri:
        return None
    scheme, colon, rest = uri.partition(":")
    if scheme not in ("sip", "tel"):
        lower = scheme.lower()
        if not colon or not rest or not _is_scheme(lower):
            return Fault("malformed", "request line", "no URI")  # RFC 4475 3.1.2.7: <> around the URI
        if lower not in ("sip", "sips", "tel"):
            return None if method in ("ACK", "CANCEL") else Fault("scheme", "request line", lower[:20])
    if not rest or ("?" in rest and "?" in rest.rpartition("@")[2]):
        # headers must not occur in a Request-URI (RFC 3261 19.1.1, RFC 4475 3.1.2.11)
        return Fault("malformed", "request line", "headers in the Request-URI, or no address")
    return None
