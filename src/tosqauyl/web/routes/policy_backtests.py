"""Back-tests of the policy, or of a draft, on the ledger of calls: begun, left, looked at, ended."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from tosqauyl.ledger.backtest_record import BacktestRecord
from tosqauyl.registry.errors import Invalid
from tosqauyl.web.backtest_desk import Job, State, Trouble, Wanted, backtests_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.figure_bodies import Day
from tosqauyl.web.ledger_desk import check_centre, check_ledger, window_between
from tosqauyl.web.policy_bodies import EffectOut, effect_out
from tosqauyl.web.policy_desk import MOST_POLICY, draft_of, policy_of
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["policy"])

_Reader = Annotated[Caller, Depends(needs("calls:read"))]
_Proposer = Annotated[Caller, Depends(needs("policy:propose"))]


class BacktestIn(BaseModel):
    """draft: text of a policy, '' for the one in force. first, last: days in Kazakhstan, both counted; null for all calls."""

    model_config = ConfigDict(extra="forbid")
    draft: Annotated[str, plain(MOST_POLICY, multiline=True)] = ""
    first: Day | None = None
    last: Day | None = None


class BacktestOut(BaseModel):
    """A back-test. done, count: calls, 0 of 0 until it has said so; backtest: id of the record; trouble: why it failed."""

    id: UUID
    policy: Literal["in-force", "draft"]
    first: str
    last: str
    by: str
    state: State
    trouble: Trouble
    started: Moment
    ended: Moment
    done: int
    count: int
    backtest: str


class RuleEffectOut(EffectOut):
    """What it says of one rule."""

    rule: str


class BacktestWholeOut(BacktestOut):
    """A back-test with its result. newly_stopped, newly_passed: attempts, in the modes of the policy as --enforce runs it; good:
    what 'known to be good' rested on; unknown_facts: that were not known of all calls; rules: with all of them enforced."""

    newly_stopped: int
    newly_passed: int
    good: list[str]
    unknown_facts: list[str]
    rules: list[RuleEffectOut]


@router.post(
    "/v1/policy/backtests",
    response_model=BacktestOut,
    status_code=201,
    responses=problems("not-found", "conflict", "refused"),
)
def start_backtest(said: BacktestIn, caller: _Proposer) -> BacktestOut:
    """Begin a back-test. It takes minutes to hours and goes on by itself; one runs at a time."""
    check_ledger(caller)
    if (said.first is None) != (said.last is None):
        raise Invalid("give both days, or none", "last")
    if said.first is not None and said.last is not None:
        window_between(said.first, said.last)
    if said.draft:
        if draft_of(said.draft)[0] is None:
            raise Invalid("the draft has mistakes", "draft", "look at it first")
    else:
        policy_of(caller.office)
    days = (said.first.isoformat(), said.last.isoformat()) if said.first and said.last else ("", "")
    with caller.work() as work:
        job = backtests_of(caller.office).start(Wanted(said.draft, *days), caller.actor.name)
        work.note("back-test", "policy", job.id, f"{job.policy} {job.first} {job.last}".strip())
    return _out(job)


@router.get("/v1/policy/backtests", response_model=list[BacktestOut], responses=problems())
def list_backtests(caller: _Reader) -> list[BacktestOut]:
    """The last back-tests, the latest first."""
    check_centre(caller)
    return [_out(one) for one in backtests_of(caller.office).all()]


@router.get("/v1/policy/backtests/{job_id}", response_model=BacktestWholeOut, responses=problems("not-found"))
def read_backtest(job_id: UUID, caller: _Reader) -> BacktestWholeOut:
    """How far a back-test is, or what came of it."""
    check_centre(caller)
    desk = backtests_of(caller.office)
    job = desk.found(job_id)
    record = desk.record(job)
    return BacktestWholeOut(
        **dict(_out(job)), newly_stopped=record.newly_stopped if record else 0, newly_passed=record.newly_passed if record else 0,
        good=list(record.good) if record else [], unknown_facts=list(record.unknown_facts) if record else [],
        rules=_effects(record) if record else [],
    )  # fmt: skip


@router.post(
    "/v1/policy/backtests/{job_id}:cancel", response_model=BacktestOut, responses=problems("not-found", "conflict")
)
def cancel_backtest(job_id: UUID, caller: _Proposer) -> BacktestOut:
    """End a back-test that runs. What it has done is kept: begun again, it goes on."""
    check_centre(caller)
    with caller.work() as work:
        job = backtests_of(caller.office).cancel(job_id)
        work.note("cancel", "policy", job.id)
    return _out(job)


def _out(job: Job) -> BacktestOut:
    return BacktestOut(
        id=UUID(job.id), policy=job.policy, first=job.first, last=job.last, by=job.by, state=job.state, trouble=job.trouble,
        started=job.started, ended=job.ended, done=job.done, count=job.count, backtest=job.record,
    )  # fmt: skip


def _effects(record: BacktestRecord) -> list[RuleEffectOut]:
    found = [(rule, effect_out(record, rule)) for rule in record.rules]
    return [RuleEffectOut(**dict(one), rule=rule) for rule, one in found if one is not None]
