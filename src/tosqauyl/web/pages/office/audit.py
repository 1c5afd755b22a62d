"""The audit trail: who did what and when, and whether the chain's end holds. Logins are names of people and stand in no address."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from tosqauyl.registry.periods import window_of
from tosqauyl.web.pages.form import Form, body_of
from tosqauyl.web.pages.labels import LABELS
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.trouble import OTHER
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.audit import AuditSearchIn, read_chain, search_audit
from tosqauyl.web.times import text_of

pages = Pages()
LIST = "/office/audit"
NOT_ACCOUNTS = ("citizen", "system")
"""Actors that are no account and no key."""
CHECKED = 200
"""Entries of the chain's end that are checked for each look at the page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries, as it was typed; '' for any."""

    verb: str = ""
    what: str = ""
    day: str = ""
    before: str = ""
    who: str = ""
    which: str = ""

    @property
    def is_private(self) -> bool:
        """Whether it may stand in no address."""
        return bool(self.who or self.which)

    def body(self) -> AuditSearchIn:
        """What the API is asked. Raises Refused."""
        since, until = _day(self.day)
        before = Form({"before": self.before}).number("before") or None
        return body_of(
            AuditSearchIn, verb=self.verb, what=self.what, which=self.which, actor=_actor(self.who), since=since, until=until,
            before=before,
        )  # fmt: skip


@pages.get(LIST, "audit:read")
def audit_page(page: Page) -> Response:
    """The latest entries; of one verb, of one kind of thing, of one day."""
    if page.trouble:  # what was refused stays in the form and is not asked again
        return _shown(page, Wanted(), _of(page.form, Wanted.__slots__))
    return _shown(page, _of(page.query, ("verb", "what", "day", "before")))


@pages.post(LIST, "audit:read", again=audit_page)
def audit_found(page: Page) -> Response:
    """The same, of one actor or about one thing."""
    return _shown(page, _of(page.form, Wanted.__slots__))


def _of(given: Mapping[str, str] | Form, names: tuple[str, ...]) -> Wanted:
    return Wanted(**{name: given.get(name, "") for name in names})


def _shown(page: Page, wanted: Wanted, typed: Wanted | None = None) -> Response:
    found = page.ask(search_audit, said=wanted.body())
    chain = page.ask(read_chain, newest=CHECKED) if page.actor.sees_all else None
    return page.render(
        "office/audit.html", found=found, chain=chain, wanted=typed or wanted, verbs=_choices(page, "verb"),
        whats=_choices(page, "thing"),
    )  # fmt: skip


def _choices(page: Page, group: str) -> list[tuple[str, str]]:
    """Words and their names, in the names' order; where two have the same name, each with its word."""
    names = {word: page.t(text) for word, text in LABELS[group].items()}
    often = Counter(names.values())
    told = ((word, name if often[name] == 1 else f"{name} ({word})") for word, name in names.items())
    return sorted(told, key=lambda one: one[1])


def _actor(who: str) -> str:
    """A login as entries name it."""
    return who if not who or ":" in who or who in NOT_ACCOUNTS else f"user:{who}"


def _day(text: str) -> tuple[str | None, str | None]:
    """Beginning and end of a day in Kazakhstan as the API takes them. Raises Refused."""
    if not text:
        return None, None
    try:
        window = window_of(date.fromisoformat(text), date.fromisoformat(text))
    except ValueError:
        raise Refused("invalid", fields=[FieldProblem(where="/day", what=OTHER)]) from None
    return text_of(window.since), text_of(window.until)
