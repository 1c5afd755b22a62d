"""TOML with the lines of its tables and keys, which tomllib does not keep."""

import re
import tomllib
from typing import Any

from tosqauyl.errors import FileMistakes, Mistake

Places = dict[tuple[str, int], dict[str, int]]
"""(table name, n-th of that name) -> key -> line; the key '' stands for the table's header."""

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_TABLE = re.compile(r"\s*\[\[?\s*([\w-]+)\s*\]\]?")
_KEY = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*=")


def read_toml(text: str, file: str) -> tuple[dict[str, Any], Places]:
    """The content and where it stands. Raises FileMistakes with the one syntax error tomllib stops at."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff")), _places(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        column = int(found[2]) if found and found[2] else 0
        what = _PLACE.sub("", str(error))
        raise FileMistakes([Mistake(file, line, column, what, "from here on this is not TOML")]) from error


def _places(text: str) -> Places:
    """Found line by line: a line inside a multi-line text that looks like a header would shift the lines of messages,
    nothing else."""
    places: Places = {}
    counts: dict[str, int] = {}
    current = places["", 0] = {"": 1}
    for number, line in enumerate(text.split("\n"), 1):
        table, key = _TABLE.match(line), _KEY.match(line)
        if table:
            place = counts.get(table[1], 0)
            counts[table[1]] = place + 1
            current = places[table[1], place] = {"": number}
        elif key:
            current.setdefault(key[1], number)
    return places
