"""Every word that the registry stores has a name for people, in three languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tosqauyl.registry import words
from tosqauyl.registry.purposes import PURPOSES
from tosqauyl.texts import LANGUAGES, PAGES, Texts
from tosqauyl.web.pages.labels import LABELS, label

PACKAGE = Path(words.__file__).parents[1]
STORED = {
    "kind": words.OBSERVABLES, "organisation": words.ORGANISATIONS, "role": words.ROLES, "reporter": words.REPORTERS,
    "channel": words.CHANNELS, "verdict": words.VERDICTS, "listing": (*words.LISTINGS, "none"),
    "perspective": words.PERSPECTIVES, "condition": words.CONDITIONS, "action": words.ACTIONS, "report": words.REPORT_MOVES,
    "outcome": filter(None, words.REPORT_OUTCOMES), "incident": words.INCIDENT_MOVES,
    "incident-outcome": filter(None, words.INCIDENT_OUTCOMES), "indicator": words.INDICATOR_MOVES,
    "action-state": words.ACTION_MOVES, "mode-decision": words.MODE_STATES,
    "check-outcome": filter(None, words.CHECK_OUTCOMES), "appeal": words.APPEAL_MOVES, "purpose": PURPOSES,
}  # fmt: skip
"""Group of names -> the words that are stored."""
SAME = {"Telegram", "IMEI"}
"""Names that need no translation."""


def noted() -> Iterator[tuple[str, str]]:
    """(group, word) of every fixed word that is written into the audit trail: what was done, to what kind of thing."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("work.note"):
                for group, argument in zip(("verb", "thing"), node.args, strict=False):
                    yield from ((group, word) for word in _fixed(argument))


def _fixed(argument: ast.expr) -> Iterator[str]:
    """The words that an argument may be, where they stand in it."""
    if isinstance(argument, ast.IfExp):
        yield from _fixed(argument.body)
        yield from _fixed(argument.orelse)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value


def said_purposes() -> Iterator[str]:
    """Every fixed text that is given, or kept to be given, as the purpose of reading what is sealed."""
    for file in (one for room in ("registry", "web") for one in (PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            given = [node.arg] if isinstance(node, ast.keyword) else []
            kept = [ast.unparse(one) for one in node.targets] if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.keyword | ast.Assign) and (given or kept) == ["purpose"]:
                yield from _fixed(node.value)


def test_why_the_office_opens_something_is_said_by_the_purposes_that_have_names() -> None:
    assert set(said_purposes()) <= {""}, "texts stand in registry/purposes.py"


@pytest.mark.parametrize("group", STORED)
def test_every_stored_word_has_a_name(group: str) -> None:
    assert set(STORED[group]) <= set(LABELS[group])


def test_everything_that_the_trail_says_was_done_has_a_name() -> None:
    found = set(noted())
    assert len(found) > 60, "the notes are found in the source"
    assert [(group, word) for group, word in sorted(found) if word not in LABELS[group]] == []


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_name_is_translated(language: str) -> None:
    t = Texts(language, PAGES)
    names = {name for group in LABELS.values() for name in group.values()}
    assert sorted(name for name in names if not t.find(name) and name not in SAME) == []


def test_a_word_that_nobody_named_is_shown_as_it_is() -> None:
    assert label("purpose", "complaint 48213", Texts("kk", PAGES)) == "complaint 48213"
