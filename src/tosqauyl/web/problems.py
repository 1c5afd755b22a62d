"""Everything that can go wrong with a request, as problem details (RFC 9457): one table, which the OpenAPI document lists."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tosqauyl.registry.errors import RegistryError

PREFIX = "urn:tosqauyl:problem:"
MEDIA_TYPE = "application/problem+json"


FORMS = {"/taxii2/": "application/taxii+json;version=2.1"}
"""Beginnings of paths whose clients know another media type of errors. A problem is told to them with TAXII's members besides
its own."""


def media_type_of(path: str) -> str:
    """The media type in which a path tells problems."""
    return next((media for beginning, media in FORMS.items() if path.startswith(beginning)), MEDIA_TYPE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: HTTP status, and a sentence that is the same whenever it occurs."""

    status: int
    title: str


KINDS: dict[str, Kind] = {
    "malformed": Kind(400, "The body is not what its content type says."),
    "no-caller": Kind(401, "Nobody is known by this session, key or password."),
    "second-factor": Kind(401, "The session needs its one-time code first."),
    "forbidden": Kind(403, "The caller is known but may not do this."),
    "not-found": Kind(404, "There is no such thing, or it is not yours."),
    "method-not-allowed": Kind(405, "The path exists, the method does not."),
    "not-acceptable": Kind(406, "The answer has no content type that the request accepts."),
    "too-slow": Kind(408, "The body did not come in time."),
    "conflict": Kind(409, "It was changed by somebody else, or its state does not allow this."),
    "key-reused": Kind(409, "The Idempotency-Key was used for another request."),
    "carried-out": Kind(
        409, "The request of this Idempotency-Key was carried out, and its answer is not known any more."
    ),
    "too-large": Kind(413, "The body is larger than the limit."),
    "wrong-type": Kind(415, "The content type is not the one this path takes."),
    "invalid": Kind(422, "The body was read, but a value in it cannot be."),
    "refused": Kind(422, "The registry refuses this."),
    "too-many": Kind(429, "Too much was asked; try again after the time in Retry-After."),
    "failed": Kind(500, "A bug of the office. It was counted."),
    "unavailable": Kind(503, "The database cannot be reached; try again later, with the same Idempotency-Key."),
}
"""Every problem by its slug."""
RETRY_SECONDS = 5
"""When to try again if the database cannot be reached."""


class FieldProblem(BaseModel):
    """One value that cannot be. where: of the body a JSON pointer (RFC 6901), of anything else 'query:name', 'path:name',
    'header:name'; what: why, for people. The value itself is never repeated."""

    where: str
    what: str


class Problem(BaseModel):
    """Problem details. type: stable, for programs; title: the same for each type; detail: this case, for people."""

    type: str
    title: str
    status: int
    detail: str = ""
    hint: str = ""
    fields: list[FieldProblem] = Field(default_factory=list)


class Refused(Exception):
    """A request that gets a problem instead of its answer."""

    def __init__(
        self, slug: str, detail: str = "", hint: str = "", headers: dict[str, str] | None = None,
        fields: list[FieldProblem] | None = None,
    ) -> None:  # fmt: skip
        self.slug, self.headers = slug, headers or {}
        kind = KINDS[slug]
        self.problem = Problem(
            type=PREFIX + slug, title=kind.title, status=kind.status, detail=detail, hint=hint, fields=fields or []
        )
        super().__init__(slug)


def refused_by(error: RegistryError) -> Refused:
    """The problem of what the registry refuses."""
    headers = {}
    after = getattr(error, "retry_after", RETRY_SECONDS if error.slug == "unavailable" else None)
    if after is not None:
        headers["Retry-After"] = str(after)
    fields = (
        [FieldProblem(where=_pointer(error.where), what=error.what)] if error.slug == "invalid" and error.where else []
    )
    return Refused(error.slug, error.what, error.hint, headers, fields)


_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 408: "too-slow", 413: "too-large", 415: "wrong-type"}


def refused_for(error: HTTPException) -> Refused:
    """The problem of what the framework refuses, whose own words are left out."""
    return Refused(_BY_STATUS.get(error.status_code, "malformed"), headers=dict(error.headers or {}))


def answer_of(refused: Refused, path: str = "") -> Response:
    """The answer that tells a problem, in the form that the path's clients know."""
    said, media = refused.problem.model_dump(), media_type_of(path)
    if media != MEDIA_TYPE:  # TAXII 2.1 section 3.6.1
        told = {"error_code": refused.slug, "http_status": str(refused.problem.status)}
        said |= told | ({"description": refused.problem.detail} if refused.problem.detail else {})
    body = json.dumps(said).encode()  # ASCII: what cannot be UTF-8 does no harm
    return Response(body, refused.problem.status, refused.headers, media)


def problems(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: the problems it may give besides those that every guarded route may."""
    found: dict[int | str, dict[str, Any]] = {}
    for slug in dict.fromkeys((*slugs, "malformed", "no-caller", "forbidden", "invalid", "too-many", "unavailable")):
        kind = KINDS[slug]
        said = found.setdefault(kind.status, {"description": "", "model": Problem, "x-problems": []})
        said["description"] = f"{said['description']} {slug}: {kind.title}".strip()
        said["x-problems"].append(slug)
    return found


def _pointer(where: str) -> str:
    return where if where.startswith("/") or ":" in where else "/" + where
