"""What the plan says of one number, and the clean-up of its text before anything is decided."""

from typing import NamedTuple

KEPT_LENGTH = 64
"""Characters kept of a text that is no number. The longest number has 16 with its plus (ITU-T E.164, section 6)."""

SEPARATORS = str.maketrans("", "", " -.()")
"""RFC 3966 section 3 visual separators, and the blank (as %20), which people's equipment writes as well."""


class Number(NamedTuple):
    """A number as it was read. All five fields are text, so that they go into facts and journal as they are.

    text: '+' and E.164 digits where it could be normalised; the digits of a short number; else what was sent, without
    separators, printable, at most 64 characters. form: how it was written (facts.FORMS). kind: what it is
    (facts.KINDS). country: ISO 3166-1 alpha-2, '' for none or several. operator: slug, of Kazakh mobile numbers only.
    """

    text: str
    form: str
    kind: str
    country: str
    operator: str


EMPTY = Number("", "empty", "unknown", "", "")
"""A header without a number."""


def printable(text: str) -> str:
    """The text cut to 64 characters, with U+FFFD for what cannot be printed (controls, half of a surrogate pair)."""
    text = text[:KEPT_LENGTH]
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
