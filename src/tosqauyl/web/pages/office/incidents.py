"""Cases: found, opened, read with all they consist of, worked on, put aside, merged, closed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from tosqauyl.registry.actions import Filter as ActionFilter
from tosqauyl.registry.incidents import Filter
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.words import ACTIONS, INCIDENT_MOVES, INCIDENT_OUTCOMES
from tosqauyl.web.bodies import NamedOut
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.graph import Drawing, Node, draw
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.office.reports import choices, filters_of, id_in, observables_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.report_bodies import ReportOut, SearchIn
from tosqauyl.web.routes.actions import (
    ActionIn,
    list_askable_organisations,
    list_requested_actions,
    request_action,
)
from tosqauyl.web.routes.incidents import (
    AmendIn,
    AssignIn,
    CommentIn,
    IncidentIn,
    MergeIn,
    MoveIn,
    ObservableIdsIn,
    ObservablesIn,
    ReportsIn,
    SnoozeIn,
    add_observables_to_incident,
    amend_incident,
    assign_incident,
    comment_incident,
    list_case_workers,
    list_incidents,
    merge_incidents,
    move_incident,
    open_incident,
    read_incident,
    read_timeline,
    remove_observables_from_incident,
    remove_reports_from_incident,
    snooze_incident,
)
from tosqauyl.web.routes.reports import search_reports

pages = Pages()
LIST = "/office/incidents"
NEW = "/office/incidents/new"
ONE = "/office/incidents/{incident_id}"
READ, WRITE = "cases:read", "cases:write"
TIYN = 100
REPORTS = 100
"""Reports of a case on one page, and in its graph."""
PAID = ("iban", "card_token", "wallet", "domain", "url")
"""Where victims were led: to the right of the reports. To the left stands who reached them."""
VALUE_PLACES = ("/value", "/observables", *(f"/observables/{place}/value" for place in range(100)))


@dataclass(frozen=True, slots=True)
class Linked:
    """An observable of a case. numbers: of the reports that name it, as the page numbers them."""

    of: NamedOut
    numbers: tuple[int, ...]


@pages.get(LIST, READ)
def incidents_page(page: Page) -> Response:
    """The latest cases of a state, scheme or region, late ones, one's own."""
    known: dict[str, Iterable[str]] = {"state": INCIDENT_MOVES, "scheme": schemes().by_slug, "region": regions()}
    asked = filters_of(page, known)
    late, mine = (page.query.get(name, "") == "yes" for name in ("late", "mine"))
    worker = UUID(page.actor.account) if mine and page.actor.account else None
    wanted = Filter(asked["state"], asked["scheme"], asked["region"], worker, late)
    found = page.ask(list_incidents, wanted=wanted, cursor=page.cursor())
    states = [(one, label("incident", one, page.t)) for one in INCIDENT_MOVES]
    return page.render(
        "office/incidents.html", found=found, asked=asked, late=late, mine=mine, states=states, **choices(page)
    )


@pages.get(NEW, WRITE)
def new_incident_page(page: Page) -> Response:
    """The form."""
    return page.render("office/incident-new.html", **choices(page))


@pages.post(NEW, WRITE, again=new_incident_page)
def incident_opened(page: Page) -> Response:
    """Open it."""
    made = page.ask(open_incident, said=body_of(IncidentIn, **_said(page)))
    return page.go(f"{LIST}/{made.id}", "case-opened")


@pages.get(ONE, READ)
def incident_shown(page: Page) -> Response:
    """All that it consists of, its story, and what may be done with it."""
    which = page.id("incident_id")
    found = page.ask(read_incident, incident_id=which)
    said = SearchIn(incident=which, cursor=page.cursor("reports"), limit=REPORTS)
    reports = page.ask(search_reports, said=said)
    linked = linked_of(found.observables, reports.items)
    writes = page.may(WRITE)
    return page.render(
        "office/incident.html", found=found, reports=reports, linked=linked, drawing=drawing_of(linked, len(reports.items)),
        story=page.ask(read_timeline, incident_id=which, cursor=page.cursor("story")),
        actions=page.ask(list_requested_actions, wanted=ActionFilter(asked=False, incident=which)).items,
        workers=page.ask(list_case_workers) if writes else [],
        organisations=page.ask(list_askable_organisations) if writes else [],
        outcomes=[one for one in INCIDENT_OUTCOMES if one], kinds=ACTIONS, value_places=VALUE_PLACES, **choices(page),
    )  # fmt: skip


@pages.post(ONE + "/amend", WRITE, again=incident_shown)
def incident_amended(page: Page) -> Response:
    """Say something else of it. A sum that stays as it was shown is not sent: it was shown without its tiyn."""
    form = page.form
    said = body_of(AmendIn, version=form.number("version"), **_said(page))
    if form["amount"] == form["amount_was"]:
        said.amount = None
    page.ask(amend_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "saved")


@pages.post(ONE + "/assign", WRITE, again=incident_shown)
def incident_assigned(page: Page) -> Response:
    """Give it to somebody, or to nobody."""
    said = body_of(AssignIn, version=page.form.number("version"), account=page.form["account"] or None)
    page.ask(assign_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "assigned")


