"""The row maker: one line a decision, whatever the values hold."""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from tosqauyl.facts import FACTS, UNKNOWN_CALL, Call, FactType
from tosqauyl.journal.columns import HEADER, OWN_WORDS, TOKENISED, clean, row_maker, written
from tosqauyl.journal.segment import read_segment
from tosqauyl.ledger.segments import duckdb_sql
from tosqauyl.record import COLUMNS
from tosqauyl.tokens import Tokens

DECIDED = ("stop", "fixed-from-abroad", "kz-fixed", "deterministic", 1 << 119, "pass", "none", "")
HOSTILE = st.text(
    st.sampled_from("ab\t\n\r\0\x01\x1b\x7f\x85\u2028\"'\\,;#é𝕏😀\u202e\ufeff\udc80\u0000АБ"), max_size=12
)


def _value(fact):
    return {
        FactType.TEXT: HOSTILE,
        FactType.CHOICE: st.sampled_from(fact.about.choices or ("",)),
        FactType.BOOLEAN: st.booleans(),
        FactType.INTEGER: st.integers(-(2**63), 2**63 - 1),
        FactType.NUMBER: st.floats(0, 4e9),
    }[fact.type]


CALLS = st.builds(Call, *map(_value, FACTS.values()))
OWN = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)
HONEST_OWN = st.fixed_dictionaries({name: OWN for name in sorted(OWN_WORDS)})


def _as_stored(value):
    return clean(value).encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _segment(folder, rows):
    path = Path(folder) / "0000000001-20260301T000000Z.tsv"
    path.write_bytes((HEADER + "".join(rows)).encode("utf-8", "replace"))
    return path


@given(CALLS, HONEST_OWN, HOSTILE, HOSTILE)
def test_a_row_is_always_one_line_with_all_its_columns(call, own, policy, snapshot):
    row = row_maker(None, policy, snapshot)(call._replace(**own), DECIDED, 3.25, 603)
    assert row.endswith("\n")
    assert row.count("\n") == 1
    assert row.count("\t") == len(COLUMNS) - 1
    assert row[:-1].replace("\t", "") == clean(row[:-1].replace("\t", ""))


@settings(max_examples=40)
@given(st.lists(st.tuples(CALLS, HONEST_OWN), min_size=1, max_size=5))
def test_duckdb_and_python_read_back_what_was_written(calls):
    make_row = row_maker(None, "policyhash", "snapshothash")
    calls = [call._replace(**own) for call, own in calls]
    with TemporaryDirectory() as folder:
        path = _segment(folder, [make_row(call, DECIDED, 3.25, 603) for call in calls])
        with_python = [tuple(row.values()) for row in read_segment(path)]
        with_duckdb = duckdb.sql(duckdb_sql([path])).fetchall()
    tail = (*DECIDED, "policyhash", "snapshothash", 3.2, 603)
    wanted = [(round(call.at, 6), *map(_as_stored, call[1:]), *tail) for call in calls]
    assert with_python == wanted
    assert with_duckdb == wanted


@given(CALLS, HONEST_OWN)
def test_the_fast_and_the_careful_way_write_the_same(call, own):
    call = call._replace(**own, display_name="Алия", user_agent="x")
    call = call._replace(
        **{name: _as_stored(value) for name, value in call._asdict().items() if isinstance(value, str)}
    )
    token = Tokens(b"k" * 32).of
    row = row_maker(token, "p", "s")(call, DECIDED, 3.25, 603)
    careful = row_maker(token, "p", "s")(call, list(DECIDED), 3.25, 603)  # a list cannot be a key: the careful way
    assert row == careful


def test_a_value_of_a_wrong_type_is_written_not_raised():
    call = UNKNOWN_CALL._replace(call_id=None, redirections="x", at="soon", called_msrn=None, called=7)
    row = row_maker(Tokens(b"k" * 32).of, "p", "s")(call, DECIDED, float("nan"), 603)
    assert row.count("\t") == len(COLUMNS) - 1


def test_called_and_redirecting_numbers_are_tokens_unless_in_clear():
    call = UNKNOWN_CALL._replace(called="+77011234567", redirecting="+77021234567", caller="+4420")
    tokens = Tokens(b"k" * 32)
    hidden = row_maker(tokens.of, "p", "s")(call, DECIDED, 1.0, 302)
    careful = row_maker(tokens.of, "p", "s")(call._replace(display_name="a\tb"), DECIDED, 1.0, 302)
    for row in (hidden, careful):
        assert "+77011234567" not in row
        assert "+77021234567" not in row
        assert tokens.of("+77011234567") in row
    assert "+77011234567" in row_maker(None, "p", "s")(call, DECIDED, 1.0, 302)
    assert set(TOKENISED) <= FACTS.keys()


def test_no_two_columns_have_one_name_and_every_one_is_explained():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert all(column.doc.endswith(".") for column in COLUMNS)
    assert names[: len(FACTS)] == list(FACTS)


def test_more_decisions_than_are_remembered_are_still_written_right():
    make_row = row_maker(None, "p", "s")
    for mask in range(5000):
        row = make_row(UNKNOWN_CALL, (*DECIDED[:4], mask, *DECIDED[5:]), 1.0, 302)
        assert f"\t{mask}\tpass\t" in row


def test_written_values_are_what_duckdb_reads():
    assert [written(value) for value in (True, False, 1.5, 1 << 120, "a\tb\x00")] == [
        "true",
        "false",
        "1.5",
        str(1 << 120),
        "a b\ufffd",
    ]
