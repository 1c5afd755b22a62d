"""Cases: opened, worked on, put aside, closed with an outcome. Everybody sees those of the own organisation, the centre sees all.

    proposed -> pending -> investigating <-> snoozed        words.INCIDENT_MOVES; from each a case may be closed
    closed -> investigating                                 taken up again

Each change names the version that was seen; who comes second gets Conflict and is told what the first one did. What a case
consists of is in registry/incident_parts.py, its story in registry/timeline.py.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import or_, select, update

from tosqauyl.registry import tenancy
from tosqauyl.registry.actor import ROLE_SCOPES
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.errors import Conflict, Invalid
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.protection import check_no_numbers, is_storable
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Account, Incident, Report
from tosqauyl.registry.taxonomy import linking, regions, schemes
from tosqauyl.registry.timeline import last_told, tell
from tosqauyl.registry.webhooks import announce
from tosqauyl.registry.words import INCIDENT_MOVES, INCIDENT_OUTCOMES, may_move

MOST_TITLE = 200
MOST_TEXT = 10_000
"""Characters of a line of a case's story."""
MOST_MONEY = 10**15
"""Tiyn: ten trillion tenge."""
MOST_VICTIMS = 1_000_000
AT_ONCE = 500
WORKS = "cases:write"
"""Whoever has this scope may be given a case."""
OPEN = tuple(state for state in INCIDENT_MOVES if state != "closed")
_OUTCOME_OF_REPORTS = {"confirmed_risk": "confirmed", "false_positive": "false", "valuable_alert": ""}
"""Outcome of a case -> of the reports in it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new case says. title: shown, so without numbers and names; amount: tiyn; region: without 'KZ-'."""

    title: str = ""
    scheme: str = ""
    region: str = ""
    amount: int = 0
    victims: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """As a draft; None leaves what is there."""

    title: str | None = None
    scheme: str | None = None
    region: str | None = None
    amount: int | None = None
    victims: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cases: all that is said must hold. late: only those whose clock has run out."""

    state: str = ""
    scheme: str = ""
    region: str = ""
    assigned: UUID | None = None
    late: bool = False


def create(work: Work, draft: Draft) -> Incident:
    """Open a case. Raises Invalid."""
    _check(Changes(**asdict(draft)))
    incident = Incident(
        id=work.new_id(), organisation=work.actor.organisation, state="pending", created=work.now, due=_due(work, "pending"),
        **asdict(draft),
    )  # fmt: skip
    work.db.add(incident)
    work.db.flush()
    work.note("opened", "incident", incident.id, incident.scheme)
    tell(work, incident.id, "opened", draft.title)
    return incident


def found(work: Work, incident_id: UUID) -> Incident:
    """A case as it is committed. Raises Absent, also for another tenant's."""
    return tenancy.visible(work, work.db.get(Incident, incident_id, populate_existing=True), "case")


def search(work: Work, wanted: Filter, cursor: UUID | None, limit: int) -> list[Incident]:
    """Cases, the latest first: at most one more than `limit`, which then begins the next page."""
    query = tenancy.of_tenant(work, select(Incident), Incident.organisation)
    for name in ("state", "scheme", "region", "assigned"):
        if value := getattr(wanted, name):
            query = query.where(getattr(Incident, name) == value)
    if wanted.late:
        query = query.where(Incident.state.in_(OPEN), Incident.due <= work.now)
    return list(work.db.scalars(tenancy.newest(query, Incident.id, cursor, limit)))


def seen(work: Work, incident_id: UUID, version: int) -> Incident:
    """The case that somebody changes, locked until the transaction ends. Raises Absent; Conflict, which says what the first one
    did, where it is not as that person saw it."""
    locked = work.db.get(Incident, incident_id, populate_existing=True, with_for_update=True)
    incident = tenancy.visible(work, locked, "case")
    if incident.version != version:
        first = last_told(work, incident_id) or "somebody changed it"
        outcome = f" ({incident.outcome})" if incident.outcome else ""
        raise Conflict(
            f"{first}: it is {incident.state}{outcome} now, version {incident.version}",
            hint="read it again and decide again",
        )
    return incident


