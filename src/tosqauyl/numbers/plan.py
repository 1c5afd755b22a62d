"""The number plan: what the raw user part of a SIP or tel URI is. Plan.read is on the path of every call.

How it stays near a microsecond: the four digits after the plus lead to a tuple with one slot for each length of the
whole text, and the slot holds the answer. Everything else (other spellings, other countries' smaller regions) is off
that path. docs/numbers.md argues each decision.
"""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple, cast

from tosqauyl.numbers import explain as explaining
from tosqauyl.numbers.number import EMPTY, SEPARATORS, Number, printable
from tosqauyl.numbers.number_table import NumberTable, packed
from tosqauyl.numbers.tables import (
    LEAST_DIGITS,
    MOST_DIGITS,
    NATIONAL_DIGITS,
    Tables,
    Use,
    read_areas,
    read_countries,
    read_plus7,
    read_short_codes,
    read_words,
)

SHORT_DIGITS = range(2, 7)
HEAD = 4
"""Digits that lead to an answer: +7 and its three-digit code, or a country code and what follows."""

Longer = tuple[tuple[int, Mapping[str, tuple[str, str, str]]], ...]
"""Where four digits do not decide: (how many digits, those digits -> kind, country, operator), most digits first."""
Answer = tuple[str, str, str, Longer | None]
"""kind, country, operator, and the longer leading digits to look at first."""

_NO_COUNTRY: tuple[Answer, ...] = (("unassigned", "", "", None),) * (MOST_DIGITS + 2)
_NOT_POSSIBLE = frozenset(("impossible", "unassigned"))
_FILES = ("plus7.txt", "areas.txt", "short_codes.txt", "anonymous.txt", "countries.txt")
# Number(...) in half the time: a NamedTuple's own __new__ is a Python function.
_number = cast(Callable[[type[Number], tuple[str, str, str, str, str]], Number], tuple.__new__)


class Ported:
    """Which operator serves a ported number now: a table of numbers, and the operators its values count through.

    hash: 16 hex digits of the content, '' for no ported numbers. Immutable.
    """

    __slots__ = ("_find", "_table", "hash", "operators")

    def __init__(self, table: NumberTable, operators: tuple[str, ...], content: str = "") -> None:
        self._table, self.operators, self.hash = table, operators, content
        self._find = table.find

    def __len__(self) -> int:
        return len(self._table)

    def get(self, number: str, default: str) -> str:
        """The operator of a number as it is written in E.164; `default` if it was not ported. Never raises."""
        place = self._find(number)
        return self.operators[place] if 0 <= place < len(self.operators) else default

    @property
    def memory(self) -> memoryview:
        """The table as it is written to a file."""
        return self._table.memory


def pack_ported(ported: Mapping[str, str]) -> Ported:
    """The ported numbers ('+7...' -> operator slug) as a table; 2 s a million. Raises TosqauylError for a wrong number."""
    operators = tuple(sorted(set(ported.values())))
    places = {operator: place for place, operator in enumerate(operators)}
    digest = sha256()
    for text, operator in sorted(ported.items()):
        digest.update(f"{text} {operator}\n".encode())
    table = NumberTable(packed({number: places[operator] for number, operator in ported.items()}))
    return Ported(table, operators, digest.hexdigest()[:16] if ported else "")


class Base(NamedTuple):
    """What all plans of a process share: the shipped data, read once. digest: 16 hex digits of the data files."""

    tables: Tables
    version: str
    digest: str
    heads: dict[str, tuple[Answer, ...]]
    trunk8: frozenset[str]


