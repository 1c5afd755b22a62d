"""The help of every command in the language of the person who reads it."""

import argparse
import gettext
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tosqauyl.cli import build_parser, main
from tosqauyl.cli.texts import language_of
from tosqauyl.texts import Texts

COMMANDS = [
    "",
    "serve",
    "check",
    "policy",
    "policy check",
    "policy explain",
    "number",
    "traffic",
    "calls",
    "demo",
    "doctor",
    "feed",
    "snapshot",
    "snapshot build",
    "snapshot show",
    "token",
]
OWN_WORDS = {
    "kk": ("қолданылуы:", "параметрлер:", "осы анықтаманы көрсетіп, шығу"),
    "ru": ("использование:", "параметры:", "показать эту справку и выйти"),
    "en": ("usage:", "options:", "show this help message and exit"),
}
SAME_IN_EVERY_LANGUAGE = re.compile(
    r"(--?[\w-]+|`[^`]*`|\b(SIP|INVITE|UDP|HTTP|HTTPS|TLS|JSON|TOML|E|Ctrl-C|kz-border|var|Privacy|From|tqs|PEM|TOSQAUYL_TOKEN|feed|CAMARA|Diameter|Sh|HSS|SIGHUP|HTML|CSV|CDR|Parquet|RADIUS|HEP|SVG|PNG|DuckDB|Spark|URL|ID|FILE|DIR|IANA|UTF-8|NAME)\b|\+\d+=abroad|https:\S+)"
)
TYPED = (
    "Asia/Almaty PERCENT POLICY alerts caller calls canary carrier country cp1251 day displacement duckdb enforce false-stops-by-rule "
    "access.log png svg gate gzip hour ledger list local master monitor pcap policy presented promote reason rule scorecard spark stats stopped sum "
    "token.key trunk SQLite centre office ru"
)
"""Words a person types as they are: names of statistics, modes, columns, files."""
SAME_NAMES = re.compile(
    r"\b("
    + "|".join(map(re.escape, TYPED.split()))
    + r")\b|P-Asserted-Identity|Remote-Party-ID|Call-ID|Diversion|DIR(/access\.log)?"
)


@pytest.fixture(autouse=True)
def _no_language_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOSQAUYL_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def shown(capsys, *words: str) -> str:
    with pytest.raises(SystemExit):
        main(list(words))
    captured = capsys.readouterr()
    return captured.out + captured.err


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def texts(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every description, title and help text of a parser but argparse's own."""
    for one in parsers(parser):
        yield one.description or ""
        for action in one._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from (choice.help or "" for choice in action._choices_actions)
                yield from (group.title or "" for group in one._action_groups[2:])
            elif not isinstance(action, argparse._HelpAction):
                yield action.help or ""


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_help_of_every_command_is_in_the_language_of_the_flag(capsys, command: str, language: str) -> None:
    out = shown(capsys, *command.split(), "--help", "--lang", language)
    assert all(word in out for word in OWN_WORDS[language])
    others = [word for other, words in OWN_WORDS.items() if other != language for word in words]
    assert not any(word in out for word in others)


@pytest.mark.parametrize("variable", ["TOSQAUYL_LANG", "LC_ALL", "LANG"])
def test_without_a_flag_help_is_in_the_language_of_the_terminal(capsys, monkeypatch, variable: str) -> None:
    monkeypatch.setenv(variable, "kk")
    assert OWN_WORDS["kk"][0] in shown(capsys, "number", "--help")


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_no_word_of_the_help_is_left_in_english(language: str) -> None:
    for text in filter(None, texts(build_parser(Texts(language)))):
        rest = SAME_IN_EVERY_LANGUAGE.sub("", SAME_NAMES.sub("", text))
        assert not re.search("[A-Za-z]{2,}", rest), text
        assert re.search("[а-яәғқңөұүһі]", text), text


def test_what_is_wrong_with_an_argument_is_said_in_the_language(capsys) -> None:
    assert "ошибка: не хватает обязательных аргументов: NUMBER" in shown(capsys, "number", "--lang", "ru")
    assert "қате: белгісіз аргументтер: --colour" in shown(capsys, "number", "1", "--colour", "--lang=kk")


def test_parser_made_without_a_language_is_english_on_every_machine(monkeypatch) -> None:
    plain = build_parser().format_help()
    for name in ("TOSQAUYL_LANG", "LANGUAGE", "LANG"):
        monkeypatch.setenv(name, "ru")
    assert build_parser().format_help() == plain
    assert all(word in plain for word in OWN_WORDS["en"])


@pytest.mark.parametrize("before", [None, "de"])
def test_the_language_of_the_process_is_left_as_it_was(capsys, monkeypatch, before: str | None) -> None:
    if before:
        monkeypatch.setenv("LANGUAGE", before)
    domain = gettext.textdomain()
    shown(capsys, "--help", "--lang", "ru")
    assert (gettext.textdomain(), os.environ.get("LANGUAGE")) == (domain, before)


@pytest.mark.parametrize(
    ("words", "language"),
    [
        (["number", "1", "--lang", "kk"], "kk"),
        (["number", "--lang=ru", "1"], "ru"),
        (["number", "--lang", "ru", "--lang=kk"], "kk"),
        (["number", "--lang", "xx"], "en"),
        (["number", "--lang"], "en"),
        (["--language", "ru"], "en"),
        ([], "en"),
    ],
)
def test_language_is_found_before_anything_is_parsed(words: list[str], language: str) -> None:
    assert language_of(words, {}) == language


def test_a_command_that_asks_nobody_does_not_load_the_libraries_that_ask() -> None:
    code = "import sys, tosqauyl.cli; print({'aiohttp', 'diameter', 'pyrad', 'redis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
