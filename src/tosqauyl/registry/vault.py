"""The vault: names, IINs, numbers and texts of people sealed with AES-GCM; keyed tokens by which they are found again.

    key file: one key a line, "ID HEX64", the last one seals, all of them open: so keys are rotated. Mode 0600.
    sealed: one byte 1, four bytes of the key's id, twelve of the nonce, the ciphertext with its tag
    token: HMAC-SHA-256 under a key derived from the first key of the file, 64 hex digits; a purpose of its own for each kind

The purpose is authenticated with the ciphertext: a value moved to another column does not open.
"""

import hmac
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tosqauyl.errors import TosqauylError

FORMAT = b"\x01"
_HEAD = 1 + 4 + 12


class Vault:
    """Seals and opens. keys: id (8 hex digits) -> 32 bytes, in the order in which they were made; the last one seals.

    nonce: 12 fresh bytes at each call. The token key is derived from the first key, so that rotation breaks no look-up.
    Raises TosqauylError where there is no key.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        if not keys or any(len(key) != 32 or len(bytes.fromhex(name)) != 4 for name, key in keys.items()):
            raise TosqauylError("the vault has no sound key", hint="make one: tosqauyl office init")
        self._ciphers = {bytes.fromhex(name): AESGCM(key) for name, key in keys.items()}
        self._current = bytes.fromhex(next(reversed(keys)))
        first = next(iter(keys.values()))
        self._token_key = hmac.digest(first, b"tosqauyl tokens 1", "sha256")

    @property
    def key_id(self) -> str:
        """Of the key that seals now, 8 hex digits."""
        return self._current.hex()

    def seal(self, text: str, purpose: str) -> bytes:
        """The text as bytes that only this vault opens, and only for the same purpose; b'' for ''."""
        if not text:
            return b""
        nonce = secrets.token_bytes(12)
        body = self._ciphers[self._current].encrypt(nonce, text.encode("utf-8", "surrogatepass"), purpose.encode())
        return FORMAT + self._current + nonce + body

    def open(self, sealed: bytes, purpose: str) -> str:
        """The text again; '' for b''. Raises TosqauylError where it was changed, moved, or its key is not there."""
        if not sealed:
            return ""
        cipher = self._ciphers.get(bytes(sealed[1:5])) if sealed[:1] == FORMAT else None
        if cipher is None:
            raise TosqauylError("a sealed value is of a key that the vault does not have", hint="give its old key file")
        try:
            text = cipher.decrypt(bytes(sealed[5:_HEAD]), bytes(sealed[_HEAD:]), purpose.encode())
        except InvalidTag:
            raise TosqauylError("a sealed value was changed or moved") from None
        return text.decode("utf-8", "surrogatepass")

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value was sealed with the newest key: what is not is sealed again by the rotation job."""
        return not sealed or bytes(sealed[1:5]) == self._current

    def token(self, value: str, purpose: str) -> str:
        """A keyed token: equal for equal values of one purpose, 64 hex digits; '' for ''."""
        if not value:
            return ""
        text = f"{purpose}\x00{value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._token_key, text, "sha256").hex()


def read_keys(text: str, where: str) -> dict[str, bytes]:
    """Keys of a key file's text. Raises TosqauylError."""
    keys: dict[str, bytes] = {}
    for line, (name, secret) in enumerate(_pairs(text, where), 1):
        if name in keys:
            raise TosqauylError(f"line {line}: the key {name} is there twice", where)
        keys[name] = secret
    return keys


def _pairs(text: str, where: str) -> Iterator[tuple[str, bytes]]:
    for line, row in enumerate(text.splitlines(), 1):
        if not row.strip() or row.startswith("#"):
            continue
        name, _, secret = row.strip().partition(" ")
        try:
            if len(bytes.fromhex(name)) != 4 or len(bytes.fromhex(secret)) != 32:
                raise ValueError
        except ValueError:
            raise TosqauylError(
                f"line {line} is no key", where, "a line is: 8 hex digits, a space, 64 hex digits"
            ) from None
        yield name, bytes.fromhex(secret)


def new_key_line() -> str:
    """A line with a fresh key for a key file."""
    return f"{secrets.token_hex(4)} {secrets.token_hex(32)}\n"


def load_vault(path: Path) -> Vault:
    """The vault of a key file. Raises TosqauylError where it cannot be read, others may read it, or a line is no key."""
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise TosqauylError(f"the vault's keys cannot be read: {error}", str(path), "tosqauyl office init") from None
    if mode & 0o077:
        raise TosqauylError("others may read the vault's keys", str(path), "chmod 600, and think about a new key")
    return Vault(read_keys(text, str(path)))


def add_key(path: Path) -> str:
    """Append a fresh key to a key file, made if it is not there (0600); the key's id. Raises TosqauylError."""
    line = new_key_line()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise TosqauylError(f"the vault's keys cannot be written: {error.strerror}", str(path)) from None
    return line[:8]