class Plan:
    """The number plan of one date, with one state of portability. Immutable; share it freely.

    version: the date its data were reviewed, ISO 8601. hash: 16 hex digits over all data and the ported numbers.
    mobile_codes: the three-digit codes of Kazakh mobile numbers, sorted. codes_of_operator: slug -> its original codes.
    """

    __slots__ = (
        "_any_ported",
        "_heads",
        "_shorts",
        "_trunk8",
        "codes_of_operator",
        "hash",
        "mobile_codes",
        "ported",
        "tables",
        "version",
    )

    def __init__(self, base: Base, ported: Ported) -> None:
        self.tables, self.version, self.ported = base.tables, base.version, ported
        self.hash: str = sha256(f"{base.digest}\n{ported.hash}".encode()).hexdigest()[:16] if ported else base.digest
        self._heads, self._trunk8, self._shorts = base.heads, base.trunk8, base.tables.shorts
        self._any_ported = len(ported) > 0
        mobile = {code: use.operator for code, use in sorted(base.tables.uses.items()) if use.kind == "mobile"}
        self.mobile_codes: tuple[str, ...] = tuple(mobile)
        owners = dict.fromkeys(mobile.values())
        self.codes_of_operator: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {owner: tuple(code for code in mobile if mobile[code] == owner) for owner in owners}
        )

    def read(self, raw: str) -> Number:
        """What a raw user part is. Takes any text and never raises; 0.4 us for an international number."""
        size = len(raw)
        if 7 < size < 17 and raw[0] == "+":
            row = self._heads.get(raw[1:5])
            if row is not None and raw.isascii() and raw[5:].isdigit():
                kind, country, operator, longer = row[size]
                if longer is not None:
                    kind, country, operator = _longest(raw, longer) or (kind, country, operator)
                if operator and self._any_ported:
                    operator = self.ported.get(raw, operator)
                return _number(Number, (raw, "international", kind, country, operator))
        return self._read_other(raw)

    def explain(self, raw: str) -> explaining.Explanation:
        """The same answer with its steps in words and the source of each; for people, off the path of calls."""
        number = self.read(raw)
        operator = self.ported.get(number.text, "")
        return explaining.explain(raw, number, self.tables, {number.text: operator} if operator else {})

    def _read_other(self, raw: str) -> Number:
        """Every spelling but a clean plus and digits."""
        text = raw.translate(SEPARATORS)
        if not text:
            return EMPTY
        if text.isascii() and text.isdigit():
            return self._digits(text)
        if text[0] == "+":
            return self._plus(text)
        word = text.lower().replace("_", "")
        if word in self.tables.anonymous:
            return Number(printable(text), "anonymous", "unknown", "", "")
        letters = any(map(str.isalpha, text[:1024]))
        return Number(printable(text), "letters" if letters else "malformed", "unknown", "", "")

    def _plus(self, text: str) -> Number:
        """A plus and something. '++CC' and '+00CC' say the prefix twice: there is one reading only, so repaired."""
        digits = text[1:]
        form = "international"
        if digits[:1] == "+":
            digits, form = digits[1:], "prefixed"
        elif digits[:2] == "00":
            digits, form = digits[2:], "prefixed"
        if not (digits.isascii() and digits.isdigit()):
            return _malformed(text)
        if digits in self._shorts and form == "international":
            return self._short(digits)
        return self._international(digits, form)

    def _digits(self, digits: str) -> Number:
        """ASCII digits and nothing else."""
        size = len(digits)
        if size in SHORT_DIGITS:
            return self._short(digits)
        if size <= 1:
            return _malformed(digits)
        if digits[0] == "8":
            return self._eight(digits)
        if digits[0] == "7" and size == NATIONAL_DIGITS:
            return self._international("7" + digits, "national")
        if digits[:2] == "00":
            return self._international(digits[2:], "prefixed")
        return self._bare(digits)

    def _eight(self, digits: str) -> Number:
        """An 8 in front: 810 and a country, the trunk prefix 8 and a national number, or a country code 8xx."""
        size, code = len(digits), digits[1:4]
        if digits[:3] == "810" and size > LEAST_DIGITS:
            number = self._international(digits[3:], "prefixed")
            if number.kind not in _NOT_POSSIBLE or size != NATIONAL_DIGITS + 1:
                return number
        if size == NATIONAL_DIGITS and digits[:2] == "80":
            return self._international("7" + digits, "national")
        if size != NATIONAL_DIGITS + 1:
            return self._bare(digits)
        if code not in self._trunk8:
            number = self._bare(digits)
            if number.form == "bare":
                return number
        return self._international("7" + digits[1:], "national")

    def _bare(self, digits: str) -> Number:
        """A country code without a plus, if the whole fits that country; else nothing that can be trusted."""
        number = self._international(digits, "bare")
        return _malformed(digits) if number.kind in _NOT_POSSIBLE else number

    def _international(self, digits: str, form: str) -> Number:
        """ASCII digits that begin with a country code."""
        text = "+" + digits
        row = self._heads.get(digits[:HEAD])
        if row is None or not LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
            kind = "unassigned" if digits[0] == "0" else "impossible"
            return Number(printable(text), form, kind, "", "")
        kind, country, operator, longer = row[len(text)]
        if longer is not None:
            kind, country, operator = _longest(text, longer) or (kind, country, operator)
        return Number(text, form, kind, country, self.ported.get(text, operator) if operator else "")

    def _short(self, digits: str) -> Number:
        """A short number: of the Kazakh list, or one that nobody knows."""
        known = self._shorts.get(digits)
        if known is None:
            return Number(digits, "short", "short", "", "")
        return Number(digits, "short", known.kind, "KZ", "")


