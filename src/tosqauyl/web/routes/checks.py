"""An operator's duty to check reported numbers, and its messages to the Anti-Fraud Centre."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from tosqauyl.registry import centre_message, observables, person
from tosqauyl.registry import checks as desk
from tosqauyl.registry.checks import Filter
from tosqauyl.registry.clocks import is_late
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.person import Person, most_numbers
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import NumberCheck
from tosqauyl.web.bodies import NamedOut, Version, names_of
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import Refused, problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["checks"])

Source = Literal["complaint", "centre", "own"]
State = Literal["open", "decided", "told"]
Outcome = Literal["", "confirmed", "not_confirmed"]
Number = Annotated[str, plain(64, min_length=1)]
_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "UTF-8 with a byte order mark, semicolons, CRLF.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
}
_Operator = Annotated[Caller, Depends(needs("checks:write"))]


class CheckIn(BaseModel):
    """A number that must be checked. operator: whose number it is; '' for one's own, to the centre by the number plan."""

    model_config = ConfigDict(extra="forbid")
    number: Number
    source: Source = "own"
    operator: Annotated[str, plain(32)] = ""


class PersonIn(BaseModel):
    """The person of the number. iin: or a firm's BIN; numbers: all that are registered to it; justification: for more than ten;
    registered: false where the number is registered to nobody."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, plain(person.MOST_NAME)] = ""
    iin: Annotated[str, plain(20)] = ""
    numbers: Annotated[list[Number], Field(max_length=person.MOST_NUMBERS)] = []
    justification: Annotated[str, plain(person.MOST_JUSTIFICATION, multiline=True)] = ""
    registered: StrictBool = True


class DecideIn(BaseModel):
    """version: of the check as it was seen. person: a confirmed fraud needs it."""

    model_config = ConfigDict(extra="forbid")
    version: Version
    outcome: Literal["not_confirmed", "confirmed"]
    person: PersonIn = PersonIn()


class ChecksIn(BaseModel):
    """ids: of checks."""

    model_config = ConfigDict(extra="forbid")
    ids: Annotated[list[UUID], Field(min_length=1, max_length=desk.MOST)]


class CheckOut(BaseModel):
    """due: for the check; tell_due: for the message to the Centre; late: the clock that runs has run out; numbers: how many the
    person has, over_limit: more than ten. The person is only in the message."""

    id: UUID
    organisation: str
    observable: NamedOut
    source: Source
    state: State
    outcome: Outcome
    opened: Moment
    due: Moment
    decided: Moment
    decided_by: str
    tell_due: Moment
    told: Moment
    late: bool
    numbers: int
    over_limit: bool
    version: int


class CheckNumberOut(BaseModel):
    """A check and its number in clear."""

    id: UUID
    number: str


class CheckNumbersOut(BaseModel):
    """Numbers in the order in which their checks were named."""

    items: list[CheckNumberOut]


class MessagePersonOut(BaseModel):
    """The person of a number, in clear. over_limit: more than ten numbers and no justification."""

    registered: bool
    name: str
    iin: str
    numbers: list[str]
    over_limit: bool
    justification: str


class MessageOut(BaseModel):
    """What the Centre is told of one number. Times have whole seconds."""

    check: UUID
    operator: str
    number: str
    source: Source
    outcome: Literal["confirmed", "not_confirmed"]
    opened: str
    decided: str
    told: str
    late: bool
    person: MessagePersonOut


class CentreMessageOut(BaseModel):
    """The message to the Centre: registry/data/centre-message-1.schema.json."""

    model_config = ConfigDict(populate_by_name=True)
    schema_: Annotated[Literal["tosqauyl-centre-message"], Field(alias="schema")]
    version: Literal[1]
    made: str
    messages: list[MessageOut]


def _filter(
    state: State | None = None, outcome: Literal["confirmed", "not_confirmed"] | None = None,
    late: Annotated[bool, Query(description="Only those whose running clock has run out.")] = False,
    observable: UUID | None = None,
) -> Filter:  # fmt: skip
    return Filter(state or "", outcome or "", late, observable)


@router.get("/v1/checks", response_model=Page[CheckOut], responses=problems())
def list_checks(
    caller: _Operator, wanted: Annotated[Filter, Depends(_filter)], cursor: Cursor = None, limit: Limit = 50
) -> Page[CheckOut]:
    """Checks of the caller's organisation, the latest first; the centre sees all."""
    with caller.read() as work:
        found = desk.search(work, wanted, cursor, limit)
        shown = _shown(work, found[:limit])
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.post("/v1/checks", response_model=CheckOut, status_code=201, responses=problems("conflict"))
def open_number_check(said: CheckIn, caller: _Operator) -> CheckOut:
    """Have a number checked. While a check of it is open this gives that one."""
    with caller.work() as work:
        operator = said.operator or ("" if caller.actor.sees_all else caller.actor.organisation)
        try:
            observable = observables.observe(work, "phone", said.number)
        except Invalid as error:
            raise Invalid(error.what, "number", error.hint) from None
        check = desk.open_check(work, observable, None, said.source, operator)
        if check is None:
            raise Invalid("its operator is no organisation of this office", "operator", "name it, or add it")
        return _shown(work, [check])[0]


