"""What an organisation is asked to do: suspend a number, notify its person, hold a transfer, lift what was done.

    requested -> acknowledged -> done / partly / refused / expired         words.ACTION_MOVES

Only the asked organisation answers; partly and refused need a reason. Whoever asked, whoever was asked and the centre see it. How
long each kind may take is data (registry/data/cases.toml).
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry import incidents, observables, purposes
from tosqauyl.registry.clocks import business_days_after
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.protection import check_no_numbers, is_storable
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Action, Observable, Organisation
from tosqauyl.registry.tenancy import check_version, newest, of_tenant
from tosqauyl.registry.webhooks import announce
from tosqauyl.registry.words import ACTION_MOVES, ACTIONS, may_move

OPEN = ("requested", "acknowledged")
ANSWERS = ("done", "partly", "refused")
MOST_ANSWER = 4_000
MOST_BASIS = 200
AT_ONCE = 500
PURPOSE = "action.answer"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked. to: the organisation; kind: of words.ACTIONS; legal_basis: an act, shown."""

    to: str
    kind: str
    observable: UUID
    incident: UUID | None = None
    legal_basis: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which actions: all that is said must hold. asked: those that the actor's organisation is asked for, else those it asks for;
    is_open: only what waits for an answer; late: only those whose clock has run out."""

    asked: bool = True
    state: str = ""
    kind: str = ""
    incident: UUID | None = None
    is_open: bool = False
    late: bool = False


def request(work: Work, wanted: Wanted, asker: str = "") -> Action:
    """Ask an organisation to do something. asker: whose duty it is to ask, where it is not the actor's own organisation.

    Raises Invalid, Absent for a case that is not the actor's.
    """
    _check(work, wanted)
    days = shipped("cases.toml")["action"][wanted.kind]
    action = Action(
        id=work.new_id(), organisation=asker or work.actor.organisation, to=wanted.to, kind=wanted.kind,
        observable=wanted.observable, incident=wanted.incident, legal_basis=wanted.legal_basis, requested_by=work.actor.name,
        created=work.now, due=business_days_after(work.now, days["due"]),
        expires=business_days_after(work.now, days["expires"]), state="requested",
    )  # fmt: skip
    work.db.add(action)
    work.db.flush()
    work.note("requested", "action", action.id, f"{action.kind} of {action.to}")
    announce(work, "action.requested", {"action": action.id, "kind": action.kind}, action.to)
    return action


def found(work: Work, action_id: UUID) -> Action:
    """An action as it is committed. Raises Absent, also where it is none of the actor's business."""
    return _visible(work, work.db.get(Action, action_id, populate_existing=True))


def search(work: Work, wanted: Filter, cursor: UUID | None, limit: int) -> list[Action]:
    """Actions, the latest first: at most one more than `limit`. The centre sees all."""
    query = of_tenant(work, select(Action), Action.to if wanted.asked else Action.organisation)
    for name in ("state", "kind", "incident"):
        if value := getattr(wanted, name):
            query = query.where(getattr(Action, name) == value)
    if wanted.is_open or wanted.late:
        query = query.where(Action.state.in_(OPEN))
    if wanted.late:
        query = query.where(Action.due <= work.now)
    return list(work.db.scalars(newest(query, Action.id, cursor, limit)))


def askable(work: Work) -> list[Organisation]:
    """The organisations that can be asked to do something, by id."""
    return list(work.db.scalars(select(Organisation).order_by(Organisation.id)))


def open_for(work: Work, observable_id: UUID, to: str, kind: str) -> Action | None:
    """The action of a kind that an organisation is asked for already; None where there is none."""
    wanted = select(Action).where(
        Action.observable == observable_id, Action.to == to, Action.kind == kind, Action.state.in_(OPEN)
    )
    return work.db.scalars(wanted.limit(1)).first()


def acknowledge(work: Work, action_id: UUID, version: int) -> Action:
    """Say that it was read and will be done. Raises Absent, Forbidden to all but the asked organisation, Conflict."""
    return _answered(work, action_id, version, "acknowledged")


