"""The first page: one box that takes a number, a link or an account, and what was published about it."""

from starlette.responses import Response

from tosqauyl.registry.observable_forms import guess
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.lookup import CheckIn, check_value
from tosqauyl.web.routes.statistics import read_public_figures

pages = Pages()


@pages.get("/")
def first_page(page: Page) -> Response:
    """The box, and the ways to everything else."""
    found = None if page.trouble else page.ask(read_public_figures)
    return page.render("public/first.html", figures=found)


@pages.post("/check", again=first_page)
def checked(page: Page) -> Response:
    """What is known of what was typed. It is not repeated in the address: a number is somebody's."""
    value = page.form["value"]
    said = body_of(CheckIn, kind=guess(value), value=value)
    return page.render("public/checked.html", found=page.ask(check_value, said=said), kind=said.kind, value=value)
