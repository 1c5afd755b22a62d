"""Display names that pass themselves off as somebody official; the corpus is for reading."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.screen.impersonation import PHRASES, fold, impersonated

CORPUS = Path(__file__).parents[1] / "corpora" / "screen" / "display_names.csv"
NAMES = [tuple(row) for row in csv.reader(CORPUS.open(encoding="utf-8"))][1:]


@pytest.mark.parametrize(("name", "expected", "why"), NAMES, ids=[f"{row[0]}-{row[2]}" for row in NAMES])
def test_a_display_name_is_taken_for_what_a_person_takes_it_for(name, expected, why):
    assert impersonated(name) == expected, why


@given(st.text(max_size=200))
def test_any_text_folds_to_the_same_skeleton_as_its_skeleton(name):
    assert fold(fold(name)) == fold(name)
    assert impersonated(name) in ("none", "bank", "police", "state")


@given(
    st.lists(st.sampled_from(["Алло", "это", "Your", "сәлем", "№", "2026"]), max_size=3),
    st.sampled_from([phrase.strip() for phrases in PHRASES.values() for phrase in phrases]),
)
def test_an_official_name_is_found_wherever_it_stands(words, phrase):
    assert impersonated(" ".join([*words, phrase, *words])) != "none"
