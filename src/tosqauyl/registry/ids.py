"""Ids that sort by the moment they were made: version 7 UUIDs (RFC 9562 section 5.7), tickets of 128 random bits,
and what is kept of a random secret."""

import hashlib
import secrets
from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that a ticket survives being read out."""


def new_id(now: int, random: bytes | None = None) -> UUID:
    """A version 7 UUID of a moment, milliseconds since 1970. random: 10 bytes, fresh ones if None."""
    rest = int.from_bytes(random or secrets.token_bytes(10), "big")
    value = (now & (1 << 48) - 1) << 80 | rest & (1 << 80) - 1
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def new_ticket(random: bytes | None = None) -> str:
    """128 random bits as 26 letters and digits in groups, 'XXXXX-XXXXX-XXXXX-XXXXX-XXXXXX'. random: 16 bytes, fresh if None."""
    value = int.from_bytes(random or secrets.token_bytes(16), "big")
    text = "".join(_ALPHABET[value >> 5 * place & 31] for place in range(25, -1, -1))
    return "-".join((text[:5], text[5:10], text[10:15], text[15:20], text[20:]))


def plain_ticket(text: str) -> str:
    """A ticket as somebody typed it, as it was made; '' where it cannot be one."""
    letters = text.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
    if len(letters) != 26 or any(letter not in _ALPHABET for letter in letters):
        return ""
    return "-".join((letters[:5], letters[5:10], letters[10:15], letters[15:20], letters[20:]))


def kept_of(secret: str) -> str:
    """What is kept of a random secret: its SHA-256, 64 hex digits. Nobody tries out 256 random bits, so it needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
