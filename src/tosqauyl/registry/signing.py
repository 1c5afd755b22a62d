"""Signatures of deliveries, so that a receiver knows that a body is from the office, is whole, and is no old one sent again.

    Tosqauyl-Signature: t=<seconds since 1970>,v1=<hex HMAC-SHA-256 of "<t>.<body>" under the webhook's secret>

More than one v1 may stand there, and whatever else is between the commas is to be passed over: so a secret can be changed some day
and another algorithm added.
"""

import hashlib
import hmac
import secrets

HEADER = "Tosqauyl-Signature"
PREFIX = "whsec_"
"""Of a secret, so that people and scanners of source code know what they see."""
TOLERANCE_S = 300
"""How old a signature may be, seconds, for a receiver whose clock is right."""


def new_secret() -> str:
    """A fresh secret with 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def signature(secret: str, body: bytes, at: int) -> str:
    """The header's value. at: seconds since 1970."""
    return f"t={at},v1={_mac(secret, body, str(at))}"


def is_signed(secret: str, body: bytes, header: str, now: int, tolerance: int = TOLERANCE_S) -> bool:
    """Whether a header's value is a signature of the body that is not older, and not further ahead, than the tolerance. now:
    seconds since 1970. Never raises."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    if not (at.isascii() and at.isdigit() and len(at) <= 12 and abs(now - int(at)) <= tolerance):
        return False
    made = _mac(secret, body, at).encode()
    given = [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"]
    return any(hmac.compare_digest(made, one) for one in given)


def _mac(secret: str, body: bytes, at: str) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
