import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.networks.origination.store import FOUND, SLACK, SLICES, MemoryStore

TTL, START = 60.0, 1_790_000_000.0


def store(records: int = 1_000, since: float = START) -> MemoryStore:
    return MemoryStore(TTL, records, since)


def token(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_what_was_added_is_found_and_nothing_else() -> None:
    kept = store()
    assert kept.add((token(1), token(2)), START)
    assert kept.has_any((token(3), token(2)))
    assert not kept.has_any((token(3), token(4)))
    assert not kept.has_any(())
    assert len(kept) == 2


def test_a_record_lives_for_its_life_and_at_most_a_slice_longer() -> None:
    kept = store()
    kept.add((token(1),), START)
    kept.expire(START + TTL)
    assert kept.has_any((token(1),))
    kept.expire(START + TTL + TTL / SLICES + SLACK)
    assert not kept.has_any((token(1),))
    assert len(kept) == 0
    assert kept.counters["expired"] == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0.0, 20.0)), max_size=60))
def test_it_finds_what_a_list_of_all_that_was_added_finds(added: list[tuple[int, float]]) -> None:
    kept, wall = store(), START
    model: dict[int, float] = {}
    for number, wait in added:
        wall += wait
        kept.expire(wall)
        assert kept.add((token(number),), wall)
        model[number] = wall
        for other in range(31):
            found = kept.has_any((token(other),))
            at = model.get(other, float("-inf"))
            if wall - at <= TTL:
                assert found
            if wall - at >= TTL + TTL / SLICES + SLACK:
                assert not found


def test_a_full_store_takes_nothing_more_and_says_that_it_begins_anew() -> None:
    kept = store(records=3)
    assert kept.add((token(1), token(2)), START + 5)
    assert kept.continuity(START + 6) == START
    assert not kept.add((token(3), token(4)), START + 7)
    assert not kept.has_any((token(3), token(4)))
    assert kept.has_any((token(1),))
    assert kept.continuity(START + 8) == START + 7
    assert kept.counters["full"] == 1
    assert kept.add((token(5),), START + 8)
    assert len(kept) == 3


def test_a_full_store_makes_room_by_what_is_over() -> None:
    kept = store(records=2)
    kept.add((token(1), token(2)), START)
    assert kept.add((token(3), token(4)), START + 2 * TTL)
    assert kept.continuity(START + 2 * TTL) == START


def test_one_token_twice_takes_one_place() -> None:
    kept = store(records=2)
    assert all(kept.add((token(1),), START) for _ in range(2))
    assert len(kept) == 1


def test_a_clock_set_back_takes_the_beginning_along_and_drops_records_of_the_future() -> None:
    kept = store()
    kept.add((token(1),), START + 3600.0)
    assert kept.continuity(START - 10.0) == START - 10.0
    assert kept.continuity(START) == START - 10.0
    kept.expire(START)
    assert len(kept) == 0


def test_a_store_without_a_beginning_stays_without_one() -> None:
    assert store(since=0.0).continuity(START) == 0.0


def test_a_report_is_seen_once_until_its_time_is_over() -> None:
    kept = store()
    assert not kept.seen("msc-1", "a", START + TTL, START)
    assert kept.seen("msc-1", "a", START + TTL, START)
    assert kept.seen("msc-1", "a", START + TTL / 2, START)
    assert not kept.seen("msc-2", "a", START + TTL, START)
    assert not kept.seen("msc-1", "b", START + TTL, START)
    kept.expire(START + TTL)
    assert kept.seen("msc-1", "a", START + TTL, START + TTL)
    kept.expire(START + TTL + TTL / SLICES)
    assert not kept.seen("msc-1", "a", START + 3 * TTL, START + 2 * TTL)


def test_reports_that_are_remembered_are_bounded_and_what_is_forgotten_is_counted() -> None:
    kept = store(records=2)
    assert [kept.seen("msc-1", id, START + 9.0, START) for id in "abc"] == [False] * 3
    assert kept.counters["forgotten"] == 1
    assert [kept.seen("msc-1", id, START + 9.0, START) for id in "abc"] == [True, True, False]
    kept.expire(START + 100.0)
    assert not kept.seen("msc-1", "d", START + 109.0, START + 100.0)
    assert kept.seen("msc-1", "d", START + 109.0, START + 100.0)


def test_a_search_among_other_nodes_ends_at_once_where_there_are_none() -> None:
    said: list[str] = []
    store().search((token(1),), (), 0.15, said.append)
    assert said == ["none"]
    assert set(said) <= set(FOUND)
    assert store().shared is False


@pytest.mark.parametrize("count", [200_000])
def test_a_token_takes_about_a_hundred_bytes(count: int) -> None:
    kept = store(records=count)
    tracemalloc.start()
    for number in range(count):
        kept.add((token(number),), START + number / count * TTL)
    size = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    assert 60 < size < 140
