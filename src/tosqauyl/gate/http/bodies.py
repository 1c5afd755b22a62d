"""What requests and answers hold, as msgspec Structs: they check the JSON, and the OpenAPI document is made from them.

Meanings are taken from the fact table wherever a field is a fact. Fields that the caller controls (numbers, display name) have
no bounds of their own but the body's: to refuse a call's question for them would let that call pass unjudged.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tosqauyl.facts import FACTS, Reason, Verdict
from tosqauyl.gate.feeds import MOST_EVENTS
from tosqauyl.policy.rule import CLASSES
from tosqauyl.sip.limits import MAX_CALL_ID

TIME_WINDOW = 300.0
"""Seconds by which `at` may differ from the gate's clock."""


Asked = Literal["not_asked", "answered", "unknown", "not_enrolled", "unavailable", "timeout", "failed"]
"""How a question to somebody's network ended (facts.ASKED)."""


def _fact(name: str, more: str = "") -> str:
    return f"{FACTS[name].about.doc}{more}"


Number = Annotated[
    str | None,
    Meta(
        description="A calling number as the switch has it, with + where it is international; null where it is absent."
    ),
]


class ScreenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call attempt, as the switch sees it."""

    trunk: Annotated[
        str, Meta(description="Id of the [[trunk]] the call came over.", examples=["from-abroad"], max_length=128)
    ]
    call_id: Annotated[
        str,
        Meta(
            description="Names the call attempt. The same trunk and call_id within 32 s get the same answer again, and are "
            "counted and recorded once.",
            min_length=1,
            max_length=MAX_CALL_ID,
            examples=["3848276298220188511@sbc"],
        ),
    ]
    called: Annotated[
        str,
        Meta(
            description="Called number as the switch has it, with + where it is international.",
            examples=["+77017654321"],
        ),
    ]
    asserted: Annotated[
        Number,
        Meta(
            description="Network number: P-Asserted-Identity, ISUP calling party number.",
            examples=["+77172123456"],
        ),
    ] = None
    presented: Annotated[
        Number, Meta(description="Presentation number: From, or the ISUP generic number.", examples=["+77172123456"])
    ] = None
    remote_party: Annotated[Number, Meta(description="Number in Remote-Party-ID.")] = None
    redirecting: Annotated[
        Number, Meta(description="Last redirecting number (Diversion, or ISUP redirecting number).")
    ] = None
    redirections: Annotated[int, Meta(description=_fact("redirections"), ge=0, le=1000)] = 0
    privacy: Annotated[str, Meta(description="Privacy values asked for (RFC 3323), such as 'id'; '' for none.")] = ""
    display_name: Annotated[str, Meta(description="Display name that came with the calling number.")] = ""
    user_agent: Annotated[str, Meta(description="What sent the call; kept as evidence, at most 64 characters.")] = ""
    at: Annotated[
        Annotated[float, Meta(ge=0, le=1e12)] | None,
        Meta(description="When the call arrived, seconds since 1970-01-01 UTC, within 300 s of now; null for now."),
    ] = None


class Would(msgspec.Struct, frozen=True):
    """What would happen if the rules in monitor mode were enforced as well."""

    verdict: Verdict
    reason: Reason
    rule: str
    text: Annotated[str, Meta(description="What that rule says, in the language asked for.")]


class Changes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the switch must change in the call before it goes on; empty where nothing."""

    label: Annotated[str, Meta(description="Display name to show.")] = ""
    identity: Annotated[str, Meta(description="Calling number to show; 'anonymous' where it is withheld.")] = ""
    privacy: Annotated[str, Meta(description="Value of the Privacy header (RFC 3323).")] = ""
    verstat: Annotated[str, Meta(description="Verification status (3GPP TS 24.229 7.2A.20).")] = ""


