"""`tosqauyl token`: what it prints lets the client in, and nothing else is kept anywhere."""

import tomllib

import pytest

from tosqauyl.cli import main
from tosqauyl.gate.http.access import Access, Client


def made(capsys, *words):
    code = main(["token", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_lines_let_the_token_in(capsys):
    code, out, _ = made(capsys, "--id", "sbc-1", "--scope", "screen", "--scope", "metrics", "--trunk", "from-abroad")
    token, _, lines = out.partition("\n")
    (table,) = tomllib.loads(lines)["client"]
    assert code == 0
    assert table == {
        "id": "sbc-1", "token": table["token"], "scopes": ["screen", "metrics"], "trunks": ["from-abroad"],
    }  # fmt: skip
    client = Client(table["id"], table["token"], "", frozenset(table["scopes"]))
    assert Access((client,)).client(f"Bearer {token}", ()) is client
    assert len(token) == 46


def test_no_two_tokens_are_alike_and_the_token_is_on_one_line_only(capsys):
    outs = [made(capsys, "--scope", "metrics") for _ in range(2)]
    tokens = {out.split("\n")[0] for _, out, _ in outs}
    assert len(tokens) == 2
    for _, out, told in outs:
        token = out.split("\n")[0]
        assert out.count(token) == 1
        assert token not in told


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--scope", "feed"], "--operator"), (["--scope", "metrics", "--id", 'a"b'], "--id"),
     (["--scope", "feed", "--operator", "k\ncell"], "--operator")],
)  # fmt: skip
def test_what_cannot_be_is_told_with_a_hint(capsys, words, says):
    code, out, told = made(capsys, *words)
    assert (code, out) == (2, "")
    assert says in told


def test_a_feed_is_bound_to_its_operator(capsys):
    _, out, _ = made(capsys, "--scope", "feed", "--operator", "kcell")
    assert tomllib.loads(out.split("\n", 1)[1])["client"][0]["operator"] == "kcell"
