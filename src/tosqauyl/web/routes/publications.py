"""Modes of rules for the gates that follow the office: what holds, as one document, given as soon as it changes."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tosqauyl.registry import modes
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.publish import head
from tosqauyl.registry.tables import ModeDecision
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.list_watch import Watches
from tosqauyl.web.policy_bodies import TestedOut
from tosqauyl.web.problems import problems
from tosqauyl.web.routes.lists import MOST_WAIT

router = APIRouter(tags=["lists"])

FORMAT: Literal[1] = 1
_Gate = Annotated[Caller, Depends(needs("lists:read"))]
_SAME: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing is new."}}


class OfficeModeOut(BaseModel):
    """One rule. mode: monitor where it was retracted; made_for: what the rule was: a promotion holds as long as it is that; since:
    seconds since 1970; on: the day of it in UTC."""

    rule: str
    mode: Literal["monitor", "canary", "enforce"]
    percent: int
    reason: str
    by: str
    on: date
    report: str
    made_for: str
    since: int
    tested: TestedOut


class OfficeModesOut(BaseModel):
    """What holds. office: names the office's database, 32 hex digits; revision: grows with each decision."""

    format: Literal[1]
    office: str
    revision: int
    modes: list[OfficeModeOut]


@router.get("/v1/publications/modes", response_model=OfficeModesOut, responses=_SAME | problems())
async def read_modes(
    request: Request,
    caller: _Gate,
    wait: Annotated[int, Query(ge=0, le=MOST_WAIT, description="Seconds to wait for a change.")] = 0,
    if_none_match: Annotated[
        str, Header(alias="If-None-Match", max_length=200, description="The ETag that the gate has.")
    ] = "",
) -> Response:
    """The modes of rules that the office has decided. With If-None-Match and `wait` the answer comes when they change; 304 where
    they do not."""
    known = if_none_match.removeprefix("W/")  # a proxy may have made a weak one of it
    found = await run_in_threadpool(_read, caller)
    if _tag(found) == known and wait:
        await _watches(request, caller).here().wait(found.revision, wait)
        found = await run_in_threadpool(_read, caller)
    headers = {"ETag": _tag(found), "Cache-Control": "no-store"}
    if _tag(found) == known:
        return Response(status_code=304, headers=headers)
    return Response(found.model_dump_json(), media_type="application/json", headers=headers)


def _read(caller: Caller) -> OfficeModesOut:
    with caller.read() as work:
        found, office = modes.standing(work), head(work).list
    return OfficeModesOut(
        format=FORMAT, office=office, revision=found.revision, modes=[_out(one) for one in found.modes]
    )


def _out(one: ModeDecision) -> OfficeModeOut:
    since = one.decided // 1000
    return OfficeModeOut(
        rule=one.rule, mode=one.mode, percent=one.percent, reason=one.reason, by=modes.by_of(one),  # type: ignore[arg-type]
        on=datetime.fromtimestamp(since, UTC).date(), report=one.report, made_for=one.made_for, since=since,
        tested=TestedOut(**modes.tested_of(one)._asdict()),
    )  # fmt: skip


def _tag(found: OfficeModesOut) -> str:
    return f'"{found.office}-{found.revision}"'


def _watches(request: Request, caller: Caller) -> Watches:
    """Of this application: one look at the database for all gates that wait."""
    state, registry = request.app.state, caller.registry
    if not hasattr(state, "mode_changes"):

        def look() -> int:
            with registry.read(SYSTEM) as work:
                return modes.revision(work)

        watches = Watches(look)
        state.mode_changes = watches
        caller.office.stopping.append(lambda: watches.here().close())
    made: Watches = state.mode_changes
    return made
