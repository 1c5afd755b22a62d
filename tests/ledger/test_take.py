"""A gate's segments become rows of the ledger, each exactly once, whatever the segments and the disk are like."""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal, Options
from tosqauyl.journal.columns import HEADER, row_maker
from tosqauyl.ledger.engine import DuckEngine, connect
from tosqauyl.ledger.segments import duckdb_sql, header_of, journal_id, list_segments, survey
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.take import Taken, Taking, known_segments, live_sql, lost_segments, segments_in, take, waiting
from tosqauyl.tokens import Tokens

NOW = 1_772_000_000.0  # 2026-02-25 06:13:20 UTC
ID = "00112233445566ff"
DEFAULT = Taking()
MAKE = row_maker(None, "p", "s")
DECIDED = ("stop", "spoofed", "r1", "deterministic", (1 << 119) + 1, "pass", "none", "")


def row(name, at=NOW, **facts):
    return MAKE(UNKNOWN_CALL._replace(call_id=str(name), at=at, **facts), DECIDED, 1.0, 603)


def name_of(sequence, time="20260225T061320Z"):
    return f"{sequence:010d}-{time}"


def folder_with(tmp_path, *segments):
    """A journal folder of closed segments, given as bytes or lists of rows."""
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "id").write_text(ID + "\n")
    for number, content in enumerate(segments, 1):
        data = content if isinstance(content, bytes) else (HEADER + "".join(content)).encode()
        (folder / (name_of(number) + ".tsv")).write_bytes(data)
    return folder


def take_all(store, journal, options=DEFAULT):
    return sum(take(store, journal, options), Taken())


def ask(store, sql, live=()):
    engine = DuckEngine(store, live=live)
    try:
        return engine.rows(sql)
    finally:
        engine.close()


def call_ids(store, live=()):
    return [name for (name,) in ask(store, "SELECT call_id FROM calls ORDER BY batch, line", live)]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "ledger")


def test_every_row_of_a_real_journal_is_there_with_its_segment_and_line(tmp_path, store):
    journal = Journal(tmp_path / "journal", NOW)
    for part in ("ab", "cde"):
        journal.append([row(one) for one in part])
        journal.rotate(NOW)
        journal.settle()
    done = take_all(store, tmp_path / "journal", Taking("north"))
    journal.close()
    assert (done.segments, done.rows, done.skipped) == (2, 5, 0)
    origin = f"gate:north-{journal_id(tmp_path / 'journal')}"
    first, second = (one.stem for one in list_segments(tmp_path / "journal")[:2])
    assert ask(store, "SELECT origin, batch, line, call_id FROM calls ORDER BY batch, line") == [
        (origin, first, 1, "a"), (origin, first, 2, "b"),
        (origin, second, 1, "c"), (origin, second, 2, "d"), (origin, second, 3, "e"),
    ]  # fmt: skip


def test_values_come_through_as_they_were_written(tmp_path, store):
    text = 'Жұлдыз "x" \\ \u202e, a;b'
    folder = folder_with(tmp_path, [row("a", display_name=text, redirections=3, home_age=-1.0, called_msrn=True)])
    take_all(store, folder)
    sql = "SELECT display_name, redirections, home_age, called_msrn, rules, answer, caller, truth FROM calls"
    assert ask(store, sql) == [(text, 3, -1.0, True, (1 << 119) + 1, 603, "", "unknown")]


def test_what_was_taken_is_not_taken_again_whatever_the_gate_is_called(tmp_path, store):
    folder = folder_with(tmp_path, [row("a")], [row("b")])
    assert take_all(store, folder, Taking("north")).rows == 2
    assert take_all(store, folder, Taking("south")) == Taken()
    moved = folder.rename(tmp_path / "elsewhere")
    (moved / (name_of(3) + ".tsv")).write_text(HEADER + row("c"))
    assert take_all(store, moved, Taking("south")).rows == 1
    assert ask(store, "SELECT DISTINCT origin FROM calls") == [(f"gate:north-{ID}",)]


def test_two_who_take_at_once_take_every_row_once(tmp_path, store):
    folder = folder_with(tmp_path, *([row(f"{n}-{m}") for m in range(50)] for n in range(6)))
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: take_all(store, folder, Taking(most_bytes=20_000)), range(3)))
    assert sum(one.rows for one in done) == 300
    assert sorted(call_ids(store)) == sorted(f"{n}-{m}" for n in range(6) for m in range(50))


