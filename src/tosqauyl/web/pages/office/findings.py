"""Findings of the ledger: what its statistics saw of a number, as proposals that a person decides on."""

from typing import Any

from starlette.responses import Response

from tosqauyl.registry.decisions import Filter
from tosqauyl.registry.findings import MOST_COUNTS
from tosqauyl.registry.words import INDICATOR_MOVES
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.office.indicators import named, scheme_names
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.findings import FindingIn, send_finding
from tosqauyl.web.routes.indicators import list_indicators

pages = Pages()
LIST = "/office/findings"
NEW = "/office/findings/new"
EVERY = "all"
LISTINGS = ("mark", "block")
COUNT_PLACES = tuple(f"/counts/{place}/{name}" for place in range(MOST_COUNTS + 1) for name in ("name", "count"))
MOST_DIGITS = 16


@pages.get(LIST, "cases:read")
def findings_page(page: Page) -> Response:
    """Those that wait for a decision, or others, the latest first."""
    asked = page.query.get("state", "proposed")
    state = asked if asked in (*INDICATOR_MOVES, EVERY) else "proposed"
    wanted = Filter(state="" if state == EVERY else state, source="ledger")
    found = page.ask(list_indicators, wanted=wanted, cursor=page.cursor())
    states = [*named(page, "indicator", INDICATOR_MOVES), (EVERY, page.t("all"))]
    return page.render("office/findings.html", found=found, state=state, states=states)


@pages.get(NEW, "findings:write")
def new_finding_page(page: Page) -> Response:
    """The form, for a finding that no program sent."""
    return page.render(
        "office/finding-new.html", schemes=scheme_names(page), listings=named(page, "listing", LISTINGS),
        count_places=COUNT_PLACES,
    )  # fmt: skip


@pages.post(NEW, "findings:write", again=new_finding_page)
def finding_sent(page: Page) -> Response:
    """Its proposal: a new one, or the one that was there."""
    form = page.form
    same = {name: form[name] for name in ("number", "rule", "summary", "query", "listing", "scheme")}
    said = body_of(
        FindingIn, **same, counts=_counts(form["counts"]), since=form.moment("since"), until=form.moment("until"),
        confidence=form.number("confidence"),
    )  # fmt: skip
    made = page.ask(send_finding, said=said)
    return page.go(f"/office/indicators/{made.indicator}", "known" if made.known else "proposed")


def _counts(text: str) -> list[dict[str, Any]]:
    """Lines such as 'calls=1200', as the API takes them; what cannot be is left for it to refuse."""
    found: list[dict[str, Any]] = []
    for line in filter(str.strip, text.splitlines()):
        name, _, count = line.partition("=")
        digits = "".join(count.split())
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
        found.append({"name": name.strip(), "count": int(digits) if is_number else digits})
    return found
