"""People come in and go: password, one-time code, the token of a new account, single sign-on.

A wrong login, a wrong password, a locked and a disabled account get one answer. Nothing here is kept under an Idempotency-Key: each
answer holds a session.
"""

from html import escape
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.responses import HTMLResponse, RedirectResponse

from tosqauyl.registry import accounts, oidc, sessions
from tosqauyl.registry.actor import CITIZEN, SYSTEM
from tosqauyl.registry.buckets import charge
from tosqauyl.registry.oidc import Relying
from tosqauyl.registry.passwords import MOST
from tosqauyl.registry.sessions import Opened
from tosqauyl.web.access import PENDING, Desk, Person, Visitor, at_the_door, known, signed_in
from tosqauyl.web.problems import Refused, problems
from tosqauyl.web.texts import plain

router = APIRouter(tags=["sign-in"])

Needs = Literal["", "password", "totp", "code"]
_Visitor = Annotated[Visitor, Depends(at_the_door())]
_Person = Annotated[Person, Depends(signed_in())]
_PENDING_SECONDS = oidc.PENDING_MS // 1000


class SignIn(BaseModel):
    """login: small letters."""

    model_config = ConfigDict(extra="forbid")
    login: Annotated[str, plain(100, min_length=1)]
    password: Annotated[str, plain(MOST, min_length=1)]


class Code(BaseModel):
    """code: six digits of the authenticator; blanks do no harm."""

    model_config = ConfigDict(extra="forbid")
    code: Annotated[str, plain(10, min_length=6)]


class SetUp(BaseModel):
    """token: what the admin handed over; it works once."""

    model_config = ConfigDict(extra="forbid")
    token: Annotated[str, plain(100, min_length=20)]
    password: Annotated[str, plain(MOST, min_length=1)]


class SignedIn(BaseModel):
    """The session itself is in the cookie. csrf: for the header X-CSRF-Token of every write; needs: what comes next before anything
    else can be done: '' nothing, 'code' POST /v1/sign-in/code, 'totp' POST /v1/me/totp, 'password' POST /v1/me/password."""

    csrf: str
    needs: Needs


@router.post("/v1/sign-in", response_model=SignedIn, responses=problems("not-found"))
def sign_in(said: SignIn, at_door: _Visitor, response: Response) -> SignedIn:
    """Sign in with login and password."""
    charge(at_door.desk.registry, CITIZEN, at_door.address, "sign-in")
    desk = at_door.desk
    with known():
        opened = sessions.sign_in(desk.registry, desk.passwords, desk.rules, said.login, said.password)
    return answered(desk, response, opened)


@router.post("/v1/sign-in/code", response_model=SignedIn, responses=problems("not-found"))
def sign_in_with_code(said: Code, person: _Person, response: Response) -> SignedIn:
    """Show the second factor. The session is replaced by a new one."""
    with known():
        opened = sessions.enter_code(person.desk.registry, person.desk.rules, person.token, said.code)
    return answered(person.desk, response, opened)


@router.post("/v1/sign-out", status_code=204, responses=problems("not-found"))
def sign_out(person: _Person, response: Response) -> None:
    """End this session."""
    with person.desk.registry.work(person.signed.actor) as work:
        sessions.end(work, person.signed.session)
    person.desk.drop_cookie(response)


@router.post("/v1/sign-out/everywhere", status_code=204, responses=problems("not-found"))
def sign_out_everywhere(person: _Person, response: Response) -> None:
    """End every session of the account, this one too."""
    with person.desk.registry.work(person.signed.actor) as work:
        sessions.end_all(work, person.signed.account.id)
    person.desk.drop_cookie(response)


@router.post("/v1/set-up", status_code=204, responses=problems("not-found"))
def set_up_account(said: SetUp, at_door: _Visitor) -> None:
    """Set the password of a new account, or of one that an admin reset, then sign in with it."""
    charge(at_door.desk.registry, CITIZEN, at_door.address, "sign-in")
    with known():
        accounts.set_up(at_door.desk.registry, at_door.desk.passwords, said.token, said.password)


@router.get(
    "/v1/sign-in/sso", status_code=303, response_class=RedirectResponse,
    responses={**problems("not-found"), 303: {"description": "To the identity provider."}},
)  # fmt: skip
def begin_single_sign_on(at_door: _Visitor) -> Response:
    """Go to the identity provider. It sends the browser back to /v1/sign-in/sso/callback."""
    charge(at_door.desk.registry, CITIZEN, at_door.address, "sign-in")
    single, desk = _single(at_door.desk), at_door.desk
    with known():
        where, pending = single.begin()
    answer = RedirectResponse(where, 303)
    # Lax: the browser comes back from another site, and must bring it.
    answer.set_cookie(
        desk.cookie(PENDING), pending, _PENDING_SECONDS, path="/", secure=desk.secure, httponly=True, samesite="lax"
    )
    return answer


@router.get(
    "/v1/sign-in/sso/callback", response_class=HTMLResponse,
    responses={**problems("not-found", "conflict"), 200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def end_single_sign_on(at_door: _Visitor, request: Request) -> Response:
    """Come back from the identity provider, with `code`, `state` and `iss` in the query.

    The answer is a page that goes on to the console by itself: a redirect would still be the other site's, and the browser would
    not send the session's cookie with it.
    """
    charge(at_door.desk.registry, CITIZEN, at_door.address, "sign-in")
    single, desk = _single(at_door.desk), at_door.desk
    query = {name: value for name, value in request.query_params.items() if len(value) <= 4_096}
    with known():
        person = single.finish(request.cookies.get(desk.cookie(PENDING), ""), query)
        with desk.registry.work(SYSTEM) as work:
            account = oidc.account_of(work, single.provider, person)
            opened = sessions.enter_as(work, account.id, desk.rules, person.second_factor)
    answer = HTMLResponse(_page(at_door.office.public_url))
    desk.set_cookie(answer, opened.token)
    answer.delete_cookie(desk.cookie(PENDING), path="/", secure=desk.secure, httponly=True, samesite="lax")
    return answer


def _page(public_url: str) -> str:
    where = escape(public_url.rstrip("/") + "/", quote=True)
    go = f'<meta http-equiv="refresh" content="0; url={where}">'
    link = f'<a href="{where}">&rarr;</a>'
    return f'<!doctype html><html lang="en"><head>{go}<title>Tosqauyl</title></head><body>{link}</body></html>'


def _single(desk: Desk) -> Relying:
    if desk.single is None:
        raise Refused("not-found", "no identity provider is configured")
    return desk.single


def answered(desk: Desk, response: Response, opened: Opened) -> SignedIn:
    """The answer to whoever got a session, with its cookie."""
    desk.set_cookie(response, opened.token)
    return SignedIn(csrf=opened.csrf, needs=opened.needs)  # type: ignore[arg-type]
