"""What became of the sample's cases, and of the numbers that they are about.

fate: proposed, pending, investigating, snoozed, confirmed (closed), mistake (closed).
entry: '' none; active, mark: in force; proposed: waits for its second person; checked: its operator confirmed the fraud, which
proposes a block; appealed: was in force until an appeal was upheld.
"""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from tosqauyl.registry import decisions, incidents
from tosqauyl.registry.decisions import Proposal
from tosqauyl.registry.incidents import Changes
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.sample.reports import TENGE, Told
from tosqauyl.registry.sample.stage import Stage
from tosqauyl.registry.tables import Incident
from tosqauyl.texts import LANGUAGES

STEPS: Mapping[str, tuple[str, ...]] = {
    "proposed": (), "pending": ("pending",), "investigating": ("pending", "investigating"),
    "snoozed": ("pending", "investigating", "snooze"), "confirmed": ("pending", "investigating", "confirmed_risk"),
    "mistake": ("pending", "investigating", "false_positive"),
}  # fmt: skip
"""Fate -> how a case came there."""
BLOCKED = ("active", "proposed", "appealed")
SNOOZED_DAYS = 9


def plan_fates(stage: Stage, told: Mapping[str, Told]) -> None:
    """Work on every case, from its middle on."""
    for one in told.values():
        said = one.said
        middle, end = (said["from"] + said["until"]) / 2, said["until"]
        for place, step in enumerate(STEPS[said["fate"]]):
            when = (middle, middle - 0.1, end - 0.3)[place]
            stage.on(max(0.04, when), partial(_step, stage, one, step))
        if said["fate"] != "proposed":
            stage.on(max(0.03, middle - 0.05), partial(_describe, stage, one))
        if said["entry"] in (*BLOCKED, "mark"):
            stage.on(max(0.02, end - 0.02), partial(_enter, stage, one))


def propose(
    stage: Stage, named: str, listing: str, told: Told | None = None, login: str = "sample-analyst"
) -> Proposal:
    """What is proposed of a number."""
    reason = {"slug": "reports", "text": stage.said("reason")}
    return Proposal(
        stage.see(named, login), "fraud" if listing == "block" else "suspect", listing, 85 if listing == "block" else 60,
        told.said["scheme"] if told else "", [reason], incident=told.incident if told else None,
        valid_until=stage.moments.at + 60 * DAY, half_life_days=90,
    )  # fmt: skip


def put_in_force(stage: Stage, proposal: Proposal) -> None:
    """Proposed by the analyst, approved by the chief."""
    with stage.work("sample-analyst") as work:
        made = decisions.propose(work, proposal)
    stage.moments.at += 1
    with stage.work("sample-chief") as work:
        decisions.approve(work, made.id, made.version)


def _enter(stage: Stage, told: Told) -> None:
    listing = "mark" if told.said["entry"] == "mark" else "block"
    proposal = propose(stage, told.number, listing, told)
    if told.said["entry"] != "proposed":
        put_in_force(stage, proposal)
        return
    with stage.work("sample-analyst") as work:
        decisions.propose(work, proposal)


def _describe(stage: Stage, told: Told) -> None:
    """Give it a title, a person and a line of its story."""
    title = " / ".join(stage.marked(told.said[one], one) for one in LANGUAGES)
    changes = Changes(title, amount=told.said["loss"] * 1_000 * TENGE, victims=1 + len(told.reports) // 2)
    with stage.work("sample-analyst") as work:
        case = incidents.amend(work, *_of(stage, told), changes)
        case = incidents.assign(work, case.id, case.version, stage.accounts["sample-analyst"])
        incidents.comment(work, case.id, stage.said("comment"))


def _step(stage: Stage, told: Told, step: str) -> None:
    with stage.work("sample-analyst") as work:
        which, version = _of(stage, told)
        if step == "snooze":
            incidents.snooze(work, which, version, work.now + SNOOZED_DAYS * DAY, stage.said("snoozed"))
        elif step in STEPS:
            incidents.move(work, which, version, step)
        else:
            incidents.move(work, which, version, "closed", step, stage.said("closed"))


def _of(stage: Stage, told: Told) -> tuple[UUID, int]:
    """The case's id and its version of now."""
    with stage.registry.read(stage.actors["sample-analyst"]) as work:
        found = work.db.get(Incident, told.incident)
        if found is None:
            raise LookupError(f"the reports of {told.said['id']} became no case")
        return found.id, found.version
