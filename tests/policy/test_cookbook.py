"""Every recipe of docs/cookbook.md, read out of the page: it loads, and its calls become what its table says."""

import re
import shlex
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest

from tosqauyl.config.load import load_config
from tosqauyl.facts import FACTS, UNKNOWN_CALL, Call, FactType
from tosqauyl.policy.canary import bucket
from tosqauyl.policy.check import lint
from tosqauyl.policy.load import Policy, load_policy, shipped_text
from tosqauyl.screen.decision import Decision, chosen, decide, modes, settled
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.lists import load_lists

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cookbook.md"
TRUNK = '[[trunk]]\nid = "a"\nlisten = "udp:127.0.0.1:5060"\nfrom = ["127.0.0.1"]\ndirection = "international"\nnext_hop = "sender"'
TODAY = date(2026, 6, 15)
AT_LEAST = 12
READ = {
    FactType.TEXT: str, FactType.CHOICE: str, FactType.INTEGER: int, FactType.NUMBER: float,
    FactType.BOOLEAN: {"true": True, "false": False}.__getitem__,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """title; need: its first paragraph; texts: its TOML blocks; rows: call, facts, what it becomes."""

    title: str
    need: str
    texts: tuple[str, ...]
    rows: tuple[tuple[str, str, str], ...]

    def content(self, key: str) -> list[dict[str, object]]:
        return [table for text in self.texts for table in tomllib.loads(text).get(key, ())]


def recipes() -> list[Recipe]:
    made = []
    for section in PAGE.read_text("utf-8").split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        texts = tuple(re.findall(r"^```toml\n(.*?)^```$", body, re.MULTILINE | re.DOTALL))
        rows = tuple(re.findall(r"^\| ([^|]+) \| `([^`]+)` \| ([^|]+) \|$", body, re.MULTILINE))
        if texts:
            made.append(Recipe(title, body.strip().split("\n\n")[0], texts, rows))
    return made


RECIPES = recipes()


@cache
def policy_of(recipe: Recipe) -> Policy:
    """The shipped policy with the recipe's rules after it, in its modes."""
    own = "\n".join(text for text in recipe.texts if "[[rule]]" in text)
    policy = load_policy(shipped_text() + "\n" + own, "cookbook.md")
    tables = [text for text in recipe.texts if "[[mode]]" in text]
    configured = load_config("\n".join([*tables, TRUNK]), "cookbook.md")
    return policy.with_modes(configured.modes, "cookbook.md")


def judged(recipe: Recipe, written: str) -> Decision:
    values: dict[str, object] = {}
    today = TODAY
    for part in shlex.split(written):
        name, _, text = part.partition("=")
        if name == "today":
            today = date.fromisoformat(text)
        else:
            assert not FACTS[name].about.choices or text in FACTS[name].about.choices, (name, text)
            values[name] = READ[FACTS[name].type](text)
    call = UNKNOWN_CALL._replace(**values)
    return decision(policy_of(recipe), with_list(recipe, call, today), today)


def with_list(recipe: Recipe, call: Call, today: date) -> Call:
    """The call as it looks to a gate that has the recipe's list, if it has one."""
    lists = [(text, "list.toml") for text in recipe.texts if "[[indicator]]" in text]
    if not lists:
        return call
    now = datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp()
    return call._replace(listed=Indicators(load_lists(lists)).find(call.caller, now).listed)


def decision(policy: Policy, call: Call, today: date) -> Decision:
    mask, now = policy.hits(call), modes(policy.rules, True, today)
    canaries = sum(1 << bit for bit, mode in enumerate(now) if mode == "canary")
    return decide(mask, policy.rules, settled(now, chosen(mask & canaries, bucket(call.caller), policy.rules)))


def test_there_are_enough_recipes_and_each_has_calls_that_it_leaves_alone() -> None:
    assert len(RECIPES) >= AT_LEAST
    for recipe in RECIPES:
        assert recipe.need.count("\n") < 3, recipe.title
        assert len({becomes for _, _, becomes in recipe.rows}) >= 2, recipe.title
        assert any(becomes.startswith("pass") for _, _, becomes in recipe.rows), recipe.title


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_every_row_of_a_recipes_table_is_read(recipe: Recipe) -> None:
    section = PAGE.read_text("utf-8").split(f"\n## {recipe.title}\n")[1].split("\n## ")[0]
    assert len(recipe.rows) == sum(line.startswith("| ") for line in section.splitlines()) - 2


@pytest.mark.parametrize(
    ("recipe", "facts", "becomes"),
    [
        pytest.param(recipe, facts, becomes, id=f"{recipe.title}: {call}")
        for recipe in RECIPES
        for call, facts, becomes in recipe.rows
    ],
)
def test_a_call_becomes_what_the_cookbook_says(recipe: Recipe, facts: str, becomes: str) -> None:
    found = judged(recipe, facts)
    does, _, would = becomes.strip().partition(", would ")
    assert found.verdict.value == does, f"by {found.rule or 'no rule'}"
    if would:
        assert found.would_verdict.value == would, f"by {found.would_rule or 'no rule'}"


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.content("rule")], ids=lambda recipe: recipe.title)
def test_a_recipes_rule_decides_one_of_its_calls(recipe: Recipe) -> None:
    ids = {str(rule["id"]) for rule in recipe.content("rule")}
    deciding = {
        name for _, facts, _ in recipe.rows for name in (judged(recipe, facts).rule, judged(recipe, facts).would_rule)
    }
    assert ids <= deciding


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.content("rule")], ids=lambda recipe: recipe.title)
def test_a_recipe_brings_no_warning_but_the_one_its_page_names(recipe: Recipe) -> None:
    before = {str(one.what) for one in lint(load_policy(shipped_text(), "x"), TODAY)}
    new = [one.what for one in lint(policy_of(recipe), TODAY) if one.what not in before]
    assert all("identity" in what and "policy check` warns" in PAGE.read_text("utf-8") for what in new), new