def seen_open(work: Work, incident_id: UUID, version: int) -> Incident:
    """As `seen`, a case that is not closed. Raises Absent, Conflict."""
    incident = seen(work, incident_id, version)
    if incident.state == "closed":
        raise Conflict("the case is closed", hint="take it up again first")
    return incident


def amend(work: Work, incident_id: UUID, version: int, changes: Changes) -> Incident:
    """Say something else of a case: title, scheme, region, money lost, victims. Raises Absent, Conflict, Invalid."""
    _check(changes)
    incident = seen_open(work, incident_id, version)
    named = [name for name, value in asdict(changes).items() if value is not None and value != getattr(incident, name)]
    for name in named:
        setattr(incident, name, getattr(changes, name))
    return _saved(work, incident, "amended", ", ".join(named)) if named else incident


def assign(work: Work, incident_id: UUID, version: int, account_id: UUID | None) -> Incident:
    """Give a case to somebody who may work on it, None to nobody. Raises Absent, Conflict, Invalid."""
    incident = seen_open(work, incident_id, version)
    if account_id is not None:
        account = work.db.get(Account, account_id)
        if account is None or account.organisation != incident.organisation or account.disabled:
            raise Invalid("nobody of the case's organisation has this account", "account")
        if WORKS not in ROLE_SCOPES.get(account.role, ()):
            raise Invalid(f"the role {account.role} does not work on cases", "account")
    if incident.assigned == account_id:
        return incident
    incident.assigned = account_id
    return _saved(work, incident, "assigned", str(account_id or "nobody"))


def move(work: Work, incident_id: UUID, version: int, state: str, outcome: str = "", why: str = "") -> Incident:
    """Move a case on, close it with an outcome, or take it up again; closing closes its reports.

    why: for its story, sealed. Raises Absent, Conflict, Invalid.
    """
    if state == "snoozed" or state not in INCIDENT_MOVES:
        raise Invalid("a case is not moved to this state", "state", "to put it aside, say until when")
    if (state == "closed") != bool(outcome) or outcome not in INCIDENT_OUTCOMES:
        known = ", ".join(filter(None, INCIDENT_OUTCOMES))
        raise Invalid("a case is closed with an outcome, and only then has one", "outcome", f"one of {known}")
    _check_text(why, "why", MOST_TEXT)
    incident = seen(work, incident_id, version)
    before = incident.state
    _check_move(incident, state)
    incident.state, incident.outcome, incident.snoozed_until = state, outcome, 0
    incident.closed = work.now if state == "closed" else 0
    incident.due = incident.due if state == "closed" else _due(work, state)
    reports = _close_reports(work, incident) if state == "closed" else 0
    detail = f"{before} -> {state}" + (f", {outcome}, {reports} reports closed with it" if outcome else "")
    if state == "closed":
        announce(work, "incident.closed", {"incident": incident.id, "outcome": outcome}, incident.organisation)
    return _saved(work, incident, "moved", detail, why)


def snooze(work: Work, incident_id: UUID, version: int, until: int, why: str) -> Incident:
    """Put a case aside until a moment, at which its clock goes on. why: for its story, sealed. Raises Absent, Conflict, Invalid."""
    incident = seen(work, incident_id, version)
    days = shipped("cases.toml")["case"]["most_snooze_days"]
    if not work.now < until <= work.now + days * DAY:
        raise Invalid("the moment must lie ahead", "until", f"at most {days} days")
    if not why.strip():
        raise Invalid("say why", "why")
    _check_text(why, "why", MOST_TEXT)
    before = incident.state
    _check_move(incident, "snoozed")
    incident.state, incident.snoozed_until, incident.due = "snoozed", until, until
    return _saved(work, incident, "snoozed", f"{before} -> snoozed", why)


def comment(work: Work, incident_id: UUID, text: str) -> None:
    """Say something in the story of a case; the case itself stays as it is. Raises Absent, Invalid."""
    if not text.strip():
        raise Invalid("there is nothing in it", "text")
    _check_text(text, "text", MOST_TEXT)
    incident = found(work, incident_id)
    tell(work, incident.id, "commented", text)
    work.note("commented", "incident", incident.id)


