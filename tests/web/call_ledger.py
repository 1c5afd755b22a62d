"""A small ledger of calls for the routes and pages that show it: fourteen days around the day on which a rule went live.

Before DAY, each day: 20 calls with Kazakh numbers over the carrier west, 5 with British ones over north, all let through, the Kazakh
ones watched by the rule. From DAY on: 8 Kazakh ones that the rule stops, 15 British ones.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import HOME_ZONE, window_of_days

DAY = date(2026, 11, 16)
FIRST, LAST = DAY - timedelta(7), DAY + timedelta(6)
RULE = "kz-mobile"
KAZAKH = {
    "caller_country": "KZ",
    "caller_kind": "mobile",
    "carrier": "west",
    "trunk": "t-west",
    "caller": "+77010000001",
}
FOREIGN = {
    "caller_country": "GB",
    "caller_kind": "foreign",
    "carrier": "north<b>",
    "trunk": "t-north",
    "caller": "+441",
}


def rows() -> list[dict[str, Any]]:
    """Every call."""
    found: list[dict[str, Any]] = []
    for passed in range(14):
        day = FIRST + timedelta(passed)
        live = day >= DAY
        verdict = "stop" if live else "pass"
        kazakh = {
            "verdict": verdict, "would_verdict": "stop", "rule": RULE if live else "", "would_rule": RULE,
            "reason": "mobile-at-home" if live else "none", "would_reason": "mobile-at-home", **KAZAKH,
        }  # fmt: skip
        foreign = {
            "verdict": "pass", "would_verdict": "pass", "rule": "", "would_rule": "", "reason": "none", "would_reason": "none",
            **FOREIGN,
        }  # fmt: skip
        at = window_of_days(day, day, HOME_ZONE).first
        calls = [kazakh] * (8 if live else 20) + [foreign] * (15 if live else 5)
        found += [
            {"at": at + 60.0 * place, "called": f"t:{place % 3}", "listed": "none", **one}
            for place, one in enumerate(calls)
        ]
    return found


def write_ledger(folder: Path, origin: str = "gate:almaty") -> Path:
    """Make the ledger; its folder."""
    calls, con = rows(), connect(Means(threads=1))
    con.register("given", pa.Table.from_pylist(calls))
    Store(folder).write(con, "SELECT * FROM given", Batch("calls", origin, "1", frozenset(calls[0])))
    con.close()
    return folder
