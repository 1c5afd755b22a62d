"""Confidence fades by half-life, and the moment at which it is too low is known beforehand."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry.decay import LEAST_CONFIDENCE, confidence_at, decays_at, last_moment
from tosqauyl.registry.moments import DAY

T0 = 1_796_022_000_000


@dataclass
class Said:
    confidence: int
    half_life_days: int
    valid_from: int = T0


def test_confidence_is_halved_after_each_half_life() -> None:
    said = Said(80, 10)
    assert [confidence_at(said, T0 + days * DAY) for days in (-1, 0, 10, 20, 30)] == [80, 80, 40, 20, 10]


def test_without_a_half_life_it_never_fades() -> None:
    assert confidence_at(Said(80, 0), T0 + 10_000 * DAY) == 80
    assert decays_at(Said(80, 0)) == 0


def test_what_is_too_low_from_the_start_decays_at_once() -> None:
    assert decays_at(Said(LEAST_CONFIDENCE - 1, 0)) == T0


@given(st.integers(LEAST_CONFIDENCE, 100), st.integers(1, 3_650))
def test_it_decays_at_the_first_moment_under_the_least_confidence(confidence: int, days: int) -> None:
    said = Said(confidence, days)
    moment = decays_at(said)
    assert confidence_at(said, moment) < LEAST_CONFIDENCE <= confidence_at(said, moment - 2)


def test_a_block_holds_at_most_180_days() -> None:
    assert last_moment("block", T0) == T0 + 180 * DAY
