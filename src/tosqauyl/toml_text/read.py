"""From text to values and places, or one FileMistakes."""

import re
import tomllib
from typing import Any

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.toml_text.places import Table, tables

MAX_FILE = 8_000_000
"""Characters in a file: a list of 100,000 indicators, written out. Subscribers have a format of their own."""

MAX_LINE = 5_000
"""Characters in a line: tomllib takes half a minute for a key of 50,000 dots, and nobody writes such a line by hand."""

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_toml(text: str, file: str) -> tuple[dict[str, Any], list[Table]]:
    """The content and its tables with their lines. Raises FileMistakes with the one mistake after which nothing can be read."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_FILE:
        raise FileMistakes([Mistake(file, 0, 0, f"the file has {len(text)} characters; {MAX_FILE} are allowed")])
    long = next((place for place, line in enumerate(text.split("\n"), 1) if len(line) > MAX_LINE), 0)
    if long:
        raise FileMistakes([Mistake(file, long, 0, f"the line has more than {MAX_LINE} characters", "break it up")])
    try:
        return tomllib.loads(text), tables(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place and place[1] else (text.count("\n") + 1, 0)
        what = f"not TOML: {_PLACE.sub('', str(error))}"
        raise FileMistakes([Mistake(file, line, column, what, "text in TOML stands in quotes")]) from None
    except (RecursionError, ValueError):
        what = "not TOML that can be read: nested too deep or a number too long"
        raise FileMistakes([Mistake(file, 0, 0, what)]) from None
