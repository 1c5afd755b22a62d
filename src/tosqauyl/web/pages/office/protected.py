"""Protected identities: numbers, sites and senders that really belong to those in whose name fraudsters speak."""

from starlette.responses import Response

from tosqauyl.registry.protected import KINDS
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.office.indicators import named
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.protected import (
    IdentityIn,
    add_protected_identity,
    end_protected_identity,
    list_protected_identities,
)

pages = Pages()
LIST = "/office/protected"


@pages.get(LIST, "cases:read")
def protected_page(page: Page) -> Response:
    """What is protected now, or ever was; and the form that adds to it."""
    every = page.query.get("shown") == "all"
    found = page.ask(list_protected_identities, only_current=not every, cursor=page.cursor())
    return page.render("office/protected.html", found=found, every=every, kinds=named(page, "identity", KINDS))


@pages.post(LIST, "decisions:approve", again=protected_page)
def identity_added(page: Page) -> Response:
    """It is never blocked from now on."""
    form = page.form
    said = body_of(IdentityIn, body=form["body"], kind=form["kind"], value=form["value"], source=form["source"])
    page.ask(add_protected_identity, said=said)
    return page.go(LIST, "protected")


@pages.post(LIST + "/{identity_id}/end", "decisions:approve", again=protected_page)
def identity_ended(page: Page) -> Response:
    """It is protected no longer."""
    page.ask(end_protected_identity, identity_id=page.id("identity_id"))
    return page.go(LIST, "unprotected")
