"""Small cells of a table are hidden, and enough others that none can be computed from what is left. Pure.

A cell that counts fewer than THRESHOLD is hidden: it may point at a person. One hidden cell of a row whose total is shown is found
by subtraction; several, by rows and columns together, or because each must be at least 1. So the table is seen as a network
(Gusfield 1988): rows and columns are nodes, each cell and each total is an arc, and every change of hidden cells that leaves all
that is shown as it is runs in circles. A cell is safe if some circle of hidden arcs raises it to THRESHOLD and beyond; where there
is none, the cheapest is hidden as well. What counts nothing is shown: nobody is in it.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

THRESHOLD = 5
"""Less than this is hidden."""
_OF_TOTALS = 10
"""How much rather cells are hidden than totals."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What of a table is hidden: cells by row and column, totals by row and by column, the grand total."""

    cells: frozenset[tuple[int, int]]
    rows: frozenset[int]
    columns: frozenset[int]
    grand: bool


@dataclass(slots=True)
class _Arc:
    """A cell or a total between two nodes. cost: of hiding it as well."""

    start: int
    end: int
    count: int
    cost: int
    hidden: bool


@dataclass(slots=True)
class _Network:
    """The arcs of a table. at: node -> arcs that begin or end there."""

    arcs: list[_Arc] = field(default_factory=list)
    at: dict[int, list[int]] = field(default_factory=dict)

    def add(self, start: int, end: int, count: int, is_total: bool) -> None:
        if count:
            arc = _Arc(start, end, count, count * (_OF_TOTALS if is_total else 1), 0 < count < THRESHOLD)
            self.at.setdefault(start, []).append(len(self.arcs))
            self.at.setdefault(end, []).append(len(self.arcs))
            self.arcs.append(arc)

    def protect(self, place: int) -> None:
        """Hide the cheapest arcs by which the arc at a place can be greater than it is."""
        wanted = self.arcs[place]
        before: dict[int, tuple[int, int]] = {}
        best = {wanted.end: 0}
        queue = [(0, wanted.end)]
        while queue:
            cost, node = heapq.heappop(queue)
            if node == wanted.start:
                break
            if cost > best[node]:
                continue
            for one in self.at[node]:
                arc = self.arcs[one]
                # along an arc its cell grows; against it the cell shrinks, and must be able to by as much as THRESHOLD - 1
                forward = arc.start == node
                if one == place or not (forward or arc.count >= THRESHOLD):
                    continue
                there, sum_ = arc.end if forward else arc.start, cost + (0 if arc.hidden else arc.cost)
                if sum_ < best.get(there, sum_ + 1):
                    best[there], before[there] = sum_, (node, one)
                    heapq.heappush(queue, (sum_, there))
        node = wanted.start
        while node != wanted.end:
            node, one = before[node]
            self.arcs[one].hidden = True


def hidden(counts: Sequence[Sequence[int]]) -> Hidden:
    """What to hide of a table of counts (rows of equal length), if its cells, all totals and the grand total are shown."""
    rows, columns = len(counts), len(counts[0]) if counts else 0
    all_rows, all_columns = rows + columns, rows + columns + 1
    network, places = _Network(), dict[tuple[int, int], int]()

    def add(row: int, column: int, start: int, end: int, count: int) -> None:
        if count:
            places[row, column] = len(network.arcs)
            network.add(start, end, count, row < 0 or column < 0)

    for row, of_row in enumerate(counts):
        add(row, -1, all_columns, row, sum(of_row))
        for column, count in enumerate(of_row):
            add(row, column, row, rows + column, count)
    for column in range(columns):
        add(-1, column, rows + column, all_rows, sum(of_row[column] for of_row in counts))
    add(-1, -1, all_rows, all_columns, sum(map(sum, counts)))
    for place in [place for place, arc in enumerate(network.arcs) if arc.hidden]:
        network.protect(place)
    found = {where for where, place in places.items() if network.arcs[place].hidden}
    return Hidden(
        frozenset(one for one in found if min(one) >= 0),
        frozenset(row for row, column in found if column < 0 <= row),
        frozenset(column for row, column in found if row < 0 <= column),
        (-1, -1) in found,
    )
