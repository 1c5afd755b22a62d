"""Everything that is due, in one list: what is latest first. Each sees the kinds of work it may do, of its own organisation; the
centre sees all.

    check       a reported number waits to be checked
    tell        a decided check waits to be told to the Centre
    incident    a case has to move on
    action      an organisation has been asked and has not answered
    appeal      somebody whose number is stopped waits for an answer
    proposal    an indicator waits for a second person
    condition   a block by hand waits for a second person
    mode        the mode of a rule waits for a second person
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from tosqauyl.registry.actions import OPEN
from tosqauyl.registry.clocks import business_days_after, is_late
from tosqauyl.registry.conditions import waits
from tosqauyl.registry.incidents import OPEN as OPEN_CASES
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.shipped import shipped
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Action, Appeal, Condition, Incident, Indicator, ModeDecision, NumberCheck


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do. id: of the check, case, action, appeal, indicator, condition or decision on a mode; organisation: whose duty
    it is, '' the centre's; state: as the thing says; observable: None for cases and modes; rule: of a mode, else ''."""

    kind: str
    id: UUID
    organisation: str
    state: str
    since: int
    due: int
    is_late: bool
    observable: UUID | None
    rule: str


@dataclass(frozen=True, slots=True)
class Count:
    """Of one kind: all that is open, and how many of them are late."""

    open: int
    late: int


@dataclass(frozen=True, slots=True)
class Worklist:
    """tasks: those with the earliest end first; counts: of every kind that the actor may do."""

    tasks: tuple[Task, ...]
    counts: Mapping[str, Count]


@dataclass(frozen=True, slots=True)
class _Kind:
    """scope: whoever has it does this work; entity: the table; is_open: what waits, at a moment; since: column; due: column, None
    where it is to be approved by a second person within the days for that; owner: column of whose duty it is, None the centre's;
    state: column."""

    scope: str
    entity: Any
    is_open: Callable[[int], tuple[ColumnElement[bool], ...]]
    since: Any
    due: Any
    owner: Any
    state: Any


_KINDS: dict[str, _Kind] = {
    "check": _Kind(
        "checks:write", NumberCheck, lambda _: (NumberCheck.decided == 0,), NumberCheck.opened, NumberCheck.due,
        NumberCheck.organisation, NumberCheck.source,
    ),
    "tell": _Kind(
        "checks:write", NumberCheck, lambda _: (NumberCheck.told == 0, NumberCheck.tell_due > 0), NumberCheck.decided,
        NumberCheck.tell_due, NumberCheck.organisation, NumberCheck.outcome,
    ),
    "incident": _Kind(
        "cases:read", Incident, lambda _: (Incident.state.in_(OPEN_CASES),), Incident.created,
        Incident.due, Incident.organisation, Incident.state,
    ),
    "action": _Kind(
        "actions:answer", Action, lambda _: (Action.state.in_(OPEN),), Action.created, Action.due, Action.to, Action.state,
    ),
    "appeal": _Kind(
        "appeals:write", Appeal, lambda _: (Appeal.state == "proven",), Appeal.filed, Appeal.due, None, Appeal.state,
    ),
    "proposal": _Kind(
        "decisions:approve", Indicator, lambda _: (Indicator.state == "proposed",), Indicator.proposed, None,
        Indicator.organisation, Indicator.state,
    ),
    "condition": _Kind(
        "decisions:approve", Condition, waits, Condition.since, None, Condition.organisation, Condition.kind,
    ),
    "mode": _Kind(
        "policy:approve", ModeDecision, lambda _: (ModeDecision.state == "proposed",), ModeDecision.proposed, None,
        ModeDecision.organisation, ModeDecision.mode,
    ),
}  # fmt: skip
KINDS = tuple(_KINDS)


def worklist(work: Work, kind: str = "", limit: int = 50, only_late: bool = False) -> Worklist:
    """What the actor has to do: up to `limit` tasks, the one with the earliest end first. kind: only this one, '' all; counts are
    always of all."""
    mine = {name: one for name, one in _KINDS.items() if work.actor.may(one.scope) and _concerns(work, one)}
    tasks = [task for name in mine if kind in ("", name) for task in _tasks(work, name, limit, only_late)]
    tasks.sort(key=lambda task: (task.due, KINDS.index(task.kind), task.id))
    return Worklist(tuple(tasks[:limit]), {name: _count(work, one) for name, one in mine.items()})


def _concerns(work: Work, kind: _Kind) -> bool:
    return work.actor.sees_all or kind.owner is not None


def _tasks(work: Work, name: str, limit: int, only_late: bool) -> list[Task]:
    kind = _KINDS[name]
    conditions = _conditions(work, kind) + ([_late(work, kind)] if only_late else [])
    first = kind.since if kind.due is None else kind.due
    rows = work.db.scalars(select(kind.entity).where(*conditions).order_by(first, kind.entity.id).limit(limit))
    return [_task(work, name, row) for row in rows]


def _task(work: Work, name: str, row: Any) -> Task:
    kind = _KINDS[name]
    owner = "" if kind.owner is None or kind.due is None else getattr(row, kind.owner.key)
    since = getattr(row, kind.since.key)
    due = _approve_by(since) if kind.due is None else getattr(row, kind.due.key)
    return Task(
        name, row.id, owner, getattr(row, kind.state.key), since, due, is_late(due, work.now),
        getattr(row, "observable", None), row.rule if name == "mode" else "",
    )  # fmt: skip


def _count(work: Work, kind: _Kind) -> Count:
    open_ones = select(func.count()).select_from(kind.entity).where(*_conditions(work, kind))
    late = open_ones.where(_late(work, kind))
    return Count(int(work.db.scalar(open_ones) or 0), int(work.db.scalar(late) or 0))


def _conditions(work: Work, kind: _Kind) -> list[ColumnElement[bool]]:
    tenant = [] if work.actor.sees_all or kind.owner is None else [kind.owner == work.actor.organisation]
    return [*kind.is_open(work.now), *tenant]


def _late(work: Work, kind: _Kind) -> ColumnElement[bool]:
    if kind.due is None:
        return kind.since <= _late_proposals(work.now)  # type: ignore[no-any-return]
    return (kind.due <= work.now) & (kind.due > 0)  # type: ignore[no-any-return]


def _approve_by(proposed: int) -> int:
    return business_days_after(proposed, shipped("cases.toml")["proposal"]["approve"])


def _late_proposals(now: int) -> int:
    """The last moment such that what was proposed then is late now: days end together, so it is found by halving."""
    low, high = max(0, now - 90 * DAY), now
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_late(_approve_by(middle), now) else (low, middle - 1)
    return low
