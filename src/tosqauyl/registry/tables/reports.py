"""What was reported: observables, reports, the sightings that join them, incidents."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Digest, Id, Long, Money, Ms, Sealed, Short, Word


class Observable(Base):
    """Something that can be recognised again. token: keyed, of kind and normalised value; value: in clear for kinds that are not
    personal, else ''; sealed: the value for kinds that are. operator: of a phone, by the number plan."""

    __tablename__ = "observable"
    __table_args__ = (UniqueConstraint("kind", "token"), Index("ix_observable_kind_id", "kind", "id"))
    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[Word]
    token: Mapped[Digest]
    value: Mapped[Long] = mapped_column(default="")
    sealed: Mapped[Sealed] = mapped_column(default=b"")
    operator: Mapped[Word] = mapped_column(default="")
    created: Mapped[Ms]
    reports: Mapped[int] = mapped_column(default=0)


class Report(Base):
    """One report. digest: what makes it the same report when it is sent again; ticket: token of the 128-bit ticket; author: token
    of who reports, so that one sender counts once; changed: when its state was last changed; text, contact, victim: sealed;
    region: ISO 3166-2:KZ code without 'KZ-', '' unknown; victims: persons the report speaks of."""

    __tablename__ = "report"
    # Pairs of filters: what each is common and both together are rare would else be looked for among millions of rows.
    __table_args__ = (
        UniqueConstraint("organisation", "digest"),
        Index("ix_report_organisation_id", "organisation", "id"),
        Index("ix_report_state_id", "state", "id"),
        Index("ix_report_state_scheme_id", "state", "scheme", "id"),
        Index("ix_report_state_region_id", "state", "region", "id"),
        Index("ix_report_state_reporter_id", "state", "reporter", "id"),
        Index("ix_report_organisation_state_id", "organisation", "state", "id"),
        Index("ix_report_organisation_reporter_id", "organisation", "reporter", "id"),
        Index("ix_report_organisation_scheme_id", "organisation", "scheme", "id"),
        Index("ix_report_organisation_region_id", "organisation", "region", "id"),
        Index("ix_report_scheme_id", "scheme", "id"),
        Index("ix_report_scheme_region_id", "scheme", "region", "id"),
        Index("ix_report_scheme_reporter_id", "scheme", "reporter", "id"),
        Index("ix_report_received", "received"),
        Index("ix_report_region_id", "region", "id"),
        Index("ix_report_region_reporter_id", "region", "reporter", "id"),
        Index("ix_report_reporter_id", "reporter", "id"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    reporter: Mapped[Word]
    channel: Mapped[Word]
    scheme: Mapped[Word] = mapped_column(default="")
    region: Mapped[Word] = mapped_column(default="")
    text: Mapped[Sealed] = mapped_column(default=b"")
    contact: Mapped[Sealed] = mapped_column(default=b"")
    victim: Mapped[Sealed] = mapped_column(default=b"")
    loss: Mapped[Money] = mapped_column(default=0)
    victims: Mapped[int] = mapped_column(default=0)
    happened: Mapped[Ms] = mapped_column(default=0)
    received: Mapped[Ms]
    state: Mapped[Word] = mapped_column(default="received")
    outcome: Mapped[Word] = mapped_column(default="")
    changed: Mapped[Ms] = mapped_column(default=0)
    incident: Mapped[UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    author: Mapped[Digest] = mapped_column(default="")
    digest: Mapped[Digest]
    ticket: Mapped[Digest] = mapped_column(index=True)
    consent: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Sighting(Base):
    """An observable in a report."""

    __tablename__ = "sighting"
    __table_args__ = (Index("ix_sighting_observable_report", "observable", "report"),)
    report: Mapped[UUID] = mapped_column(ForeignKey("report.id", ondelete="CASCADE"), primary_key=True)
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"), primary_key=True)


class Incident(Base):
    """A case. due: when its clock runs out; snoozed_until; amount and victims: as its analysts found them; merged_into: the
    case that took it in."""

    __tablename__ = "incident"
    __table_args__ = (
        Index("ix_incident_organisation_id", "organisation", "id"),
        Index("ix_incident_state_due_id", "state", "due", "id"),
        Index("ix_incident_organisation_state_due", "organisation", "state", "due"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    title: Mapped[Short] = mapped_column(default="")
    scheme: Mapped[Word] = mapped_column(default="")
    region: Mapped[Word] = mapped_column(default="")
    state: Mapped[Word] = mapped_column(default="proposed")
    outcome: Mapped[Word] = mapped_column(default="")
    assigned: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    amount: Mapped[Money] = mapped_column(default=0)
    victims: Mapped[int] = mapped_column(default=0)
    reports: Mapped[int] = mapped_column(default=0)
    created: Mapped[Ms]
    due: Mapped[Ms]
    snoozed_until: Mapped[Ms] = mapped_column(default=0)
    closed: Mapped[Ms] = mapped_column(default=0)
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("incident.id"))
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class IncidentObservable(Base):
    """An observable that belongs to an incident."""

    __tablename__ = "incident_observable"
    incident: Mapped[UUID] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True)
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"), primary_key=True, index=True)


class IncidentEvent(Base):
    """One line of an incident's story. text: sealed, it may name people."""

    __tablename__ = "incident_event"
    __table_args__ = (Index("ix_incident_event_incident_id", "incident", "id"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    incident: Mapped[UUID] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"))
    at: Mapped[Ms]
    actor: Mapped[Short]
    verb: Mapped[Word]
    text: Mapped[Sealed] = mapped_column(default=b"")
