"""Where subscribers are, looked up in a Valkey or Redis server that their operator keeps up to date.

All look-ups of one turn of the loop go out as one MGET; while the few connections are busy, further ones gather for the next.
docs/networks.md has the formats. Not for a cluster whose keys lie on several nodes: MGET does not reach across them.
"""

import asyncio
import hmac
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed, Whereabouts
from tosqauyl.networks.redis_options import RedisFiles as RedisFiles
from tosqauyl.networks.redis_options import RedisOptions as RedisOptions

_BATCH = 256
_KEY_BYTES = 16
_STATES: Final = {b"abroad": "abroad", b"home": "home", b"unknown": "unknown"}


class _Value(msgspec.Struct):
    """A value written as JSON."""

    roaming: bool
    at: float | None = None
    country: str = ""


_decode: Final = msgspec.json.Decoder(_Value).decode


class RedisBackend:
    """A backend.WhereaboutsBackend. Connects by itself when it is first asked, and again when the connection broke.

    batches, looked_up: MGETs sent, and numbers in them.
    """

    def __init__(self, options: RedisOptions, wall: Callable[[], float]) -> None:
        """Opens nothing but the files. wall: seconds since 1970. Raises TosqauylError for options that cannot work."""
        self._options, self._wall = options, wall
        self._key = _key_maker(options)
        self._redis = _client(options)
        self._waiting: dict[str, list[asyncio.Future[Whereabouts]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_scheduled = self._has_found = False
        self.batches = self.looked_up = 0

    async def whereabouts(self, number: str) -> Whereabouts:
        """Look the number up with all others of this turn. Raises AskFailed."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Whereabouts] = loop.create_future()
        self._waiting.setdefault(self._key(number), []).append(answer)
        self._schedule(loop)
        return await answer

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and not self._is_scheduled and len(self._tasks) < self._options.connections:
            self._is_scheduled = True
            loop.call_soon(self._send, loop)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled = False
        keys = list(self._waiting)[:_BATCH]
        asked = {key: live for key in keys if (live := [one for one in self._waiting.pop(key) if not one.done()])}
        if asked:
            task = loop.create_task(self._look_up(asked))
            self._tasks.add(task)
            task.add_done_callback(self._sent)
        self._schedule(loop)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._schedule(task.get_loop())

    async def _look_up(self, asked: dict[str, list[asyncio.Future[Whereabouts]]]) -> None:
        self.batches += 1
        self.looked_up += len(asked)
        keys = list(asked)
        found: list[Whereabouts | AskFailed]
        try:
            values, missing, updated = await self._read(keys)
            found = [self._meant(value, missing, updated) for value in values]
        except (exceptions.RedisError, OSError, TimeoutError, ValueError) as error:
            found = [_failure(error)] * len(keys)
        except asyncio.CancelledError:
            found = [AskFailed("down", "closed")] * len(keys)
        except Exception as error:  # noqa: BLE001 - or all who wait would wait in vain
            found = [AskFailed("bug", type(error).__name__)] * len(keys)
        for key, answer in zip(keys, found, strict=True):
            for one in asked[key]:
                if one.done():
                    continue
                if isinstance(answer, AskFailed):
                    one.set_exception(AskFailed(answer.kind, answer.detail, answer.retry_after))
                else:
                    one.set_result(answer)

    async def _read(self, keys: list[str]) -> tuple[list[bytes | None], str, float]:
        """The values, what a missing one means, and when all were brought up to date (0.0: not lately, or not told)."""
        options = self._options
        wanted = [*keys, options.updated] if options.updated else keys
        if options.missing != "home":
            got: list[Any] = await self._redis.mget(wanted)
            return got[: len(keys)], "unknown", self._fresh(got[-1]) if options.updated else 0.0
        # MGET gives nothing for a key of another type, too. Such a key must not be taken for a subscriber at home, so the
        # keys that exist are counted in the same transaction.
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.mget(wanted)
            pipeline.exists(*keys)
            values, there = await pipeline.execute()
        updated = self._fresh(values.pop())
        # Where no number ever had a key, the pattern, the database or the key of the tokens is likely another than the
        # operator's: then everybody would seem to be at home.
        self._has_found = self._has_found or there > 0
        is_sure = self._has_found and updated > 0 and there == sum(value is not None for value in values)
        return values, "home" if is_sure else "unknown", updated

    def _fresh(self, value: bytes | None) -> float:
        """When the data was brought up to date, if that is lately; else 0.0."""
        at = _seconds(value) if value is not None else 0.0
        ago = self._wall() - at
        return at if -self._options.updated_within <= ago < self._options.updated_within else 0.0

    def _meant(self, value: bytes | None, missing: str, updated: float) -> Whereabouts | AskFailed:
        """What one value says. A `home` of which nobody knows since when is unknown: it could stop a call."""
        if value is None:
            return Whereabouts(missing, updated)
        try:
            state, at, country = _read_value(value)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return AskFailed("malformed", "a value that cannot be read")
        # Where the operator keeps the data up to date, an old entry is one that is still right.
        at = max(at, updated) or (self._wall() if state == "abroad" else 0.0)
        return Whereabouts(state if at else "unknown", at, country)

    async def close(self) -> None:
        """Let go of the connections; whoever waits is told that they are down. Never raises."""
        waiting, self._waiting = self._waiting, {}
        for answers in waiting.values():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(AskFailed("down", "closed"))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, self._redis.aclose(), return_exceptions=True)


def _read_value(value: bytes) -> tuple[str, float, str]:
    """State, time (0.0 if not told) and country. ValueError or MsgspecError where it is none of the formats."""
    text = value.strip()
    if text[:1] == b"{":
        said = _decode(text)
        return "abroad" if said.roaming else "home", _positive(said.at) if said.at is not None else 0.0, said.country
    word, _, at = text.partition(b" ")
    state = _STATES.get(word)
    if state is None:
        raise ValueError("not a state")
    return state, _seconds(at) if at else 0.0, ""


def _seconds(text: bytes) -> float:
    return _positive(float(text))


def _positive(at: float) -> float:
    if not (at > 0 and math.isfinite(at)):
        raise ValueError("not a time")
    return at


def _failure(error: Exception) -> AskFailed:
    """Which kind of failure an error of the client or the server is. Its text is left out: it may hold a key."""
    detail = type(error).__name__
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError | exceptions.NoPermissionError):
        return AskFailed("refused", detail)
    if isinstance(error, exceptions.MaxConnectionsError):
        return AskFailed("limited", detail)
    if isinstance(error, exceptions.InvalidResponse | ValueError):
        return AskFailed("malformed", detail)
    if isinstance(error, exceptions.ResponseError):
        # NOAUTH comes as a plain error of the command. MASTERDOWN and LOADING say that nobody is there yet.
        word = str(error).split(" ", 1)[0]
        return AskFailed("down" if word in ("MASTERDOWN", "LOADING", "CLUSTERDOWN") else "refused", detail)
    return AskFailed("down", detail)


def _key_maker(options: RedisOptions) -> Callable[[str], str]:
    """Number -> key."""
    before, brace, rest = options.key.partition("{")
    name, end, after = rest.partition("}")
    if not brace or not end or name not in ("number", "digits", "token") or "{" in after:
        raise TosqauylError(
            "the pattern of keys names no number", "redis_key", "use {number}, {digits} or {token}, once"
        )
    if options.missing not in ("unknown", "home"):
        raise TosqauylError("what a missing key means must be unknown or home", "redis.missing")
    if options.missing == "home" and not options.updated:
        raise TosqauylError(
            "that a missing key means home needs a key that tells how fresh the data is", "redis_updated"
        )
    if name == "number":
        return lambda number: f"{before}{number}{after}"
    if name == "digits":
        return lambda number: f"{before}{number.removeprefix('+')}{after}"
    secret = _file(options.files.token_key, "redis.token_key")
    if len(secret) < _KEY_BYTES:
        raise TosqauylError(f"the key for tokens has fewer than {_KEY_BYTES} bytes", options.files.token_key)
    return lambda number: f"{before}{hmac.digest(secret, number.encode(), 'sha256').hex()}{after}"


def _file(path: str, name: str) -> bytes:
    """The content of a secret file, without white space at its end."""
    if not path:
        raise TosqauylError("no file is named", name)
    file = Path(path)
    try:
        mode, content = file.stat().st_mode, file.read_bytes()
    except OSError as error:
        raise TosqauylError(f"cannot be read: {error.strerror}", path) from None
    if mode & 0o077:
        raise TosqauylError("others may read this secret", path, "chmod 600")
    return content.rstrip()


def _client(options: RedisOptions) -> Redis:
    """A client that retries once, for a kept connection that the server closed meanwhile; the desk sees to all else."""
    files = options.files
    if "@" in options.url:
        raise TosqauylError(
            "the address holds a password", "redis.url", "name files with the user name and the password"
        )
    settings: dict[str, Any] = {}
    for name, path in (("username", files.username), ("password", files.password)):
        if path:
            settings[name] = _file(path, f"redis.{name}").decode("utf-8", "replace")
    scheme = options.url.partition(":")[0]
    if scheme == "rediss":
        paths = {"ssl_ca_certs": files.ca, "ssl_certfile": files.certificate, "ssl_keyfile": files.key}
        settings |= {name: path for name, path in paths.items() if path}
    if scheme != "unix":
        settings["socket_keepalive"] = True
    try:
        if set(parse_qs(urlsplit(options.url).query, keep_blank_values=True)) - {"db"}:
            # The client would take anything from there, also that certificates need not be checked.
            raise TosqauylError("the address holds more than where to ask", "redis.url", "only ?db=N may follow a ?")
        pool = BlockingConnectionPool.from_url(
            options.url,
            max_connections=options.connections,
            timeout=options.read_timeout,
            socket_connect_timeout=options.connect_timeout,
            socket_timeout=options.read_timeout,
            retry=Retry(NoBackoff(), 1),
            protocol=2,
            **settings,
        )
    except ValueError as error:
        raise TosqauylError("is no address of a Redis server", "redis.url", "redis://host:port/0") from error
    return Redis(connection_pool=pool)
