"""The tutorials do what they say: every command of every page is run, and prints what the page shows."""

import re
from pathlib import Path

import pytest
from peer_postgresql import postgresql  # noqa: F401 - a fixture
from peer_tutorial import MAKE_RUN, ROOT, follow, steps

PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
NEEDS = {
    "engineer": ("sipp", "kamailio", "curl", "jq"),
    "analyst": (),
    "bank": ("curl", "jq"),
    "helpline": ("curl", "jq"),
}


def reader(page: Path) -> str:
    return page.name.partition(".")[0]


def test_every_reader_has_a_tutorial_with_commands() -> None:
    assert {reader(page) for page in PAGES} == set(NEEDS)
    assert all(any(step.kind == "command" for step in steps(page)) for page in PAGES)


def test_make_run_is_what_the_tutorial_runs() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "exec $(BIN)/" + MAKE_RUN.replace("udp:127.0.0.1:5060", "$(LISTEN)") in makefile
    assert "LISTEN ?= udp:127.0.0.1:5060" in makefile


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.peers(*NEEDS[reader(page)] or ("bash",)), id=page.stem) for page in PAGES],
)
def test_a_tutorial_can_be_followed(page: Path, tmp_path: Path) -> None:
    assert follow(page, tmp_path / "reader") >= 5


@pytest.mark.peers("pg_dump", "createdb")
def test_a_gate_and_an_office_come_back_from_their_backups(tmp_path: Path, postgresql: str) -> None:  # noqa: F811
    port = re.search(r":(\d+)/", postgresql)
    assert port
    assert follow(ROOT / "docs" / "backup.md", tmp_path / "operator", {"5432": port[1]}) > 30


def test_the_translations_have_the_same_commands() -> None:
    for page in PAGES:
        original = page.with_name(f"{reader(page)}.md")
        if page != original:
            assert [re.sub(r'"[^"]*"', '""', one.text) for one in steps(page)] == [
                re.sub(r'"[^"]*"', '""', one.text) for one in steps(original)
            ], page.name
