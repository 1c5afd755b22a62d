"""The own account: who one is here and what one may do, and the ways to password, authenticator and the end of all sessions."""

from starlette.responses import Response

from tosqauyl.registry.actor import SCOPES
from tosqauyl.web.access import SESSION
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import SIGN_IN, Pages
from tosqauyl.web.routes.me import read_me
from tosqauyl.web.routes.sign_in import sign_out_everywhere

pages = Pages()
PLACE = "/office/me"


@pages.get(PLACE, SESSION)
def me_page(page: Page) -> Response:
    """Login, organisation, role, and what the role may do, in words."""
    found = page.ask(read_me)
    return page.render("office/me.html", found=found, scopes=[one for one in SCOPES if one in found.scopes])


@pages.post(PLACE + "/sign-out-everywhere", SESSION, again=me_page)
def signed_out_everywhere(page: Page) -> Response:
    """Every session of the account is over, this one too."""
    answer = page.go(SIGN_IN, "signed-out-everywhere")
    page.ask(sign_out_everywhere, response=answer)
    return answer
