"""What the gates are told: the changes in their order, and the list they add up to."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Digest, Ms, Sealed, Word


class ListHead(Base):
    """The one row whose lock orders publications. list: names this office's list, so that a gate notices another one."""

    __tablename__ = "list_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list: Mapped[Digest]
    seq: Mapped[int] = mapped_column(BigInteger, default=0)


class Publication(Base):
    """One change. seq: gapless, in the order of commits; listing: block, mark, allow, none; number: sealed."""

    __tablename__ = "publication"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"), index=True)
    indicator: Mapped[UUID | None]
    listing: Mapped[Word]
    number: Mapped[Sealed]
    expires: Mapped[Ms] = mapped_column(default=0)
    at: Mapped[Ms]


class Listing(Base):
    """What holds of a number now: the last publication that was not 'none'."""

    __tablename__ = "listing"
    __table_args__ = (Index("ix_listing_expires", "expires"),)
    observable: Mapped[UUID] = mapped_column(ForeignKey("observable.id"), primary_key=True)
    indicator: Mapped[UUID | None]
    listing: Mapped[Word]
    number: Mapped[Sealed]
    expires: Mapped[Ms] = mapped_column(default=0)
    seq: Mapped[int] = mapped_column(BigInteger)
