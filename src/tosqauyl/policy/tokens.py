"""The gate before the parser: only the words of the rule language get through to sqlglot.

sqlglot parses all of SQL. A rule may use a small part of it, so the tokens are checked first: every word outside the
language is a mistake with its exact place, and what reaches the recursive parser is bounded in length and depth.
"""

import re
from collections.abc import Callable

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]  # re-exported without saying so

from tosqauyl.facts import FACTS
from tosqauyl.policy.near import close

MAX_LENGTH = 4000
"""Code points in one expression: sixty times the longest shipped rule's line, small enough to parse in milliseconds."""

MAX_DEPTH = 12
"""Parentheses inside parentheses. sqlglot's parser takes 21 Python frames for each; Python has 1000 in all."""

FUNCTIONS = ("length", "starts_with")

Complain = Callable[[int, str, str], None]
"""(offset in the expression, what is wrong, hint)."""

DUCKDB = Dialect.get_or_raise("duckdb")

_COMPARISONS = (TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE)
_ALLOWED = {
    TokenType.VAR, TokenType.STRING, TokenType.NUMBER, TokenType.TRUE, TokenType.FALSE, TokenType.L_PAREN,
    TokenType.R_PAREN, TokenType.COMMA, TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.IN, TokenType.BETWEEN,
    TokenType.LIKE, TokenType.ESCAPE, TokenType.DASH, *_COMPARISONS,
}  # fmt: skip
_BEFORE_MINUS = (TokenType.VAR, TokenType.NUMBER, TokenType.STRING, TokenType.R_PAREN)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SPELLINGS = {TokenType.LIKE: "LIKE", TokenType.AND: "AND", TokenType.OR: "OR", TokenType.NOT: "NOT"}
_HINTS = {
    TokenType.NULL: "facts are never NULL: each has a value for 'unknown', compare with that",
    TokenType.IS: "facts are never NULL: each has a value for 'unknown', compare with that",
    TokenType.IDENTIFIER: "text values stand in single quotes: 'international'",
    TokenType.ILIKE: "use LIKE; names are compared as they were sent",
    TokenType.SELECT: "a rule is one condition, not a query",
    TokenType.SEMICOLON: "a rule is one condition; leave the semicolon out",
    TokenType.RLIKE: "regular expressions are left out on purpose: use LIKE with % and _",
    TokenType.DOT: "facts have no prefix: write the name alone",
}
_PLAIN_HINT = "allowed: AND OR NOT ( ) = <> < <= > >= IN BETWEEN LIKE starts_with() length(), facts and values"


def read_tokens(text: str, complain: Complain) -> list[Token]:
    """Split an expression into tokens of the rule language; each token outside it is complained about."""
    if len(text) > MAX_LENGTH:
        complain(0, f"the expression has {len(text)} characters; {MAX_LENGTH} are allowed", "split the rule in two")
        return []
    for place, letter in enumerate(text):
        if not letter.isprintable() and letter not in "\n\t\r \u00a0" and ord(letter) < 0xA0:
            complain(place, f"control character U+{ord(letter):04X} in the expression", "remove it")
            return []
    try:
        tokens = DUCKDB.tokenize(text)
    except (SqlglotError, RecursionError, ValueError, IndexError):
        complain(max(text.rfind("'"), 0), "the expression cannot be split into words", "is a quote left open?")
        return []
    for place, token in enumerate(tokens):
        _check_token(text, tokens, place, token, complain)
    _check_depth(tokens, complain)
    return tokens


def _check_token(text: str, tokens: list[Token], place: int, token: Token, complain: Complain) -> None:
    word = text[token.start : token.end + 1]
    following = tokens[place + 1].token_type if place + 1 < len(tokens) else None
    before = tokens[place - 1].token_type if place else None
    if word in FACTS:
        return
    match token.token_type:
        case TokenType.VAR:
            _check_word(token, word, following is TokenType.L_PAREN, complain)
        case TokenType.STRING | TokenType.NUMBER:
            _check_value(token, word, before, complain)
        case TokenType.DASH if following is not TokenType.NUMBER or before in _BEFORE_MINUS:
            complain(token.start, "rules do no arithmetic", "- may only stand before a number")
        case TokenType.NOT if following is TokenType.NOT:
            complain(token.start, "NOT stands twice in a row", "leave both out")
        case kind if kind in _SPELLINGS and word.upper() != _SPELLINGS[kind]:
            complain(token.start, f"{word!r} is not part of the rule language", f"write {_SPELLINGS[kind]}")
        case kind if kind not in _ALLOWED:
            misspelt = word.isidentifier() and following is not TokenType.L_PAREN and kind not in _HINTS
            hint = close(word, list(FACTS), 0.75) if misspelt else ""
            complain(token.start, f"{word!r} is not part of the rule language", hint or _HINTS.get(kind, _PLAIN_HINT))


def _check_value(token: Token, word: str, before: TokenType | None, complain: Complain) -> None:
    if token.token_type is TokenType.NUMBER:
        if not _NUMBER.fullmatch(word):
            complain(token.start, f"{word[:30]!r} is no number of the rule language", "write it as 12 or 1.5")
    elif not word.startswith("'"):
        complain(token.start, f"{word[:30]!r} is not part of the rule language", "text values stand in single quotes")
    elif before is TokenType.STRING:
        complain(token.start, "two text values stand side by side", "put IN ('a', 'b') or OR between them")


def _check_word(token: Token, word: str, called: bool, complain: Complain) -> None:
    if called:
        if word.lower() not in FUNCTIONS:
            complain(
                token.start,
                f"there is no function {word}()",
                close(word, FUNCTIONS) or "there are length() and starts_with()",
            )
    elif word.lower() in FUNCTIONS:
        complain(
            token.start, f"{word} needs parentheses", f"{word.lower()}(caller{', ...' if 's' in word.lower() else ''})"
        )
    else:
        hint = close(word, list(FACTS)) or "docs/reference/facts.md lists every fact"
        complain(token.start, f"there is no fact {word!r}", hint)


def _check_depth(tokens: list[Token], complain: Complain) -> None:
    depth = 0
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            depth += 1
            if depth == MAX_DEPTH + 1:
                complain(token.start, f"parentheses are nested more than {MAX_DEPTH} deep", "split the rule in two")
        elif token.token_type is TokenType.R_PAREN:
            depth -= 1
