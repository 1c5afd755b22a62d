"""Calls that come over HTTP, through the session the SIP calls go through.

What one turn of the loop decides shares one journal write, and no answer goes out before it (invariant 2).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from tosqauyl.errors import FaultKind
from tosqauyl.facts import UNKNOWN_CALL, Call, Verdict
from tosqauyl.gate.answer import changes, template
from tosqauyl.gate.http.bodies import TIME_WINDOW, Changes, ScreenAnswer, ScreenRequest, Would
from tosqauyl.gate.http.problems import Refused
from tosqauyl.gate.session import Session
from tosqauyl.gate.trunks import Entry
from tosqauyl.gate.waiting import Screening
from tosqauyl.screen.decision import Decision
from tosqauyl.screen.enrich import Signalled
from tosqauyl.screen.signalling import DISPLAY_LENGTH, USER_AGENT_LENGTH
from tosqauyl.sip.headers import privacy
from tosqauyl.texts import LANGUAGES

NUMBER_LENGTH = 128
"""Characters of a number that are looked at; what is longer is no number, cut or not."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the client's id, its address as IP:port, and the language it reads."""

    client: str
    source: str
    language: str


class Kept(NamedTuple):
    """What is kept of an answer for repetitions: some 200 bytes, where the answer has a thousand. caller: '' where nothing
    is to be changed in the call; networks: home_network to origination, as in the answer; faults: joined with ;"""

    decision: Decision
    caller: str
    networks: tuple[str, str, float, str, str]
    faults: str
    policy: str
    snapshot: str
    language: str


class ScreeningDesk:
    """Takes calls to the session and their answers back. flush: writes the journal and sets the session's timer."""

    def __init__(self, session: Session, flush: Callable[[], None], at_once: int) -> None:
        self.session = session
        self._flush, self._at_once = flush, at_once
        self._entries = {entry.trunk.id: entry for entry in session.trunks.entries}
        self._open: dict[str, asyncio.Future[bytes]] = {}
        self._ready: list[tuple[asyncio.Future[bytes], bytes]] = []

    def __len__(self) -> int:
        """Calls that are being judged."""
        return len(self._open)

    def entry(self, trunk: str) -> Entry | None:
        """The configured trunk of that id."""
        return self._entries.get(trunk)

    async def screen(self, asked: ScreenRequest, entry: Entry, who: Asker) -> bytes:
        """The answer as JSON. Raises Refused."""
        began, now, wall = time.perf_counter(), time.monotonic(), time.time()
        if asked.at is not None and abs(asked.at - wall) > TIME_WINDOW:
            raise Refused("invalid", f"at is more than {TIME_WINDOW:.0f} s away from this gate's clock")
        key = f"http|{asked.trunk}|{asked.call_id}"
        waiting = self._open.get(key)
        if waiting is not None:
            self.session.counters["repeated_screening"] += 1
            return await asyncio.shield(waiting)  # whoever gives up must not take the answer from the others
        self._admit(key, who.client)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[key] = future
        said = signalled(asked, key, who.source, wall if asked.at is None else asked.at)
        done = partial(self._decided, key, entry, who.language)
        try:
            kept = self.session.screen(Screening(said, entry, began, now, done))
            if isinstance(kept, Kept):
                self._later(key, self._answer(key, kept, entry))
        except Exception:
            self._open.pop(key, None)  # or whoever asks again would wait for ever
            raise
        if key in self._open:
            self._flush()  # it waits for its home network: have the timer set
        return await asyncio.shield(future)

    def _admit(self, key: str, client: str) -> None:
        """Refuse a new call where too many are open, or the client asks for more than its share under load."""
        if len(self._open) >= self._at_once:
            self.session.counters["http_shed"] += 1
            raise Refused("busy", "as many calls are being judged as may be", {"Retry-After": "1"})
        if self.session.transactions.get(key) is None and not self.session.admits(client):
            raise Refused("busy", "the client asks for more than its share", {"Retry-After": "1"})

    def _decided(self, key: str, entry: Entry, language: str, decision: Decision, call: Call) -> tuple[int, Kept]:
        """What the session calls with the decision: the SIP status for the record, and what to keep. Never raises."""
        known = self.session.engine.known
        caller = call.caller if decision.verdict is Verdict.MARK else ""
        networks = call.home_network, call.home_source, call.home_age, call.originated, call.origination
        kept = Kept(decision, caller, networks, call.faults, known.policy.hash, known.hash, language)
        try:
            self._later(key, self._answer(key, kept, entry))
        except Exception as error:  # noqa: BLE001 - the session's timers must go on, whatever is wrong with an answer
            future = self._open.pop(key, None)
            if future is not None:
                future.set_exception(error)
        return template(decision, entry.profile).status, kept

    def _answer(self, key: str, kept: Kept, entry: Entry) -> bytes:
        """The answer as JSON."""
        decision, language = kept.decision, kept.language
        known = self.session.engine.known
        texts = {rule.id: rule.texts for rule in known.policy.rules if rule.id in (decision.rule, decision.would_rule)}

        def text(rule: str) -> str:
            return texts[rule].get(language, "") if rule in texts else ""

        would = Would(decision.would_verdict, decision.would_reason, decision.would_rule, text(decision.would_rule))
        answer = ScreenAnswer(
            key, decision.verdict, decision.reason, decision.rule,
            decision.klass,  # type: ignore[arg-type]
            text(decision.rule), would, template(decision, entry.profile).status,
            Changes(**changes(decision, UNKNOWN_CALL._replace(caller=kept.caller), entry.profile)), decision.divert_to,
            *kept.networks,  # type: ignore[arg-type]
            [kind for kind in kept.faults.split(";") if kind], kept.policy, kept.snapshot,
        )  # fmt: skip
        return msgspec.json.encode(answer)

    def _later(self, key: str, answer: bytes) -> None:
        """Answer when everything that this turn of the loop decides has been written."""
        future = self._open.pop(key, None)
        if future is None:
            return
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._settle)
        self._ready.append((future, answer))

    def _settle(self) -> None:
        self._flush()
        ready, self._ready = self._ready, []
        for future, answer in ready:
            if not future.done():
                future.set_result(answer)


def signalled(asked: ScreenRequest, key: str, source: str, at: float) -> Signalled:
    """What a switch said of a call, as the judgement reads it; the twin of gate/signalling for SIP."""
    faults = () if asked.called else (FaultKind.CALLED_UNREADABLE.value,)
    redirecting = _cut(asked.redirecting)
    return Signalled(
        at, asked.call_id, key, source, "http",
        _cut(asked.asserted), _cut(asked.presented), _cut(asked.remote_party), asked.called[:NUMBER_LENGTH],
        redirecting, max(asked.redirections, 1) if redirecting else asked.redirections,
        privacy([asked.privacy[:NUMBER_LENGTH]]) if asked.privacy else "",
        asked.display_name[:DISPLAY_LENGTH], asked.user_agent[:USER_AGENT_LENGTH], faults,
    )  # fmt: skip


def _cut(number: str | None) -> str | None:
    return number if number is None else number[:NUMBER_LENGTH]


def choose_language(accepted: str | None) -> str:
    """Which of kk, ru, en an Accept-Language header (RFC 9110 12.5.4) likes best; English where it names none of them."""
    best, weight = "en", 0.0
    for part in (accepted or "")[:256].split(","):
        tag, _, rest = part.strip().partition(";")
        code = tag.split("-")[0].strip().lower()
        quality = _quality(rest)
        if code in LANGUAGES and quality > weight:
            best, weight = code, quality
    return best


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
