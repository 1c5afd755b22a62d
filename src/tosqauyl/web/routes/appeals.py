"""Appeals: filed, proven and followed by anybody with the ticket; confirmed by the number's operator; decided by the centre."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import appeals as desk
from tosqauyl.registry import proof
from tosqauyl.registry.appeals import Progress, Shown
from tosqauyl.web.appeal_bodies import (
    AppealIn,
    AppealOut,
    AppealProgressOut,
    AppealReceiptOut,
    AppealTicketIn,
    CodeIn,
    CodeSentOut,
    ConfirmIn,
    DecideIn,
    OpenedAppealOut,
    ProvenOut,
    RevealedAppealOut,
    State,
)
from tosqauyl.web.bodies import PurposeIn, TitlesOut
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import Refused, problems

router = APIRouter(tags=["appeals"])

_Anybody = Annotated[Caller, Depends(needs(PUBLIC))]
_Decider = Annotated[Caller, Depends(needs("appeals:write"))]
_Operator = Annotated[Caller, Depends(needs("checks:write"))]


@router.post("/v1/public/appeals", response_model=AppealReceiptOut, status_code=201, responses=problems("too-many"))
def file_appeal(said: AppealIn, caller: _Anybody) -> AppealReceiptOut:
    """Appeal against calls from a number of one's own being stopped, whether an entry of the office stops them or a gate's rule.

    The number is proven next, by a code (`:send-code`, `:prove`) or by its operator. Then a person decides within one business day.
    """
    caller.charge("appeal")
    with caller.work() as work:
        ticket = desk.file(work, said.number, said.text, said.contact, said.language, said.rule)
    return AppealReceiptOut(ticket=ticket)


@router.post("/v1/public/appeals:follow", response_model=AppealProgressOut, responses=problems("not-found", "too-many"))
def follow_appeal(said: AppealTicketIn, caller: _Anybody) -> AppealProgressOut:
    """How an appeal stands, for whoever has its ticket."""
    caller.charge("follow")
    with caller.read() as work:
        return _progress_out(desk.follow(work, said.ticket))


@router.post(
    "/v1/public/appeals:send-code", response_model=CodeSentOut,
    responses=problems("not-found", "conflict", "too-many", "refused"),
)  # fmt: skip
def send_appeal_code(said: AppealTicketIn, caller: _Anybody) -> CodeSentOut:
    """Have a code sent to the number by SMS. It holds 10 minutes and 5 tries; the one before it no longer holds."""
    caller.charge("follow")
    with caller.work() as work:
        message = proof.new_code(work, said.ticket, caller.address)
    caller.commit()
    try:
        caller.office.sms.send(message.number, message.text)
    except TosqauylError as error:
        caller.office.alarm(f"a code could not be sent: {error.what}")
        raise Refused(
            "refused", "the text could not be sent", "try again later, or ask the number's operator"
        ) from None
    return CodeSentOut(until=message.until)


@router.post(
    "/v1/public/appeals:prove", response_model=ProvenOut, responses=problems("not-found", "conflict", "too-many")
)
def prove_appeal(said: CodeIn, caller: _Anybody) -> ProvenOut:
    """Enter the code that was sent. A wrong one is answered with the tries that are left."""
    caller.charge("code")
    with caller.work() as work:
        entered = proof.enter(work, said.ticket, said.code)
    return ProvenOut(proven=entered.proven, tries_left=entered.tries_left)


@router.post(
    "/v1/public/appeals:withdraw",
    response_model=AppealProgressOut,
    responses=problems("not-found", "conflict", "too-many"),
)
def withdraw_appeal(said: AppealTicketIn, caller: _Anybody) -> AppealProgressOut:
    """Take an appeal back that was not decided."""
    caller.charge("follow")
    with caller.work() as work:
        desk.withdraw(work, said.ticket)
        return _progress_out(desk.follow(work, said.ticket))


@router.get("/v1/appeals", response_model=Page[AppealOut], responses=problems())
def list_appeals(
    caller: _Decider, state: State | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[AppealOut]:
    """Appeals, the latest first."""
    with caller.read() as work:
        return _page(desk.search(work, state or "", cursor, limit), limit)


@router.get("/v1/appeals/waiting", response_model=list[AppealOut], responses=problems("not-found"))
def list_waiting_appeals(caller: _Decider, limit: Limit = 50) -> list[AppealOut]:
    """Appeals that wait for a decision, late ones on top."""
    with caller.read() as work:
        return [_appeal_out(one) for one in desk.waiting(work, limit)]


@router.get("/v1/appeals/unproven", response_model=Page[AppealOut], responses=problems())
def list_unproven_appeals(caller: _Operator, cursor: Cursor = None, limit: Limit = 50) -> Page[AppealOut]:
    """Appeals for numbers of the caller's own network that wait for proof, the latest first; the centre sees all."""
    with caller.read() as work:
        return _page(desk.search(work, "filed", cursor, limit), limit)


