"""A snapshot file into the memory of a gate: checked whole, then mapped. Nothing is done for a single number.

    file = open_snapshot(path)      the head, checked
    file.verify()                   every section's digest, by reading, so that memory stays unmapped
    file.load(like)                 the snapshot; parts that `like` has already are taken from there
    file.close()

Memory is mapped privately: a roaming feed may change subscriber states, and a page that is written to becomes this process's
own. Each section is a mapping of its own, so that a part that lives on does not keep the rest.
"""

import json
import mmap
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.numbers.number_table import NumberTable
from tosqauyl.numbers.plan import Plan, Ported, base, load_plan
from tosqauyl.policy.load import Policy
from tosqauyl.policy.stored import decode_policy
from tosqauyl.screen.snapshot import Snapshot
from tosqauyl.snapshots.format import (
    INDICATORS,
    PLANES,
    POLICY,
    PORTED,
    Head,
    Section,
    digest_of_pieces,
    read_head,
)
from tosqauyl.state.indicators import Indicators, Packed
from tosqauyl.state.ranges import NumberRanges
from tosqauyl.state.subscribers import PLANE, Subscribers

PIECE = 1 << 20
"""Bytes that are read and hashed at once, without the interpreter's lock: 1 ms."""
MOST_MSRN = 10_000


def nothing() -> None:
    """What is done between two steps where nobody waits."""


def map_snapshot(path: Path) -> Snapshot:
    """A snapshot from its file, everything checked. Raises TosqauylError that names the file and what is wrong."""
    file = open_snapshot(path)
    try:
        file.verify()
        return file.load()
    finally:
        file.close()


