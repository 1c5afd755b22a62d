"""A CSV file of reports: a preview that stores nothing, and the taking, in transactions of some hundred rows.

    outcome = preview(registry, actor, file)
    outcome = commit(registry, actor, file, "march.csv")

A row that cannot be is left out and listed with its line, its column and the reason; the others are taken. The same file again
changes nothing. A taking that was cut off is completed by sending the file again: rows that are there are known by their
digests. Checking and tokens come before each transaction, so that others get their turn between two of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry.actor import Actor
from tosqauyl.registry.csv_rows import BadRow, Form, Row, examine, rows
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.intake import known_reports, take
from tosqauyl.registry.moments import EPOCH, MILLISECOND, ZONE
from tosqauyl.registry.observables import chunks, insert_missing
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.submission import Checked, FieldFault, Submission, Unacceptable, check
from tosqauyl.registry.tables import Upload
from tosqauyl.registry.words import OBSERVABLES
from tosqauyl.tokens import mask

CHUNK = 500
"""Rows of one transaction."""
MOST_LISTED = 10_000
"""Refused rows that are listed; all are counted."""

TEXTS = ("reporter", "channel", "scheme", "region", "text", "contact", "victim", "external_id")
COLUMNS = (*TEXTS, "happened", "loss_tenge", "victims", "consent", *OBSERVABLES)
"""What a file may have, in any order; several observables of one kind stand in one field with '|' between them."""

_YES = frozenset(("1", "yes", "true", "да", "иә"))
_NO = frozenset(("", "0", "no", "false", "нет", "жоқ"))
_MONEY = re.compile(r"\d{1,13}([.,]\d{1,2})?", re.ASCII)
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})( \d\d:\d\d(:\d\d)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowFault:
    """A value for which a row was refused. line, column: from 1, column 0 for the whole row; name: of the column; value: masked."""

    line: int
    column: int
    name: str
    what: str
    value: str


@dataclass(slots=True)
class Outcome:
    """What became of a file. upload: its id, None for a preview; again: this very file was taken before, and nothing was
    changed; rows: all but empty ones; taken: new reports; known: reports that were there, or twice in the file; refused: rows;
    faults: at most MOST_LISTED rows'."""

    form: Form
    upload: UUID | None = None
    again: bool = False
    rows: int = 0
    taken: int = 0
    known: int = 0
    refused: int = 0
    faults: list[RowFault] = field(default_factory=list)


def preview(registry: Registry, actor: Actor, file: BinaryIO) -> Outcome:
    """What `commit` would do. Stores nothing. Raises Invalid where the file is no CSV file of reports."""
    outcome = Outcome(_examine(file))
    there: set[str] = set()
    for checked in chunks(_checked(registry, actor, file, outcome), CHUNK):
        with registry.read(actor) as work:
            there.update(known_reports(work, [one.digest for one in checked]))
        for one in checked:
            outcome.known, outcome.taken = (
                outcome.known + (one.digest in there),
                outcome.taken + (one.digest not in there),
            )
            there.add(one.digest)
    return outcome


def commit(registry: Registry, actor: Actor, file: BinaryIO, name: str = "") -> Outcome:
    """Take the file. Raises Invalid where it is no CSV file of reports, Unavailable where the database went away meanwhile:
    what was taken till then stays, and the same file sent again completes it."""
    outcome = Outcome(_examine(file))
    with registry.read(actor) as work:
        before = _before(work, outcome.form.digest)
    if before is not None:
        return _again(registry, actor, file, before)
    upload = outcome.upload = new_id(registry.clock())
    for checked in chunks(_checked(registry, actor, file, outcome), CHUNK):
        with registry.work(actor) as work:
            receipts = take(work, checked)
            taken = sum(not receipt.duplicate for receipt in receipts)
            if taken:
                work.note("reported", "upload", upload, f"{taken} reports, {len(receipts) - taken} were there")
        outcome.taken, outcome.known = outcome.taken + taken, outcome.known + len(receipts) - taken
    with registry.work(actor) as work:
        if not _write_down(work, upload, outcome, name):
            before = _before(work, outcome.form.digest)
    return outcome if before is None else _again(registry, actor, file, before)


