"""Organisations and the accounts of their people. Nobody has a default password: a new account, and one that lost its access, gets
a one-time token by which its person sets one. Only an admin gives it out: there is no recovery by mail or by questions.
"""

import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry.actor import CENTRE, SYSTEM, Actor
from tosqauyl.registry.errors import Absent, Conflict, Forbidden, Invalid
from tosqauyl.registry.ids import kept_of
from tosqauyl.registry.keys import ROLES_OF_KIND, owned
from tosqauyl.registry.moments import HOUR
from tosqauyl.registry.passwords import Passwords
from tosqauyl.registry.sessions import SessionRules, Unknown, actor_of, count_failure, end_all, locked, may_enter
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import Account, Organisation
from tosqauyl.registry.tenancy import check_version, newest, of_tenant, visible
from tosqauyl.registry.words import ORGANISATIONS

SETUP_MS = 72 * HOUR
"""How long a token for setting a password is good: over a weekend."""
SLUG = r"[a-z][a-z0-9-]{1,31}"
"""What the id of an organisation may be."""
LOGIN = r"[a-z0-9][a-z0-9._@-]{1,99}"
"""What a login may be: small letters, so that nobody has another one's with a capital."""
LANGUAGES = ("kk", "ru", "en")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Whose account it is to be. issuer, subject: of the identity provider, '' where only a password is used."""

    login: str
    role: str
    organisation: str
    language: str = "ru"
    issuer: str = ""
    subject: str = ""


def add_organisation(work: Work, slug: str, kind: str, name: str) -> Organisation:
    """A new tenant. Raises Forbidden for anybody outside the centre, Invalid, Conflict."""
    if not work.actor.sees_all:
        raise Forbidden("only the centre adds organisations")
    if not re.fullmatch(SLUG, slug):
        raise Invalid("small letters, digits and '-', a letter first, 2 to 32 in all", "id")
    if kind not in ORGANISATIONS or kind == "centre":
        raise Invalid("no such kind of organisation, or the one that is there already", "kind")
    if work.db.get(Organisation, slug) is not None:
        raise Conflict(f"the organisation {slug} is there already")
    made = Organisation(id=slug, kind=kind, name=name, created=work.now)
    work.db.add(made)
    work.note("added", "organisation", slug, kind)
    return made


def organisations(work: Work) -> list[Organisation]:
    """Every organisation the actor sees, by id."""
    query = of_tenant(work, select(Organisation).order_by(Organisation.id), Organisation.id)
    return list(work.db.scalars(query))


def add(work: Work, wanted: NewAccount) -> tuple[Account, str]:
    """A new account and the token by which its person sets a password ('' where it signs in by an identity provider).

    Raises Absent, Invalid, Conflict.
    """
    organisation = owned(work, wanted.organisation)
    if not re.fullmatch(LOGIN, wanted.login):
        raise Invalid("small letters, digits, '.', '_', '-' and '@', 2 to 100 in all", "login")
    if wanted.role not in ROLES_OF_KIND[organisation.kind]:
        raise Invalid(f"nobody has the role {wanted.role} in an organisation of this kind", "role")
    if wanted.language not in LANGUAGES:
        raise Invalid("kk, ru or en", "language")
    if work.db.scalars(select(Account.id).where(Account.login == wanted.login)).first() is not None:
        raise Conflict("this login is taken")
    made = Account(
        id=work.new_id(), organisation=organisation.id, login=wanted.login, role=wanted.role, language=wanted.language,
        issuer=wanted.issuer, subject=wanted.subject, created=work.now,
    )  # fmt: skip
    token = "" if wanted.subject else _new_token(work, made)
    work.db.add(made)
    work.note("added", "account", made.id, f"{made.role} of {organisation.id}")
    return made, token


def search(work: Work, cursor: UUID | None, limit: int) -> list[Account]:
    """Accounts of the organisations the actor sees, the latest first: at most one more than `limit`."""
    query = of_tenant(work, select(Account), Account.organisation)
    return list(work.db.scalars(newest(query, Account.id, cursor, limit)))


def get(work: Work, account_id: UUID) -> Account:
    """An account. Raises Absent."""
    return visible(work, work.db.get(Account, account_id), "account")


def of_login(work: Work, login: str) -> Account:
    """The account of a login. Raises Absent."""
    found = work.db.scalars(select(Account).where(Account.login == login)).first()
    if found is None:
        raise Absent("there is no such account", login)
    return get(work, found.id)


def disable(work: Work, account_id: UUID, version: int) -> Account:
    """Let an account do nothing more, at once: its sessions end. Raises Absent, Conflict for one's own and for the last admin."""
    account = _seen(work, account_id, version)
    if str(account.id) == work.actor.account:
        raise Conflict("nobody disables the own account", hint="another admin can")
    if account.role == "admin" and account.organisation == CENTRE and _admins(work) <= 1:
        raise Conflict("it is the last admin of the centre", hint="add another one first")
    account.disabled, account.setup, account.setup_until = True, "", 0
    end_all(work, account.id)
    work.note("disabled", "account", account.id)
    work.db.flush()
    return account


