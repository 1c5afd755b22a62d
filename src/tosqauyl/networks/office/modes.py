"""The document of modes that the office has standing: JSON, checked whole before any of it is believed. docs/publications.md.

It is kept on disk as it came, so there is one reader for both.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from tosqauyl.errors import TosqauylError

FORMAT = 1
MOST_MODES_BYTES = 2 << 20
MOST_MODES = 1_000
"""Rules; a policy has 120 at most, and those of earlier ones go on to be told."""
LONGEST = 500
"""Characters of a text in it."""
LEAST_REASON = 20
MODES = ("monitor", "canary", "enforce")
_RULE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST = 2**62
TESTED = ("calls", "seconds", "decides", "known_good", "roamers")
"""Figures of a back-test; the last two are -1 where they are not known."""


class OfficeMode(NamedTuple):
    """One rule's mode. mode: canary or enforce (promoted), monitor (retracted); percent: of callers in a canary, else 0; report:
    the back-test, '' of a retraction; made_for: what the rule was; since: seconds since 1970; tested: in the order of TESTED."""

    rule: str
    mode: str
    percent: int
    reason: str
    by: str
    on: date
    report: str
    made_for: str
    since: int
    tested: tuple[int, ...]


class OfficeModes(NamedTuple):
    """The whole document. office: 32 hex digits that name the office's database; revision: grows with each decision."""

    office: str
    revision: int
    modes: tuple[OfficeMode, ...]


NO_MODES = OfficeModes("", 0, ())


def read_document(text: bytes) -> OfficeModes:
    """What the document says. Raises TosqauylError where anything in it is not right: then none of it counts."""
    if len(text) > MOST_MODES_BYTES:
        raise _wrong("it is too large")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong("it is no JSON, or was cut off") from None
    match content:
        case {"format": int(form), "office": str(office), "revision": int(revision), "modes": list(modes)}:
            pass
        case _:
            raise _wrong("format, office, revision and modes are not all there")
    if form != FORMAT:
        raise _wrong(f"its format is {form}, and {FORMAT} is understood")
    if not re.fullmatch("[0-9a-f]{32}", office) or not 0 <= revision < _MOST or len(modes) > MOST_MODES:
        raise _wrong("its office, revision or number of modes cannot be")
    found = tuple(_mode(one) for one in modes)
    if len({one.rule for one in found}) != len(found):
        raise _wrong("a rule is in it twice")
    return OfficeModes(office, revision, found)


def _mode(said: object) -> OfficeMode:
    if not isinstance(said, dict):
        raise _wrong("a mode is no object")
    texts = {name: _text(said, name) for name in ("rule", "mode", "reason", "by", "on", "report", "made_for")}
    rule, mode = texts["rule"], texts["mode"]
    if not _RULE.fullmatch(rule) or len(rule) > 40 or mode not in MODES:
        raise _wrong("a rule or a mode is not understood")
    percent, since = _number(said, "percent"), _number(said, "since")
    if (mode == "canary") != (1 <= percent <= 99) or (mode != "canary" and percent):
        raise _wrong("a percentage goes with a canary only")
    if len(texts["reason"].strip()) < LEAST_REASON or (mode != "monitor" and not texts["report"]):
        raise _wrong("a rule decides only on a back-test, with a reason")
    try:
        on = date.fromisoformat(texts["on"])
    except ValueError:
        raise _wrong("a day is none") from None
    tested = said.get("tested")
    figures = tuple(_number(tested, name, -1) for name in TESTED) if isinstance(tested, dict) else (0,) * len(TESTED)
    return OfficeMode(
        rule, mode, percent, texts["reason"], texts["by"], on, texts["report"], texts["made_for"], since, figures
    )


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise _wrong(f"a {name} is missing or cannot be")
    return value


def _number(said: Mapping[str, Any], name: str, least: int = 0) -> int:
    value = said.get(name)
    if type(value) is not int or not least <= value < _MOST:
        raise _wrong(f"a {name} is missing or cannot be")
    return value


def _wrong(what: str) -> TosqauylError:
    return TosqauylError(what)
