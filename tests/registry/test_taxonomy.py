"""The code lists."""

import pytest

from tosqauyl.errors import FileMistakes
from tosqauyl.registry import taxonomy
from tosqauyl.registry.shipped import shipped_text
from tosqauyl.registry.words import REPORT_MOVES

GIVEN_TECHNIQUES = {
    "F1032", "F1040.002", "F1020.002", "T1583.001", "T1583.008", "T1219", "F1005.003", "F1025.001", "F1017.001", "F1018", "F1045",
}  # fmt: skip


def test_the_ministrys_four_schemes_and_the_centres_eight_classes_are_there() -> None:
    found = taxonomy.schemes().by_slug.values()
    assert [one.slug for one in found if one.source == "ministry"] == [
        "internet-trade", "fake-investment", "impersonation-call", "safe-account",
    ]  # fmt: skip
    assert sum(one.source == "anti-fraud-centre" for one in found) == 8
    assert all(len(one.slug) <= 32 and set(one.titles) == {"kk", "ru", "en"} and one.source_date for one in found)
    assert {technique for one in found for technique in one.techniques} <= GIVEN_TECHNIQUES


def test_there_are_twenty_regions_three_of_them_cities() -> None:
    found = taxonomy.regions()
    assert len(found) == 20
    assert sorted(one.titles["en"] for one in found.values() if one.kind == "city") == ["Almaty", "Astana", "Shymkent"]


def test_every_state_has_words_for_the_author() -> None:
    words = taxonomy.progress()
    assert set(REPORT_MOVES) <= set(words)
    assert all(titles[language] for titles in words.values() for language in ("kk", "ru", "en"))


def test_linking_is_data() -> None:
    rules = taxonomy.linking()
    assert rules.reporters == 2
    assert "trunk" not in rules.kinds


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('slug = "safe-account"', 'slug = "fake-investment"', "twice"),
        ('parent = "internet-trade"', 'parent = "nothing"', "must stand above"),
        ('f3 = ["F1032"]', 'f3 = ["phishing"]', "no id of a technique"),
        ('ru = "Прочее"', "", "a text is missing"),
        ('source = "ministry"', 'source = "nobody"', "none of the file's"),
        ('version = "2026-11-28"', "", "version"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    text = shipped_text("schemes.toml")
    assert old in text
    with pytest.raises(FileMistakes, match=said):
        taxonomy.read_schemes(text.replace(old, new, 1))


def test_wrong_regions_and_rules_are_refused() -> None:
    with pytest.raises(FileMistakes, match="neither region nor city"):
        taxonomy.read_regions(shipped_text("regions.toml").replace('"city"', '"town"', 1))
    with pytest.raises(FileMistakes, match="no kind of observable"):
        taxonomy.read_linking(shipped_text("linking.toml").replace('"phone"', '"smell"'))
    with pytest.raises(FileMistakes, match="above 0"):
        taxonomy.read_linking(shipped_text("linking.toml").replace("reporters = 2", "reporters = 0"))
    with pytest.raises(FileMistakes, match=r"there is no \[\[region\]\]"):
        taxonomy.read_regions('version = "x"\n')
