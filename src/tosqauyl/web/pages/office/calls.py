"""Calls: looked for, and one of them explained to somebody who has never seen a rule. Numbers are typed into forms and stand
in no address; what is hidden is shown for a purpose that is written down."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from starlette.responses import Response

from tosqauyl.facts import Reason, Verdict
from tosqauyl.ledger.call_words import GROUP_NAMES, fact_name
from tosqauyl.registry.errors import RegistryError
from tosqauyl.registry.moments import EPOCH, MILLISECOND, ZONE
from tosqauyl.texts import Texts
from tosqauyl.web.bodies import PurposeIn, TitlesOut
from tosqauyl.web.call_bodies import CallExplainedOut, CallOut, CallRuleOut, CallSearchIn
from tosqauyl.web.call_figure_bodies import LedgerOut
from tosqauyl.web.pages.form import Form, body_of
from tosqauyl.web.pages.office.carriers import SHOWN, ledger_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.paging import Page as Found
from tosqauyl.web.problems import Refused
from tosqauyl.web.routes.calls import open_call, read_call, search_calls

pages = Pages()
LIST = "/office/calls"
ONE = "/office/calls/{call_id}"
SCOPE = "calls:read"
OPEN = ("since", "until", "verdict", "would_verdict", "reason", "rule", "trunk", "carrier", "country")
"""What a link may ask for; the others are somebody's numbers."""
FIELDS = (*OPEN, "calling", "called", "sip_call_id")
TONES = {"pass": "", "mark": "warn", "withhold": "warn", "divert": "warn", "stop": "bad"}


@pages.get(LIST, SCOPE)
def calls_page(page: Page) -> Response:
    """The newest calls of the ledger's last day, or those that a link asks for."""
    if page.trouble:  # what was refused stays in the form and is not asked again
        return _shown(page, ledger_of(page), {name: page.form[name] for name in FIELDS}, None)
    ledger = ledger_of(page)
    asked = _usual(ledger) | {name: page.query[name] for name in OPEN if page.query.get(name)}
    return _shown(page, ledger, asked, _searched(page, ledger, asked))


@pages.post(LIST, SCOPE, again=calls_page)
def calls_found(page: Page) -> Response:
    """Calls that the form asks for; the answer itself, so that no number gets into an address."""
    ledger, asked = ledger_of(page), {name: page.form[name] for name in FIELDS}
    if not (asked["since"] and asked["until"]):
        asked |= {name: value for name, value in _usual(ledger).items() if not asked[name]}
    return _shown(page, ledger, asked, _searched(page, ledger, asked, page.form["cursor"]))


@pages.get(ONE, SCOPE)
def call_page(page: Page) -> Response:
    """One call: what was decided and why, each rule, each fact, what became of it."""
    return _one(page, page.ask(read_call, call_id=page.id("call_id")))


@pages.post(ONE + "/open", "personal:read", again=call_page)
def call_opened(page: Page) -> Response:
    """What is hidden of it, in clear, on this answer only."""
    which = page.id("call_id")
    opened = page.ask(open_call, call_id=which, said=body_of(PurposeIn, purpose=page.form["purpose"]))
    return _one(page, page.ask(read_call, call_id=which), opened.values)


def _searched(
    page: Page, ledger: LedgerOut | None, asked: Mapping[str, str], cursor: str = ""
) -> Found[CallOut] | None:
    """What was found; None where there is nothing to look in, and where what was asked is refused, which the page tells."""
    if ledger is None or ledger.first is None:
        return None
    try:
        return page.ask(search_calls, said=_said(asked, cursor))
    except (Refused, RegistryError) as error:
        page.tell(error, SHOWN)
        return None


def _said(asked: Mapping[str, str], cursor: str) -> CallSearchIn:
    """What the API is asked. Raises Refused with every field that cannot be."""
    times = Form({name: asked.get(name, "") for name in ("since", "until")})
    words = {name: asked.get(name, "") for name in FIELDS[2:]}
    choices = {name: words.pop(name) or None for name in ("verdict", "would_verdict")}
    return body_of(
        CallSearchIn,
        since=times.moment("since"),
        until=times.moment("until"),
        cursor=cursor or None,
        **choices,
        **words,
    )


def _usual(ledger: LedgerOut | None) -> dict[str, str]:
    """The last day of the ledger."""
    last = ledger.last if ledger is not None and ledger.last is not None else None
    if last is None:
        return {"since": "", "until": ""}
    return {"since": _midnight(last), "until": _midnight(last + timedelta(1))}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00"


def _shown(page: Page, ledger: LedgerOut | None, asked: Mapping[str, str], found: Found[CallOut] | None) -> Response:
    t = page.t
    return page.render(
        "office/calls.html", ledger=ledger, asked={name: asked.get(name, "") for name in FIELDS}, found=found, tones=TONES,
        verdicts=[(str(one), t.verdict(one)) for one in Verdict], second=second,
        reasons=sorted(((str(one), t.reason(one)) for one in Reason), key=lambda one: one[1]),
        is_narrow=any(asked.get(name) for name in FIELDS[2:]),
    )  # fmt: skip


def _one(page: Page, found: CallExplainedOut, opened: Mapping[str, str] | None = None) -> Response:
    """The page of one call. Rules that held come first, in the order of the policy; the others are folded away."""
    t = page.t

    def said(titles: TitlesOut) -> str:
        return t.pick(titles.model_dump())

    held = [one for one in found.rules if one.held]
    return page.render(
        "office/call.html", found=found, said=said, opened=opened or {}, fact_name=fact_name, tones=TONES, second=second,
        held=held, others=[one for one in found.rules if not one.held], tone=_tone,
        groups=[(slug, t(name), [one for one in found.facts if one.group == slug]) for slug, name in GROUP_NAMES.items()],
        raw=_raw(found),
    )  # fmt: skip


def _tone(rule: CallRuleOut) -> str:
    return {"decided": TONES[rule.verdict] or "good", "would-decide": "warn"}.get(rule.part, "")


def _raw(found: CallExplainedOut) -> list[tuple[str, Any]]:
    """What was written down, name by name, hidden things left out."""
    call = found.call
    decision = {
        "verdict": call.verdict, "reason": call.reason, "rule": call.rule, "would_verdict": call.would_verdict,
        "would_reason": call.would_reason, "would_rule": call.would_rule, "policy": found.policy.hash,
        "snapshot": found.policy.snapshot, "elapsed_us": found.elapsed_us, "answer": found.answer, "origin": call.origin,
    }  # fmt: skip
    facts = [(one.name, "***" if one.state == "hidden" else one.value) for one in found.facts]
    return [*facts, *decision.items()]


def second(moment: int, t: Texts) -> str:
    """A moment in Kazakhstan to the second: in a list of calls minutes are too coarse."""
    local: datetime = (EPOCH + moment * MILLISECOND).astimezone(ZONE)
    return f"{local:%Y-%m-%d %H:%M:%S}" if t.language == "en" else f"{local:%d.%m.%Y %H:%M:%S}"
