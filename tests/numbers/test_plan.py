import csv
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import FileMistakes
from tosqauyl.facts import FORMS, KINDS
from tosqauyl.numbers.number import Number
from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.numbers.portability import read_portability
from tosqauyl.numbers.tables import read_plus7, read_short_codes

ROOT = Path(__file__).parents[2]
CORPUS = list(csv.DictReader((ROOT / "tests/corpora/numbers/readings.csv").open(encoding="utf-8")))
DATA = ROOT / "src/tosqauyl/numbers/data"
PLAN = load_plan()

digits = st.text("0123456789", max_size=18)
prefixes = st.sampled_from(
    ["", "+", "++", "+00", "00", "810", "8", "7", "+7", "+77", "+8", "+810", "0", "+44", "44", "+1"]
)
spelt = st.builds(str.__add__, prefixes, digits)
anything = st.one_of(
    spelt, st.text(), st.text(alphabet=st.characters(codec=None)), st.text("+0123456789 -.()*#a٠７²\x00\ud8ff")
)


def unchanged(number: Number) -> tuple[str, str, str, str]:
    return number.text, number.kind, number.country, number.operator


@pytest.mark.parametrize("row", CORPUS, ids=lambda row: f"{row['raw']} ({row['why']})")
def test_reads_every_line_of_the_corpus(row: dict[str, str]) -> None:
    assert PLAN.read(row["raw"])._asdict() == {name: row[name] for name in Number._fields}


def test_corpus_shows_every_form_and_kind_the_plan_can_give() -> None:
    assert {row["form"] for row in CORPUS} == set(FORMS) - {"unknown"}
    assert {row["kind"] for row in CORPUS} == set(KINDS) - {"premium"}  # 809 is shared: see docs/numbers.md


@given(anything)
def test_any_text_gives_a_number_and_an_explanation_and_never_raises(raw: str) -> None:
    number = PLAN.read(raw)
    assert number.form in FORMS
    assert number.kind in KINDS
    assert len(number.text) <= 64
    assert number.text.isprintable()
    number.text.encode()
    explanation = PLAN.explain(raw)
    assert explanation.number == number
    assert all(step.text and step.source for step in explanation.steps)


@given(spelt)
def test_a_normalised_number_reads_as_itself(raw: str) -> None:
    number = PLAN.read(raw)
    if number.form in ("international", "prefixed", "bare", "national") and number.kind not in (
        "impossible",
        "unassigned",
    ):
        again = PLAN.read(number.text)
        assert unchanged(again) == unchanged(number)
        assert again.form == "international"


@given(spelt, st.data())
def test_visual_separators_change_nothing(raw: str, data: st.DataObject) -> None:
    marks = data.draw(st.lists(st.sampled_from(["", "-", ".", "(", ")", " "]), min_size=len(raw), max_size=len(raw)))
    assert PLAN.read("".join(sign + mark for sign, mark in zip(raw, marks, strict=True))) == PLAN.read(raw)


@given(st.sampled_from(PLAN.mobile_codes), st.integers(0, 9_999_999))
def test_all_spellings_of_a_kazakh_mobile_number_are_the_same_number(code: str, rest: int) -> None:
    national = f"{code}{rest:07}"
    spellings = [f"+7{national}", f"7{national}", f"8{national}", national, f"007{national}", f"8107{national}"]
    readings = {unchanged(PLAN.read(spelling)) for spelling in spellings}
    assert readings == {(f"+7{national}", "mobile", "KZ", PLAN.read(f"+7{national}").operator)}


@pytest.mark.parametrize("raw", ["+" + "7" * 65536, "7" * 65536, "x" * 65536, "-" * 65536, "\x00" * 65536, "+" * 65536])
def test_64_kilobytes_of_junk_are_read(raw: str) -> None:
    assert len(PLAN.read(raw).text) <= 64
    assert PLAN.explain(raw).steps


def test_every_code_of_plus_seven_has_the_owner_of_the_treaty() -> None:
    owner: dict[str, str] = {}
    for row in csv.DictReader((ROOT / "tests/corpora/numbers/treaty.csv").open(encoding="utf-8")):
        owner |= {f"{code:03}": row["owner"] for code in range(int(row["first"]), int(row["last"]) + 1)}
    assert len(owner) == 1000
    assert sum(whose == "reserve" for whose in owner.values()) == 26
    for code, whose in owner.items():
        number = PLAN.read(f"+7{code}5555555")
        assert (number.kind if whose in ("shared", "reserve") else number.country) == whose


def test_the_nineteen_mobile_codes_and_their_operators() -> None:
    assert len(PLAN.mobile_codes) == 19
    assert sorted(code for codes in PLAN.codes_of_operator.values() for code in codes) == list(PLAN.mobile_codes)
    assert PLAN.codes_of_operator["kcell"] == ("701", "702", "775", "778")


def test_every_data_line_names_sources_that_are_explained() -> None:
    known = {
        line.split("|")[1].strip() for line in (DATA / "SOURCES.md").read_text().splitlines() if line.startswith("|")
    }
    for name in ("plus7.txt", "areas.txt", "short_codes.txt", "anonymous.txt"):
        for line in (DATA / name).read_text().splitlines():
            if line and not line.startswith("#"):
                assert {tag.strip() for tag in line.split("|")[-1].split(",")} <= known, line


def test_ported_numbers_have_their_new_operator_in_every_spelling() -> None:
    ported = read_portability("# moved\n8 701 123-45-67, beeline\n+77771234567,t2 # twice\n", "mnp.csv", PLAN)
    assert ported == {"+77011234567": "beeline", "+77771234567": "t2"}
    plan = load_plan(ported)
    for spelling in ("+77011234567", "87011234567", "+7 701 1234567"):
        assert plan.read(spelling).operator == "beeline"
    assert plan.read("+77011234568").operator == "kcell"
    assert plan.hash != PLAN.hash
    assert "Ported" in plan.explain("+77011234567").steps[-1].text


def test_portability_file_tells_all_mistakes_at_once() -> None:
    text = "+77011234567,kcel\n+447700900123,t2\nnothing\n+77051234567,t2\n+77051234567,kcell\n\n"
    with pytest.raises(FileMistakes) as caught:
        read_portability(text, "mnp.csv", PLAN)
    assert [mistake.line for mistake in caught.value.mistakes] == [1, 2, 3, 5]


def test_a_portability_file_that_is_all_wrong_stops_at_a_thousand_mistakes() -> None:
    with pytest.raises(FileMistakes) as caught:
        read_portability("junk\n" * 5000, "mnp.csv", PLAN)
    assert len(caught.value.mistakes) == 1001


def test_data_files_tell_all_mistakes_at_once() -> None:
    with pytest.raises(FileMistakes) as caught:
        read_plus7("000-998|nonsense|KZ|||2026-01-01|plan\n12-3|fixed|KZ|||2026-01-01|plan\nfew|fields\n")
    assert sorted(mistake.line for mistake in caught.value.mistakes) == [0, 1, 2, 3]
    with pytest.raises(FileMistakes):
        read_short_codes("1|emergency|x|y\n102|mobile|x|y\n")


def test_the_plan_is_dated_hashed_and_the_same_each_time() -> None:
    again = load_plan()
    assert isinstance(again, Plan)
    assert (again.hash, again.version) == (PLAN.hash, PLAN.version)
    assert len(PLAN.hash) == 16
    assert PLAN.version.count("-") == 2


def test_the_product_does_not_import_the_library_the_table_is_made_from() -> None:
    import subprocess

    code = (
        "import sys; from tosqauyl.numbers.plan import load_plan; load_plan(); sys.exit('phonenumbers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
