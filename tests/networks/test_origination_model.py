"""A node against the plainest model of it: a list of all calls that really began, and of every report that was sent.

The world has one true time. Clocks of switches and of the asker are off by a second at most each way, the node's own clock may be
set by hours, connections of switches are cut, reports come late, are sent again, or are of subscribers ported away.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import floor
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from origination_desk import KEYS, START, SWITCHES

from tosqauyl.networks.origination.ledger import Ledger, LedgerOptions, Pending, Report, Said, ask_about
from tosqauyl.networks.origination.store import MemoryStore
from tosqauyl.networks.origination.tokens import BUCKET, buckets
from tosqauyl.numbers.plan import load_plan

OPTIONS = LedgerOptions("kcell", switches=SWITCHES, records=16)
OURS, PORTED, CALLED = "+77010000001", "+77010000009", "+77050000002"
PLAN = load_plan({PORTED: "beeline"})
REACH = OPTIONS.before, OPTIONS.skew
OFF = OPTIONS.skew / 2
"""How far a clock may be off the true time, so that two differ by the skew at most."""
TINY = 1e-6

WAIT = st.tuples(st.just("wait"), st.floats(0.01, 30.0))
DELAY = st.one_of(st.just(0.0), st.floats(0.0, 0.3), st.floats(0.0, 90.0))
CALL = st.tuples(st.just("call"), st.sampled_from((OURS, PORTED)), st.sampled_from(SWITCHES), DELAY)
SET_UP = st.tuples(st.just("set up"), st.sampled_from((OURS, PORTED)), DELAY, st.floats(0.0, OPTIONS.before))
"""A call by the first switch, and the gate's question after the call's set-up time."""
ASK = st.tuples(st.just("ask"), st.sampled_from((OURS, PORTED)))
OUTAGE = st.tuples(st.just("outage"), st.floats(0.0, 20.0), st.floats(0.0, 3.0), st.floats(0.1, 8.0))
"""The first switch is cut for so long, then a call begins, so much later it is back, and so much later comes the question."""
SET = st.tuples(st.just("set"), st.sampled_from((-3600.0, -30.0, -0.7, 0.7, 30.0, 3600.0)))
STEPS = st.lists(
    st.one_of(
        WAIT, CALL, ASK, SET_UP, SET_UP, SET_UP, OUTAGE, SET,
        st.tuples(st.just("cut"), st.sampled_from(SWITCHES)), st.tuples(st.just("mend"), st.sampled_from(SWITCHES)),
        st.tuples(st.just("again")),
    ),
    min_size=1, max_size=20,
)  # fmt: skip
CLOCKS = st.fixed_dictionaries({name: st.floats(-OFF, OFF) for name in (*SWITCHES, "asker")})


@dataclass
class Call:
    """A call that really began. at: by its switch's clock; arrived: true time of its report, None while it is on its way; why: of a
    refusal; lost: when (true time) its report went into a cut connection; nobody will ever hear of it."""

    caller: str
    switch: str
    began: float
    at: float
    id: str
    arrived: float | None = None
    why: str = ""
    lost: float | None = None


@dataclass
class World:
    off: dict[str, float]
    now: float = 1000.0
    set_by: float = 0.0
    calls: list[Call] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    heard: dict[str, float] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    missed: float = 0.0
    was_set: float = 0.0
    counted: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger(OPTIONS, KEYS, PLAN, MemoryStore(OPTIONS.ttl, OPTIONS.records, self.wall))
        self.coming: list[tuple[float, int, Call]] = []

    @property
    def wall(self) -> float:
        return START + self.now - 1000.0 + self.set_by

    def clock(self, who: str) -> float:
        return START + self.now - 1000.0 + self.off[who]

    def go(self, until: float) -> None:
        """Heartbeats on every whole second, reports when they arrive, ticks when the ledger wants them."""
        while self.now < until:
            deadline = self.ledger.deadline()
            self.now = min(until, floor(self.now) + 1.0, *(self.coming[0][:1] if self.coming else ()),
                           *((max(deadline, self.now),) if deadline is not None else ()))  # fmt: skip
            while self.coming and self.coming[0][0] <= self.now:
                self.arrive(heappop(self.coming)[2])
            if self.now == floor(self.now):
                for switch in SWITCHES:
                    if switch not in self.cut:
                        self.hear(switch)
                        self.ledger.alive(switch, self.now, self.wall)
            self.ledger.tick(self.now, self.wall)

    def hear(self, switch: str) -> None:
        if switch not in self.heard or self.now - self.heard[switch] > OPTIONS.sync_seconds:
            self.since[switch] = self.now
        self.heard[switch] = self.now

    def call(self, caller: str, switch: str, delay: float) -> None:
        self.counted += 1
        call = Call(caller, switch, self.now, self.clock(switch), f"call-{self.counted}")
        self.calls.append(call)
        if delay:
            heappush(self.coming, (self.now + delay, self.counted, call))
        else:
            self.arrive(call)

    def arrive(self, call: Call) -> None:
        if call.switch in self.cut:
            if call.arrived is None:
                call.lost = self.now
            return
        self.hear(call.switch)
        report = Report(call.switch, call.id, call.caller, CALLED, call.at)
        why = self.ledger.report(report, self.now, self.wall)
        if call.arrived is None:
            call.arrived, call.why = self.now, why
        if why == "full":
            self.missed = self.now

    def ask(self, caller: str) -> tuple[Said, float]:
        """What is said, and when the question came."""
        asked_at = self.now
        said: list[Said] = []
        question = ask_about(KEYS.of("beeline")[0], (caller, CALLED), self.clock("asker"), REACH, PLAN)
        found = self.ledger.ask("beeline", question, self.now, self.wall)
        if not isinstance(found, Pending):
            return found, asked_at
        found.done = said.append
        self.go(found.due)
        assert len(said) == 1
        return said[0], asked_at

    def may_deny(self, now: float) -> bool:
        """The model's own word on whether the node missed nothing for a window."""
        window = OPTIONS.window + TINY
        return (
            all(name in self.heard and now - self.heard[name] <= OPTIONS.sync_seconds - TINY for name in SWITCHES)
            and all(now - self.since[name] >= window for name in SWITCHES)
            and now - max(self.missed, self.was_set, 1000.0) >= window
        )


