"""An operator's duty to check a reported number (order of 3 November 2025 amending the rules of telecom services, No 171).

    a complaint, word from the Centre, or the operator's own finding    opens a check: two business days
    confirmed       the number is suspended and the Centre told within two more; a block is proposed to the centre
    not confirmed   the Centre is told within two more

A check belongs to the operator of the number. While one is open, more reports of the number open no other one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert, select, union_all

from tosqauyl.registry import actions, centre_message, observables, person, purposes
from tosqauyl.registry.actor import CENTRE
from tosqauyl.registry.clocks import business_days_after, utc_text
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.person import Person
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator, NumberCheck, Observable, Organisation, Report
from tosqauyl.registry.tenancy import newest, of_tenant, visible
from tosqauyl.registry.webhooks import announce
from tosqauyl.registry.words import CHECK_OUTCOMES

SOURCES = ("complaint", "centre", "own")
STATES = ("open", "decided", "told")
MOST = 1_000
"""Checks of one message."""
REMIND_MS = DAY
"""So long before its end a check's operator is reminded."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a number must be checked."""

    observable: Observable
    report: UUID | None
    source: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which checks: all that is said must hold. state: open, decided (the Centre was not told yet), told; late: the clock that
    runs has run out."""

    state: str = ""
    outcome: str = ""
    late: bool = False
    observable: UUID | None = None


def open_check(
    work: Work, observable: Observable, report: UUID | None, source: str, operator: str = ""
) -> NumberCheck | None:
    """Open a check of a number, or find the open one. operator: whose number it is, '' by the number plan (a ported number is
    another one's); None where that is no organisation of this office.

    Raises Invalid where it is no phone number, Forbidden where an operator names another one.
    """
    whose = operator or observable.operator or (work.actor.organisation if work.actor.kind == "operator" else "")
    if operator and not work.actor.sees_all and operator != work.actor.organisation:
        raise Forbidden("an operator checks its own numbers")
    return open_checks(work, [Trigger(observable, report, source)], {observable.id: whose}).get(observable.id)


def open_checks(
    work: Work, triggers: Sequence[Trigger], operators: dict[UUID, str] | None = None
) -> dict[UUID, NumberCheck]:
    """As `open_check`, many at once: observable -> its check. operators: whose numbers they are, None by the number plan."""
    for one in triggers:
        if one.observable.kind != "phone" or one.source not in SOURCES:
            raise Invalid("only phone numbers are checked, for a source that is known", "observable")
    whose = {one.observable.id: (operators or {}).get(one.observable.id, one.observable.operator) for one in triggers}
    operator = select(Organisation.id).where(Organisation.kind == "operator", Organisation.id.in_(set(whose.values())))
    known = set(work.db.scalars(operator))
    wanted = {one.observable.id: one for one in reversed(triggers) if whose[one.observable.id] in known}
    checks: dict[UUID, NumberCheck] = {}
    for some in observables.chunks(sorted(wanted), observables.AT_ONCE):
        _lock(work, some)
        checks |= _open_ones(work, some, whose)
        fresh = [_row(work, wanted[one], whose[one]) for one in some if one not in checks]
        if fresh:
            work.db.execute(insert(NumberCheck), fresh)
            checks |= _open_ones(work, some, whose)
        for row in fresh:
            work.note("opened", "check", row["id"], f"{row['source']}, for {row['organisation']}")
    return checks


def found(work: Work, check_id: UUID) -> NumberCheck:
    """A check as it is committed. Raises Absent, also for another operator's."""
    return visible(work, work.db.get(NumberCheck, check_id, populate_existing=True), "check")


def search(work: Work, wanted: Filter, cursor: UUID | None, limit: int) -> list[NumberCheck]:
    """Checks, the latest first: at most one more than `limit`."""
    query = of_tenant(work, select(NumberCheck), NumberCheck.organisation)
    is_open, is_decided = NumberCheck.decided == 0, (NumberCheck.told == 0) & (NumberCheck.tell_due > 0)
    states = {"open": is_open, "decided": is_decided, "told": NumberCheck.told > 0}
    if wanted.state:
        query = query.where(states[wanted.state])
    if wanted.outcome:
        query = query.where(NumberCheck.outcome == wanted.outcome)
    if wanted.observable is not None:
        query = query.where(NumberCheck.observable == wanted.observable)
    if wanted.late:  # two ranges of an index each: one condition with "or" would read all checks where none is late
        ids = (select(NumberCheck.id).where(one) for one in (
            is_open & (NumberCheck.due <= work.now), (NumberCheck.told == 0) & NumberCheck.tell_due.between(1, work.now),
        ))  # fmt: skip
        query = query.where(NumberCheck.id.in_(union_all(*ids)))
    return list(work.db.scalars(newest(query, NumberCheck.id, cursor, limit)))


def reveal(work: Work, check_ids: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """The numbers of checks in clear, for whoever has to check them; each is written into the audit trail.

    Raises Absent, Invalid.
    """
    return [(one.id, observables.opened(work, number, purposes.CHECKING)) for one, number in _chosen(work, check_ids)]


def decide(work: Work, check_id: UUID, version: int, outcome: str, who: Person) -> NumberCheck:
    """Say what the check found. who: the person of the number; confirmed needs it.

    A confirmed one asks the operator to suspend the number and proposes a block to the centre. Raises Absent, Conflict, Invalid.
    """
    if outcome not in CHECK_OUTCOMES or not outcome:
        raise Invalid("no such outcome", "outcome", f"one of {', '.join(filter(None, CHECK_OUTCOMES))}")
    check = visible(work, work.db.get(NumberCheck, check_id, populate_existing=True, with_for_update=True), "check")
    if check.version != version or check.decided:
        by = (
            f"{check.decided_by} decided it at {utc_text(check.decided)}: {check.outcome}"
            if check.decided
            else "it was changed"
        )
        raise Conflict(by, hint="read it again")
    observable = observables.read(work, check.observable)
    number = observables.opened(work, observable, purposes.CHECKED)
    of = person.checked(who, number, outcome == "confirmed")
    check.outcome, check.decided, check.decided_by = outcome, work.now, work.actor.name
    check.tell_due = business_days_after(work.now, shipped("checks.toml")["tell_business_days"])
    check.person, check.iin, check.numbers = person.sealed(work, of), person.token(work, of.iin), len(of.numbers)
    work.db.flush()
    over = ", more than the person may have without a justification" if of.has_too_many else ""
    work.note("decided", "check", check.id, f"{outcome}, {check.numbers} numbers of the person{over}")
    if outcome == "confirmed":
        _suspend(work, check)
        _propose(work, check)
    return check


def tell(work: Work, check_ids: Sequence[UUID]) -> list[centre_message.Message]:
    """The messages to the Centre of decided checks, which are told from now on. Asked again it gives the same messages, with the
    moment of the first time. Opens personal data; each is written into the audit trail.

    Raises Absent, Conflict where one is not decided, Invalid.
    """
    chosen = _chosen(work, check_ids, locked=True)
    if any(not check.decided for check, _ in chosen):
        raise Conflict("one of these checks is not decided", hint="decide it first")
    messages = []
    for check, observable in chosen:
        if not check.told:
            check.told = work.now
            work.note("told", "check", check.id, check.outcome)
        number = observables.opened(work, observable, purposes.TELLING)
        if check.person:
            work.note("read-personal", "check", check.id, purpose=purposes.TELLING)
        messages.append(centre_message.message_of(check, number, person.opened(work, check.person)))
    work.db.flush()
    return messages


def remind(work: Work, most: int = MOST) -> int:
    """Announce of up to `most` open checks that their time is running out, once each; how many. For a job."""
    last = work.now + REMIND_MS
    ending = select(NumberCheck).where(NumberCheck.decided == 0, NumberCheck.due <= last, NumberCheck.reminded == 0)
    ending = ending.order_by(NumberCheck.due, NumberCheck.id).limit(most).with_for_update(skip_locked=True)
    reminded = list(work.db.scalars(ending.execution_options(populate_existing=True)))
    for check in reminded:
        check.reminded = work.now
        announce(work, "check.due", {"check": check.id}, check.organisation)
        work.note("reminded", "check", check.id)
    work.db.flush()
    return len(reminded)


def _chosen(work: Work, check_ids: Sequence[UUID], locked: bool = False) -> list[tuple[NumberCheck, Observable]]:
    wanted = list(dict.fromkeys(check_ids))
    if not 1 <= len(wanted) <= MOST:
        raise Invalid("too many at once, or none", "ids", f"1 to {MOST}")
    rows: dict[UUID, NumberCheck] = {}
    for some in observables.chunks(sorted(wanted), observables.AT_ONCE):
        query = select(NumberCheck).where(NumberCheck.id.in_(some)).order_by(NumberCheck.id)
        query = of_tenant(work, query, NumberCheck.organisation)
        query = query.with_for_update() if locked else query
        rows |= {check.id: check for check in work.db.scalars(query.execution_options(populate_existing=True))}
    if len(rows) != len(wanted):
        raise Absent("there is no such check")
    numbers = _observables(work, (check.observable for check in rows.values()))
    return [(rows[one], numbers[rows[one].observable]) for one in wanted]


def _observables(work: Work, which: Iterable[UUID]) -> dict[UUID, Observable]:
    numbers: dict[UUID, Observable] = {}
    for some in observables.chunks(sorted(set(which)), observables.AT_ONCE):
        numbers |= {one.id: one for one in work.db.scalars(select(Observable).where(Observable.id.in_(some)))}
    return numbers


def _lock(work: Work, which: Sequence[UUID]) -> None:
    """So that two reports that come at once open one check: on PostgreSQL by the observables' rows, SQLite has one writer."""
    locked = select(Observable.id).where(Observable.id.in_(which)).order_by(Observable.id).with_for_update()
    work.db.scalars(locked).all()


def _open_ones(work: Work, which: Sequence[UUID], whose: dict[UUID, str]) -> dict[UUID, NumberCheck]:
    wanted = select(NumberCheck).where(NumberCheck.observable.in_(which), NumberCheck.decided == 0)
    wanted = wanted.execution_options(populate_existing=True)
    return {one.observable: one for one in work.db.scalars(wanted) if one.organisation == whose[one.observable]}


def _row(work: Work, why: Trigger, operator: str) -> dict[str, object]:
    return {
        "id": work.new_id(), "organisation": operator, "observable": why.observable.id, "report": why.report,
        "source": why.source, "opened": work.now, "version": 1, "outcome": "", "decided": 0, "decided_by": "", "tell_due": 0,
        "due": business_days_after(work.now, shipped("checks.toml")["check_business_days"]), "told": 0, "person": b"",
        "iin": "", "numbers": 0, "reminded": 0,
    }  # fmt: skip


def _suspend(work: Work, check: NumberCheck) -> None:
    """The operator's own duty, asked for by the centre, so that it stands in one list with all that was asked."""
    if actions.open_for(work, check.observable, check.organisation, "suspend") is None:
        basis = shipped("checks.toml")["legal_basis"]
        actions.request(work, actions.Wanted(check.organisation, "suspend", check.observable, None, basis), CENTRE)


def _propose(work: Work, check: NumberCheck) -> None:
    """A block for a second person to approve; none where one is proposed or active, or where the number is never blocked."""
    from tosqauyl.registry.decisions import Proposal, propose

    there = select(Indicator.id).where(
        Indicator.observable == check.observable,
        Indicator.state.in_(("proposed", "active")),
        Indicator.listing == "block",
    )
    if work.db.scalars(there.limit(1)).first() is not None:
        return
    said = shipped("checks.toml")["proposal"]
    reason = {"slug": "operator-check", "text": "\n".join(said["reason"][one] for one in ("kk", "ru", "en"))}
    report = work.db.get(Report, check.report) if check.report is not None and work.actor.sees_all else None
    proposal = Proposal(
        check.observable, "fraud", "block", said["confidence"], reasons=[reason], source="operator",
        incident=report.incident if report else None, valid_until=work.now + said["days"] * DAY,
    )  # fmt: skip
    try:
        propose(work, proposal)
    except Invalid as error:
        work.note("not-proposed", "check", check.id, error.what)
