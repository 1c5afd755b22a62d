"""The policy for people: rules with texts, law, modes and counts; one rule with its history, promoted by two, retracted by one."""

from datetime import date
from typing import Any

from starlette.responses import Response

from tosqauyl.ledger.promotion import FIRST_SHARE
from tosqauyl.policy.explain import words
from tosqauyl.web.pages.form import Form, body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.policy_bodies import (
    ModeApprovedIn,
    ModeDecisionOut,
    ModeTurnedDownIn,
    PromotionIn,
    PromotionOut,
    RetractionIn,
    RuleWholeOut,
)
from tosqauyl.web.problems import Refused
from tosqauyl.web.routes.policy import (
    approve_promotion,
    check_rule_promotion,
    propose_promotion,
    read_policy,
    read_policy_rule,
    retract_rule,
    turn_promotion_down,
)

pages = Pages()
PLACE = "/office/policy"
RULE = PLACE + "/rules/{rule_id}"
DECISION = RULE + "/decisions/{decision_id}"
MOST_SHARE = 99


@pages.get(PLACE, "calls:read")
def policy_page(page: Page) -> Response:
    """Every rule."""
    found = page.ask(read_policy, **days(page))
    return page.render("office/policy.html", found=found, verdicts=verdict_names(page))


@pages.get(RULE, "calls:read")
def policy_rule_page(page: Page) -> Response:
    """One rule: what it says, what it did, what the back-test says of the next step, what was decided."""
    found = page.ask(read_policy_rule, rule_id=page.ids["rule_id"], **days(page))
    wish = _wish(page, found)
    return page.render(
        "office/policy-rule.html", found=found, wish=wish, checked=_checked(page, found, wish), verdicts=verdict_names(page),
        own=found.waiting is not None and found.waiting.proposed_by == page.actor.name,
    )  # fmt: skip


@pages.post(RULE + "/propose", "policy:propose", again=policy_rule_page)
def promotion_proposed(page: Page) -> Response:
    """Propose it. What speaks against it is told on the page, in the reader's language."""
    rule, said = page.ids["rule_id"], body_of(PromotionIn, **_promotion(page.form))
    if page.ask(check_rule_promotion, rule_id=rule, said=said).refusals:
        page.status = 422
        return policy_rule_page(page)
    page.ask(propose_promotion, rule_id=rule, said=said)
    return _done(page, "proposed")


@pages.post(RULE + "/retract", "policy:retract", again=policy_rule_page)
def rule_retracted(page: Page) -> Response:
    """Take it out of force, now."""
    page.ask(retract_rule, rule_id=page.ids["rule_id"], said=body_of(RetractionIn, why=page.form["why"]))
    return _done(page, "retracted")


@pages.post(DECISION + "/approve", "policy:approve", again=policy_rule_page)
def promotion_approved(page: Page) -> Response:
    """Approve what another person proposed."""
    said = body_of(ModeApprovedIn, version=page.form.number("version"))
    try:
        page.ask(approve_promotion, decision_id=page.id("decision_id"), said=said)
    except Refused as error:
        if error.slug != "refused":
            raise
        raise Refused("refused", error.problem.detail) from None  # what speaks against it stands on the page
    return _done(page, "approved")


@pages.post(DECISION + "/turn-down", "policy:propose", again=policy_rule_page)
def promotion_turned_down(page: Page) -> Response:
    """Let a proposal go."""
    said = body_of(ModeTurnedDownIn, version=page.form.number("version"), why=page.form["why"])
    page.ask(turn_promotion_down, decision_id=page.id("decision_id"), said=said)
    return _done(page, "turned-down")


def days(page: Page) -> dict[str, date | None]:
    """The window of the address; what is no day is left out."""
    found: dict[str, date | None] = {}
    for name in ("first", "last"):
        try:
            found[name] = date.fromisoformat(page.query.get(name, ""))
        except ValueError:
            found[name] = None
    first, last = found["first"], found["last"]
    return found if first is None or last is None or first <= last else {"first": None, "last": None}


def verdict_names(page: Page) -> dict[str, str]:
    """What verdicts are called."""
    return {slug: texts[page.language] for slug, texts in words()["verdicts"].items()}


def _wish(page: Page, found: RuleWholeOut) -> PromotionIn:
    """What is asked for: of the form, of the address, or the next step."""
    form, query = page.form, page.query
    if form["mode"]:
        try:
            return body_of(PromotionIn, **_promotion(form))
        except Refused:
            pass
    mode = query.get("mode", "") or ("enforce" if found.mode == "canary" else "canary")
    share = query.get("percent", "")
    percent = int(share) if share.isascii() and share.isdigit() and 1 <= int(share[:3]) <= MOST_SHARE else FIRST_SHARE
    return PromotionIn(mode="enforce") if mode == "enforce" else PromotionIn(mode="canary", percent=percent)


def _promotion(form: Form) -> dict[str, Any]:
    mode = form["mode"]
    return {
        "mode": mode, "percent": form.number("percent") if mode == "canary" else 0, "why": form["why"],
        "skip_canary": form["skip_canary"] == "yes", "accept_known_good": form["accept_known_good"].lower(),
        "accept_roamers": form["accept_roamers"].lower(),
    }  # fmt: skip


def _checked(page: Page, found: RuleWholeOut, wish: PromotionIn) -> PromotionOut:
    """What speaks against what waits; where nothing waits, against what is asked for."""
    said = _of_decision(found.waiting) if found.waiting is not None else wish
    return page.ask(check_rule_promotion, rule_id=found.id, said=said)


def _of_decision(one: ModeDecisionOut) -> PromotionIn:
    return PromotionIn(
        mode="enforce" if one.mode == "enforce" else "canary", percent=one.percent, backtest=one.backtest, why=one.why,
        skip_canary=one.skip_canary, accept_known_good=one.accept_known_good, accept_roamers=one.accept_roamers,
    )  # fmt: skip


def _done(page: Page, word: str) -> Response:
    return page.go(f"{PLACE}/rules/{page.ids['rule_id']}", word)
