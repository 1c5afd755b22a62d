"""`modes.toml` in the data folder: the modes that `policy promote` and `policy retract` set, written by them only.

Whoever builds a snapshot reads it beside the configuration's [[mode]] tables (`merged`):

- a promotion never overrules the configuration: where that sets a rule's mode, the promotion is not used;
- a retraction overrules all but `off`: a rule can always be taken out of enforcement at once;
- a promotion holds as long as the rule is what was tested; then it is left out, which is said (`left_out`) and keeps no gate
  from starting.

A file that was cut or damaged is refused as a whole: half of it could lack a retraction. Every change is written to `modes.log`
too, so a damaged file can be made again from there.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from tosqauyl.config.fields import Fields, printable, rows, section
from tosqauyl.config.keys import Key
from tosqauyl.config.read import Reader, Table, lines_of
from tosqauyl.durable import sync
from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.journal.append import private_folder
from tosqauyl.policy.fields import MAX_TEXT
from tosqauyl.policy.modes import MIN_REASON, rule_key
from tosqauyl.policy.rule import DECIDING_MODES, ModeOverride, Rule
from tosqauyl.toml_text import read_toml

FILE, LOG, LOCK = "modes.toml", "modes.log", "modes.lock"
HEAD = "# Modes set by `tosqauyl policy promote` and `tosqauyl policy retract`, and written by them: use these to change it.\n"
HINT = "tosqauyl policy retract sets a damaged file aside and makes it again from modes.log"
_HUGE = 2**62

MODES_KEYS: tuple[Key, ...] = (
    Key("mode[].rule", "text", None, "Rule whose mode is set."),
    Key("mode[].mode", "text", None, "Its mode.", ("monitor", *DECIDING_MODES)),
    Key("mode[].percent", "integer", 0, "Share of callers, for mode canary.", (), 0, 99),
    Key("mode[].reason", "text", None, "Why: what the back-test said, and what somebody added."),
    Key("mode[].by", "text", None, "Who decided it."),
    Key("mode[].on", "date", None, "On which day (UTC)."),
    Key("mode[].report", "text", "", "Id of the back-test; '' of a retraction."),
    Key("mode[].made_for", "text", None, "What the rule was then."),
    Key("mode[].since", "integer", None, "Since when, seconds since 1970.", (), 0, _HUGE),
    Key("mode[].tested_calls", "integer", 0, "Calls that the back-test judged.", (), 0, _HUGE),
    Key("mode[].tested_seconds", "integer", 0, "Length of its window.", (), 0, _HUGE),
    Key("mode[].tested_decides", "integer", 0, "Attempts that the rule would have decided.", (), 0, _HUGE),
    Key(
        "mode[].tested_known_good",
        "integer",
        0,
        "Of these, those of numbers known to be good; -1: not known.",
        (),
        -1,
        _HUGE,
    ),
    Key(
        "mode[].tested_roamers",
        "integer",
        0,
        "Of these, those of subscribers known to be abroad; -1: not known.",
        (),
        -1,
        _HUGE,
    ),
    Key("end.modes", "integer", None, "How many modes stand above: a file that was cut lacks it.", (), 0, _HUGE),
)
"""Every key of the file. A default of None means that the key must be there."""
_DEFAULTS = {key.path.removeprefix("mode[]."): key.default for key in MODES_KEYS if key.path.startswith("mode[].")}


class Backtested(NamedTuple):
    """What the back-test said of a rule, in attempts; known_good and roamers are -1 where it could not tell. seconds: length of its
    window."""

    calls: int = 0
    seconds: int = 0
    decides: int = 0
    known_good: int = 0
    roamers: int = 0


UNTESTED = Backtested()


@dataclass(frozen=True, slots=True)
class SetMode:
    """A mode that a command set. mode: canary or enforce (promoted), monitor (retracted: --enforce leaves the rule alone).

    report: the back-test's id, '' of a retraction. made_for: `policy.modes.standing` of the rule. since: seconds since 1970.
    """

    rule: str
    mode: str
    percent: int
    reason: str
    by: str
    on: date
    report: str
    made_for: str
    since: int
    tested: Backtested = UNTESTED

    @property
    def is_retraction(self) -> bool:
        """Whether it takes the rule out of enforcement."""
        return self.mode not in DECIDING_MODES

    def override(self) -> ModeOverride:
        """What it makes of the policy."""
        promote = not self.is_retraction
        about = self.reason, self.by, self.on, self.report
        return ModeOverride(self.rule, self.mode, self.percent, *about, promote, self.made_for)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of modes.log. action: promote, retract or lift; was, now: modes in words; new: what stands in modes.toml
    afterwards, None for nothing. by: as was said; uid: whose process it was; at: seconds since 1970."""

    action: str
    rule: str
    was: str
    now: str
    new: SetMode | None
    by: str
    uid: int
    at: float
    reason: str = ""

    def line(self) -> str:
        """As JSON."""
        content: dict[str, object] = {
            "at": round(self.at, 3), "uid": self.uid, "by": self.by, "action": self.action, "rule": self.rule,
            "was": self.was, "now": self.now, "report": self.new.report if self.new else "", "reason": self.reason,
            "mode": _flat(self.new) if self.new else None,
        }  # fmt: skip
        return json.dumps(content, ensure_ascii=False, default=str) + "\n"


