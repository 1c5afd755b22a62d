"""Appeals against one's own number being stopped: filed, proven by a code, followed, withdrawn."""

from starlette.responses import Response

from tosqauyl.web.appeal_bodies import AppealIn, AppealTicketIn, CodeIn
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.appeals import (
    file_appeal,
    follow_appeal,
    prove_appeal,
    send_appeal_code,
    withdraw_appeal,
)

pages = Pages()


@pages.get("/appeal")
def appeal_page(page: Page) -> Response:
    """The form."""
    return page.render("public/appeal.html")


@pages.post("/appeal", again=appeal_page)
def appeal_filed(page: Page) -> Response:
    """The ticket, and the next step: proving the number."""
    form = page.form
    said = body_of(
        AppealIn, number=form["number"], text=form["text"], contact=form["contact"], language=page.language, rule=form["rule"],
    )  # fmt: skip
    return _standing(page, page.ask(file_appeal, said=said).ticket, is_new=True)


@pages.get("/appeal/follow")
def appeal_follow_page(page: Page) -> Response:
    """Where a ticket is typed."""
    return page.render("public/appeal-follow.html")


@pages.post("/appeal/follow", again=appeal_follow_page)
def appeal_followed(page: Page) -> Response:
    """How the appeal stands."""
    return _standing(page, page.form["ticket"])


def _again(page: Page) -> Response:
    """The appeal, with what was wrong; where not even that can be shown, the page where a ticket is typed."""
    try:
        return _standing(page, page.form["ticket"])
    except Refused:
        return appeal_follow_page(page)


@pages.post("/appeal/send-code", again=_again)
def appeal_code_sent(page: Page) -> Response:
    """The appeal once a code is on its way."""
    page.ask(send_appeal_code, said=body_of(AppealTicketIn, ticket=page.form["ticket"]))
    return _standing(page, page.form["ticket"])


@pages.post("/appeal/prove", again=_again)
def appeal_proven(page: Page) -> Response:
    """The appeal once a code was entered."""
    said = body_of(CodeIn, ticket=page.form["ticket"], code=page.form["code"])
    entered = page.ask(prove_appeal, said=said)
    if not entered.proven:
        what = "this is not the code that was sent"
        raise Refused("invalid", fields=[FieldProblem(where="/code", what=what)])
    return _standing(page, page.form["ticket"])


@pages.post("/appeal/withdraw", again=_again)
def appeal_withdrawn(page: Page) -> Response:
    """The appeal once it was taken back."""
    page.ask(withdraw_appeal, said=body_of(AppealTicketIn, ticket=page.form["ticket"]))
    return _standing(page, page.form["ticket"])


def _standing(page: Page, ticket: str, is_new: bool = False) -> Response:
    found = page.ask(follow_appeal, said=body_of(AppealTicketIn, ticket=ticket))
    return page.render("public/appeal-standing.html", found=found, ticket=ticket, is_new=is_new)
