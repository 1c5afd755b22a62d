"""Cells of CSV files that people open in a spreadsheet: none of them is computed (OWASP, CSV injection)."""

import re

_FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠]|^[\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take a text for something to compute."""
    return _FORMULA.search(text) is not None


def exported(text: str) -> str:
    """A text as it is written into a CSV file for people: what a spreadsheet would compute begins with an apostrophe. Plain
    numbers, telephone numbers among them, stay as they are."""
    return f"'{text}" if is_formula(text) and not _NUMBER.fullmatch(text) else text
