"""Signing in and sessions: a password, then a code where the role needs one; a session of 256 random bits, kept as a hash.

An account that fails is locked for a while, longer each time. Whoever signs in learns nothing but yes or no: an unknown login, a
wrong password, a locked and a disabled account get the same answer after the same work. Passwords are checked outside of any
transaction, so that nobody waits for them; what came of it is decided under the account's lock.
"""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, update

from tosqauyl.registry import totp
from tosqauyl.registry.actor import ROLE_SCOPES, SYSTEM, Actor
from tosqauyl.registry.buckets import spend
from tosqauyl.registry.errors import RegistryError, TooMany
from tosqauyl.registry.ids import kept_of
from tosqauyl.registry.passwords import Passwords
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import Account, LoginSession, Organisation

MINUTE_MS = 60_000
SEEN_EVERY_MS = MINUTE_MS
"""How exactly it is known when a session was last used: so that not every read is a write."""


class Unknown(RegistryError):
    """Nobody is known by this login, password, code or session. Why is never said."""

    slug = "no-caller"


@dataclass(frozen=True, slots=True)
class SessionRules:
    """idle_minutes, hours: a session ends after so long unused, and in any case; most: of one account, the oldest gives way;
    second_factor: roles that need one-time codes; free: failures without a lock; lock_seconds: of the first lock, doubled by
    each further failure up to most_lock_seconds."""

    idle_minutes: int = 30
    hours: int = 12
    most: int = 20
    second_factor: tuple[str, ...] = ("supervisor", "admin")
    free: int = 5
    lock_seconds: int = 30
    most_lock_seconds: int = 900

    def lock_ms(self, failures: int) -> int:
        """For how long an account is locked after so many failures in a row."""
        if failures < self.free:
            return 0
        return min(self.lock_seconds << min(failures - self.free, 20), self.most_lock_seconds) * 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just made. token: for the cookie, kept nowhere; csrf: for the header of writes; needs: see `Signed`."""

    token: str
    csrf: str
    needs: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Who is signed in by a session. needs: what is missing before it may do anything: '', 'password' (it must be changed), 'totp'
    (codes must be set up), 'code'. seen: when the session was last used, as exactly as it is known."""

    session: str
    account: Account
    kind: str
    needs: str
    seen: int = 0

    @property
    def actor(self) -> Actor:
        """The account as an actor."""
        return actor_of(self.account, self.kind)


def actor_of(account: Account, kind: str) -> Actor:
    """An account as an actor. kind: of its organisation."""
    scopes = ROLE_SCOPES[account.role]
    return Actor(f"user:{account.login}", account.organisation, kind, account.role, scopes, str(account.id))


def sign_in(registry: Registry, passwords: Passwords, rules: SessionRules, login: str, password: str) -> Opened:
    """A session for a login and its password. Raises Unknown, TooMany."""
    with registry.read(SYSTEM) as work:
        found = _of_login(work, login)
    kept = found.account.password if found is not None else ""
    right = passwords.matches(kept, password)
    fresh = passwords.hash(password) if right and passwords.is_stale(kept) else ""
    if found is None:
        with registry.work(SYSTEM) as work, suppress(TooMany):
            spend(work, work.vault.token(login, "sign-in"), 1, "sign-in")  # a write, as every other failure is one
        raise _unknown()
    with registry.work(found.actor) as work:
        account = locked(work, found.account.id)
        if right and account.password == kept and may_enter(work, account):
            account.password = fresh or account.password
            return _entered(work, account, rules, second_factor=False)
        count_failure(work, account, rules, "sign-in-failed")
    raise _unknown()


def enter_code(registry: Registry, rules: SessionRules, token: str, code: str) -> Opened:
    """A session whose second factor is there, in place of one that lacks it. Raises Unknown where the code is not right."""
    signed = _signed(registry, rules, token)
    with registry.work(signed.actor) as work:
        account = locked(work, signed.account.id)
        if account.totp_on and may_enter(work, account) and totp.take(work, account, code):
            _end_row(work, signed.session)
            return _entered(work, account, rules, second_factor=True)
        count_failure(work, account, rules, "code-failed")
    raise _unknown()


def confirm_totp(registry: Registry, rules: SessionRules, token: str, code: str) -> Opened:
    """Put the secret in force that `totp.begin` made, by its first code; a session with its second factor in place of all that
    there are. Raises Unknown where the code is not right."""
    signed = _signed(registry, rules, token)
    with registry.work(signed.actor) as work:
        account = locked(work, signed.account.id)
        if not account.totp_on and may_enter(work, account) and totp.take(work, account, code):
            account.totp_on = True
            work.note("totp-on", "account", account.id)
            end_all(work, account.id)
            return _entered(work, account, rules, second_factor=True)
        count_failure(work, account, rules, "code-failed")
    raise _unknown()


def _of_login(work: Work, login: str) -> Signed | None:
    if not (login.isascii() and login.isprintable()):  # no login is so, and PostgreSQL keeps no NUL
        return None
    query = select(Account, Organisation.kind).join(Organisation, Organisation.id == Account.organisation)
    row = work.db.execute(query.where(Account.login == login)).first()
    if row is None:
        return None
    work.db.expunge(row[0])
    return Signed("", row[0], row[1], "")


def _signed(registry: Registry, rules: SessionRules, token: str) -> Signed:
    with registry.read(SYSTEM) as work:
        signed = find(work, rules, token)
    if signed is None:
        raise _unknown()
    return signed


