"""Indicators: proposed by one person, approved by another; what gates are told of a number, who decided it, why, until when."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from tosqauyl.registry.decisions import Filter
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.lookup import OTHER, reason_texts
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.observable_forms import guess
from tosqauyl.registry.proposals import MOST_REASONS, SOURCES
from tosqauyl.registry.taxonomy import schemes
from tosqauyl.registry.words import INDICATOR_MOVES, LISTINGS, OBSERVABLES, VERDICTS
from tosqauyl.web.pages.form import Form, body_of
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.words import machine
from tosqauyl.web.problems import Refused
from tosqauyl.web.routes.audit import EntryOut, list_audit
from tosqauyl.web.routes.indicators import (
    DecidedIn,
    IndicatorIn,
    IndicatorOut,
    KnownOut,
    ListingReasonOut,
    ProposedIn,
    ReasonOut,
    RevisedIn,
    TurnedDownIn,
    approve_indicator,
    draft_indicator,
    list_indicators,
    propose_indicator,
    read_indicator,
    read_listing,
    read_observable,
    revise_indicator,
    revoke_indicator,
    send_indicator_back,
)
from tosqauyl.web.routes.worklist import read_worklist

pages = Pages()
LIST = "/office/indicators"
ONE = "/office/indicators/{indicator_id}"
NEW = "/office/indicators/new"
EDIT = ONE + "/edit"
MONTH = 30 * DAY
"""How long what is proposed holds, unless somebody says another end."""
BLANK: Mapping[str, Any] = {
    "verdict": "", "listing": "", "confidence_given": 80, "scheme": "", "source": "report", "incident": None, "rule": "",
    "half_life_days": 0, "public": True,
}  # fmt: skip
"""What the form of a new one says at first. Nothing is stopped unless somebody chooses it."""
TEXTS, SLUGS = (tuple(f"/reasons/{place}/{name}" for place in range(MOST_REASONS)) for name in ("text", "slug"))
"""Where the API names what is wrong with a reason."""


@pages.get(LIST, "cases:read")
def indicators_page(page: Page) -> Response:
    """The latest indicators of a state, verdict, scheme, source, observable or case."""
    known: dict[str, Iterable[str]] = {
        "state": INDICATOR_MOVES, "verdict": VERDICTS, "scheme": schemes().by_slug, "source": SOURCES,
    }  # fmt: skip
    asked = {name: page.query.get(name, "") for name in known}
    said = {name: word if word in known[name] else "" for name, word in asked.items()}
    observable, incident = page.cursor("observable"), page.cursor("incident")
    wanted = Filter(said["state"], said["verdict"], said["scheme"], said["source"], observable, incident)
    found = page.ask(list_indicators, wanted=wanted, cursor=page.cursor())
    return page.render(
        "office/indicators.html", found=found, wanted=wanted, waiting=_waiting(page), schemes=scheme_names(page),
        states=named(page, "indicator", INDICATOR_MOVES), verdicts=named(page, "verdict", VERDICTS),
        sources=named(page, "source", SOURCES),
    )  # fmt: skip


@pages.get(NEW, "decisions:propose")
def new_indicator_page(page: Page) -> Response:
    """The form. An observable's id may come from a report, a case's from there."""
    return _form(page, None)


@pages.post(NEW, "decisions:propose", again=new_indicator_page)
def indicator_written(page: Page) -> Response:
    """A draft, or a proposal at once."""
    said = body_of(IndicatorIn, **observable_in(page.form), **_said(page.form, ()))
    return _written(page, page.ask(draft_indicator, said=said))


@pages.get(ONE, "cases:read")
def indicator_shown(page: Page) -> Response:
    """What it says, what stands behind it, who decided, and what may be decided next."""
    found = page.ask(read_indicator, indicator_id=page.id("indicator_id"))
    ahead = found.valid_until if found.state == "draft" and found.valid_until > page.now else page.now + MONTH
    return page.render(
        "office/indicator.html", found=found, own=found.proposed_by == page.actor.name, texts=reason_texts(),
        published=published(page, found.observable.id), trail=_trail(page, found.id), until=minute(ahead),
        scheme=scheme_names(page).get(found.scheme, found.scheme), over=found.valid_until <= page.now,
    )  # fmt: skip


@pages.get(EDIT, "decisions:propose")
def indicator_edit_page(page: Page) -> Response:
    """A draft, to be written anew. Whatever is no draft any more is only shown, but nobody loses what was typed."""
    found = page.ask(read_indicator, indicator_id=page.id("indicator_id"))
    if found.state != "draft" and page.trouble is None:
        return page.go(f"{LIST}/{found.id}")
    return _form(page, found)


@pages.post(EDIT, "decisions:propose", again=indicator_edit_page)
def indicator_revised(page: Page) -> Response:
    """The draft as it was written anew, perhaps proposed at once."""
    which = page.id("indicator_id")
    found = page.ask(read_indicator, indicator_id=which)
    said = body_of(
        RevisedIn, observable_id=found.observable.id, version=page.form.number("version"),
        **_said(page.form, found.reasons),
    )  # fmt: skip
    return _written(page, page.ask(revise_indicator, indicator_id=which, said=said))


@pages.post(ONE + "/propose", "decisions:propose", again=indicator_shown)
def indicator_proposed(page: Page) -> Response:
    """Propose a draft, or again what has run out."""
    said = body_of(ProposedIn, version=page.form.number("version"), valid_until=page.form.moment("until"))
    page.ask(propose_indicator, indicator_id=page.id("indicator_id"), said=said)
    return _done(page, "proposed")


@pages.post(ONE + "/approve", "decisions:approve", again=indicator_shown)
def indicator_approved(page: Page) -> Response:
    """Approve what another person proposed."""
    said = body_of(DecidedIn, version=page.form.number("version"))
    page.ask(approve_indicator, indicator_id=page.id("indicator_id"), said=said)
    return _done(page, "approved")


@pages.post(ONE + "/send-back", "decisions:approve", again=indicator_shown)
def indicator_sent_back(page: Page) -> Response:
    """Make it a draft again, and say why."""
    said = body_of(TurnedDownIn, version=page.form.number("version"), why=page.form["why"])
    page.ask(send_indicator_back, indicator_id=page.id("indicator_id"), said=said)
    return _done(page, "sent-back")


@pages.post(ONE + "/revoke", "decisions:approve", again=indicator_shown)
def indicator_revoked(page: Page) -> Response:
    """Take it back for good."""
    said = body_of(TurnedDownIn, version=page.form.number("version"), why=page.form["why"])
    page.ask(revoke_indicator, indicator_id=page.id("indicator_id"), said=said)
    return _done(page, "revoked")


def published(page: Page, observable_id: UUID) -> ListingReasonOut | None:
    """Who has it listed at the gates, why and until when; None where it is not, and for whoever may not look things up."""
    if not page.may("lookup"):
        return None
    try:
        return page.ask(read_listing, observable_id=observable_id)
    except Absent:
        return None


def observable_asked(page: Page) -> KnownOut | None:
    """What a form is about where another page led to it, with what is known of it; None where it is typed in.

    Raises Refused, Absent.
    """
    text = page.form["observable_id"] or page.query.get("observable_id", "")
    if not text:
        return None
    try:
        which = UUID(text)
    except ValueError:
        raise Refused("not-found") from None
    return page.ask(read_observable, observable_id=which)


def observable_in(form: Form) -> dict[str, str]:
    """What a form is about, as bodies of the API say it; a kind that is not said is guessed."""
    if form["observable_id"]:
        return {"observable_id": form["observable_id"]}
    return {"kind": form["kind"] or guess(form["value"]), "value": form["value"]}


def named(page: Page, group: str, words: Iterable[str]) -> list[tuple[str, str]]:
    """Words of the API with their names, to choose from."""
    return [(word, label(group, word, page.t)) for word in words]


def scheme_names(page: Page) -> dict[str, str]:
    """What schemes are called, by slug."""
    return {one.slug: page.t.pick(one.titles) for one in schemes().by_slug.values()}


def minute(at: int) -> str:
    """A moment as a form's field shows it: a minute of Kazakhstan."""
    return machine(at)[:16]


