"""Who may do what: organisations, accounts, sessions, keys of programs."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Digest, Id, Long, Ms, Sealed, Short, Word


class Organisation(Base):
    """A tenant. id: a slug ('centre', 'kcell'); kind: of words.ORGANISATIONS."""

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[Word]
    name: Mapped[Short]
    created: Mapped[Ms]


class Account(Base):
    """A person who signs in. password: an argon2 hash, '' where only single sign-on is used; totp: the sealed secret, b'' until
    it is set up; totp_step: the last step that was used, so that no code works twice; subject: of the identity provider; setup:
    SHA-256 of the one-time token by which a password is set, until setup_until."""

    __tablename__ = "account"
    __table_args__ = (Index("uq_account_subject", "issuer", "subject"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    login: Mapped[Short] = mapped_column(unique=True)
    role: Mapped[Word]
    password: Mapped[Long] = mapped_column(default="")
    must_change: Mapped[bool] = mapped_column(default=False)
    setup: Mapped[Digest] = mapped_column(default="", index=True)
    setup_until: Mapped[Ms] = mapped_column(default=0)
    totp: Mapped[Sealed] = mapped_column(default=b"")
    totp_on: Mapped[bool] = mapped_column(default=False)
    totp_step: Mapped[Ms] = mapped_column(default=0)
    issuer: Mapped[Short] = mapped_column(default="")
    subject: Mapped[Short] = mapped_column(default="")
    language: Mapped[str] = mapped_column(String(2), default="ru")
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[Ms] = mapped_column(default=0)
    disabled: Mapped[bool] = mapped_column(default=False)
    created: Mapped[Ms]
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}


class LoginSession(Base):
    """A session of a browser or a program. id: SHA-256 of what the cookie or the Authorization header carries."""

    __tablename__ = "login_session"
    id: Mapped[Digest] = mapped_column(primary_key=True)
    account: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    csrf: Mapped[Digest]
    second_factor: Mapped[bool] = mapped_column(default=False)
    created: Mapped[Ms]
    seen: Mapped[Ms]
    expires: Mapped[Ms]


class ApiKey(Base):
    """A key of a program. prefix: what may be shown; secret: SHA-256 of the rest (it has 256 random bits); scopes: separated by
    spaces."""

    __tablename__ = "api_key"
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[Short]
    prefix: Mapped[Word] = mapped_column(unique=True)
    secret: Mapped[Digest]
    role: Mapped[Word]
    scopes: Mapped[Long]
    created: Mapped[Ms]
    expires: Mapped[Ms] = mapped_column(default=0)
    revoked: Mapped[Ms] = mapped_column(default=0)
