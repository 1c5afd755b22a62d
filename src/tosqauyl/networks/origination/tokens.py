"""What records and questions of the origination ledger are made of: keyed tokens over caller, called and ten seconds of time.

Each pair of operators shares a key. A plain hash of two numbers and a time is undone by trying them all (1.9 * 10^8 Kazakh mobile
numbers take minutes); a keyed one is not by anybody who lacks the key. docs/origination.md says what is left to see.
"""

import hashlib
import os
import re
import secrets
import stat
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.toml_text import Table, read_toml

BUCKET = 10.0
"""Seconds of one bucket of time. Shorter ones need more tokens a question, longer ones tell calls apart less well."""
TOKEN_BYTES = 16
"""128 bits: with 10^9 records, a guessed token is one of them with a chance of 10^-30."""
SECRET_BYTES = 32
"""Length of the key of a pair, bytes."""
KEY_FILES = "*.toml"
"""Which files of a folder hold keys."""

_PURPOSE = b"tosqauyl-origin"
"""BLAKE2b's personalisation (RFC 7693, section 2.8): no token of another purpose can be one of these, even under one key."""
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_FIELDS = frozenset(("peer", "id", "secret", "secret_file"))
_TEXT_SIZE = 65_535


def buckets(at: float, before: float, after: float) -> range:
    """The buckets of time that [at - before, at + after] touches; all in seconds, `at` since 1970.

    Raises ValueError where a value is not finite.
    """
    if not (isfinite(at) and isfinite(before) and isfinite(after)):
        raise ValueError("a time that is no number")
    return range(int((at - before) // BUCKET), int((at + after) // BUCKET) + 1)


def message(caller: str, called: str, bucket: int) -> bytes:
    """What a token is made over, unambiguously: bucket (8 bytes, signed), length of the caller (2 bytes), caller, called.

    Raises ValueError for a bucket or a caller that do not fit, or text that is no UTF-8.
    """
    first = caller.encode()
    try:
        return struct.pack(">qH", bucket, len(first)) + first + called.encode()
    except struct.error:
        raise ValueError("a bucket or a number out of range") from None


def token(secret: bytes, caller: str, called: str, bucket: int) -> bytes:
    """The 16 bytes that stand for a call from `caller` to `called` (E.164 with the plus) begun in that bucket, under a secret.

    Raises ValueError as message() does. 1 us.
    """
    return hashlib.blake2b(
        message(caller, called, bucket), digest_size=TOKEN_BYTES, key=secret, person=_PURPOSE
    ).digest()


@dataclass(frozen=True)
class PairKey:
    """A key that two operators share. peer: slug of the other one; id: which key it is, for example 2026-11 (the greatest is the
    newest); secret: 32 random bytes, never shown. Raises TosqauylError where one of them is of another form."""

    peer: str
    id: str
    secret: bytes = field(repr=False)
    _base: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.peer):
            raise TosqauylError("the name of an operator is small letters, digits, - and _", "peer")
        if not _ID.fullmatch(self.id):
            raise TosqauylError("the id of a key is small letters, digits, '.', - and _", "id", "for example 2026-11")
        if len(self.secret) != SECRET_BYTES:
            raise TosqauylError(f"the secret has {len(self.secret)} bytes, not {SECRET_BYTES}", "secret")
        base = hashlib.blake2b(digest_size=TOKEN_BYTES, key=self.secret, person=_PURPOSE)
        object.__setattr__(self, "_base", base)

    def seal(self, told: bytes) -> bytes:
        """The token over what message() made. Half the time of token(): the key was taken in before."""
        state = self._base.copy()
        state.update(told)
        token: bytes = state.digest()
        return token


class Keys:
    """The keys that an operator shares with others. peers: their slugs, sorted. digest: 16 hex digits that differ where any key
    differs, and tell nothing of a secret; nodes of one operator compare them. Raises TosqauylError for one key twice."""

    def __init__(self, pairs: Iterable[PairKey]) -> None:
        found: dict[str, list[PairKey]] = {}
        for pair in pairs:
            same = found.setdefault(pair.peer, [])
            if any(other.id == pair.id for other in same):
                raise TosqauylError(f"the key {pair.id} with {pair.peer} is there twice")
            same.append(pair)
        self._of: Mapping[str, tuple[PairKey, ...]] = MappingProxyType(
            {peer: tuple(sorted(found[peer], key=lambda pair: pair.id, reverse=True)) for peer in sorted(found)}
        )
        self.peers: tuple[str, ...] = tuple(self._of)
        state = hashlib.blake2b(digest_size=8, person=b"tosqauyl-keys")
        for pairs_of in self._of.values():
            for pair in pairs_of:
                state.update(f"{pair.peer}\n{pair.id}\n".encode() + pair.seal(b"digest"))
        self.digest: str = state.hexdigest()

    def of(self, peer: str) -> tuple[PairKey, ...]:
        """The keys shared with an operator, the newest first; () for a stranger. Questions are asked under the newest; while two
        are there, records are written under both."""
        return self._of.get(peer, ())

    def has(self, peer: str, id: str) -> bool:
        """Whether this key of that pair is there."""
        return any(pair.id == id for pair in self.of(peer))

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))


