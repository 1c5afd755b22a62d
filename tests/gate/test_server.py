"""The shell around the session, where something in it goes wrong."""

import asyncio

import pytest

from tosqauyl.gate.server import TICK, Gate
from tosqauyl.journal.append import Journal
from tosqauyl.state.provider import NullProvider


class Mistaken(NullProvider):
    """Breaks its promise never to raise."""

    def poll(self, now):
        raise ZeroDivisionError


def test_a_mistake_in_one_turn_does_not_end_housekeeping(make_desk, tmp_path):
    async def turns():
        gate = Gate(make_desk(provider=Mistaken()).session, Journal(tmp_path, 0.0), [], print)
        with pytest.raises(ZeroDivisionError):
            gate._housekeep()
        assert gate._timer is not None
        due = gate._timer.when() - asyncio.get_running_loop().time()
        gate._timer.cancel()
        gate.journal.close()
        return due

    assert 0.0 < asyncio.run(turns()) <= TICK