def _form(page: Page, draft: IndicatorOut | None) -> Response:
    texts, old = reason_texts(), draft.reasons if draft else []
    vague_last = sorted(texts, key=lambda slug: slug == OTHER)
    reasons = {slug: page.t.pick(texts[slug]) for slug in vague_last}
    reasons |= {one.slug: label("reason", one.slug, page.t) for one in old if one.slug not in texts}
    of = page.ask(read_observable, observable_id=draft.observable.id) if draft else observable_asked(page)
    blank = dict(BLANK) | {"incident": page.query.get("incident", "")}
    return page.render(
        "office/indicator-new.html", draft=draft, of=of, reasons=reasons, texts_at=TEXTS, slugs_at=SLUGS,
        said={name: getattr(draft, name) for name in BLANK} if draft else blank,
        ticked=page.form.all("reason") if page.form.values else tuple(one.slug for one in old),
        why=next((one.text for one in old if one.slug in texts), ""),
        until=minute(draft.valid_until if draft else page.now + MONTH), schemes=scheme_names(page),
        kinds=named(page, "kind", OBSERVABLES), verdicts=named(page, "verdict", VERDICTS),
        listings=named(page, "listing", LISTINGS), sources=named(page, "source", SOURCES),
    )  # fmt: skip


def _said(form: Form, old: Sequence[ReasonOut]) -> dict[str, Any]:
    """What a form says of its observable."""
    same = {name: form[name] for name in ("verdict", "listing", "scheme", "rule")}
    return same | {
        "source": form["source"] or "report",
        "confidence": form.number("confidence"), "half_life_days": form.number("half_life_days"),
        "incident": form["incident"] or None, "reasons": _reasons(form, old), "valid_until": form.moment("until"),
        "public": form["public"] == "yes", "submit": form["submit"] == "yes",
    }  # fmt: skip