def enable(work: Work, account_id: UUID, version: int) -> Account:
    """Let a disabled account sign in again. Raises Absent, Conflict."""
    account = _seen(work, account_id, version)
    account.disabled, account.failures, account.locked_until = False, 0, 0
    work.note("enabled", "account", account.id)
    work.db.flush()
    return account


def change_role(work: Work, account_id: UUID, version: int, role: str) -> Account:
    """Give an account another role; its sessions end. Nobody changes the own one. Raises Absent, Conflict, Invalid."""
    account = _seen(work, account_id, version)
    if role not in ROLES_OF_KIND[owned(work, account.organisation).kind]:
        raise Invalid(f"nobody has the role {role} in an organisation of this kind", "role")
    if str(account.id) == work.actor.account:
        raise Conflict("nobody changes the own role", hint="another admin can")
    if account.role == "admin" and account.organisation == CENTRE and _admins(work) <= 1:
        raise Conflict("it is the last admin of the centre", hint="add another one first")
    before, account.role = account.role, role
    end_all(work, account.id)
    work.note("role-changed", "account", account.id, f"{before} to {role}")
    work.db.flush()
    return account


def reset(work: Work, account_id: UUID, version: int, codes: bool = False) -> tuple[Account, str]:
    """A new token for setting a password; the old password and all sessions end. codes: the authenticator is taken off, too.

    Whoever does this must know by other means that it is the account's person who asks. Raises Absent, Conflict.
    """
    account = _seen(work, account_id, version)
    account.password, account.failures, account.locked_until = "", 0, 0
    if codes:
        account.totp, account.totp_on, account.totp_step = b"", False, 0
    token = _new_token(work, account)
    end_all(work, account.id)
    work.note("reset", "account", account.id, "password and codes" if codes else "password")
    work.db.flush()
    return account, token


def set_up(registry: Registry, passwords: Passwords, token: str, password: str) -> Account:
    """Set a password by a one-time token. Raises Unknown where it is none, was used or is too old; Invalid for the password."""
    with registry.read(SYSTEM) as work:
        found = _of_token(work, token)
        actor, login = actor_of(found, owned(work, found.organisation).kind), found.login
    passwords.check(password, login)
    made = passwords.hash(password)
    with registry.work(actor) as work:
        account = _of_token(work, token)
        account.password, account.must_change, account.setup, account.setup_until = made, False, "", 0
        account.failures, account.locked_until = 0, 0
        end_all(work, account.id)
        work.note("set-up", "account", account.id)
    return account


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """before: the password of now; after: the one that is wanted."""

    before: str
    after: str


def change_password(
    registry: Registry, passwords: Passwords, rules: SessionRules, actor: Actor, wanted: PasswordChange
) -> None:
    """Set another password for the actor's account; every session of it ends. A wrong old one counts as a failed sign-in.

    Raises Unknown, Invalid, TooMany.
    """
    with registry.read(actor) as work:
        found = get(work, UUID(actor.account))
        kept, login = found.password, found.login
    right = passwords.matches(kept, wanted.before)
    if right:
        passwords.check(wanted.after, login)
        if wanted.before == wanted.after:
            raise Invalid("this is the old one", "password")
    made = passwords.hash(wanted.after) if right else ""
    with registry.work(actor) as work:
        account = locked(work, UUID(actor.account))
        done = right and account.password == kept and may_enter(work, account)
        if done:
            account.password, account.must_change = made, False
            end_all(work, account.id)
            work.note("password-changed", "account", account.id)
        else:
            count_failure(work, account, rules, "password-failed")
    if not done:
        raise Unknown("this is not known here", hint="after some failures an account is locked for a while")


def _new_token(work: Work, account: Account) -> str:
    token = secrets.token_urlsafe(32)
    account.setup, account.setup_until = kept_of(token), work.now + SETUP_MS
    return token


def _of_token(work: Work, token: str) -> Account:
    query = select(Account).where(
        Account.setup == kept_of(token), Account.setup_until > work.now, Account.disabled.is_(False)
    )
    found = work.db.scalars(query.with_for_update()).first()
    if found is None:
        raise Unknown("this token is not known, was used, or is too old", hint="an admin makes a new one")
    return found


def _seen(work: Work, account_id: UUID, version: int) -> Account:
    account = get(work, account_id)
    check_version(account, version)
    return account


def _admins(work: Work) -> int:
    """How many there are, their rows locked: two who disable each other at once must not both succeed."""
    query = select(Account.id).where(
        Account.organisation == CENTRE, Account.role == "admin", Account.disabled.is_(False)
    )
    return len(work.db.scalars(query.order_by(Account.id).with_for_update()).all())