def wake(work: Work, most: int = AT_ONCE) -> int:
    """Take up to `most` cases up again that were put aside until now; how many. For a job."""
    over = select(Incident).where(Incident.state == "snoozed", Incident.due <= work.now)
    over = over.order_by(Incident.due, Incident.id).limit(most).with_for_update(skip_locked=True)
    woken = list(work.db.scalars(over.execution_options(populate_existing=True)))
    for incident in woken:
        incident.state, incident.snoozed_until, incident.due = "investigating", 0, _due(work, "investigating")
        _saved(work, incident, "woke", "snoozed -> investigating")
    return len(woken)


def visible(work: Work, incident_ids: set[UUID]) -> set[UUID]:
    """Those of some cases that the actor may see."""
    wanted = select(Incident.id).where(Incident.id.in_(incident_ids))
    wanted = tenancy.of_tenant(work, wanted, Incident.organisation)
    return set(work.db.scalars(wanted)) if incident_ids else set()


def workers(work: Work) -> list[Account]:
    """The people of the actor's organisation to whom a case may be given, by login."""
    roles = [role for role, scopes in ROLE_SCOPES.items() if WORKS in scopes]
    query = select(Account).where(Account.organisation == work.actor.organisation, Account.role.in_(roles))
    return list(work.db.scalars(query.where(Account.disabled.is_(False)).order_by(Account.login)))


def assignees(work: Work, incidents: Iterable[Incident]) -> dict[UUID, str]:
    """Account -> login, of the people to whom cases that the actor sees are given."""
    which = {one.assigned for one in incidents if one.assigned is not None}
    found = select(Account.id, Account.login).where(Account.id.in_(which))
    return {account: login for account, login in work.db.execute(found)} if which else {}


def _due(work: Work, state: str) -> int:
    days = linking().due_business_days if state == "proposed" else shipped("cases.toml")["case"][state]
    return business_days_after(work.now, days)


def _check_move(incident: Incident, state: str) -> None:
    if incident.merged_into is not None:
        raise Conflict(f"it was merged into {incident.merged_into}", hint="work on that one")
    if not may_move(INCIDENT_MOVES, incident.state, state):
        raise Conflict(f"a case that is {incident.state} cannot become {state}")


def _close_reports(work: Work, incident: Incident) -> int:
    closing = (
        update(Report).where(Report.incident == incident.id, or_(Report.state == "linked", Report.state == "triaged"))
        .values(state="closed", outcome=_OUTCOME_OF_REPORTS[incident.outcome], changed=work.now, version=Report.version + 1)
        .returning(Report.id).execution_options(synchronize_session=False)
    )  # fmt: skip
    return len(work.db.execute(closing).all())


def _saved(work: Work, incident: Incident, verb: str, detail: str, text: str = "") -> Incident:
    work.db.flush()
    work.note(verb, "incident", incident.id, detail)
    tell(work, incident.id, verb, "\n".join(filter(None, (detail, text))))
    return incident


def _check(changes: Changes) -> None:
    if changes.title is not None:
        _check_text(changes.title, "title", MOST_TITLE)
        check_no_numbers(changes.title, "title")
    if changes.scheme and changes.scheme not in schemes().by_slug:
        raise Invalid("no such scheme", "scheme")
    if changes.region and changes.region not in regions():
        raise Invalid("no such region", "region")
    if not 0 <= (changes.amount or 0) <= MOST_MONEY:
        raise Invalid("no such amount", "amount", f"tiyn, at most {MOST_MONEY}")
    if not 0 <= (changes.victims or 0) <= MOST_VICTIMS:
        raise Invalid("no such number of people", "victims", f"at most {MOST_VICTIMS}")


def _check_text(text: str, where: str, most: int) -> None:
    if len(text) > most or not is_storable(text):
        raise Invalid(
            "the text is too long, or has characters that are not printed", where, f"at most {most} characters"
        )