def _end_row(work: Work, session: str) -> None:
    """End a session that is about to be replaced; of two at once only one replaces it. Raises Unknown."""
    gone = delete(LoginSession).where(LoginSession.id == session).returning(LoginSession.id)
    if not work.db.execute(gone).all():
        raise _unknown()


def enter_as(work: Work, account_id: UUID, rules: SessionRules, second_factor: bool) -> Opened:
    """A session for an account that somebody else vouches for (single sign-on, the token of a set-up). Raises Unknown."""
    account = locked(work, account_id)
    if account.disabled:
        raise _unknown()
    return _entered(work, account, rules, second_factor)


def _unknown() -> Unknown:
    return Unknown("this is not known here", hint="after some failures an account is locked for a while")


def locked(work: Work, account_id: UUID) -> Account:
    """The account, as it is now and until the transaction ends. Raises Unknown."""
    query = select(Account).where(Account.id == account_id).with_for_update()
    found = work.db.scalars(query.execution_options(populate_existing=True)).first()
    if found is None:
        raise _unknown()
    return found


def may_enter(work: Work, account: Account) -> bool:
    """Whether an account is neither disabled nor locked at this moment."""
    return not account.disabled and account.locked_until <= work.now


def count_failure(work: Work, account: Account, rules: SessionRules, verb: str) -> None:
    """Count a failed password or code, and lock the account where there were too many.

    A failure while it is locked does not prolong the lock: else anybody could keep somebody out for ever.
    """
    if account.locked_until > work.now:
        return
    account.failures += 1
    lock = rules.lock_ms(account.failures)
    account.locked_until = work.now + lock if lock else 0
    work.note(
        verb, "account", account.id, f"failure {account.failures}" + (f", locked for {lock // 1000} s" * bool(lock))
    )


def _entered(work: Work, account: Account, rules: SessionRules, second_factor: bool) -> Opened:
    needs = needs_of(account, rules, second_factor)
    if needs != "code":
        # Before its code an account is not there yet: else the right password would buy new tries at the code.
        account.failures, account.locked_until = 0, 0
    token = secrets.token_urlsafe(32)
    csrf = csrf_of(token)
    work.db.add(LoginSession(
        id=kept_of(token), account=account.id, csrf=kept_of(csrf), second_factor=second_factor, created=work.now, seen=work.now,
        expires=work.now + rules.hours * 60 * MINUTE_MS,
    ))  # fmt: skip
    work.db.flush()
    _drop_oldest(work, account.id, rules.most)
    work.note("signed-in", "account", account.id, f"needs {needs}" if needs else "")
    return Opened(token, csrf, needs)


def _drop_oldest(work: Work, account_id: UUID, most: int) -> None:
    newest = select(LoginSession.id).where(LoginSession.account == account_id)
    ids = work.db.scalars(newest.order_by(LoginSession.created.desc(), LoginSession.id).offset(most)).all()
    if ids:
        work.db.execute(delete(LoginSession).where(LoginSession.id.in_(ids)))


def needs_of(account: Account, rules: SessionRules, second_factor: bool) -> str:
    """What a session of an account lacks, see `Signed`."""
    if account.totp_on and not second_factor:
        return "code"
    if account.must_change:
        return "password"
    if account.role in rules.second_factor and not second_factor:
        return "totp"
    return ""


def csrf_of(token: str) -> str:
    """What the header X-CSRF-Token of a session's writes must say: made from the token, which no other site can read."""
    return hmac.digest(token.encode(), b"tosqauyl csrf 1", "sha256").hex()


def is_csrf(token: str, shown: str) -> bool:
    """Whether the header belongs to the session."""
    return hmac.compare_digest(csrf_of(token).encode(), shown.encode("utf-8", "replace"))


def find(work: Work, rules: SessionRules, token: str) -> Signed | None:
    """Who is signed in by a token; None where the session is over, was never there, or its account is disabled."""
    query = select(LoginSession, Account, Organisation.kind).join(Account, Account.id == LoginSession.account)
    query = query.join(Organisation, Organisation.id == Account.organisation).where(LoginSession.id == kept_of(token))
    row = work.db.execute(query).first()
    if row is None:
        return None
    session, account, kind = row
    idle = session.seen + rules.idle_minutes * MINUTE_MS <= work.now
    if idle or session.expires <= work.now or account.disabled or account.role not in ROLE_SCOPES:
        return None
    work.db.expunge(account)  # it is looked at after the transaction, as it was in it
    return Signed(session.id, account, kind, needs_of(account, rules, session.second_factor), session.seen)


def seen(registry: Registry, session: str) -> None:
    """Remember that a session was used; at most once a minute it is written."""
    with registry.work(SYSTEM) as work:
        late = LoginSession.seen <= work.now - SEEN_EVERY_MS
        work.db.execute(update(LoginSession).where(LoginSession.id == session, late).values(seen=work.now))


def end(work: Work, session: str) -> None:
    """End one session."""
    account = work.db.scalars(select(LoginSession.account).where(LoginSession.id == session)).first()
    work.db.execute(delete(LoginSession).where(LoginSession.id == session))
    if account is not None:
        work.note("signed-out", "account", account)


def end_all(work: Work, account_id: UUID, but: str = "") -> int:
    """End every session of an account; how many. but: the one that stays."""
    gone = (
        delete(LoginSession)
        .where(LoginSession.account == account_id, LoginSession.id != but)
        .returning(LoginSession.id)
    )
    count = len(work.db.execute(gone).all())
    if count:
        work.note("signed-out", "account", account_id, f"{count} sessions")
    return count
