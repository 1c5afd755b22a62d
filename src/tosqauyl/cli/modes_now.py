"""Modes in a running gate: a retraction holds at once, and a file tells which modes are in force.

A reload builds everything anew, which takes its time, and is refused for a mistake in any file. Neither may keep a rule in
enforcement that somebody took out. So the gate looks into modes.toml itself when a reload is asked for, and whenever it puts a
snapshot in use; from there it takes retractions only, which let more calls through. Those of the office it is told (`hear_office`).

`modes-in-force.json` tells `policy promote`, `retract` and `modes` what the gate really does, without a port or a token.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tosqauyl.config.modes_file import FILE, SetMode, read_modes
from tosqauyl.config.office_modes import read_office_modes
from tosqauyl.errors import TosqauylError
from tosqauyl.policy.rule import ModeOverride, Rule
from tosqauyl.screen.snapshot import Snapshot

IN_FORCE = "modes-in-force.json"
LONGEST = 4_000
"""Characters of a refusal that are told."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What a gate says of itself. modes: rule -> `mode_words`; at: since when, seconds since 1970; refusals: how many snapshots
    this process refused, refused: why the last one."""

    pid: int
    at: float
    policy: str
    snapshot: str
    modes: dict[str, str] = field(default_factory=dict)
    refusals: int = 0
    refused: str = ""


def mode_words(mode: str, percent: int) -> str:
    """A mode with its share of callers: `canary:5`."""
    return f"{mode}:{percent}" if mode == "canary" else mode


def words_of(rule: Rule, enforce: bool, now: float) -> str:
    """A rule's mode at a moment, --enforce and its last day considered."""
    return mode_words(rule.mode_at(enforce, datetime.fromtimestamp(now, UTC).date()), rule.percent)


def read_in_force(data: Path) -> InForce | None:
    """What the gate of a data folder wrote last; None where it wrote nothing that can be read."""
    try:
        return InForce(**json.loads((data / IN_FORCE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class ModesNow:
    """The modes of one gate. enforce: as it was started; alarm: gets its lines; clock: seconds since 1970.

    Nothing here raises: whatever fails, the snapshot in use goes on as it is.
    """

    def __init__(self, data: Path, enforce: bool, alarm: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._data, self._enforce, self._alarm, self._clock = data, enforce, alarm, clock
        self._seen: tuple[int, ...] = ()
        self._retracted: tuple[ModeOverride, ...] = ()
        self._office: tuple[ModeOverride, ...] = ()
        self._told: InForce | None = None
        self._refusals, self._refused = 0, ""

    def settled(self, known: Snapshot) -> Snapshot:
        """The snapshot without the rules that were retracted since it was built; itself where there are none."""
        self._look()
        try:
            both = {one.rule: one for one in (*self._office, *self._retracted)}
            policy = known.policy.with_modes(one for one in both.values() if self._concerns(one, known))
        except TosqauylError as error:
            self._alarm(f"ALARM: retracted rules cannot be taken out: {error}")
            return known
        if policy is known.policy:
            return known
        name = hashlib.sha256(f"{known.hash} {policy.hash}".encode()).hexdigest()[:16]
        return Snapshot(policy, known.plan, known.indicators, known.subscribers, known.msrn, name)

    def hear_office(self, modes: Iterable[SetMode]) -> None:
        """What the office has standing: of that the retractions hold here, too."""
        self._office = tuple(one.override() for one in modes if one.is_retraction)

    def recall_office(self) -> None:
        """The same as it was kept on disk; what is damaged there is told, and comes from the office anew."""
        try:
            self.hear_office(read_office_modes(self._data))
        except TosqauylError as error:
            self._alarm(f"ALARM: the office's retractions are not known: {error}")

    def tell(self, known: Snapshot) -> None:
        """Write down that this snapshot is in use."""
        now = self._clock()
        modes = {rule.id: words_of(rule, self._enforce, now) for rule in known.policy.rules}
        self._write(InForce(os.getpid(), now, known.policy.hash, known.hash, modes))

    def hear(self, line: str) -> None:
        """Take note of what the reloader says, and pass it on."""
        self._alarm(line)
        if line.startswith("ALARM: the new snapshot is refused") and self._told is not None:
            self._refusals, self._refused = self._refusals + 1, line[:LONGEST]
            self._write(self._told)

    @staticmethod
    def _concerns(one: ModeOverride, known: Snapshot) -> bool:
        return any(rule.id == one.rule and rule.mode != "off" for rule in known.policy.rules)

    def _look(self) -> None:
        """Read modes.toml if it was changed since."""
        path = self._data / FILE
        try:
            found = path.stat()
        except OSError:
            self._seen, self._retracted = (), ()
            return
        seen = found.st_ino, found.st_mtime_ns, found.st_size
        if seen == self._seen:
            return
        try:
            self._retracted = tuple(one.override() for one in read_modes(self._data) if one.is_retraction)
            self._seen = seen
        except TosqauylError as error:
            self._alarm(f"ALARM: retractions are not looked at: {error}")

    def _write(self, told: InForce) -> None:
        self._told = told
        content = asdict(told) | {"refusals": self._refusals, "refused": self._refused}
        draft = self._data / f"{IN_FORCE}.draft"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with suppress(OSError):
            with open(draft, "w", encoding="utf-8", opener=lambda name, _: os.open(name, flags, 0o600)) as out:
                json.dump(content, out)
            draft.replace(self._data / IN_FORCE)
