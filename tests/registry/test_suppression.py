"""Hidden cells of tables: what an onlooker who subtracts can find out."""

import random
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.registry.suppression import THRESHOLD, Hidden, hidden

COUNTS = st.integers(0, 12) | st.integers(0, 500)
TABLES = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda size: st.lists(st.lists(COUNTS, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
)
SMALL = st.tuples(st.integers(1, 2), st.integers(1, 3)).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 8), min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]
    )
)


@given(TABLES)
def test_every_small_cell_and_total_is_hidden_and_nothing_that_counts_nobody(table):
    found = hidden(table)
    for row, of_row in enumerate(table):
        for column, count in enumerate(of_row):
            assert (row, column) in found.cells or not 0 < count < THRESHOLD
            assert (row, column) not in found.cells or count > 0
        assert row in found.rows or not 0 < sum(of_row) < THRESHOLD
    for column, of_column in enumerate(zip(*table, strict=True)):
        assert column in found.columns or not 0 < sum(of_column) < THRESHOLD


@given(TABLES)
def test_nothing_is_hidden_where_nothing_is_small(table):
    large = [[count + THRESHOLD if count else 0 for count in of_row] for of_row in table]
    assert hidden(large) == Hidden(frozenset(), frozenset(), frozenset(), False)


@given(TABLES)
def test_no_line_hides_a_single_one_of_what_it_adds_up(table):
    found = hidden(table)
    for row in range(len(table)):
        assert sum(one[0] == row for one in found.cells) + (row in found.rows) != 1
    for column in range(len(table[0])):
        assert sum(one[1] == column for one in found.cells) + (column in found.columns) != 1
    assert len(found.rows) + found.grand != 1
    assert len(found.columns) + found.grand != 1


def consistent(table, found) -> list[list[list[int]]]:
    """Every table an onlooker must think possible: hidden cells are at least 1, what is shown is as it is shown."""
    places = sorted(found.cells)
    possible = []
    for values in product(range(1, 14), repeat=len(places)):
        other = [list(of_row) for of_row in table]
        for (row, column), value in zip(places, values, strict=True):
            other[row][column] = value
        rows = all(row in found.rows or sum(other[row]) == sum(table[row]) for row in range(len(table)))
        columns = zip(zip(*other, strict=True), zip(*table, strict=True), strict=True)
        shown = rows and all(column in found.columns or sum(a) == sum(b) for column, (a, b) in enumerate(columns))
        if shown and (found.grand or sum(map(sum, other)) == sum(map(sum, table))):
            possible.append(other)
    return possible


@settings(max_examples=60, deadline=None)
@given(SMALL)
def test_an_onlooker_never_knows_that_a_hidden_small_cell_is_small(table):
    found = hidden(table)
    if len(found.cells) > 4:
        return
    possible = consistent(table, found)
    for row, column in found.cells:
        if table[row][column] < THRESHOLD:
            assert max(other[row][column] for other in possible) >= THRESHOLD


def test_one_small_cell_of_a_row_takes_the_smallest_other_one_with_it():
    found = hidden([[3, 40, 7, 90]])
    assert found.cells == {(0, 0), (0, 2)}
    assert not found.grand
    assert not found.rows


@pytest.mark.parametrize("row", [[4, 4], [1, 1, 1], [4], [3, 0, 0]])
def test_where_there_is_nothing_large_enough_to_hide_behind_the_total_goes_too(row):
    found = hidden([row])
    assert found.grand
    assert found.rows == {0}


def test_an_empty_table_hides_nothing():
    assert hidden([]) == hidden([[0, 0]]) == Hidden(frozenset(), frozenset(), frozenset(), False)


def test_a_table_of_a_year_of_days_and_one_of_all_regions_take_well_under_a_second():
    dice = random.Random(6)
    for rows, columns in ((1, 366), (21, 53), (21, 62)):
        table = [[dice.choice((0, 1, 2, 3, 6, 40)) for _ in range(columns)] for _ in range(rows)]
        begin = time.process_time()
        hidden(table)
        assert time.process_time() - begin < 2
