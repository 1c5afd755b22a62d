"""Kamailio's acc in syslog: `ACC: transaction answered: timestamp=...;method=INVITE;from_tag=...;call_id=...;code=200;...`.

Which values follow is up to `log_extra` of the acc module; its names are the columns. An acc line is written when the transaction
ends: an INVITE's when it was answered or failed, a BYE's when the call ended.
"""

import re
from collections import Counter

from tosqauyl.ledger.imports.lines import Block
from tosqauyl.ledger.imports.rejects import ROW, Reject

EVENT = "event"
"""The column with what acc says happened: `transaction answered`, `call missed`, `transaction failed`."""
_MARK = re.compile(r"\bACC: ([a-z ]{1,40}): (timestamp=.*)")
_PIECE = re.compile(r";([A-Za-z_][A-Za-z0-9_]{0,40})=")
_SAME = 5
"""Seconds within which two lines of one transaction are one: a missed call is told of twice where two flags are set."""

Records = list[tuple[int, dict[str, str]]]


def read_acc(block: Block, encoding: str) -> tuple[Records, list[Reject], Counter[str]]:
    """The acc lines of a block; other lines of the log are counted and passed over."""
    records: Records = []
    rejects: list[Reject] = []
    counts: Counter[str] = Counter()
    seen: dict[tuple[str, str, str], int] = {}
    for number, raw in enumerate(block.lines, block.first):
        if b"ACC: " not in raw:
            counts["other_lines"] += not raw.isspace()
            continue
        text = raw.decode("utf-8", "replace" if encoding == "utf-8" else "surrogateescape").rstrip("\r\n")
        found = _MARK.search(text)
        if found is None:
            rejects.append(Reject(number, ROW, "", "no acc line that can be read", text))
            continue
        record = fields_of(found[2])
        record[EVENT] = found[1]
        if _is_repeated(record, seen):
            counts["repeated_rows"] += 1
        else:
            records.append((number, record))
    return records, rejects, counts


def fields_of(text: str) -> dict[str, str]:
    """The values of an acc line. A `;` that is followed by no name and `=` belongs to the value before it."""
    plain = text if text.isascii() else text.encode("utf-8", "replace").decode()
    pieces = _PIECE.split(";" + plain)
    return dict(zip(pieces[1::2], pieces[2::2], strict=False))


def _is_repeated(record: dict[str, str], seen: dict[tuple[str, str, str], int]) -> bool:
    key = (record.get("call_id", ""), record.get("method", ""), record.get("from_tag", ""))
    stamp = record.get("timestamp", "")
    when = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) < 12 else 0
    before = seen.get(key)
    seen[key] = when
    return before is not None and key[0] != "" and key[1] == "INVITE" and abs(when - before) <= _SAME
