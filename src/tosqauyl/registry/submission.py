"""A report as it is sent, checked: every field that cannot be is named at once, before anything is stored.

`check` gives a Checked report of a Submission, or raises Unacceptable with all its problems. Nothing here touches the database:
an upload checks and seals its rows outside of any transaction.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.moments import DAY, OFFSET
from tosqauyl.registry.observables import Seen, seen
from tosqauyl.registry.taxonomy import regions, schemes
from tosqauyl.registry.vault import Vault
from tosqauyl.registry.words import CHANNELS, REPORTERS

MOST_OBSERVABLES = 50
MOST_TEXT = 10_000
MOST_CONTACT = 500
MOST_LOSS = 10**13
"""Tiyn: a hundred billion tenge. Sums of 900,000 such reports fit into 64 bits."""
MOST_VICTIMS = 100_000
EARLIEST = 946_684_800_000
"""1 January 2000: no report is of an earlier day."""

_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What no text may have: PostgreSQL keeps no NUL, half a surrogate pair is no UTF-8, and turns of direction show another text."""
_EXTERNAL = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True, slots=True)
class Submission:
    """A report. reporter: of words.REPORTERS; channel: of words.CHANNELS; observables: (kind, text as it was written); scheme,
    region: of the code lists, '' unknown; text: what happened; contact: of who reports; victim: whoever suffered, as far as is
    known; loss: tiyn; victims: persons; happened: 0 unknown; external_id: the sender's own id of it: the same id is the same
    report; address: of a sender without an account, used to tell senders of one day apart and kept nowhere."""

    reporter: str
    channel: str
    observables: tuple[tuple[str, str], ...]
    scheme: str = ""
    region: str = ""
    text: str = ""
    contact: str = ""
    victim: str = ""
    loss: int = 0
    victims: int = 0
    happened: int = 0
    consent: bool = False
    external_id: str = ""
    address: str = ""


class FieldFault(NamedTuple):
    """One value that cannot be. field: its name, of an observable 'observables/3'; value: what was sent, to be masked when
    shown."""

    field: str
    what: str
    value: str = ""


class Unacceptable(Invalid):
    """A report with values that cannot be: all of them. where: the first field."""

    def __init__(self, faults: tuple[FieldFault, ...]) -> None:
        self.faults = faults
        super().__init__(faults[0].what, faults[0].field)


@dataclass(frozen=True, slots=True)
class Checked:
    """A report that can be stored. seen: its observables without repetition, in the order of their keys; author: token of who
    reports; digest: equal for the same report sent again."""

    submission: Submission
    organisation: str
    seen: tuple[Seen, ...]
    author: str
    digest: str


def check(vault: Vault, actor: Actor, submission: Submission, now: int) -> Checked:
    """The report as it will be stored. Raises Unacceptable with every field that cannot be."""
    observables, faults = _observables(vault, submission)
    faults += _faults(actor, submission, now)
    if faults:
        raise Unacceptable(tuple(faults))
    tidy = replace(
        submission, text=submission.text.strip(), contact=submission.contact.strip(), victim=submission.victim.strip()
    )
    author = vault.token(_author(actor, tidy, now), "report.author")
    return Checked(tidy, actor.organisation, observables, author, _digest(vault, actor, tidy, observables, author))


def reporters_of(actor: Actor) -> tuple[str, ...]:
    """As whom an actor may report: itself; an organisation also for a citizen who complained to it; the centre for all."""
    if actor.role == CITIZEN.role:
        return ("citizen",)
    if actor.sees_all:
        return REPORTERS
    return ("citizen", actor.kind)


def day_of(moment: int) -> int:
    """The day of a moment in Kazakhstan, days since 1970; 0 where the moment is not known."""
    return (moment + OFFSET) // DAY if moment else 0


