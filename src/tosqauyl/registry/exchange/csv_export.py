"""Published indicators as CSV, in pieces: lines with '#' that say what it is, a row of names, rows, and a last line with their
count, so that a file that was cut off is noticed.

No cell begins with what a spreadsheet takes for a formula: a number stands there as a link (RFC 3966, 'tel:+77011234567'), and
whatever else begins so gets an apostrophe in front.
"""

import csv
import io
from collections.abc import Iterable, Iterator

from tosqauyl.registry.cells import is_formula
from tosqauyl.registry.exchange.page import Entry
from tosqauyl.registry.exchange.stix import techniques
from tosqauyl.registry.moments import rfc3339

MEDIA_TYPE = "text/csv"
COLUMNS = (
    "id", "kind", "value", "verdict", "confidence", "scheme", "techniques", "listing", "published", "valid_from", "valid_until",
    "half_life_days", "reasons", "tlp",
)  # fmt: skip
DEFINITION = "indicators that a second person approved and that hold now; those taken back or over are not here"


def lines(pages: Iterable[Iterable[Entry]], publisher: str, now: int) -> Iterator[str]:
    """The file's text in pieces, one for each page. now: milliseconds."""
    said = (
        f"{cell(publisher)}: published indicators", f"definition: {DEFINITION}", f"time: {rfc3339(now)}",
        "confidence: percent at valid_from, halved every half_life_days (0: never); times: RFC 3339, UTC",
        "tlp: AMBER for the whole file; a row may say GREEN (FIRST TLP)",
    )  # fmt: skip
    yield "".join(f"# {line}\r\n" for line in said) + _rows([COLUMNS])
    count = 0
    for page in pages:
        rows = [_row(entry) for entry in page]
        count += len(rows)
        if rows:
            yield _rows(rows)
    yield f"# end: {count} indicators\r\n"


def cell(text: str) -> str:
    """A text that no spreadsheet computes."""
    plain = text.replace("\r", " ").replace("\n", " ").replace("\0", "")
    return "'" + plain if is_formula(plain) else plain


def _row(entry: Entry) -> list[str]:
    value = f"tel:{entry.value}" if entry.kind == "phone" else entry.value
    found = (
        str(entry.indicator), entry.kind, value, entry.verdict, str(entry.confidence), entry.scheme,
        " ".join(techniques(entry.scheme)), entry.listing, rfc3339(entry.added), rfc3339(entry.valid_from),
        rfc3339(entry.valid_until) if entry.valid_until else "", str(entry.half_life_days), " ".join(entry.reasons), entry.tlp,
    )  # fmt: skip
    return [cell(one) for one in found]


def _rows(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
