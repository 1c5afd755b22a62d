import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import row_maker
from tosqauyl.record import COLUMNS
from tosqauyl.tokens import Tokens

MakeRow = Callable[..., dict]


@pytest.fixture
def row() -> MakeRow:
    """A journal row as the journal's reader gives it, with the named columns changed."""

    def make(**values: object) -> dict:
        return {column.name: column.unknown for column in COLUMNS} | values

    return make


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose journal has three decisions: a pass, a stop and a monitored stop."""
    journal = Journal(tmp_path / "journal", time.time())
    make = row_maker(Tokens(b"k" * 32).of, "policy", "snapshot")
    base = UNKNOWN_CALL._replace(trunk="border", called="+77010000001", call_id="abc@10.0.0.1")
    foreign = base._replace(at=1000.0, caller="+447700900123", caller_country="GB")
    fixed = base._replace(at=1001.0, caller="+77172111222", caller_country="KZ", display_name="Aigul")
    mobile = base._replace(at=1002.0, caller="+77015554433", caller_country="KZ")
    stop = ("stop", "fixed-from-abroad", "kz-fixed", "deterministic", 1, "stop", "fixed-from-abroad", "kz-fixed")
    monitored = ("pass", "none", "", "", 2, "stop", "mobile-at-home", "kz-mobile")
    journal.append([make(foreign, ("pass", "none", "", "", 0, "pass", "none", ""), 10.0, 302)])
    journal.append([make(fixed, stop, 11.0, 603), make(mobile, monitored, 12.0, 302)])
    journal.close()
    return tmp_path
