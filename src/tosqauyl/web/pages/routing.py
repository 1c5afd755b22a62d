"""The pages' routes: who may see what, what a browser may send, and what it gets when it is refused.

A form is taken from our own pages only: the browser says where it stands (Origin), and whoever is signed in sends the session's
token along. Refused, a form comes back with what was typed and what is wrong with it; a page of the office only to whom it may be
shown. A form with a file brings its token in the body: Origin, session and scope are looked at before a byte of it is read, the
token after it, before the file is used.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route, compile_path

from tosqauyl.registry import sessions
from tosqauyl.registry.actor import CITIZEN
from tosqauyl.registry.errors import RegistryError
from tosqauyl.texts import LANGUAGES, PAGES, Texts
from tosqauyl.web.access import SESSION, Desk, Person
from tosqauyl.web.caller import PUBLIC
from tosqauyl.web.failures import failed
from tosqauyl.web.office import Office
from tosqauyl.web.pages.assets import PLACE, asset, read_asset
from tosqauyl.web.pages.file_form import read_file_form
from tosqauyl.web.pages.form import Form, read_form
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.trouble import trouble_of
from tosqauyl.web.problems import Refused, refused_by
from tosqauyl.web.table import FILE_FORM, FORM, Row

Handler = Callable[[Page], Response]
STAFF = "/office"
SIGN_IN = "/office/sign-in"
NEEDS = {"code": "/office/code", "totp": "/office/authenticator", "password": "/office/password"}
"""What a session still lacks -> the page where it is given."""
LANGUAGE_COOKIE = "tosqauyl-language"


@dataclass(frozen=True, slots=True)
class Served:
    """One page. scope: as of the API, PUBLIC for anybody, SESSION for anybody signed in; again: the page that a refused form comes
    back to; early: whether a session that still lacks something may see it; takes_file: whether its form has a file."""

    method: str
    path: str
    scope: str
    show: Handler
    again: Handler | None = None
    early: bool = False
    takes_file: bool = False

    @property
    def name(self) -> str:
        """For metrics and alarms."""
        return f"page {self.show.__name__}"

    @property
    def takes(self) -> frozenset[str]:
        """Content types of its body."""
        return frozenset({FILE_FORM if self.takes_file else FORM} if self.method == "POST" else ())


@dataclass(slots=True)
class Pages:
    """Pages by their routes, in the order in which they were written down."""

    served: list[Served] = field(default_factory=list)

    def get(self, path: str, scope: str = PUBLIC, early: bool = False) -> Callable[[Handler], Handler]:
        """A page that is looked at."""
        return self._add("GET", path, scope, None, early)

    def post(
        self, path: str, scope: str = PUBLIC, again: Handler | None = None, early: bool = False
    ) -> Callable[[Handler], Handler]:
        """What a form is sent to."""
        return self._add("POST", path, scope, again, early)

    def post_file(self, path: str, scope: str, again: Handler | None = None) -> Callable[[Handler], Handler]:
        """What a form with a file is sent to; it stands in `Page.file`."""

        def added(show: Handler) -> Handler:
            self.served.append(Served("POST", path, scope, show, again, takes_file=True))
            return show

        return added

    def _add(
        self, method: str, path: str, scope: str, again: Handler | None, early: bool
    ) -> Callable[[Handler], Handler]:
        def added(show: Handler) -> Handler:
            self.served.append(Served(method, path, scope, show, again, early))
            return show

        return added

    def rows(self) -> list[Row]:
        """The pages as the rim needs them before a body is read."""
        return [
            Row(one.method, one.path, _pattern(one.path), one.name, one.scope, one.takes, looks_first=one.takes_file)
            for one in self.served
        ]

    def routes(self) -> list[BaseRoute]:
        """What the application mounts: pages in each language, files, the way to the first page, a page for what is not there."""
        found: list[BaseRoute] = [
            Route("/", _to_first),
            Route(f"{PLACE}/{{digest}}/{{name}}", read_asset),
            Route("/favicon.ico", _icon),
        ]
        found += [Route("/{language}" + one.path, _endpoint(one), methods=[one.method]) for one in self.served]
        looked_at = {one.path for one in self.served if one.method == "GET"}
        sent_to = dict.fromkeys(one.path for one in self.served if one.path not in looked_at)
        found += [
            Route("/{language}" + one, _endpoint(Served("GET", one, PUBLIC, _back)), methods=["GET"]) for one in sent_to
        ]
        lost = Served("GET", "", PUBLIC, _lost)
        found += [Route(f"/{one}{{rest:path}}", _endpoint(lost, one), methods=["GET", "POST"]) for one in LANGUAGES]
        return found


def _pattern(path: str) -> re.Pattern[str]:
    return compile_path("/{language}" + path)[0]


def _endpoint(one: Served, language: str = "") -> Callable[[Request], object]:
    async def answered(request: Request) -> Response:
        ids = dict(request.path_params)
        page = _page(request, language or ids.pop("language", ""), ids)
        if one.takes_file:
            return await _answer_with_file(one, page)
        body = await request.body() if request.method == "POST" else b""
        return await run_in_threadpool(_answer, one, page, lambda: read_form(body))

    return answered


def _page(request: Request, language: str, ids: dict[str, str]) -> Page:
    t = Texts(language if language in LANGUAGES else "kk", PAGES)
    path = request.scope["path"].removeprefix(f"/{language}") or "/"
    return Page(request.app.state.office, request, t, path, ids, Form())


async def _answer_with_file(one: Served, page: Page) -> Response:
    if (sent := await run_in_threadpool(_turned_away, one, page)) is not None:
        return sent
    with page.office.unnamed_file() as file:
        page.file = file
        try:
            form = await read_file_form(page.request, file)
        except Refused as error:
            return await run_in_threadpool(_refused, one, page, error)
        return await run_in_threadpool(_answer, one, page, lambda: form)


def _turned_away(one: Served, page: Page) -> Response | None:
    """The answer to who may not send a file here; None where it shall be read."""
    try:
        _check_language(page)
        _check_origin(page.request, page.office)
        desk = page.office.access
        # The form's token is not read yet, so it is taken for right: `_shown` looks at it before anything is done.
        _recognise(page, sessions.csrf_of(desk.token(page.request)) if isinstance(desk, Desk) else "")
        return _sent_away(one, page)
    except (Refused, RegistryError) as error:
        return _refused(one, page, error)


def _answer(one: Served, page: Page, read: Callable[[], Form]) -> Response:
    try:
        _check_language(page)
        return _kept_language(_shown(one, page, read), page.request, page.language)
    except (Refused, RegistryError) as error:
        return _refused(one, page, error)
    except Exception as error:  # noqa: BLE001 - counted and told; people get a page that says so
        failed(page.office, one.name, error)
        return _refused(one, page, Refused("failed"))


def _check_language(page: Page) -> None:
    """Raise Refused where the address has none that there is."""
    if page.request.scope["path"].split("/", 2)[1] != page.language:
        raise Refused("not-found")


def _shown(one: Served, page: Page, read: Callable[[], Form]) -> Response:
    if one.method == "POST":
        page.form = read()
        _check_origin(page.request, page.office)
    if one.path.startswith(STAFF):
        _recognise(page, page.form["csrf"])
        if (sent := _sent_away(one, page)) is not None:
            return sent
    return one.show(page)


def _recognise(page: Page, csrf: str) -> None:
    """Find out who looks. Raises Refused where a form lacks the session's token."""
    page.person, page.actor = None, CITIZEN
    page.person = _person(page, csrf)
    if page.person is not None and not page.person.signed.needs:
        page.actor = page.person.signed.actor