def load_plan(portability: Mapping[str, str] | Ported | None = None) -> Plan:
    """The plan of the package's data files, with ported numbers ('+7...' -> operator slug) where given.

    Takes about 40 ms the first time in a process. Raises FileMistakes if a data file is wrong.
    """
    return Plan(base(), portability if isinstance(portability, Ported) else pack_ported(portability or {}))


@cache
def base() -> Base:
    """The shipped data, read when first asked for. Raises FileMistakes if a data file is wrong."""
    folder = files("tosqauyl.numbers") / "data"
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in _FILES}
    tables = Tables(
        read_plus7(texts["plus7.txt"]),
        read_areas(texts["areas.txt"]),
        read_short_codes(texts["short_codes.txt"]),
        read_words(texts["anonymous.txt"]),
        *read_countries(texts["countries.txt"]),
    )
    version = texts["plus7.txt"].partition("# dated:")[2].partition("\n")[0].strip()
    digest = sha256("\0".join(texts.values()).encode()).hexdigest()[:16]
    trunk8 = frozenset(code for code, use in tables.uses.items() if _dialled_with_8(code, use))
    return Base(tables, version, digest, _heads(tables), trunk8)


def _malformed(text: str) -> Number:
    return Number(printable(text), "malformed", "unknown", "", "")


def _dialled_with_8(code: str, use: Use) -> bool:
    """Whether 8 in front of this code is taken for the trunk prefix: codes in use by the metadata, and 80x.

    In the others (0xx, 1xx, 2xx, 5xx, 6xx, reserve, 881-899) nobody has a number, and China's 86, Hong Kong's 852 or
    Taiwan's 886 without a plus is the likelier reading.
    """
    if use.kind == "shared":
        return code[:2] == "80"
    return use.kind != "reserve" and code[0] in "34789"


def _longest(text: str, longer: Longer) -> tuple[str, str, str] | None:
    """The answer of the longest leading digits that are listed; text begins with its plus."""
    for size, answers in longer:
        found = answers.get(text[1 : size + 1])
        if found is not None:
            return found
    return None


def _heads(tables: Tables) -> dict[str, tuple[Answer, ...]]:
    """Four leading digits -> an answer for each length of the text with its plus (slots 0 to 16)."""
    answers = {digits: ("foreign", region, "") for digits, region in tables.regions.items()}
    answers |= {"7" + code: (use.kind, use.country, use.operator) for code, use in tables.uses.items()}
    longer: dict[str, dict[int, dict[str, tuple[str, str, str]]]] = {}
    for digits, answer in answers.items():
        if len(digits) > HEAD:
            longer.setdefault(digits[:HEAD], {}).setdefault(len(digits), {})[digits] = answer
    found = {head: tuple(sorted(sizes.items(), reverse=True)) for head, sizes in longer.items()}
    every = (f"{number:0{HEAD}}" for number in range(10 ** (HEAD - 1), 10**HEAD))  # no country code begins with 0
    return {head: (_row_of_seven if head[0] == "7" else _row)(head, tables, found.get(head)) for head in every}


def _row(head: str, tables: Tables, longer: Longer | None) -> tuple[Answer, ...]:
    code = next((head[:size] for size in (1, 2, 3) if head[:size] in tables.countries), None)
    if code is None:
        return _NO_COUNTRY
    country, lengths = tables.countries[code]
    for end in range(len(code) + 1, HEAD + 1):
        country = tables.regions.get(head[:end], country)
    possible: Answer = ("foreign", country, "", longer)
    impossible: Answer = ("impossible", country, "", None)
    return tuple(possible if size - 1 - len(code) in lengths else impossible for size in range(MOST_DIGITS + 2))


def _row_of_seven(head: str, tables: Tables, longer: Longer | None) -> tuple[Answer, ...]:
    use = tables.uses[head[1:]]
    found: Answer = (use.kind, use.country, use.operator, longer)
    impossible: Answer = ("impossible", use.country, "", None)
    # 8~10 800 and 8 digits of a universal free number, kept by exchanges as 14 "national" digits: so in the metadata.
    possible = (NATIONAL_DIGITS, 14) if head == "7810" else (NATIONAL_DIGITS,)
    return tuple(found if size - 2 in possible else impossible for size in range(MOST_DIGITS + 2))
