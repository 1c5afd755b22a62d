"""Lists by hand: what somebody lets pass, and what two people have blocked, whatever is said of it."""

from starlette.responses import Response

from tosqauyl.registry.lookup import reason_texts
from tosqauyl.registry.words import CONDITIONS, OBSERVABLES, PERSPECTIVES
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.office.indicators import (
    MONTH,
    minute,
    named,
    observable_asked,
    observable_in,
    published,
)
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.conditions import (
    ConditionIn,
    VersionIn,
    confirm_condition,
    end_condition,
    list_conditions,
    read_condition,
    set_condition,
)

pages = Pages()
LIST = "/office/conditions"
ONE = "/office/conditions/{condition_id}"
NEW = "/office/conditions/new"
SHOWN = ("open", "waiting", "all")
"""What the list can be asked for."""


@pages.get(LIST, "cases:read")
def conditions_page(page: Page) -> Response:
    """What holds or waits, the latest first; or all that ever did."""
    asked = page.query.get("shown", "")
    shown = asked if asked in SHOWN else SHOWN[0]
    found = page.ask(
        list_conditions, observable=page.cursor("observable"), only_open=shown == "open", waiting=shown == "waiting",
        cursor=page.cursor(),
    )  # fmt: skip
    return page.render("office/conditions.html", found=found, shown=shown, observable=page.cursor("observable"))


@pages.get(NEW, "decisions:approve")
def new_condition_page(page: Page) -> Response:
    """The form. An observable's id may come from another page."""
    return page.render(
        "office/condition-new.html", of=observable_asked(page), kinds=named(page, "kind", OBSERVABLES),
        conditions=named(page, "condition", CONDITIONS), perspectives=named(page, "perspective", PERSPECTIVES),
        until=minute(page.now + MONTH),
    )  # fmt: skip


@pages.post(NEW, "decisions:approve", again=new_condition_page)
def condition_set(page: Page) -> Response:
    """An allowance that holds, or a block that waits for a second person."""
    form = page.form
    said = body_of(
        ConditionIn, **observable_in(form), condition=form["condition"], perspective=form["perspective"], why=form["why"],
        until=form.moment("until"),
    )  # fmt: skip
    made = page.ask(set_condition, said=said)
    return page.go(f"{LIST}/{made.id}", "asked" if made.state == "waiting" else "allowed")


@pages.get(ONE, "cases:read")
def condition_shown(page: Page) -> Response:
    """Who wants what of it, why, until when, and what gates are told now."""
    found = page.ask(read_condition, condition_id=page.id("condition_id"))
    return page.render(
        "office/condition.html", found=found, own=found.who == page.actor.name, texts=reason_texts(),
        published=published(page, found.observable.id),
    )  # fmt: skip


@pages.post(ONE + "/confirm", "decisions:approve", again=condition_shown)
def condition_confirmed(page: Page) -> Response:
    """The block that somebody else asked for holds."""
    said = body_of(VersionIn, version=page.form.number("version"))
    page.ask(confirm_condition, condition_id=page.id("condition_id"), said=said)
    return page.go(f"{LIST}/{page.id('condition_id')}", "blocked")


@pages.post(ONE + "/end", "decisions:approve", again=condition_shown)
def condition_ended(page: Page) -> Response:
    """It holds no more."""
    said = body_of(VersionIn, version=page.form.number("version"))
    page.ask(end_condition, condition_id=page.id("condition_id"), said=said)
    return page.go(f"{LIST}/{page.id('condition_id')}", "ended")
