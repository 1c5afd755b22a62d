"""`ShBackend`: asks one HSS whether a subscriber is abroad (TS 29.328 6.1.1, Sh-Pull).

One connection carries all questions. It is opened with the first one, kept up by the watchdog, and opened again after a
loss with growing pauses; meanwhile questions fail at once, for a call does not wait for a network to come back. Why the
connection is ours and not the library's: see peer.py.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable

from tosqauyl.networks.backend import AskFailed, Whereabouts
from tosqauyl.networks.sh import messages
from tosqauyl.networks.sh.location import whereabouts
from tosqauyl.networks.sh.options import ShOptions, ShTls, Tally
from tosqauyl.networks.sh.peer import Peer, open_peer
from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.tls import client_context

__all__ = ["ShBackend", "ShOptions", "ShTls", "Tally"]

_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)


class ShBackend:
    """A WhereaboutsBackend. clock: seconds since 1970. tally: what happened so far; read it, do not write it.

    Raises TosqauylError where a TLS file cannot be used.
    """

    def __init__(
        self,
        options: ShOptions,
        plan: Plan | None = None,
        clock: Callable[[], float] = time.time,
        dice: random.Random | None = None,
    ) -> None:
        self._options, self._plan, self._clock = options, plan or load_plan(), clock
        self._dice = dice or random.SystemRandom()
        self._context = (
            None if options.tls is None else client_context(options.tls.ca, options.tls.certificate, options.tls.key)
        )
        self.tally = Tally()
        self._session_start = int(clock()) & 0xFFFFFFFF
        self._session = self._dice.getrandbits(32)
        self._peer: Peer | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()
        self._why = AskFailed("down", "not connected")
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether there is a connection on which questions may be asked."""
        return self._peer is not None and self._peer.open

    @property
    def in_flight(self) -> int:
        """Questions that wait for their answers."""
        return 0 if self._peer is None else self._peer.in_flight

    async def whereabouts(self, number: str) -> Whereabouts:
        """Ask about a number ('+7...'). Raises AskFailed. May be cancelled at any moment."""
        if not _NUMBER.fullmatch(number):
            return Whereabouts("unknown", self._clock())
        peer = await self._ready()
        ids, session = peer.ids(), self._new_session()
        frame = await peer.ask(messages.user_data_request(self._options, session, number, ids), ids)
        data = messages.sh_data(messages.receive(frame), session, ids)
        now = self._clock()
        return whereabouts(data, now, self._plan) if data else Whereabouts("unknown", now)

    async def close(self) -> None:
        """Say farewell to the HSS and let go of the connection. Never raises."""
        self._closed = True
        keeper, peer = self._keeper, self._peer
        self._keeper = None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait((keeper,))
        self._attempted.set()
        if peer is not None:
            await peer.close()

    def _new_session(self) -> str:
        """A Session-Id that was never used before (RFC 6733 8.8)."""
        self._session = (self._session + 1) & 0xFFFFFFFF
        return f"{self._options.origin_host};{self._session_start};{self._session}"

    async def _ready(self) -> Peer:
        """The connection. Waits for an attempt that is under way, never for the pause after one. Raises AskFailed."""
        if self._keeper is None and not self._closed:
            self._keeper = asyncio.create_task(self._keep())
        await self._attempted.wait()
        peer = self._peer
        if self._closed or peer is None or not peer.open:
            raise AskFailed(self._why.kind, self._why.detail)
        return peer

    async def _keep(self) -> None:
        """Hold a connection: open, wait for its end, pause, again. The pause starts small anew once a question was answered;
        a peer that takes connections and drops them is not asked faster than one that takes none."""
        pause = self._options.backoff_least
        while True:
            self._attempted.clear()
            try:
                self._peer = await open_peer(self._options, self._context, self.tally, self._dice)
                self._why = AskFailed("down", "the connection was lost")
                self._attempted.set()
                await self._peer.ended()
                pause = self._options.backoff_least if self._peer.answered else pause
            except Exception as error:  # noqa: BLE001 - whatever it is, or nobody would ever connect again
                self._why = error if isinstance(error, AskFailed) else AskFailed("bug", type(error).__name__)
                self.tally.last_failure = self._why.kind
            finally:
                self._attempted.set()
            await asyncio.sleep(pause * self._dice.uniform(0.8, 1.2))
            pause = min(pause * 2, self._options.backoff_most)
