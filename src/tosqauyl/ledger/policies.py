"""The policies that decided the calls of a ledger, kept beside them: a row names its policy by hash and says which of its rules
were hit by number, so without the policy the rules have no names.

`LEDGER/policies/HASH.json`, written by `tosqauyl ledger take` from the gate's snapshots. A file is believed as far as its
content has the hash of its name; the shipped policy is known anyway."""

import json
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from tosqauyl.durable import write_whole
from tosqauyl.errors import TosqauylError
from tosqauyl.policy.load import Policy, load_policy, load_shipped
from tosqauyl.policy.stored import decode_policy, encode_policy

FOLDER = "policies"
MOST_BYTES = 4 << 20
_HASH = re.compile(r"[0-9a-f]{16}")


def has_policy(ledger: Path, digest: str) -> bool:
    """Whether a policy is kept beside the ledger."""
    return bool(_HASH.fullmatch(digest)) and _file(ledger, digest).is_file()


def keep_policy(ledger: Path, policy: Policy) -> None:
    """Keep a policy; one that is kept already stays. Raises OSError."""
    if not has_policy(ledger, policy.hash):
        (ledger / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(_file(ledger, policy.hash), json.dumps(encode_policy(policy), ensure_ascii=False))


def find_policy(ledger: Path, digest: str, file: str = "") -> Policy | None:
    """The policy of a hash; None where it is not known, or where its file is not what its name says. file: a policy file that is
    tried as well, '' for none."""
    if not _HASH.fullmatch(digest):
        return None
    found = _in(_file(ledger, digest), policy_of_text)
    if found is None or found.hash != digest:
        found = _in(Path(file), partial(_of_toml, file=file)) if file else None
    if found is not None and found.hash == digest:
        return found
    return _shipped() if _shipped().hash == digest else None


def policy_of_text(text: str | bytes) -> Policy | None:
    """The policy that a stored text holds; None where it holds none."""
    try:
        return decode_policy(json.loads(text))
    except (ValueError, RecursionError, TosqauylError):
        return None


def _of_toml(text: bytes, file: str) -> Policy | None:
    try:
        return load_policy(text.decode(), file)
    except (UnicodeDecodeError, TosqauylError):
        return None


def _in(path: Path, read: Callable[[bytes], Policy | None]) -> Policy | None:
    """What a file of some size holds; it is read anew only after it changed."""
    try:
        seen = path.stat()
        if seen.st_size > MOST_BYTES:
            return None
        key = (path, seen.st_ino, seen.st_mtime_ns)
        if key not in _READ:
            if len(_READ) >= MOST_READ:
                _READ.clear()
            _READ[key] = read(path.read_bytes())
        return _READ[key]
    except OSError:
        return None


_READ: dict[tuple[Path, int, int], Policy | None] = {}
MOST_READ = 32
"""Policies that are kept in memory."""


@cache
def _shipped() -> Policy:
    return load_shipped()


def _file(ledger: Path, digest: str) -> Path:
    return ledger / FOLDER / f"{digest}.json"
