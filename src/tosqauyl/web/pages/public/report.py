"""Reporting, and following a report by its ticket."""

from starlette.responses import Response

from tosqauyl.registry.observable_forms import guess
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.words import CHANNELS
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.report_bodies import PublicReportIn, TicketIn
from tosqauyl.web.routes.reports import follow_report, send_public_report

pages = Pages()
OURS = "ministry"
"""The source of the schemes that citizens choose from: four that everybody knows."""
TIYN = 100


@pages.get("/report")
def report_page(page: Page) -> Response:
    """The form."""
    t = page.t
    known = [(one.slug, t.pick(one.titles)) for one in schemes().by_slug.values() if one.source == OURS]
    places = [(one.code, t.pick(one.titles)) for one in regions().values()]
    ways = [(one, label("channel", one, t)) for one in CHANNELS]
    return page.render("public/report.html", schemes=known, regions=places, channels=ways)


@pages.post("/report", again=report_page)
def report_sent(page: Page) -> Response:
    """The receipt. It is the answer itself: a ticket stands in no address."""
    form = page.form
    values = [one for line in form["values"].splitlines() if (one := line.strip())]
    said = body_of(
        PublicReportIn, channel=form["channel"], observables=[{"kind": guess(one), "value": one} for one in values],
        scheme=form["scheme"], region=form["region"], text=form["text"], contact=form["contact"],
        loss=form.number("loss", TIYN), happened=form.moment("happened"), consent=form["consent"] == "yes",
    )  # fmt: skip
    return page.render("public/reported.html", receipt=page.ask(send_public_report, said=said), scheme=form["scheme"])


@pages.get("/follow")
def follow_page(page: Page) -> Response:
    """Where a ticket is typed."""
    return page.render("public/follow.html", found=None)


@pages.post("/follow", again=follow_page)
def followed(page: Page) -> Response:
    """How the report stands."""
    said = body_of(TicketIn, ticket=page.form["ticket"])
    return page.render("public/follow.html", found=page.ask(follow_report, said=said))
