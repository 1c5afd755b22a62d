"""One's own account: who one is, password, authenticator."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from tosqauyl.registry import accounts, sessions, totp
from tosqauyl.registry.actor import CENTRE
from tosqauyl.registry.errors import Forbidden
from tosqauyl.registry.passwords import MOST
from tosqauyl.web.access import Person, known, signed_in
from tosqauyl.web.problems import problems
from tosqauyl.web.routes.sign_in import Code, Needs, SignedIn, answered
from tosqauyl.web.texts import plain

router = APIRouter(tags=["sign-in"])
_Person = Annotated[Person, Depends(signed_in())]


class MeOut(BaseModel):
    """Who is signed in, what he may do, and what the session still needs, see POST /v1/sign-in. csrf: for X-CSRF-Token."""

    id: UUID
    login: str
    organisation: str
    kind: str
    role: str
    scopes: list[str]
    sees_all: bool
    language: str
    second_factor: bool
    needs: Needs
    csrf: str


class PasswordIn(BaseModel):
    """password: the one of now; new_password: at least twelve characters, not a common one, without the login."""

    model_config = ConfigDict(extra="forbid")
    password: Annotated[str, plain(MOST, min_length=1)]
    new_password: Annotated[str, plain(MOST, min_length=1)]


class SecretOut(BaseModel):
    """For the authenticator: secret as base 32, and the same as an otpauth: address for a QR code. It is shown this once."""

    secret: str
    uri: str


@router.get("/v1/me", response_model=MeOut, responses=problems("not-found"))
def read_me(person: _Person) -> MeOut:
    """Who is signed in here."""
    signed, account = person.signed, person.signed.account
    return MeOut(
        id=account.id, login=account.login, organisation=account.organisation, kind=signed.kind, role=account.role,
        scopes=sorted(signed.actor.scopes), sees_all=account.organisation == CENTRE, language=account.language,
        second_factor=account.totp_on, needs=signed.needs, csrf=sessions.csrf_of(person.token),  # type: ignore[arg-type]
    )  # fmt: skip


@router.post("/v1/me/password", status_code=204, responses=problems("not-found"))
def change_my_password(said: PasswordIn, person: _Person, response: Response) -> None:
    """Change the password. Every session ends, this one too: sign in again."""
    if person.signed.needs == "code":
        raise Forbidden("the code of the authenticator comes first")
    desk, wanted = person.desk, accounts.PasswordChange(said.password, said.new_password)
    with known():
        accounts.change_password(desk.registry, desk.passwords, desk.rules, person.signed.actor, wanted)
    desk.drop_cookie(response)


@router.post("/v1/me/totp", response_model=SecretOut, responses=problems("not-found", "conflict"))
def begin_totp(person: _Person) -> SecretOut:
    """Get a secret for an authenticator. It counts once its first code was shown."""
    if person.signed.needs == "password":
        raise Forbidden("the password must be changed first")
    with person.desk.registry.work(person.signed.actor) as work:
        secret, uri = totp.begin(work, accounts.get(work, person.signed.account.id))
    return SecretOut(secret=secret, uri=uri)


@router.post("/v1/me/totp:confirm", response_model=SignedIn, responses=problems("not-found"))
def confirm_totp(said: Code, person: _Person, response: Response) -> SignedIn:
    """Show the first code of the authenticator: from now on it is asked for. All sessions end, this one is replaced."""
    with known():
        opened = sessions.confirm_totp(person.desk.registry, person.desk.rules, person.token, said.code)
    return answered(person.desk, response, opened)
