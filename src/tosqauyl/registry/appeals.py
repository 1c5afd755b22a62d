"""Appeals: somebody says that calls from a number of theirs are stopped wrongly, proves the number (registry/proof.py), and a
person decides within one business day. What is upheld has its effect in the same transaction.

filed -> proven -> upheld or rejected; filed -> expired; withdrawn by whoever filed it (words.APPEAL_MOVES)

Every automatic decision can be appealed against, also one that no entry of the office made: then the appeal names the rule that the
gate gave as its reason, or nothing, and what is upheld is an allowance.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import func, select

from tosqauyl.registry import buckets, clocks, conditions, decisions, observables, publish, webhooks
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.ids import new_ticket, plain_ticket
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.protection import check_no_numbers, is_storable
from tosqauyl.registry.shipped import Titles, shipped, titles
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Appeal, Condition, Indicator, Observable
from tosqauyl.registry.tenancy import check_version, newest
from tosqauyl.registry.tickets import NO_TICKET
from tosqauyl.registry.words import APPEAL_MOVES, may_move
from tosqauyl.texts import LANGUAGES

MOST_TEXT = 4_000
MOST_CONTACT = 300
MOST_ANSWER = 2_000
"""Characters."""
ALLOW_DAYS = 365
"""How long an upheld appeal lets a number pass that no entry of the office stopped, unless another end is given."""
UNPROVEN_DAYS = 7
"""After how long an appeal is closed whose number nobody proved."""
AT_ONCE = 500
_RULE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How an appeal stands, for whoever has its ticket. code_until: until when a code can be entered; words: the state in plain
    words; answer: of the person who decided."""

    state: str
    proof: str
    filed: int
    code_until: int
    due: int
    decided: int
    answer: str
    words: Titles


@dataclass(frozen=True, slots=True)
class Shown:
    """An appeal for those who work on it. number: masked; late: its clock ran out and nobody has decided."""

    appeal: Appeal
    number: str
    operator: str
    late: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What is sealed of an appeal, in clear."""

    number: str
    text: str
    contact: str


@dataclass(frozen=True, slots=True)
class FalseStops:
    """Of one rule, '' where people decided without one: appeals upheld and decided in a window, and entries published in it."""

    rule: str
    upheld: int
    decided: int
    published: int


def file(work: Work, number: str, text: str, contact: str, language: str, rule: str = "") -> str:
    """Write an appeal down; its ticket, which is kept nowhere. rule: what the refused call named as its reason, '' for nothing.

    Raises Invalid, TooMany where many are filed for one number.
    """
    _check_filing(text, contact, language, rule)
    seen = observables.observe(work, "phone", number)
    buckets.spend(work, seen.token, 1, "appeal-number")
    entry = _entry_against(work, seen.id)
    ticket = new_ticket()
    appeal = Appeal(
        id=work.new_id(), observable=seen.id, indicator=entry.id if entry else None, ticket=token_of(work, ticket),
        text=work.vault.seal(text, "appeal.text"), contact=work.vault.seal(contact, "appeal.contact"), language=language,
        rule=rule or (entry.rule if entry else ""), filed=work.now,
    )  # fmt: skip
    work.db.add(appeal)
    work.db.flush()
    work.note("file", "appeal", appeal.id, f"rule {appeal.rule}" if appeal.rule else "")
    webhooks.announce(work, "appeal.filed", {"appeal": appeal.id}, seen.operator)
    return ticket


def follow(work: Work, ticket: str) -> Progress:
    """How the appeal of a ticket stands. Raises Absent, alike for a wrong ticket and for a text that is none."""
    appeal = of_ticket(work, ticket)
    open_until = appeal.code_until if appeal.state == "filed" and appeal.code_until > work.now else 0
    return Progress(
        appeal.state, appeal.proof, appeal.filed, open_until, appeal.due, appeal.decided, appeal.answer, states()[appeal.state]
    )  # fmt: skip


def withdraw(work: Work, ticket: str) -> None:
    """Take an appeal back. Raises Absent, Conflict where it was decided."""
    appeal = of_ticket(work, ticket, lock=True)
    move(appeal, "withdrawn")
    appeal.code, appeal.code_until = "", 0
    work.note("withdraw", "appeal", appeal.id)


def decide(work: Work, appeal_id: UUID, version: int, upheld: bool, answer: str, allow_until: int = 0) -> Appeal:
    """Decide on an appeal whose number is proven. Not by whoever approved what it is against, and by a person.

    Upheld, at once: entries against the number are revoked and blocks of it ended. allow_until: also let the number pass until
    then, milliseconds; 0 for no, but where nothing of the office stopped it, it passes for ALLOW_DAYS. answer: shown to whoever
    has the ticket. Raises Absent, Conflict, Forbidden, Invalid.
    """
    publish.lock(work)
    appeal = found(work, appeal_id)
    if not work.actor.sees_all:
        raise Absent("there is no such appeal")
    check_version(appeal, version, f"it was changed in between: it is {appeal.state} now")
    _check_answer(answer)
    entries, blocks = _against(work, appeal.observable), _blocks(work, appeal.observable)
    _check_decider(work, appeal, entries, blocks)
    move(appeal, "upheld" if upheld else "rejected")
    appeal.decided, appeal.decided_by, appeal.answer = work.now, work.actor.name, answer
    work.db.flush()
    done = _lift(work, appeal, entries, blocks, allow_until) if upheld else ""
    work.note("uphold" if upheld else "reject", "appeal", appeal.id, done)
    operator = observables.read(work, appeal.observable).operator
    webhooks.announce(work, "appeal.decided", {"appeal": appeal.id, "state": appeal.state}, operator)
    return appeal


def expire(work: Work) -> int:
    """Close appeals whose number nobody proved in UNPROVEN_DAYS; how many. A job calls it each hour."""
    old = select(Appeal).where(Appeal.state == "filed", Appeal.filed < work.now - UNPROVEN_DAYS * DAY)
    closed = list(work.db.scalars(old.order_by(Appeal.id).limit(AT_ONCE)))
    for appeal in closed:
        move(appeal, "expired")
        appeal.code, appeal.code_until = "", 0
        work.note("expire", "appeal", appeal.id)
    return len(closed)


def found(work: Work, appeal_id: UUID) -> Appeal:
    """An appeal as it is committed: the centre's people see all, an operator those of its numbers. Raises Absent."""
    appeal = work.db.get(Appeal, appeal_id, populate_existing=True)
    if appeal is not None and not work.actor.sees_all:
        operator = work.db.scalar(select(Observable.operator).where(Observable.id == appeal.observable))
        appeal = appeal if operator == work.actor.organisation else None
    if appeal is None:
        raise Absent("there is no such appeal")
    return appeal


