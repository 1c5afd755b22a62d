"""What the office owes others: webhooks and their deliveries, answers that may be asked for again, limits, official figures."""

from uuid import UUID

from sqlalchemy import BigInteger, Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Digest, Id, Long, Money, Ms, Sealed, Short, Word


class Webhook(Base):
    """Where an organisation wants to be told. secret: sealed, signs each delivery; events: separated by spaces."""

    __tablename__ = "webhook"
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    url: Mapped[Long]
    secret: Mapped[Sealed]
    events: Mapped[Long]
    created: Mapped[Ms]
    ended: Mapped[Ms] = mapped_column(default=0)


class Delivery(Base):
    """One event for one webhook. state: waiting, done, given_up; next: when it is tried again."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_webhook_state_next", "webhook", "state", "next"),
        Index("ix_delivery_webhook_id", "webhook", "id"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    webhook: Mapped[UUID] = mapped_column(ForeignKey("webhook.id"))
    event: Mapped[Word]
    body: Mapped[Sealed]
    state: Mapped[Word] = mapped_column(default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next: Mapped[Ms]
    answer: Mapped[Short] = mapped_column(default="")


class IdempotentAnswer(Base):
    """What was answered to a request with an Idempotency-Key. key: token of actor and key; request: SHA-256 of what was asked."""

    __tablename__ = "idempotent_answer"
    __table_args__ = (Index("ix_idempotent_answer_at", "at"),)
    key: Mapped[Digest] = mapped_column(primary_key=True)
    request: Mapped[Digest]
    status: Mapped[int]
    body: Mapped[Sealed]
    at: Mapped[Ms]


class Bucket(Base):
    """A token bucket of whoever looks things up. who: a keyed token; left: tokens at `at`."""

    __tablename__ = "bucket"
    who: Mapped[Digest] = mapped_column(primary_key=True)
    left: Mapped[float] = mapped_column(Float)
    at: Mapped[Ms]


class OfficialFigure(Base):
    """A figure somebody else published; shown beside our own and never added to them. value: in `unit`."""

    __tablename__ = "official_figure"
    __table_args__ = (UniqueConstraint("source", "measure", "region", "first_day", "last_day", "published"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    source: Mapped[Short]
    measure: Mapped[Word]
    unit: Mapped[Word]
    region: Mapped[Word] = mapped_column(default="")
    first_day: Mapped[Word]
    last_day: Mapped[Word]
    published: Mapped[Word]
    value: Mapped[int] = mapped_column(BigInteger)
    url: Mapped[Long] = mapped_column(default="")
    note: Mapped[Long] = mapped_column(default="")


class FigureDay(Base):
    """Reports of one settled day, counted by the nightly job (registry/figures.py). day: days since 1970 in Kazakhstan; losses:
    reports that name a loss; at: when it was counted. Rows of organisation '*' add up those of all, by scheme (region '*') and by
    region (scheme '*')."""

    __tablename__ = "figure_day"
    __table_args__ = (Index("ix_figure_day_organisation_day", "organisation", "day"),)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    organisation: Mapped[str] = mapped_column(String(32), primary_key=True)
    scheme: Mapped[str] = mapped_column(String(32), primary_key=True)
    region: Mapped[str] = mapped_column(String(32), primary_key=True)
    reports: Mapped[int]
    victims: Mapped[int] = mapped_column(BigInteger)
    losses: Mapped[int]
    loss: Mapped[Money]
    at: Mapped[Ms]


class Upload(Base):
    """A file of reports that was taken. digest: SHA-256 of its bytes, so that a rerun changes nothing."""

    __tablename__ = "upload"
    __table_args__ = (UniqueConstraint("organisation", "digest"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    digest: Mapped[Digest]
    name: Mapped[Short]
    rows: Mapped[int]
    taken: Mapped[int]
    known: Mapped[int]
    refused: Mapped[int]
    at: Mapped[Ms]
