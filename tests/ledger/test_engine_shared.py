"""Engines over one shared database in memory: each keeps to its own window, and one that is closed takes nothing from the others."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from tosqauyl.ledger.engine import DuckEngine, Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import window_of_days

FIRST = date(2025, 3, 1)
DAYS = [window_of_days(FIRST + timedelta(passed), FIRST + timedelta(passed)) for passed in range(8)]


def test_engines_of_one_database_each_see_their_own_days(tmp_path: Path) -> None:
    store, shared = Store(tmp_path), connect(Means(threads=2))
    rows = [{"at": day.first + 1.0, "verdict": "pass"} for place, day in enumerate(DAYS) for _ in range(place + 1)]
    shared.register("given", pa.Table.from_pylist(rows))
    store.write(shared, "SELECT * FROM given", Batch("calls", "gate:a", "1", frozenset(rows[0])))

    def counted(place: int) -> int:
        engine = DuckEngine(store, DAYS[place % len(DAYS)], con=cursors[place])
        ((count,),) = engine.rows("SELECT count(*) FROM calls")
        ((again,),) = engine.rows("SELECT sum(attempts) FROM hours")
        engine.close()
        assert count == again
        return int(count)

    cursors = [shared.cursor() for _ in range(64)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(counted, range(64))) == [place % len(DAYS) + 1 for place in range(64)]
