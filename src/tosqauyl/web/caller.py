"""Who calls, for a route: what it may do, and units of work in its name.

@router.get("/v1/x", responses=problems("not-found"))
def read_x(caller: Annotated[Caller, Depends(needs("reports:read"))]) -> XOut:
    with caller.read() as work:
        ...
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.buckets import charge
from tosqauyl.registry.store import Registry, Work
from tosqauyl.web.idempotency import Claim, claim_of
from tosqauyl.web.office import Office
from tosqauyl.web.problems import Refused


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls and the office it calls. address: of the client, for limits; it is kept nowhere. language: kk, ru or en. claim: of
    the Idempotency-Key, where the request has one."""

    office: Office
    actor: Actor
    address: str
    language: str = "ru"
    claim: Claim | None = None

    @property
    def registry(self) -> Registry:
        """The registry."""
        return self.office.registry

    def work(self) -> AbstractContextManager[Work]:
        """A transaction that may write. Under an Idempotency-Key it also holds that the key was used, and ends together with the
        answer: see web/idempotency.py."""
        return self.office.registry.work(self.actor) if self.claim is None else self.claim.work()

    def passing(self) -> AbstractContextManager[Work]:
        """A transaction whose writes a power cut may undo: the levels of limits. Under an Idempotency-Key it is as `work`."""
        return self.office.registry.work(self.actor, lasting=False) if self.claim is None else self.claim.work()

    def read(self) -> AbstractContextManager[Work]:
        """A transaction that only reads. It sees what was written before it."""
        self.commit()
        return self.office.registry.read(self.actor)

    def charge(self, rule: str) -> None:
        """Take a token from the bucket of the caller's address; see registry/buckets.py. Raises TooMany."""
        charge(self.registry, self.actor, self.address, rule)

    def commit(self) -> None:
        """Have what was written committed now, without the answer: before something that takes long or goes out of the office."""
        if self.claim is not None:
            self.claim.end_work()


PUBLIC = "public"
"""The scope of what anybody may ask."""


def needs(scope: str, own: str = "") -> Callable[[Request], Caller]:
    """A dependency: the caller, who must have the scope. `PUBLIC`: anybody, as himself if he shows who he is. own: a scope without
    which somebody known is anybody, too: what is done in the name of an organisation is not open to all of its keys.

    Raises Refused: no-caller, second-factor, forbidden; Replayed where the request was carried out already.
    """

    def find(request: Request) -> Caller:
        office: Office = request.app.state.office
        actor = allowed(request, scope) or CITIZEN
        if own and not actor.may(own):
            actor = CITIZEN
        return Caller(office, actor, _address(request), _language(request), claim_of(request, office, actor))

    find.scope = scope  # type: ignore[attr-defined]  # for the OpenAPI document and the authorisation matrix
    return find


def allowed(request: Request, scope: str) -> Actor | None:
    """Whose request it is, if it has the scope; None for somebody unknown who may ask. Raises Refused."""
    office: Office = request.app.state.office
    actor = office.access.actor_of(request)
    if actor is None and scope != PUBLIC:
        raise Refused("no-caller", headers={"WWW-Authenticate": 'Bearer realm="tosqauyl office"'})
    if actor is not None and scope != PUBLIC and not actor.may(scope):
        raise Refused("forbidden", f"the scope is {scope}")
    return actor


def scope_of(dependency: Any) -> str:
    """The scope that a dependency asks for; '' for any other dependency."""
    return str(getattr(dependency, "scope", ""))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _language(request: Request) -> str:
    """The first of kk, ru, en in Accept-Language; ru where none is."""
    said = request.headers.get("accept-language", "").lower()
    found = [(said.find(one), one) for one in ("kk", "ru", "en") if one in said]
    return min(found)[1] if found else "ru"
