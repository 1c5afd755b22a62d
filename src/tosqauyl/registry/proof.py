"""Proof that a number is one's own: a code sent to it by SMS, or the word of its operator. Never the number that an incoming call
shows: that is what fraudsters fake.

A code has six digits, holds ten minutes and five tries, and is kept as a keyed token. Three codes a day go to one number: so of a
million codes somebody tries at most fifteen a day.
"""

import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from tosqauyl.registry import appeals, buckets, clocks, observables, purposes
from tosqauyl.registry.errors import Absent, Conflict, Invalid
from tosqauyl.registry.observable_forms import number_plan
from tosqauyl.registry.sms import code_text
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Appeal, Observable
from tosqauyl.registry.tenancy import check_version

DIGITS = 6
CODE_MINUTES = 10
TRIES = 5
DUE_BUSINESS_DAYS = 1
"""From the proof to the decision."""
MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Message:
    """What has to be sent when the transaction is over. until: the code holds, milliseconds."""

    number: str
    text: str
    until: int


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of a code that was entered. tries_left: 0 where another code is needed."""

    proven: bool
    tries_left: int


def new_code(work: Work, ticket: str, address: str) -> Message:
    """A fresh code for the number of an appeal; the one before it no longer holds. address: of who asks, for limits.

    Raises Absent, Conflict where the number is proven or the appeal over, Invalid where the number takes no SMS, TooMany.
    """
    appeal = appeals.of_ticket(work, ticket, lock=True)
    _check_unproven(appeal)
    observable = observables.read(work, appeal.observable)
    buckets.spend(work, buckets.visitor(work, address), 1, "sms-address")
    buckets.spend(work, observable.token, 1, "sms-number")
    number = observables.opened(work, observable, purposes.PROVING)
    read = number_plan().read(number)
    if (read.country, read.kind) != ("KZ", "mobile"):
        raise Invalid("no code can be sent to this number", "ticket", "its operator can confirm it")
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    appeal.code, appeal.code_until, appeal.tries = _token(work, appeal, code), work.now + CODE_MINUTES * MINUTE, 0
    work.note("send-code", "appeal", appeal.id)
    return Message(number, code_text(appeal.language, code), appeal.code_until)


def enter(work: Work, ticket: str, code: str) -> Entered:
    """Enter a code. A wrong one is no error but an answer: that it was tried has to be kept. Raises Absent, Conflict."""
    appeal = appeals.of_ticket(work, ticket, lock=True)
    _check_unproven(appeal)
    if not appeal.code or appeal.code_until <= work.now or appeal.tries >= TRIES:
        return Entered(False, 0)
    appeal.tries += 1
    if not hmac.compare_digest(appeal.code, _token(work, appeal, code)):
        work.note("enter-wrong-code", "appeal", appeal.id, f"try {appeal.tries}")
        return Entered(False, TRIES - appeal.tries)
    _prove(work, appeal, "sms")
    return Entered(True, 0)


def confirm(work: Work, appeal_id: UUID, version: int) -> Appeal:
    """The word of the operator whose number it is: whoever appeals is its subscriber. Raises Absent to everybody else, the centre
    among them, Conflict."""
    appeal, _ = _of_own_network(work, appeal_id)
    check_version(appeal, version, f"it was changed in between: it is {appeal.state} now")
    _check_unproven(appeal)
    _prove(work, appeal, "operator")
    return appeal


def reveal(work: Work, appeal_id: UUID) -> tuple[Appeal, str]:
    """An appeal that waits for proof and its number in clear, for the number's operator: nobody can confirm a mask. Written into
    the audit trail. Raises Absent to everybody else, the centre among them, Conflict."""
    appeal, observable = _of_own_network(work, appeal_id)
    _check_unproven(appeal)
    return appeal, observables.opened(work, observable, purposes.CONFIRMING)


def _of_own_network(work: Work, appeal_id: UUID) -> tuple[Appeal, Observable]:
    appeal = appeals.found(work, appeal_id)
    observable = observables.read(work, appeal.observable)
    if observable.operator != work.actor.organisation:
        raise Absent("there is no such appeal")
    return appeal, observable


def _check_unproven(appeal: Appeal) -> None:
    if appeal.state != "filed":
        raise Conflict(
            "the number is proven already" if appeal.state == "proven" else f"the appeal is over: {appeal.state}"
        )


def _prove(work: Work, appeal: Appeal, how: str) -> None:
    """From here the clock runs."""
    appeals.move(appeal, "proven")
    appeal.proof, appeal.code, appeal.code_until = how, "", 0
    appeal.due = clocks.business_days_after(work.now, DUE_BUSINESS_DAYS)
    work.db.flush()
    work.note("prove", "appeal", appeal.id, how)


def _token(work: Work, appeal: Appeal, code: str) -> str:
    return work.vault.token(f"{appeal.id}:{code}", "appeal.code")