def _observables(vault: Vault, submission: Submission) -> tuple[tuple[Seen, ...], list[FieldFault]]:
    found: dict[tuple[str, str], Seen] = {}
    faults = []
    for place, (kind, text) in enumerate(submission.observables[:MOST_OBSERVABLES]):
        try:
            one = seen(vault, kind, text)
            found[one.key] = one
        except Invalid as error:
            said = f"{error.what} ({error.hint})" if error.hint else error.what
            faults.append(FieldFault(f"observables/{place}", said, text))
    if len(submission.observables) > MOST_OBSERVABLES:
        faults.append(FieldFault("observables", f"more than {MOST_OBSERVABLES} observables"))
    if not submission.observables:
        faults.append(FieldFault("observables", "a report names at least one number, account, site or the like"))
    return tuple(found[key] for key in sorted(found)), faults


def _faults(actor: Actor, submission: Submission, now: int) -> Iterator[FieldFault]:
    if submission.reporter not in reporters_of(actor):
        yield FieldFault("reporter", f"the sender reports as {' or '.join(reporters_of(actor))}", submission.reporter)
    if submission.channel not in CHANNELS:
        yield FieldFault("channel", f"one of {', '.join(CHANNELS)}", submission.channel)
    if submission.scheme and submission.scheme not in schemes().by_slug:
        yield FieldFault("scheme", f"one of {', '.join(schemes().by_slug)}", submission.scheme)
    if submission.region and submission.region not in regions():
        yield FieldFault("region", "a code of ISO 3166-2:KZ without 'KZ-', such as 75", submission.region)
    if submission.external_id and not _EXTERNAL.fullmatch(submission.external_id):
        yield FieldFault("external_id", "1 to 100 printable ASCII characters without blanks", submission.external_id)
    if submission.happened and not EARLIEST <= submission.happened <= now + DAY:
        yield FieldFault("happened", "neither before the year 2000 nor in the future")
    yield from _amount_faults(submission)
    yield from _text_faults(submission)


def _amount_faults(submission: Submission) -> Iterator[FieldFault]:
    if not 0 <= submission.loss <= MOST_LOSS:
        yield FieldFault("loss", f"tiyn, 0 to {MOST_LOSS}")
    if not 0 <= submission.victims <= MOST_VICTIMS:
        yield FieldFault("victims", f"0 to {MOST_VICTIMS} persons")


def _text_faults(submission: Submission) -> Iterator[FieldFault]:
    for field, text, most in (
        ("text", submission.text, MOST_TEXT), ("contact", submission.contact, MOST_CONTACT),
        ("victim", submission.victim, MOST_CONTACT),
    ):  # fmt: skip
        if len(text) > most:
            yield FieldFault(field, f"longer than {most} characters", text)
        elif _NEVER.search(text):
            yield FieldFault(
                field, "it has a character that is not taken: a control, a turn of direction, half a pair", text
            )


def _author(actor: Actor, submission: Submission, now: int) -> str:
    """Who reports, so that two reports of one sender count once. Of somebody without an account: the contact, else the address
    with the day, so that a sender is not followed from day to day. An organisation counts once with its own findings."""
    if submission.reporter == "citizen":
        if submission.contact or submission.victim:
            return f"person:{_same_person(submission.contact or submission.victim)}"
        if submission.address:
            return f"address:{day_of(now)}:{submission.address}"
    return f"organisation:{actor.organisation}:{submission.reporter}"


def _same_person(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return digits[-10:] if len(digits) >= 10 else " ".join(text.casefold().split())


def _digest(vault: Vault, actor: Actor, submission: Submission, observables: tuple[Seen, ...], author: str) -> str:
    """What makes it the same report: with an external id that alone (for each organisation, and for each citizen), else who
    reports, what was seen by which channel on which day, the words and the loss. Scheme, region and consent may be added later:
    they are not of it. Of somebody without an account it is the same only from the same address: whoever knows a contact could
    else send the report anew and be given its ticket. Keyed: a number can be found from a plain digest by trying all."""
    if submission.external_id:
        who = author if submission.reporter == "citizen" and actor.role == CITIZEN.role else ""
        parts: tuple[object, ...] = ("id", actor.organisation, who, submission.address, submission.external_id)
    else:
        words = " ".join(submission.text.split())
        parts = (
            "content", actor.organisation, author, submission.address, [one.key for one in observables], submission.channel,
            day_of(submission.happened), words, submission.loss,
        )  # fmt: skip
    return vault.token(json.dumps(parts, ensure_ascii=False, separators=(",", ":")), "report.digest")
