"""Why a number was read as it was: the steps in words, each with its source. For people; no call waits for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tosqauyl.numbers.number import SEPARATORS, Number
from tosqauyl.numbers.tables import CODE_DIGITS, LEAST_DIGITS, MOST_DIGITS, NATIONAL_DIGITS, Area, Tables

_DOCS = "docs/numbers.md"


class Template(StrEnum):
    """Everything a step can say, in English, with {names} for what differs from number to number.

    One sentence for each case and never one glued together from parts: other languages inflect and order otherwise.
    """

    SEPARATORS = "Blanks, '-', '.', '(' and ')' are only for the eye and are dropped."
    INTERNATIONAL = "Written with a plus: country code and national number follow."
    PREFIXED = "Written with an international prefix (00, or 810 as dialled in Kazakhstan); it is taken off."
    BARE = "Country code without a plus: the digits fit that country's plan."
    NATIONAL = "A national number of the +7 zone, with or without the trunk prefix 8."
    SHORT = "A short number: two to six digits."
    LETTERS = "A name, not a number."
    EMPTY = "No number at all."
    ANONYMOUS = "The caller's number is withheld."
    MALFORMED = "Neither a number in any known spelling nor a name."
    E164 = "In E.164: {number}"
    SHORT_UNKNOWN = "{number} is not on the list of Kazakh short numbers; whose it is, nobody knows."
    SHORT_KNOWN = "{number}: {what} ({kind})."
    SHORT_WITH_PLUS = "{number}: {what} ({kind}). The plus in front is a mistake: no country has a number this short."
    UNASSIGNED = "Not a possible number: no country has a code that begins like this."
    NO_LENGTH = "Not a possible number: it has fewer than 7 or more than 15 digits."
    SEVEN_KZ = "Code {code} of +7 belongs to Kazakhstan."
    SEVEN_RU = "Code {code} of +7 belongs to Russia."
    SEVEN_NOBODY = "Code {code} of +7 belongs to no single country."
    SEVEN_LENGTH = "Not a possible number: {digits} digits after +7; the plan has {planned}."
    USE = "{what} ({kind}), as of {since}."
    AREA = "{place}."
    AREA_LENGTH = "{place}; a subscriber there has {digits} digits."
    PORTED = "Ported: from {giver} to {taker}."
    COUNTRY = "Country code {code}: {country}."
    COUNTRY_NONE = "Country code {code}: no single country."
    POSSIBLE = "{digits} digits after the country code: possible (possible: {lengths})."
    NOT_POSSIBLE = "{digits} digits after the country code: not possible (possible: {lengths})."


_FORMS = {
    "international": (Template.INTERNATIONAL, "RFC 3966 section 5.1.4"),
    "prefixed": (Template.PREFIXED, f"plan; {_DOCS}"),
    "bare": (Template.BARE, f"metadata; {_DOCS}"),
    "national": (Template.NATIONAL, f"plan; {_DOCS}"),
    "short": (Template.SHORT, "plan"),
    "letters": (Template.LETTERS, "RFC 3261 section 19.1.1"),
    "empty": (Template.EMPTY, "RFC 3261 section 19.1.1"),
    "anonymous": (Template.ANONYMOUS, ""),
    "malformed": (Template.MALFORMED, f"RFC 3966 section 3; {_DOCS}"),
}
_OWNERS = {"KZ": Template.SEVEN_KZ, "RU": Template.SEVEN_RU}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation; source: tags of data/SOURCES.md, an RFC, or a page of the docs.

    values: what stands for the template's {names}, as the plan's data has it: kinds as slugs, names in English.
    """

    template: Template
    source: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The step in English."""
        return self.template.format(**self.values)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was sent, what it was read as, and why."""

    raw: str
    number: Number
    steps: tuple[Step, ...]


def explain(raw: str, number: Number, tables: Tables, ported: Mapping[str, str]) -> Explanation:
    """The steps that led from the raw text to the number."""
    return Explanation(raw, number, tuple(_steps(raw, number, tables, ported)))