@router.get("/v1/checks/{check_id}", response_model=CheckOut, responses=problems("not-found"))
def read_check(check_id: UUID, caller: _Operator) -> CheckOut:
    """One check."""
    with caller.read() as work:
        return _shown(work, [desk.found(work, check_id)])[0]


@router.post("/v1/checks:reveal", response_model=CheckNumbersOut, responses=problems("not-found"))
def reveal_check_numbers(said: ChecksIn, caller: _Operator) -> CheckNumbersOut:
    """Numbers of checks in clear, for whoever has to check them. Each is noted."""
    _check_may_read(caller)
    with caller.read() as work:
        found = desk.reveal(work, said.ids)
    return CheckNumbersOut(items=[CheckNumberOut(id=key, number=number) for key, number in found])


@router.post("/v1/checks/{check_id}:decide", response_model=CheckOut, responses=problems("not-found", "conflict"))
def decide_check(check_id: UUID, said: DecideIn, caller: _Operator) -> CheckOut:
    """Say what a check found. A confirmed fraud asks the operator to suspend the number and proposes a block to the centre."""
    who = Person(**said.person.model_dump() | {"numbers": tuple(said.person.numbers)})
    with caller.work() as work:
        return _shown(work, [desk.decide(work, check_id, said.version, said.outcome, who)])[0]


@router.post("/v1/checks:tell", response_model=CentreMessageOut, responses=problems("not-found", "conflict"))
def tell_centre(said: ChecksIn, caller: _Operator) -> CentreMessageOut:
    """The message to the Centre of decided checks, which count as told from now on. Asked again it gives the same. It is noted."""
    _check_may_read(caller)
    with caller.work() as work:
        messages = desk.tell(work, said.ids)
        return CentreMessageOut.model_validate(centre_message.document(messages, work.now))


@router.post("/v1/checks:tell-csv", response_class=Response, responses=_CSV | problems("not-found", "conflict"))
def tell_centre_csv(said: ChecksIn, caller: _Operator) -> Response:
    """The same message as a table for a spreadsheet."""
    _check_may_read(caller)
    with caller.work() as work:
        text = centre_message.to_csv(desk.tell(work, said.ids))
    return Response(text, media_type="text/csv; charset=utf-8")


def _check_may_read(caller: Caller) -> None:
    if not caller.actor.may("personal:read"):
        raise Refused("forbidden", "this shows personal data: personal:read is needed too")


def _shown(work: Work, found: Sequence[NumberCheck]) -> list[CheckOut]:
    names = names_of(work, [one.observable for one in found])
    same = (
        "id", "organisation", "source", "outcome", "opened", "due", "decided", "decided_by", "tell_due", "told", "numbers",
        "version",
    )  # fmt: skip
    return [
        CheckOut(
            **{name: getattr(one, name) for name in same}, observable=names[one.observable], state=_state(one),
            late=_is_late(one, work.now), over_limit=one.numbers > most_numbers(),
        )
        for one in found
    ]  # fmt: skip


def _state(one: NumberCheck) -> State:
    return "told" if one.told else "decided" if one.decided else "open"


def _is_late(one: NumberCheck, now: int) -> bool:
    return is_late(one.tell_due, one.told or now) if one.decided else is_late(one.due, now)