def open_snapshot(path: Path) -> "SnapshotFile":
    """Open a file and check its head. Raises TosqauylError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise TosqauylError(f"cannot be opened: {error.strerror}", str(path)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TosqauylError("this is no file")
        if status.st_mode & 0o022:
            raise TosqauylError("others than its owner may write to it", hint="chmod 600")
        return SnapshotFile(path, descriptor, read_head(descriptor, path.name), status.st_mtime)
    except TosqauylError as error:
        os.close(descriptor)
        raise TosqauylError(error.what, str(path), error.hint) from None
    except OSError as error:
        os.close(descriptor)
        raise TosqauylError(f"cannot be read: {error.strerror}", str(path)) from None


@dataclass(slots=True)
class SnapshotFile:
    """An open snapshot file whose head is sound. built: when it was written, seconds since 1970."""

    path: Path
    descriptor: int
    head: Head
    built: float

    def close(self) -> None:
        """Let go of the file; mappings live on."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def verify(self, step: Callable[[], None] = nothing) -> None:
        """Check every section's digest; step: called after each piece. Raises TosqauylError."""
        wrong = [section.name for section in self.head.sections if self._digest(section, step) != section.digest]
        if wrong:
            what = f"not what its digest says: {', '.join(wrong)}: the file was changed or is torn"
            raise TosqauylError(what, str(self.path))

    def _digest(self, section: Section, step: Callable[[], None]) -> str:
        buffer = memoryview(bytearray(PIECE))

        def pieces() -> Any:
            at, end = section.offset, section.offset + section.padded
            while at < end:
                got = os.preadv(self.descriptor, [buffer[: min(PIECE, end - at)]], at)
                if got <= 0:
                    return
                yield buffer[:got]
                at += got
                step()

        return digest_of_pieces(pieces())

    def load(self, like: Snapshot | None = None, step: Callable[[], None] = nothing) -> Snapshot:
        """The snapshot; to be called after `verify`. like: one in use, whose equal parts are used again.

        Everything that could be wrong in spite of right digests is checked as well. Raises TosqauylError.
        """
        try:
            return self._load(like, step)
        except TosqauylError as error:
            raise TosqauylError(str(error), str(self.path)) from None
        except OSError as error:
            raise TosqauylError(f"cannot be mapped: {error.strerror}", str(self.path)) from None

    def _load(self, like: Snapshot | None, step: Callable[[], None]) -> Snapshot:
        content = self.head.content
        if content.get("byteorder") != sys.byteorder:
            raise TosqauylError("the snapshot was built on a machine of another byte order", hint="build it here")
        if content.get("tables") != base().digest:
            what = "the snapshot was built for another number plan than this program has"
            raise TosqauylError(what, hint="build it again with this version")
        policy = self._policy(like)
        step()
        plan = self._plan()
        step()
        indicators = self._indicators(like)
        step()
        return Snapshot(policy, plan, indicators, self._subscribers(plan), self._msrn(), self.head.hash[:16])

    def _policy(self, like: Snapshot | None) -> Policy:
        if like is not None and self._part("policy", hash=str)["hash"] == like.policy.hash:
            return like.policy
        section = self.head.section(POLICY)
        text = os.pread(self.descriptor, section.length, section.offset)
        try:
            return decode_policy(json.loads(text))
        except (ValueError, RecursionError):
            raise TosqauylError("the stored policy is no JSON") from None

    def _plan(self) -> Plan:
        said = self._part("ported", hash=str, operators=list)
        operators = tuple(said["operators"])
        if any(one not in load_plan().codes_of_operator for one in operators if isinstance(one, str)) or not all(
            isinstance(one, str) for one in operators
        ):
            raise TosqauylError("numbers are ported to an operator that the number plan does not have")
        return load_plan(Ported(NumberTable(self.mapped(PORTED)), operators, said["hash"][:16]))

    def _indicators(self, like: Snapshot | None) -> Indicators:
        said = self._part("indicators", hash=str, entries=int)
        table, records, ids, others, about = map(self.mapped, INDICATORS)
        packed = Packed(table, records, ids, others, about, said["hash"][:16], said["entries"])
        return Indicators.over(packed, like.indicators if like is not None else None)

    def _subscribers(self, plan: Plan) -> Subscribers:
        said = self._part("subscribers", codes=list, complete=bool)
        codes = said["codes"]
        if not all(code in plan.mobile_codes for code in codes) or len(set(codes)) != len(codes):
            raise TosqauylError("a subscriber plane is of no mobile code, or there twice")
        memory = self.mapped(PLANES)
        if len(memory) != PLANE * len(codes):
            raise TosqauylError(f"{len(memory)} bytes are not the planes of {len(codes)} codes")
        places = {code: slice(at * PLANE, (at + 1) * PLANE) for at, code in enumerate(codes)}
        planes = {code: memory[places[code]] if code in places else _blank() for code in plan.mobile_codes}
        return Subscribers.over(planes, said["complete"])

    def _msrn(self) -> NumberRanges:
        texts = self.head.content.get("msrn")
        if not isinstance(texts, list) or len(texts) > MOST_MSRN or not all(isinstance(text, str) for text in texts):
            raise TosqauylError("the roaming number ranges are no list of texts")
        return NumberRanges(texts, nothing)

    def _part(self, name: str, **types: type) -> dict[str, Any]:
        """What the manifest says of a part, with the types it must have. Raises TosqauylError."""
        part = self.head.content.get(name)
        if not isinstance(part, dict) or not all(type(part.get(key)) is kind for key, kind in types.items()):
            raise TosqauylError(f"the manifest says nothing sound of {name!r}")
        return part

    def mapped(self, name: str) -> memoryview:
        """A section in memory, to be asked for after `verify`. Raises TosqauylError where there is none, OSError."""
        section = self.head.section(name)
        if not section.length:
            return memoryview(bytearray())
        mapped = mmap.mmap(
            self.descriptor, section.length, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE, offset=section.offset
        )
        return memoryview(mapped)


def _blank() -> memoryview:
    """A plane of whose numbers nothing is known; it takes no memory until something is written to it."""
    return memoryview(mmap.mmap(-1, PLANE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
