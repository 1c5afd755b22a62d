"""Taking a gate's closed segments into the ledger, each exactly once, whatever moment this program is killed at.

Several segments with the same columns are written as one file a day, and committed together: a segment is in the manifest with
all of its rows or not at all. A segment with damage is read line by line, and what cannot be read of it is named and counted.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.keep import tokenised
from tosqauyl.ledger.manifest import Batch, File, Manifest
from tosqauyl.ledger.segments import (
    Segment,
    by_file,
    header_of,
    journal_id,
    list_segments,
    live_rows,
    mend,
    select_sql,
    survey,
)
from tosqauyl.ledger.store import LATEST, Store, WrongDay, reason
from tosqauyl.record import COLUMNS
from tosqauyl.tokens import Tokens

TABLE = "calls"
MOST_SEGMENTS = 32
MOST_BYTES = 256 << 20
"""How much is taken in one commit: what a kill costs at most is to do it again."""
_TAIL = 1 << 20
_MEANS = Means("2GB", 1)
KEPT_APART = 64
"""So many of the newest segments stand in the manifest one by one; older ones without a gap are folded into one entry."""


@dataclass(frozen=True, slots=True)
class Taking:
    """How to take. name: what the gate is called in `origin`. tokens, columns: number columns that are to be tokens.

    most_bytes: of segments in one commit."""

    name: str = "gate"
    tokens: Tokens | None = None
    columns: tuple[str, ...] = ()
    means: Means = _MEANS
    most_bytes: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken: segments and rows. skipped: damaged lines that no row could be read from; damage: the first of them.

    unread: segments that could not be read at all and are tried again next time, with the reason.
    """

    segments: int = 0
    rows: int = 0
    skipped: int = 0
    damage: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def __add__(self, other: "Taken") -> "Taken":
        """Both together."""
        return Taken(
            self.segments + other.segments,
            self.rows + other.rows,
            self.skipped + other.skipped,
            (*self.damage, *other.damage),
            (*self.unread, *other.unread),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """Which segments of a journal a state of the ledger has: by name, and in runs without a gap (first, last stem)."""

    names: frozenset[str] = frozenset()
    runs: tuple[tuple[str, str], ...] = ()

    def __contains__(self, stem: str) -> bool:
        return stem in self.names or any(_within(stem, *run) for run in self.runs)


class _Refused(Exception):
    """DuckDB cannot read a segment as it is."""


def known_segments(state: Manifest, journal: str) -> Known:
    """Which segments of a journal, by its id, were taken."""
    names = {name for table, origin, name in state.taken if table == TABLE and _is_of(origin, journal)}
    runs = tuple((first, last) for first, dots, last in (name.partition("..") for name in names) if dots)
    return Known(frozenset(names), runs)


def origin_of(state: Manifest, journal: str, name: str) -> str:
    """The origin of a journal's rows: what it was first called stays, whatever name is given later."""
    return next((origin for _, origin, _ in state.taken if _is_of(origin, journal)), f"gate:{name}-{journal}")


def waiting(store: Store, journal: Path) -> list[Segment]:
    """Closed segments that are not in the ledger. Raises TosqauylError."""
    known = known_segments(store.manifest(), journal_id(journal))
    return [one for one in list_segments(journal) if not one.is_open and one.stem not in known]


def segments_in(name: str) -> int:
    """How many segments (or batches of another kind) an entry of `Manifest.taken` stands for: a run has the numbers between."""
    first, dots, last = name.partition("..")
    return int(last[:10]) - int(first[:10]) + 1 if dots and first[:10].isdigit() and last[:10].isdigit() else 1


def lost_segments(state: Manifest, journal: Path) -> int:
    """How many closed segments nobody took before they were removed, by the gaps in their numbers. Raises TosqauylError."""
    known = known_segments(state, journal_id(journal))
    there = [one.sequence for one in list_segments(journal)]
    runs = [*known.runs, *((name, name) for name in known.names if ".." not in name)]
    spans = sorted([(int(first[:10]), int(last[:10])) for first, last in runs] + [(one, one) for one in there])
    lost, reached = 0, spans[0][0] - 1 if spans else 0
    for first, last in spans:
        lost += max(first - reached - 1, 0)
        reached = max(reached, last)
    return lost


def live_sql(journal: Path, state: Manifest, draft: Path) -> list[str]:
    """What a state of the ledger does not have of a journal: all other segments, the open one included, for DuckEngine's `live`.

    draft: a folder of the store (`Store.draft`) that outlives the query.
    """
    number = journal_id(journal)
    known = known_segments(state, number)
    return live_rows(
        [one for one in list_segments(journal) if one.stem not in known], origin_of(state, number, "gate"), draft
    )


def take(store: Store, journal: Path, options: Taking = Taking()) -> Iterator[Taken]:
    """Take every closed segment that was not taken; yields what each commit took. Raises TosqauylError where the ledger cannot
    be written or the journal not be listed: what was committed stays, the rest is taken next time."""
    number = journal_id(journal)
    if not waiting(store, journal):
        return  # no database is opened for nothing: whoever follows a journal asks again and again
    con = connect(options.means, store.folder)
    passed: set[str] = set()
    try:
        con.execute("SET preserve_insertion_order = true")  # rows are numbered as they come
        while True:
            state = store.manifest()
            known = known_segments(state, number)
            closed = (one for one in list_segments(journal) if not one.is_open)
            new = (one for one in closed if one.stem not in known and one.stem not in passed)
            group, unread = _next_group(new, options)
            if not group and not unread:
                return
            passed |= set(unread)
            done = Taken(unread=tuple(f"{stem}: {why}" for stem, why in unread.items()))
            run = _Run(store, con, number, origin_of(state, number, options.name), options)
            for part in run.take(group) if group else ():
                passed |= {text.partition(":")[0] for text in part.unread}
                done += part
            yield done
    finally:
        con.close()


@dataclass(frozen=True, slots=True)
class _Group:
    """Segments to be taken in one commit. rows: of each, as counted. names: their header. sound: nothing odd was seen."""

    rows: dict[Segment, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    sound: bool = True
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows)

    def alone(self) -> "Iterator[_Group]":
        """Each segment as a group of its own."""
        for one, rows in self.rows.items():
            yield replace(self, rows={one: rows})


def _next_group(segments: Iterable[Segment], options: Taking) -> tuple[_Group, dict[str, str]]:
    """The oldest segments that can be taken in one commit; and the stems of those met on the way that cannot be read, and why.

    One with damage, or with other columns than the one before it, is a group of its own.
    """
    group = _Group()
    unread: dict[str, str] = {}
    for one in segments:
        try:
            seen, names = survey(one.path), tuple(header_of(one.path))
        except FileNotFoundError:
            continue  # removed by the gate's retention just now
        except OSError as error:
            unread[one.stem] = error.strerror or str(error)
            continue
        except TosqauylError:
            continue
        if group and (not seen.sound or names != group.names):
            break
        group = _Group({**group.rows, one: seen.rows}, names, seen.sound, group.size + seen.size)
        if not seen.sound or len(group.rows) >= MOST_SEGMENTS or group.size >= options.most_bytes:
            break
    return group, unread


@dataclass(frozen=True, slots=True)
class _Run:
    """What the commits of one round share."""

    store: Store
    con: duckdb.DuckDBPyConnection
    journal: str
    origin: str
    options: Taking

    def take(self, group: _Group) -> Iterator[Taken]:
        """Take a group; where DuckDB refuses it, one by one, and line by line the one that it refuses alone."""
        alone = len(group.rows) == 1
        try:
            if group.sound:
                yield self._take_sound(group)
                return
        except _Refused:
            if not alone:
                for one in group.alone():
                    yield from self.take(one)
                return
        yield self._take_mended(next(iter(group.rows)))

    def _take_sound(self, group: _Group) -> Taken:
        """Take segments that should be in order; _Refused where they are not, or not there any more."""
        with self.store.draft() as draft:
            paths = {one: _linked(one.path, draft) for one in group.rows}
            select = select_sql(group.names, list(paths.values()), _place(group, paths))
            return self._commit(select, group, draft)

    def _take_mended(self, one: Segment) -> Taken:
        """Take what can be read of a damaged segment."""
        with self.store.draft() as draft:
            try:
                made = mend(one.path, draft / one.path.name)
            except FileNotFoundError:
                return Taken()  # removed by the gate's retention
            except OSError as error:
                raise TosqauylError(f"the segment cannot be mended: {error.strerror}", str(one.path)) from error
            select = select_sql((*made.header, "line"), [made.path], f", line, {literal(one.stem)} AS batch")
            try:
                done = self._commit(select, _Group({one: made.rows}, made.header), draft)
            except _Refused as refused:
                return Taken(unread=(f"{one.stem}: {refused.__cause__}",))
            named = tuple(f"{one.path.name}: {what}" for what in made.damage)
            return replace(done, skipped=made.skipped, damage=named) if done.segments else done

    def _commit(self, select: str, group: _Group, draft: Path) -> Taken:
        """Write the rows and name them in the manifest, unless somebody else did so meanwhile."""
        recorded = frozenset(column.name for column in COLUMNS) & frozenset(group.names)
        files = (
            self._write(select, Batch(TABLE, self.origin, "", recorded), draft, group)
            if any(group.rows.values())
            else []
        )
        if sum(one.rows for one in files) != sum(group.rows.values()):
            raise _Refused
        taken = {(TABLE, self.origin, one.stem): count for one, count in group.rows.items()}
        done = Taken()

        def change(now: Manifest) -> Manifest:
            nonlocal done
            known = known_segments(now, self.journal)
            if any(one.stem in known for one in group.rows):
                return now
            done = Taken(len(group.rows), sum(group.rows.values()))
            return _folded(now.with_batches(taken, files), self.origin)

        self.store.commit(change, draft, files)
        return done

    def _write(self, select: str, batch: Batch, draft: Path, group: _Group) -> list[File]:
        """The files of a group. Most groups are of one day, which is much faster to write; the others are found out."""
        try:
            if self.options.tokens:
                columns = [name for name in self.options.columns if name in batch.recorded]
                select = tokenised(self.con, select, columns, self.options.tokens)
            try:
                return self.store.files_of(self.con, select, batch, draft, _likely_day(group))
            except WrongDay:
                shutil.rmtree(draft / "out")
                return self.store.files_of(self.con, select, batch, draft)
        except duckdb.Error as error:
            if _is_of_the_segment(error):
                raise _Refused(str(error)) from error
            raise TosqauylError(f"segments cannot be read: {reason(error)}", self.origin) from error
        except TosqauylError as error:
            if isinstance(error.__cause__, duckdb.Error) and _is_of_the_segment(error.__cause__):
                raise _Refused(str(error)) from error.__cause__
            raise


def _is_of_the_segment(error: duckdb.Error) -> bool:
    """Whether it is the segment's fault. A full disk or lacking memory is nobody's but the machine's."""
    return not isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | duckdb.InternalException)


