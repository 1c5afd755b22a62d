"""What was decided: indicators, conditions, actions, checks of numbers with their clocks, appeals, protected identities."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Digest, Id, Long, Ms, Sealed, Short, Word


class Indicator(Base):
    """What is said of an observable, by whom and until when. listing: what gates shall do (words.LISTINGS, '' nothing); confidence:
    0 to 100 at valid_from, halved every half_life_days (0: it does not decay); reasons: JSON list of {slug, text}; source: report,
    ledger, operator, centre; rule: of the policy, where a rule made it; proposed_by is never approved_by."""

    __tablename__ = "indicator"
    __table_args__ = (
        Index("ix_indicator_observable_state", "observable", "state"),
        Index("ix_indicator_state_id", "state", "id"),
        Index("ix_indicator_organisation_state_id", "organisation", "state", "id"),
        Index("ix_indicator_state_valid_until", "state", "valid_until"),
        Index("ix_indicator_verdict_id", "verdict", "id"),
        Index("ix_indicator_scheme_id", "scheme", "id"),
        Index("ix_indicator_scheme_source_id", "scheme", "source", "id"),
        Index("ix_indicator_state_scheme_id", "state", "scheme", "id"),
        Index("ix_indicator_state_proposed_id", "state", "proposed", "id"),
        Index("ix_indicator_source_id", "source", "id"),
        Index("ix_indicator_state_approved_id", "state", "approved", "id"),
        Index("ix_indicator_state_ended_id", "state", "ended", "id"),
        Index("ix_indicator_listing_approved_rule", "listing", "approved", "rule"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"))
    incident: Mapped[UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    verdict: Mapped[Word]
    listing: Mapped[Word] = mapped_column(default="")
    public: Mapped[bool] = mapped_column(default=True)
    confidence: Mapped[int]
    scheme: Mapped[Word] = mapped_column(default="")
    reasons: Mapped[Long] = mapped_column(default="[]")
    source: Mapped[Word]
    rule: Mapped[Short] = mapped_column(default="")
    state: Mapped[Word] = mapped_column(default="draft")
    valid_from: Mapped[Ms]
    valid_until: Mapped[Ms]
    half_life_days: Mapped[int] = mapped_column(default=0)
    created: Mapped[Ms]
    proposed_by: Mapped[Short] = mapped_column(default="")
    proposed: Mapped[Ms] = mapped_column(default=0)
    approved_by: Mapped[Short] = mapped_column(default="")
    approved: Mapped[Ms] = mapped_column(default=0)
    ended_by: Mapped[Short] = mapped_column(default="")
    ended: Mapped[Ms] = mapped_column(default=0)
    ended_why: Mapped[Long] = mapped_column(default="")
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Condition(Base):
    """A manual allowance or block. kind: words.CONDITIONS; perspective: words.PERSPECTIVES; until: 0 for no end (allow only)."""

    __tablename__ = "condition"
    __table_args__ = (Index("ix_condition_observable", "observable"), Index("ix_condition_until", "until"))
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"))
    kind: Mapped[Word]
    perspective: Mapped[Word]
    since: Mapped[Ms]
    until: Mapped[Ms] = mapped_column(default=0)
    who: Mapped[Short]
    approved_by: Mapped[Short] = mapped_column(default="")
    why: Mapped[Long]
    ended: Mapped[Ms] = mapped_column(default=0)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Action(Base):
    """Something an organisation is asked to do. organisation: who asks; to: who is asked; due, expires: moments;
    answer: sealed, it may name people."""

    __tablename__ = "action"
    __table_args__ = (
        Index("ix_action_to_state_id", "to", "state", "id"),
        Index("ix_action_organisation_id", "organisation", "id"),
        Index("ix_action_state_due", "state", "due"),
        Index("ix_action_observable", "observable"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    to: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    kind: Mapped[Word]
    observable: Mapped[UUID | None] = mapped_column(ForeignKey("observable.id"))
    incident: Mapped[UUID | None] = mapped_column(ForeignKey("incident.id"), index=True)
    legal_basis: Mapped[Short] = mapped_column(default="")
    state: Mapped[Word] = mapped_column(default="requested")
    answer: Mapped[Sealed] = mapped_column(default=b"")
    requested_by: Mapped[Short]
    answered_by: Mapped[Short] = mapped_column(default="")
    created: Mapped[Ms]
    due: Mapped[Ms]
    expires: Mapped[Ms]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class NumberCheck(Base):
    """An operator's duty to check a reported number. organisation: the operator; source: complaint, centre, own; due: two business
    days after opened; reminded: when it was announced that the time runs out; tell_due: two more after decided; told: when the
    message for the Centre was made; person: sealed JSON (name, iin, numbers); iin: its token, by which a person's checks are
    found."""

    __tablename__ = "number_check"
    __table_args__ = (
        Index("ix_number_check_organisation_decided_due", "organisation", "decided", "due"),
        Index("ix_number_check_observable", "observable"),
        Index("ix_number_check_organisation_told_tell_due", "organisation", "told", "tell_due"),
        Index("ix_number_check_organisation_id", "organisation", "id"),
        Index("ix_number_check_decided_due", "decided", "due"),
        Index("ix_number_check_told_tell_due", "told", "tell_due"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"))
    report: Mapped[UUID | None] = mapped_column(ForeignKey("report.id"))
    source: Mapped[Word]
    opened: Mapped[Ms]
    due: Mapped[Ms]
    reminded: Mapped[Ms] = mapped_column(default=0)
    outcome: Mapped[Word] = mapped_column(default="")
    decided: Mapped[Ms] = mapped_column(default=0)
    decided_by: Mapped[Short] = mapped_column(default="")
    tell_due: Mapped[Ms] = mapped_column(default=0)
    told: Mapped[Ms] = mapped_column(default=0)
    person: Mapped[Sealed] = mapped_column(default=b"")
    iin: Mapped[Digest] = mapped_column(default="", index=True)
    numbers: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class Appeal(Base):
    """Somebody says that a number of theirs is stopped wrongly. proof: '' (none yet), sms, operator; code: token of the code that
    was sent; tries: codes entered; rule: of the policy that stopped calls, where it is known; due: a business day after proven."""

    __tablename__ = "appeal"
    __table_args__ = (
        Index("ix_appeal_state_due_id", "state", "due", "id"),
        Index("ix_appeal_observable", "observable"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"))
    indicator: Mapped[UUID | None] = mapped_column(ForeignKey("indicator.id"))
    ticket: Mapped[Digest] = mapped_column(unique=True)
    text: Mapped[Sealed] = mapped_column(default=b"")
    contact: Mapped[Sealed] = mapped_column(default=b"")
    language: Mapped[Word] = mapped_column(default="ru")
    state: Mapped[Word] = mapped_column(default="filed")
    proof: Mapped[Word] = mapped_column(default="")
    code: Mapped[Digest] = mapped_column(default="")
    code_until: Mapped[Ms] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    rule: Mapped[Short] = mapped_column(default="")
    filed: Mapped[Ms]
    due: Mapped[Ms] = mapped_column(default=0)
    decided: Mapped[Ms] = mapped_column(default=0)
    decided_by: Mapped[Short] = mapped_column(default="")
    answer: Mapped[Long] = mapped_column(default="")
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class ProtectedIdentity(Base):
    """A body that fraudsters speak in the name of, and what really is its own. kind: phone, domain, sender."""

    __tablename__ = "protected_identity"
    __table_args__ = (UniqueConstraint("kind", "value"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    body: Mapped[Short]
    kind: Mapped[Word]
    value: Mapped[Short]
    source: Mapped[Long] = mapped_column(default="")
    created: Mapped[Ms]
    created_by: Mapped[Short]
    ended: Mapped[Ms] = mapped_column(default=0)
