"""The person of a checked number: what the operator's message to the Centre must name (order of 3 November 2025: name, IIN, all
numbers of the person), checked before it is sealed."""

import json
import re
from dataclasses import asdict, dataclass, replace

from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.observables import normalise
from tosqauyl.registry.protection import is_storable
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Work

PURPOSE = "number_check.person"
IIN_PURPOSE = "observable.iin_token"
"""The token of a check's IIN is that of the observable: so a person's checks and reports are found by one value."""
MOST_NAME = 200
MOST_NUMBERS = 10_000
"""Numbers of one person or firm: a firm with meters has thousands."""
MOST_JUSTIFICATION = 1_000

_BIN = re.compile(r"\d\d(0[1-9]|1[0-2])[4-6][0-4]\d{6}")
"""Business number: year, month of registration, kind of body, main office or branch, five digits of order, a check digit."""


@dataclass(frozen=True, slots=True)
class Person:
    """iin: of a person, or the BIN of a firm; numbers: all that are registered to it at the operator; justification: why it has
    more than ten; registered: False where the number is registered to nobody."""

    name: str = ""
    iin: str = ""
    numbers: tuple[str, ...] = ()
    justification: str = ""
    registered: bool = True

    @property
    def has_too_many(self) -> bool:
        """More numbers than a person may have without a justification."""
        return len(self.numbers) > most_numbers() and not self.justification


def most_numbers() -> int:
    """Numbers that a person may have without a justification: ten."""
    return int(shipped("checks.toml")["most_numbers"])


def checked(person: Person, number: str, is_confirmed: bool) -> Person:
    """The person with all values in their one spelling; `number`, the checked one, is always among its numbers.

    Raises Invalid with the field that cannot be. Where the fraud is not confirmed nothing of the person is needed.
    """
    _check_texts(person)
    if not person.registered and (person.name or person.iin or person.numbers or person.justification):
        raise Invalid("a number that is registered to nobody has no person", "person/registered")
    if not is_confirmed and not (person.name or person.iin or person.numbers):
        return replace(person, name="", justification="")
    if person.registered and not person.name.strip():
        raise Invalid("the message to the Centre names the person", "person/name")
    numbers = {number: None} | {_number(text, place): None for place, text in enumerate(person.numbers)}
    iin = _iin(person.iin) if person.registered else ""
    return replace(person, name=" ".join(person.name.split()), iin=iin, numbers=tuple(numbers))


def sealed(work: Work, person: Person) -> bytes:
    """For the column `person`; b'' where nothing is known of the person."""
    if person == Person():
        return b""
    return work.vault.seal(json.dumps(asdict(person), ensure_ascii=False), PURPOSE)


def opened(work: Work, value: bytes) -> Person:
    """Of the column `person`. Whoever calls it notes why. Raises TosqauylError where it was changed."""
    if not value:
        return Person()
    told = json.loads(work.vault.open(value, PURPOSE))
    return Person(**(told | {"numbers": tuple(told["numbers"])}))


def token(work: Work, iin: str) -> str:
    """The token by which a person's checks are found; '' for ''."""
    return work.vault.token(iin, IIN_PURPOSE)


def _check_texts(person: Person) -> None:
    for name, most in (("name", MOST_NAME), ("justification", MOST_JUSTIFICATION)):
        text = getattr(person, name)
        if len(text) > most or not is_storable(text):
            raise Invalid("the text is too long, or has characters that are not printed", f"person/{name}")
    if len(person.numbers) > MOST_NUMBERS:
        raise Invalid("too many numbers", "person/numbers", f"at most {MOST_NUMBERS}")


def _number(text: str, place: int) -> str:
    try:
        return normalise("phone", text)
    except Invalid as error:
        raise Invalid(error.what, f"person/numbers/{place}", error.hint) from None


def _iin(text: str) -> str:
    digits = re.sub(r"[\s-]", "", text)
    if _BIN.fullmatch(digits) and digits.isascii() and _check_digit_fits(digits):
        return digits
    try:
        return normalise("iin_token", text)
    except Invalid as error:
        raise Invalid(error.what, "person/iin", error.hint) from None


def _check_digit_fits(digits: str) -> bool:
    numbers = [int(digit) for digit in digits]
    for weights in (range(1, 12), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)):
        check = sum(weight * number for weight, number in zip(weights, numbers[:11], strict=True)) % 11
        if check < 10:
            return check == numbers[11]
    return False
