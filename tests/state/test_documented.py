"""What docs/state.md shows is what is read."""

import re
from pathlib import Path

from tosqauyl.state.lists import load_lists
from tosqauyl.state.provider import WHEREABOUTS, Question, load_script
from tosqauyl.state.subscribers import Subscribers

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "state.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL)


def _block(word):
    (found,) = [block for block in BLOCKS if word in block]
    return found


def test_the_roaming_list_of_the_page_is_read_without_a_mistake():
    found = Subscribers(("701", "702", "705")).load([_block("abroad on").encode()])
    assert (found.numbers, found.mistakes) == (3, ())


def test_both_lists_of_numbers_on_the_page_say_the_same():
    (toml,) = load_lists([(_block("[[indicator]]"), "a.toml")])
    (csv,) = load_lists([(_block("id,number,kind"), "a.csv")])
    assert (toml.id, toml.kind, toml.pattern, toml.expires) == (csv.id, csv.kind, csv.pattern, csv.expires)


def test_the_script_of_the_page_is_followed():
    provider = load_script(_block("[default]"), "script.toml")
    assert provider.ask(Question(WHEREABOUTS, "+77011234567", 1.0), 0.0).state == "abroad"
    assert provider.ask(Question(WHEREABOUTS, "+77770000000", 1.0), 0.0) is None
    assert [answer.state for answer in provider.poll(0.06)] == ["home"]
