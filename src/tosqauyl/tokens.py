"""Keyed tokens in place of numbers, and masks for people to look at.

A plain hash of a phone number is undone in minutes by trying all 10^8 of them; a keyed one is not, as long as
the key stays in its file (0600, in the data folder).
"""

import hashlib
import os
import secrets
from pathlib import Path

from tosqauyl.errors import TosqauylError

KEY_BYTES = 32
"""Length of a key file, bytes."""


class Tokens:
    """Turns numbers into tokens: 't:' and 16 hex digits of a keyed BLAKE2b (RFC 7693).

    purpose: tokens of different purposes cannot be joined with each other even under one key; at most 16 bytes.
    With 10^8 different numbers, the chance that any two share a token is 3 in 10,000 (64 bits).
    """

    def __init__(self, key: bytes, purpose: str = "journal") -> None:
        if len(key) < 16:
            raise TosqauylError(
                "the key for tokens is shorter than 16 bytes", hint="delete the key file to get a new one"
            )
        self._base = hashlib.blake2b(key=key[:64], digest_size=8, person=purpose.encode()[:16])

    def of(self, number: str) -> str:
        """The token of a number as written; '' for ''. 0.5 us."""
        if not number:
            return ""
        state = self._base.copy()
        state.update(number.encode("utf-8", "surrogatepass"))
        return "t:" + state.hexdigest()

    @property
    def key_id(self) -> str:
        """8 hex digits that tell keys apart without telling the key: rows can only be joined under one key."""
        state = self._base.copy()
        state.update(b"\x00key")
        return state.hexdigest()[:8]


def load_key(path: Path) -> bytes:
    """The key in the file; on first use a random one is made there, readable by its owner only.

    Raises TosqauylError where the file cannot be made or read, has another length, or others may read it.
    """
    try:
        if not path.exists():
            _make_key(path)
        mode = path.stat().st_mode
        key = path.read_bytes()
    except OSError as error:
        raise TosqauylError(f"the key for tokens cannot be used: {error.strerror}", str(path)) from error
    if mode & 0o077:
        raise TosqauylError("others may read the key for tokens", str(path), "chmod 600, and think about a new key")
    if len(key) != KEY_BYTES:
        raise TosqauylError(
            f"the key for tokens has {len(key)} bytes, not {KEY_BYTES}", str(path), "delete it to get a new one"
        )
    return key


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all: two processes that start together end up with the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)


def mask(number: str) -> str:
    """A number as people may see it: '+7701***4567'. Short codes and tokens stay as they are, '' stays ''.

    From 11 digits on the first and last four stay, from 7 the first and last two; of anything that is no number only
    the first character.
    """
    sign, digits = ("+", number[1:]) if number.startswith("+") else ("", number)
    if number.startswith("t:") or not number:
        return number
    if not (digits.isascii() and digits.isdigit()):
        return number[0] + "***"
    if len(digits) <= 6:
        return number
    keep = 4 if len(digits) >= 11 else 2
    return f"{sign}{digits[:keep]}{'*' * (len(digits) - 2 * keep)}{digits[-keep:]}"
