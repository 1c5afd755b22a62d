"""The recipes of deploy/: each page is in the index, each file on its page, each gate's configuration loads."""

import re
from pathlib import Path

import pytest

from tosqauyl.config.load import load_config

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PAGES = sorted(DEPLOY.glob("*/README.md"))
UNTESTED = ("asterisk", "freeswitch", "opensips")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_recipe_is_in_the_index(page: Path) -> None:
    index = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    assert f"(../deploy/{page.parent.name}/README.md)" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_file_of_a_recipe_is_named_on_its_page(page: Path) -> None:
    text = page.read_text("utf-8")
    hidden = {"Dockerfile.dockerignore"}  # its name says what it is
    names = {path.name for path in page.parent.iterdir() if path.is_file()} - {page.name} - hidden
    assert names
    assert [name for name in sorted(names) if f"]({name})" not in text] == []


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("*/gate.toml")), ids=lambda path: path.parent.name)
def test_every_gates_configuration_of_a_recipe_loads_in_monitor_mode(path: Path) -> None:
    config = load_config(path.read_text("utf-8"), str(path))
    assert any(entry.trunk.direction == "international" for entry in config.entries)
    assert not config.enforce


@pytest.mark.parametrize("name", UNTESTED)
def test_what_was_never_run_says_so_first(name: str) -> None:
    first = (DEPLOY / name / "README.md").read_text("utf-8").split("\n\n")[1]
    assert first.startswith("**Untested.**")
    assert not list((ROOT / "tests" / "peers").glob(f"*{name}*")), "there is a test: take the mark off"


def test_the_kamailio_recipe_defines_all_that_its_logic_uses() -> None:
    logic = (DEPLOY / "kamailio" / "kamailio.cfg").read_text("utf-8")
    site = (DEPLOY / "kamailio" / "site.cfg").read_text("utf-8")
    defined = set(re.findall(r'^#*!(?:define|substdef) "?!?(\w+)', site, re.MULTILINE))
    assert defined >= {"NEXT_HOP", "GATES_FILE", "GATE_MS", "SBC_HOST", "WATCH_ONLY", "DIVERT_URI"}
    assert [name for name in defined if name not in logic] == []
