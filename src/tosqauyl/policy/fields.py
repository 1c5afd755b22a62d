"""The fields of a rule from a TOML table: each is checked, and each mistake gets its line, column and a hint."""

import re
from collections.abc import Mapping
from datetime import date, datetime

from tosqauyl.errors import Mistake
from tosqauyl.facts import Reason, Verdict
from tosqauyl.policy.modes import MIN_REASON, mode_faults
from tosqauyl.policy.near import close
from tosqauyl.policy.rule import CLASSES, MODES, PASSING_TIERS, TIERS, Evidence, Rule
from tosqauyl.policy.tree import Condition, Constant
from tosqauyl.texts import LANGUAGES
from tosqauyl.toml_text import Place, Table

KEYS = (
    "id", "when", "verdict", "reason", "class", "tier", "mode", "promote", "text", "law", "why_mode", "expires",
    "divert_to", "percent", "evidence",
)  # fmt: skip
"""Every key a [[rule]] may have. promote, expires and divert_to may be left out, percent and evidence depend on the mode."""

MAX_ID = 40
MAX_TEXT = 500
"""Code points in a sentence for people: it must fit a terminal and a web page, not a book."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DIVERT_TO = re.compile(r"(sips?:|tel:\+?)[A-Za-z0-9][!-;=?-~]{0,198}")
_USABLE = tuple(reason for reason in Reason if reason is not Reason.NONE and not reason.startswith("failed-"))
"""The failure policy gives the failed-... reasons, never a rule."""


class Sheet:
    """One TOML table with the lines of its keys; collects mistakes instead of raising."""

    def __init__(self, file: str, values: Mapping[str, object], where: Table, mistakes: list[Mistake]) -> None:
        self._file, self._values, self._where, self._mistakes = file, values, where, mistakes

    @property
    def line(self) -> int:
        """Line of the table's header."""
        return self._where.line

    def mistake(self, key: str, what: str, hint: str = "", column: int = 0) -> None:
        """Note a mistake at a key's line, else at its outer key's, else at the table's."""
        keys = self._where.keys
        place = keys.get(key) or keys.get(key.partition(".")[0]) or Place(self._where.line)
        self.mistake_at(place.line, column, what, hint)

    def mistake_at(self, line: int, column: int, what: str, hint: str = "") -> None:
        """Note a mistake at a line and column of the file."""
        self._mistakes.append(Mistake(self._file, line, column, what, hint))

    def place(self, key: str) -> Place:
        """Where a key's value stands."""
        return self._where.keys.get(key, Place(self._where.line))

    def has(self, key: str) -> bool:
        """Whether the table has the key."""
        return key in self._values

    def get(self, key: str) -> object:
        """The raw value, None where missing."""
        return self._values.get(key)

    def only(self, keys: tuple[str, ...]) -> None:
        """Complain of every key that has no meaning here."""
        for key in self._values:
            if key not in keys:
                self.mistake(key, f"there is no key {key!r} here", close(key, keys) or "known: " + ", ".join(keys))

    def text(self, key: str, required: bool = True) -> str:
        """A non-empty text of one line."""
        if key not in self._values:
            if required:
                self.mistake(key, f"{key!r} is missing")
            return ""
        value = self._values[key]
        if not isinstance(value, str):
            self.mistake(key, f"{key!r} is not a text", "put it in quotes")
            return ""
        return value if self._readable(key, value, key) else ""

    def slug(self, key: str) -> str:
        """A short name: lower-case letters, digits and single hyphens."""
        value = self.text(key)
        if value and (not _SLUG.fullmatch(value) or len(value) > MAX_ID):
            hint = f"lower-case letters and digits with single hyphens, at most {MAX_ID}: kz-fixed-abroad"
            self.mistake(key, f"{value[:60]!r} is not a name that can be used", hint)
            return ""
        return value

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """One of a few words; '' and a mistake otherwise."""
        value = self.text(key)
        if value and value not in known:
            self.mistake(key, f"there is no {key} {value[:60]!r}", close(value, known) or "one of: " + ", ".join(known))
            return ""
        return value

    def day(self, key: str, required: bool = False) -> date | None:
        """A date, as TOML date or as text YYYY-MM-DD."""
        value = self._values.get(key)
        if value is None:
            if required:
                self.mistake(key, f"{key!r} is missing", "a date: 2026-02-20")
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        self.mistake(key, f"{key!r} is not a date", "write it without quotes and time: 2026-02-20")
        return None

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            self.mistake(key, f"{key!r} is neither true nor false", "without quotes: true")
            return default
        return value

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number from low to high; 0 where the key is missing, low where it is wrong."""
        if key not in self._values:
            return 0
        value = self._values[key]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.mistake(key, f"{key!r} is not a whole number from {low} to {high}", f"without quotes: {key} = {low}")
        return low

    def inner(self, key: str, example: str) -> "Sheet | None":
        """The table under a key as a sheet of its own; None where it is missing or no table."""
        value = self._values.get(key)
        if not isinstance(value, dict):
            if key in self._values:
                self.mistake(key, f"{key!r} is not a table", example)
            return None
        prefix = f"{key}."
        keys = {name[len(prefix) :]: place for name, place in self._where.keys.items() if name.startswith(prefix)}
        return Sheet(self._file, value, Table(key, self.place(key).line, keys), self._mistakes)

    def languages(self, key: str) -> dict[str, str]:
        """A text in each language of LANGUAGES."""
        value = self._values.get(key)
        example = f"[rule.{key}] with kk, ru and en"
        if not isinstance(value, dict):
            what = f"{key!r} is missing" if value is None else f"{key!r} is not a table of languages"
            self.mistake(key, what, example)
            return {}
        for language in value:
            if language not in LANGUAGES:
                what = f"there is no language {language!r} in {key!r}"
                self.mistake(f"{key}.{language}", what, "languages are kk, ru and en")
        texts = {}
        for language in LANGUAGES:
            texts[language] = text = value.get(language, "")
            if language not in value:
                self.mistake(key, f"{key!r} has no {language}", example)
            elif not isinstance(text, str):
                self.mistake(f"{key}.{language}", f"'{key}.{language}' is not a text", "put it in quotes")
            else:
                self._readable(f"{key}.{language}", text, f"{key}.{language}")
        return texts

    def languages_or_one(self, key: str) -> dict[str, str]:
        """A text in each language of LANGUAGES, or one text that serves for all of them."""
        if isinstance(self._values.get(key), str):
            return dict.fromkeys(LANGUAGES, self.text(key))
        return self.languages(key)

    def _readable(self, key: str, value: str, name: str) -> bool:
        if not value.strip():
            self.mistake(key, f"{name!r} is empty")
        elif len(value) > MAX_TEXT and key != "when":
            self.mistake(key, f"{name!r} has {len(value)} characters; {MAX_TEXT} are allowed")
        elif key != "when" and not value.isprintable():
            self.mistake(key, f"{name!r} has a line break or control character", "write it on one line")
        else:
            return True
        return False


class RuleReader:
    """Reads one [[rule]] table; the Rule it gives is only to be used when no mistake was noted."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def read(self) -> Rule:
        """The rule, with harmless stand-ins for whatever was wrong."""
        sheet = self._sheet
        sheet.only(KEYS)
        when = sheet.text("when")
        verdict = sheet.choice("verdict", tuple(Verdict))
        reason = sheet.choice("reason", _USABLE)
        rule = Rule(
            id=sheet.slug("id"),
            when=when,
            condition=self._condition(when),
            verdict=Verdict(verdict or "pass"),
            reason=Reason(reason or "custom"),
            klass=sheet.choice("class", CLASSES),
            tier=sheet.choice("tier", TIERS),
            mode=sheet.choice("mode", MODES),
            texts=sheet.languages("text"),
            law=sheet.languages_or_one("law"),
            why_mode=sheet.languages_or_one("why_mode"),
            expires=sheet.day("expires"),
            divert_to=self._divert_to(verdict),
            promote=sheet.flag("promote", default=True),
            line=sheet.line,
            percent=sheet.whole("percent", 1, 99),
            evidence=self._evidence(),
        )
        self._check_together(rule, verdict)
        return rule

    def _condition(self, when: str) -> Condition:
        if not when:
            return Constant(False)
        # Not at the top: this brings the SQL parser, which a gate that maps a snapshot never needs.
        from tosqauyl.policy.expression import read_condition

        condition, misreads = read_condition(when)
        place = self._sheet.place("when")
        for misread in misreads:
            before = when[: misread.offset]
            row = before.count("\n")
            column = misread.offset - (before.rfind("\n") + 1) + 1
            if row == 0:
                column += place.text_column - 1
            line = place.text_line + row if place.text_column else place.line
            self._sheet.mistake_at(line, column if place.text_column else 0, misread.what, misread.hint)
        return condition or Constant(False)

    def _evidence(self) -> Evidence | None:
        """The recorded reason; what is missing in it is told once, here, and replaced by something harmless."""
        if not self._sheet.has("evidence"):
            return None
        sheet = self._sheet.inner("evidence", "[rule.evidence] with reason, by and on")
        if sheet is None:
            return Evidence("?" * MIN_REASON, "?", date.min)
        sheet.only(("reason", "by", "on", "report"))
        return Evidence(
            sheet.text("reason") or "?" * MIN_REASON,
            sheet.text("by") or "?",
            sheet.day("on", required=True) or date.min,
            sheet.text("report", required=False),
        )

    def _divert_to(self, verdict: str) -> str:
        sheet, example = self._sheet, "a URI: sip:operator@192.0.2.7"
        if verdict == Verdict.DIVERT and not sheet.has("divert_to"):
            sheet.mistake("verdict", "the verdict is divert and 'divert_to' is missing", example)
        if not sheet.has("divert_to"):
            return ""
        target = sheet.text("divert_to")
        if verdict and verdict != Verdict.DIVERT:
            sheet.mistake("divert_to", f"'divert_to' goes with the verdict divert, not {verdict}", "leave it out")
        elif target and not _DIVERT_TO.fullmatch(target):
            sheet.mistake("divert_to", f"{target[:60]!r} is no SIP or tel URI", example)
        return target

    def _check_together(self, rule: Rule, verdict: str) -> None:
        for key, what, hint in mode_faults(rule) if rule.mode else ():
            self._sheet.mistake(key, what, hint)
        if rule.tier in PASSING_TIERS and verdict and rule.verdict is not Verdict.PASS:
            what = f"a rule of tier {rule.tier} lets calls through; its verdict cannot be {verdict}"
            self._sheet.mistake("verdict", what, 'verdict = "pass", or tier = "screen"')