@router.get("/v1/appeals/{appeal_id}", response_model=AppealOut, responses=problems("not-found"))
def read_appeal(appeal_id: UUID, caller: _Decider) -> AppealOut:
    """One appeal, without what is sealed of it."""
    with caller.read() as work:
        return _appeal_out(desk.shown(work, [desk.found(work, appeal_id)])[0])


@router.post("/v1/appeals/{appeal_id}:open", response_model=OpenedAppealOut, responses=problems("not-found"))
def open_appeal(appeal_id: UUID, said: PurposeIn, caller: _Decider) -> OpenedAppealOut:
    """Number, text and contact in clear; who read them and why is written down. Needs the scope personal:read as well."""
    if not caller.actor.may("personal:read"):
        raise Refused("forbidden", "the scope is personal:read")
    with caller.work() as work:
        found = desk.opened(work, appeal_id, said.purpose)
    return OpenedAppealOut(number=found.number, text=found.text, contact=found.contact)


@router.post("/v1/appeals/{appeal_id}:confirm", response_model=AppealOut, responses=problems("not-found", "conflict"))
def confirm_appeal(appeal_id: UUID, said: ConfirmIn, caller: _Operator) -> AppealOut:
    """The word of the number's operator that whoever appeals is its subscriber. The clock begins."""
    with caller.work() as work:
        return _appeal_out(desk.shown(work, [proof.confirm(work, appeal_id, said.version)])[0])


@router.post(
    "/v1/appeals/{appeal_id}:reveal", response_model=RevealedAppealOut, responses=problems("not-found", "conflict")
)
def reveal_appeal(appeal_id: UUID, caller: _Operator) -> RevealedAppealOut:
    """The number in clear, for its operator only: nobody can confirm a mask. It is noted. Needs the scope personal:read as well."""
    if not caller.actor.may("personal:read"):
        raise Refused("forbidden", "the scope is personal:read")
    with caller.work() as work:
        appeal, number = proof.reveal(work, appeal_id)
        shown = _appeal_out(desk.shown(work, [appeal])[0])
    return RevealedAppealOut(**dict(shown), clear=number)


@router.post("/v1/appeals/{appeal_id}:decide", response_model=AppealOut, responses=problems("not-found", "conflict"))
def decide_appeal(appeal_id: UUID, said: DecideIn, caller: _Decider) -> AppealOut:
    """Uphold or reject an appeal whose number is proven. Whoever approved what it is against is refused.

    Upheld, gates are told at once: entries against the number are revoked, blocks of it ended. Where neither is there, because a
    gate's rule stopped the calls, the number is allowed for a year or until `allow_until`.
    """
    with caller.work() as work:
        decided = desk.decide(work, appeal_id, said.version, said.upheld, said.answer, said.allow_until)
        return _appeal_out(desk.shown(work, [decided])[0])


def _page(found: Sequence[Shown], limit: int) -> Page[AppealOut]:
    shown = [_appeal_out(one) for one in found[:limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


def _appeal_out(shown: Shown) -> AppealOut:
    names = (
        "id", "observable", "indicator", "rule", "language", "state", "proof", "filed", "due", "decided", "decided_by", "answer",
        "version",
    )  # fmt: skip
    values = {name: getattr(shown.appeal, name) for name in names}
    return AppealOut(**values, number=shown.number, operator=shown.operator, late=shown.late)


def _progress_out(found: Progress) -> AppealProgressOut:
    return AppealProgressOut(
        state=found.state, proof=found.proof, filed=found.filed, code_until=found.code_until, due=found.due,  # type: ignore[arg-type]
        decided=found.decided, words=TitlesOut(**found.words), answer=found.answer,
    )  # fmt: skip
