"""Every command that a page names is one that the program has, with these options and words: nobody types it in vain."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tosqauyl.cli import build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("deploy/**/*.md")),
]
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]*)`")
ENDS = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "2>", "<", "#"})
"""Where a command ends for a shell, or where its remark begins."""
LEFT_OUT = re.compile(r"\.\.\.|…|\[")
"""A command that is not told whole."""
LACKS = re.compile("arguments are required|expected one argument")


class Misread(Exception):
    """What argparse says of a command that it does not have."""


def commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """Words of each command of a page, without the program's name, and whether it is only mentioned within a sentence."""
    for block in FENCE.findall(text):
        yield from ((words, False) for words in _words(block.replace("\\\n", " ").splitlines()))
    yield from ((words, True) for words in _words(INLINE.findall(FENCE.sub("", text))))


def _words(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        found = re.match(r"(?:\$ )?(?:(?:sudo|exec)(?: -u \w+)? )?(?:\.venv/bin/)?tosqauyl (.+)", line.strip())
        if found is None or LEFT_OUT.search(found[1]):
            continue
        lexer = shlex.shlex(found[1], posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in ENDS:
                break
            words.append(word)
        yield words


def complaint(words: list[str], is_mention: bool = False) -> str:
    """What is wrong with a command; '' where it is one. Values stand for themselves: N is no number, and that is well. A mention
    may leave out what the command cannot do without."""
    parser = build_parser()

    def fail(self: argparse.ArgumentParser, message: str) -> None:
        raise Misread(message)

    def check(self: argparse.ArgumentParser, action: argparse.Action, value: str) -> None:
        if action.choices is not None and value not in action.choices and not value.isupper():
            raise argparse.ArgumentError(action, f"invalid choice: {value}")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "error", fail)
        patched.setattr(argparse.ArgumentParser, "exit", lambda *_: None)
        patched.setattr(argparse.ArgumentParser, "_check_value", check)
        patched.setattr(argparse.ArgumentParser, "_get_value", lambda _self, _action, text: text)
        try:
            parser.parse_args(words)
        except Misread as error:
            return "" if is_mention and LACKS.search(str(error)) else str(error)
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_names_only_commands_that_there_are(page: Path) -> None:
    found = {" ".join(words): complaint(words, mention) for words, mention in commands(page.read_text("utf-8"))}
    assert {words: said for words, said in found.items() if said} == {}


def test_commands_are_found_in_blocks_and_in_lines() -> None:
    text = "Give `tosqauyl office rotate` or\n```sh\n$ tosqauyl calls --last 2 \\\n  --stopped | head\n```\n`tosqauyl x ...`"
    assert list(commands(text)) == [(["calls", "--last", "2", "--stopped"], False), (["office", "rotate"], True)]


def test_a_command_that_is_not_there_is_complained_of() -> None:
    assert "invalid choice" in complaint(["offices", "rotate"])
    assert "unrecognized" in complaint(["office", "rotate", "--whole"])
    assert complaint(["office", "rotate"]) == ""
    assert "required" in complaint(["token"])
    assert complaint(["token"], is_mention=True) == ""
