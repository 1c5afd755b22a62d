"""Reports as the staff sees them: found, sent, read, looked at, put into cases, closed; what is sealed is opened for a purpose that
is written down."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from tosqauyl.registry.incidents import Filter as CaseFilter
from tosqauyl.registry.observable_forms import guess
from tosqauyl.registry.submission import MOST_OBSERVABLES, reporters_of
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.words import CHANNELS, REPORT_MOVES, REPORTERS
from tosqauyl.web.bodies import PurposeIn
from tosqauyl.web.pages.form import Form, body_of
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.problems import Refused
from tosqauyl.web.report_bodies import CloseIn, ObservableIn, ReportIn, ReportOut, SearchIn, TriageIn
from tosqauyl.web.routes.incidents import (
    IncidentIn,
    IncidentOut,
    ReportsIn,
    add_reports_to_incident,
    list_incidents,
    open_incident,
    read_incident,
)
from tosqauyl.web.routes.reports import (
    close_report,
    open_report,
    read_report,
    search_reports,
    send_report,
    triage_report,
)

pages = Pages()
LIST = "/office/reports"
NEW = "/office/reports/new"
ONE = "/office/reports/{report_id}"
OUTCOMES = ("confirmed", "false", "duplicate")
VALUE_PLACES = ("/observables", *(f"/observables/{place}/value" for place in range(MOST_OBSERVABLES)))
TIYN = 100
CASES = 100
"""The latest cases that a report can be put into from its page."""


def choices(page: Page) -> dict[str, list[tuple[str, str]]]:
    """What schemes and regions are called."""
    t = page.t
    return {
        "schemes": [(one.slug, t.pick(one.titles)) for one in schemes().by_slug.values()],
        "regions": [(one.code, t.pick(one.titles)) for one in regions().values()],
    }


def filters_of(page: Page, known: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """What a list's address asks for; '' for a word that is not known."""
    asked = {name: page.query.get(name, "") for name in known}
    return {name: word if word in known[name] else "" for name, word in asked.items()}


def observables_of(form: Form) -> list[dict[str, str]]:
    """What was typed, one in each line, as bodies of the API say it."""
    values = [one for line in form["values"].splitlines() if (one := line.strip())]
    return [{"kind": guess(one), "value": one} for one in values]


@pages.get(LIST, "reports:read")
def reports_page(page: Page) -> Response:
    """The latest reports of a state, scheme and so on; those that name an observable, by its id."""
    known: dict[str, Iterable[str]] = {
        "state": REPORT_MOVES, "scheme": schemes().by_slug, "reporter": REPORTERS, "region": regions(),
    }  # fmt: skip
    return _listed(page, filters_of(page, known), page.cursor())


@pages.post(LIST, "reports:read", again=reports_page)
def reports_found(page: Page) -> Response:
    """Reports that name a number, link or account. It stands in no address: it is somebody's."""
    value, cursor = page.form["value"], page.form["cursor"]
    named = body_of(ObservableIn, kind=guess(value), value=value) if value else None
    return _listed(page, {}, cursor or None, named)


@pages.get(NEW, "reports:write")
def new_report_page(page: Page) -> Response:
    """The form."""
    t = page.t
    return page.render(
        "office/report-new.html", channels=[(one, label("channel", one, t)) for one in CHANNELS], value_places=VALUE_PLACES,
        reporters=[(one, label("reporter", one, t)) for one in reporters_of(page.actor)], own=page.actor.kind, **choices(page),
    )  # fmt: skip


@pages.post(NEW, "reports:write", again=new_report_page)
def report_written(page: Page) -> Response:
    """The receipt. It is the answer itself: a ticket stands in no address."""
    form = page.form
    same = {name: form[name] for name in ("channel", "scheme", "region", "text", "contact", "victim", "external_id")}
    said = body_of(
        ReportIn, reporter=form["reporter"] or None, observables=observables_of(form), loss=form.number("loss", TIYN),
        victims=form.number("victims"), happened=form.moment("happened"), consent=form["consent"] == "yes", **same,
    )  # fmt: skip
    return page.render("office/report-sent.html", receipt=page.ask(send_report, said=said))


