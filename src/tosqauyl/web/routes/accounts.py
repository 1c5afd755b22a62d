"""Organisations and accounts, for admins. Those of a tenant see and arrange their own."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from tosqauyl.registry import accounts as desk
from tosqauyl.registry import erasure
from tosqauyl.registry.tables import Account
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["access"])

Role = Literal["operator", "analyst", "supervisor", "auditor", "bank", "police", "admin"]
Kind = Literal["centre", "operator", "bank", "police", "platform"]
NewKind = Literal["operator", "bank", "police", "platform"]
_Admin = Annotated[Caller, Depends(needs("accounts:write"))]


class OrganisationIn(BaseModel):
    """A tenant. id: a short name of small letters, for good."""

    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(pattern=f"^{desk.SLUG}$", max_length=32)]
    kind: NewKind
    name: Annotated[str, plain(200, min_length=1)]


class OrganisationOut(BaseModel):
    """A tenant."""

    id: str
    kind: Kind
    name: str
    created: Moment


class AccountIn(BaseModel):
    """An account. organisation: '' for one's own."""

    model_config = ConfigDict(extra="forbid")
    login: Annotated[str, Field(pattern=f"^{desk.LOGIN}$", max_length=100)]
    role: Role
    organisation: Annotated[str, plain(32)] = ""
    language: Literal["kk", "ru", "en"] = "ru"


class AccountOut(BaseModel):
    """An account. second_factor: whether one-time codes are on; single_sign_on: whether an identity provider vouches for it;
    locked: until when, after failures."""

    id: UUID
    login: str
    organisation: str
    role: str
    language: str
    second_factor: bool
    single_sign_on: bool
    disabled: bool
    locked: Moment
    created: Moment
    version: int


class HandedOut(BaseModel):
    """An account and the token by which its person sets a password within three days: POST /v1/set-up. It is shown this once."""

    account: AccountOut
    token: str


class Seen(BaseModel):
    """version: of what was seen; another one is refused."""

    model_config = ConfigDict(extra="forbid")
    version: Annotated[int, Field(ge=1, lt=1 << 31, strict=True)]


class ResetIn(Seen):
    """codes: take the authenticator off, too."""

    codes: StrictBool = False


class RoleIn(Seen):
    """role: the new one."""

    role: Role


@router.get("/v1/organisations", response_model=list[OrganisationOut], responses=problems())
def list_organisations(caller: _Admin) -> list[OrganisationOut]:
    """The organisations, by id."""
    with caller.read() as work:
        return [OrganisationOut.model_validate(one, from_attributes=True) for one in desk.organisations(work)]


@router.post("/v1/organisations", response_model=OrganisationOut, status_code=201, responses=problems("conflict"))
def add_organisation(said: OrganisationIn, caller: _Admin) -> OrganisationOut:
    """Add a tenant. Only the centre does."""
    with caller.work() as work:
        made = desk.add_organisation(work, said.id, said.kind, said.name)
        return OrganisationOut.model_validate(made, from_attributes=True)


@router.get("/v1/accounts", response_model=Page[AccountOut], responses=problems())
def list_accounts(caller: _Admin, cursor: Cursor = None, limit: Limit = 50) -> Page[AccountOut]:
    """Accounts, the latest first."""
    with caller.read() as work:
        found = desk.search(work, cursor, limit)
        shown = [_shown(one) for one in found[:limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/v1/accounts/{account_id}", response_model=AccountOut, responses=problems("not-found"))
def read_account(account_id: UUID, caller: _Admin) -> AccountOut:
    """One account."""
    with caller.read() as work:
        return _shown(desk.get(work, account_id))


@router.post("/v1/accounts", response_model=HandedOut, status_code=201, responses=problems("not-found", "conflict"))
def add_account(said: AccountIn, caller: _Admin) -> HandedOut:
    """Add an account. There is no password: the token is handed over, and its person sets one."""
    organisation = said.organisation or caller.actor.organisation
    with caller.work() as work:
        made, token = desk.add(work, desk.NewAccount(said.login, said.role, organisation, said.language))
        work.db.flush()
        return HandedOut(account=_shown(made), token=token)


@router.post(
    "/v1/accounts/{account_id}:disable", response_model=AccountOut, responses=problems("not-found", "conflict")
)
def disable_account(account_id: UUID, said: Seen, caller: _Admin) -> AccountOut:
    """Disable an account. Its sessions end at once."""
    with caller.work() as work:
        return _shown(desk.disable(work, account_id, said.version))


@router.post("/v1/accounts/{account_id}:enable", response_model=AccountOut, responses=problems("not-found", "conflict"))
def enable_account(account_id: UUID, said: Seen, caller: _Admin) -> AccountOut:
    """Enable a disabled account again, or unlock one that failed too often."""
    with caller.work() as work:
        return _shown(desk.enable(work, account_id, said.version))


@router.post("/v1/accounts/{account_id}:role", response_model=AccountOut, responses=problems("not-found", "conflict"))
def change_role(account_id: UUID, said: RoleIn, caller: _Admin) -> AccountOut:
    """Give an account another role. Its sessions end."""
    with caller.work() as work:
        return _shown(desk.change_role(work, account_id, said.version, said.role))


@router.post("/v1/accounts/{account_id}:reset", response_model=HandedOut, responses=problems("not-found", "conflict"))
def reset_account(account_id: UUID, said: ResetIn, caller: _Admin) -> HandedOut:
    """Help somebody who lost password or authenticator. Be sure by other means who asks."""
    with caller.work() as work:
        made, token = desk.reset(work, account_id, said.version, said.codes)
        return HandedOut(account=_shown(made), token=token)


@router.post("/v1/accounts/{account_id}:erase", response_model=AccountOut, responses=problems("not-found", "conflict"))
def erase_account(account_id: UUID, said: Seen, caller: _Admin) -> AccountOut:
    """Disable an account for good and take its person's data from it. The audit trail keeps the old login."""
    with caller.work() as work:
        return _shown(erasure.erase_account(work, account_id, said.version))


def _shown(one: Account) -> AccountOut:
    return AccountOut(
        id=one.id, login=one.login, organisation=one.organisation, role=one.role, language=one.language, second_factor=one.totp_on,
        single_sign_on=bool(one.subject), disabled=one.disabled, locked=one.locked_until, created=one.created, version=one.version,
    )  # fmt: skip
