"""The Authorization header: a fixed token, one from a file, or one fetched with client credentials (RFC 6749 4.4).

Tokens and secrets are in no log, no error and no repr.
"""

import asyncio
import base64
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.camara.bodies import UNREADABLE, TokenAnswer
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.camara.outgoing import broken, outgoing_url, read_json, refusal

FETCH_SECONDS = 10.0
"""Longest time for the answer of a token endpoint."""
EARLY_SECONDS = 60.0
"""How long before its end a token is renewed, at most a fifth of its life; the old one is used meanwhile."""
PAUSE_SECONDS = 5.0
"""Between two fetches where the first failed, and the least age at which a refused token is given up: else a network that
refuses everything would have a token fetched for every call."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*")
"""RFC 6750 2.1."""
_decode = msgspec.json.Decoder(TokenAnswer).decode


class _Grant(NamedTuple):
    """A header, since when, until when it is renewed before use, and until when it is any good; seconds since 1970."""

    header: str
    since: float
    fresh_until: float
    ends: float

    def __repr__(self) -> str:
        return "_Grant(...)"


_NOTHING = _Grant("", 0.0, -math.inf, -math.inf)


class Credentials:
    """The header for each request. fetched: how often a token endpoint gave one."""

    def __init__(self, options: CamaraOptions, wall: Callable[[], float]) -> None:
        """Raises TosqauylError where a file cannot be read, a token is none, or the endpoint may not be asked."""
        self._options, self._wall = options, wall
        self._url = outgoing_url(options.token_url, "token_url") if options.token_url else ""
        self._task: asyncio.Task[None] | None = None
        self._failed: AskFailed | None = None
        self._failed_at = -math.inf
        self.fetched = 0
        self._grant = _NOTHING
        if self._url:
            _line(options.client_secret_file)
        else:
            token = _line(options.token_file) if options.token_file else options.token
            self._grant = self._lasting(token) if token else _Grant("", 0.0, math.inf, math.inf)

    def _lasting(self, token: str) -> _Grant:
        return _Grant(bearer(token), self._wall(), math.inf, math.inf)

    async def authorization(self, session: aiohttp.ClientSession) -> str:
        """'Bearer ...', '' where no token is used. Raises AskFailed where none can be had. One fetch at a time; an asker that
        is cancelled does not end it."""
        now, grant = self._wall(), self._grant
        if now < grant.fresh_until:
            return grant.header
        if self._task is None and not self._is_pausing(now):
            self._task = asyncio.get_running_loop().create_task(self._renew(session))
        if now < grant.ends:
            return grant.header
        if self._task is not None:
            await asyncio.wait((self._task,))  # unlike await, neither ends the fetch with us nor us with the fetch
        if self._failed is not None:
            raise AskFailed(self._failed.kind, self._failed.detail, self._failed.retry_after)
        return self._grant.header

    def _is_pausing(self, now: float) -> bool:
        if self._failed is None:
            return False
        # A clock that was set back must not make a pause of a day.
        return 0 <= now - self._failed_at < max(PAUSE_SECONDS, self._failed.retry_after)

    def rejected(self, header: str) -> None:
        """The network did not take this header: read the file again, or fetch another token for the next question."""
        age = self._wall() - self._grant.since
        if header != self._grant.header or 0 <= age < PAUSE_SECONDS:
            return
        if self._url:
            self._grant = _NOTHING
        elif self._options.token_file:
            try:
                self._grant = self._lasting(_line(self._options.token_file))
            except TosqauylError:
                self._grant = self._grant._replace(since=self._wall())

    async def _renew(self, session: aiohttp.ClientSession) -> None:
        """Never raises: what went wrong is kept for those who wait."""
        try:
            self._grant, self._failed = await self._fetch(session), None
            self.fetched += 1
        except AskFailed as failed:
            self._failed, self._failed_at = failed, self._wall()
        except asyncio.CancelledError:
            self._failed = AskFailed("down", "closed")
            raise
        finally:
            self._task = None

    async def _fetch(self, session: aiohttp.ClientSession) -> _Grant:
        options = self._options
        try:
            secret = _line(options.client_secret_file)
        except TosqauylError:
            raise AskFailed("refused", "the client secret cannot be read") from None
        # RFC 6749 2.3.1: both form-encoded before they are joined.
        pair = f"{quote_plus(options.client_id)}:{quote_plus(secret)}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = urlencode({"grant_type": "client_credentials", "scope": options.scope})
        since = self._wall()
        try:
            async with (
                asyncio.timeout(FETCH_SECONDS),
                session.post(self._url, data=form.encode(), headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    failed = refusal(answer.status, answer.headers.get("Retry-After", ""), since)
                    kind = "refused" if answer.status == 400 else failed.kind
                    raise AskFailed(kind, f"token endpoint: {failed.detail}", failed.retry_after)
                return _granted(await read_json(answer, options.body_limit), since)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failed = broken(error)
            raise AskFailed(failed.kind, f"token endpoint: {failed.detail}") from None

    async def close(self) -> None:
        """End a fetch that runs. Never raises."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))


def _granted(body: bytes, since: float) -> _Grant:
    try:
        told = _decode(body)
        if told.token_type.lower() != "bearer":
            raise AskFailed("wrong", "token endpoint: no bearer token")
        header = bearer(told.access_token)
    except (*UNREADABLE, TosqauylError):
        raise AskFailed("malformed", "token endpoint: the answer cannot be read") from None
    life = max(told.expires_in, PAUSE_SECONDS)  # else one that is over at once would be made for every call
    return _Grant(header, since, since + life - min(EARLY_SECONDS, life / 5), since + life)


def bearer(token: str) -> str:
    """The header for a token. Raises TosqauylError where it has other characters than RFC 6750 allows; never quotes it."""
    if not _TOKEN.fullmatch(token):
        raise TosqauylError("is no bearer token", "token", "one line of letters, digits and . _ ~ + / - =")
    return f"Bearer {token}"


def _line(path: str) -> str:
    """The one line of a secret's file."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(16_384).strip()
    except (OSError, ValueError) as error:
        raise TosqauylError(f"cannot be read: {getattr(error, 'strerror', None) or 'no text'}", path) from None
    if not text or "\n" in text:
        raise TosqauylError("does not hold one line", path)
    return text
