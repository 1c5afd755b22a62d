"""Fuzz the number plan: python fuzz/fuzz_number.py -max_total_time=600.

Whatever comes, a Number and never an exception.
"""

import sys

import atheris

with atheris.instrument_imports(include=["tosqauyl"]):
    from tosqauyl.facts import FORMS, KINDS
    from tosqauyl.numbers.plan import load_plan

PLAN = load_plan()
NORMALISED = ("international", "prefixed", "bare", "national")


def one(data: bytes) -> None:
    """One input: bytes of the wire as text, as the SIP parser would hand them on."""
    raw = data.decode("utf-8", "surrogateescape")
    number = PLAN.read(raw)
    assert number.form in FORMS, number
    assert number.kind in KINDS, number
    assert number.text.isprintable(), number
    assert len(number.text) <= 64, number
    if number.form in NORMALISED and number.kind not in ("impossible", "unassigned"):
        again = PLAN.read(number.text)
        assert (again.text, again[2:]) == (number.text, number[2:]), (number, again)
    assert PLAN.explain(raw).number == number


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
