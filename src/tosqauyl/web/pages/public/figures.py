"""How many victims, what damage, how many calls stopped: each figure with what it counts, of which days, in which unit, by whom."""

from starlette.responses import Response

from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.statistics import read_public_figures

pages = Pages()


@pages.get("/figures")
def figures_page(page: Page) -> Response:
    """All public figures."""
    return page.render("public/figures.html", found=page.ask(read_public_figures))