def _person(page: Page, csrf: str) -> Person | None:
    desk = page.office.access
    if not isinstance(desk, Desk):
        return None
    token = desk.token(page.request)
    try:
        signed = desk.signed(page.request, csrf)
    except Refused as error:
        if error.slug != "no-caller":
            raise
        signed = None
    return Person(page.office, desk, signed, token) if signed is not None else None


def _sent_away(one: Served, page: Page) -> Response | None:
    """The page that comes first: signing in, or what the session lacks; None where this one may be seen. Raises Refused."""
    if one.scope == PUBLIC:
        return None
    if page.person is None:
        over = "session-over" if isinstance(page.office.access, Desk) and page.office.access.token(page.request) else ""
        return page.go(SIGN_IN, over, next=page.path if one.method == "GET" else "")
    if page.person.signed.needs and not one.early:
        return page.go(NEEDS[page.person.signed.needs])
    if one.scope != SESSION and not page.may(one.scope):
        raise Refused("forbidden", f"the scope is {one.scope}")
    return None


def _refused(one: Served, page: Page, error: Refused | RegistryError) -> Response:
    refused = error if isinstance(error, Refused) else refused_by(error)
    page.trouble = trouble_of(refused, page.t)
    page.status = (
        page.trouble.status if page.trouble.status != 401 else 403
    )  # 401 is for programs: it needs a challenge
    if one.again is not None and refused.slug not in ("failed", "unavailable") and _may_come_back(one, page):
        try:
            return _with(one.again(page), refused)
        except (Refused, RegistryError):  # what it stands on may be gone, or not theirs
            pass
    return _with(page.render("trouble.html", told=True), refused)


