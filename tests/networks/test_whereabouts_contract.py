"""What every way to ask has to keep to, against its own simulator, through a desk: a right network is told rightly, and one that
misbehaves delays no call, never says where somebody is wrongly, and shows in the counters."""

import asyncio
import importlib
import random
import time
from contextlib import asynccontextmanager

import pytest

from tosqauyl.networks.desk import Senses, whereabouts_desk
from tosqauyl.networks.options import DeskOptions
from tosqauyl.networks.provider import Networks
from tosqauyl.networks.simulated import Simulated
from tosqauyl.state.provider import WHEREABOUTS, Question

DEADLINE = 0.25
TRUTH = {f"+7701000{place:04}": ("abroad", "home", "unknown")[place % 3] for place in range(60)}


@asynccontextmanager
async def camara(network):
    client = importlib.import_module("tosqauyl.networks.camara.client")
    options = importlib.import_module("tosqauyl.networks.camara.options")
    simulator = importlib.import_module("tosqauyl.networks.camara.simulator").CamaraSimulator(network, time.time)
    url = await simulator.start("127.0.0.1", 0)
    try:
        yield client.CamaraBackend(options.CamaraOptions(url), time.time)
    finally:
        await simulator.stop()


@asynccontextmanager
async def sh(network):
    client = importlib.import_module("tosqauyl.networks.sh.client")
    simulator = importlib.import_module("tosqauyl.networks.sh.simulator")
    server = await simulator.serve_hss(network, "127.0.0.1", 0)
    options = client.ShOptions("127.0.0.1", "gate.example.kz", "example.kz", "hss.example.kz", port=server.port)
    try:
        yield client.ShBackend(options)
    finally:
        await server.close()


WAYS = {"camara": camara, "sh": sh}


class Asker:
    """Asks through Networks, and waits no longer than the deadline."""

    def __init__(self, desk):
        self.desk, self.networks = desk, Networks({"kcell": desk}, {})
        self.networks.wake_by(self._woken)
        self.waiting, self.lag = {}, 0.0

    def _woken(self):
        for answer in self.networks.poll(time.monotonic()):
            waiting = self.waiting.pop(answer.key, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def watch(self):
        """How late this busy machine itself is."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            self.lag = max(self.lag, time.monotonic() - began - 0.005)

    async def ask(self, number):
        """State and source of the answer, and how long it took."""
        began = time.monotonic()
        answer = self.networks.ask(Question(WHEREABOUTS, number, began + DEADLINE, "kcell"), began)
        if answer is None:
            self.waiting[number] = asyncio.get_running_loop().create_future()
            done, _ = await asyncio.wait([self.waiting[number]], timeout=DEADLINE)
            answer = done.pop().result() if done else None
        return (answer.state if answer else "timeout"), answer, time.monotonic() - began


async def _outcomes(way, behaviour):
    """What 60 subscribers came to, ten at a time, and the counters."""
    network = Simulated({number: state for number, state in TRUTH.items()}, "unknown", behaviour, 0.005)
    async with asyncio.timeout(30), WAYS[way](network) as backend:
        asker = Asker(whereabouts_desk(way, backend, DeskOptions(), Senses(time.time, random.Random(1).random)))
        watching = asyncio.create_task(asker.watch())
        numbers, told, slowest = list(TRUTH), {}, 0.0
        for first in range(0, len(numbers), 10):
            batch = numbers[first : first + 10]
            for number, (state, answer, took) in zip(batch, await asyncio.gather(*map(asker.ask, batch)), strict=True):
                told[number], slowest = state, max(slowest, took)
                if state in ("abroad", "home"):
                    assert answer.source == way
                    assert 0.0 <= answer.age < 900.0
        watching.cancel()
        assert slowest < DEADLINE + 0.05 + asker.lag
        counters = dict(asker.desk.tally.counters)
        await asker.networks.close()
    return told, counters


def outcomes(way, behaviour):
    told, counters = asyncio.run(_outcomes(way, behaviour))
    for number, state in told.items():
        assert state not in ("abroad", "home") or state == TRUTH[number], "said wrongly where somebody is"
    return told, {name: count for name, count in counters.items() if count}


@pytest.fixture(params=WAYS)
def way(request):
    try:
        for part in ("client", "simulator"):
            importlib.import_module(f"tosqauyl.networks.{request.param}.{part}")
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not there")
    return request.param


def test_a_right_network_is_told_rightly(way):
    told, counters = outcomes(way, "right")
    assert told == TRUTH
    assert counters == {"asked": 60, "answered_abroad": 20, "answered_home": 20, "unknown": 20}


@pytest.mark.parametrize(
    ("behaviour", "why", "ends"),
    [("slow", "timeout", "timeout"), ("wrong", "wrong", "failed"), ("down", "down", "failed"), ("malformed", "malformed", "failed")],
)  # fmt: skip
def test_a_network_that_misbehaves_is_spared_and_its_counter_says_why(way, behaviour, why, ends):
    told, counters = outcomes(way, behaviour)
    assert set(told.values()) <= {ends, "unavailable", "unknown"}
    assert counters[why] >= 5
    assert counters["spared"] > 0
    assert "bug" not in counters


def test_a_flapping_network_is_right_or_silent(way):
    told, counters = outcomes(way, "flapping")
    assert set(told.values()) <= {"abroad", "home", "unknown", "failed", "unavailable", "timeout"}
    assert counters.keys() & {"refused", "limited", "down"}
    assert "bug" not in counters
