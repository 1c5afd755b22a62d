"""Mapping files: what comes along loads, every mistake of one is told at once with its line and the nearest word."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.cli import build_parser
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.ledger.imports.mapping import (
    Layout,
    Mapping,
    Source,
    load_mapping,
    missing_columns,
    own_columns,
    shipped,
    shipped_names,
    with_constants,
)
from tosqauyl.ledger.imports.mapping_read import TABLES

WRONG = """[file]
delimiter = ";;"
encodin = "cp1251"
[time]
zone = 5
[calls]
callled = "to"
at = "start"
caller = { column = "from", values = { a = 1 } }
direction = { column = "way", values = { in = "internatonal" } }
redirections = { since = "a" }
[outcome]
answered = "x"
[constants]
carrier = 7
"""


def mistakes(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(FileMistakes) as caught:
        load_mapping(text, "m.toml")
    return [(one.line, one.what, one.hint) for one in caught.value.mistakes]


@pytest.mark.parametrize("name", shipped_names())
def test_what_comes_along_loads(name: str) -> None:
    mapping = shipped(name)
    assert "at" in mapping.calls
    assert {"at", "call_id", "answered"} <= set(mapping.outcomes)


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    found = mistakes(WRONG)
    lines = [line for line, _, _ in found]
    assert lines == sorted(lines)
    told = {line: (what, hint) for line, what, hint in found}
    assert "one character each" in told[2][0]
    assert told[3] == ("file.encodin: 'encodin' is not known", "did you mean encoding?")
    assert "no plain text" in told[5][0]
    assert told[7] == ("calls.callled: 'callled' is not known", "did you mean called?")
    assert "no table of texts" in told[9][0]
    assert told[10] == ("calls.direction.values: 'internatonal' is not known", "did you mean international?")
    assert "since and until" in told[11][0]
    assert told[12] == ("outcome: 'outcome' is not known", "did you mean outcomes?")
    assert "type" in told[15][0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither [calls] nor [outcomes]"),
        ('[calls]\ncalled = "to"', "is missing"),
        ('[calls]\nat = "t"', "no column has a number"),
        ('[outcomes]\nanswered = "a"', "need at and call_id"),
        ('[file]\nheader = false\n[calls]\nat = "t"\ncalled = "c"', "needs the names"),
        ('[calls]\nat = "t"\ncalled = { column = "c", pattern = "(" }', "no regular expression"),
        ('[calls]\nat = "t"\ncalled = { column = "c", pattern = "[0-9]+" }', "has no group"),
        ('[calls]\nat = "t"\ncalled = "c"\ntrunk = "x"\n[constants]\ntrunk = "y"', "keep one of the two"),
    ],
)
def test_what_no_mapping_can_do_without(text: str, said: str) -> None:
    assert any(said in f"{what} {hint}" for _, what, hint in mistakes(text))


def test_an_unknown_name_of_a_mapping_lists_those_there_are() -> None:
    with pytest.raises(TosqauylError, match="asterisk-custom"):
        shipped("astrisk")


def test_a_missing_column_is_named_with_the_nearest_and_all_there_are() -> None:
    mapping = load_mapping('[calls]\nat = "start_time"\ncalled = "to"', "m.toml")
    (mistake,) = missing_columns(mapping, ("startime", "to"), "calls.csv")
    assert "'start_time', needed for calls.at" in mistake.what
    assert mistake.hint == "did you mean startime? columns of the file: startime, to"


def test_of_several_columns_one_is_enough() -> None:
    mapping = load_mapping('[calls]\nat = "t"\ncalled = ["a", "b"]', "m.toml")
    assert missing_columns(mapping, ("t", "b"), "f") == []
    assert len(missing_columns(mapping, ("t",), "f")) == 1


def test_the_command_line_wins_over_the_file() -> None:
    mapping = load_mapping('[calls]\nat = "t"\ncalled = "c"\ntrunk = "x"', "m.toml")
    changed = with_constants(mapping, {"trunk": "t1", "carrier": ""}, "Asia/Oral", "koi8-r")
    assert changed.constants == {"trunk": "t1"}
    assert "trunk" not in changed.calls
    assert (changed.zone, changed.layout.encoding) == ("Asia/Oral", "koi8-r")


def test_own_columns_need_a_time_and_a_number() -> None:
    assert own_columns(("at", "verdict"), Layout()) is None
    found = own_columns(("at", "called", "something"), Layout())
    assert found is not None
    assert found.calls == {"at": Source(("at",)), "called": Source(("called",))}


@given(st.text(st.sampled_from("[]calsoutme.=\"{}\n #,at'12tru"), max_size=200))
def test_whatever_comes_is_a_mapping_or_mistakes_with_lines(text: str) -> None:
    told = []
    try:
        assert isinstance(load_mapping(text, "any.toml"), Mapping)
    except FileMistakes as error:
        told = error.mistakes
    assert all(0 <= one.line <= text.count("\n") + 1 for one in told)


# -- docs/import.md ---------------------------------------------------------------------------------------------------

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "import.md").read_text("utf-8")


def test_the_mapping_on_the_page_loads_and_uses_every_key_there_is() -> None:
    text = PAGE.partition("```toml\n")[2].partition("```")[0]
    mapping = load_mapping(text, "page.toml")
    assert mapping.calls["trunk"].pattern
    assert [key for keys in TABLES.values() for key in keys if key not in text] == []


def test_every_command_on_the_page_is_one() -> None:
    commands = [line for line in PAGE.splitlines() if line.startswith("tosqauyl ")]
    assert len(commands) >= 10
    for line in commands:
        assert build_parser().parse_args(shlex.split(line)[1:]).files


def test_the_page_names_every_mapping_that_comes_along() -> None:
    assert [name for name in shipped_names() if f"`{name}`" not in PAGE] == []
