"""The judgement of a ledger node: which reports it takes, and what it says to a question. No I/O; time is an argument.

`no` stops calls, so it is said only where a report of that call would have been kept and found; whatever is doubtful is unknown.
"""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import isfinite

from tosqauyl.networks.origination.store import Store
from tosqauyl.networks.origination.sync import Clock, Sync
from tosqauyl.networks.origination.terms import (
    REASONS,
    REFUSALS,
    AskedTokens,
    LedgerOptions,
    Pending,
    Report,
    Said,
    receiver_of,
)
from tosqauyl.networks.origination.tokens import BUCKET, TOKEN_BYTES, Keys, PairKey, buckets, message
from tosqauyl.numbers.number import Number
from tosqauyl.numbers.plan import Plan
from tosqauyl.state.ranges import NumberRanges

__all__ = [
    "REASONS",
    "REFUSALS",
    "AskedTokens",
    "Ledger",
    "LedgerOptions",
    "Pending",
    "Report",
    "Said",
    "ask_about",
    "doubt",
]

TURN = 2_000
"""Questions that one tick ends at most."""
EXPIRY_SECONDS = 1.0
"""How often what is over is dropped."""
_MOST_TEXT = 16
"""A number of E.164 has 15 digits at most, and the plus."""
_WRITTEN = frozenset(("international", "prefixed", "national", "bare"))
_NOWHERE = frozenset(("impossible", "unassigned"))
_PLUS7_TEXT = 12
"""Length of +7 and ten digits."""
_LINES = frozenset(("fixed", "voip"))
"""Kinds of numbers that belong to no mobile operator."""
_YES = Said("yes")
_NO = Said("no")


def doubt(token: bytes) -> bytes:
    """The token that is kept for a report which was refused: no `yes`, but no `no` either."""
    return bytes((token[0] ^ 0xFF,)) + token[1:]


def ask_about(key: PairKey, call: tuple[str, str], at: float, reach: tuple[float, float], plan: Plan) -> AskedTokens:
    """The question of a gate that got a call (caller, called) at `at` (its clock): a token for each bucket in which it may have
    begun. reach: LedgerOptions.before and skew, seconds; plan: the gate's, with the ported numbers it knows."""
    tokens = tuple(key.seal(message(*call, one)) for one in buckets(at, *reach))
    return AskedTokens(key.id, tokens, at, receiver_of(plan.read(call[1])), plan.hash)


