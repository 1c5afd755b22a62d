"""The audit trail: who wrote what and who read personal data, each entry chained to the one before."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Digest, Long, Ms, Short, Word


class AuditHead(Base):
    """The one row whose lock orders entries: how many there are and the hash of the last."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[Digest]


class AuditEntry(Base):
    """One entry. verb: what was done; what: the kind of thing; which: its id; purpose: why personal data was read; detail: never
    personal data in clear; hash: over all other columns and the hash of the entry before."""

    __tablename__ = "audit_entry"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[Ms]
    actor: Mapped[Short]
    organisation: Mapped[Word]
    verb: Mapped[Word]
    what: Mapped[Word]
    which: Mapped[Short]
    purpose: Mapped[Short] = mapped_column(default="")
    detail: Mapped[Long] = mapped_column(default="")
    before: Mapped[Digest]
    hash: Mapped[Digest]