def test_segments_of_other_versions_are_taken_by_their_header_line(tmp_path, store):
    old = b"at\tcall_id\tverdict\n%.6f\told\tstop\n" % NOW
    new = HEADER.rstrip("\n") + "\tnovelty\n" + row("new").rstrip("\n") + "\t7\n"
    folder = folder_with(tmp_path, old, new.encode(), [row("same")])
    assert take_all(store, folder).rows == 3
    assert ask(store, "SELECT call_id, verdict, reason, home_age FROM calls ORDER BY batch") == [
        ("old", "stop", "none", -1.0), ("new", "stop", "spoofed", -1.0), ("same", "stop", "spoofed", -1.0),
    ]  # fmt: skip
    engine = DuckEngine(store)
    assert engine.recorded == {"at", "call_id", "verdict"}
    engine.close()


GOOD = [row(name).encode() for name in "abcd"]
HEAD = HEADER.encode()
DAMAGED = {
    "an unfinished last line": (HEAD + b"".join(GOOD) + GOOD[0][:50], "abcd", "line 6: it is not finished"),
    "a whole last line without its newline": (HEAD + b"".join(GOOD)[:-1], "abc", "line 5: it is not finished"),
    "too few values": (HEAD + GOOD[0] + b"a\tb\n" + GOOD[1], "ab", "line 3: it has 2 values, not 86"),
    "too many values": (HEAD + GOOD[0][:-1] + b"\tx\n" + GOOD[1], "b", "line 2: it has 87 values, not 86"),
    "an empty line": (HEAD + GOOD[0] + b"\n" + GOOD[1], "ab", "line 3: it has 1 values, not 86"),
    "a page of zeros": (HEAD + GOOD[0] + b"\0" * 4096 + GOOD[1] + GOOD[2], "ac", "line 3: it holds NUL bytes"),
    "bytes that are no UTF-8": (HEAD + GOOD[0] + GOOD[1].replace(b"b", b"\xff", 1) + GOOD[2], "ac", "line 3: it is not UTF-8"),
    "a word for a number": (HEAD + GOOD[0].replace(b"\t603\n", b"\t6o3\n") + GOOD[1], "b",
                            "line 2: what it has as answer is no value of that column"),
    "no header line": (b"".join(GOOD), "abcd", ""),
    "a damaged header line": (HEAD[:40] + b"\0" * 9 + HEAD[49:] + b"".join(GOOD), "abcd", "line 1: it holds NUL bytes"),
    "a header line with one name twice": (HEAD.replace(b"reason", b"verdict", 1) + b"".join(GOOD), "abcd",
                                          "line 1: what it has as at is no value of that column"),
    "nothing at all": (b"", "", ""),
    "half a header line": (HEAD[:40], "", "line 1: it is not finished"),
    "a header line only": (HEAD, "", ""),
    "line ends of another system": ((HEAD + b"".join(GOOD)).replace(b"\n", b"\r\n"), "abcd", ""),
    "a byte order mark": (b"\xef\xbb\xbf" + HEAD + b"".join(GOOD), "abcd", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED)
def test_damage_is_named_and_costs_no_other_row(tmp_path, store, what):
    content, names, why = DAMAGED[what]
    folder = folder_with(tmp_path, [row("before")], content, [row("after")])
    done = take_all(store, folder)
    assert call_ids(store) == ["before", *names, "after"]
    assert done.damage == ((f"{name_of(2)}.tsv: {why}",) if why else ())
    assert (done.segments, done.skipped) == (3, len(done.damage))
    assert take_all(store, folder) == Taken()


def test_many_damaged_lines_are_all_counted_but_not_all_named(tmp_path, store):
    folder = folder_with(tmp_path, HEAD + b"rubbish\n" * 1000 + GOOD[0])
    done = take_all(store, folder)
    assert (done.rows, done.skipped, len(done.damage)) == (1, 1000, 20)


@settings(max_examples=12)
@given(st.data())
def test_whatever_is_written_over_a_segment_the_untouched_rows_are_taken(tmp_path_factory, data):
    rows = [row(f"call-{number}").encode() for number in range(8)]
    whole = HEAD + b"".join(rows)
    begin = data.draw(st.integers(0, len(whole)), "begin")
    dirt = data.draw(st.binary(max_size=60), "dirt")
    folder = tmp_path_factory.mktemp("j")
    journal, store = folder_with(folder, whole[:begin] + dirt + whole[begin + len(dirt) :]), Store(folder / "ledger")
    done = take_all(store, journal)
    untouched, place = set(), len(HEAD)
    for number, line in enumerate(rows):
        if place >= begin + len(dirt) or place + len(line) <= begin:
            untouched.add(f"call-{number}")
        place += len(line)
    found = call_ids(store)
    assert len(found) == done.rows
    if begin >= len(HEAD) or not dirt:  # with another header the same values are called something else
        touched_ends = dirt and any(place == begin for place in _starts(rows))  # what was written runs into this row
        assert untouched - set(found) <= ({f"call-{_starts(rows).index(begin)}"} if touched_ends else set())


def _starts(rows):
    places = [len(HEAD)]
    for line in rows:
        places.append(places[-1] + len(line))
    return places


def test_a_segment_that_cannot_be_read_is_named_each_time_and_stops_no_other(tmp_path, store):
    folder = folder_with(tmp_path, [row("a")], [row("b")], [row("c")])
    path = folder / (name_of(2) + ".tsv")
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    done = take_all(store, folder)
    assert (done.rows, done.unread) == (2, (f"{name_of(2)}: Is a directory",))
    assert take_all(store, folder).unread == done.unread
    path.rmdir()
    path.write_bytes(content)
    assert take_all(store, folder) == Taken(1, 1)


def test_rows_of_several_days_and_of_broken_clocks_lie_under_their_days(tmp_path, store):
    times = [NOW, NOW + 86400, NOW - 86400, float("nan"), -5.0, 1e12, NOW + 1]
    folder = folder_with(tmp_path, [row(number, at) for number, at in enumerate(times)])
    assert take_all(store, folder).rows == 7
    assert {(str(one.day), one.rows) for one in store.manifest().files} == {
        ("2026-02-25", 2), ("2026-02-26", 1), ("2026-02-24", 1), ("1970-01-01", 3),
    }  # fmt: skip
    assert call_ids(store) == list("0123456")


def test_other_files_of_the_folder_are_passed_over(tmp_path, store):
    folder = folder_with(tmp_path, [row("a")])
    for name in (name_of(2) + ".torn", name_of(2) + ".draft", "lock", "notes.tsv", name_of(3) + ".tsv.gz"):
        (folder / name).write_text("x")
    assert take_all(store, folder) == Taken(1, 1)


def test_a_journal_without_an_id_is_refused_with_what_to_do(tmp_path, store):
    folder = folder_with(tmp_path, [row("a")])
    for content in ("", "xyz\n", ID.upper()):
        (folder / "id").write_text(content)
        with pytest.raises(TosqauylError, match="16 random hex digits"):
            take_all(store, folder)
    with pytest.raises(TosqauylError, match="has no id"):
        take_all(store, tmp_path / "nowhere")


def test_paths_with_signs_of_patterns_are_taken_literally(tmp_path):
    odd = tmp_path / "a[b]*'?"
    odd.mkdir()
    folder, store = folder_with(odd, [row("a")], [row("b")]), Store(odd / "ledger")
    assert take_all(store, folder).rows == 2
    with store.draft() as draft:
        (folder / (name_of(3) + ".open.tsv")).write_text(HEADER + row("c"))
        assert call_ids(store, lambda state: live_sql(folder, state, draft)) == ["a", "b", "c"]


# The live tail


def test_the_open_segment_is_readable_up_to_its_last_whole_row(tmp_path, store):
    folder = folder_with(tmp_path, [row("a")], [row("b")])
    take_all(store, folder)
    (folder / (name_of(3) + ".tsv")).write_text(HEADER + row("c"))
    (folder / (name_of(4) + ".open.tsv")).write_text(HEADER + row("d") + row("e")[:-2])
    with store.draft() as draft:
        assert call_ids(store, lambda state: live_sql(folder, state, draft)) == ["a", "b", "c", "d"]
    assert call_ids(store) == ["a", "b"]


@pytest.mark.parametrize("content", ["", HEADER[:30], HEADER, HEADER + "x"])
def test_an_open_segment_without_a_whole_row_gives_none(tmp_path, store, content):
    folder = folder_with(tmp_path)
    (folder / (name_of(1) + ".open.tsv")).write_text(content)
    with store.draft() as draft:
        assert call_ids(store, lambda state: live_sql(folder, state, draft)) == []


def test_a_row_is_never_missing_or_twice_while_segments_are_closed_taken_and_removed(tmp_path, store):
    """Between the listing of the journal and the query everything happens that can happen."""
    journal = Journal(tmp_path / "journal", NOW)
    folder = tmp_path / "journal"
    expected = []
    for number in range(6):
        journal.append([row(number)])
        expected.append(str(number))
        with store.draft() as draft:

            def live(state, draft=draft):
                found = live_sql(folder, state, draft)
                journal.rotate(NOW)  # the open segment is closed,
                journal.settle()
                take_all(store, folder)  # taken,
                for path in folder.glob("*Z.tsv"):
                    path.unlink()  # and removed by retention
                return found

            assert sorted(call_ids(store, live)) == expected
    journal.close()
    assert sorted(call_ids(store)) == expected


def test_damaged_lines_do_not_end_a_live_query(tmp_path, store):
    folder = folder_with(tmp_path, HEAD + GOOD[0] + b"rubbish\n" + GOOD[1], b"no header\n")
    with store.draft() as draft:
        assert call_ids(store, lambda state: live_sql(folder, state, draft)) == ["a", "b"]


# Tokens


def test_numbers_become_tokens_on_the_way_in_where_that_is_asked_for(tmp_path, store):
    tokens = Tokens(b"k" * 32)
    was_token = tokens.of("+77010000009")
    folder = folder_with(
        tmp_path,
        [
            row(n, caller=f"+7701000000{n % 3}", presented="", called=was_token, network="+77010000001")
            for n in range(6)
        ],
    )
    take_all(store, folder, Taking(tokens=tokens, columns=("caller", "presented", "called")))
    assert ask(store, "SELECT line, caller, presented, called, network FROM calls ORDER BY line") == [
        (n + 1, tokens.of(f"+7701000000{n % 3}"), "", was_token, "+77010000001") for n in range(6)
    ]


# Many segments


def test_the_manifest_stays_small_and_still_knows_every_segment(tmp_path, store, monkeypatch):
    monkeypatch.setattr("tosqauyl.ledger.take.KEPT_APART", 8)
    folder = folder_with(tmp_path, *([row(number)] for number in range(1, 101)))
    late = (folder / (name_of(20) + ".tsv")).rename(tmp_path / "late")
    assert take_all(store, folder).rows == 99
    state = store.manifest()
    assert len(state.taken) < 20
    assert sum(map(segments_in, (name for _, _, name in state.taken))) == 99
    assert sum(state.taken.values()) == 99
    known = known_segments(state, ID)
    assert [n for n in range(1, 101) if name_of(n) not in known] == [20]
    assert name_of(101) not in known
    assert name_of(50, "20270225T061320Z") not in known  # the same number again, of another time
    assert lost_segments(state, folder) == 1
    shutil.copy(late, folder / (name_of(20) + ".tsv"))
    assert [one.sequence for one in waiting(store, folder)] == [20]
    assert take_all(store, folder).rows == 1
    assert lost_segments(store.manifest(), folder) == 0


def test_segments_removed_before_they_were_taken_are_counted(tmp_path, store):
    folder = folder_with(tmp_path, *([row(number)] for number in range(1, 8)))
    for number in (3, 4):
        (folder / (name_of(number) + ".tsv")).unlink()
    take_all(store, folder)
    for path in folder.glob("*.tsv"):
        path.unlink()
    assert lost_segments(store.manifest(), folder) == 2


# A full disk

FILLS_UP = """
import resource, sys
from pathlib import Path
from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.take import take
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    list(take(Store(Path(sys.argv[1])), Path(sys.argv[2])))
except TosqauylError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("room", [0, 1_000, 30_000])
def test_a_disk_that_fills_up_loses_nothing_and_leaves_nothing_half(tmp_path, store, room):
    folder = folder_with(tmp_path, [row("first")])
    take_all(store, folder)
    (folder / (name_of(2) + ".tsv")).write_text(HEADER + "".join(row(hash(n) * 7919 % 10**9) for n in range(20_000)))
    before = store.manifest()
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", FILLS_UP, str(store.folder), str(folder), str(room)],
        env={"PYTHONPATH": str(source)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert re.search("cannot be written: .*(File too large|No space left)", done.stdout), done.stdout
    assert store.manifest() == before
    assert [path for path in (store.folder / "drafts").iterdir() if path.name != "spill"] == []
    assert len(list(store.folder.glob("calls/*/*"))) == 1
    assert take_all(store, folder).rows == 20_000
    assert len(set(call_ids(store))) == 20_001


# Reading by SQL


def test_a_survey_counts_lines_and_sees_what_a_crash_leaves(tmp_path):
    folder = folder_with(tmp_path, [row("a"), row("b")], HEAD + b"\0", HEAD[:-1])
    found = [survey(one.path) for one in list_segments(folder)]
    assert [(one.rows, one.sound) for one in found] == [(2, True), (0, False), (0, False)]


def test_no_segment_gives_no_row_and_all_columns():
    assert connect().execute(f"SELECT count(*) FROM ({duckdb_sql([])})").fetchall() == [(0,)]


def test_a_segment_that_is_gone_is_said_to_be(tmp_path):
    with pytest.raises(TosqauylError, match="cannot be read"):
        header_of(tmp_path / "gone.tsv")


def test_a_rotating_journal_is_taken_as_it_goes(tmp_path, store):
    journal = Journal(tmp_path / "journal", NOW, Options(rotate_bytes=5_000))
    for number in range(60):
        journal.append([row(number, NOW + number)])
        journal.tick(NOW + number)
        if number % 20 == 7:
            journal.settle()
            take_all(store, tmp_path / "journal")
    journal.close()
    take_all(store, tmp_path / "journal")
    assert call_ids(store) == [str(number) for number in range(60)]
