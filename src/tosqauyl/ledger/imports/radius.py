"""RADIUS accounting as FreeRADIUS keeps it: detail files, one record of indented attributes under a line with the date.

Attributes are the columns; so are `_begin`, `_end` (seconds since 1970, Acct-Delay-Time and Acct-Session-Time taken off the time
of the record) and `_cause` (the hexadecimal h323-disconnect-cause as a number of Q.850).
"""

import re
from collections import Counter
from collections.abc import Sequence

from tosqauyl.ledger.imports.lines import Block
from tosqauyl.ledger.imports.rejects import ROW, Reject

BEGIN, END, CAUSE = "_begin", "_end", "_cause"
_MADE_FROM = ("Timestamp", "Acct-Delay-Time", "Acct-Session-Time", "h323-disconnect-cause")
_ATTRIBUTE = re.compile(r'^[ \t]+(?:[\w-]*AVPair \+?= ")?([A-Za-z][\w.-]*) ?\+?= ?"?', re.MULTILINE)

Records = list[tuple[int, dict[str, str]]]


def whole_records(lines: list[bytes]) -> int:
    """How many of the lines are whole records: up to the last blank line; 0 where there is none."""
    return next((place + 1 for place in range(len(lines) - 1, -1, -1) if lines[place].isspace()), 0)


def read_detail(block: Block, encoding: str, wanted: Sequence[str]) -> tuple[Records, list[Reject], Counter[str]]:
    """The records of a block. A record without an Acct-Status-Type is rejected: it is torn, or no accounting."""
    text = _text(block, encoding)
    pattern = attribute_pattern(wanted)
    records: Records = []
    rejects: list[Reject] = []
    line = block.first
    for part in text.split("\n\n"):
        skipped = len(part) - len(part.lstrip("\n"))
        record = _record(part, pattern)
        if "Acct-Status-Type" in record:
            records.append((line + skipped, _with_made(record)))
        elif part.strip():
            rejects.append(Reject(line + skipped, ROW, "Acct-Status-Type", "no accounting record", part.strip()))
        line += part.count("\n") + 2
    return records, rejects, Counter()


def _record(part: str, pattern: "re.Pattern[str]") -> dict[str, str]:
    """The attributes of a record: all at once where it is written as FreeRADIUS does, else those that the pattern finds."""
    if not _is_usual(part):
        return dict(pattern.findall(part))
    record = {}
    for line in part.split("\n\t")[1:]:
        name, _, value = line.partition(" = ")
        record[name] = value.strip('"')
    return record


def _is_usual(part: str) -> bool:
    """Whether every line but the first is a tab, a name, ` = ` and a value, perhaps in quotes, with neither `=` nor `"` in it."""
    lines = part.count("\n")
    return (
        part.count("\n\t") == lines == part.count("=") == part.count(" = ")
        and part.count('"') == part.count(' = "') + part.count('"\n') + part.endswith('"')
        and ' = "\n' not in part and "\n\t\t" not in part and "\n\t " not in part and not part.endswith(' = "')
    )  # fmt: skip


def attribute_names(block: Block) -> tuple[str, ...]:
    """Every attribute in a block, and the columns made from them."""
    names = dict.fromkeys(_ATTRIBUTE.findall(_text(block, "utf-8")))
    return (*names, BEGIN, END, CAUSE)


def attribute_pattern(wanted: Sequence[str]) -> "re.Pattern[str]":
    """Finds the wanted attributes of a record, in a Cisco-AVPair too, and their values without quotes and repeated names."""
    names = "|".join(map(re.escape, sorted({*wanted, *_MADE_FROM, "Acct-Status-Type"}, key=len, reverse=True)))
    return re.compile(rf'^[ \t]+(?:[\w-]*AVPair \+?= ")?({names}) ?\+?= ?"?(?:\1=)?([^"\n]*)', re.MULTILINE)


def _text(block: Block, encoding: str) -> str:
    data = b"".join(block.lines).replace(b"\r\n", b"\n")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(encoding, "replace")


def _with_made(record: dict[str, str]) -> dict[str, str]:
    stamp = record.get("Timestamp", "")
    if stamp.isdigit():
        end = int(stamp) - _seconds(record, "Acct-Delay-Time")
        record[END], record[BEGIN] = str(end), str(end - _seconds(record, "Acct-Session-Time"))
    cause = record.get("h323-disconnect-cause", "")
    if cause:
        record[CAUSE] = str(int(cause, 16)) if re.fullmatch("[0-9A-Fa-f]{1,2}", cause) else cause
    return record


def _seconds(record: dict[str, str], name: str) -> int:
    text = record.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
