"""The same calls give the same facts in plain Python and compiled: both must give the sums written here.

`make test-compiled` runs this file against the installed, compiled package; all other runs against the plain sources.
"""

import hashlib

import pytest

from tosqauyl.state.rates import Rates

SUMS = {
    (1_000_000, 10_000, 256): "7f8a6a5a8aafa3156505b17c2d97e68f1e752c831366055e920e1e0c99ef912e",
    (300, 40, 2): "09b3af4de3feec6d0eb88ff91047bcbd0709fc512a21adda23aa91272de840ed",
}
"""Limits -> SHA-256 over all facts of the calls below. They change when what is told of a call is changed on purpose."""


def calls(count: int):
    """Calls by a fixed generator of numbers: busy and rare callers, rows, redials, pauses, and text that is no number."""
    state, now = 12345, 1000.0
    for _ in range(count):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        one, two, three = state >> 33, state >> 13 & 0xFFFFF, state >> 50
        caller = f"+77{one % 50:09d}" if one % 3 else f"+44{one % 10**10:010d}"
        called = f"+7701{two % 10_000_000:07d}" if two % 2 else f"+7702000{two % 40:04d}"
        if one % 97 == 0:
            caller, called = "anonymous", "+7" + "9" * (one % 30)
        now += (0.0, 0.01, 0.3, 5.0)[three % 4] if three % 50 else (three % 4000) * 1.7
        yield caller, called, ("a", "b", "c")[one % 3], now


@pytest.mark.parametrize(("limits", "expected"), SUMS.items(), ids=str)
def test_the_same_calls_give_the_same_facts_compiled_or_not(limits, expected):
    rates = Rates(*limits, seed=77)
    digest = hashlib.sha256()
    for call in calls(1000):
        digest.update(repr(tuple(rates.count(*call))).encode())
    digest.update(f"{len(rates)} {rates.ranges} {rates.trunks} {rates.evictions}".encode())
    assert digest.hexdigest() == expected
