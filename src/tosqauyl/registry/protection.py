"""What is never blocked, whoever wants it: a list that stops 112 or a bank's hotline does more harm than a missed fraud."""

import re
from functools import cache

from sqlalchemy import func, or_, select

from tosqauyl.registry import observables, purposes
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.observable_forms import number_plan
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator, Observable, ProtectedIdentity
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.lists import load_shipped

MOST_DIGITS = 9
"""A text for the public may have no more digits in a row: ten are a national number, twelve an IIN."""

_NO_NUMBERS = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?=[0-9a-f]*[a-f])[0-9a-f]{16,64}\b"
)
"""Dates, UUIDs and digests: digits that are no number of a person."""
_NUMBER = re.compile(rf"(?:\d[ \-().]*){{{MOST_DIGITS},}}")


def why_never_blocked(work: Work, observable: Observable) -> str:
    """Why a phone number must not be stopped by a list, in words for whoever tried; '' where it may be."""
    number = observables.opened(work, observable, purposes.PROTECTING)
    read = number_plan().read(number)
    if read.kind == "emergency":
        return "it is an emergency number"
    if read.form == "short" or read.kind in ("short", "service"):
        return "it is a short number: the gates have a rule of their own for short numbers from abroad"
    if _shipped().find(number, work.now / 1000).protected:
        return "it is on the shipped list of protected numbers: gates know it as one that never calls out"
    if _is_of_a_protected_body(work, number):
        return "it belongs to a protected body"
    return "an approved indicator says that it is protected" if _is_said_protected(work, observable) else ""


def check_may_be_blocked(work: Work, observable: Observable) -> None:
    """Raises Invalid with the reason where the number must not be stopped."""
    if why := why_never_blocked(work, observable):
        raise Invalid(
            f"this number is never blocked: {why}", "listing", "a wrong block does more harm than a missed fraud"
        )


def check_no_numbers(text: str, where: str) -> None:
    """Texts that say why are not sealed and are shown. Raises Invalid where one seems to name a number, an IIN, an account."""
    if _NUMBER.search(_NO_NUMBERS.sub(" ", text)):
        raise Invalid(
            "this text is not sealed and seems to have a number of a person in it", where, "leave numbers and names out"
        )


def is_storable(text: str) -> bool:
    """Whether a text has no control characters but lines and tabs (PostgreSQL keeps no NUL) and no halves of surrogate pairs."""
    return not any((sign < " " and sign not in "\n\r\t") or "\ud800" <= sign <= "\udfff" for sign in text)


@cache
def _shipped() -> Indicators:
    return Indicators(load_shipped())


def _is_of_a_protected_body(work: Work, number: str) -> bool:
    holds = or_(ProtectedIdentity.ended == 0, ProtectedIdentity.ended > work.now)
    wanted = select(func.count()).select_from(ProtectedIdentity)
    wanted = wanted.where(ProtectedIdentity.kind == "phone", ProtectedIdentity.value == number, holds)
    return bool(work.db.scalar(wanted))


def _is_said_protected(work: Work, observable: Observable) -> bool:
    wanted = select(func.count()).select_from(Indicator).where(
        Indicator.observable == observable.id, Indicator.state == "active", Indicator.verdict == "protected",
        Indicator.valid_until > work.now,
    )  # fmt: skip
    return bool(work.db.scalar(wanted))