class _Limit:
    """A bucket of questions that fills with time."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst, self._left, self._at = rate, burst, burst, 0.0

    def take(self, now: float) -> bool:
        self._left = min(self._burst, self._left + self._rate * max(now - self._at, 0.0))
        self._at = max(self._at, now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Ledger:
    """One node's ledger. plan: replaced by `replan`. counters: reports taken, refused_<why>; asked,
    said_yes, said_no, unknown_<why>; lagging (reports later than the skew), missed, clock_set, forgotten_questions.

    With five peers a report costs 9 to 12 us, a question 4 to 6 us if the answer is yes, and 19 to 24 us with its wait and its end
    if it is no (processor time, measured on a busy machine of two cores).
    """

    def __init__(self, options: LedgerOptions, keys: Keys, plan: Plan, store: Store) -> None:
        self.options, self.keys, self.plan, self.store = options, keys, plan, store
        self.counters: Counter[str] = Counter()
        self._fixed = NumberRanges(options.fixed)
        self._clock = Clock()
        self._sync = Sync(options.switches, options.sync_seconds, options.window)
        self._burst = float(options.burst or options.questions_per_second)
        self._limits: dict[str, _Limit] = {}
        self._young: dict[tuple[str, str], float] = {}
        self._seals: dict[str, tuple[Callable[[bytes], bytes], ...]] = {}
        self._waiting: dict[bytes, list[Pending]] = {}
        self._wait_count = 0
        self._ends: list[tuple[float, int, Pending]] = []
        self._order = count()
        self._expiry: float | None = None

    def rekey(self, keys: Keys, now: float) -> None:
        """Take other keys. Under a new one nothing was written yet: a `no` under it is said a window from now at the earliest."""
        # Another secret is another key, whatever its id.
        known = {pair for peer in self.keys.peers for pair in self.keys.of(peer)}
        there = {pair for peer in keys.peers for pair in keys.of(peer)}
        self._young = {(peer, id): since for (peer, id), since in self._young.items() if keys.has(peer, id)}
        self._young.update({(pair.peer, pair.id): now for pair in there - known})
        self._limits = {peer: limit for peer, limit in self._limits.items() if keys.of(peer)}
        self.keys = keys
        self._seals.clear()

    def replan(self, plan: Plan, now: float) -> None:
        """Take another plan. What was reported before was written for whom the old one named, so nothing is denied for a window."""
        if plan.hash != self.plan.hash:
            self.plan = plan
            self._sync.lost(now)

    def alive(self, switch: str, now: float, wall: float) -> None:
        """One of our switches lives. Of others nothing is noted."""
        self._turn(now, wall)
        if switch in self._sync.switches:
            self._heard(switch, now, wall)

    def missed(self, now: float, wall: float) -> None:
        """A switch of ours told something that could not be read, or says that it could not tell all."""
        self._turn(now, wall)
        self.counters["missed"] += 1
        self._sync.lost(now)

    def report(self, report: Report, now: float, wall: float) -> str:
        """A switch says that a call began; '' if that is taken, else one of REFUSALS. What is refused is never a reason to say yes;
        where it may have been the call of a question, that question gets no `no` either."""
        self._turn(now, wall)
        why = self._take(report, now, wall) if report.switch in self._sync.switches else "switch"
        self.counters[f"refused_{why}" if why else "taken"] += 1
        return why

    def ask(self, peer: str, question: AskedTokens, now: float, wall: float) -> Pending | Said:
        """A member asks. An answer at once, or a question that waits for the grace: set its `done`."""
        self._turn(now, wall)
        self.counters["asked"] += 1
        why = self._not_asked_well(peer, question, now, wall)
        if why:
            return self._counted(Said("unknown", why))
        tokens = tuple(dict.fromkeys(question.tokens))
        if self.store.has_any(tokens):
            return self._counted(_YES)
        why = self._unsure(peer, question.key, now) or self._unentitled(peer, question)
        why = why or ("limited" if self._wait_count >= self.options.waiting else "")
        if why:
            return self._counted(Said("unknown", why))
        return self._wait(peer, question, tokens, now)

    def forget(self, pending: Pending) -> None:
        """Nobody waits for this answer any more."""
        if not pending.ended:
            self.counters["forgotten_questions"] += 1
            self._drop(pending)

    def tick(self, now: float, wall: float) -> None:
        """End what is due, drop what is over. Bounded: what is left over is due at once, as deadline() says."""
        self._turn(now, wall)
        for _ in range(TURN):
            if not self._ends or self._ends[0][0] > now:
                break
            pending = heappop(self._ends)[2]
            if not pending.ended:
                self._finish(pending, self._verdict(pending, now))
        if self._expiry is not None and now >= self._expiry:
            self.store.expire(wall)
            self._expiry = now + EXPIRY_SECONDS if len(self.store) else None

    def deadline(self) -> float | None:
        """When tick wants to be called next (monotonic); None for whenever you like."""
        while self._ends and self._ends[0][2].ended:
            heappop(self._ends)
        if self._ends:
            return self._ends[0][0] if self._expiry is None else min(self._ends[0][0], self._expiry)
        return self._expiry

    def in_sync(self, now: float) -> str:
        """'' if a `no` may be said, else not-in-sync, starting or store."""
        why = self._sync.why(now)
        if why:
            return why
        wall = now + self._clock.offset
        since = self.store.continuity(wall)
        if not since:
            return "store" if self.store.shared else "starting"
        return "starting" if wall - since < self.options.window else ""

    def whole_since(self, now: float, wall: float) -> float:
        """Since when (wall) this node itself missed nothing, 0 while it misses something: what it tells the nodes beside it."""
        self._turn(now, wall)
        since = self._sync.whole_since(now)
        return 0.0 if since is None else wall - (now - since)

    def state(self) -> dict[str, object]:
        """For the status page: counters, records kept, questions that wait. No number, no token."""
        return {
            "counters": dict(self.counters),
            "records": len(self.store),
            "waiting": self._wait_count,
            "switches": len(self._sync.switches),
            "peers": len(self.keys.peers),
        }

    def _turn(self, now: float, wall: float) -> None:
        self._sync.begin(now)
        if self._clock.turned(now, wall):
            self.counters["clock_set"] += 1
            self._sync.lost(now)
            self.store.continuity(wall)  # a store that began after this wall time takes note of it

    def _heard(self, switch: str, now: float, wall: float) -> None:
        since = self.store.continuity(wall) if self.store.shared else 0.0
        self._sync.heard(switch, now, now - (wall - since) if since else now)

    def _take(self, report: Report, now: float, wall: float) -> str:
        """Keep it, or say why not."""
        self._heard(report.switch, now, wall)
        caller, called = self.plan.read(report.caller), self.plan.read(report.called)
        if not (_is_e164(caller) and _is_e164(called) and isfinite(report.at)):
            if caller.form != "short" and (not _is_e164(caller) or _is_e164(called)):
                self._sync.lost(now)  # it writes our own numbers in a way we cannot read: we hear it, and know nothing
            return "malformed"
        why, at = self._refusal(report, caller, wall)
        if why:
            if why != "replayed" or not self.store.has_any(self._sealed(caller, called, at)):
                self._keep(tuple(map(doubt, self._sealed(caller, called, at))), now, wall)
            return why
        tokens = self._sealed(caller, called, at)
        if not self._keep(tokens, now, wall):
            return "full"
        lags = wall - report.at > self.options.skew
        if lags or report.at // BUCKET > wall // BUCKET:
            # It waited somewhere, or its clock is slow and the call begins only now; or its clock is ahead, and who asks with
            # a clock that is behind does not reach that bucket.
            self.counters["lagging"] += lags
            self._keep(tuple(map(doubt, self._sealed(caller, called, wall))), now, wall)
        for token in tokens if self._waiting else ():
            for pending in tuple(self._waiting.get(token, ())):
                self._finish(pending, _YES)
        return ""

    def _refusal(self, report: Report, caller: Number, wall: float) -> tuple[str, float]:
        """Why it is refused, '' if not; and when its call began, as far as that can be believed."""
        if report.at - wall > self.options.skew:
            return "early", wall
        if wall - report.at > self.options.ttl:
            return "late", wall
        if not self._is_ours(caller):
            return "foreign", report.at
        until = report.at + self.options.ttl
        return ("replayed" if self.store.seen(report.switch, report.id, until, wall) else ""), report.at

    def _is_ours(self, caller: Number) -> bool:
        return caller.operator == self.options.operator or (caller.kind in _LINES and caller.text in self._fixed)

    def _sealed(self, caller: Number, called: Number, at: float) -> tuple[bytes, ...]:
        """The tokens of a call for everybody whose gate may get it."""
        receiver = receiver_of(called)
        seals = self._seals.get(receiver)
        if seals is None:
            peers = self.options.askers.get(receiver, (receiver,))
            seals = tuple(pair.seal for peer in peers for pair in self.keys.of(peer))
            self._seals[receiver] = seals  # as many entries as the plan has operators
        told = message(caller.text, called.text, int(at // BUCKET))
        return tuple([seal(told) for seal in seals])

    def _keep(self, tokens: tuple[bytes, ...], now: float, wall: float) -> bool:
        if self._expiry is None:
            self._expiry = now + EXPIRY_SECONDS
        if self.store.add(tokens, wall):
            return True
        self._sync.lost(now)
        return False

    def _not_asked_well(self, peer: str, question: AskedTokens, now: float, wall: float) -> str:
        keys = self.keys.of(peer)
        if not keys:
            return "unknown-key"
        limit = self._limits.get(peer)
        if limit is None:
            limit = self._limits[peer] = _Limit(float(self.options.questions_per_second), self._burst)
        if not limit.take(now):
            return "limited"
        if not self.keys.has(peer, question.key):
            return "unknown-key"
        if len(question.tokens) > self.options.most_tokens:
            return "too-many-tokens"
        if not question.tokens or any(len(token) != TOKEN_BYTES for token in question.tokens):
            return "malformed"
        return "" if abs(question.at - wall) <= self.options.skew else "clock"

    def _unsure(self, peer: str, key: str, now: float) -> str:
        """Why no `no` may be said under this key, '' if it may."""
        young = self._young.get((peer, key)) if self._young else None
        if young is not None and now - young < self.options.window:
            return "starting"
        return self.in_sync(now)

    def _unentitled(self, peer: str, question: AskedTokens) -> str:
        """Why a missing record says nothing to this member, '' if it does: the call may never have been written for it."""
        if peer not in self.options.askers.get(question.to, (question.to,)):
            return "not-yours"
        return "" if question.ported == self.plan.hash else "portability"

    def _wait(self, peer: str, question: AskedTokens, tokens: tuple[bytes, ...], now: float) -> Pending:
        doubts = tuple(map(doubt, tokens))
        pending = Pending(peer, question.key, tokens, doubts, now + self.options.grace)
        pending.short = len(tokens) < len(buckets(question.at, self.options.before, self.options.skew))
        for token in tokens:
            self._waiting.setdefault(token, []).append(pending)
        self._wait_count += 1
        heappush(self._ends, (pending.due, next(self._order), pending))

        def said(found: str) -> None:
            if found == "yes" and not pending.ended:
                self._finish(pending, _YES)
            pending.shared = found

        self.store.search(tokens, doubts, self.options.grace, said)
        return pending

    def _verdict(self, pending: Pending, now: float) -> Said:
        """What is said at the end of the grace, when nobody reported the call."""
        why = "" if self.keys.has(pending.peer, pending.key) else "unknown-key"  # taken away while it waited
        why = why or self._unsure(pending.peer, pending.key, now)
        if not why and pending.shared in ("", "failed"):
            why = "store"
        if not why and (pending.shared == "doubtful" or self.store.has_any(pending.doubts)):
            why = "doubtful"
        if not why and pending.short:
            why = "too-few-tokens"
        return Said("unknown", why) if why else _NO

    def _drop(self, pending: Pending) -> None:
        pending.ended = True
        self._wait_count -= 1
        for token in pending.tokens:
            waiting = self._waiting.get(token, [])
            if pending in waiting:
                waiting.remove(pending)
            if not waiting:
                self._waiting.pop(token, None)

    def _finish(self, pending: Pending, said: Said) -> None:
        self._drop(pending)
        pending.done(self._counted(said))

    def _counted(self, said: Said) -> Said:
        self.counters[f"unknown_{said.why}" if said.why else f"said_{said.state}"] += 1
        return said


def _is_e164(number: Number) -> bool:
    """A whole number of some country; of +7 also one whose code our plan does not know yet."""
    if number.form not in _WRITTEN or number.text[:1] != "+" or len(number.text) > _MOST_TEXT:
        return False
    return number.kind not in _NOWHERE or (number.text[1] == "7" and len(number.text) == _PLUS7_TEXT)
