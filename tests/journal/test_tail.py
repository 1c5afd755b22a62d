"""Following a journal over rotations."""

from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import HEADER, row_maker
from tosqauyl.journal.tail import Tail

MAKE = row_maker(None, "p", "s")
NOW = 1_772_000_000.0


def row(name):
    return MAKE(UNKNOWN_CALL._replace(call_id=str(name)), ("pass", "none", "", "", 0, "pass", "none", ""), 1.0, 302)


def ids(rows):
    return [found["call_id"] for found in rows]


@given(st.lists(st.sampled_from(["append", "rotate", "read", "read one"]), max_size=30), st.booleans())
def test_every_row_is_seen_once_and_in_order(tmp_path_factory, steps, settled):
    folder = tmp_path_factory.mktemp("j")
    journal = Journal(folder, NOW)
    tail = Tail(folder, from_start=True)
    written, seen = [], []
    for number, step in enumerate(steps):
        if step == "append":
            journal.append([row(number), row(f"{number}b")])
            written += [str(number), f"{number}b"]
        elif step == "rotate":
            journal.rotate(NOW + number)
            if settled:
                journal.settle()
        else:
            seen += ids(tail.read(1 if step == "read one" else 100))
    seen += ids(tail.read())
    assert seen == written
    journal.close()
    tail.close()


def test_it_begins_at_the_end_unless_told_otherwise(tmp_path):
    journal = Journal(tmp_path, NOW)
    journal.append([row("a")])
    tail = Tail(tmp_path)
    assert tail.read() == []
    journal.append([row("b")])
    assert ids(tail.read()) == ["b"]
    assert ids(Tail(tmp_path, from_start=True).read()) == ["a", "b"]
    journal.close()
    tail.close()


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    tail = Tail(tmp_path / "journal")
    assert tail.read() == []
    journal = Journal(tmp_path / "journal", NOW)
    journal.append([row("a")])
    assert ids(tail.read()) == ["a"]
    journal.close()
    tail.close()


def test_a_half_written_line_is_left_for_later(tmp_path):
    path = tmp_path / "0000000001-20260301T000000Z.open.tsv"
    path.write_text(HEADER[:20])
    tail = Tail(tmp_path, from_start=True)
    assert tail.read() == []
    path.write_text(HEADER + row("a") + row("b")[:50])
    assert ids(tail.read()) == ["a"]
    path.write_text(HEADER + row("a") + row("b") + "broken\tline\n")
    assert ids(tail.read()) == ["b"]
    assert tail.unreadable_rows == 1
    tail.close()