def _linked(path: Path, draft: Path) -> Path:
    """The segment under a name of ours, so that it stays there while it is read; its own name where links are not possible."""
    target = draft / path.name
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise _Refused from None
    except OSError:
        return path
    return target


def _place(group: _Group, paths: Mapping[Segment, Path]) -> str:
    """Which segment a row came from, and which of its rows it is."""
    before, count = {}, 0
    for one, rows in group.rows.items():
        before[paths[one]] = count
        count += rows
    stems = by_file({path: one.stem for one, path in paths.items()})
    return f", {stems} AS batch, row_number() OVER () - {by_file(before)} AS line"


def _likely_day(group: _Group) -> date | None:
    """The day of the first and the last row, if it is the same: then it is most likely that of all rows."""
    segments = [one.path for one, rows in group.rows.items() if rows]
    times = [_time_of(segments[0], group.names, last=False), _time_of(segments[-1], group.names, last=True)]
    days = {datetime.fromtimestamp(at, UTC).date() for at in times if 0 < at < LATEST}
    return days.pop() if len(days) == 1 else None


def _time_of(path: Path, names: Sequence[str], *, last: bool) -> float:
    """`at` of the first or last row of a segment; 0 where there is none to be read."""
    try:
        with path.open("rb") as file:
            file.readline()
            if last:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
            lines = file.read(_TAIL).split(b"\n")
        line = lines[-2] if last else lines[0]
        return float(line.split(b"\t")[names.index("at")])
    except (OSError, ValueError, IndexError):
        return 0.0


