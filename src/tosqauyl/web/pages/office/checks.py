"""Reported numbers that an operator must check, and its message to the Anti-Fraud Centre."""

from collections.abc import Mapping
from uuid import UUID

from starlette.responses import Response

from tosqauyl.registry.checks import SOURCES, STATES, Filter
from tosqauyl.registry.words import CHECK_OUTCOMES
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.actions import list_askable_organisations
from tosqauyl.web.routes.checks import (
    CheckIn,
    ChecksIn,
    DecideIn,
    decide_check,
    list_checks,
    open_number_check,
    read_check,
    reveal_check_numbers,
    tell_centre,
    tell_centre_csv,
)

pages = Pages()
SCOPE = "checks:write"
LIST = "/office/checks"
ONE = "/office/checks/{check_id}"
OUTCOMES = tuple(one for one in CHECK_OUTCOMES if one)
NUMBER_PLACES = tuple(f"/person/numbers/{place}" for place in range(100))
FILE = "centre-message"


@pages.get(LIST, SCOPE)
def checks_page(page: Page) -> Response:
    """Checks of the own organisation, at the centre of all; of a state, an outcome, late ones, of one number."""
    return _listed(page, {})


@pages.post(LIST, SCOPE, again=checks_page)
def check_opened(page: Page) -> Response:
    """Have a number checked."""
    form = page.form
    said = body_of(CheckIn, number=form["number"], source=form["source"], operator=form["operator"])
    return page.go(f"{LIST}/{page.ask(open_number_check, said=said).id}", "check-opened")


@pages.post(LIST + "/reveal", SCOPE, again=checks_page)
def checks_revealed(page: Page) -> Response:
    """The list with the numbers of the ticked in clear, on this answer only."""
    found = page.ask(reveal_check_numbers, said=_ticked(page))
    return _listed(page, {one.id: one.number for one in found.items})


@pages.post(LIST + "/tell", SCOPE, again=checks_page)
def centre_told(page: Page) -> Response:
    """The message of the ticked to the Centre, as a file: they count as told from now on."""
    said = _ticked(page)
    if page.form["as"] == "json":
        message = page.ask(tell_centre, said=said)
        answer = Response(message.model_dump_json(by_alias=True, indent=1) + "\n", media_type="application/json")
        return _as_file(answer, "json")
    return _as_file(page.ask(tell_centre_csv, said=said), "csv")


@pages.get(ONE, SCOPE)
def check_shown(page: Page) -> Response:
    """One check, to be answered."""
    return _one(page, "")


@pages.post(ONE + "/reveal", SCOPE, again=check_shown)
def check_revealed(page: Page) -> Response:
    """Its number in clear, on this answer only."""
    said = body_of(ChecksIn, ids=[page.id("check_id")])
    return _one(page, page.ask(reveal_check_numbers, said=said).items[0].number)


@pages.post(ONE + "/decide", SCOPE, again=check_shown)
def check_decided(page: Page) -> Response:
    """Say what was found, and of whom."""
    form = page.form
    numbers = [one for line in form["numbers"].splitlines() if (one := line.strip())]
    person = {
        "name": form["name"], "iin": form["iin"], "numbers": numbers, "justification": form["justification"],
        "registered": form["nobody"] != "yes",
    }  # fmt: skip
    said = body_of(DecideIn, version=form.number("version"), outcome=form["outcome"], person=person)
    page.ask(decide_check, check_id=page.id("check_id"), said=said)
    return page.go(f"{LIST}/{page.id('check_id')}", "check-decided")


def _ticked(page: Page) -> ChecksIn:
    return body_of(ChecksIn, ids=list(page.form.all("check")))


def _as_file(answer: Response, ending: str) -> Response:
    answer.headers["Content-Disposition"] = f'attachment; filename="{FILE}.{ending}"'
    return answer


def _one(page: Page, number: str) -> Response:
    found = page.ask(read_check, check_id=page.id("check_id"))
    return page.render("office/check.html", found=found, number=number, outcomes=OUTCOMES, number_places=NUMBER_PLACES)


def _listed(page: Page, numbers: Mapping[UUID, str]) -> Response:
    """The list as its address, or a form that was sent from it, asks for it."""
    t = page.t
    said = {name: page.form[name] or page.query.get(name, "") for name in ("state", "outcome", "late")}
    wanted = Filter(
        said["state"] if said["state"] in STATES else "", said["outcome"] if said["outcome"] in OUTCOMES else "",
        said["late"] == "yes", page.cursor("observable"),
    )  # fmt: skip
    found = page.ask(list_checks, wanted=wanted, cursor=page.cursor())
    chosen = page.ask(list_askable_organisations) if page.actor.sees_all and page.may("cases:write") else []
    return page.render(
        "office/checks.html", found=found, wanted=wanted, numbers=numbers,
        states=[(one, label("check", one, t)) for one in STATES],
        outcomes=[(one, label("check-outcome", one, t)) for one in OUTCOMES],
        sources=[(one, label("check-source", one, t)) for one in SOURCES],
        operators=[(one.id, one.name) for one in chosen if one.kind == "operator"],
    )  # fmt: skip