def _step(template: Template, source: str, **values: str) -> Step:
    return Step(template, source, values)


def _steps(raw: str, number: Number, tables: Tables, ported: Mapping[str, str]) -> Iterator[Step]:
    cleaned = raw.translate(SEPARATORS)
    if cleaned != raw:
        yield Step(Template.SEPARATORS, "RFC 3966 section 3")
    template, source = _FORMS[number.form]
    if number.form == "anonymous":
        source = tables.anonymous[cleaned.lower().replace("_", "")]
    yield Step(template, source)
    if number.form == "short":
        yield _short_step(cleaned, number, tables)
    elif number.text[:1] == "+" and number.form != "malformed":
        if cleaned != number.text:
            yield _step(Template.E164, "ITU-T E.164 section 6", number=number.text)
        yield from _international_steps(number, tables, ported)


def _short_step(cleaned: str, number: Number, tables: Tables) -> Step:
    known = tables.shorts.get(number.text)
    if known is None:
        return _step(Template.SHORT_UNKNOWN, "short", number=number.text)
    template = Template.SHORT_WITH_PLUS if cleaned[0] == "+" else Template.SHORT_KNOWN
    return _step(template, known.source, number=number.text, what=known.what, kind=known.kind)


def _international_steps(number: Number, tables: Tables, ported: Mapping[str, str]) -> Iterator[Step]:
    digits = number.text[1:]
    if number.kind == "unassigned":
        yield Step(Template.UNASSIGNED, "metadata,itu")
    elif not LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
        yield Step(Template.NO_LENGTH, "ITU-T E.164 section 6")
    elif digits[0] == "7":
        yield from _seven_steps(number, digits[1:], tables, ported)
    else:
        yield _country_step(number, digits, tables)
        yield _length_step(number, digits, tables)


def _seven_steps(number: Number, national: str, tables: Tables, ported: Mapping[str, str]) -> Iterator[Step]:
    code = national[:CODE_DIGITS]
    use = tables.uses[code]
    yield _step(_OWNERS.get(use.country, Template.SEVEN_NOBODY), "treaty", code=code)
    if number.kind == "impossible":
        length = {"digits": str(len(national)), "planned": str(NATIONAL_DIGITS)}
        yield Step(Template.SEVEN_LENGTH, "plan,metadata", length)
        return
    longest = (national[:size] for size in range(len(national), CODE_DIGITS - 1, -1))
    use = next((tables.uses[head] for head in longest if head in tables.uses), use)
    what = use.what[:1].upper() + use.what[1:]
    yield _step(Template.USE, use.source, what=what, kind=use.kind, since=use.since)
    if use.kind == "fixed":
        yield _area_step(next(tables.areas[national[:size]] for size in (4, 3) if national[:size] in tables.areas))
    if number.text in ported and use.operator:
        yield _step(Template.PORTED, "portability file", giver=use.operator, taker=number.operator)


def _area_step(area: Area) -> Step:
    if not area.subscriber_digits:
        return _step(Template.AREA, area.source, place=area.name)
    return _step(Template.AREA_LENGTH, area.source, place=area.name, digits=str(area.subscriber_digits))


def _country_step(number: Number, digits: str, tables: Tables) -> Step:
    code = _country_code(digits, tables)
    country = number.country or tables.countries[code].country
    if not country:
        return _step(Template.COUNTRY_NONE, "metadata", code=code)
    return _step(Template.COUNTRY, "metadata", code=code, country=country)


def _length_step(number: Number, digits: str, tables: Tables) -> Step:
    code = _country_code(digits, tables)
    template = Template.POSSIBLE if number.kind == "foreign" else Template.NOT_POSSIBLE
    lengths = ", ".join(map(str, sorted(tables.countries[code].lengths)))
    after = str(len(digits) - len(code))
    return _step(template, "metadata; ITU-T E.164 section 6", digits=after, lengths=lengths)


def _country_code(digits: str, tables: Tables) -> str:
    return next(digits[:size] for size in (1, 2, 3) if digits[:size] in tables.countries)
