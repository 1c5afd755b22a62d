"""Where things stand in a TOML file: the line of each table and of each key. tomllib tells neither.

Only positions are found here; values are read by tomllib. Text that is no TOML gives some positions or none, never an
error, since tomllib has its say first.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """line of a key from 1; column and line of the first letter of its text value; plain: no escapes, so that an offset
    in the value is an offset in the file (column 0 where that is not so)."""

    line: int
    text_line: int = 0
    text_column: int = 0


@dataclass(slots=True)
class Table:
    """One [table] or [[table]] with its sub-tables folded in: dotted key -> place."""

    name: str
    line: int
    keys: dict[str, Place] = field(default_factory=dict)

    def line_of(self, key: str) -> int:
        """Line of a key, or of the table where the key is not found."""
        return self.keys[key].line if key in self.keys else self.line


def tables(text: str) -> list[Table]:
    """Every table of the file in order; keys before the first header belong to a table named ''."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._line, self._line_start = text.replace("\r\n", "\n"), 0, 1, 0
        self._tables = [Table("", 1)]
        self._prefix = ""

    def run(self) -> list[Table]:
        while self._at < len(self._text):
            self._statement()
        return self._tables

    def _statement(self) -> None:
        self._blank()
        if self._at >= len(self._text):
            return
        line = self._line
        if self._text[self._at] == "[":
            end = self._text.find("\n", self._at)
            header = self._text[self._at : end if end >= 0 else len(self._text)]
            self._header(header.split("#")[0].strip(), line)
            self._until_newline()
            return
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in "=\n":
            if self._text[self._at] in "\"'":
                self._string()
            else:
                self._step()
        key = ".".join(part.strip().strip("\"'") for part in self._text[start : self._at].split("."))
        if self._at < len(self._text) and self._text[self._at] == "=":
            self._step()
            self._value(self._prefix + key, line)
        else:
            self._until_newline()

    def _header(self, header: str, line: int) -> None:
        name = header.strip("[]").strip()
        parts = [part.strip().strip("\"'") for part in name.split(".")]
        if not header.startswith("[[") and len(parts) > 1 and self._tables[-1].name == parts[0]:
            inner = ".".join(parts[1:])
            self._tables[-1].keys.setdefault(inner, Place(line))
            self._prefix = inner + "."
        else:
            self._tables.append(Table(name, line))
            self._prefix = ""

    def _value(self, key: str, line: int) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._step()
        place = Place(line)
        if self._at < len(self._text) and self._text[self._at] in "\"'":
            place = self._text_place(line)
        self._tables[-1].keys.setdefault(key, place)
        self._until_newline()

    def _text_place(self, line: int) -> Place:
        mark = self._text[self._at]
        fence = mark * 3 if self._text.startswith(mark * 3, self._at) else mark
        begin = self._at
        column = begin - self._line_start + len(fence) + 1
        text_line, after = line, begin + len(fence)
        if len(fence) == 3 and self._text.startswith("\n", after):
            text_line, column = line + 1, 1
        self._string()
        if mark == '"' and "\\" in self._text[begin : self._at]:
            column = 0
        return Place(line, text_line, column)

    def _until_newline(self) -> None:
        """To the end of the statement: over strings, comments, and lists or inline tables that span lines."""
        depth = 0
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter in "\"'":
                self._string()
                continue
            if letter == "#":
                self._comment()
                continue
            if letter in "[{":
                depth += 1
            elif letter in "]}":
                depth -= 1
            self._step()
            if letter == "\n" and depth <= 0:
                return

    def _string(self) -> None:
        mark = self._text[self._at]
        fence = mark * 3 if self._text.startswith(mark * 3, self._at) else mark
        for _ in fence:
            self._step()
        while self._at < len(self._text):
            if self._text.startswith(fence, self._at):
                for _ in fence:
                    self._step()
                while len(fence) == 3 and self._text.startswith(mark, self._at):  # up to two quotes may end the text
                    self._step()
                return
            if self._text[self._at] == "\n" and len(fence) == 1:
                return
            if self._text[self._at] == "\\" and mark == '"':
                self._step()
            self._step()

    def _comment(self) -> None:
        while self._at < len(self._text) and self._text[self._at] != "\n":
            self._step()

    def _blank(self) -> None:
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._comment()
            elif self._text[self._at] in " \t\r\n":
                self._step()
            else:
                return

    def _step(self) -> None:
        if self._at < len(self._text) and self._text[self._at] == "\n":
            self._line += 1
            self._line_start = self._at + 1
        self._at += 1
