"""Values out of a mapping's TOML: each of the right kind, or a mistake with its line."""

import re
from dataclasses import dataclass, field
from typing import Any

from tosqauyl.errors import Mistake
from tosqauyl.policy.near import close
from tosqauyl.toml_text import Table, read_toml

TABLES: dict[str, tuple[str, ...]] = {
    "file": ("format", "header", "columns", "least", "delimiter", "quote", "comment", "encoding"),
    "time": ("zone", "formats"),
    "numbers": ("form", "strip", "international_prefix", "national_prefix"),
    "calls": (),
    "outcomes": (),
    "constants": (),
    "only": ("calls", "outcomes"),
    "pairs": ("begin", "end"),
}
"""Tables of a mapping and their keys; () where the keys are columns."""
_LONGEST_PATTERN = 300


@dataclass(slots=True)
class Reading:
    """One reading of one file; `mistakes` collects what is wrong with it."""

    file: str
    content: dict[str, Any]
    places: list[Table]
    mistakes: list[Mistake] = field(default_factory=list)

    @classmethod
    def of(cls, text: str, file: str) -> "Reading":
        """Read the text. Raises FileMistakes where it is no TOML."""
        content, places = read_toml(text, file)
        made = cls(file, content, places)
        for name in content:
            if name not in TABLES:
                made.unknown(name, tuple(TABLES))
        return made

    def table(self, name: str) -> dict[str, Any]:
        """One table, its keys checked; {} where it is not there."""
        value = self.content.get(name, {})
        if not isinstance(value, dict):
            self.wrong(name, "is no table", f"write [{name}]")
            return {}
        if TABLES[name]:
            self.only_keys(value, name, TABLES[name])
        return value

    def wrong(self, path: str, what: str, hint: str = "") -> None:
        """Record a mistake at the line of `calls.at`, or of the table it is in."""
        self.mistakes.append(Mistake(self.file, self._line(path), 0, f"{path}: {what}" if path else what, hint))

    def unknown(self, path: str, known: tuple[str, ...], word: str = "") -> None:
        """Record that a key, or the word under it, is not known."""
        word = word or path.rpartition(".")[2]
        few = f"one of {', '.join(known)}" if len(known) <= 12 else "see docs/import.md"
        self.wrong(path, f"{word!r} is not known", close(word, known) or few)

    def only_keys(self, table: dict[str, Any], path: str, known: tuple[str, ...]) -> None:
        """Record every key that is not one of those known."""
        for key in table:
            if key not in known:
                self.unknown(f"{path}.{key}", known)

    def text(self, table: dict[str, Any], path: str, default: str) -> str:
        """A text on one line."""
        value = table.get(path.rpartition(".")[2], default)
        if isinstance(value, str) and (value.isprintable() or value == "\t"):
            return value
        self.wrong(path, f"{value!r} is no plain text", "put it in quotes, on one line")
        return default

    def texts(self, table: dict[str, Any], path: str) -> tuple[str, ...]:
        """A list of texts."""
        value = table.get(path.rpartition(".")[2], [])
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self.wrong(path, f"{value!r} is no list of texts", 'write ["one", "two"]')
        return ()

    def names(self, table: dict[str, Any], path: str) -> tuple[str, ...]:
        """A text, or a list of them, none empty."""
        value = table.get(path.rpartition(".")[2], [])
        found = (value,) if isinstance(value, str) else value
        if isinstance(found, list | tuple) and all(isinstance(one, str) and one for one in found):
            return tuple(found)
        self.wrong(path, f"{value!r} is no name of a column")
        return ()

    def choice(self, table: dict[str, Any], path: str, choices: tuple[str, ...]) -> str:
        """One of a few texts; the first where it is not there."""
        value = table.get(path.rpartition(".")[2], choices[0])
        if value in choices:
            return str(value)
        self.unknown(path, choices, str(value))
        return choices[0]

    def flag(self, table: dict[str, Any], path: str, default: bool) -> bool:
        """true or false."""
        value = table.get(path.rpartition(".")[2], default)
        if isinstance(value, bool):
            return value
        self.wrong(path, f"{value!r} is neither true nor false")
        return default

    def integer(self, table: dict[str, Any], path: str) -> int:
        """A number from 0; 0 where it is not there."""
        value = table.get(path.rpartition(".")[2], 0)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000:
            return value
        self.wrong(path, f"{value!r} is no number from 0 to 10000")
        return 0

    def pattern(self, table: dict[str, Any], path: str) -> str:
        """A regular expression with one group at least, '' where it is not there."""
        value = self.text(table, path, "")
        try:
            groups = re.compile(value).groups
        except (re.error, OverflowError, RecursionError) as error:
            self.wrong(path, f"is no regular expression: {error}")
            return ""
        if value and not groups:
            self.wrong(path, "has no group", "put ( ) around the part that is meant")
        if len(value) > _LONGEST_PATTERN:
            self.wrong(path, f"has more than {_LONGEST_PATTERN} characters")
            return ""
        return value

    def pairs(self, table: dict[str, Any], path: str) -> tuple[tuple[str, str], ...]:
        """A table of texts: what stands in the file, what it means."""
        value = table.get(path.rpartition(".")[2], {})
        if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
            return tuple(value.items())
        self.wrong(path, "is no table of texts", 'write { ANSWERED = "yes" }')
        return ()

    def condition(self, table: dict[str, Any], path: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Columns of the source with the values they must have."""
        value = table.get(path.rpartition(".")[2], {})
        if isinstance(value, dict):
            found = {key: (one,) if isinstance(one, str) else one for key, one in value.items()}
            if all(
                isinstance(one, list | tuple) and all(isinstance(text, str) for text in one) for one in found.values()
            ):
                return tuple((key, tuple(one)) for key, one in found.items())
        self.wrong(path, "is no condition", 'write { method = ["INVITE"] }')
        return ()

    def _line(self, path: str) -> int:
        name, _, key = path.partition(".")
        mine = [table for table in self.places if table.name == name]
        if not mine:
            return self.places[0].line_of(name) if self.places else 0
        while key and key not in mine[0].keys:
            key = key.rpartition(".")[0]
        return mine[0].line_of(key)
