"""`tosqauyl number` in Kazakh and Russian: nothing that the plan can say is left in English."""

import csv
import json
import re
from pathlib import Path

import pytest

from tosqauyl.cli import main
from tosqauyl.cli.number_texts import COUNTRIES, KINDS, NAMES, PLACES, SHORTS, SOURCES, STEPS, USES, step_text
from tosqauyl.facts import KINDS as ALL_KINDS
from tosqauyl.numbers import explain
from tosqauyl.numbers.explain import Step, Template
from tosqauyl.numbers.plan import load_plan
from tosqauyl.numbers.tables import read_areas, read_plus7, read_short_codes
from tosqauyl.texts import Texts

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src/tosqauyl/numbers/data"
PLAN = load_plan({"+77011234567": "beeline"})
ENGLISH = Texts("en")
with (ROOT / "tests/corpora/numbers/readings.csv").open(encoding="utf-8") as rows:
    CORPUS = [row["raw"] for row in csv.DictReader(rows)]
CODES = [f"+7{code:03}2345678" for code in range(1000)] + [f"+77{area:03}00000" for area in range(100, 300)]
LATIN = re.compile(r"[A-Za-z]{2,}")
NAMES_IN_LATIN = {"IP", "Kcell", "activ", "Altel", "Tele", "Mobile", "Telecom", "Service", "eGov", "kcell", "beeline"}


def steps() -> list[Step]:
    shorts = [line.split("|")[0].strip() for line in (DATA / "short_codes.txt").read_text().splitlines() if "|" in line]
    found = {}
    for raw in (*CORPUS, *CODES, *shorts, *("+" + short for short in shorts)):
        for step in PLAN.explain(raw).steps:
            found[step.text] = step
    return list(found.values())


STEPS_SEEN = steps()


def test_every_template_of_the_plan_is_marked_for_translation() -> None:
    assert set(STEPS) == {str(template) for template in Template}


def test_every_template_is_shown_by_the_corpus_or_the_data() -> None:
    unseen = set(Template) - {step.template for step in STEPS_SEEN}
    assert unseen == set(), "a step that nothing produces is dead, or the corpus lacks its example"


def test_every_word_of_the_data_files_is_marked_for_translation() -> None:
    uses = {use.what[:1].upper() + use.what[1:] for use in read_plus7((DATA / "plus7.txt").read_text()).values()}
    assert set(USES) | NAMES == uses
    assert set(SHORTS) == {short.what for short in read_short_codes((DATA / "short_codes.txt").read_text()).values()}
    assert set(PLACES) == {area.name for area in read_areas((DATA / "areas.txt").read_text()).values()}
    assert KINDS == ALL_KINDS
    assert set(COUNTRIES) == {use.country for use in read_plus7((DATA / "plus7.txt").read_text()).values()} - {""}


def test_every_source_with_words_is_marked_for_translation() -> None:
    sources = {step.source for step in STEPS_SEEN} | {source for _, source in explain._FORMS.values()}
    assert {source for source in sources if " section " in source or source == "portability file"} == set(SOURCES)


def test_english_steps_are_those_of_the_plan() -> None:
    assert [step_text(step, ENGLISH) for step in STEPS_SEEN] == [step.text for step in STEPS_SEEN]


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_no_step_is_left_in_english(language: str) -> None:
    t = Texts(language)
    for step in STEPS_SEEN:
        text = step_text(step, t)
        kept = NAMES_IN_LATIN | {word for name in NAMES for word in LATIN.findall(name)}
        kept |= {step.values.get("country", "")}
        assert set(LATIN.findall(text)) <= kept, text
        assert re.search("[а-яәғқңөұүһі]", text.lower()), text
        assert "section" not in t(step.source)
        assert all(
            value in text for name, value in step.values.items() if name in ("number", "code", "digits", "since")
        )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("kk", ["(қалалық, Қазақстан)", "Астана; ", "[RFC 3966, 5.1.4-бөлім]"]),
        ("ru", ["(городской, Казахстан)", "Астана; ", "[RFC 3966, раздел 5.1.4]"]),
        (
            "en",
            ["(fixed, KZ)", "Astana; a subscriber there has 6 digits.  [plan,metadata]", "[RFC 3966 section 5.1.4]"],
        ),
    ],
)
def test_number_speaks_three_languages(capsys, language: str, words: list[str]) -> None:
    assert main(["number", "+77172123456", "--lang", language]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words)


def test_json_has_steps_in_the_language_and_all_else_as_machines_read_it(capsys) -> None:
    main(["number", "+77172123456", "--lang", "ru", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["country"]) == ("fixed", "KZ")
    assert found["steps"][1] == {"text": "Код 717 зоны +7 принадлежит Казахстану.", "source": "treaty"}
