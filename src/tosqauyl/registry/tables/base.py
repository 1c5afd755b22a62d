"""What all tables share: ids that sort by time, times as whole milliseconds, sealed bytes."""

from typing import Annotated
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, MetaData, String, Text, Uuid
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names that are the same on every database, so that a migration can name them."""

Id = Annotated[UUID, mapped_column(Uuid)]
"""A version 7 UUID (RFC 9562): later ones sort behind earlier ones."""
Ms = Annotated[int, mapped_column(BigInteger)]
"""A moment: milliseconds since 1970, UTC. 0 where it has not come."""
Money = Annotated[int, mapped_column(BigInteger)]
"""Hundredths of a tenge (tiyn)."""
Word = Annotated[str, mapped_column(String(32))]
"""One of registry/words.py, or a slug."""
Short = Annotated[str, mapped_column(String(200))]
Long = Annotated[str, mapped_column(Text)]
Digest = Annotated[str, mapped_column(String(64))]
"""Hex digits of a keyed token or a SHA-256."""
Sealed = Annotated[bytes, mapped_column(LargeBinary)]
"""Bytes of the vault (registry/vault.py); b'' for nothing."""


class Base(DeclarativeBase):
    """The root of all tables. No column is null: each has a value that says 'not known' ('' or 0), but for references."""

    metadata = MetaData(naming_convention=NAMES)
