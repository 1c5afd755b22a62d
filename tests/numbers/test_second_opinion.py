"""libphonenumber as a second opinion: what it thinks possible must never come out impossible or unassigned."""

import csv
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata

from tosqauyl.numbers.plan import load_plan

ROOT = Path(__file__).parents[2]
PLAN = load_plan()
TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager",
    "uan", "voicemail",
)  # fmt: skip
WRONG = {"impossible", "unassigned", "unknown", "unallocated", "reserve"}
KNOWN_EDGES = {
    row["number"]: row for row in csv.DictReader((ROOT / "tests/corpora/numbers/edges.csv").open(encoding="utf-8"))
}


def examples() -> Iterator[tuple[str, str, str]]:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        metadata = PhoneMetadata.metadata_for_region(region)
        for name in TYPES:
            kind = getattr(metadata, name)
            if kind and kind.example_number:
                yield region, name, f"+{metadata.country_code}{kind.example_number}"
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        yield (
            "001",
            "any",
            phonenumbers.format_number(
                phonenumbers.example_number_for_non_geo_entity(code), phonenumbers.PhoneNumberFormat.E164
            ),
        )


def test_no_example_number_of_any_region_is_called_impossible() -> None:
    wrong = [
        (*row, PLAN.read(row[2])) for row in examples() if PLAN.read(row[2]).kind in WRONG and row[2] not in KNOWN_EDGES
    ]
    assert wrong == []


def test_fixed_lines_and_mobiles_have_the_country_the_library_gives_them() -> None:
    coarser = set()
    for region, name, number in examples():
        if name in ("fixed_line", "mobile") and number not in KNOWN_EDGES:
            parsed = phonenumbers.parse(number)
            ours, theirs = PLAN.read(number).country, phonenumbers.region_code_for_number(parsed)
            main = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[parsed.country_code][0]
            assert ours in (theirs, main), (region, name, number)
            if ours != theirs:
                coarser.add((ours, theirs))
    # Regions whose blocks lie between those of the main country, finer than five digits.
    assert coarser <= {("GP", "BL"), ("GP", "MF"), ("MA", "EH"), ("GB", "IM"), ("AU", "CC"), ("AU", "CX")}


@pytest.mark.parametrize("edge", KNOWN_EDGES.values(), ids=lambda edge: edge["number"])
def test_every_known_difference_is_still_there(edge: dict[str, str]) -> None:
    assert (PLAN.read(edge["number"]).kind, PLAN.read(edge["number"]).country) == (
        edge["ours_kind"],
        edge["ours_country"],
    )
    parsed = phonenumbers.parse(edge["number"])
    assert (phonenumbers.region_code_for_number(parsed) or "") == edge["their_region"]


def test_kazakh_mobile_numbers_of_the_library_are_ours_and_the_other_way_round() -> None:
    for code in range(700, 800):
        number = f"+7{code}5555555"
        theirs = phonenumbers.number_type(phonenumbers.parse(number)) == phonenumbers.PhoneNumberType.MOBILE
        assert theirs == (PLAN.read(number).kind == "mobile"), number


def test_generating_the_table_again_gives_the_same_file() -> None:
    path = ROOT / "scripts/make_country_table.py"
    spec = importlib.util.spec_from_file_location("make_country_table", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.table() == script.TARGET.read_text(encoding="utf-8")