def _reasons(form: Form, old: Sequence[ReasonOut]) -> list[dict[str, str]]:
    """The reasons that were ticked. What was written for colleagues goes with the first that people know; others keep their texts:
    what a program wrote (figures, a query) stays as it is."""
    ticked, there = [slug for slug in form.all("reason") if slug], {one.slug for one in old}
    rows = [{"slug": one.slug, "text": one.text} for one in old if one.slug in ticked]
    rows += [{"slug": slug, "text": ""} for slug in dict.fromkeys(ticked) if slug not in there]
    first = next((row for row in rows if row["slug"] in reason_texts()), None)
    if first is not None:
        first["text"] = form["why"]
    elif form["why"]:
        rows.append({"slug": OTHER, "text": form["why"]})
    return rows


def _waiting(page: Page) -> int | None:
    """How many proposals wait for whoever may approve; None for all others."""
    if not page.may("decisions:approve"):
        return None
    counts = page.ask(read_worklist, kind="proposal", limit=1).counts
    return next((one.open for one in counts if one.kind == "proposal"), 0)


def _trail(page: Page, indicator_id: UUID) -> list[EntryOut]:
    """What the audit trail has of it, for those who may read that."""
    if not page.may("audit:read"):
        return []
    return page.ask(list_audit, what="indicator", which=str(indicator_id)).items


def _written(page: Page, made: IndicatorOut) -> Response:
    return page.go(f"{LIST}/{made.id}", "proposed" if made.state == "proposed" else "drafted")


def _done(page: Page, word: str) -> Response:
    return page.go(f"{LIST}/{page.id('indicator_id')}", word)
