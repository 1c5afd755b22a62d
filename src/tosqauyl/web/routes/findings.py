"""Findings of the ledger's statistics: they arrive as proposals, and a person decides."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.registry.findings import MOST_COUNTS, Finding, take
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import RequiredMoment, text_of

router = APIRouter(tags=["indicators"])


class CountIn(BaseModel):
    """A figure of a finding: what was counted, and how many."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", min_length=1, max_length=32)]
    count: Annotated[int, Field(ge=0, le=2**53, strict=True)]


class FindingIn(BaseModel):
    """number: as it calls. rule: of the policy, or the slug of the statistic. summary: for the person who decides; no numbers of
    people. since, until: the window. query: name and revision of the query. listing: what the ledger would have gates do."""

    model_config = ConfigDict(extra="forbid")
    number: Annotated[str, plain(64, min_length=1)]
    rule: Annotated[str, plain(200, min_length=1)]
    summary: Annotated[str, plain(1_000, min_length=1)]
    counts: Annotated[list[CountIn], Field(max_length=MOST_COUNTS)] = []
    since: RequiredMoment
    until: RequiredMoment
    query: Annotated[str, plain(200, min_length=1)]
    listing: Literal["mark", "block"] = "mark"
    confidence: Annotated[int, Field(ge=20, le=100, strict=True)] = 50
    scheme: Annotated[str, plain(32)] = ""


class FindingOut(BaseModel):
    """indicator: the proposal; state: how it stands; known: the same finding was there, or turned down lately: nothing changed."""

    indicator: UUID
    state: Literal["draft", "proposed", "active", "decayed", "revoked"]
    known: bool


@router.post("/v1/findings", response_model=FindingOut, status_code=201, responses=problems("conflict"))
def send_finding(said: FindingIn, caller: Annotated[Caller, Depends(needs("findings:write"))]) -> FindingOut:
    """Propose what the ledger found of a number. The same finding again changes nothing, and is answered with `known`."""
    finding = Finding(
        said.number, said.rule, said.summary, text_of(said.since), text_of(said.until), said.query,
        {one.name: one.count for one in said.counts}, said.listing, said.confidence, said.scheme,
    )  # fmt: skip
    with caller.work() as work:
        indicator, is_new = take(work, finding)
    return FindingOut(indicator=indicator.id, state=indicator.state, known=not is_new)  # type: ignore[arg-type]
