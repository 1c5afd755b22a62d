"""Header names: every spelling to the long lower-case one, and that back to the usual one."""

from typing import Final

from tosqauyl.sip.text import is_token

_COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type", "f": "from",
    "s": "subject", "k": "supported", "t": "to", "v": "via",
    "o": "event", "u": "allow-events", "r": "refer-to", "b": "referred-by", "x": "session-expires",
    "a": "accept-contact", "j": "reject-contact", "d": "request-disposition", "y": "identity", "n": "identity-info",
}  # fmt: skip
"""Compact forms: RFC 3261 20 and the IANA registry (RFC 6665, 3515, 3892, 4028, 3841, 8224)."""

_USUAL = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
    "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding",
    "Content-Language", "Content-Length", "Content-Type", "CSeq", "Date", "Diversion", "Error-Info", "Event",
    "Expires", "From", "Geolocation", "History-Info", "Identity", "Identity-Info", "In-Reply-To", "Join",
    "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization", "P-Access-Network-Info",
    "P-Asserted-Identity", "P-Asserted-Service", "P-Called-Party-ID", "P-Charging-Vector", "P-Early-Media",
    "P-Preferred-Identity", "P-Preferred-Service", "P-Served-User", "P-Visited-Network-ID", "Path", "Priority",
    "Privacy", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route",
    "Recv-Info", "Refer-To", "Referred-By", "Reject-Contact", "Remote-Party-ID", "Replaces", "Reply-To",
    "Request-Disposition", "Require", "Retry-After", "Route", "RSeq", "Server", "Session-Expires", "Session-ID",
    "SIP-ETag", "SIP-If-Match", "Subject", "Subscription-State", "Supported", "Target-Dialog", "Timestamp", "To",
    "Unsupported", "User-Agent", "User-to-User", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip

USUAL = {name.lower(): name for name in _USUAL}
"""The usual spelling of a header by its lower-case name."""


class _Names(dict[str, str]):
    """Canonical name by spelling. Misses are computed and not kept: senders must not grow a table of ours."""

    def __missing__(self, name: str) -> str:
        lower = name.rstrip(" \t").lower()
        if not is_token(lower):
            return ""
        return _COMPACT.get(lower, lower)


NAMES: Final[dict[str, str]] = _Names()
"""Canonical name by spelling as sent; '' for what cannot be a header name (a folded line, for instance)."""

for _lower, _name in USUAL.items():
    NAMES.update({_name: _lower, _lower: _lower, _name.upper(): _lower, _name.title(): _lower})
for _short, _lower in _COMPACT.items():
    NAMES.update({_short: _lower, _short.upper(): _lower})


def usual(name: str) -> str:
    """The usual spelling of a canonical name: 'call-id' -> 'Call-ID', 'x-foo' -> 'X-Foo'."""
    return USUAL.get(name) or "-".join(part[:1].upper() + part[1:] for part in name.split("-"))
