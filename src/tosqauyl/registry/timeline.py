"""The story of a case: what was done and said, line by line. The texts may name people: they are sealed, and reading them is
noted."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, select

from tosqauyl.registry.clocks import utc_text
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import IncidentEvent
from tosqauyl.registry.tenancy import newest

PURPOSE = "incident_event.text"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. text: '' where there is none or it was not opened; has_text: whether there is one."""

    id: UUID
    at: int
    actor: str
    verb: str
    text: str
    has_text: bool


def tell(work: Work, incident_id: UUID, verb: str, text: str = "") -> None:
    """Add a line to the story of a case that the actor may write to."""
    line, latest = work.new_id(), _latest(work, incident_id)
    if latest is not None and line <= latest.id:  # two lines of one millisecond keep their order
        line = UUID(int=latest.id.int + 1)
    sealed = work.vault.seal(text, PURPOSE)
    work.db.add(
        IncidentEvent(id=line, incident=incident_id, at=work.now, actor=work.actor.name[:200], verb=verb, text=sealed)
    )


def entries(work: Work, incident_id: UUID, cursor: UUID | None, limit: int, purpose: str = "") -> list[Entry]:
    """Lines of a case that the actor may see, the latest first: at most one more than `limit`. purpose: why the texts are read;
    '' leaves them closed."""
    wanted = select(IncidentEvent).where(IncidentEvent.incident == incident_id)
    found = list(work.db.scalars(newest(wanted, IncidentEvent.id, cursor, limit)))
    if purpose and any(one.text for one in found[:limit]):
        work.note("read-personal", "incident", incident_id, f"{len(found[:limit])} lines of its story", purpose)
    return [
        Entry(
            one.id, one.at, one.actor, one.verb, work.vault.open(one.text, PURPOSE) if purpose else "", bool(one.text)
        )
        for one in found
    ]


def last_told(work: Work, incident_id: UUID) -> str:
    """Who did the last thing, what and when, in words for whoever comes second; '' where there is nothing yet."""
    found = _latest(work, incident_id, IncidentEvent.verb != "commented")
    return f"{found.actor} {found.verb} it at {utc_text(found.at)}" if found else ""


def _latest(work: Work, incident_id: UUID, *conditions: ColumnElement[bool]) -> IncidentEvent | None:
    wanted = select(IncidentEvent).where(IncidentEvent.incident == incident_id, *conditions)
    return work.db.scalars(wanted.order_by(IncidentEvent.id.desc()).limit(1)).first()
