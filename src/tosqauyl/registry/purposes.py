"""Why the office itself opens personal data, as the audit trail says it. People say their own why in their own words.

A trail is never rewritten: a text that changes here gets another name on pages (`web/pages/labels.py`) and both stay.
"""

from typing import Final

CHECKING: Final = "check of a reported number"
"""An operator sees the numbers that it must check (rules No 171)."""
CHECKED: Final = "decision of a check"
TELLING: Final = "message to the Anti-Fraud Centre: order of 3 November 2025, rules No 171"
PROVING: Final = "the code of an appeal"
CONFIRMING: Final = "proof for an appeal"
"""An operator says that whoever appeals is its subscriber."""
PUBLISHING: Final = "publication to the gates"
PROTECTING: Final = "whether it may be blocked"
ACTING: Final = "an action asked for"
"""The organisation that shall act sees what it shall act on."""
ANSWERED: Final = "answer to an action"
OF_AUTHOR: Final = "asked for by its author"
STORY: Final = "story of a case"
"""Whoever works on a case reads what was written in it."""
EXCHANGING: Final = "exchange"
"""Indicators handed to another organisation (STIX, MISP)."""

PURPOSES: Final = (
    CHECKING, CHECKED, TELLING, PROVING, CONFIRMING, PUBLISHING, PROTECTING, ACTING, ANSWERED, OF_AUTHOR, STORY, EXCHANGING,
)  # fmt: skip
"""All of them."""
