"""Files of each kind: what they are is told from their content, and their rows come to the calls and outcomes that they tell of."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.ledger.engine import DuckEngine
from tosqauyl.ledger.imports import radius
from tosqauyl.ledger.imports.kinds import guess
from tosqauyl.ledger.imports.run import Done, Importer, Options
from tosqauyl.ledger.store import Store

CORPUS = Path(__file__).resolve().parents[1] / "corpora" / "imports"
TEN = 1740805200.0  # 2025-03-01 10:00:00 in Almaty (UTC+5)
CALLS = 'SELECT round("at", 3), call_id, caller, caller_kind, called, called_kind FROM calls ORDER BY line'
ENDS = (
    'SELECT call_id, round("at", 3), answered, duration, ringing, sip_code, q850, hung_up FROM outcomes ORDER BY line'
)

Take = Callable[..., tuple[Done, DuckEngine]]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    def run(path: Path, **options: Any) -> tuple[Done, DuckEngine]:
        importer = Importer(Store(tmp_path / "ledger"), Options(**options))
        done = importer.take(path)
        importer.close()
        return done, DuckEngine(Store(tmp_path / "ledger"))

    return run


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("asterisk-master.csv", ("asterisk", "asterisk")),
        ("asterisk-custom.csv", ("asterisk", "asterisk-custom")),
        ("freeswitch-master.csv", ("freeswitch", "freeswitch")),
        ("freeswitch.json", ("freeswitch", "freeswitch-cdr")),
        ("freeswitch.xml", ("freeswitch", "freeswitch-xml")),
        ("kamailio-acc.log", ("kamailio", "kamailio")),
        ("kamailio-acc.csv", ("kamailio", "kamailio-table")),
        ("radius-detail", ("radius", "radius")),
        ("README.txt", ("csv", "")),
    ],
)
def test_a_kind_is_told_from_the_content(name: str, kind: tuple[str, str]) -> None:
    assert guess(CORPUS / name) == kind


def test_asterisks_master_csv(take: Take) -> None:
    done, engine = take(CORPUS / "asterisk-master.csv")
    assert (done.calls, done.outcomes, done.rejected, done.cells) == (3, 3, 0, 0)
    assert engine.rows(CALLS) == [
        (TEN, "1740805200.1", "+442071838750", "foreign", "+77012345678", "mobile"),
        (TEN + 30, "1740805230.3", "+77172000001", "fixed", "+77012345679", "mobile"),
        (TEN + 90, "1740805290.10", "anonymous", "unknown", "+77012345680", "mobile"),
    ]
    assert engine.rows("SELECT display_name, trunk, caller_form FROM calls ORDER BY line") == [
        ("Anna Smith", "telia", "international"),
        ("87172000001", "telia", "national"),
        ("Anonymous", "orange", "anonymous"),
    ]
    assert engine.rows(ENDS) == [
        ("1740805200.1", TEN + 67, "yes", 60.0, 7.0, 0, 0, "unknown"),
        ("1740805230.3", TEN + 60, "no", 0.0, 30.0, 0, 0, "unknown"),
        ("1740805290.10", TEN + 90, "no", 0.0, 0.0, 0, 0, "unknown"),
    ]


def test_asterisks_custom_csv_is_told_apart_by_where_the_disposition_stands(take: Take) -> None:
    done, engine = take(CORPUS / "asterisk-custom.csv", constants={"direction": "international"})
    assert (done.mapping, done.calls, done.rejected) == ("asterisk-custom", 2, 0)
    assert engine.rows("SELECT caller, caller_kind, direction FROM calls ORDER BY line") == [
        ("+442071838750", "foreign", "international"),
        ("103", "emergency", "international"),
    ]


def test_freeswitchs_master_csv_has_causes_by_name(take: Take) -> None:
    done, engine = take(CORPUS / "freeswitch-master.csv")
    assert (done.calls, done.rejected) == (3, 0)
    assert [row[1:] for row in engine.rows(ENDS)] == [
        (TEN + 67, "yes", 60.0, 7.0, 0, 16, "unknown"),
        (TEN + 50, "no", 0.0, 20.0, 0, 17, "callee"),
        (TEN + 100, "no", 0.0, 10.0, 0, 16, "caller"),
    ]


def test_freeswitchs_json_and_xml_have_the_call_id_and_who_hung_up(take: Take) -> None:
    done, engine = take(CORPUS / "freeswitch.json")
    assert (done.calls, done.rejected) == (2, 1)
    assert engine.rows(CALLS)[0] == (
        TEN,
        "a84b4c76e66710@192.0.2.7",
        "+442071838750",
        "foreign",
        "+77012345678",
        "mobile",
    )
    assert engine.rows(ENDS) == [
        ("a84b4c76e66710@192.0.2.7", TEN + 67, "yes", 60.0, 7.0, 200, 16, "caller"),
        ("b84b4c76e66711@192.0.2.7", TEN + 50, "no", 0.0, 0.0, 486, 17, "callee"),
    ]


def test_an_xml_record_with_entities_of_its_own_is_refused(take: Take) -> None:
    done, engine = take(CORPUS / "freeswitch.xml")
    assert (done.calls, done.rejected) == (1, 2)  # the one with a document type, and the one without a time
    assert engine.rows("SELECT caller, called, display_name FROM calls") == [
        ("+442071838750", "+77012345678", "Anna Smith")
    ]


def test_kamailios_acc_lines_pair_the_invite_with_its_bye(take: Take) -> None:
    done, engine = take(CORPUS / "kamailio-acc.log")
    assert (done.calls, done.outcomes, done.rejected, done.counts["other_lines"]) == (3, 5, 0, 1)
    assert engine.rows("SELECT DISTINCT caller, source FROM calls") == [("+442071838750", "127.0.0.1")]
    answered = "SELECT call_id, max(duration), max(sip_code) FROM outcomes WHERE answered = 'yes' GROUP BY 1 ORDER BY 1"
    assert [row[1:] for row in engine.rows(answered)] == [(1.0, 200), (1.0, 200)]
    assert engine.rows("SELECT answered, sip_code FROM outcomes WHERE sip_code >= 300") == [("no", 486)]


def test_kamailios_acc_table(take: Take) -> None:
    done, engine = take(CORPUS / "kamailio-acc.csv")
    assert (done.calls, done.outcomes) == (2, 3)
    assert engine.rows(ENDS) == [
        ("c1@192.0.2.7", TEN + 7, "yes", -1.0, -1.0, 200, 0, "unknown"),
        ("c2@192.0.2.7", TEN + 20, "no", -1.0, -1.0, 486, 0, "unknown"),
        ("c1@192.0.2.7", TEN + 67, "yes", 60.0, -1.0, 200, 0, "unknown"),
    ]


NAMES = ("Acct-Status-Type", "Acct-Session-Id", "h323-conf-id", "Timestamp")
VALUES = st.one_of(
    st.sampled_from(
        [
            "Stop",
            '"c1@host"',
            '""',
            '"a \\" b"',
            '"h323-conf-id=77"',
            "h323-conf-id=77",
            '"x" tail',
            "a = b",
            "",
            " ",
            '"',
        ]
    ),
    st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=("Cs",)), max_size=12),
)
LINES = st.one_of(
    st.builds("{}{}{}{}".format, st.sampled_from(["\t", "  ", "", "\t "]), st.sampled_from([*NAMES, "Other", "Cisco-AVPair", ""]),
              st.sampled_from([" = ", "=", " += ", " =", "= ", " := "]), VALUES),
    st.builds('\tCisco-AVPair = "{}={}"'.format, st.sampled_from(NAMES), st.text("abc =1", max_size=6)),
    st.sampled_from(["Sat Mar  1 10:00:00 2025", " = x", "\t"]),
)  # fmt: skip


@given(st.lists(LINES, max_size=8))
def test_attributes_of_radius_read_quickly_are_those_that_the_pattern_finds(lines: list[str]) -> None:
    part, pattern = "\n".join(lines), radius.attribute_pattern(NAMES)
    read = radius._record(part, pattern)
    assert {name: value for name, value in read.items() if name in NAMES} == dict(pattern.findall(part))


def test_radius_stop_records(take: Take) -> None:
    done, engine = take(CORPUS / "radius-detail")
    assert (done.calls, done.outcomes, done.rejected, done.counts["passed_over"]) == (2, 2, 1, 1)
    assert engine.rows(CALLS) == [
        (TEN + 7, "c1@192.0.2.7", "+442071838750", "foreign", "+77012345678", "mobile"),
        (TEN + 120, "c2@192.0.2.7", "+77172000001", "fixed", "+77012345679", "mobile"),
    ]
    assert engine.rows(ENDS) == [
        ("c1@192.0.2.7", TEN + 67, "yes", 60.0, -1.0, 200, 0, "unknown"),
        ("c2@192.0.2.7", TEN + 120, "no", 0.0, -1.0, 0, 17, "unknown"),
    ]


def test_a_file_whose_columns_are_named_as_the_ledgers_needs_no_mapping(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    columns = {
        "at": [TEN, TEN + 1],
        "presented": ["87172000001", "+442071838750"],
        "called": ["+77012345678"] * 2,
        "truth": ["fraud", "honest"],
    }
    pq.write_table(pa.table(columns), path)
    done, engine = take(path)
    assert (done.kind, done.calls, done.outcomes) == ("parquet", 2, 0)
    assert engine.rows('SELECT "at", caller_kind, truth FROM calls ORDER BY line') == [
        (TEN, "fixed", "fraud"),
        (TEN + 1, "foreign", "honest"),
    ]


def test_a_packed_file_is_read_like_any_other(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "Master.csv.1.gz"
    path.write_bytes(gzip.compress((CORPUS / "asterisk-master.csv").read_bytes()))
    done, _ = take(path)
    assert (done.kind, done.calls) == ("asterisk", 3)


def test_outcomes_only_takes_no_calls(take: Take) -> None:
    for name, outcomes in (("kamailio-acc.log", 5), ("radius-detail", 2), ("freeswitch.json", 2)):
        done, engine = take(CORPUS / name, outcomes_only=True)
        assert (done.calls, done.outcomes) == (0, outcomes)
    assert engine.rows("SELECT count(*) FROM calls") == [(0,)]


def test_outcomes_only_needs_no_numbers(take: Take, tmp_path: Path) -> None:
    path = tmp_path / "acc.log"
    path.write_text(
        "sbc kamailio: ACC: transaction answered: timestamp=1740805207;method=INVITE;from_tag=f;to_tag=t;call_id=c1;code=200;reason=OK\n"
    )
    done, _ = take(path, outcomes_only=True)
    assert (done.outcomes, done.rejected) == (1, 0)
