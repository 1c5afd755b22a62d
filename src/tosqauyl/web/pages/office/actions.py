"""What organisations are asked to do: seen and answered by those who are asked, followed by those who ask."""

from starlette.responses import Response

from tosqauyl.registry.actions import ANSWERS, OPEN, Filter
from tosqauyl.registry.words import ACTION_MOVES, ACTIONS
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.office.reports import filters_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.actions import (
    AcknowledgedIn,
    ActionOut,
    AnsweredIn,
    TargetOut,
    acknowledge_action,
    answer_action,
    list_actions,
    list_requested_actions,
    read_action,
    read_requested_action,
    reveal_target,
)

pages = Pages()
LIST = "/office/actions"
ONE = "/office/actions/{action_id}"
REQUESTED = "/office/requested-actions"
REQUESTED_ONE = "/office/requested-actions/{action_id}"
ASKED, ASKS = "actions:answer", "cases:read"
SHOWN = ("open", "late", "all")


def _wanted(page: Page, asked: bool) -> Filter:
    """What a list's address asks for: what is open, unless it says something else."""
    said = filters_of(page, {"shown": SHOWN, "state": ACTION_MOVES, "action": ACTIONS})
    is_open = not said["state"] and said["shown"] in ("", "open")
    return Filter(asked, said["state"], said["action"], None, is_open, said["shown"] == "late")


@pages.get(LIST, ASKED)
def actions_page(page: Page) -> Response:
    """What the own organisation is asked to do; at the centre what anybody is."""
    wanted = _wanted(page, asked=True)
    return _listed(page, LIST, wanted, page.ask(list_actions, wanted=wanted, cursor=page.cursor()))


@pages.get(REQUESTED, ASKS)
def requested_actions_page(page: Page) -> Response:
    """What the own organisation asks others to do; at the centre what anybody asks."""
    wanted = _wanted(page, asked=False)
    return _listed(page, REQUESTED, wanted, page.ask(list_requested_actions, wanted=wanted, cursor=page.cursor()))


@pages.get(REQUESTED_ONE, ASKS)
def requested_action_shown(page: Page) -> Response:
    """One action with its answer."""
    found = page.ask(read_requested_action, action_id=page.id("action_id"))
    return page.render("office/action.html", found=found, answer=found, target=None, answers=(), crumb=REQUESTED)


@pages.get(ONE, ASKED)
def action_shown(page: Page) -> Response:
    """One action, to be answered."""
    return _one(page, page.ask(read_action, action_id=page.id("action_id")), None)


@pages.post(ONE + "/reveal", ASKED, again=action_shown)
def action_revealed(page: Page) -> Response:
    """What shall be acted on, in clear, on this answer only."""
    which = page.id("action_id")
    target = page.ask(reveal_target, action_id=which)
    return _one(page, page.ask(read_action, action_id=which), target)


@pages.post(ONE + "/acknowledge", ASKED, again=action_shown)
def action_acknowledged(page: Page) -> Response:
    """It was read and will be done."""
    said = body_of(AcknowledgedIn, version=page.form.number("version"))
    page.ask(acknowledge_action, action_id=page.id("action_id"), said=said)
    return page.go(f"{LIST}/{page.id('action_id')}", "acknowledged")


@pages.post(ONE + "/answer", ASKED, again=action_shown)
def action_answered(page: Page) -> Response:
    """It was done, partly done, or is refused."""
    form = page.form
    said = body_of(AnsweredIn, version=form.number("version"), state=form["state"], text=form["text"])
    page.ask(answer_action, action_id=page.id("action_id"), said=said)
    return page.go(f"{LIST}/{page.id('action_id')}", "answered")


def _one(page: Page, found: ActionOut, target: TargetOut | None) -> Response:
    answers = ANSWERS if found.to == page.actor.organisation and found.state in OPEN else ()
    return page.render("office/action.html", found=found, answer=None, target=target, answers=answers, crumb=LIST)


def _listed(page: Page, place: str, wanted: Filter, found: object) -> Response:
    t = page.t
    shown = "late" if wanted.late else "open" if wanted.is_open else "" if wanted.state else "all"
    return page.render(
        "office/actions.html", found=found, wanted=wanted, shown=shown, place=place,
        kinds=[(one, label("action", one, t)) for one in ACTIONS],
        states=[(one, label("action-state", one, t)) for one in ACTION_MOVES],
    )  # fmt: skip
