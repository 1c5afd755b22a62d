"""The inbox: everything that is due, what is latest first."""

from starlette.responses import Response

from tosqauyl.web.access import SESSION
from tosqauyl.web.pages.menu import menu
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import STAFF, Pages
from tosqauyl.web.routes.worklist import read_worklist

pages = Pages()
PLACES = {
    "check": "/office/checks/", "tell": "/office/checks/", "incident": "/office/incidents/", "action": "/office/actions/",
    "appeal": "/office/appeals/", "proposal": "/office/indicators/",
    "condition": "/office/conditions/", "mode": "/office/policy/rules/",
}  # fmt: skip
"""Kind of work -> where its page is."""
MOST = 100


@pages.get(STAFF, SESSION)
def inbox_page(page: Page) -> Response:
    """What is to be done; for whoever has no such work, what else there is."""
    if not page.may("reports:read"):
        return page.render("office/start.html", places=menu(page))
    kind, late = page.query.get("kind", ""), page.query.get("late", "") == "yes"
    found = page.ask(read_worklist, kind=kind if kind in PLACES else None, late=late, limit=MOST)
    return page.render(
        "office/inbox.html", found=found, kind=kind if kind in PLACES else "", late=late, places=PLACES, most=MOST
    )
