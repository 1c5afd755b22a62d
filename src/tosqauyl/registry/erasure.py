"""What the law gives a person: to see what is held of them, and to have it erased.

    of a report     its author, by the ticket. Texts, contacts and names are emptied, the ticket is forgotten; what it reported of
                    others (scheme, loss, the numbers it named, which are evidence against them) stays
    of an account   the login is replaced; password, codes and the link to the identity provider are removed. The audit trail
                    keeps the old login: it proves who decided, and stays as it was written
    of an observable that is withdrawn   value, seal and token go. Nobody recognises it again, we neither: reported once more,
                    it is a new one. Publications keep the number sealed until they are old (registry/retention.py)

Everything is written into the audit trail without what was erased.
"""

import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, update

from tosqauyl.registry import accounts, observables, purposes
from tosqauyl.registry.errors import Absent, Conflict, Forbidden
from tosqauyl.registry.ids import plain_ticket
from tosqauyl.registry.retention import sealed_of
from tosqauyl.registry.sessions import end_all
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Account, Condition, Indicator, Listing, LoginSession, Observable, Report, Sighting
from tosqauyl.registry.tenancy import check_version
from tosqauyl.registry.tickets import NO_TICKET, token_of


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of the author of a report. observables: (kind, value); moments in milliseconds; loss in tiyn."""

    channel: str
    scheme: str
    region: str
    text: str
    contact: str
    victim: str
    loss: int
    happened: int
    received: int
    state: str
    outcome: str
    observables: tuple[tuple[str, str], ...]


def held(work: Work, ticket: str) -> Held:
    """All that a report says, for its author. Raises Absent."""
    report = _of_ticket(work, ticket)
    query = select(Observable).join(Sighting, Sighting.observable == Observable.id).where(Sighting.report == report.id)
    named = work.db.scalars(query.order_by(Observable.kind, Observable.id)).all()
    opened = [work.vault.open(getattr(report, name), f"report.{name}") for name in ("text", "contact", "victim")]
    work.note("read-personal", "report", report.id, "", purposes.OF_AUTHOR)
    return Held(
        report.channel, report.scheme, report.region, opened[0], opened[1], opened[2], report.loss, report.happened,
        report.received, report.state, report.outcome,
        tuple((one.kind, observables.opened(work, one, purposes.OF_AUTHOR)) for one in named),
    )  # fmt: skip


def erase_report(work: Work, ticket: str) -> None:
    """Empty a report of what is of its author, for good. Raises Absent."""
    report = _of_ticket(work, ticket)
    gone: dict[str, object] = {**sealed_of(Report), "ticket": "", "author": "", "digest": secrets.token_hex(32)}
    work.db.execute(update(Report).where(Report.id == report.id).values(**gone))
    work.note("erased", "report", report.id, purposes.OF_AUTHOR)


def _of_ticket(work: Work, ticket: str) -> Report:
    token = token_of(work.vault, plain_ticket(ticket[:64]) or NO_TICKET)
    found = work.db.scalars(select(Report).where(Report.ticket == token)).first()
    if found is None:
        raise Absent("no report has this ticket", hint="26 letters and digits, as they were shown")
    return found


def erase_account(work: Work, account_id: UUID, version: int) -> Account:
    """Disable an account and take from it what is of its person. Raises Absent, Conflict as `accounts.disable` does."""
    account = accounts.get(work, account_id)
    if not account.disabled:
        account = accounts.disable(work, account_id, version)
    else:
        check_version(account, version)
    end_all(work, account.id)
    work.db.execute(delete(LoginSession).where(LoginSession.account == account.id))
    account.login, account.password, account.issuer, account.subject = f"erased-{account.id.hex}", "", "", ""
    account.totp, account.totp_on, account.setup = b"", False, ""
    work.note("erased", "account", account.id)
    work.db.flush()
    return account


def erase_observable(work: Work, observable_id: UUID) -> None:
    """Forget a value that nothing holds against any more. Only the centre. Raises Forbidden, Absent, Conflict."""
    if not work.actor.sees_all:
        raise Forbidden("only the centre erases an observable")
    found = observables.read(work, observable_id)
    open_states = Indicator.state.in_(("proposed", "active"))
    if (
        work.db.get(Listing, found.id) is not None
        or work.db.scalars(select(Indicator.id).where(Indicator.observable == found.id, open_states)).first()
        is not None
        or work.db.scalars(
            select(Condition.id).where(
                Condition.observable == found.id,
                Condition.ended == 0,
                (Condition.until == 0) | (Condition.until > work.now),
            )
        ).first()
        is not None
    ):
        raise Conflict("it is listed, or something is held against it", hint="withdraw that first")
    found.value, found.sealed, found.operator, found.token = "", b"", "", secrets.token_hex(32)
    work.note("erased", "observable", found.id, found.kind)
    work.db.flush()
