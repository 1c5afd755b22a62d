"""Calls out of the ledger: looked for, explained one by one, and shown in clear for a purpose that is written down.

A number travels in a body, never in an address; it is looked for in clear and as a token under every key that the office has.
Where numbers are kept as tokens and there is no key, that is said: "no calls" would be wrong."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from tosqauyl.ledger.window import HOME_ZONE, Window
from tosqauyl.registry.errors import Absent, Invalid
from tosqauyl.registry.observable_forms import number_plan
from tosqauyl.registry.protection import check_no_numbers
from tosqauyl.web.bodies import PurposeIn
from tosqauyl.web.call_bodies import (
    CallExplainedOut,
    CallOpenedOut,
    CallOut,
    CallSearchIn,
    Ended,
    call_out,
    explained_out,
    opened_out,
)
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.ledger_desk import asking, check_ledger, folder_of, state_of
from tosqauyl.web.paging import Page
from tosqauyl.web.problems import Refused, problems

if TYPE_CHECKING:
    from tosqauyl.ledger.engine import DuckEngine
    from tosqauyl.ledger.search import Place, Wanted

router = APIRouter(tags=["calls"])

_Reader = Annotated[Caller, Depends(needs("calls:read"))]
MOST_DAYS = 366
"""Days that are looked through at once."""
DAY_MS = 86_400_000
_TOKEN = re.compile(r"t:[0-9a-f]{16}")


@router.post("/v1/calls:search", response_model=Page[CallOut], responses=problems("not-found", "refused", "failed"))
def search_calls(said: CallSearchIn, caller: _Reader) -> Page[CallOut]:
    """Calls of a window, the newest first. A POST, because it may hold a number; that a number was looked for is written
    down."""
    check_ledger(caller)
    window, wanted = _window(said), _wanted(caller, said)
    with asking(caller, window) as engine:
        from tosqauyl.ledger.search import search

        if said.calling or said.called:
            _check_keys(caller, engine, window, said)
        after = _after(engine, said.cursor, window)
        found = search(engine, window, wanted, after, said.limit + 1)
    if said.calling or said.called:
        with caller.work() as work:
            kinds = " and ".join(name for name in ("calling", "called") if getattr(said, name))
            work.note("look-up", "call", "-", f"by a {kinds} number")
    shown = [call_out(place, row) for place, row in found[: said.limit]]
    return Page(items=shown, next=shown[-1].id if len(found) > said.limit else None)


@router.get(
    "/v1/calls/{call_id}", response_model=CallExplainedOut, responses=problems("not-found", "refused", "failed")
)
def read_call(call_id: UUID, caller: _Reader) -> CallExplainedOut:
    """One call with its whole explanation: every fact, every rule of the policy that decided, what became of it."""
    with _found(caller, call_id) as (engine, place):
        from tosqauyl.ledger import explained, policies, search
        from tosqauyl.ledger.engine import recorded_columns

        row, state = search.read(engine, place), state_of(caller.office)
        recorded = recorded_columns(state, Window(place.at, place.at + 1e-6))
        window = search.id_window(call_id)
        has_feed = window is not None and any(state.of("outcomes", window.first, window.end))
        ended = Ended(has_feed, search.outcome(engine, row["call_id"]) if has_feed else None)
        policy = policies.find_policy(folder_of(caller.office), row["policy"], caller.office.policy.file)
        return explained_out(place, explained.explain(row, policy, recorded), ended, engine.revision)


@router.post(
    "/v1/calls/{call_id}:open", response_model=CallOpenedOut, responses=problems("not-found", "refused", "failed")
)
def open_call(call_id: UUID, said: PurposeIn, caller: _Reader) -> CallOpenedOut:
    """Numbers, name and Call-ID of a call in clear, as far as the ledger has them so; it is written down who read them and why.
    Needs the scope personal:read as well."""
    if not caller.actor.may("personal:read"):
        raise Refused("forbidden", "this shows personal data: personal:read is needed too")
    if not said.purpose.strip():
        raise Invalid("why it is read must be said", "purpose")
    check_no_numbers(said.purpose, "purpose")
    with _found(caller, call_id) as (engine, place):
        from tosqauyl.ledger.search import read

        row = read(engine, place)
    with caller.work() as work:  # nothing is shown that was not written down before
        work.note("read-personal", "call", call_id, purpose=said.purpose)
    return opened_out(row)


@contextmanager
def _found(caller: Caller, call_id: UUID) -> "Iterator[tuple[DuckEngine, Place]]":
    """An engine over the days of a call, and the call's place. Raises Absent."""
    check_ledger(caller)
    from tosqauyl.ledger.search import find, id_window

    window = id_window(call_id)
    if window is None:
        raise Absent("there is no such call")
    with asking(caller, window) as engine:
        place = find(engine, call_id)
        if place is None:
            raise Absent("there is no such call")
        yield engine, place


def _window(said: CallSearchIn) -> Window:
    if said.until <= said.since:
        raise Invalid("the window must begin before it ends", "until")
    if said.until - said.since > MOST_DAYS * DAY_MS:
        raise Invalid("calls are looked for in a year at most", "until")
    return Window(said.since / 1000, said.until / 1000, HOME_ZONE)


def _wanted(caller: Caller, said: CallSearchIn) -> "Wanted":
    from tosqauyl.ledger.search import Wanted

    return Wanted(
        said.verdict or "", said.would_verdict or "", said.reason, said.rule, said.trunk, said.carrier, said.country.upper(),
        said.sip_call_id, _spellings(caller, said.calling, "calling"), _spellings(caller, said.called, "called"),
    )  # fmt: skip


def _spellings(caller: Caller, text: str, where: str) -> tuple[str, ...]:
    """Every way in which the ledger may have a number: as gates write it, and as a token under each key."""
    if not text or _TOKEN.fullmatch(text):
        return (text,) if text else ()
    number = number_plan().read(text)
    if number.form in ("empty", "anonymous"):
        raise Invalid("this is no number", where)
    return (number.text, *(one.of(number.text) for one in caller.office.calls.tokens))


def _check_keys(caller: Caller, engine: "DuckEngine", window: Window, said: CallSearchIn) -> None:
    """Raise Refused where a number may be there as a token that cannot be made."""
    from tosqauyl.ledger.search import CALLED, CALLING, has_tokens

    if caller.office.calls.tokens:
        return
    searched: Sequence[str] = (
        *(CALLING if said.calling and not _TOKEN.fullmatch(said.calling) else ()),
        *(CALLED if said.called and not _TOKEN.fullmatch(said.called) else ()),
    )
    if searched and has_tokens(engine, window, searched):
        raise Refused(
            "refused", "numbers of these days are kept as tokens, and this office has no key to look for them",
            "name copies of the gates' token.key as ledger.token_keys in its configuration",
        )  # fmt: skip


def _after(engine: "DuckEngine", cursor: UUID | None, window: Window) -> "Place | None":
    """The last call of the page before. Raises Invalid where there is no such call any more."""
    if cursor is None:
        return None
    from tosqauyl.ledger.search import find

    place = find(engine, cursor)
    if place is None or not window.first <= place.at < window.end:
        raise Invalid("the page before ended with a call that is not there", "cursor")
    return place
