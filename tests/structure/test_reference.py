"""Whatever exists is documented, and what is documented is what exists."""

import argparse
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tosqauyl.errors import FaultKind
from tosqauyl.facts import FACTS, Reason, Verdict

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = (
    "facts.md",
    "verdicts.md",
    "reasons.md",
    "faults.md",
    "rules.md",
    "commands.md",
    "configuration.md",
    "origination.md",
    "office.md",
    "journal.md",
    "gate-api.md",
    "office-api.md",
)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def text(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def undocumented(names: Iterator[str], page: str) -> list[str]:
    return [name for name in names if f"`{name}" not in page]


def test_every_page_is_generated(generator: ModuleType) -> None:
    assert set(generator.PAGES) == set(PAGES) == {path.name for path in REFERENCE.glob("*.md")}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(generator: ModuleType, name: str) -> None:
    assert text(name) == generator.PAGES[name](), "run: make reference"


def test_every_fact_is_documented_with_all_its_values() -> None:
    page = text("facts.md")
    assert undocumented(iter(FACTS), page) == []
    assert undocumented((value for fact in FACTS.values() for value in fact.about.choices), page) == []
    assert all(fact.about.doc for fact in FACTS.values())


def test_every_reason_is_documented() -> None:
    assert undocumented((reason.value for reason in Reason), text("reasons.md")) == []


def test_every_verdict_is_documented() -> None:
    assert undocumented((verdict.value for verdict in Verdict), text("verdicts.md")) == []


def test_every_fault_is_documented_in_reference_and_operations() -> None:
    kinds = [kind.value for kind in FaultKind]
    assert undocumented(iter(kinds), text("faults.md")) == []
    assert undocumented(iter(kinds), (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")) == []


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def test_every_command_and_option_is_documented() -> None:
    from tosqauyl.cli import build_parser

    page = text("commands.md")
    for parser in parsers(build_parser()):
        start = page.find(f"## `{parser.prog}`\n")
        assert start >= 0, f"no section for {parser.prog}"
        section = page[start : page.find("\n## ", start + 1) if "\n## " in page[start + 1 :] else len(page)]
        options = (name for action in parser._actions for name in action.option_strings)
        assert undocumented(options, section) == [], parser.prog


def test_every_option_says_what_it_does() -> None:
    from tosqauyl.cli import build_parser

    silent = [
        f"{parser.prog} {action.dest}"
        for parser in parsers(build_parser())
        for action in parser._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == []


def test_every_configuration_key_is_documented() -> None:
    from tosqauyl.config.keys import KEYS

    page = text("configuration.md")
    assert undocumented((f"{key.path}`" for key in KEYS), page) == []
    assert [key.path for key in KEYS if not key.doc] == []


def test_every_journal_column_is_documented() -> None:
    from tosqauyl.record import COLUMNS

    assert undocumented((f"{column.name}`" for column in COLUMNS), text("journal.md")) == []


@pytest.mark.parametrize("name", ["gate", "office"])
def test_every_operation_and_body_of_an_api_is_documented(generator: ModuleType, name: str) -> None:
    api = generator.api_reference
    document = getattr(api, f"{name}_document")()
    page = text(f"{name}-api.md")
    assert undocumented((f"{method} {path}`" for method, path, _ in api.operations(document)), page) == []
    assert all(row[1] and row[4] for rows in api.sections(document).values() for row in rows)
    told = {row[0] for row in api.bodies(document)}
    used = {
        one
        for rows in api.sections(document).values()
        for row in rows
        for one in re.findall(r"`[A-Z]\w+`", row[2] + row[3])
    }
    schemas = document["components"]["schemas"]
    assert {one for one in used if "properties" in schemas[one.strip("`")]} <= told
    assert undocumented((f"{one}`" for one, schema in schemas.items() if "properties" in schema), page) == []


def test_the_example_configuration_has_no_mistakes() -> None:
    from tosqauyl.config.load import load_config

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert examples
    assert all(load_config(example, "docs/configuration.md").entries for example in examples)