class LeftOut(NamedTuple):
    """A mode of the file that does not hold, or overrules the configuration: of which rule, and what there is to say."""

    rule: str
    what: str


def read_modes(data: Path) -> tuple[SetMode, ...]:
    """The modes in a data folder; none where there is no file. Raises FileMistakes where it is damaged."""
    path = data / FILE
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        raise FileMistakes([Mistake(str(path), 0, 0, f"byte {error.start} is not UTF-8", HINT)]) from None
    except OSError as error:
        hint = "the gate's user must be able to read it"
        raise FileMistakes([Mistake(str(path), 0, 0, f"cannot be read: {error.strerror}", hint)]) from None
    return parse_modes(text, str(path))


def parse_modes(text: str, file: str) -> tuple[SetMode, ...]:
    """The modes of the file's text. Raises FileMistakes with every mistake."""
    try:
        table, places = read_toml(text, file)
    except FileMistakes as error:
        raise FileMistakes([replace(one, hint=HINT) for one in error.mistakes]) from None
    reader = Reader(file, lines_of(places, MODES_KEYS), MODES_KEYS)
    reader.section(table, "", "")
    found = [_mode(at, values, reader) for at, values in rows(table, reader, "mode")]
    if "end" not in table:
        reader.wrong("", "the file ends too early: it was cut", HINT)
    elif section(table, reader, "end")["modes"] != len(found):
        reader.wrong("end.modes", f"there are {len(found)} modes: the file was cut", HINT)
    if reader.mistakes:
        raise FileMistakes(sorted(reader.mistakes, key=lambda mistake: mistake.line))
    return tuple(found)


def _mode(at: str, values: Table, reader: Reader) -> SetMode:
    fields = Fields(values)
    printable(values, reader, at)
    mode, percent, reason = fields.text("mode"), fields.number("percent"), fields.text("reason")
    if (mode == "canary") != bool(percent):
        reader.wrong(f"{at}.percent", "goes with the mode canary, and a canary needs it", HINT)
    if not MIN_REASON <= len(reason.strip()) <= MAX_TEXT or len(fields.text("by")) > MAX_TEXT:
        reader.wrong(f"{at}.reason", f"has not {MIN_REASON} to {MAX_TEXT} characters", HINT)
    if mode in DECIDING_MODES and not fields.text("report"):
        reader.wrong(f"{at}.report", "is missing: a rule decides only on a back-test", HINT)
    tested = Backtested(*(int(fields.values[f"tested_{name}"]) for name in Backtested._fields))
    since = fields.values["since"] or 0
    about = reason, fields.text("by"), fields.day("on"), fields.text("report"), fields.text("made_for")
    return SetMode(fields.text("rule"), mode, percent, *about, int(since), tested)


def render_modes(modes: Iterable[SetMode]) -> str:
    """The file's text."""
    chosen = sorted(modes, key=lambda one: one.rule)
    tables = [
        "\n[[mode]]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in _flat(one).items()) for one in chosen
    ]
    return HEAD + "".join(tables) + f"\n[end]\nmodes = {len(chosen)}\n"


def _toml(value: object) -> str:
    """A value as TOML; texts are printable, and then a JSON string is one."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | int) else str(value)


def _flat(one: SetMode) -> dict[str, Any]:
    """What differs from the defaults, by key."""
    content = asdict(one) | {f"tested_{name}": count for name, count in one.tested._asdict().items()}
    return {name: content[name] for name, default in _DEFAULTS.items() if default is None or content[name] != default}


class Retracted(NamedTuple):
    """What came of a retraction. aside: where a damaged file was put; logged: whether modes.log could be written."""

    aside: Path | None
    logged: bool


def promote_mode(data: Path, change: Change, seen: SetMode | None) -> None:
    """Put a change in the log and the file, durably. seen: what stood there of this rule when it was decided.

    Raises TosqauylError: somebody changed it meanwhile, or it cannot be written; and FileMistakes where the file is damaged.
    """
    with _writing(data):
        modes = {one.rule: one for one in read_modes(data)}
        if modes.get(change.rule) != seen:
            hint = "look with tosqauyl policy modes, then decide anew"
            raise TosqauylError(f"the mode of {change.rule} was changed meanwhile", str(data / FILE), hint)
        text = _changed(modes, change)
        _append(data / LOG, change.line())
        _put(data, text)


def retract_mode(data: Path, change: Change) -> Retracted:
    """The same for a change that must not fail: a damaged file is set aside and made again from the log, and a log that cannot be
    written does not keep the rule in force."""
    with _writing(data):
        aside = None
        try:
            modes = {one.rule: one for one in read_modes(data)}
        except FileMistakes:
            modes = restored(data)
            aside = data / f"{FILE}.damaged-{int(change.at)}"
            (data / FILE).replace(aside)
        _put(data, _changed(modes, change))
        try:
            _append(data / LOG, change.line())
        except OSError:
            return Retracted(aside, logged=False)
        return Retracted(aside, logged=True)


def _changed(modes: dict[str, SetMode], change: Change) -> str:
    """The file's text afterwards; FileMistakes where it could not be read again."""
    others = [one for rule, one in modes.items() if rule != change.rule]
    text = render_modes([*others, change.new] if change.new else others)
    parse_modes(text, FILE)
    return text


