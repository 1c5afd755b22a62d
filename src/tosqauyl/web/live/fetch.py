"""Asks all gates for their metrics at once, from one thread, and waits for none of them longer than a moment."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress

import httpx

from tosqauyl.web.live.history import Why
from tosqauyl.web.live.reading import Reading, Unreadable, read
from tosqauyl.web.office import GateAt

PATH = "/metrics"
SECONDS = 1.5
"""For a gate's whole answer. One that takes longer is no use to whoever watches."""
CONNECT_SECONDS = 1.0
MOST_BYTES = 4 << 20
"""Of an answer: a gate with a thousand rules tells a tenth of it."""
REFUSED = (401, 403)


class Gates:
    """Connections to some gates, kept open between looks. Call it from one thread; close it when that has ended."""

    def __init__(self, gates: Sequence[GateAt]) -> None:
        self._gates = tuple(gates)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: dict[str, httpx.AsyncClient] = {}

    def __call__(self) -> list[Reading | Why]:
        """What each gate told, or why it did not, in their order."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(self._all())

    def close(self) -> None:
        """End the connections."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        for client in self._clients.values():
            with suppress(httpx.HTTPError, OSError, RuntimeError):
                loop.run_until_complete(client.aclose())
        self._clients.clear()
        loop.close()

    async def _all(self) -> list[Reading | Why]:
        return list(await asyncio.gather(*(self._one(gate) for gate in self._gates)))

    async def _one(self, gate: GateAt) -> Reading | Why:
        try:
            client = self._client(gate)
        except (OSError, ssl.SSLError):
            return "certificate"
        try:
            async with asyncio.timeout(SECONDS):
                return await _asked(client, gate.url + PATH)
        except Unreadable:
            return "unreadable"
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return "certificate" if _is_about_certificates(error) else "unreached"

    def _client(self, gate: GateAt) -> httpx.AsyncClient:
        """Raises OSError where the file to check its certificate against cannot be used; it is tried again at the next look."""
        if gate.name not in self._clients:
            headers = {"Accept-Encoding": "identity"} | (
                {"Authorization": f"Bearer {gate.token}"} if gate.token else {}
            )
            checked = ssl.create_default_context(cafile=gate.ca or None)
            timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
            # trust_env: a proxy from the environment would see the token.
            self._clients[gate.name] = httpx.AsyncClient(
                verify=checked, timeout=timeout, trust_env=False, headers=headers
            )
        return self._clients[gate.name]


async def _asked(client: httpx.AsyncClient, url: str) -> Reading | Why:
    async with client.stream("GET", url) as got:
        if got.status_code in REFUSED:
            return "refused"
        if got.status_code != httpx.codes.OK:
            return "unreadable"
        body = bytearray()
        async for part in got.aiter_raw():
            body += part
            if len(body) > MOST_BYTES:
                return "unreadable"
    return read(body.decode("utf-8", "replace"))


def _is_about_certificates(error: BaseException) -> bool:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return True
        found = found.__cause__ or found.__context__
    return False
