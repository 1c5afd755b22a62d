"""Which callers a canary rule holds for: a stable share of them, by a hash that any gate and any database computes alike.

The hash is of the calling number alone. So a caller is always treated the same: by every gate, after a restart, and by
every canary rule; and raising the share only adds callers.
"""

from hashlib import sha256

BUCKETS = 100
"""One for each per cent."""


def bucket(caller: str) -> int:
    """0 to 99: the first four bytes of the SHA-256 of the calling number (UTF-8), as an unsigned number, modulo 100.

    A rule of mode canary holds where this is below its percent. Calls without a calling number share the bucket of ''.
    """
    return int.from_bytes(sha256(caller.encode("utf-8", "replace")).digest()[:4], "big") % BUCKETS


def bucket_sql(column: str = "caller") -> str:
    """The same over a DuckDB column: sha256() there gives lower-case hex of the UTF-8 bytes."""
    return f"(CAST('0x' || substr(sha256(\"{column}\"), 1, 8) AS BIGINT) % {BUCKETS})"
