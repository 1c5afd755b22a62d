import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tosqauyl.cli.texts import choose_language
from tosqauyl.facts import Reason, Verdict
from tosqauyl.texts import LANGUAGES, REASONS, VERDICTS, Texts

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    pytest.importorskip("babel")
    spec = importlib.util.spec_from_file_location("compile_texts", ROOT / "scripts" / "compile_texts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_every_text_is_translated_and_its_mo_is_current(script: ModuleType, language: str) -> None:
    assert script.problems(language) == [], "run: python scripts/compile_texts.py, then translate"


def test_texts_inside_f_strings_are_collected(script: ModuleType) -> None:
    assert "Ctrl-C ends it early" in {message.id for message in script.collected("tosqauyl")}


def test_every_reason_and_verdict_has_a_name() -> None:
    assert set(REASONS) == set(Reason)
    assert set(VERDICTS) == set(Verdict)


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_reason_and_verdict_names_differ_from_each_other_and_from_english(language: str) -> None:
    t, english = Texts(language), Texts("en")
    for slugs, name in ((list(Reason), "reason"), (list(Verdict), "verdict")):
        names = [getattr(t, name)(str(slug)) for slug in slugs]
        assert len(set(names)) == len(names)
        assert all(one != getattr(english, name)(str(slug)) for one, slug in zip(names, slugs, strict=True))


def test_kazakh_texts_are_kazakh() -> None:
    assert set("әғқңөұүһі") & set("".join(Texts("kk").reason(str(slug)) for slug in Reason).lower())


def test_slugs_of_another_version_are_shown_as_they_are() -> None:
    assert Texts("kk").reason("from-the-future") == "from-the-future"
    assert Texts("ru").verdict("ponder") == "ponder"


@pytest.mark.parametrize(
    ("flag", "environment", "language"),
    [
        ("kk", {"TOSQAUYL_LANG": "ru"}, "kk"),
        (None, {"TOSQAUYL_LANG": "ru", "LC_ALL": "kk_KZ.UTF-8"}, "ru"),
        (None, {"LC_ALL": "kk_KZ.UTF-8", "LANG": "en_US.UTF-8"}, "kk"),
        (None, {"LC_ALL": "", "LANG": "ru_RU.UTF-8"}, "ru"),
        (None, {"LANG": "C.UTF-8"}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {}, "en"),
    ],
)
def test_language_comes_from_flag_then_own_variable_then_locale(
    flag: str | None, environment: dict, language: str
) -> None:
    assert choose_language(flag, environment) == language


def test_numbers_are_written_as_the_language_does() -> None:
    assert (Texts("en").count(12345), Texts("en").decimal(1234.5)) == ("12,345", "1,234.5")
    assert (Texts("ru").count(12345), Texts("kk").decimal(0.12, 2)) == ("12\N{NO-BREAK SPACE}345", "0,12")


def test_data_texts_fall_back_to_english_then_to_any() -> None:
    assert Texts("kk").pick({"en": "a", "ru": "b"}) == "a"
    assert Texts("kk").pick({"ru": "b"}) == "b"
    assert Texts("kk").pick({}) == ""
    assert LANGUAGES == ("kk", "ru", "en")
