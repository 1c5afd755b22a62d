"""One page for one reader: who looks, in which language, what was sent with it, and how its answer is made.

@pages.get("/office/indicators/{indicator_id}", "cases:read")
def show(page: Page) -> Response:
    found = page.ask(read_indicator, indicator_id=page.id("indicator_id"))
    return page.render("office/indicator.html", found=found)
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any, BinaryIO, TypeVar, get_args
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tosqauyl.registry import sessions
from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.errors import RegistryError
from tosqauyl.texts import LANGUAGES, Texts
from tosqauyl.web.access import Desk, Person, Visitor
from tosqauyl.web.caller import PUBLIC, Caller, scope_of
from tosqauyl.web.office import Office
from tosqauyl.web.pages.form import Form
from tosqauyl.web.pages.templates import CONTENT_POLICY, template
from tosqauyl.web.pages.trouble import Trouble, trouble_of
from tosqauyl.web.problems import Refused, refused_by

Answer = TypeVar("Answer")
DONE = "done"
"""Name in the query that says what was just done; see pages/notices.py."""


@dataclass(slots=True)
class Page:
    """path: of the page without its language; ids: what stands in its place of names; person: who is signed in, None for nobody;
    actor: in whose name the API is asked; trouble: why what was sent was refused; status: of the answer; file: what came with the
    form, gone with the answer."""

    office: Office
    request: Request
    t: Texts
    path: str
    ids: Mapping[str, str]
    form: Form
    person: Person | None = None
    actor: Actor = CITIZEN
    trouble: Trouble | None = None
    status: int = 200
    file: BinaryIO | None = None

    @property
    def language(self) -> str:
        """kk, ru or en."""
        return self.t.language

    @property
    def now(self) -> int:
        """Milliseconds since 1970."""
        return self.office.registry.clock()

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the question mark."""
        return self.request.query_params

    @property
    def csrf(self) -> str:
        """What every form of somebody signed in carries; '' where nobody is."""
        return sessions.csrf_of(self.person.token) if self.person is not None else ""

    def may(self, scope: str) -> bool:
        """Whether whoever looks may do something."""
        return self.actor.may(scope)

    def id(self, name: str) -> UUID:
        """An id of the address. Raises Refused 'not-found' where it is none."""
        try:
            return UUID(self.ids[name])
        except ValueError:
            raise Refused("not-found") from None

    def cursor(self, name: str = "cursor") -> UUID | None:
        """Where a list goes on; None for its beginning."""
        try:
            return UUID(self.query[name]) if self.query.get(name) else None
        except ValueError:
            return None

    def at(self, path: str, language: str = "", **query: str) -> str:
        """The address of a page, in this language unless another one is named; query: what is '' is left out."""
        said = urlencode({name: value for name, value in query.items() if value})
        return f"/{language or self.language}{path}" + (f"?{said}" if said else "")

    def same(self, language: str = "", **changed: str) -> str:
        """The address of this page, in another language or with another query."""
        query = {name: value for name, value in self.query.items() if name != DONE}
        return self.at(self.path, language, **query | changed)

    def ask(self, endpoint: Callable[..., Answer], **given: Any) -> Answer:
        """Call a function of the API in the reader's name: what it asks for (web/caller.py, web/access.py) is asked for here.

        Raises Refused, RegistryError, as the API would answer.
        """
        for name, (kind, scope) in _guards(endpoint).items():
            given[name] = self._guarded(kind, scope)
        return endpoint(**given)

    def render(self, name: str, **values: Any) -> Response:
        """The answer, made of a template."""
        text = template(name).render(page=self, t=self.t, languages=LANGUAGES, **values)
        return HTMLResponse(text, self.status, {"Content-Security-Policy": CONTENT_POLICY})

    def go(self, path: str, done: str = "", **query: str) -> Response:
        """Send the browser to another page. done: what was done, told there."""
        return RedirectResponse(self.at(path, **query, **({DONE: done} if done else {})), 303)

    def tell(self, error: Refused | RegistryError, shown: Collection[str]) -> None:
        """Say on this page why something is refused, where its slug is among `shown`. Raises any other."""
        refused = error if isinstance(error, Refused) else refused_by(error)
        if refused.slug not in shown:
            raise error
        self.trouble, self.status = trouble_of(refused, self.t), refused.problem.status

    def _guarded(self, kind: type, scope: str) -> object:
        if kind is Visitor:
            return Visitor(self.office, self._desk(), self._address(), self.request)
        if kind is Person:
            if self.person is None:
                raise Refused("no-caller")
            return self.person
        if scope != PUBLIC and not self.actor.may(scope):
            raise Refused("forbidden", f"the scope is {scope}")
        return Caller(self.office, self.actor, self._address(), self.language)

    def _desk(self) -> Desk:
        if not isinstance(self.office.access, Desk):
            raise Refused("not-found", "people do not sign in here")
        return self.office.access

    def _address(self) -> str:
        return self.request.client.host if self.request.client else ""


@cache
def _guards(endpoint: Callable[..., Any]) -> dict[str, tuple[type, str]]:
    """Parameters of a function of the API that say who calls: name -> (Caller, Person or Visitor; scope)."""
    found: dict[str, tuple[type, str]] = {}
    for name, parameter in signature(endpoint).parameters.items():
        kind, *marks = get_args(parameter.annotation) or (None,)
        scopes = [scope for mark in marks if (scope := scope_of(getattr(mark, "dependency", None)))]
        if kind in (Caller, Person, Visitor) and scopes:
            found[name] = kind, scopes[0]
    return found
