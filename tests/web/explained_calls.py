"""A small ledger of one day whose calls were really decided by the shipped policy: for the routes and pages that explain one.

At ten in the morning, Kazakhstan's time: a Kazakh mobile that is at home (stopped), two British numbers in the same microsecond (let
through), a Kazakh mobile whose network did not answer (watched). Called numbers are tokens under KEY. Of the stopped call's end nothing is
told, of the first British one it is. `more` further calls let through follow, a second apart.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tosqauyl.facts import FACTS, UNKNOWN_CALL, Call
from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.manifest import Batch
from tosqauyl.ledger.store import Store
from tosqauyl.policy.load import Policy, load_shipped
from tosqauyl.record import COLUMNS, DECISION_COLUMNS
from tosqauyl.screen.decision import decide, modes
from tosqauyl.tokens import Tokens

DAY = date(2026, 11, 30)
AT = datetime(2026, 11, 30, 5, tzinfo=UTC).timestamp()
SINCE, UNTIL = "2026-11-29T19:00:00Z", "2026-11-30T19:00:00Z"
KEY = b"k" * 32
STOPPED, BRITISH, SILENT, CALLED = "+77011234567", "+442079460001", "+77059876543", "+77172555001"
SCRIPT = "<script>alert(1)</script>"
ORIGIN = "gate:almaty-0123456789abcdef"


def write_calls(folder: Path, more: int = 0, policy: Policy | None = None, outcomes: bool = True) -> Path:
    """Make the ledger; its folder. policy: that decided, the shipped one by default."""
    policy = policy or load_shipped()
    calls = [_row(call, policy) for call in (*_calls(), *_later(more))]
    _write(folder, calls, Batch("calls", ORIGIN, "0000000001-20261130T050000Z", frozenset(calls[0])))
    if outcomes:
        ends = [
            {
                "at": AT + 61.0,
                "call_id": "two@192.0.2.1",
                "answered": "yes",
                "duration": 42.0,
                "sip_code": 200,
                "hung_up": "caller",
            }
        ]
        _write(folder, ends, Batch("outcomes", "import:cdr", "1", frozenset(ends[0])))
    return folder


def add_stopped(folder: Path, at: float, carrier: str) -> None:
    """One more call to a ledger: a Kazakh mobile that is at home, stopped by the shipped policy."""
    row = _row(_calls()[0]._replace(at=at, carrier=carrier, display_name="Kaspi Bank"), load_shipped())
    _write(folder, [row], Batch("calls", ORIGIN, "one-more", frozenset(row)))


def _write(folder: Path, rows: list[dict[str, Any]], batch: Batch) -> None:
    con = connect(Means(threads=1))
    con.register("given", pa.Table.from_pylist(rows))
    Store(folder).write(con, "SELECT * FROM given", batch)
    con.close()


def _row(call: Call, policy: Policy) -> dict[str, Any]:
    """A row as the gate writes it."""
    decision = decide(policy.hits(call), policy.rules, modes(policy.rules, True, DAY))
    decided = dict(zip((column.name for column in DECISION_COLUMNS), decision.row, strict=True))
    row = dict(zip(FACTS, call, strict=True)) | decided
    row |= {"policy": policy.hash, "snapshot": "5" * 16, "elapsed_us": 81.5, "answer": 603}
    return {column.name: row[column.name] for column in COLUMNS} | {"called": Tokens(KEY).of(call.called)}


def _calls() -> list[Call]:
    base = UNKNOWN_CALL._replace(
        at=AT, direction="international", transport="udp", trunk="t-west", carrier="west", source="192.0.2.9:5060",
        caller_source="presented", caller_form="international", presented_form="international", called=CALLED,
        called_kind="fixed", called_form="international", called_country="KZ", caller_calls_1m=3, identities="same",
    )  # fmt: skip
    kazakh = base._replace(
        caller=STOPPED, network=STOPPED, presented=STOPPED, caller_kind="mobile", network_kind="mobile", presented_kind="mobile",
        caller_country="KZ", network_country="KZ", presented_country="KZ", caller_operator="kcell", network_form="international",
    )  # fmt: skip
    home = kazakh._replace(
        call_id="one@192.0.2.1", network_subscriber="home", presented_subscriber="home", home_network="answered", home_source="camara",
        home_age=12.0, display_name=SCRIPT,
    )  # fmt: skip
    british = base._replace(
        at=AT + 1.5, call_id="two@192.0.2.1", caller=BRITISH, presented=BRITISH, caller_kind="foreign", presented_kind="foreign",
        caller_country="GB", presented_country="GB", trunk="t-north", carrier=f"north{SCRIPT}",
    )  # fmt: skip
    silent = kazakh._replace(
        at=AT + 2.25, call_id="four@192.0.2.1", caller=SILENT, network=SILENT, presented=SILENT, home_network="timeout",
        faults="provider_timeout",
    )  # fmt: skip
    return [home, british, british._replace(call_id="three@192.0.2.1", caller="+442079460002"), silent]


def _later(more: int) -> list[Call]:
    british = _calls()[1]
    return [british._replace(at=AT + 60.0 + place, call_id=f"later-{place}@192.0.2.1") for place in range(more)]