def answer(work: Work, action_id: UUID, version: int, state: str, text: str = "") -> Action:
    """Answer: done, partly, refused. text: sealed; partly and refused need it.

    Raises Absent, Forbidden to all but the asked organisation, Conflict, Invalid.
    """
    if state not in ANSWERS:
        raise Invalid("no such answer", "state", f"one of {', '.join(ANSWERS)}")
    if state != "done" and not text.strip():
        raise Invalid(f"{state} needs a reason", "text")
    if len(text) > MOST_ANSWER or not is_storable(text):
        raise Invalid("the text is too long, or has characters that are not printed", "text")
    return _answered(work, action_id, version, state, text)


def answer_text(work: Work, action: Action, purpose: str) -> str:
    """What was answered, in clear; written into the audit trail."""
    if action.answer:
        work.note("read-personal", "action", action.id, purpose=purpose)
    return work.vault.open(action.answer, PURPOSE)


def target(work: Work, action_id: UUID) -> tuple[Observable, str]:
    """What shall be acted on, in clear, for the asked organisation: it cannot act on a mask. Written into the audit trail.

    Raises Absent, Forbidden to all others, Conflict where nothing waits to be done.
    """
    action = found(work, action_id)
    _check_asked(work, action)
    if action.state not in (*OPEN, "partly") or action.observable is None:
        raise Conflict(f"the action is {action.state}: there is nothing left to do")
    observable = observables.read(work, action.observable)
    return observable, observables.opened(work, observable, purposes.ACTING)


def expire(work: Work, most: int = AT_ONCE) -> int:
    """End up to `most` actions that nobody answered in time; how many. For a job, again while it gives `most`."""
    over = select(Action).where(Action.state.in_(OPEN), Action.expires <= work.now).order_by(Action.expires, Action.id)
    over = over.limit(most).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    ended = list(work.db.scalars(over))
    for action in ended:
        work.note("expired", "action", action.id, f"{action.kind} of {action.to}, {action.state} until now")
        action.state = "expired"
    work.db.flush()
    return len(ended)


def _answered(work: Work, action_id: UUID, version: int, state: str, text: str = "") -> Action:
    action = _visible(work, work.db.get(Action, action_id, populate_existing=True, with_for_update=True))
    _check_asked(work, action)
    first = action.answered_by or "somebody"
    check_version(action, version, f"{first} changed it in between: it is {action.state} now")
    if not may_move(ACTION_MOVES, action.state, state):
        raise Conflict(f"an action that is {action.state} cannot become {state}")
    before, action.state, action.answered_by = action.state, state, work.actor.name
    action.answer = work.vault.seal(text, PURPOSE)
    work.db.flush()
    work.note("answered" if state in ANSWERS else state, "action", action.id, f"{before} -> {state}")
    if state in ANSWERS:
        announce(work, "action.answered", {"action": action.id, "state": state}, action.organisation)
    return action


def _visible(work: Work, action: Action | None) -> Action:
    mine = action is not None and work.actor.organisation in (action.organisation, action.to)
    if action is None or not (mine or work.actor.sees_all):
        raise Absent("there is no such action")
    return action


def _check_asked(work: Work, action: Action) -> None:
    if work.actor.organisation != action.to:
        raise Forbidden("only the organisation that is asked answers")


def _check(work: Work, wanted: Wanted) -> None:
    if wanted.kind not in ACTIONS:
        raise Invalid("no such action", "action", f"one of {', '.join(ACTIONS)}")
    if work.db.get(Organisation, wanted.to) is None:
        raise Invalid("no such organisation", "to")
    if len(wanted.legal_basis) > MOST_BASIS or not is_storable(wanted.legal_basis):
        raise Invalid("the text is too long, or has characters that are not printed", "legal_basis")
    check_no_numbers(wanted.legal_basis, "legal_basis")
    observables.read(work, wanted.observable)
    if wanted.incident is not None:
        incidents.found(work, wanted.incident)