def search(work: Work, state: str, cursor: UUID | None, limit: int) -> list[Shown]:
    """Up to limit + 1 appeals that the actor may see, the latest first, older than the cursor. state: '' for all."""
    chosen = select(Appeal)
    if not work.actor.sees_all:
        chosen = chosen.join(Observable, Observable.id == Appeal.observable)
        chosen = chosen.where(Observable.operator == work.actor.organisation)
    if state:
        chosen = chosen.where(Appeal.state == state)
    return shown(work, list(work.db.scalars(newest(chosen, Appeal.id, cursor, limit))))


def waiting(work: Work, limit: int) -> list[Shown]:
    """Appeals that wait for a decision, those that are late or will be first on top. Raises Absent to all but the centre."""
    if not work.actor.sees_all:
        raise Absent("there is no such list")
    chosen = select(Appeal).where(Appeal.state == "proven").order_by(Appeal.due, Appeal.id).limit(limit)
    return shown(work, list(work.db.scalars(chosen)))


def shown(work: Work, some: Sequence[Appeal]) -> list[Shown]:
    """Appeals with what people see beside them."""
    wanted = select(Observable).where(Observable.id.in_({appeal.observable for appeal in some}))
    seen = {one.id: one for one in work.db.scalars(wanted)}
    return [
        Shown(
            appeal, observables.masked(work, seen[appeal.observable]), seen[appeal.observable].operator,
            appeal.state == "proven" and clocks.is_late(appeal.due, work.now),
        )
        for appeal in some
    ]  # fmt: skip


def opened(work: Work, appeal_id: UUID, purpose: str) -> Opened:
    """What is sealed of an appeal; written down as a read of personal data. Raises Absent, Invalid."""
    check_no_numbers(purpose, "purpose")
    appeal = found(work, appeal_id)
    number = observables.opened(work, observables.read(work, appeal.observable), purpose)
    work.note("read-personal", "appeal", appeal.id, purpose=purpose)
    text, contact = work.vault.open(appeal.text, "appeal.text"), work.vault.open(appeal.contact, "appeal.contact")
    return Opened(number, text, contact)


def of_ticket(work: Work, ticket: str, lock: bool = False) -> Appeal:
    """The appeal of a ticket as somebody typed it. lock: until the transaction ends. Raises Absent."""
    wanted = select(Appeal).where(Appeal.ticket == token_of(work, plain_ticket(ticket[:64]) or NO_TICKET))
    wanted = wanted.with_for_update() if lock else wanted
    appeal = work.db.scalars(wanted.execution_options(populate_existing=True)).first()
    if appeal is None:
        raise Absent("no appeal has this ticket", hint="26 letters and digits, as they were shown")
    return appeal


def token_of(work: Work, ticket: str) -> str:
    """What is kept of a ticket."""
    return work.vault.token(ticket, "appeal.ticket")