def check(world: World, caller: str) -> None:
    at, wall = world.clock("asker"), world.wall
    sure_before = world.may_deny(world.now)
    said, asked = world.ask(caller)
    event(f"{said.state} {said.why}")
    span = buckets(at, OPTIONS.before, OPTIONS.skew)
    same = [one for one in world.calls if one.caller == caller and floor(one.at / BUCKET) in span]
    taken = [one for one in same if one.arrived is not None and not one.why]
    clocks_agree = abs(at - wall) <= OPTIONS.skew
    if said.state == "yes":
        assert clocks_agree
        assert taken
        assert caller == OURS
    lives = [one for one in taken if one.arrived >= max(asked - OPTIONS.ttl, world.was_set + TINY)]
    if lives and clocks_agree and not (said.why and world.was_set >= asked - OPTIONS.window):
        assert said.state == "yes" or lives[0].arrived > asked
    if said.state == "no":
        assert clocks_agree
        assert_nothing_was_denied(world, caller, at)
    if not same and clocks_agree and sure_before and world.may_deny(world.now) and not world.coming:
        doubts = [one for one in world.calls if one.caller == caller]
        assert said.state == "no" or (said.why == "doubtful" and doubts)


def assert_nothing_was_denied(world: World, caller: str, at: float) -> None:
    """Every real call that the question was about either had its report still on its way, or was lost while its switch was silent for
    too short a time to be missed: these two the protocol cannot see."""
    for call in world.calls:
        if call.caller != caller or not at - OPTIONS.before <= call.at <= at + OPTIONS.skew:
            continue
        on_its_way = call.arrived is None and call.lost is None
        silent = world.now - world.heard[call.switch] > OPTIONS.sync_seconds
        unnoticed = call.lost is not None and not silent and world.since[call.switch] <= call.lost
        assert on_its_way or unnoticed, call


def outage(world: World, before: float, more: float, after: float) -> None:
    """As OUTAGE tells it."""
    world.cut.add(SWITCHES[0])
    world.go(world.now + before)
    world.call(OURS, SWITCHES[0], 0.0)
    world.go(world.now + more)
    world.cut.discard(SWITCHES[0])
    world.go(world.now + after)
    check(world, OURS)


def set_up(world: World, caller: str, delay: float, seconds: float) -> None:
    """As SET_UP tells it."""
    world.call(caller, SWITCHES[0], delay)
    world.go(world.now + seconds)
    check(world, caller)


def set_clock(world: World, by: float) -> None:
    world.set_by += by
    world.was_set = world.now
    world.ledger.tick(world.now, world.wall)


def again(world: World) -> None:
    """The last report is sent a second time."""
    if world.calls and world.calls[-1].arrived is not None:
        world.arrive(world.calls[-1])


DOES: dict[str, Callable[..., object]] = {
    "wait": lambda world, seconds: world.go(world.now + seconds),
    "call": World.call,
    "set up": set_up,
    "outage": outage,
    "ask": check,
    "set": set_clock,
    "cut": lambda world, switch: world.cut.add(switch),
    "mend": lambda world, switch: world.cut.discard(switch),
    "again": again,
}


@settings(max_examples=500)
@given(CLOCKS, STEPS)
def test_a_node_says_what_the_list_of_all_calls_says_and_never_no_to_a_call_it_could_have_missed(
    off: dict[str, float], steps: list[tuple[Any, ...]]
) -> None:
    world = World(off)
    world.go(world.now + OPTIONS.window + 2.0)
    for name, *values in steps:
        DOES[name](world, *values)
    world.go(world.now + 1.0)
    assert world.ledger.state()["waiting"] == 0
