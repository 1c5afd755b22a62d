"""ONE table of routes: what the server serves, who may, and what can come back. Server and OpenAPI are made from it."""

from dataclasses import dataclass
from typing import Any

from tosqauyl.gate.http import bodies
from tosqauyl.networks.camara.events import BATCH_TYPE, EVENT_TYPE, CloudEvent

JSON = "application/json"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. schema: as in JSON Schema."""

    name: str
    doc: str
    schema: dict[str, object]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    name: also its operationId and the handler's name. scope: '' for open. takes: what its body must be (a Struct, or bytes
    for text; or each by its media type), None for no body. gives: status of success -> what comes (a Struct, dict for any
    JSON object, str for text, None for nothing).
    problems: slugs of problems beyond those that every route of its kind has.
    """

    method: str
    path: str
    name: str
    scope: str
    summary: str
    doc: str
    gives: dict[int, Any]
    takes: Any = None
    problems: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    @property
    def all_problems(self) -> tuple[str, ...]:
        """Everything that can come back instead of success."""
        guarded = ("no-client", "scope-missing") if self.scope else ()
        with_body = ("malformed", "too-slow", "too-large", "wrong-type") if self.takes else ()
        query = ("bad-query",) if self.parameters else ()
        return (*guarded, *with_body, *query, *self.problems, "failed")


_COMPLETE = Parameter(
    "complete", "true: whoever is not in the list is at home. false: nothing is said of them.",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
)  # fmt: skip
_AS_OF = Parameter(
    "as_of", "When the list was made, seconds since 1970-01-01 UTC. Events from before it do not outlive it.",
    {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,6})?$"},
)  # fmt: skip
_COUNT = Parameter(
    "count", "How many numbers the list has, so that one that was cut off is refused.",
    {"type": "string", "pattern": "^[0-9]{1,9}$"},
)  # fmt: skip
_CONFIRM = Parameter(
    "confirm", "Digest from the answer that held the same list back: take it all the same.",
    {"type": "string", "pattern": "^[0-9a-f]{64}$"},
)  # fmt: skip

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/v1/calls:screen", "screen_call", "screen", "Judge one call",
        "The same judgement as over SIP, for switches that cannot be redirected. Whatever comes back other than 200, and if "
        "nothing comes back within the switch's own time limit: let the call go on.",
        {200: bodies.ScreenAnswer}, bodies.ScreenRequest, ("invalid", "unknown-trunk", "trunk-not-allowed", "busy"),
    ),
    Route(
        "POST", "/v1/roaming", "report_events", "feed", "Report subscribers who moved",
        "Events of the client's own operator, by number plan and portability. Numbers of others are refused one by one.",
        {200: bodies.RoamingAnswer}, bodies.RoamingEvents, ("invalid", "feed-refused", "held", "not-served"), (_CONFIRM,),
    ),
    Route(
        "POST", "/v1/roaming:notify", "notify_roaming", "feed", "Notify of subscribers who moved",
        "The sink of a subscription to CAMARA device-roaming-status-subscriptions: one CloudEvent, or a batch of at most 1,000. "
        "204 says that all of it was taken. An event that came before, or that is older than another one of its number, changes "
        "nothing and is taken.",
        {204: None}, {EVENT_TYPE: CloudEvent, BATCH_TYPE: list[CloudEvent]},
        ("not-taken", "feed-refused", "held", "not-served", "busy"), (_CONFIRM,),
    ),
    Route(
        "PUT", "/v1/roaming", "replace_roaming", "feed", "Replace the list of subscribers abroad",
        "The whole list of the client's operator: one E.164 number a line. It takes the place of all earlier lists and events.",
        {200: bodies.RoamingAnswer}, bytes, ("feed-refused", "held", "not-served", "busy"),
        (_COMPLETE, _AS_OF, _COUNT, _CONFIRM),
    ),
    Route(
        "POST", "/v1/snapshot:reload", "reload_snapshot", "reload", "Build and load a new snapshot",
        "As SIGHUP does: in another process, checked as a whole, and then swapped in. A bad one changes nothing.",
        {202: bodies.Accepted}, problems=("not-served",),
    ),
    Route(
        "GET", "/v1/status", "read_status", "metrics", "Everything the gate knows of itself",
        "Counters, decisions by verdict and reason, journal, snapshot, feeds. Names may be added.", {200: dict},
    ),
    Route(
        "GET", "/metrics", "read_metrics", "metrics", "Metrics for Prometheus",
        "Text exposition format 0.0.4.", {200: str},
    ),
    Route(
        "GET", "/healthz", "read_health", "", "Whether it lives",
        "200 as long as the process answers. degraded: calls are answered, but something is wrong.", {200: bodies.Health},
    ),
    Route(
        "GET", "/readyz", "read_readiness", "", "Whether it takes calls",
        "200 while calls are taken, 503 before and after.", {200: bodies.Health, 503: bodies.Health},
    ),
    Route(
        "GET", "/openapi.json", "read_document", "", "This document", "OpenAPI 3.1.", {200: dict},
    ),
)  # fmt: skip
"""Every operation of the server."""
