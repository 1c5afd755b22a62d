"""Why a number was read as it was: the steps in words, each with its source. For people; no call waits for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tosqauyl.numbers.number import SEPARATORS, Number
from tosqauyl.numbers.tables import CODE_DIGITS, LEAST_DIGITS, MOST_DIGITS, NATIONAL_DIGITS, Tables

_DOCS = "docs/numbers.md"
_FORMS = {
    "international": ("Written with a plus: country code and national number follow.", "RFC 3966 section 5.1.4"),
    "prefixed": (
        "Written with an international prefix (00, or 810 as dialled in Kazakhstan); it is taken off.",
        f"plan; {_DOCS}",
    ),
    "bare": ("Country code without a plus: the digits fit that country's plan.", f"metadata; {_DOCS}"),
    "national": ("A national number of the +7 zone, with or without the trunk prefix 8.", f"plan; {_DOCS}"),
    "short": ("A short number: two to six digits.", "plan"),
    "letters": ("A name, not a number.", "RFC 3261 section 19.1.1"),
    "empty": ("No number at all.", "RFC 3261 section 19.1.1"),
    "anonymous": ("The caller's number is withheld.", ""),
    "malformed": ("Neither a number in any known spelling nor a name.", f"RFC 3966 section 3; {_DOCS}"),
}
_KINDS = {
    "impossible": "Not a possible number: ",
    "unassigned": "Not a possible number: no country has a code that begins like this.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation; source: tags of data/SOURCES.md, an RFC, or a page of the docs."""

    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was sent, what it was read as, and why."""

    raw: str
    number: Number
    steps: tuple[Step, ...]


def explain(raw: str, number: Number, tables: Tables, ported: Mapping[str, str]) -> Explanation:
    """The steps that led from the raw text to the number."""
    return Explanation(raw, number, tuple(_steps(raw, number, tables, ported)))


def _steps(raw: str, number: Number, tables: Tables, ported: Mapping[str, str]) -> Iterator[Step]:
    cleaned = raw.translate(SEPARATORS)
    if cleaned != raw:
        yield Step("Blanks, '-', '.', '(' and ')' are only for the eye and are dropped.", "RFC 3966 section 3")
    text, source = _FORMS[number.form]
    if number.form == "anonymous":
        source = tables.anonymous[cleaned.lower().replace("_", "")]
    yield Step(text, source)
    if number.form == "short":
        yield _short_step(cleaned, number, tables)
    elif number.text[:1] == "+" and number.form != "malformed":
        if cleaned != number.text:
            yield Step(f"In E.164: {number.text}", "ITU-T E.164 section 6")
        yield from _international_steps(number, tables, ported)


def _short_step(cleaned: str, number: Number, tables: Tables) -> Step:
    known = tables.shorts.get(number.text)
    if known is None:
        return Step(f"{number.text} is not on the list of Kazakh short numbers; whose it is, nobody knows.", "short")
    plus = " The plus in front is a mistake: no country has a number this short." if cleaned[0] == "+" else ""
    return Step(f"{number.text}: {known.what} ({known.kind}).{plus}", known.source)


def _international_steps(number: Number, tables: Tables, ported: Mapping[str, str]) -> Iterator[Step]:
    digits = number.text[1:]
    if number.kind == "unassigned":
        yield Step(_KINDS["unassigned"], "metadata,itu")
    elif not LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
        yield Step(f"{_KINDS['impossible']}it has fewer than 7 or more than 15 digits.", "ITU-T E.164 section 6")
    elif digits[0] == "7":
        yield from _seven_steps(number, digits[1:], tables, ported)
    else:
        yield from _foreign_steps(number, digits, tables)


def _seven_steps(number: Number, national: str, tables: Tables, ported: Mapping[str, str]) -> Iterator[Step]:
    use = tables.uses[national[:CODE_DIGITS]]
    owner = {"KZ": "Kazakhstan", "RU": "Russia"}.get(use.country, "no single country")
    yield Step(f"Code {national[:CODE_DIGITS]} of +7 belongs to {owner}.", "treaty")
    if number.kind == "impossible":
        length = f"{len(national)} digits after +7; the plan has {NATIONAL_DIGITS}."
        yield Step(_KINDS["impossible"] + length, "plan,metadata")
        return
    longest = (national[:size] for size in range(len(national), CODE_DIGITS - 1, -1))
    use = next((tables.uses[head] for head in longest if head in tables.uses), use)
    yield Step(f"{use.what[:1].upper()}{use.what[1:]} ({use.kind}), as of {use.since}.", use.source)
    if use.kind == "fixed":
        area = next(tables.areas[national[:size]] for size in (4, 3) if national[:size] in tables.areas)
        length = f"; a subscriber there has {area.subscriber_digits} digits" if area.subscriber_digits else ""
        yield Step(f"{area.name}{length}.", area.source)
    if number.text in ported and use.operator:
        yield Step(f"Ported: from {use.operator} to {number.operator}.", "portability file")


def _foreign_steps(number: Number, digits: str, tables: Tables) -> Iterator[Step]:
    code = next(digits[:size] for size in (1, 2, 3) if digits[:size] in tables.countries)
    country, lengths = tables.countries[code]
    whose = number.country or country or "no single country"
    yield Step(f"Country code {code}: {whose}.", "metadata")
    possible = ", ".join(map(str, sorted(lengths)))
    judged = "possible" if number.kind == "foreign" else "not possible"
    yield Step(
        f"{len(digits) - len(code)} digits after the country code: {judged} (possible: {possible}).",
        "metadata; ITU-T E.164 section 6",
    )