def _examine(file: BinaryIO) -> Form:
    form = examine(file)
    if unknown := [name for name in form.columns if name not in COLUMNS]:
        shown = ", ".join(repr(name[:32]) for name in unknown[:5])
        raise Invalid(f"no such column: {shown}", "file", f"columns: {', '.join(COLUMNS)}")
    if not set(form.columns) & set(OBSERVABLES):
        raise Invalid("no column of observables", "file", f"at least one of {', '.join(OBSERVABLES)}")
    return form


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What was answered when a file was taken."""

    upload: UUID
    rows: int
    taken: int
    known: int
    refused: int


def _before(work: Work, digest: str) -> _Earlier | None:
    query = select(Upload.id, Upload.rows, Upload.taken, Upload.known, Upload.refused)
    query = query.where(Upload.organisation == work.actor.organisation, Upload.digest == digest)
    found = work.db.execute(query).first()
    return None if found is None else _Earlier(*found)


def _again(registry: Registry, actor: Actor, file: BinaryIO, before: _Earlier) -> Outcome:
    """What was answered when this file was taken, its refused rows found again."""
    outcome = Outcome(_examine(file), before.upload, again=True)
    for _ in _checked(registry, actor, file, outcome):
        pass
    outcome.rows, outcome.taken, outcome.known, outcome.refused = (
        before.rows,
        before.taken,
        before.known,
        before.refused,
    )
    return outcome


def _write_down(work: Work, upload: UUID, outcome: Outcome, name: str) -> bool:
    """Whether nobody wrote the same file down meanwhile."""
    row = {
        "id": upload, "organisation": work.actor.organisation, "digest": outcome.form.digest, "name": name[:200],
        "rows": outcome.rows, "taken": outcome.taken, "known": outcome.known, "refused": outcome.refused, "at": work.now,
    }  # fmt: skip
    if not insert_missing(work, Upload, [row], ("organisation", "digest")):
        return False
    counts = f"{outcome.rows} rows: {outcome.taken} taken, {outcome.known} known, {outcome.refused} refused"
    work.note("uploaded", "upload", upload, counts)
    return True


def _checked(registry: Registry, actor: Actor, file: BinaryIO, outcome: Outcome) -> Iterator[Checked]:
    """The rows that can be taken; the others go into the outcome."""
    columns = {name: place for place, name in enumerate(outcome.form.columns)}
    now = registry.clock()
    for row in rows(file, outcome.form):
        outcome.rows += 1
        if isinstance(row, BadRow):
            _refuse(outcome, [RowFault(row.line, 0, "", row.what, "")])
            continue
        try:
            yield _checked_row(registry, actor, row, columns, now)
        except _RowRefused as error:
            _refuse(outcome, error.faults)


class _RowRefused(Exception):
    def __init__(self, faults: list[RowFault]) -> None:
        self.faults = faults
        super().__init__()


def _refuse(outcome: Outcome, faults: list[RowFault]) -> None:
    outcome.refused += 1
    if outcome.refused <= MOST_LISTED:
        outcome.faults += faults


def _checked_row(registry: Registry, actor: Actor, row: Row, columns: Mapping[str, int], now: int) -> Checked:
    """The report of a row. Raises _RowRefused."""
    named = [
        (kind, text.strip())
        for kind in OBSERVABLES if kind in columns
        for text in row.fields[columns[kind]].split("|") if text.strip()
    ]  # fmt: skip
    faults: list[FieldFault] = []
    values = {name: row.fields[columns[name]].strip() for name in columns if name not in OBSERVABLES}
    said = Submission(
        reporter=values.get("reporter") or actor.kind, channel=values.get("channel", ""), observables=tuple(named),
        scheme=values.get("scheme", ""), region=values.get("region", ""), text=values.get("text", ""),
        contact=values.get("contact", ""), victim=values.get("victim", ""), external_id=values.get("external_id", ""),
        happened=_moment(values.get("happened", ""), faults), loss=_tiyn(values.get("loss_tenge", ""), faults),
        victims=_count(values.get("victims", ""), faults), consent=_consent(values.get("consent", ""), faults),
    )  # fmt: skip
    try:
        checked = check(registry.vault, actor, said, now)
    except Unacceptable as error:
        faults += error.faults
    if faults:
        raise _RowRefused([_row_fault(row.line, fault, named, columns) for fault in faults])
    return checked


def _row_fault(line: int, fault: FieldFault, named: list[tuple[str, str]], columns: Mapping[str, int]) -> RowFault:
    name, _, place = fault.field.partition("/")
    if place:
        name = named[int(place)][0]
    name = "loss_tenge" if name == "loss" else name
    return RowFault(line, columns.get(name, -1) + 1, name, fault.what, _covered(fault.value))


def _covered(value: str) -> str:
    """A value as people may see it: digits masked, of anything else the first character."""
    value = value.strip()
    plus, digits = value[:1] == "+", re.sub(r"[\s().+-]", "", value)
    if digits.isascii() and digits.isdigit():
        return mask(("+" if plus else "") + digits[:32])
    return f"{value[:1]}***" if value[:1].isprintable() and value else ""


def _moment(text: str, faults: list[FieldFault]) -> int:
    """A moment of Kazakhstan's clock, or one that says its own offset (RFC 3339); 0 for ''."""
    if not text:
        return 0
    found = _reading(text) if len(text) <= 40 else None
    at = (found - EPOCH) // MILLISECOND if found is not None else 0
    if at > 0:
        return at
    faults.append(
        FieldFault("happened", "no day or moment: 2026-11-30, 30.11.2026 18:05 or 2026-11-30T18:05:00+05:00", text)
    )
    return 0


def _reading(text: str) -> datetime | None:
    """A day or moment as people write it: 30.11.2026 18:05, or by ISO 8601."""
    found = _DOTTED.fullmatch(text)
    try:
        said = datetime.fromisoformat(f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}{found[4] or ''}" if found else text)
    except ValueError:
        return None
    return said if said.tzinfo else said.replace(tzinfo=ZONE)


def _tiyn(text: str, faults: list[FieldFault]) -> int:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not plain:
        return 0
    if not _MONEY.fullmatch(plain):
        faults.append(FieldFault("loss", "no sum in tenge: 12500 or 12 500,50", text))
        return 0
    whole, _, part = plain.replace(",", ".").partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _count(text: str, faults: list[FieldFault]) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return int(text)
    faults.append(FieldFault("victims", "no number of persons", text))
    return 0


def _consent(text: str, faults: list[FieldFault]) -> bool:
    said = text.casefold()
    if said not in _YES | _NO:
        faults.append(FieldFault("consent", "yes or no", text))
    return said in _YES