@pages.get(ONE, "reports:read")
def report_shown(page: Page) -> Response:
    """Everything of a report that is not sealed, and what can be done with it."""
    return _one(page, page.ask(read_report, report_id=page.id("report_id")))


@pages.post(ONE + "/triage", "cases:write", again=report_shown)
def report_triaged(page: Page) -> Response:
    """Say of which scheme and region it is."""
    said = body_of(
        TriageIn, version=page.form.number("version"), scheme=page.form["scheme"], region=page.form["region"]
    )
    page.ask(triage_report, report_id=page.id("report_id"), said=said)
    return page.go(f"{LIST}/{page.id('report_id')}", "triaged")


@pages.post(ONE + "/close", "cases:write", again=report_shown)
def report_closed(page: Page) -> Response:
    """Close it."""
    said = body_of(CloseIn, version=page.form.number("version"), outcome=page.form["outcome"])
    page.ask(close_report, report_id=page.id("report_id"), said=said)
    return page.go(f"{LIST}/{page.id('report_id')}", "closed")


@pages.post(ONE + "/open", "personal:read", again=report_shown)
def report_opened(page: Page) -> Response:
    """What is sealed, in clear, on this answer only."""
    which = page.id("report_id")
    opened = page.ask(open_report, report_id=which, said=body_of(PurposeIn, purpose=page.form["purpose"]))
    return _one(page, page.ask(read_report, report_id=which), opened=opened)


@pages.post(ONE + "/case", "cases:write", again=report_shown)
def report_put_into_case(page: Page) -> Response:
    """Put it into a case, or a new one. The case's version is read here: what is added rests on nothing that was seen of it."""
    report = page.ask(read_report, report_id=page.id("report_id"))
    if report.incident is not None or report.state == "closed":
        raise Refused("conflict", "the report is closed, or in a case already")
    text = page.form["incident"]
    case = page.ask(read_incident, incident_id=id_in(text)) if text else page.ask(open_incident, said=_case_of(report))
    page.ask(
        add_reports_to_incident, incident_id=case.id, said=body_of(ReportsIn, version=case.version, reports=[report.id])
    )
    return page.go(f"/office/incidents/{case.id}", "linked")


_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def id_in(text: str) -> UUID:
    """The id that somebody chose or pasted, perhaps with the address of its page. Raises Refused where there is none."""
    found = _ID.findall(text)
    if not found:
        raise Refused("not-found")
    return UUID(found[-1])


def _case_of(report: ReportOut) -> IncidentIn:
    return body_of(IncidentIn, scheme=report.scheme, region=report.region, amount=report.loss, victims=report.victims)


def _listed(
    page: Page, asked: dict[str, str], cursor: UUID | str | None, named: ObservableIn | None = None
) -> Response:
    said: dict[str, Any] = {name: value for name, value in asked.items() if value}
    by_id = {} if named else {name: page.cursor(name) for name in ("observable_id", "incident")}
    found = page.ask(search_reports, said=body_of(SearchIn, observable=named, cursor=cursor, **said, **by_id))
    return page.render(
        "office/reports.html", found=found, asked=asked, named=named, by_id=any(by_id.values()),
        states=[(one, label("report", one, page.t)) for one in REPORT_MOVES],
        reporters=[(one, label("reporter", one, page.t)) for one in REPORTERS], **choices(page),
    )  # fmt: skip


def _one(page: Page, found: ReportOut, **more: object) -> Response:
    values = {"opened": None} | more
    return page.render(
        "office/report.html", found=found, outcomes=OUTCOMES, cases=_cases(page, found), **choices(page), **values
    )


def _cases(page: Page, found: ReportOut) -> list[IncidentOut]:
    """Open cases that the report may be put into, the latest first."""
    if not page.may("cases:write") or not page.may("cases:read") or found.incident or found.state == "closed":
        return []
    latest = page.ask(list_incidents, wanted=CaseFilter(), limit=CASES).items
    return [one for one in latest if one.state != "closed"]