class ScreenAnswer(msgspec.Struct, frozen=True):
    """The decision."""

    decision: Annotated[str, Meta(description="Names the decision: the `transaction` column of the journal.")]
    verdict: Annotated[
        Verdict, Meta(description="pass: let it go on. stop: refuse it with sip_status. The others: see changes.")
    ]
    reason: Annotated[Reason, Meta(description="Why, as a stable slug (docs/reference/reasons.md).")]
    rule: Annotated[str, Meta(description="Id of the rule that decided; '' where none did.")]
    class_: Annotated[Literal["", "deterministic", "analytic", "identity"], Meta(description="Class of that rule.")] = (
        msgspec.field(name="class")
    )
    text: Annotated[str, Meta(description="What that rule says, in the language asked for; '' where none decided.")]
    would: Would
    sip_status: Annotated[int, Meta(description="SIP status the trunk's profile gives for this.", ge=300, le=699)]
    changes: Changes
    divert_to: Annotated[str, Meta(description="Where to send the call instead, with verdict divert.")]
    home_network: Annotated[Asked, Meta(description=_fact("home_network"))]
    home_source: Annotated[str, Meta(description=_fact("home_source"))]
    home_age: Annotated[float, Meta(description=_fact("home_age"))]
    originated: Annotated[Literal["unknown", "yes", "no", "not_here"], Meta(description=_fact("originated"))]
    origination: Annotated[Asked, Meta(description=_fact("origination"))]
    faults: Annotated[list[str], Meta(description=_fact("faults"))]
    policy: Annotated[str, Meta(description="Content hash of the policy that decided.")]
    snapshot: Annotated[str, Meta(description="Content hash of everything that was known.")]


class RoamingEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subscriber moved."""

    number: Annotated[str, Meta(description="E.164 with +.", pattern=r"^\+[0-9]{7,15}$", examples=["+77011234567"])]
    state: Annotated[Literal["abroad", "home", "unknown"], Meta(description="Where the subscriber is registered now.")]
    at: Annotated[
        Annotated[float, Meta(ge=0, le=1e12)] | None,
        Meta(description="When it happened, seconds since 1970-01-01 UTC; null where not known."),
    ] = None


class RoamingEvents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events in the order in which they happened. The operator is the client's; the body cannot name another."""

    events: Annotated[list[RoamingEvent], Meta(max_length=MOST_EVENTS)]


class RefusedLine(msgspec.Struct, frozen=True):
    """One event or line that was not taken. Its number is not repeated."""

    at: Annotated[int, Meta(description="Which one, counted from 1.", ge=1)]
    why: Annotated[str, Meta(description="Why, as a slug.")]


class RoamingAnswer(msgspec.Struct, frozen=True):
    """What became of a feed."""

    accepted: Annotated[int, Meta(description="How many were taken.", ge=0)]
    changed: Annotated[int, Meta(description="Numbers that have another state than before.", ge=0)]
    refused: Annotated[list[RefusedLine], Meta(description="Those that were not taken, the first hundred.")]
    refused_count: Annotated[int, Meta(description="How many were not taken.", ge=0)]
    sequence: Annotated[int, Meta(description="Place in this operator's feed log after it.", ge=0)]
    swing_percent: Annotated[
        float, Meta(description="Share of the operator's states that changed lately, percent.", ge=0)
    ]
    promise: Annotated[
        Literal["none", "waiting", "kept"],
        Meta(
            description="What it means not to be on the list: nothing; at home once the digest is confirmed; at home."
        ),
    ]
    durable: Annotated[bool, Meta(description="Whether it would survive a restart of the gate.")]
    digest: Annotated[str, Meta(description="With promise 'waiting': what to confirm. '' otherwise.")]


class Health(msgspec.Struct, frozen=True):
    """ok; or degraded: it answers, and something is wrong: see /v1/status."""

    status: Literal["ok", "degraded"]


class Accepted(msgspec.Struct, frozen=True):
    """The request was taken; what comes of it is in /v1/status."""

    accepted: bool = True


assert set(CLASSES) == {"deterministic", "analytic", "identity"}  # noqa: S101 - the Literal above must follow the table