def _may_come_back(one: Served, page: Page) -> bool:
    """Whether the page that a form came from may be shown: anybody else would see it in the name of a citizen."""
    if one.scope == PUBLIC:
        return True
    return page.person is not None and (one.scope == SESSION or page.may(one.scope))


def _with(answer: Response, refused: Refused) -> Response:
    if "Retry-After" in refused.headers:
        answer.headers["Retry-After"] = refused.headers["Retry-After"]
    return answer


def _check_origin(request: Request, office: Office) -> None:
    """Raise Refused where a form does not come from our own pages."""
    said = request.headers.get("origin", "")
    own = {f"{request.url.scheme}://{request.url.netloc}", office.public_url.rstrip("/")} - {""}
    site = request.headers.get("sec-fetch-site", "same-origin")
    if said not in own or site not in ("same-origin", "none"):
        raise Refused(
            "forbidden", "the form does not come from this site", "open the page again and send it from there"
        )


def _kept_language(answer: Response, request: Request, language: str) -> Response:
    if request.cookies.get(LANGUAGE_COOKIE) != language:
        secure = request.url.scheme == "https"
        answer.set_cookie(
            LANGUAGE_COOKIE, language, 365 * 86_400, path="/", secure=secure, httponly=True, samesite="lax"
        )
    return answer


def _back(page: Page) -> Response:
    """The page above one that forms alone are sent to: its address comes from a reader who reloads or chooses another language."""
    return page.go(page.path.rpartition("/")[0] or "/")


def _lost(page: Page) -> Response:
    if page.path in ("/", STAFF + "/"):
        return page.go(page.path.rstrip("/") or "/")
    raise Refused("not-found")


def _to_first(request: Request) -> Response:
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    return RedirectResponse(f"/{kept if kept in LANGUAGES else LANGUAGES[0]}/", 303)


def _icon(request: Request) -> Response:
    return RedirectResponse(asset("icon.svg"), 303)


def safe_next(text: str) -> str:
    """Where to go after signing in, as a path without its language: a page of the office, never another site."""
    parts = urlsplit(text)
    own = text.startswith(STAFF) and not parts.scheme and not parts.netloc and not set(text) & set("\\\r\n\t")
    return text if own and text != SIGN_IN else STAFF
