"""Reports come in: checked, told apart from those that are there already, stored with what they name, joined to cases.

    receipt = submit(work, Submission("citizen", "call", (("phone", "8 701 123 45 67"),)))

Sending the same report again changes nothing and gives the same receipt, with `duplicate` set. What the same report is says
registry/submission.py. Everything happens in the caller's transaction: a report that got its receipt is stored whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from tosqauyl.registry.actor import CITIZEN
from tosqauyl.registry.checks import Trigger, open_checks
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.linking import Joining, join
from tosqauyl.registry.observables import AT_ONCE, Observed, among, chunks, insert_missing, observe_all
from tosqauyl.registry.store import Work
from tosqauyl.registry.submission import Checked, Submission, check
from tosqauyl.registry.tables import Observable, Report, Sighting
from tosqauyl.registry.tickets import ticket_of, token_of
from tosqauyl.registry.webhooks import announce


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender gets. ticket: follows the report, see registry/tickets.py; duplicate: it was there already; incident: the
    case it is in, None for none and where the case is of another tenant."""

    report: UUID
    ticket: str
    state: str
    duplicate: bool
    incident: UUID | None


@dataclass(frozen=True, slots=True)
class _Known:
    """A report that is stored."""

    report: UUID
    state: str
    incident: UUID | None


def submit(work: Work, submission: Submission) -> Receipt:
    """Take a report. Raises Unacceptable with every field that cannot be."""
    receipt = take(work, [check(work.vault, work.actor, submission, work.now)])[0]
    if not receipt.duplicate:
        detail = f"{submission.reporter} {submission.channel} {submission.scheme}".rstrip()
        work.note("reported", "report", receipt.report, detail)
        announce(work, "report.received", {"report": receipt.report}, work.actor.organisation)
    return receipt


def take(work: Work, reports: Sequence[Checked]) -> list[Receipt]:
    """Take reports of the work's actor that were checked, a receipt for each. Writes no note of its own: whoever calls it says
    what was done."""
    wanted = {one.digest: one for one in reversed(reports)}
    known = known_reports(work, wanted)
    fresh = {digest: one for digest, one in wanted.items() if digest not in known}
    stored = _store(work, fresh) if fresh else {}
    known |= stored
    if len(known) < len(wanted):  # somebody else sent the same just now, and was first
        known |= known_reports(work, [digest for digest in wanted if digest not in known])
    receipts, told = [], set[str]()
    for one in reports:
        found, again = known[one.digest], one.digest not in stored or one.digest in told
        told.add(one.digest)
        case = found.incident if work.actor.sees_all and work.actor.role != CITIZEN.role else None
        receipts.append(Receipt(found.report, ticket_of(work.vault, one.digest), found.state, again, case))
    return receipts


def known_reports(work: Work, digests: Iterable[str]) -> dict[str, _Known]:
    """Digest -> report, of those that the actor's organisation sent before."""
    found: dict[str, _Known] = {}
    for some in chunks(digests, AT_ONCE):
        query = select(Report.digest, Report.id, Report.state, Report.incident)
        query = query.where(Report.organisation == work.actor.organisation, among(work, Report.digest, some))
        found |= {digest: _Known(key, state, case) for digest, key, state, case in work.db.execute(query)}
    return found


def _store(work: Work, fresh: Mapping[str, Checked]) -> dict[str, _Known]:
    """Store reports that are not there yet; those that are there now by this."""
    observables = observe_all(work, (value for one in fresh.values() for value in one.seen))
    named = _lock(work, [row.id for row in observables.values()])
    rows = {digest: _row(work, one) for digest, one in fresh.items()}
    inserted = insert_missing(work, Report, list(rows.values()), ("organisation", "digest"))
    ours = {digest: one for digest, one in fresh.items() if rows[digest]["id"] in inserted}
    joining = [
        Joining(
            rows[digest]["id"], one.submission.scheme, one.submission.region,
            {observables[value.key].id: value for value in one.seen},
        )
        for digest, one in ours.items()
    ]  # fmt: skip
    _sight(work, joining, named)
    cases = join(work, joining, named)
    _open_checks(work, ours, {digest: rows[digest]["id"] for digest in ours}, observables)
    return {
        digest: _Known(key, "linked" if key in cases else "received", cases.get(key))
        for digest, key in ((digest, rows[digest]["id"]) for digest in ours)
    }


def _row(work: Work, one: Checked) -> dict[str, Any]:
    said, seal = one.submission, work.vault.seal
    return {
        "id": new_id(work.now), "organisation": one.organisation, "reporter": said.reporter, "channel": said.channel,
        "scheme": said.scheme, "region": said.region, "text": seal(said.text, "report.text"),
        "contact": seal(said.contact, "report.contact"), "victim": seal(said.victim, "report.victim"),
        "loss": said.loss, "victims": said.victims, "happened": said.happened, "received": work.now, "state": "received",
        "outcome": "", "incident": None, "author": one.author, "digest": one.digest, "changed": 0, "consent": said.consent,
        "ticket": token_of(work.vault, ticket_of(work.vault, one.digest)), "version": 1,
    }  # fmt: skip


def _lock(work: Work, observables: Iterable[UUID]) -> dict[UUID, int]:
    """How often each was named so far. On PostgreSQL the rows are locked, always in the order of their ids; SQLite has one
    writer."""
    found: dict[UUID, int] = {}
    for some in chunks(sorted(observables), AT_ONCE):
        query = (
            select(Observable.id, Observable.reports).where(among(work, Observable.id, some)).order_by(Observable.id)
        )
        found.update((key, count) for key, count in work.db.execute(query.with_for_update(key_share=True)))
    return found


def _sight(work: Work, reports: Sequence[Joining], named: dict[UUID, int]) -> None:
    """Write down which report names what, and count."""
    rows = [{"report": one.report, "observable": key} for one in reports for key in one.observables]
    for some in chunks(rows, AT_ONCE):
        work.db.execute(
            insert(Sighting).returning(Sighting.report), some
        )  # with RETURNING many rows go in one statement
    times = Counter(row["observable"] for row in rows)
    for count in sorted(set(times.values())):
        for some_keys in chunks(sorted(key for key, times_of in times.items() if times_of == count), AT_ONCE):
            adding = (
                update(Observable)
                .where(among(work, Observable.id, some_keys))
                .values(reports=Observable.reports + count)
            )
            work.db.execute(adding.execution_options(synchronize_session=False))
    for key, count in times.items():
        named[key] = named.get(key, 0) + count


def _open_checks(
    work: Work, reports: Mapping[str, Checked], ids: Mapping[str, UUID], observables: Mapping[tuple[str, str], Observed]
) -> None:
    """An operator has to check a number of its range that was reported (order of 3 November 2025): one check for each number."""
    first: dict[UUID, str] = {}
    for digest, one in reports.items():
        for value in one.seen:
            if observables[value.key].operator:
                first.setdefault(observables[value.key].id, digest)
    triggers = [
        Trigger(row, ids[first[row.id]], _source(reports[first[row.id]], row))
        for some in chunks(sorted(first), AT_ONCE)
        for row in work.db.scalars(select(Observable).where(among(work, Observable.id, some)))
    ]
    if triggers:
        open_checks(work, triggers)


def _source(one: Checked, observable: Observable) -> str:
    if one.submission.reporter == "citizen":
        return "complaint"
    return "own" if one.organisation == observable.operator else "centre"
