"""What a message said, plus what is known, becomes the facts of the call.

One number is read once: most calls carry the same one in P-Asserted-Identity and From, so the second reading,
look-up and search are skipped when the texts are equal.
"""

from functools import partial
from typing import Final, NamedTuple

from tosqauyl.errors import FaultKind
from tosqauyl.facts import FACTS, Call
from tosqauyl.numbers.number import Number
from tosqauyl.screen.impersonation import impersonated
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.freshness import Freshness
from tosqauyl.state.indicators import Hit
from tosqauyl.state.published import Published
from tosqauyl.state.rates import Rates, not_counted

ABSENT: Final = Number("", "unknown", "unknown", "", "")
"""The number of a header that is not there."""


class Signalled(NamedTuple):
    """What the signalling of one call said, whatever the protocol; None where a header was absent.

    Numbers are user parts as sent, unescaped. redirecting is the last redirecting number; faults are FaultKind slugs.
    """

    at: float
    call_id: str
    transaction: str
    source: str
    transport: str
    asserted: str | None
    presented: str | None
    remote_party: str | None
    called: str
    redirecting: str | None = None
    redirections: int = 0
    privacy: str = ""
    display_name: str = ""
    user_agent: str = ""
    faults: tuple[str, ...] = ()


_made: Final = partial(tuple.__new__, Call)  # a third of the price of the generated __new__ with its 70 arguments
_LISTS: Final = list(FACTS).index("protected")  # the three facts of lists stand together: protected, listed, indicator


def enrich(
    said: Signalled, trunk: Trunk, known: Snapshot, rates: Rates | None, now: float, fresh: Freshness | None
) -> Call:
    """Every fact of the call. Total over any text; costs a few microseconds, no I/O.

    rates: where the call is counted; its facts stay -1 where that is None or nothing could be read as a calling number.
    now: monotonic seconds, for the rates only. fresh: since when it is known where subscribers are.
    """
    (at, call_id, transaction, source, transport, asserted, from_, party, to, redirector, redirections, privacy,
     display_name, user_agent, faults) = said  # fmt: skip
    read, state = known.plan.read, known.subscribers.state
    presented = ABSENT if from_ is None else read(from_)
    remote_party = ABSENT if party is None else read(party)
    network = remote_party if trunk.trusts_remote_party else ABSENT
    if asserted is not None and trunk.trusts_asserted:
        network = presented if asserted == from_ else read(asserted)
    presented_state = state(presented.text) if presented.kind == "mobile" else "unknown"
    network_state = presented_state
    if network is not presented:
        network_state = state(network.text) if network.kind == "mobile" else "unknown"
    identities = _compared(network, presented)
    said_by, age = _since(fresh, network, network_state, presented, presented_state, at)
    caller, caller_source = _primary(trunk.primary, network, presented, remote_party)
    redirecting = ABSENT if redirector is None else read(redirector)
    called = read(to)
    hit = _listed(known, network, presented, identities, at)
    c = not_counted() if rates is None or caller.kind == "unknown" else rates.count(
        caller.text, called.text, trunk.id, now
    )  # fmt: skip
    return _made((
        at, call_id, transaction, source, transport,
        trunk.id, trunk.direction, trunk.carrier, _in_ranges(trunk, caller.text) if trunk.ranges else "unknown",
        caller.text, caller_source, caller.form, caller.kind, caller.country, caller.operator,
        network.text, network.form, network.kind, network.country, network_state,
        presented.text, presented.form, presented.kind, presented.country, presented_state,
        remote_party.text, identities, "not_asked", said_by, age, "unknown", "not_asked",
        redirecting.text, redirecting.kind, redirecting.country,
        state(redirecting.text) if redirecting.kind == "mobile" else "unknown", redirections,
        called.text, called.form, called.kind, called.country, bool(known.msrn) and called.text in known.msrn,
        privacy, display_name, impersonated(display_name) if display_name else "none",
        hit.protected, hit.listed, hit.id,
        c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13], c[14], c[15], c[16],
        c[17], c[18], c[19], c[20], c[21], c[22], c[23], user_agent,
        _told(faults, caller) if faults or caller is ABSENT else "",
    ))  # fmt: skip


def _listed(known: Snapshot, network: Number, presented: Number, identities: str, at: float) -> Hit:
    """The strongest listing of the two calling numbers."""
    hit = known.indicators.find(presented.text, at)
    if identities != "same" and network.text:
        hit = hit.stronger(known.indicators.find(network.text, at))
    return hit


def add_published(call: Call, published: Published) -> Call:
    """The facts with what the office publishes of the two calling numbers; of two equal listings the snapshot's own is named. Most
    calls are on no list and stay as they are: two look-ups."""
    hit = published.find(call.presented, call.at)
    if call.identities != "same" and call.network:
        hit = hit.stronger(published.find(call.network, call.at))
    if hit.listed == "none":
        return call
    both = Hit(call.protected, call.listed, call.indicator).stronger(hit)
    return _made((*call[:_LISTS], *both, *call[_LISTS + 3 :]))


def _told(faults: tuple[str, ...], caller: Number) -> str:
    """The faults met, each once; that nobody is named as the caller is one."""
    missing = (FaultKind.CALLER_MISSING.value,) if caller is ABSENT else ()
    return ";".join(sorted({*faults, *missing}))


def _since(
    fresh: Freshness | None, network: Number, network_state: str, presented: Number, presented_state: str, at: float
) -> tuple[str, float]:
    """Who said where the subscriber is, and how many seconds before the call; of the network number where that is known."""
    if fresh is None:
        return "none", -1.0
    if network_state != "unknown":
        return fresh.age(network.text, network.operator, network_state, at)
    if presented_state != "unknown":
        return fresh.age(presented.text, presented.operator, presented_state, at)
    return "none", -1.0


def _compared(network: Number, presented: Number) -> str:
    """Whether two numbers are the same."""
    if network.kind == "unknown" or presented.kind == "unknown":
        return "unknown"
    return "same" if network is presented or network.text == presented.text else "differ"


def _primary(order: tuple[str, ...], network: Number, presented: Number, remote_party: Number) -> tuple[Number, str]:
    """The calling number by the trunk's order of sources: the first that is a number, else the first header there."""
    if order[0] == "asserted" and network.kind != "unknown":
        return (network, "asserted") if network is not remote_party else (network, "remote_party")
    by_source = {"asserted": network, "presented": presented, "remote_party": remote_party}
    there = [(by_source[source], source) for source in order if by_source[source] is not ABSENT]
    for number, source in there:
        if number.kind != "unknown":
            return number, source
    return there[0] if there else (ABSENT, "none")


def _in_ranges(trunk: Trunk, number: str) -> str:
    return "inside" if number in trunk.ranges else "outside"
