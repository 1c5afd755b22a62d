"""ONE table of call facts: what a rule may ask about a call.

The annotations of `Call` are the table: name, type, the value that means "unknown", cost and meaning. Policy names,
journal columns and the reference page are generated from it. Facts have no nulls (decision 0003): every fact has
an explicit unknown, so that Python and SQL agree and no rule can forget the case.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple, get_args, get_type_hints


class Verdict(StrEnum):
    """What happens to a call, mildest first."""

    PASS = "pass"  # noqa: S105 - not a password
    MARK = "mark"
    WITHHOLD = "withhold"
    DIVERT = "divert"
    STOP = "stop"

    @property
    def severity(self) -> int:
        """0 (pass) to 4 (stop): of two rules of one tier, the more severe verdict wins."""
        return _SEVERITY[self]


_SEVERITY = {verdict: place for place, verdict in enumerate(Verdict)}


class Reason(StrEnum):
    """Why a call got its verdict; a slug that is stable in answers, journal and statistics."""

    NONE = "none"
    FAILED_OPEN = "failed-open"
    FAILED_CLOSED = "failed-closed"
    EMERGENCY_CALL = "emergency-call"
    PROTECTED_CALLER = "protected-caller"
    SHORT_CALLER = "short-caller"
    EMERGENCY_CALLER = "emergency-caller"
    ALLOW_LISTED = "allow-listed"
    BLOCK_LISTED = "block-listed"
    MARK_LISTED = "mark-listed"
    LATE_FORWARDING = "late-forwarding"
    INBOUND_ROAMER = "inbound-roamer"
    MALFORMED_NUMBER = "malformed-number"
    NOT_E164 = "not-e164"
    RESERVE_RANGE = "reserve-range"
    UNALLOCATED_RANGE = "unallocated-range"
    FIXED_FROM_ABROAD = "fixed-from-abroad"
    VOIP_FROM_ABROAD = "voip-from-abroad"
    TOLL_FREE_FROM_ABROAD = "toll-free-from-abroad"
    MOBILE_AT_HOME = "mobile-at-home"
    MOBILE_ABROAD = "mobile-abroad"
    MOBILE_UNKNOWN = "mobile-unknown"
    HOME_NETWORK_SILENT = "home-network-silent"
    CALL_CONFIRMED = "call-confirmed"
    CALL_DENIED = "call-denied"
    OUTSIDE_TRUNK_RANGES = "outside-trunk-ranges"
    IMPERSONATES_BANK = "impersonates-bank"
    IMPERSONATES_POLICE = "impersonates-police"
    IMPERSONATES_STATE = "impersonates-state"
    IDENTITIES_DIFFER = "identities-differ"
    CALLER_MISSING = "caller-missing"
    BURST = "burst"
    FAN_OUT = "fan-out"
    SEQUENTIAL_DIALLING = "sequential-dialling"
    NEIGHBOUR_SPOOFING = "neighbour-spoofing"
    CUSTOM = "custom"


class FactType(StrEnum):
    """The type of a fact, in the words of the policy language."""

    TEXT = "text"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class About:
    """What the fact table says of one fact besides its name and type.

    unknown: the value that stands for "not known". doc: its meaning and unit. choices: all values of a closed choice,
    unknown included. cost: "read" (from the message), "look-up" (from memory) or "ask" (may need somebody else's answer).
    """

    unknown: str | bool | int | float
    doc: str
    choices: tuple[str, ...] = ()
    cost: str = "read"


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the fact table."""

    name: str
    type: FactType
    about: About

    @property
    def sql_type(self) -> str:
        """The DuckDB type of the fact's column."""
        return SQL_TYPES[self.type]


SQL_TYPES = {
    FactType.TEXT: "VARCHAR",
    FactType.CHOICE: "VARCHAR",
    FactType.BOOLEAN: "BOOLEAN",
    FactType.INTEGER: "BIGINT",
    FactType.NUMBER: "DOUBLE",
}

FORMS = (
    "unknown",
    "international",
    "prefixed",
    "bare",
    "national",
    "short",
    "letters",
    "empty",
    "anonymous",
    "malformed",
)
"""How a number was written. international: +CC...; prefixed: 00CC... or 810CC...; bare: CC... without a plus;
national: 8 and ten digits, or ten digits; short: 2 to 6 digits; letters: a name; empty: a header without a
number; anonymous: withheld; malformed: none of these."""

KINDS = (
    "unknown", "fixed", "mobile", "voip", "toll_free", "premium", "service", "short", "emergency",
    "unallocated", "reserve", "shared", "foreign", "impossible", "unassigned",
)  # fmt: skip
"""What a number is. fixed to emergency: of the Kazakh plan; unallocated: Kazakh, but handed to nobody; reserve: the common
reserve of Kazakhstan and Russia in +7; shared: +7 codes both use; foreign: a possible number of another country;
impossible: a country's number with a length its plan does not have; unassigned: no country has that code."""

SUBSCRIBER = ("unknown", "abroad", "home")
ASKED = ("not_asked", "answered", "unknown", "not_enrolled", "unavailable", "timeout", "failed")
"""How a question to somebody's network ended. unknown: it answered that it does not know; not_enrolled: the operator takes no
such questions; unavailable: it failed too often just now and was spared; failed: an error, or nothing that makes sense."""
_NUMBER = "in E.164 with + where it could be normalised, else as sent without separators"
_COUNTRY = "ISO 3166-1 alpha-2 country of the {}; '' where the number belongs to none or to several"


def _form(whose: str) -> About:
    return About("unknown", f"How the {whose} was written.", FORMS)


def _kind(whose: str) -> About:
    return About("unknown", f"What the {whose} is by the number plan.", KINDS, "look-up")


def _country(whose: str) -> About:
    return About("", _COUNTRY.format(whose) + ".", cost="look-up")


def _subscriber(whose: str) -> About:
    return About("unknown", f"Where the {whose}'s subscriber is registered now, if a Kazakh mobile.", SUBSCRIBER, "ask")


_WHOSE = {
    "caller": "from the calling number",
    "range": "from the calling number's range (the number without its last four digits)",
    "trunk": "over the trunk",
}
_WINDOWS = {
    "1s": ("second", "0.8 seconds"),
    "1m": ("minute", "48 seconds"),
    "10m": ("10 minutes", "8 minutes"),
    "1h": ("hour", "48 minutes"),
}
_CALLEES = {
    "caller": "An estimate, at most 93",
    "range": "An estimate, at most 297",
    "trunk": "An estimate, 5 % off as a rule",
}


def _calls(who: str, window: str) -> About:
    length, whole = _WINDOWS[window]
    doc = f"Calls {_WHOSE[who]} in the last {length}, this one counted: all of the last {whole}, never too many. -1: not counted."
    return About(-1, doc, cost="look-up")


def _callees(who: str, window: str) -> About:
    doc = f"Different numbers called {_WHOSE[who]} in the last {_WINDOWS[window][0]}. {_CALLEES[who]}. -1: not counted."
    return About(-1, doc, cost="look-up")


class Call(NamedTuple):
    """Every fact of one call attempt, in the order of the journal's columns."""

    at: Annotated[float, About(0.0, "When the call reached the gate, seconds since 1970-01-01 UTC.")]
    call_id: Annotated[str, About("", "Call-ID of the INVITE.")]
    transaction: Annotated[str, About("", "Key of the SIP server transaction (RFC 3261 17.2.3): branch and sent-by.")]
    source: Annotated[str, About("", "IP address and port the INVITE or the HTTP request came from.")]
    transport: Annotated[str, About("", "Transport it came over: udp, tcp, tls or http.")]
    trunk: Annotated[str, About("", "Id of the trunk.")]
    direction: Annotated[
        str,
        About("unknown", "Whether the trunk brings calls from abroad.", ("unknown", "international", "domestic")),
    ]
    carrier: Annotated[str, About("", "Carrier behind the trunk.")]
    trunk_ranges: Annotated[
        str,
        About(
            "unknown",
            "Whether the calling number is in the number ranges allowed on the trunk; unknown where none are set.",
            ("unknown", "inside", "outside"),
            "look-up",
        ),
    ]
    caller: Annotated[str, About("", f"Calling number that the trunk's order of sources chose, {_NUMBER}.")]
    caller_source: Annotated[
        str, About("none", "The header it was taken from.", ("none", "asserted", "presented", "remote_party"))
    ]
    caller_form: Annotated[str, _form("calling number")]
    caller_kind: Annotated[str, _kind("calling number")]
    caller_country: Annotated[str, _country("calling number")]
    caller_operator: Annotated[
        str, About("", "Operator of a Kazakh calling number, portability applied.", cost="look-up")
    ]
    network: Annotated[
        str,
        About("", f"Network number: P-Asserted-Identity, else Remote-Party-ID, from trusted trunks only; {_NUMBER}."),
    ]
    network_form: Annotated[str, _form("network number")]
    network_kind: Annotated[str, _kind("network number")]
    network_country: Annotated[str, _country("network number")]
    network_subscriber: Annotated[str, _subscriber("network number")]
    presented: Annotated[str, About("", f"Presentation number: the user of From; {_NUMBER}.")]
    presented_form: Annotated[str, _form("presentation number")]
    presented_kind: Annotated[str, _kind("presentation number")]
    presented_country: Annotated[str, _country("presentation number")]
    presented_subscriber: Annotated[str, _subscriber("presentation number")]
    remote_party: Annotated[str, About("", f"Number in Remote-Party-ID, trusted or not; {_NUMBER}.")]
    identities: Annotated[
        str,
        About(
            "unknown",
            "Whether network and presentation number are the same; unknown where one is missing.",
            ("unknown", "same", "differ"),
        ),
    ]
    home_network: Annotated[str, About("not_asked", "How the question where the subscriber is ended.", ASKED, "ask")]
    home_source: Annotated[
        str,
        About(
            "none",
            "Who said where the subscriber is: list (roaming file), feed (events of the operator), or the home network, "
            "asked by camara, sh (Diameter) or redis; script in trials.",
            ("none", "list", "feed", "camara", "sh", "redis", "script"),
            "ask",
        ),
    ]
    home_age: Annotated[
        float, About(-1.0, "For how many seconds that had been known when the call came. -1: not told.", cost="ask")
    ]
    originated: Annotated[
        str,
        About(
            "unknown",
            "Whether the calling number's operator says that it started this call, to this called number, just now; "
            "not_here: it did not, but would not see a call that a roamer of it starts abroad.",
            ("unknown", "yes", "no", "not_here"),
            "ask",
        ),
    ]
    origination: Annotated[
        str, About("not_asked", "How the question whether it started this call ended.", ASKED, "ask")
    ]
    redirecting: Annotated[str, About("", f"Last redirecting number (Diversion, else History-Info); {_NUMBER}.")]
    redirecting_kind: Annotated[str, _kind("redirecting number")]
    redirecting_country: Annotated[str, _country("redirecting number")]
    redirecting_subscriber: Annotated[str, _subscriber("redirecting number")]
    redirections: Annotated[int, About(0, "How many redirections the message tells of.")]
    called: Annotated[str, About("", f"Called number, from the Request-URI; {_NUMBER}.")]
    called_form: Annotated[str, _form("called number")]
    called_kind: Annotated[str, _kind("called number")]
    called_country: Annotated[str, _country("called number")]
    called_msrn: Annotated[
        bool, About(False, "The called number is in a configured range of roaming numbers (MSRN).", cost="look-up")
    ]
    privacy: Annotated[str, About("", "Privacy values asked for (RFC 3323), lower case, sorted, joined with ;.")]
    display_name: Annotated[str, About("", "Display name of From, or of P-Asserted-Identity where From has none.")]
    impersonates: Annotated[
        str,
        About(
            "none",
            "Whom the display name passes itself off as, look-alike letters folded.",
            ("none", "bank", "police", "state"),
            "look-up",
        ),
    ]
    protected: Annotated[
        bool,
        About(
            False,
            "A calling number is on the list of numbers that never call out (bank hotlines, 1414).",
            cost="look-up",
        ),
    ]
    listed: Annotated[
        str,
        About(
            "none",
            "Strongest indicator on a calling number: block before mark before allow.",
            ("none", "allow", "mark", "block"),
            "look-up",
        ),
    ]
    indicator: Annotated[str, About("", "Id of that indicator.", cost="look-up")]
    caller_calls_1s: Annotated[int, _calls("caller", "1s")]
    caller_calls_1m: Annotated[int, _calls("caller", "1m")]
    caller_calls_10m: Annotated[int, _calls("caller", "10m")]
    caller_calls_1h: Annotated[int, _calls("caller", "1h")]
    caller_callees_1m: Annotated[int, _callees("caller", "1m")]
    caller_callees_10m: Annotated[int, _callees("caller", "10m")]
    caller_callees_1h: Annotated[int, _callees("caller", "1h")]
    range_calls_1s: Annotated[int, _calls("range", "1s")]
    range_calls_1m: Annotated[int, _calls("range", "1m")]
    range_calls_10m: Annotated[int, _calls("range", "10m")]
    range_calls_1h: Annotated[int, _calls("range", "1h")]
    range_callees_1m: Annotated[int, _callees("range", "1m")]
    range_callees_10m: Annotated[int, _callees("range", "10m")]
    range_callees_1h: Annotated[int, _callees("range", "1h")]
    trunk_calls_1s: Annotated[int, _calls("trunk", "1s")]
    trunk_calls_1m: Annotated[int, _calls("trunk", "1m")]
    trunk_calls_10m: Annotated[int, _calls("trunk", "10m")]
    trunk_calls_1h: Annotated[int, _calls("trunk", "1h")]
    trunk_callees_1m: Annotated[int, _callees("trunk", "1m")]
    trunk_callees_10m: Annotated[int, _callees("trunk", "10m")]
    trunk_callees_1h: Annotated[int, _callees("trunk", "1h")]
    sequential: Annotated[
        int,
        About(
            -1,
            "How many calls of the calling number in a row, this one the last, went each to a number at most 10 above or "
            "below the one before and within 10 minutes of it; 1 where there is no row. -1: not counted.",
            cost="look-up",
        ),
    ]
    redials: Annotated[
        int,
        About(
            -1,
            "How many calls in a row, each within 10 minutes of the one before, the calling number made to this same "
            "number just before this one. -1: not counted.",
            cost="look-up",
        ),
    ]
    neighbour: Annotated[
        int,
        About(
            -1,
            "How many leading digits after +7 the calling and the called number share, 10 being the same number; 0 where "
            "one of them is no +7 number. -1: not counted.",
            cost="look-up",
        ),
    ]
    user_agent: Annotated[str, About("", "User-Agent of the INVITE, at most 64 characters.")]
    faults: Annotated[str, About("", "Kinds of faults met while reading the call, sorted, joined with ;.")]


_PYTHON_TYPES = {float: FactType.NUMBER, int: FactType.INTEGER, bool: FactType.BOOLEAN, str: FactType.TEXT}


def _fact(name: str, annotation: object) -> Fact:
    python_type, about = get_args(annotation)
    kind = FactType.CHOICE if about.choices else _PYTHON_TYPES[python_type]
    return Fact(name, kind, about)


FACTS: dict[str, Fact] = {name: _fact(name, hint) for name, hint in get_type_hints(Call, include_extras=True).items()}
"""The fact table by name, in the order of Call's fields."""

UNKNOWN_CALL = Call(*(fact.about.unknown for fact in FACTS.values()))  # type: ignore[arg-type]
"""A call of which nothing is known; `UNKNOWN_CALL._replace(...)` makes test calls."""
