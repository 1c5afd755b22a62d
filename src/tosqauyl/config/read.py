"""TOML text against the table of keys: values with defaults, and every mistake with its line."""

import difflib
from dataclasses import dataclass, field
from datetime import date, datetime

from tosqauyl.config.keys import KEYS, Key
from tosqauyl.errors import Mistake
from tosqauyl.toml_text import Table as Place

Table = dict[str, object]
Keys = tuple[Key, ...]
"""A table of keys."""


def lines_of(places: list[Place], keys: Keys = KEYS) -> dict[str, int]:
    """Line of each table and key, by path with indices: 'trunk[1].id' -> 14. keys: those of the file, the gate's if not said."""
    lines: dict[str, int] = {}
    counts = dict.fromkeys(_arrays(keys), 0)
    for table in places:
        name = table.name
        if name in counts:
            counts[name] += 1
            name = f"{name}[{counts[name] - 1}]"
        lines.setdefault(name, table.line)
        for key, place in table.keys.items():
            lines.setdefault(f"{name}.{key}" if name else key, place.line)
    return lines


@dataclass(slots=True)
class Reader:
    """One reading of one file: collects mistakes instead of stopping at the first. keys: those of the file."""

    file: str
    lines: dict[str, int]
    keys: Keys = KEYS
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, path: str, what: str, hint: str = "") -> None:
        """Record a mistake at the line of `path`, or of the table it is in."""
        line = self.lines.get(path) or self.lines.get(path.rpartition(".")[0], 0)
        self.mistakes.append(Mistake(self.file, line, 0, f"{path}: {what}" if path else what, hint))

    def section(self, table: Table, prefix: str, at: str) -> Table:
        """The values of one table by key name, defaults filled in. prefix: as in the table of keys; at: with indices."""
        known = {key.path[len(prefix) :]: key for key in self.keys if _is_in(key.path, prefix)}
        for name, value in table.items():
            if name not in known and not (isinstance(value, dict | list) and _is_section(prefix + name, self.keys)):
                near = difflib.get_close_matches(name, known, 1)
                self.wrong(at + name, "is no key that is known", f"did you mean {near[0]}?" if near else "")
        return {name: self._value(key, table.get(name), at + name) for name, key in known.items()}

    def _value(self, key: Key, value: object, path: str) -> object:
        if value is None:
            if key.default is None:
                self.wrong(path, "is missing", key.doc)
            return key.default
        what = _mistake(key, value)
        if what:
            self.wrong(path, what, key.doc)
            return key.default
        return tuple(value) if isinstance(value, list) else value


def _is_in(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and "." not in path[len(prefix) :] and "[]" not in path[len(prefix) :]


def _is_section(path: str, keys: Keys) -> bool:
    tables = (key.path.rpartition(".")[0] for key in keys if "." in key.path and "[]" not in key.path)
    return path in tables or path in _arrays(keys)


def _arrays(keys: Keys) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key.path.partition("[]")[0] for key in keys if "[]" in key.path))


def _mistake(key: Key, value: object) -> str:
    """What is wrong with a value, or ''."""
    right = {
        "text": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "date": isinstance(value, date) and not isinstance(value, datetime),
        "texts": _are_texts(value),
        "boolean-or-texts": isinstance(value, bool) or _are_texts(value),
    }[key.type]
    if not right:
        return f"{value!r} is not of type {key.type}"
    if key.choices:
        values = value if isinstance(value, list) else [value]
        strange = [str(one) for one in values if one not in key.choices]
        return f"{', '.join(strange)} is not one of {', '.join(map(str, key.choices))}" if strange else ""
    if isinstance(value, int) and not isinstance(value, bool) and not key.low <= value <= key.high:
        return f"{value} is not between {key.low} and {key.high}"
    return ""


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
