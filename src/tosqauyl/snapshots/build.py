"""From the files people keep to a snapshot: read everything, tell every mistake of every file at once.

Works for seconds and takes what memory it needs: a gate has another process do it (gate/reload.py). The commands that judge
one call use the same in their own.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.numbers.plan import Plan, load_plan
from tosqauyl.numbers.portability import read_portability
from tosqauyl.policy.load import SHIPPED, Policy, load_policy, load_shipped
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.lists import SHIPPED as SHIPPED_LIST
from tosqauyl.state.lists import load_lists
from tosqauyl.state.lists import load_shipped as load_shipped_lists
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.subscribers import Subscribers

CHUNK = 1 << 20
Say = Callable[[str], None]
Positions = Mapping[str, tuple[int, int]]
"""Operator -> how far its roaming feed was read: generation and sequence."""
ApplyFeeds = Callable[[Subscribers, Plan], Positions]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a snapshot is made from; names of files, '' for none. file: of the configuration that says so, for messages.

    modes: the configuration's [[mode]] tables. complete: whether who is not in the roaming file is at home; or the
    operators of whom it holds everybody abroad.
    """

    policy: str = ""
    modes: tuple[ModeOverride, ...] = ()
    portability: str = ""
    indicators: tuple[str, ...] = ()
    shipped_indicators: bool = True
    unconfirmed_indicators: bool = False
    roaming: str = ""
    complete: bool | tuple[str, ...] = False
    msrn: NumberRanges = field(default_factory=NumberRanges)
    file: str = ""

    def names(self) -> list[list[str]]:
        """Kind and name of everything that is read, sorted: what makes two sources the same but for their content."""
        files = [("policy", self.policy), ("portability", self.portability), ("roaming", self.roaming)]
        files += [("indicators", name) for name in self.indicators]
        return sorted([kind, name] for kind, name in files if name)


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was read. digest: 64 hex digits (SHA-256); modified: seconds since 1970, by the file system."""

    kind: str
    name: str
    size: int
    digest: str
    modified: int


@dataclass(slots=True)
class Built:
    """A snapshot in memory with what it was made from. feeds: how far the roaming feeds were read."""

    snapshot: Snapshot
    inputs: list[Input]
    feeds: Positions


def silent(text: str) -> None:
    """Say nothing."""


def build(sources: Sources, say: Say = silent, apply_feeds: ApplyFeeds | None = None) -> Built:
    """Read everything. say: gets lines about long work. apply_feeds: brings subscribers to what the operators' feeds say.

    Raises FileMistakes with every mistake of every file.
    """
    reading = _Reading(sources, say)
    plan, ported = reading.plan()
    policy = reading.attempt(reading.policy)
    indicators = reading.attempt(reading.indicators)
    complete = reading.attempt(lambda: reading.complete(plan))
    reading.attempt(reading.can_read_roaming)
    if reading.mistakes or policy is None or indicators is None or complete is None:
        raise FileMistakes(reading.mistakes)
    subscribers = Subscribers(plan.mobile_codes, complete, ported)
    if sources.roaming:
        reading.attempt(lambda: reading.roaming(subscribers))
    if reading.mistakes:
        raise FileMistakes(reading.mistakes)
    feeds = apply_feeds(subscribers, plan) if apply_feeds else {}
    return Built(Snapshot(policy, plan, indicators, subscribers, sources.msrn), reading.inputs, feeds)


class _Reading:
    """One run over the sources; collects mistakes and what was read."""

    def __init__(self, sources: Sources, say: Say) -> None:
        self._sources, self._say = sources, say
        self.mistakes: list[Mistake] = []
        self.inputs: list[Input] = []

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What `read` gives; None, with its mistakes noted, where it raises."""
        try:
            return read()
        except FileMistakes as error:
            self.mistakes += error.mistakes
        except TosqauylError as error:
            self.mistakes.append(Mistake(error.where, 0, 0, error.what, error.hint))
        return None

    def policy(self) -> Policy:
        """The policy in the modes of the configuration."""
        name = self._sources.policy
        policy = load_policy(self._text("policy", name), name) if name else load_shipped()
        if not name:
            self._shipped("policy", f"{SHIPPED}.toml")
        return policy.with_modes(self._sources.modes, self._sources.file)

    def plan(self) -> tuple[Plan, dict[str, str]]:
        """The plan and the ported numbers; the bare plan where their file has mistakes."""
        name, ported = self._sources.portability, None
        if name:
            ported = self.attempt(lambda: read_portability(self._text("portability", name), name, load_plan()))
        return load_plan(ported), ported or {}

    def indicators(self) -> Indicators:
        """Shipped and own lists; of own ones every mistake is told, also where another one cannot be read."""
        entries, texts = [], []
        if self._sources.shipped_indicators:
            entries += load_shipped_lists(unconfirmed=self._sources.unconfirmed_indicators)
            self._shipped("indicators", SHIPPED_LIST)
        for name in self._sources.indicators:
            text = self.attempt(lambda name=name: self._text("indicators", name))  # type: ignore[misc]
            if text is not None:
                texts.append((text, name))
        entries += load_lists(texts)
        return Indicators(entries)

    def complete(self, plan: Plan) -> bool | dict[str, tuple[str, ...]]:
        """The promise of completeness with the operators' codes."""
        wanted = self._sources.complete
        if isinstance(wanted, bool):
            return wanted
        unknown = [name for name in wanted if name not in plan.codes_of_operator]
        if unknown:
            names = ", ".join(sorted(plan.codes_of_operator))
            what = "no operator is called " + ", ".join(unknown)
            raise TosqauylError(what, "subscribers.complete", f"known are {names}")
        return {name: plan.codes_of_operator[name] for name in wanted}

    def can_read_roaming(self) -> None:
        """That the roaming file is there, before seconds are spent on it."""
        if self._sources.roaming:
            next(chunks(self._sources.roaming), b"")

    def roaming(self, subscribers: Subscribers) -> None:
        """Put the roaming file into the planes and say what was in it."""
        name, say = self._sources.roaming, self._say
        digest, size = hashlib.sha256(), 0

        def read() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks(name):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        loaded = subscribers.load(read(), name, lambda lines: say(f"subscribers abroad: {lines:,} lines"))
        self.inputs.append(Input("roaming", name, size, digest.hexdigest(), _modified(name)))
        say(f"subscribers abroad: {loaded.numbers:,} of {loaded.lines:,} lines taken from {name}")
        for mistake in loaded.mistakes:
            why = "no Kazakh mobile number (its text is not shown: it may be personal)"
            say(f"  {mistake.file}:{mistake.line}: not taken: {why}")
        if self._sources.complete and not loaded.complete:
            say("  the file has unreadable lines, so nobody is taken for at home because of it")

    def _text(self, kind: str, name: str) -> str:
        data = b"".join(chunks(name))
        self.inputs.append(Input(kind, name, len(data), hashlib.sha256(data).hexdigest(), _modified(name)))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TosqauylError(f"byte {error.start} is not UTF-8", name, "save it as UTF-8") from None

    def _shipped(self, kind: str, name: str) -> None:
        self.inputs.append(Input(f"{kind} (shipped)", name, 0, "", 0))


def chunks(name: str) -> Iterator[bytes]:
    """A file in pieces of 1 MB. Raises TosqauylError where it cannot be read."""
    try:
        with open(name, "rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk
    except OSError as error:
        raise TosqauylError(f"cannot be read: {error.strerror}", name) from None


def _modified(name: str) -> int:
    try:
        return int(Path(name).stat().st_mtime)
    except OSError:
        return 0
