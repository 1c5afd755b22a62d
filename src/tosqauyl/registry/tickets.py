"""Tickets: 128 bits by which the author of a report follows it without an account.

A ticket is made from the report's digest under the vault's key and kept as a token only. So the same report sent again, by the same
sender, gets the same ticket; nobody else can ask for it, and neither a ticket nor a way to it is in the database alone.
"""

from dataclasses import dataclass

from sqlalchemy import select

from tosqauyl.registry.errors import Absent
from tosqauyl.registry.ids import new_ticket, plain_ticket
from tosqauyl.registry.shipped import Titles
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Report
from tosqauyl.registry.taxonomy import progress
from tosqauyl.registry.vault import Vault

NO_TICKET = "00000-00000-00000-00000-000000"
"""Looked up in place of a text that cannot be a ticket, so that both answers take the same way."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What its author may see. words: the state in plain words, by language; changed: when the state was last changed."""

    state: str
    received: int
    changed: int
    words: Titles


def ticket_of(vault: Vault, digest: str) -> str:
    """The ticket of a report's digest."""
    return new_ticket(bytes.fromhex(vault.token(digest, "report.ticket.made"))[:16])


def token_of(vault: Vault, ticket: str) -> str:
    """What is kept of a ticket."""
    return vault.token(ticket, "report.ticket")


def follow(work: Work, ticket: str) -> Progress:
    """How the report of a ticket stands. Raises Absent, alike for a wrong ticket and for a text that is none."""
    token = token_of(work.vault, plain_ticket(ticket[:64]) or NO_TICKET)
    query = select(Report.state, Report.outcome, Report.received, Report.changed).where(Report.ticket == token)
    found = work.db.execute(query).first()
    if found is None:
        raise Absent("no report has this ticket", hint="26 letters and digits, as they were shown")
    state, outcome, received, changed = found
    words = progress()[f"closed-{outcome}" if state == "closed" and outcome else state]
    return Progress(state, received, changed or received, words)
