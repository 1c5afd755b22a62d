"""Keys of programs, for admins: made, shown once, revoked."""

from starlette.responses import Response

from tosqauyl.registry.actor import SCOPES
from tosqauyl.registry.keys import KEY_SCOPES, MOST_DAYS, PERSONS_ONLY
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.office.accounts import SCOPE, organisations_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.keys import KeyIn, add_key, list_keys, revoke_key

pages = Pages()
LIST = "/office/keys"
NEW = "/office/keys/new"
GIVEN_DAYS = "365"


@pages.get(LIST, SCOPE)
def keys_page(page: Page) -> Response:
    """All keys, the latest first."""
    return page.render("office/keys.html", found=page.ask(list_keys, cursor=page.cursor()))


@pages.get(NEW, SCOPE)
def new_key_page(page: Page) -> Response:
    """The form."""
    scopes = [one for one in SCOPES if one not in PERSONS_ONLY]
    return page.render(
        "office/key-new.html", tenants=organisations_of(page), roles=tuple(KEY_SCOPES), scopes=scopes, days=GIVEN_DAYS,
        most_days=MOST_DAYS,
    )  # fmt: skip


@pages.post(NEW, SCOPE, again=new_key_page)
def key_added(page: Page) -> Response:
    """The key itself, on this answer only."""
    form = page.form
    said = body_of(
        KeyIn, name=form["name"], role=form["role"], organisation=form["organisation"], scopes=list(form.all("scope")),
        days=form.number("days"),
    )  # fmt: skip
    return page.render("office/key-made.html", made=page.ask(add_key, said=said))


@pages.post(LIST + "/{key_id}/revoke", SCOPE, again=keys_page)
def key_revoked(page: Page) -> Response:
    """Over at once."""
    page.ask(revoke_key, key_id=page.id("key_id"))
    return page.go(LIST, "key-revoked")