def move(appeal: Appeal, state: str) -> None:
    """Let it go to another state. Raises Conflict where it cannot."""
    if not may_move(APPEAL_MOVES, appeal.state, state):
        hint = "the number must be proven first" if appeal.state == "filed" else ""
        raise Conflict(f"it is {appeal.state} and cannot become {state}", hint=hint)
    appeal.state = state


def false_stops(work: Work, since: int, until: int) -> list[FalseStops]:
    """By rule, the most upheld first: appeals decided from `since` up to `until` (milliseconds) and entries published then."""
    counts: dict[str, dict[str, int]] = {}
    decided = select(Appeal.rule, Appeal.state, func.count()).group_by(Appeal.rule, Appeal.state)
    decided = decided.where(Appeal.state.in_(("upheld", "rejected")), Appeal.decided >= since, Appeal.decided < until)
    for rule, state, count in work.db.execute(decided):
        counts.setdefault(rule, {})[state] = count
    published = select(Indicator.rule, func.count()).group_by(Indicator.rule)
    published = published.where(
        Indicator.approved >= since, Indicator.approved < until, Indicator.listing.in_(("block", "mark"))
    )
    for rule, count in work.db.execute(published):
        counts.setdefault(rule, {})["published"] = count
    found = [
        FalseStops(rule, of.get("upheld", 0), of.get("upheld", 0) + of.get("rejected", 0), of.get("published", 0))
        for rule, of in counts.items()
    ]
    return sorted(found, key=lambda one: (-one.upheld, -one.decided, one.rule))


@cache
def states() -> Mapping[str, Titles]:
    """State -> what whoever filed the appeal reads."""
    return {
        state: titles(shipped("appeals.toml")["states"].get(state), f"appeals.toml: {state}") for state in APPEAL_MOVES
    }


def _check_filing(text: str, contact: str, language: str, rule: str) -> None:
    for where, said, most in (("text", text, MOST_TEXT), ("contact", contact, MOST_CONTACT)):
        if len(said) > most or not is_storable(said):
            raise Invalid("this text cannot be taken", where, f"at most {most} characters")
    if language not in LANGUAGES:
        raise Invalid("this language is not known", "language", f"one of {', '.join(LANGUAGES)}")
    if rule and not _RULE.fullmatch(rule):
        raise Invalid("this is no rule or reason", "rule", "as the refused call named it, such as fixed-from-abroad")
    check_no_numbers(rule, "rule")


def _check_answer(answer: str) -> None:
    if not answer.strip() or len(answer) > MOST_ANSWER or not is_storable(answer):
        raise Invalid("whoever appealed gets an answer", "answer", f"at most {MOST_ANSWER} characters")
    check_no_numbers(answer, "answer")


def _check_decider(work: Work, appeal: Appeal, entries: Sequence[Indicator], blocks: Sequence[Condition]) -> None:
    if not work.actor.name.startswith("user:"):
        raise Forbidden("a person decides on an appeal, no program")
    approved = {entry.approved_by for entry in entries} | {block.approved_by for block in blocks}
    if appeal.indicator is not None:
        approved.add(work.db.scalar(select(Indicator.approved_by).where(Indicator.id == appeal.indicator)) or "")
    if work.actor.name in approved:
        raise Forbidden("whoever approved what an appeal is against does not decide on it", hint="somebody else must")


def _entry_against(work: Work, observable_id: UUID) -> Indicator | None:
    """What an appeal is against: the latest entry that stops or marks the number, else the latest that says something bad of it."""
    entries = _against(work, observable_id)
    return max(entries, key=lambda one: (one.listing in ("block", "mark"), one.id), default=None)


def _against(work: Work, observable_id: UUID) -> list[Indicator]:
    wanted = select(Indicator).where(
        Indicator.observable == observable_id, Indicator.state == "active", Indicator.verdict.in_(("fraud", "suspect"))
    )
    return list(work.db.scalars(wanted.execution_options(populate_existing=True)))


def _blocks(work: Work, observable_id: UUID) -> list[Condition]:
    wanted = select(Condition).where(
        Condition.observable == observable_id, Condition.kind != "allow", Condition.ended == 0,
        (Condition.until == 0) | (Condition.until > work.now),
    )  # fmt: skip
    return list(work.db.scalars(wanted.execution_options(populate_existing=True)))


def _lift(
    work: Work, appeal: Appeal, entries: Sequence[Indicator], blocks: Sequence[Condition], allow_until: int
) -> str:  # fmt: skip
    """Undo what stops the number; each step has gates told. What was done, for the trail."""
    why = f"appeal {appeal.id} was upheld"
    for entry in entries:
        decisions.revoke(work, entry.id, entry.version, why)
    for block in blocks:
        conditions.end(work, block.id, block.version)
    until = allow_until or (0 if entries or blocks else work.now + ALLOW_DAYS * DAY)
    if until:
        conditions.allow(work, appeal.observable, why, until)
    return f"{len(entries)} revoked, {len(blocks)} ended, {'allowed' if until else 'not allowed by itself'}"
