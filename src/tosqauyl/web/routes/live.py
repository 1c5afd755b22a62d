"""Gates as they stand now: which are up, what they decide a second, by rule and reason, and the last five minutes."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.ledger_desk import check_centre
from tosqauyl.web.live.history import GateNow, Point, Why
from tosqauyl.web.live.reading import Reading
from tosqauyl.web.live.watch import EVERY, Now, Row
from tosqauyl.web.problems import problems
from tosqauyl.web.times import Moment

router = APIRouter(tags=["calls"])


class RatesOut(BaseModel):
    """Calls a second between two looks at the gates. at: of the later one; would_stop: let through and would have been stopped by
    rules in monitor; failed_open: let through after a fault, and counted among the passed ones."""

    at: Moment
    calls: float
    passed: float
    marked: float
    withheld: float
    diverted: float
    stopped: float
    would_stop: float
    failed_open: float


class GatePointOut(BaseModel):
    """at: of a look; calls, stopped: a second since the look before."""

    at: Moment
    calls: float
    stopped: float


class ShedOut(BaseModel):
    """Work that was given up under load. total: since the gate's start; lately: in the last minute."""

    what: str
    total: int
    lately: int


class GateOut(BaseModel):
    """One gate. since: when it came into this state, as the office saw it; why: it is down; heard: when it last answered; started:
    its process; snapshot, policy: content hashes of what it judges by; snapshot_age: seconds since it was built, null where the
    gate does not say; overload_level: 0 calm, 1 analytics shed, 2 sources held to their share; degraded: it says that something
    should be mended; now: null while it is down or just began; failed_open: calls let through after a fault since its start."""

    name: str
    state: Literal["new", "up", "down"]
    since: Moment
    why: Why
    heard: Moment
    started: Moment
    version: str
    snapshot: str
    policy: str
    snapshot_age: float | None
    overload_level: int
    degraded: bool
    now: RatesOut | None
    failed_open: int
    shed: list[ShedOut]
    series: list[GatePointOut]


class ReasonRatesOut(BaseModel):
    """Calls a second of one reason, over about a minute. reason: '' all further ones; touched: marked, withheld or diverted."""

    reason: str
    stopped: float
    touched: float
    passed: float
    would_stop: float


class RuleRatesOut(BaseModel):
    """Calls a second of one rule, over about a minute. rule: '' all further ones; held: its condition held; decided: its verdict
    was the call's; would_stop: it only watched and would have stopped the call."""

    rule: str
    held: float
    decided: float
    would_stop: float


class TrunkRatesOut(BaseModel):
    """Calls a second of one trunk, over about a minute. trunk: '' all further ones."""

    trunk: str
    calls: float
    stopped: float


class CarrierRatesOut(BaseModel):
    """Calls a second over all trunks of one carrier, over about a minute. carrier: '' all further ones."""

    carrier: str
    calls: float
    stopped: float


class LiveOut(BaseModel):
    """at: of the last look, null before the first; every: seconds between two; now: of all gates that are up together; series: the
    last five minutes; trunks, carriers: null where no gate counts calls by trunk. A trunk whose carrier no gate's configuration
    names is of none."""

    at: Moment
    every: float
    gates: list[GateOut]
    now: RatesOut | None
    series: list[RatesOut]
    reasons: list[ReasonRatesOut]
    rules: list[RuleRatesOut]
    trunks: list[TrunkRatesOut] | None
    carriers: list[CarrierRatesOut] | None


@router.get("/v1/live", response_model=LiveOut, responses=problems())
def read_live(caller: Annotated[Caller, Depends(needs("calls:read"))]) -> LiveOut:
    """Every configured gate as it stands, and all of them together. Nothing of it is kept: the ledger is the record."""
    check_centre(caller)
    live = caller.office.live
    found = live.now() if live is not None else Now()
    return LiveOut(
        at=found.at, every=EVERY, gates=[_gate_out(one, caller.registry.clock()) for one in found.gates],
        now=_rates(found.rate), series=[one for point in found.series if (one := _rates(point)) is not None],
        reasons=[
            ReasonRatesOut(reason=one.name, **_named(one, "stopped", "touched", "passed", "would_stop")) for one in found.reasons
        ],
        rules=[RuleRatesOut(rule=one.name, **_named(one, "held", "decided", "would_stop")) for one in found.rules],
        trunks=None if found.trunks is None else [
            TrunkRatesOut(trunk=one.name, **_named(one, "calls", "stopped")) for one in found.trunks
        ],
        carriers=None if found.carriers is None else [
            CarrierRatesOut(carrier=one.name, **_named(one, "calls", "stopped")) for one in found.carriers
        ],
    )  # fmt: skip


def _gate_out(one: GateNow, now: int) -> GateOut:
    told, lately = one.told or Reading(verdicts=()), dict(one.shed.counts)
    shed = [(what, counts[0], lately.get(what, (0,))[0]) for what, counts in sorted(told.shed.items()) if counts[0]]
    points = [(point.at, _rounded(point.calls), _rounded(point.verdicts[-1])) for point in one.points]
    return GateOut(
        name=one.name, state=one.state, since=one.since, why=one.why, heard=one.heard,
        started=round(told.started * 1_000), version=told.version, snapshot=told.snapshot, policy=told.policy,
        snapshot_age=round(told.age + max(0, now - one.heard) / 1_000, 1) if told.age >= 0 else None, overload_level=told.level,
        degraded=told.degraded, now=_rates(one.rate), failed_open=told.failed_open,
        shed=[ShedOut(what=what, total=total, lately=more) for what, total, more in shed],
        series=[GatePointOut(at=at, calls=calls, stopped=stopped) for at, calls, stopped in points],
    )  # fmt: skip


def _rates(point: Point | None) -> RatesOut | None:
    if point is None:
        return None
    passed, marked, withheld, diverted, stopped = map(_rounded, point.verdicts)
    return RatesOut(
        at=point.at, calls=_rounded(point.calls), passed=passed, marked=marked, withheld=withheld, diverted=diverted,
        stopped=stopped, would_stop=_rounded(point.would_stop), failed_open=_rounded(point.failed_open),
    )  # fmt: skip


def _named(row: Row, *names: str) -> dict[str, float]:
    return dict(zip(names, map(_rounded, row.rates), strict=True))


def _rounded(rate: float) -> float:
    return round(rate, 3)
