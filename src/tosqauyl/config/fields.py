"""Checked values with their types told to the type checker, and how tables and lists of tables are found."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from tosqauyl.config.read import Reader, Table


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of one table, already checked against the table of keys."""

    values: dict[str, Any]

    def text(self, name: str) -> str:
        """A text; '' where nothing was written."""
        return str(self.values[name] or "")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self.values[name] or ())

    def flag(self, name: str) -> bool:
        """True or false."""
        return bool(self.values[name])

    def number(self, name: str) -> int:
        """A whole number."""
        return int(self.values[name])

    def day(self, name: str) -> date:
        """A date; date.min where nothing was written."""
        return self.values[name] or date.min


def section(table: Table, reader: Reader, name: str) -> Table:
    """The values of the table `[name]`, defaults filled in; a mistake where it is something else."""
    value = table.get(name, {})
    if not isinstance(value, dict):
        reader.wrong(name, "is not a table", f"write [{name}]")
        value = {}
    return reader.section(value, f"{name}.", f"{name}.")


def rows(table: Table, reader: Reader, name: str) -> list[tuple[str, Table]]:
    """Each table of the list `[[name]]` with its place ('trunk[0]'), defaults filled in."""
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        reader.wrong(name, "is not a list of tables", f"write [[{name}]]")
        return []
    return [
        (f"{name}[{index}]", reader.section(row, f"{name}[].", f"{name}[{index}].")) for index, row in enumerate(value)
    ]


def printable(values: Table, reader: Reader, at: str) -> None:
    """Names, addresses and header texts go into SIP headers and journal columns, which hold no control characters."""
    for name, value in values.items():
        if isinstance(value, str) and not value.isprintable():
            reader.wrong(f"{at}.{name}", "has a line break or another control character in it")