def _put(data: Path, text: str) -> None:
    draft = data / f"{FILE}.draft"
    _filled(draft, os.O_TRUNC, text)
    draft.replace(data / FILE)
    sync(data)


def _append(path: Path, line: str) -> None:
    """After what a crash may have left half-written a new line is begun."""
    with suppress(FileNotFoundError):
        old = path.read_bytes()
        line = "\n" * (bool(old) and not old.endswith(b"\n")) + line
    _filled(path, os.O_APPEND, line)


def _filled(path: Path, how: int, text: str) -> None:
    """Write (0600, durable). Root writes for the owner of the folder: the gate must be able to read it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | how
    with open(path, "w", encoding="utf-8", opener=lambda name, _: os.open(name, flags, 0o600)) as out:
        os.fchmod(out.fileno(), 0o600)
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(out.fileno(), owner.st_uid, owner.st_gid)
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


@contextmanager
def _writing(data: Path) -> Iterator[None]:
    """One writer at a time. Raises TosqauylError for everything that the system refuses."""
    private_folder(data)
    try:
        _filled(data / LOCK, os.O_APPEND, "")
        descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
    except OSError as error:
        raise TosqauylError(f"the mode cannot be written: {error.strerror}", error.filename or str(data)) from error


def restored(data: Path) -> dict[str, SetMode]:
    """What modes.log says should stand in the file, by rule; lines that cannot be read are passed over."""
    found: dict[str, SetMode] = {}
    try:
        lines = (data / LOG).read_text("utf-8", "replace").splitlines()
    except OSError:
        return found
    for line in lines:
        with suppress(ValueError, TypeError, KeyError, FileMistakes):
            told = json.loads(line)
            found.pop(told["rule"], None)
            if told["mode"] is not None:
                values = told["mode"] | {"on": date.fromisoformat(told["mode"]["on"])}
                text = "[[mode]]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in values.items())
                (one,) = parse_modes(text + "[end]\nmodes = 1\n", LOG)
                found[one.rule] = one
    return found


def merged(configured: Iterable[ModeOverride], chosen: Iterable[SetMode]) -> tuple[ModeOverride, ...]:
    """The configuration's modes and those of the file as one list, one a rule."""
    own = {one.rule: one for one in configured}
    own |= {one.rule: one.override() for one in chosen if not gives_way(one, own.get(one.rule))}
    return tuple(own.values())


def gives_way(one: SetMode, configured: ModeOverride | None) -> bool:
    """Whether the configuration's word counts instead: always against a promotion; against a retraction where it says `off`."""
    return configured is not None and (not one.is_retraction or configured.mode == "off")


def left_out(configured: Iterable[ModeOverride], chosen: Iterable[SetMode], rules: Iterable[Rule]) -> list[LeftOut]:
    """What of the file does not hold, and why; and which of the configuration's modes a retraction overrules.

    rules: of the policy with `merged` modes.
    """
    own, known = {one.rule: one for one in configured}, {rule.id: rule for rule in rules}
    return [
        LeftOut(one.rule, what)
        for one in chosen
        if (what := _why_left_out(one, own.get(one.rule), known.get(one.rule)))
    ]


def _why_left_out(one: SetMode, configured: ModeOverride | None, rule: Rule | None) -> str:
    if rule is None:
        return "the policy has no such rule any more"
    if gives_way(one, configured):
        return "the configuration sets its mode, and that is used"
    if configured is not None and configured.mode in DECIDING_MODES:
        return f"retracted, though the configuration says {configured.mode}"
    wanted = one.override()
    held = rule.evidence
    if rule.mode == one.mode and held is not None and (held.reason, held.on) == (wanted.reason, wanted.on):
        return ""
    if rule.mode == "off":
        return "the policy file turned the rule off"
    if one.made_for.partition(" ")[0] != rule_key(rule):
        return "the rule was changed since its back-test: it is as the policy file says"
    return "the policy file's mode of the rule was changed: that is used"


def mode_line(text: str, file: str, rule: str) -> int:
    """In which line of a configuration a [[mode]] table names the rule; 0 where none does. Raises FileMistakes."""
    table, places = read_toml(text, file)
    lines = lines_of(places)
    tables = table.get("mode", [])
    for index, one in enumerate(tables if isinstance(tables, list) else ()):
        if isinstance(one, dict) and one.get("rule") == rule:
            return lines.get(f"mode[{index}].rule", 0)
    return 0


Say = Callable[[str], None]


def say_left_out(found: Iterable[LeftOut], file: Path, say: Say) -> None:
    """One line for each."""
    for rule, what in found:
        say(f"{file}: mode of rule {rule}: {what}")
