"""The guided tour, where the office's configuration says that it is a demonstration."""

from starlette.responses import Response

from tosqauyl.web.access import SESSION
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.tour import IN_QUERY, STEPS, TOUR
from tosqauyl.web.problems import Refused

pages = Pages()


@pages.get(TOUR, SESSION)
def tour_page(page: Page) -> Response:
    """What there is to see."""
    _check_demo(page)
    return page.render("office/tour.html", steps=STEPS)


@pages.get(TOUR + "/{step}", SESSION)
def tour_step_page(page: Page) -> Response:
    """One step, and the way to what it speaks of."""
    _check_demo(page)
    numbers = {str(number): number for number in range(1, len(STEPS) + 1)}
    number = numbers.get(page.ids["step"], 0)
    if not number:
        raise Refused("not-found")
    step = STEPS[number - 1]
    seen = page.at(step.path, **step.query, **{IN_QUERY: str(number)})
    return page.render(
        "office/tour-step.html", step=step, number=number, last=len(STEPS), seen=seen,
        may=not step.scope or page.may(step.scope),
    )  # fmt: skip


def _check_demo(page: Page) -> None:
    """Raises Refused: an office for real has no tour."""
    if not page.office.is_demo:
        raise Refused("not-found")