@pages.post(ONE + "/move", WRITE, again=incident_shown)
def incident_moved(page: Page) -> Response:
    """Move it on, or take it up again."""
    said = body_of(MoveIn, version=page.form.number("version"), state=page.form["state"], why=page.form["move_why"])
    page.ask(move_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "moved")


@pages.post(ONE + "/close", WRITE, again=incident_shown)
def incident_closed(page: Page) -> Response:
    """Close it with an outcome; its reports are closed with it."""
    said = body_of(
        MoveIn, version=page.form.number("version"), state="closed", outcome=page.form["outcome"], why=page.form["close_why"]
    )  # fmt: skip
    page.ask(move_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "closed")


@pages.post(ONE + "/snooze", WRITE, again=incident_shown)
def incident_snoozed(page: Page) -> Response:
    """Put it aside until a moment."""
    said = body_of(
        SnoozeIn, version=page.form.number("version"), until=page.form.moment("until"), why=page.form["snooze_why"]
    )
    page.ask(snooze_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "snoozed")


@pages.post(ONE + "/comment", WRITE, again=incident_shown)
def incident_commented(page: Page) -> Response:
    """Say something in its story."""
    said = body_of(CommentIn, text=page.form["text"])
    page.ask(comment_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "commented")


@pages.post(ONE + "/add-observables", WRITE, again=incident_shown)
def observables_added(page: Page) -> Response:
    """Put numbers, links or accounts into it."""
    said = body_of(ObservablesIn, version=page.form.number("version"), observables=observables_of(page.form))
    page.ask(add_observables_to_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "linked")


@pages.post(ONE + "/remove-observables", WRITE, again=incident_shown)
def observables_removed(page: Page) -> Response:
    """Take the ticked ones out of it."""
    ticked = list(page.form.all("observable"))
    said = body_of(ObservableIdsIn, version=page.form.number("version"), observables=ticked)
    page.ask(remove_observables_from_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "unlinked")


@pages.post(ONE + "/remove-reports", WRITE, again=incident_shown)
def reports_removed(page: Page) -> Response:
    """Take the ticked ones out of it."""
    said = body_of(ReportsIn, version=page.form.number("version"), reports=list(page.form.all("report")))
    page.ask(remove_reports_from_incident, incident_id=page.id("incident_id"), said=said)
    return _done(page, "unlinked")


@pages.post(ONE + "/request", WRITE, again=incident_shown)
def action_requested(page: Page) -> Response:
    """Ask an organisation to do something about one of its observables."""
    form = page.form
    said = body_of(
        ActionIn, observable_id=form["observable_id"] or None, to=form["to"], action=form["action"],
        incident=page.id("incident_id"), legal_basis=form["legal_basis"],
    )  # fmt: skip
    page.ask(request_action, said=said)
    return _done(page, "requested")


@pages.post(ONE + "/merge/look", WRITE, again=incident_shown)
def merge_page(page: Page) -> Response:
    """Both cases side by side, before one takes the other in."""
    other = page.ask(read_incident, incident_id=id_in(page.form["other"]))
    found = page.ask(read_incident, incident_id=page.id("incident_id"))
    return page.render("office/incident-merge.html", found=found, other=other, **choices(page))


@pages.post(ONE + "/merge", WRITE, again=incident_shown)
def incident_merged(page: Page) -> Response:
    """Take the other one in."""
    form = page.form
    said = body_of(
        MergeIn, version=form.number("version"), other=id_in(form["other"]), other_version=form.number("other_version")
    )
    page.ask(merge_incidents, incident_id=page.id("incident_id"), said=said)
    return _done(page, "merged")


def linked_of(observables: Sequence[NamedOut], reports: Sequence[ReportOut]) -> list[Linked]:
    """Observables of a case with the reports that name them, those that most reports name first."""
    numbers: dict[UUID, list[int]] = {one.id: [] for one in observables}
    for number, report in enumerate(reports, 1):
        for named in report.observables:
            if named.id in numbers:
                numbers[named.id].append(number)
    linked = [Linked(one, tuple(numbers[one.id])) for one in observables]
    return sorted(linked, key=lambda one: -len(one.numbers))


def drawing_of(linked: Sequence[Linked], reports: int) -> Drawing | None:
    """Reports between what they name; None where no line would be in it."""
    edges = [(f"report {number}", str(one.of.id)) for one in linked for number in one.numbers]
    if not edges:
        return None
    reached, led = (
        [Node(str(one.of.id), one.of.value) for one in linked if (one.of.kind in PAID) is paid]
        for paid in (False, True)
    )
    between = [Node(f"report {number}", str(number)) for number in range(1, reports + 1)]
    sides = [reached, between, led] if reached and led else [reached or led, between]
    return draw(sides, edges)


def _said(page: Page) -> Mapping[str, object]:
    """What a form says of a case."""
    form = page.form
    return {
        "title": form["title"], "scheme": form["scheme"], "region": form["region"], "amount": form.number("amount", TIYN),
        "victims": form.number("victims"),
    }  # fmt: skip


def _done(page: Page, word: str) -> Response:
    return page.go(f"{LIST}/{page.id('incident_id')}", word)
