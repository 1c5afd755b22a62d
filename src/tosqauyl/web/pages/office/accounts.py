"""Users and organisations, for admins. Nobody gets a password from here: a token that works once is shown, to be handed over."""

from starlette.responses import Response

from tosqauyl.registry.keys import ROLES_OF_KIND
from tosqauyl.registry.words import ORGANISATIONS, ROLES
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.trouble import VALUES
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.accounts import (
    AccountIn,
    HandedOut,
    OrganisationIn,
    OrganisationOut,
    ResetIn,
    RoleIn,
    Seen,
    add_account,
    add_organisation,
    change_role,
    disable_account,
    enable_account,
    erase_account,
    list_accounts,
    list_organisations,
    read_account,
    reset_account,
)

pages = Pages()
SCOPE = "accounts:write"
LIST = "/office/accounts"
NEW = "/office/accounts/new"
ONE = "/office/accounts/{account_id}"
TENANTS = "/office/organisations"


def organisations_of(page: Page) -> list[OrganisationOut]:
    """The organisations whose access the reader arranges."""
    return page.ask(list_organisations)


@pages.get(LIST, SCOPE)
def accounts_page(page: Page) -> Response:
    """All accounts, the latest first."""
    return page.render("office/accounts.html", found=page.ask(list_accounts, cursor=page.cursor()))


@pages.get(NEW, SCOPE)
def new_account_page(page: Page) -> Response:
    """The form."""
    return page.render("office/account-new.html", tenants=organisations_of(page), roles=ROLES)


@pages.post(NEW, SCOPE, again=new_account_page)
def account_added(page: Page) -> Response:
    """The token for its person, on this answer only."""
    form = page.form
    said = body_of(
        AccountIn, login=form["login"], role=form["role"], organisation=form["organisation"], language=form["language"]
    )
    return _handed_out(page, page.ask(add_account, said=said))


@pages.get(ONE, SCOPE)
def account_shown(page: Page) -> Response:
    """One account and what can be done with it."""
    found = page.ask(read_account, account_id=page.id("account_id"))
    kinds = {one.id: one.kind for one in organisations_of(page)}
    own = str(found.id) == page.actor.account
    return page.render("office/account.html", found=found, own=own, roles=ROLES_OF_KIND[kinds[found.organisation]])


@pages.post(ONE + "/disable", SCOPE, again=account_shown)
def account_disabled(page: Page) -> Response:
    """Its sessions end at once."""
    page.ask(disable_account, account_id=page.id("account_id"), said=_seen(page))
    return _done(page, "account-disabled")


@pages.post(ONE + "/enable", SCOPE, again=account_shown)
def account_enabled(page: Page) -> Response:
    """Enabled again, or unlocked."""
    page.ask(enable_account, account_id=page.id("account_id"), said=_seen(page))
    return _done(page, "account-enabled")


@pages.post(ONE + "/role", SCOPE, again=account_shown)
def account_role_changed(page: Page) -> Response:
    """Another role; its sessions end."""
    said = body_of(RoleIn, version=page.form.number("version"), role=page.form["role"])
    page.ask(change_role, account_id=page.id("account_id"), said=said)
    return _done(page, "role-changed")


@pages.post(ONE + "/reset", SCOPE, again=account_shown)
def account_reset(page: Page) -> Response:
    """A new token for its person, on this answer only."""
    said = body_of(ResetIn, version=page.form.number("version"), codes=page.form["codes"] == "yes")
    return _handed_out(page, page.ask(reset_account, account_id=page.id("account_id"), said=said))


@pages.post(ONE + "/erase", SCOPE, again=account_shown)
def account_erased(page: Page) -> Response:
    """Disabled for good, without its person's data. What cannot be undone is asked for twice."""
    if page.form["sure"] != "yes":
        raise Refused("invalid", fields=[FieldProblem(where="/sure", what=VALUES["missing"])])
    page.ask(erase_account, account_id=page.id("account_id"), said=_seen(page))
    return _done(page, "account-erased")


@pages.get(TENANTS, SCOPE)
def organisations_page(page: Page) -> Response:
    """All organisations, and for the centre the form of a new one."""
    kinds = [one for one in ORGANISATIONS if one != "centre"]
    return page.render("office/organisations.html", found=organisations_of(page), kinds=kinds)


@pages.post(TENANTS, SCOPE, again=organisations_page)
def organisation_added(page: Page) -> Response:
    """A new tenant."""
    form = page.form
    page.ask(add_organisation, said=body_of(OrganisationIn, id=form["id"], kind=form["kind"], name=form["name"]))
    return page.go(TENANTS, "organisation-added")


def _seen(page: Page) -> Seen:
    return body_of(Seen, version=page.form.number("version"))


def _done(page: Page, word: str) -> Response:
    return page.go(f"{LIST}/{page.id('account_id')}", word)


def _handed_out(page: Page, made: HandedOut) -> Response:
    return page.render("office/account-token.html", made=made)
