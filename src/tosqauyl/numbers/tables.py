"""Reading the text tables of the plan: plus7, areas, short codes, words for "anonymous", countries.

Each reader takes the text of one file and gives plain dictionaries; every mistake of a file is raised at once.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tosqauyl.errors import FileMistakes, Mistake
from tosqauyl.facts import KINDS

LEAST_DIGITS, MOST_DIGITS = 7, 15
"""Digits of an international number with its country code. Most: ITU-T E.164 section 6. Least: +690 and +683 have 7."""
CODE_DIGITS = 3
NATIONAL_DIGITS = 10
"""Digits of a national number under +7, in Kazakhstan and Russia alike."""


class Use(NamedTuple):
    """What a code of +7 is used for. since: ISO date; source: tags of SOURCES.md, joined with a comma."""

    kind: str
    country: str
    operator: str
    what: str
    since: str
    source: str


class Short(NamedTuple):
    """What a Kazakh short number is."""

    kind: str
    what: str
    source: str


class Area(NamedTuple):
    """The place of a geographic code, and how many digits a subscriber there has; 0: not the same everywhere."""

    name: str
    subscriber_digits: int
    source: str


class Country(NamedTuple):
    """A country code: its main country ('' for none) and the possible lengths of a national number."""

    country: str
    lengths: frozenset[int]


class Tables(NamedTuple):
    """The plan's data as read from its files; what explanations are made of."""

    uses: Mapping[str, Use]
    areas: Mapping[str, Area]
    shorts: Mapping[str, Short]
    anonymous: Mapping[str, str]
    countries: Mapping[str, Country]
    regions: Mapping[str, str]


class Rows:
    """The rows of one table: fields between '|', comments and blank lines left out; collects the mistakes."""

    def __init__(self, text: str, file: str) -> None:
        self.file, self.mistakes = file, list[Mistake]()
        self.lines = text.splitlines()

    def fields(self, *widths: int) -> Iterator[tuple[int, list[str]]]:
        """(line number, fields) of every row that has one of the given numbers of fields."""
        for place, line in enumerate(self.lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = [field.strip() for field in line.split("|")]
            if len(found) in widths:
                yield place, found
            else:
                self.wrong(place, f"{len(found)} fields, expected {' or '.join(map(str, widths))}")

    def wrong(self, line: int, what: str, hint: str = "") -> None:
        """Note a mistake; line 0 for one of the whole file."""
        self.mistakes.append(Mistake(self.file, line, 0, what, hint))

    def done(self) -> None:
        """Raise FileMistakes if there was any."""
        if self.mistakes:
            raise FileMistakes(self.mistakes)


def spread(codes: str) -> list[str]:
    """The codes of a list such as '710-718,721': ranges unrolled, zeros in front kept. ValueError for nonsense."""
    found = []
    for part in codes.split(","):
        low, dash, high = part.strip().partition("-")
        if not (low.isascii() and low.isdigit() and (not dash or (high.isdigit() and len(high) == len(low)))):
            raise ValueError(f"'{part.strip()}' is neither a code nor a range")
        found += [f"{code:0{len(low)}}" for code in range(int(low), int(high or low) + 1)]
    if not found:
        raise ValueError(f"'{codes}' holds no code")
    return found


def read_plus7(text: str, file: str = "plus7.txt") -> dict[str, Use]:
    """Code -> use: all thousand three-digit codes, and longer exceptions. Raises FileMistakes."""
    rows, uses = Rows(text, file), dict[str, Use]()
    for line, (codes, *rest) in rows.fields(7):
        use = Use(*rest)
        if use.kind not in KINDS:
            rows.wrong(line, f"unknown kind '{use.kind}'", f"one of {', '.join(KINDS)}")
        try:
            unrolled = spread(codes)
        except ValueError as error:
            rows.wrong(line, str(error))
            continue
        for code in unrolled:
            if code in uses or not CODE_DIGITS <= len(code) <= NATIONAL_DIGITS:
                rows.wrong(line, f"code {code} is said twice or has a wrong length")
            uses[code] = use
    missing = [f"{code:03}" for code in range(1000) if f"{code:03}" not in uses]
    if missing:
        rows.wrong(0, f"{len(missing)} codes are missing: {', '.join(missing[:10])}", "say each of 000-999 once")
    rows.done()
    return uses


def read_short_codes(text: str, file: str = "short_codes.txt") -> dict[str, Short]:
    """Digits -> what the short number is. Raises FileMistakes."""
    rows, shorts = Rows(text, file), dict[str, Short]()
    for line, (digits, *rest) in rows.fields(4):
        if not (digits.isascii() and digits.isdigit() and 2 <= len(digits) <= 6) or digits in shorts:
            rows.wrong(line, f"'{digits}' is said twice or is no short number")
        shorts[digits] = Short(*rest)
        if shorts[digits].kind not in ("emergency", "service", "short"):
            rows.wrong(line, f"unknown kind '{shorts[digits].kind}'")
    rows.done()
    return shorts


def read_areas(text: str, file: str = "areas.txt") -> dict[str, Area]:
    """Leading digits -> area. Raises FileMistakes."""
    rows, areas = Rows(text, file), dict[str, Area]()
    for line, (digits, name, subscriber, source) in rows.fields(4):
        if digits in areas or not subscriber.isdigit():
            rows.wrong(line, f"'{digits}' is said twice or has no number of digits")
            continue
        areas[digits] = Area(name, int(subscriber), source)
    rows.done()
    return areas


def read_words(text: str, file: str = "anonymous.txt") -> dict[str, str]:
    """Word -> source. Raises FileMistakes."""
    rows = Rows(text, file)
    words = {word: source for _, (word, source) in rows.fields(2)}
    rows.done()
    return words


def read_countries(text: str, file: str = "countries.txt") -> tuple[dict[str, Country], dict[str, str]]:
    """(country code -> country, leading digits with country code -> smaller region). Raises FileMistakes."""
    rows = Rows(text, file)
    countries, regions = dict[str, Country](), dict[str, str]()
    for line, (code, country, listed) in rows.fields(3):
        country = country.replace("-", "")
        try:
            if code.startswith("+"):
                regions.update((code[1:] + head, country) for head in spread(listed))
            else:
                countries[code] = Country(country, frozenset(map(int, listed.split(","))))
        except ValueError as error:
            rows.wrong(line, str(error))
    rows.done()
    return countries, regions