def _is_of(origin: str, journal: str) -> bool:
    return origin.startswith("gate:") and origin.endswith(f"-{journal}")


def _within(stem: str, first: str, last: str) -> bool:
    """Whether a segment lies in a run: by its number and by its time."""
    number, time = slice(0, 10), slice(11, None)
    return first[number] <= stem[number] <= last[number] and first[time] <= stem[time] <= last[time]


def _folded(state: Manifest, origin: str) -> Manifest:
    """The state with the oldest segments of an origin as runs `FIRST..LAST`, where one follows the other in number and time.

    So the manifest stays small however many segments a gate closes, and still names each of them.
    """
    names = sorted(name for table, of, name in state.taken if (table, of) == (TABLE, origin))
    old = names[:-KEPT_APART]
    if len(old) < KEPT_APART:
        return state
    runs: list[tuple[str, str, int]] = []
    for name in old:
        first, _, last = name.partition("..")
        rows = state.taken[TABLE, origin, name]
        begin, end, count = runs[-1] if runs else ("", "", 0)
        if runs and int(first[:10]) == int(end[:10]) + 1 and first[11:] >= end[11:]:
            runs[-1] = (begin, last or first, count + rows)
        else:
            runs.append((first, last or first, rows))
    taken = {key: rows for key, rows in state.taken.items() if key[:2] != (TABLE, origin) or key[2] not in set(old)}
    folded = {(TABLE, origin, first if first == last else f"{first}..{last}"): rows for first, last, rows in runs}
    return replace(state, taken={**folded, **taken})
