"""Everything that can go wrong with a request, as problem details (RFC 9457): one table, which the OpenAPI document lists."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from tosqauyl.gate.http.bodies import RefusedLine

PREFIX = "urn:tosqauyl:problem:"
"""What the slug of a problem is added to in `type`."""
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: HTTP status, and a sentence that is the same whenever it occurs."""

    status: int
    title: str


KINDS: dict[str, Kind] = {
    "malformed": Kind(400, "The body is not what its content type says."),
    "bad-query": Kind(400, "A query parameter has a value it cannot have, or is not known."),
    "no-client": Kind(401, "No client is known by this token or certificate."),
    "scope-missing": Kind(403, "The client is known but does not have the scope."),
    "trunk-not-allowed": Kind(403, "The client may not screen calls for this trunk."),
    "not-found": Kind(404, "There is nothing at this path."),
    "method-not-allowed": Kind(405, "The path exists, the method does not."),
    "too-slow": Kind(408, "The body did not come in time."),
    "held": Kind(409, "The list changes too many subscribers at once and is held back: nothing was changed."),
    "too-large": Kind(413, "The body is larger than the limit."),
    "wrong-type": Kind(415, "The content type is not the one this path takes."),
    "invalid": Kind(422, "The body was read, but a value in it cannot be."),
    "feed-refused": Kind(422, "The list or the client's operator cannot be taken: nothing was changed."),
    "not-taken": Kind(422, "Some of the events cannot be taken; the others were."),
    "unknown-trunk": Kind(422, "No trunk has this id."),
    "failed": Kind(500, "A bug of the gate. It was counted; let the call go on."),
    "busy": Kind(503, "Too much is being done at once. Let the call go on, or try again later."),
    "not-served": Kind(503, "This gate was started without what the path needs."),
}
"""Every problem by its slug."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457). type: stable, for programs; title: the same for each type; detail: this case, for people."""

    type: str
    title: str
    status: int
    detail: str = ""
    digest: Annotated[str, Meta(description="held: what to confirm.")] = ""
    swing_percent: Annotated[
        float, Meta(description="held: how much of the operator's states would change, percent.")
    ] = 0.0
    why: Annotated[str, Meta(description="feed-refused, busy: why, as a slug.")] = ""
    refused: Annotated[
        tuple[RefusedLine, ...], Meta(description="feed-refused, not-taken: the first hundred bad ones.")
    ] = ()
    refused_count: Annotated[int, Meta(description="feed-refused, not-taken: how many were bad.")] = 0


@dataclass
class Refused(Exception):
    """A request that gets a problem instead of its answer. rest: further members of the problem."""

    slug: str
    detail: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    rest: dict[str, object] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        """What the client gets."""
        kind = KINDS[self.slug]
        return Problem(PREFIX + self.slug, kind.title, kind.status, self.detail, **self.rest)  # type: ignore[arg-type]
