"""Appeals as those see them who decide, and those whose word proves a number."""

from starlette.responses import Response

from tosqauyl.registry.decisions import Filter
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.lookup import reason_texts
from tosqauyl.registry.words import APPEAL_MOVES
from tosqauyl.web.appeal_bodies import AppealOut, ConfirmIn, DecideIn, OpenedAppealOut, RevealedAppealOut
from tosqauyl.web.bodies import PurposeIn
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.office.indicators import named, published
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.appeals import (
    confirm_appeal,
    decide_appeal,
    list_appeals,
    list_unproven_appeals,
    list_waiting_appeals,
    open_appeal,
    read_appeal,
    reveal_appeal,
)
from tosqauyl.web.routes.conditions import ConditionOut, list_conditions
from tosqauyl.web.routes.indicators import IndicatorOut, list_indicators, read_indicator

pages = Pages()
LIST = "/office/appeals"
ONE = "/office/appeals/{appeal_id}"
UNPROVEN = "/office/unproven-appeals"
STATES = tuple(APPEAL_MOVES)
EVERY = "all"
MOST = 200
"""Of the list that waits: it has no pages, what is late stands on top."""


@pages.get(LIST, "appeals:write")
def appeals_page(page: Page) -> Response:
    """Those that wait for a decision, late ones on top; or all of a state."""
    state = page.query.get("state", "")
    states = [*named(page, "appeal", STATES), (EVERY, page.t("all"))]
    if state not in (*STATES, EVERY) and page.actor.sees_all:
        waiting = page.ask(list_waiting_appeals, limit=MOST)
        return page.render("office/appeals.html", found=None, appeals=waiting, state="", states=states)
    found = page.ask(list_appeals, state=state if state in STATES else None, cursor=page.cursor())
    return page.render("office/appeals.html", found=found, appeals=found.items, state=state or EVERY, states=states)


@pages.get(UNPROVEN, "checks:write")
def unproven_page(page: Page) -> Response:
    """Appeals of numbers of the own network that wait for the operator's word."""
    return _unproven(page, None)


@pages.post(UNPROVEN + "/{appeal_id}/reveal", "checks:write", again=unproven_page)
def appeal_revealed(page: Page) -> Response:
    """The same list, with one number in clear on this answer only."""
    return _unproven(page, page.ask(reveal_appeal, appeal_id=page.id("appeal_id")))


@pages.post(UNPROVEN + "/{appeal_id}/confirm", "checks:write", again=unproven_page)
def appeal_confirmed(page: Page) -> Response:
    """Whoever appeals is the number's subscriber."""
    said = body_of(ConfirmIn, version=page.form.number("version"))
    page.ask(confirm_appeal, appeal_id=page.id("appeal_id"), said=said)
    return page.go(UNPROVEN, "confirmed")


@pages.get(ONE, "appeals:write")
def appeal_shown(page: Page) -> Response:
    """What it is against, its clock, and the decision."""
    return _one(page, page.ask(read_appeal, appeal_id=page.id("appeal_id")), None)


@pages.post(ONE + "/open", "appeals:write", again=appeal_shown)
def appeal_opened(page: Page) -> Response:
    """Number, text and contact in clear, on this answer only."""
    which = page.id("appeal_id")
    opened = page.ask(open_appeal, appeal_id=which, said=body_of(PurposeIn, purpose=page.form["purpose"]))
    return _one(page, page.ask(read_appeal, appeal_id=which), opened)


@pages.post(ONE + "/decide", "appeals:write", again=appeal_shown)
def appeal_decided(page: Page) -> Response:
    """Uphold or reject it; gates know it at once."""
    form = page.form
    chosen = {"upheld": form["upheld"] == "yes"} if form["upheld"] in ("yes", "no") else {}
    said = body_of(
        DecideIn,
        version=form.number("version"),
        answer=form["answer"],
        allow_until=form.moment("allow_until"),
        **chosen,
    )
    page.ask(decide_appeal, appeal_id=page.id("appeal_id"), said=said)
    return page.go(f"{LIST}/{page.id('appeal_id')}", "decided")


def _unproven(page: Page, revealed: RevealedAppealOut | None) -> Response:
    found = page.ask(list_unproven_appeals, cursor=page.cursor())
    return page.render("office/unproven.html", found=found, revealed=revealed)


def _one(page: Page, found: AppealOut, opened: OpenedAppealOut | None) -> Response:
    entries, blocks = _entries(page, found), _blocks(page, found)
    approved = {entry.approved_by for entry in entries} | {block.approved_by for block in blocks}
    return page.render(
        "office/appeal.html", found=found, opened=opened, entries=entries, blocks=blocks, texts=reason_texts(),
        own=page.actor.name in approved, published=published(page, found.observable),
    )  # fmt: skip


def _entries(page: Page, found: AppealOut) -> list[IndicatorOut]:
    """What the office says against the number now, and what the appeal was filed against where that has ended."""
    if not page.may("cases:read"):
        return []
    wanted = Filter(state="active", observable=found.observable)
    entries = [one for one in page.ask(list_indicators, wanted=wanted).items if one.verdict in ("fraud", "suspect")]
    if found.indicator is None or found.indicator in {one.id for one in entries}:
        return entries
    try:
        return [page.ask(read_indicator, indicator_id=found.indicator), *entries]
    except Absent:  # of another organisation
        return entries


def _blocks(page: Page, found: AppealOut) -> list[ConditionOut]:
    """Blocks by hand that hold or wait."""
    if not page.may("cases:read"):
        return []
    held = page.ask(list_conditions, observable=found.observable, only_open=True).items
    return [one for one in held if one.condition != "allow"]
