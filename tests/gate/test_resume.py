"""A restarted gate remembers what it answered."""

from desk import FIXED_DECISION, POLICY_HASH

from tosqauyl.facts import UNKNOWN_CALL, Verdict
from tosqauyl.gate.resume import resume
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import row_maker
from tosqauyl.sip.transaction import Transactions

WALL = 1_790_000_000.0


def journal(folder, *ages: float, verdict: str = "stop") -> None:
    written = Journal(folder, WALL)
    make_row = row_maker(None, POLICY_HASH, "s")
    decided = (verdict, *FIXED_DECISION[1:])
    written.append(
        [make_row(UNKNOWN_CALL._replace(at=WALL - age, transaction=f"key-{age}"), decided, 1.0, 603) for age in ages]
    )
    written.close()


def test_calls_of_the_last_32_seconds_are_remembered_and_older_ones_are_not(tmp_path):
    journal(tmp_path, 40.0, 31.0, 1.0)
    table = Transactions(100)
    assert resume(table, tmp_path, 1000.0, WALL) == 2
    assert table.get("key-1.0").verdict is Verdict.STOP
    assert table.get("key-1.0") is table.get("key-31.0"), "equal decisions are one value"
    assert table.get("key-40.0") is None
    table.expire(1002.0)
    assert table.get("key-31.0") is None
    assert table.get("key-1.0") is not None


def test_marked_calls_are_evaluated_again(tmp_path):
    journal(tmp_path, 1.0, verdict="mark")
    assert resume(Transactions(100), tmp_path, 1000.0, WALL) == 0


def test_damaged_rows_and_strange_files_are_passed_over(tmp_path):
    journal(tmp_path, 2.0, 1.0)
    (segment,) = tmp_path.glob("*.tsv")
    lines = segment.read_bytes().split(b"\n")
    segment.write_bytes(
        b"\n".join([lines[0], b"\xff\x00torn\t\t", lines[1].replace(b"stop", b"\xffop", 1), lines[2], lines[2][:40]])
    )
    assert resume(Transactions(100), tmp_path, 1000.0, WALL) == 1


def test_no_journal_is_nothing_to_remember(tmp_path):
    assert resume(Transactions(100), tmp_path / "none", 1000.0, WALL) == 0
