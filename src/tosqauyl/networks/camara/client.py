"""Is this subscriber abroad? Asked of a home network over CAMARA's Device Roaming Status API."""

import secrets
from collections.abc import Callable

import aiohttp
import msgspec
from msgspec import UNSET

from tosqauyl.networks.backend import AskFailed, Whereabouts
from tosqauyl.networks.camara.bodies import UNREADABLE, Device, ErrorInfo, Retrieve, Roaming
from tosqauyl.networks.camara.credentials import Credentials
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.camara.outgoing import broken, open_session, outgoing_url, read_json, refusal
from tosqauyl.tls import client_context

AHEAD_SECONDS = 60.0
"""How far ahead of our clock a status may be: clocks differ, but nobody knows what will be."""
NOT_KNOWN = {
    404: frozenset(("DEVICE_NOT_FOUND", "IDENTIFIER_NOT_FOUND")),
    422: frozenset(("SERVICE_NOT_APPLICABLE", "UNSUPPORTED_IDENTIFIER")),
}  # fmt: skip
"""Error codes with which a network says that it does not know this number, or not where it is. A 404 with another code is a
wrong URL, and must not pass for an answer."""
_read_roaming = msgspec.json.Decoder(Roaming).decode
_read_error = msgspec.json.Decoder(ErrorInfo).decode
_write = msgspec.json.Encoder().encode
_JSON = {"Content-Type": "application/json"}


class CamaraBackend:
    """A WhereaboutsBackend. Made outside of a loop or within; connections are opened with the first question."""

    def __init__(self, options: CamaraOptions, wall: Callable[[], float]) -> None:
        """wall: seconds since 1970. Raises TosqauylError where an option or a file cannot be used."""
        options.check()
        self._wall = wall
        self._url = outgoing_url(options.url.rstrip("/") + "/retrieve", "url")
        self._limit, self._connections = options.body_limit, options.connections
        self._context = client_context(options.ca, options.certificate, options.key)
        self._credentials = Credentials(options, wall)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def whereabouts(self, number: str) -> Whereabouts:
        """Ask about a number ('+7...'). Raises AskFailed. Cancelled by the asker when nobody waits any more."""
        if self._closed:
            raise AskFailed("down", "closed")
        if self._session is None:
            self._session = open_session(self._context, self._connections)
        authorization = await self._credentials.authorization(self._session)
        correlator = secrets.token_hex(16)
        headers = {**_JSON, "x-correlator": correlator}
        if authorization:
            headers["Authorization"] = authorization
        body = _write(Retrieve(Device(number)))
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.headers.get("x-correlator", correlator) != correlator:
                    # A kept connection may hold an answer that came twice, and it says where somebody else is.
                    raise AskFailed("wrong", "an answer to another question")
                if answer.status == 200:
                    return self._found(await read_json(answer, self._limit), number)
                if answer.status in NOT_KNOWN:
                    return self._not_known(answer.status, await read_json(answer, self._limit))
                if answer.status == 401:
                    self._credentials.rejected(authorization)
                raise refusal(answer.status, answer.headers.get("Retry-After", ""), self._wall())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise broken(error) from None

    def _found(self, body: bytes, number: str) -> Whereabouts:
        try:
            told = _read_roaming(body)
        except UNREADABLE:
            raise AskFailed("malformed", "the answer is not as the API says") from None
        if told.device is not UNSET and told.device.phoneNumber != number:
            raise AskFailed("wrong", "an answer about another device")
        if told.lastStatusTime is UNSET or told.lastStatusTime.tzinfo is None:
            raise AskFailed("wrong", "no lastStatusTime with a zone")
        at = told.lastStatusTime.timestamp()
        if not 0 <= at <= self._wall() + AHEAD_SECONDS:
            raise AskFailed("wrong", "a lastStatusTime that cannot be")
        if not told.roaming:
            return Whereabouts("home", at)
        names = told.countryName if told.countryName is not UNSET else []
        return Whereabouts("abroad", at, names[0] if len(names) == 1 and _is_country(names[0]) else "")

    def _not_known(self, status: int, body: bytes) -> Whereabouts:
        try:
            code = _read_error(body).code
        except UNREADABLE:
            raise AskFailed("malformed", f"status {status}, and not as the API says") from None
        if code not in NOT_KNOWN[status]:
            raise AskFailed("wrong", f"status {status} with another code")
        return Whereabouts("unknown", self._wall())

    async def close(self) -> None:
        """Let go of connections; questions under way and later ones fail (down). Never raises."""
        self._closed = True
        await self._credentials.close()
        if self._session is not None:
            await self._session.close()


def _is_country(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()
