"""Manual allowances and blocks of an observable: who, why, from when until when, seen from which side.

An allowance holds at once: one person is enough to let calls pass. A block waits until a second person confirms it, must end, and
is refused for numbers that are never blocked.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, select

from tosqauyl.registry import observables, publish
from tosqauyl.registry.decay import MOST_DAYS, last_moment
from tosqauyl.registry.decisions import check_second_person
from tosqauyl.registry.errors import Conflict, Invalid
from tosqauyl.registry.protection import check_may_be_blocked, check_no_numbers, is_storable
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Condition
from tosqauyl.registry.tenancy import check_version, newest, of_tenant, visible
from tosqauyl.registry.words import PERSPECTIVES

MOST_WHY = 1_000
"""Characters."""
LAST = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def allow(work: Work, observable_id: UUID, why: str, until: int, perspective: str = "caller") -> Condition:
    """Let it pass from now on, whatever indicators say. until: milliseconds, 0 for no end. Raises Absent, Invalid."""
    publish.lock(work)
    if until and not work.now < until <= LAST:
        raise Invalid("the end must lie ahead", "until")
    condition = _new(work, observable_id, "allow", (perspective, why, until))
    condition.approved_by = work.actor.name
    work.db.flush()
    publish.relist(work, observable_id)
    return condition


def block(
    work: Work, observable_id: UUID, why: str, until: int, perspective: str = "caller", always: bool = False
) -> Condition:
    """Ask for a block; it holds when a second person confirms it. until: at most MOST_DAYS["block"] ahead; always: no allowance
    lifts it. Raises Absent, Invalid."""
    _check_end(work, until)
    observable = observables.read(work, observable_id)
    if observable.kind == "phone":
        check_may_be_blocked(work, observable)
    condition = _new(work, observable_id, "block-always" if always else "block", (perspective, why, until))
    work.db.flush()
    return condition


def confirm(work: Work, condition_id: UUID, version: int) -> Condition:
    """Confirm the block that somebody else asked for; gates are told. Raises Absent, Conflict, Forbidden, Invalid."""
    publish.lock(work)
    condition = _seen(work, condition_id, version)
    if condition.approved_by or condition.ended:
        raise Conflict("it holds already" if condition.approved_by else "it has ended")
    check_second_person(work, condition.who, "asked for")
    _check_end(work, condition.until)
    observable = observables.read(work, condition.observable)
    if observable.kind == "phone":
        check_may_be_blocked(work, observable)
    condition.approved_by, condition.since = work.actor.name, work.now
    return _saved(work, condition, "confirm")


def end(work: Work, condition_id: UUID, version: int) -> Condition:
    """End a condition, or turn down a block that waits; gates are told. Raises Absent, Conflict."""
    publish.lock(work)
    condition = _seen(work, condition_id, version)
    if condition.ended:
        raise Conflict("it has ended")
    condition.ended = work.now
    return _saved(work, condition, "end")


def found(work: Work, condition_id: UUID) -> Condition:
    """A condition as it is committed. Raises Absent, also for another tenant's."""
    return visible(work, work.db.get(Condition, condition_id, populate_existing=True), "condition")


def search(
    work: Work, observable: UUID | None, only_open: bool, cursor: UUID | None, limit: int, waiting: bool = False
) -> list[Condition]:
    """Up to limit + 1 conditions of the actor's tenant, the latest first. only_open: neither ended nor over; waiting: of these only
    blocks that wait for a second person."""
    chosen = of_tenant(work, select(Condition), Condition.organisation)
    if observable is not None:
        chosen = chosen.where(Condition.observable == observable)
    if only_open or waiting:
        chosen = chosen.where(*(waits(work.now) if waiting else _is_open(work.now)))
    return list(work.db.scalars(newest(chosen, Condition.id, cursor, limit)))


def waits(now: int) -> tuple[ColumnElement[bool], ...]:
    """SQL: it waits for a second person."""
    return (*_is_open(now), Condition.approved_by == "")


def _is_open(now: int) -> tuple[ColumnElement[bool], ...]:
    return Condition.ended == 0, (Condition.until == 0) | (Condition.until > now)


def state_of(condition: Condition, now: int) -> str:
    """'waiting' for a second person, 'active', 'ended' by somebody, or 'over' by itself."""
    if condition.ended:
        return "ended"
    if 0 < condition.until <= now:
        return "over"
    return "active" if condition.approved_by else "waiting"


def _new(work: Work, observable_id: UUID, kind: str, said: tuple[str, str, int]) -> Condition:
    perspective, why, until = said
    if perspective not in PERSPECTIVES:
        raise Invalid("this perspective is not known", "perspective", f"one of {', '.join(PERSPECTIVES)}")
    if not why.strip() or len(why) > MOST_WHY or not is_storable(why):
        raise Invalid("say why", "why", f"at most {MOST_WHY} characters")
    check_no_numbers(why, "why")
    condition = Condition(
        id=work.new_id(), organisation=work.actor.organisation, observable=observables.read(work, observable_id).id, kind=kind,
        perspective=perspective, since=work.now, until=until, who=work.actor.name, why=why,
    )  # fmt: skip
    work.db.add(condition)
    work.note(kind, "condition", condition.id, f"{perspective} of {observable_id}")
    return condition


def _seen(work: Work, condition_id: UUID, version: int) -> Condition:
    condition = found(work, condition_id)
    check_version(condition, version)
    return condition


def _saved(work: Work, condition: Condition, verb: str) -> Condition:
    work.db.flush()
    work.note(verb, "condition", condition.id, condition.kind)
    publish.relist(work, condition.observable)
    return condition


def _check_end(work: Work, until: int) -> None:
    if not work.now < until <= last_moment("block", work.now):
        raise Invalid("a block must end, and not yet", "until", f"at most {MOST_DAYS['block']} days ahead")
