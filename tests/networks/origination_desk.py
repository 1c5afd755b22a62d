"""What the tests of the origination ledger share: two operators, their keys, and a node at a clock that tests turn."""

from collections.abc import Mapping

from tosqauyl.networks.origination.ledger import (
    AskedTokens,
    Ledger,
    LedgerOptions,
    Pending,
    Report,
    Said,
    ask_about,
)
from tosqauyl.networks.origination.store import MemoryStore, Store
from tosqauyl.networks.origination.tokens import Keys, PairKey
from tosqauyl.numbers.plan import load_plan

START = 1_790_000_000.0
"""Wall time when tests begin, in the middle of a bucket's first second."""
CALLER, CALLED, OTHER = "+77010000001", "+77050000002", "+77010000003"
"""Two of kcell's subscribers and one of beeline's."""
SWITCHES = ("msc-1", "msc-2")


def pair(peer: str, id: str = "2026-11", salt: str = "") -> PairKey:
    """A key that tests can make again."""
    return PairKey(peer, id, f"{peer}/{id}/{salt}".encode().ljust(32, b".")[:32])


KEYS = Keys((pair("beeline"), pair("t2")))
EVERYBODY = {one: ("beeline", "t2") for one in ("kcell", "beeline", "t2")}
"""Both members carry calls to all three operators."""
OPTIONS = LedgerOptions("kcell", switches=SWITCHES, askers=EVERYBODY)


class Desk:
    """kcell's node. now and wall move with `go`; the switches are heard each second unless they are in `cut`."""

    def __init__(
        self,
        options: LedgerOptions = OPTIONS,
        keys: Keys = KEYS,
        ported: Mapping[str, str] | None = None,
        store: Store | None = None,
    ) -> None:
        self.now, self.wall = 1000.0, START
        self.options, self.keys = options, keys
        self.store = MemoryStore(options.ttl, options.records, START) if store is None else store
        self.ledger = Ledger(options, keys, load_plan(ported), self.store)
        self.cut: set[str] = set()
        self.said: list[Said] = []
        self._id = 0

    def go(self, seconds: float, step: float = 1.0) -> None:
        """Time passes; heartbeats come, ticks happen."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            part = min(step, end - self.now)
            self.now += part
            self.wall += part
            for switch in self.options.switches:
                if switch not in self.cut:
                    self.ledger.alive(switch, self.now, self.wall)
            self.ledger.tick(self.now, self.wall)

    def synced(self) -> "Desk":
        """This desk, as soon as it may say no."""
        self.go(self.options.window + 2.0)
        assert self.ledger.in_sync(self.now) == ""
        return self

    def report(
        self, caller: str = CALLER, called: str = CALLED, at: float | None = None, id: str = "", switch: str = "msc-1"
    ) -> str:
        self._id += 1
        at = self.wall if at is None else at
        return self.ledger.report(Report(switch, id or f"call-{self._id}", caller, called, at), self.now, self.wall)

    def ask(self, caller: str = CALLER, called: str = CALLED, peer: str = "beeline", at: float | None = None) -> Said:
        """A member's question and what is said in the end, a grace later."""
        key = self.keys.of(peer)[0]
        return self.end(self.put(self.question(key, caller, called, at), peer))

    def question(
        self, key: PairKey, caller: str = CALLER, called: str = CALLED, at: float | None = None
    ) -> AskedTokens:
        reach = self.options.before, self.options.skew
        return ask_about(key, (caller, called), self.wall if at is None else at, reach, self.ledger.plan)

    def put(self, question: AskedTokens, peer: str = "beeline") -> Said | Pending:
        asked = self.ledger.ask(peer, question, self.now, self.wall)
        if isinstance(asked, Pending):
            asked.done = self.said.append
        return asked

    def end(self, asked: Said | Pending) -> Said:
        """What is said in the end. A tick just before the grace ends must say nothing yet."""
        if isinstance(asked, Said):
            return asked
        before = len(self.said)
        left = asked.due - self.now
        self.now, self.wall = asked.due, self.wall + left
        self.ledger.tick(self.now, self.wall)
        assert len(self.said) == before + 1
        return self.said[-1]
