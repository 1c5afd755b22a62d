"""A draft of the policy, looked at; and back-tests: begun, left, looked at, ended."""

from starlette.responses import Response

from tosqauyl.registry.errors import RegistryError
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.trouble import VALUES, trouble_of
from tosqauyl.web.policy_desk import MOST_POLICY
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.carriers import read_calls_ledger
from tosqauyl.web.routes.policy_backtests import (
    BacktestIn,
    cancel_backtest,
    list_backtests,
    read_backtest,
    start_backtest,
)
from tosqauyl.web.routes.policy_draft import DraftIn, DraftOut, check_policy_draft

pages = Pages()
DRAFT = "/office/policy/draft"
TESTS = "/office/policy/backtests"
TEST = TESTS + "/{job_id}"


@pages.get(DRAFT, "calls:read")
def draft_page(page: Page) -> Response:
    """The form."""
    return _draft(page, None, page.form["text"])


@pages.post(DRAFT, "calls:read", again=draft_page)
def draft_checked(page: Page) -> Response:
    """What is wrong with it, or what it changes."""
    said = body_of(DraftIn, text=page.form["text"])
    return _draft(page, page.ask(check_policy_draft, said=said), said.text)


@pages.post_file(DRAFT + "/file", "calls:read", again=draft_page)
def draft_file_checked(page: Page) -> Response:
    """The same for a file; it is kept nowhere."""
    text = b""
    if page.file is not None:
        page.file.seek(0)
        text = page.file.read(4 * MOST_POLICY + 1)
    if not text:
        raise Refused("invalid", fields=[FieldProblem(where="/file", what=VALUES["missing"])])
    try:
        said = body_of(DraftIn, text=text.decode("utf-8"))
    except UnicodeDecodeError:
        raise Refused("malformed", "the policy is no UTF-8 text") from None
    return _draft(page, page.ask(check_policy_draft, said=said), said.text)


@pages.get(TESTS, "calls:read")
def backtests_page(page: Page) -> Response:
    """The form, and those that were made."""
    ledger = None
    try:
        ledger = page.ask(read_calls_ledger)
    except (Refused, RegistryError) as error:
        if isinstance(error, Refused) and error.slug not in ("not-found", "forbidden"):
            raise
        page.trouble = page.trouble or (trouble_of(error, page.t) if isinstance(error, Refused) else None)
    found = page.ask(list_backtests)
    return page.render("office/policy-backtests.html", found=found, ledger=ledger)


@pages.post(TESTS, "policy:propose", again=backtests_page)
def backtest_begun(page: Page) -> Response:
    """Begin one, of the policy in force or of a draft that was looked at."""
    form = page.form
    said = body_of(BacktestIn, draft=form["draft"], first=form["first"] or None, last=form["last"] or None)
    job = page.ask(start_backtest, said=said)
    return page.go(f"{TESTS}/{job.id}", "back-test-begun")


@pages.get(TEST, "calls:read")
def backtest_page(page: Page) -> Response:
    """How far it is, renewed by the browser while it goes on; or what came of it."""
    found = page.ask(read_backtest, job_id=page.id("job_id"))
    rules = sorted((one for one in found.rules if one.hits), key=lambda one: -one.decides)
    return page.render("office/policy-backtest.html", found=found, rules=rules)


@pages.post(TEST + "/cancel", "policy:propose", again=backtest_page)
def backtest_ended(page: Page) -> Response:
    """End it."""
    page.ask(cancel_backtest, job_id=page.id("job_id"))
    return page.go(f"{TESTS}/{page.id('job_id')}", "back-test-ended")


def _draft(page: Page, found: DraftOut | None, text: str) -> Response:
    return page.render("office/policy-draft.html", found=found, text=text, most=MOST_POLICY)
