"""Who calls: the key of a program in the header Authorization, or the session of a person in a cookie.

A header counts before a cookie. A cookie travels by itself, so a write with one must also say X-CSRF-Token, which no other site can
read; a key is only sent by whoever means it. The cookie's name has the prefix __Host- (RFC 6265bis section 4.1.3): no neighbour
domain can set it. Where the office serves plain http, which it does on its own machine only, no browser would take that.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.responses import Response

from tosqauyl.registry import keys, sessions
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.errors import RegistryError
from tosqauyl.registry.oidc import Relying
from tosqauyl.registry.passwords import Passwords
from tosqauyl.registry.sessions import SessionRules, Signed, Unknown
from tosqauyl.registry.store import Registry
from tosqauyl.web.caller import PUBLIC
from tosqauyl.web.office import Office
from tosqauyl.web.problems import Refused

COOKIE = "tosqauyl"
PENDING = "tosqauyl-sso"
"""Cookie of a single sign-on that was begun."""
CSRF = "X-CSRF-Token"
SESSION = "session"
"""The scope of what a signed-in person may do for the own account; no key has it."""
_READS = ("GET", "HEAD", "OPTIONS")
_CHALLENGE = 'Bearer realm="tosqauyl office"'
_NEEDS = {
    "code": ("second-factor", "the code of the authenticator", "POST /v1/sign-in/code"),
    "totp": ("second-factor", "an authenticator must be set up first", "POST /v1/me/totp"),
    "password": ("forbidden", "the password must be changed first", "POST /v1/me/password"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Knows whose request it is, and signs people in. secure: whether browsers reach the office by https; single: the identity
    provider, if there is one."""

    registry: Registry
    passwords: Passwords
    rules: SessionRules = field(default_factory=SessionRules)
    secure: bool = True
    single: Relying | None = None

    def actor_of(self, request: Request) -> Actor | None:
        """As the AccessDesk of web/office.py says. Raises Refused."""
        shown = request.headers.get("authorization")
        if shown is not None:
            return self._of_key(shown)
        signed = self.signed(request)
        if signed is None:
            return None
        if signed.needs:
            slug, what, hint = _NEEDS[signed.needs]
            raise Refused(slug, what, hint, challenge() if slug == "second-factor" else None)
        return signed.actor

    def signed(self, request: Request, csrf: str = "") -> Signed | None:
        """Who is signed in by the cookie, whatever the session still lacks; None without one. Raises Refused where it is over, and
        where a write lacks its CSRF token. csrf: what a form said, in place of the header."""
        token = self.token(request)
        if not token:
            return None
        with self.registry.read(SYSTEM) as work:
            signed = sessions.find(work, self.rules, token)
            late = signed is not None and signed.seen <= work.now - sessions.SEEN_EVERY_MS
        if signed is None:
            raise Refused("no-caller", "the session is over", "sign in again", challenge("invalid_token"))
        if request.method not in _READS and not sessions.is_csrf(token, csrf or request.headers.get(CSRF, "")):
            raise Refused("forbidden", f"a write by a session needs the header {CSRF}", "GET /v1/me tells it")
        if late:
            self._remember(signed.session)
        return signed

    def token(self, request: Request) -> str:
        """What the session's cookie says; '' without one."""
        return request.cookies.get(self.cookie(COOKIE), "")

    def cookie(self, name: str) -> str:
        """How a cookie is called here."""
        return f"__Host-{name}" if self.secure else name

    def set_cookie(self, response: Response, token: str) -> None:
        """Give a browser its session; it is gone when the browser is closed."""
        response.set_cookie(self.cookie(COOKIE), token, path="/", secure=self.secure, httponly=True, samesite="strict")

    def drop_cookie(self, response: Response) -> None:
        """Take a browser's session away."""
        response.delete_cookie(self.cookie(COOKIE), path="/", secure=self.secure, httponly=True, samesite="strict")

    def _of_key(self, shown: str) -> Actor:
        kind, _, secret = shown.partition(" ")
        with self.registry.read(SYSTEM) as work:
            found = keys.actor_of(work, secret.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise Refused("no-caller", "the key is not known, was revoked, or is over", "", challenge("invalid_token"))
        return found

    def _remember(self, session: str) -> None:
        try:
            sessions.seen(self.registry, session)
        except RegistryError:  # somebody else did at this moment, or the database is busy: the next request will
            return


def challenge(error: str = "") -> dict[str, str]:
    """The header of an answer 401 (RFC 6750 section 3)."""
    return {"WWW-Authenticate": _CHALLENGE + (f', error="{error}"' if error else "")}


@contextmanager
def known() -> Iterator[None]:
    """What is not known as an answer 401."""
    try:
        yield
    except Unknown as error:
        raise Refused("no-caller", error.what, error.hint, challenge()) from None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at the door: who calls is not looked at. address: for limits."""

    office: Office
    desk: Desk
    address: str
    request: Request


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a session, whatever it still lacks."""

    office: Office
    desk: Desk
    signed: Signed
    token: str


def desk_of(request: Request) -> Desk:
    """The office's desk. Raises Refused where people cannot sign in here."""
    desk = request.app.state.office.access
    if not isinstance(desk, Desk):
        raise Refused("not-found", "people do not sign in here")
    return desk


def at_the_door() -> Callable[[Request], Visitor]:
    """A dependency of the routes by which people come in: a session that is over keeps nobody from a new one."""

    def find(request: Request) -> Visitor:
        address = request.client.host if request.client else ""
        return Visitor(request.app.state.office, desk_of(request), address, request)

    find.scope = PUBLIC  # type: ignore[attr-defined]
    return find


def signed_in() -> Callable[[Request], Person]:
    """A dependency: a person with a session, for what concerns the own account. Raises Refused."""

    def find(request: Request) -> Person:
        office: Office = request.app.state.office
        desk = office.access
        if not isinstance(desk, Desk) or "authorization" in request.headers:
            actor = desk.actor_of(request)
            if actor is None:
                raise Refused("no-caller", headers=challenge())
            if not actor.may(SESSION):
                raise Refused("forbidden", f"the scope is {SESSION}")
            desk = desk_of(request)
        signed = desk.signed(request)
        if signed is None:
            raise Refused("no-caller", headers=challenge())
        return Person(office, desk, signed, desk.token(request))

    find.scope = SESSION  # type: ignore[attr-defined]
    return find