def make_key(peer: str, id: str, secret: bytes = b"") -> str:
    """The text of a new key file; the other operator gets the same text with our name as its peer.

    secret: 32 bytes; random ones where none are given. Raises TosqauylError for a name or an id that cannot be.
    """
    key = PairKey(peer, id, secret or secrets.token_bytes(SECRET_BYTES))
    return (
        "# A key that two operators share for the origination ledger. Secret: mode 0600, and sent on a safe way only.\n"
        f'peer = "{key.peer}"\nid = "{key.id}"\nsecret = "{key.secret.hex()}"\n'
    )


def load_keys(place: str | Path) -> Keys:
    """The keys of a file, or of all *.toml files of a folder. Raises FileMistakes with every mistake of every file at once."""
    place = Path(place)
    try:
        files = sorted(place.glob(KEY_FILES)) if place.is_dir() else [place]
    except OSError as error:
        raise FileMistakes([Mistake(str(place), 0, 0, f"cannot be read: {error.strerror}")]) from None
    mistakes: list[Mistake] = []
    pairs: dict[tuple[str, str], PairKey] = {}
    for file in files:
        pair = _load(file, mistakes)
        if pair is not None and pairs.setdefault((pair.peer, pair.id), pair) is not pair:
            what = f"the key {pair.id} with {pair.peer} is in another file too"
            mistakes.append(Mistake(str(file), 0, 0, what, "give the new key another id"))
    if mistakes:
        raise FileMistakes(mistakes)
    return Keys(pairs.values())


def _load(file: Path, mistakes: list[Mistake]) -> PairKey | None:
    """One key, or None and what is wrong with its file."""
    raw = secret_bytes(file, file, 0, mistakes)
    if raw is None:
        return None
    try:
        table, places = read_toml(raw.decode(), str(file))
    except UnicodeDecodeError:
        mistakes.append(Mistake(str(file), 0, 0, "is not UTF-8"))
        return None
    except FileMistakes as found:
        mistakes.extend(found.mistakes)
        return None
    return _KeyFile(file, table, places[0], mistakes).read()


class _KeyFile:
    """The fields of one key file, each with its line where it is wrong."""

    def __init__(self, file: Path, table: dict[str, Any], place: Table, mistakes: list[Mistake]) -> None:
        self._file, self._table, self._place, self._mistakes = file, table, place, mistakes

    def read(self) -> PairKey | None:
        before = len(self._mistakes)
        for name in self._table:
            if name not in _FIELDS:
                self._wrong(name, f"'{name[:40]}' is no field of a key", "peer, id, and secret or secret_file")
        peer = self._text("peer", _SLUG, "the other operator: small letters, digits, - and _")
        id = self._text("id", _ID, "small letters, digits, '.', - and _; for example 2026-11")
        secret = self._secret()
        return PairKey(peer, id, secret) if len(self._mistakes) == before else None

    def _text(self, name: str, form: re.Pattern[str], hint: str) -> str:
        value = self._table.get(name)
        if not isinstance(value, str) or not form.fullmatch(value):
            self._wrong(name, f"{name} is missing" if value is None else f"{name} is not of its form", hint)
            return ""
        return value

    def _secret(self) -> bytes:
        """The 32 bytes, from here or from the file named; what is wrong never shows any of it."""
        inner, named = self._table.get("secret"), self._table.get("secret_file")
        if (inner is None) == (named is None):
            self._wrong("secret", "either secret or secret_file must be there", "secret = 64 hexadecimal digits")
        elif inner is not None:
            if isinstance(inner, str) and _HEX.fullmatch(inner):
                return bytes.fromhex(inner)
            self._wrong("secret", "the secret is not 64 hexadecimal digits", "tosqauyl origination key makes one")
        elif not isinstance(named, str) or not named:
            self._wrong("secret_file", "secret_file is no path")
        else:
            line = self._place.line_of("secret_file")
            raw = secret_bytes(self._file.parent / named, self._file, line, self._mistakes)
            if raw is not None and len(raw) != SECRET_BYTES:
                self._wrong("secret_file", f"the file has {len(raw)} bytes, not {SECRET_BYTES}")
            return raw or b""
        return b""

    def _wrong(self, name: str, what: str, hint: str = "") -> None:
        self._mistakes.append(Mistake(str(self._file), self._place.line_of(name), 0, what, hint))


def secret_bytes(path: Path, told: Path, line: int, mistakes: list[Mistake]) -> bytes | None:
    """The content of a file that its owner alone may read; None, and a mistake told at `told`, where it is not so."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(_TEXT_SIZE)
    except OSError as error:
        mistakes.append(Mistake(str(told), line, 0, f"a key cannot be read: {error.strerror}"))
        return None
    if _is_open(found):
        mistakes.append(Mistake(str(told), line, 0, "others may read a key", "chmod 600, and think about a new key"))
        return None
    return content


def _is_open(found: os.stat_result) -> bool:
    """Whether others may read a file. What root hands to a service (systemd's LoadCredential=) is of mode 0440: its group is
    root's, and the bits are the mask of an access list that names us alone."""
    is_handed = found.st_uid == 0 and os.geteuid() != 0
    return bool(stat.S_IMODE(found.st_mode) & (0o037 if is_handed else 0o077))
