"""Passwords: what one must be (length first, NIST SP 800-63B section 5.1.1.2), how it is kept (Argon2id, RFC 9106) and checked.

Checking takes the same work whether there is such an account or not. Only a few are checked at once: each takes `memory_kib`.
"""

import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tosqauyl.registry.errors import Invalid, TooMany
from tosqauyl.registry.shipped import shipped_text

MOST = 256
"""Characters; a longer one would only cost work."""
WAIT_SECONDS = 5.0
"""How long somebody waits for one of the places in which passwords are checked."""
_DUMMY = "tosqauyl: nobody's password"
_BETWEEN = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """length: characters at least; distinct: different ones at least; memory_kib, passes, lanes: of Argon2id (the defaults are RFC
    9106's second recommendation); at_once: how many are checked at the same time."""

    length: int = 12
    distinct: int = 5
    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4
    at_once: int = 2


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, rules: PasswordRules | None = None) -> None:
        self.rules = rules or PasswordRules()
        self._hasher = PasswordHasher(self.rules.passes, self.rules.memory_kib, self.rules.lanes)
        self._places = threading.BoundedSemaphore(self.rules.at_once)
        self._nobody = self._hasher.hash(_DUMMY)

    def check(self, password: str, login: str) -> None:
        """Raise Invalid, which says why, where a password may not be chosen. The password is not in the message."""
        if why := weakness(password, login, self.rules):
            raise Invalid(why, "password", "some words that make sense to nobody else are good")

    def hash(self, password: str) -> str:
        """An Argon2id hash with its parameters and salt. Raises TooMany."""
        with self._place():
            return self._hasher.hash(_plain(password))

    def matches(self, kept: str, password: str) -> bool:
        """Whether a password is the one of a hash; '' for nobody's hash takes the same work and is False. Raises TooMany."""
        if len(password) > MOST:
            password, kept = password[:MOST], ""
        with self._place():
            try:
                self._hasher.verify(kept or self._nobody, _plain(password))
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept)

    def is_stale(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than those of now."""
        return bool(kept) and self._hasher.check_needs_rehash(kept)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise TooMany("too many people sign in at this moment", hint="try again", retry_after=2)
        try:
            yield
        finally:
            self._places.release()


def weakness(password: str, login: str, rules: PasswordRules) -> str:
    """Why a password may not be chosen, '' if it may."""
    plain = _plain(password).casefold()
    if len(plain) < rules.length:
        return f"a password has at least {rules.length} characters"
    if len(password) > MOST:
        return f"a password has at most {MOST} characters"
    if len(set(plain)) < rules.distinct:
        return "the same few characters again and again"
    if any(part in plain for part in _parts(login)):
        return "the login is in it"
    words = [word for word in _BETWEEN.split(plain) if word]
    if plain in _common() or all(_is_made_of_common(word) for word in words):
        return "it is made of what everybody tries first"
    return ""


def _plain(password: str) -> str:
    """One form for what looks the same (RFC 8265 section 4): keyboards send different ones."""
    return unicodedata.normalize("NFKC", password)


def _parts(login: str) -> Iterator[str]:
    whole = _plain(login).casefold()
    yield from (one for one in (whole, whole.partition("@")[0]) if len(one) >= 3)


@cache
def _common() -> frozenset[str]:
    lines = shipped_text("passwords.txt").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _is_made_of_common(word: str) -> bool:
    """Whether a word is common ones one after the other."""
    ends = {0}
    for end in range(1, len(word) + 1):
        if any(word[start:end] in _common() for start in ends):
            ends.add(end)
    return len(word) in ends
