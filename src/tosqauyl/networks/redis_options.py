"""Where and how to look up subscribers in Valkey or Redis: apart from the client, so that reading a configuration needs none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RedisFiles:
    """Paths, '' for none. username, password: files with one line each, for AUTH. ca, certificate, key: PEM, for a rediss url.
    token_key: at least 16 bytes, the HMAC-SHA256 key of tokens in place of numbers."""

    username: str = ""
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    token_key: str = ""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Where and how to look. url: redis://host:port/db, rediss:// with TLS, or unix:///path; never with a password in it.

    key: pattern of keys, with {number} (E.164 with +), {digits} (without) or {token} (64 hex digits). updated: key that holds
    when the operator last brought the data up to date, seconds since 1970; '' for none; updated_within: how long ago that may be,
    seconds. missing: what it means that a number has no key: unknown, or home, which needs `updated`. connect_timeout,
    read_timeout: seconds. connections: at most so many.
    """

    url: str = "redis://127.0.0.1:6379/0"
    key: str = "roaming:{number}"
    updated: str = ""
    updated_within: float = 300.0
    missing: str = "unknown"
    connect_timeout: float = 0.25
    read_timeout: float = 0.5
    connections: int = 2
    files: RedisFiles = RedisFiles()
