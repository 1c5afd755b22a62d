"""TAXII 2.1 (OASIS standard of 10 June 2021), read only: the published indicators as STIX 2.1 objects in collections.

    /taxii2/ -> /taxii2/api/ -> /taxii2/api/collections/ -> .../{id}/objects/, .../objects/{id}/, .../versions/, .../manifest/

Who asks shows a key: as Bearer, or as the password of HTTP Basic, which is all that most clients know (its user name says nothing).
Errors are told in TAXII's media type with its members besides those of problem details (web/problems.py).
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from tosqauyl.registry.errors import Absent
from tosqauyl.registry.exchange import objects, stix
from tosqauyl.registry.exchange.objects import COLLECTIONS, MOST, MOST_IDS, Filter, Found, Object
from tosqauyl.registry.exchange.page import Publisher, publisher
from tosqauyl.registry.moments import rfc3339
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.problems import FORMS, FieldProblem, Refused, problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import GivenMoment, moment_of

router = APIRouter(tags=["taxii"])

ROOT = "/taxii2/api/"
MEDIA_TYPE = FORMS["/taxii2/"]
SCOPE = "exchange:read"
_SHELF = ROOT + "collections/{collection_id}/"
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="tosqauyl office", charset="UTF-8"'}
_KEYWORDS = ("first", "last", "all")


class TaxiiResponse(JSONResponse):
    """An answer in TAXII's media type."""

    media_type = MEDIA_TYPE


class DiscoveryOut(BaseModel):
    """Section 4.1.1."""

    title: str
    description: str
    default: str
    api_roots: list[str]


class RootOut(BaseModel):
    """Section 4.2.1. max_content_length: of requests, which nobody has to send here."""

    title: str
    description: str
    versions: list[str]
    max_content_length: int


class CollectionOut(BaseModel):
    """Section 5.2.1."""

    id: str
    title: str
    description: str
    alias: str
    can_read: bool
    can_write: bool
    media_types: list[str]


class CollectionsOut(BaseModel):
    """Section 5.1.1."""

    collections: list[CollectionOut]


class EnvelopeOut(BaseModel):
    """Section 3.7. Members are left out where there is nothing."""

    more: bool = False
    next: str = ""
    objects: list[dict[str, Any]] = []


class RecordOut(BaseModel):
    """Section 5.3.1."""

    id: str
    date_added: str
    version: str
    media_type: str


class ManifestOut(BaseModel):
    """Section 5.3.1."""

    more: bool = False
    next: str = ""
    objects: list[RecordOut] = []


class VersionsOut(BaseModel):
    """Section 5.8.1. There is one version of each object, the present one."""

    more: bool = False
    versions: list[str] = []


def _caller(request: Request) -> Caller:
    """Who asks, by a key in either form. Raises Refused, also where the client does not accept TAXII 2.1."""
    try:
        found = needs(SCOPE)(_with_bearer(request))
    except Refused as refused:
        if refused.slug == "no-caller":
            refused.headers = {**refused.headers, **_CHALLENGE}
        raise
    if not _accepts(request.headers.get("accept", "*/*")):
        raise Refused("not-acceptable", MEDIA_TYPE)
    return found


_caller.scope = SCOPE  # type: ignore[attr-defined]  # for the OpenAPI document and the authorisation matrix


def _with_bearer(request: Request) -> Request:
    """The request with the password of HTTP Basic (RFC 7617) as a Bearer token; the same one where it shows none."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return request
    try:
        _, _, password = base64.b64decode(rest.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        password = b""
    headers = [one for one in request.scope["headers"] if one[0] != b"authorization"]
    shown = b"Bearer " + password.translate(None, bytes(range(0x21)) + b"\x7f")
    return Request({**request.scope, "headers": [*headers, (b"authorization", shown)]})


def _accepts(header: str) -> bool:
    """Whether an Accept header (RFC 9110 section 12.5.1) takes TAXII 2.1, whatever weight it gives to it."""
    for one in header.lower().split(","):
        media, *parameters = [part.strip() for part in one.split(";")]
        versions = [part.partition("=")[2].strip('" ') for part in parameters if part.startswith("version")]
        if media in ("*/*", "application/*", "application/taxii+json") and (not versions or versions == ["2.1"]):
            return True
    return False


def _filter(
    added_after: Annotated[GivenMoment, Query(description="Added later than this.")] = 0,
    ids: Annotated[str, Query(alias="match[id]"), plain(8_000)] = "",
    types: Annotated[str, Query(alias="match[type]"), plain(1_000)] = "",
    version: Annotated[str, Query(alias="match[version]"), plain(4_000)] = "",
    spec: Annotated[str, Query(alias="match[spec_version]"), plain(100)] = "",
) -> Filter:
    return Filter(
        added_after, _listed(ids, "id"), _listed(types, "type"), _versions(version), _listed(spec, "spec_version")
    )


def _listed(text: str, name: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(found) > MOST_IDS:
        raise _refused(f"match[{name}]", f"at most {MOST_IDS} values")
    return found


def _versions(text: str) -> tuple[str, ...]:
    """Keywords as they are, moments as milliseconds."""
    found = []
    for one in _listed(text, "version"):
        try:
            found.append(one if one in _KEYWORDS else str(moment_of(one)))
        except ValueError:
            raise _refused("match[version]", "first, last, all, or an RFC 3339 moment") from None
    return tuple(found)


def _refused(name: str, what: str) -> Refused:
    return Refused("invalid", fields=[FieldProblem(where=f"query:{name}", what=what)])


_Reader = Annotated[Caller, Depends(_caller)]
_Wanted = Annotated[Filter, Depends(_filter)]
_ShelfId = Annotated[str, Path(max_length=64, description="Its id or its alias.")]
_ObjectId = Annotated[str, Path(max_length=100)]
_Limit = Annotated[int, Query(ge=1, le=2**31 - 1, description=f"Objects of a page; never more than {MOST} are sent.")]
_Next = Annotated[str, Query(max_length=200, description="The `next` of the page before.")]
_ERRORS = problems("not-acceptable")
_OF_SHELF = problems("not-acceptable", "not-found")


@router.get("/taxii2/", response_model=DiscoveryOut, response_class=TaxiiResponse, responses=_ERRORS)
def discover_taxii(caller: _Reader, request: Request) -> Response:
    """Where the API root is."""
    with caller.read() as work:
        office = publisher(work)
    root = (caller.office.public_url or str(request.base_url)).rstrip("/") + ROOT
    about = "Published indicators of telephone and internet fraud."
    return TaxiiResponse({"title": office.name, "description": about, "default": root, "api_roots": [root]})


@router.get(ROOT, response_model=RootOut, response_class=TaxiiResponse, responses=_ERRORS)
def read_taxii_root(caller: _Reader) -> Response:
    """The one API root."""
    said = {
        "title": "Tosqauyl", "description": "Read only.", "versions": [MEDIA_TYPE],
        "max_content_length": caller.office.limits.body_bytes,
    }  # fmt: skip
    return TaxiiResponse(said)


@router.get(ROOT + "collections/", response_model=CollectionsOut, response_class=TaxiiResponse, responses=_ERRORS)
def list_taxii_collections(caller: _Reader) -> Response:
    """All collections."""
    with caller.read() as work:
        office = publisher(work)
    return TaxiiResponse({"collections": [_shown(one, office) for one in COLLECTIONS]})


@router.get(_SHELF, response_model=CollectionOut, response_class=TaxiiResponse, responses=_OF_SHELF)
def read_taxii_collection(collection_id: _ShelfId, caller: _Reader) -> Response:
    """One collection."""
    with caller.read() as work:
        shelf = objects.shelf(publisher(work), collection_id)
    return TaxiiResponse(_shown(shelf.collection, shelf.publisher, collection_id))


@router.get(_SHELF + "objects/", response_model=EnvelopeOut, response_class=TaxiiResponse, responses=_OF_SHELF)
def list_taxii_objects(
    collection_id: _ShelfId, caller: _Reader, wanted: _Wanted, limit: _Limit = MOST, cursor: Annotated[_Next,
    Query(alias="next")] = "",
) -> Response:  # fmt: skip
    """Objects in the order in which they were added."""
    with caller.read() as work:
        shelf = objects.shelf(publisher(work), collection_id)
        found = shelf.objects(work, wanted, limit, cursor)
    return _envelope(found)


@router.get(_SHELF + "manifest/", response_model=ManifestOut, response_class=TaxiiResponse, responses=_OF_SHELF)
def list_taxii_manifest(
    collection_id: _ShelfId, caller: _Reader, wanted: _Wanted, limit: _Limit = MOST, cursor: Annotated[_Next,
    Query(alias="next")] = "",
) -> Response:  # fmt: skip
    """What objects there are, without what they say."""
    with caller.read() as work:
        shelf = objects.shelf(publisher(work), collection_id)
        found = shelf.manifest(work, wanted, limit, cursor)
    records = [
        {"id": one.id, "date_added": _micro(one.added), "version": rfc3339(one.version), "media_type": stix.MEDIA_TYPE}
        for one in found.objects
    ]
    said = {**_more(found), **({"objects": records} if records else {})}
    return TaxiiResponse(said, headers=_dates(found.objects))


@router.get(
    _SHELF + "objects/{object_id}/", response_model=EnvelopeOut, response_class=TaxiiResponse, responses=_OF_SHELF
)
def read_taxii_object(collection_id: _ShelfId, object_id: _ObjectId, caller: _Reader, wanted: _Wanted) -> Response:
    """One object."""
    with caller.read() as work:
        shelf = objects.shelf(publisher(work), collection_id)
        found = shelf.objects(work, _only(wanted, object_id), 1)
    if not found.objects:
        raise Absent("there is no such object in this collection")
    return _envelope(found)


@router.get(
    _SHELF + "objects/{object_id}/versions/",
    response_model=VersionsOut,
    response_class=TaxiiResponse,
    responses=_OF_SHELF,
)
def list_taxii_versions(collection_id: _ShelfId, object_id: _ObjectId, caller: _Reader, wanted: _Wanted) -> Response:
    """The versions of an object: there is one."""
    with caller.read() as work:
        shelf = objects.shelf(publisher(work), collection_id)
        found = shelf.manifest(work, _only(wanted, object_id), 1)
    if not found.objects:
        raise Absent("there is no such object in this collection")
    versions = [rfc3339(one.version) for one in found.objects]
    return TaxiiResponse({"versions": versions}, headers=_dates(found.objects))


def _only(wanted: Filter, object_id: str) -> Filter:
    """The filters of these two paths (sections 5.6, 5.8): no ids and no types."""
    return Filter(wanted.after, (object_id,), (), wanted.versions, wanted.specs)


def _shown(shelf: objects.Collection, office: Publisher, named: str = "") -> dict[str, Any]:
    """named: as it was asked for; a client compares it with the address."""
    return {
        "id": named or str(shelf.id(office)), "title": shelf.title, "description": shelf.about, "alias": shelf.alias,
        "can_read": True, "can_write": False, "media_types": [stix.MEDIA_TYPE],
    }  # fmt: skip


def _envelope(found: Found) -> Response:
    """Built of the objects' texts as they are."""
    parts = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in _more(found).items()]
    if found.objects:
        parts.append(f'"objects":[{",".join(one.text for one in found.objects)}]')
    return Response("{" + ",".join(parts) + "}", 200, _dates(found.objects), MEDIA_TYPE)


def _more(found: Found) -> dict[str, Any]:
    return {"more": True, "next": found.next} if found.next else {}


def _dates(found: Sequence[Object]) -> dict[str, str]:
    """When the first and the last of these were added (section 5.4)."""
    if not found:
        return {}
    return {"X-TAXII-Date-Added-First": _micro(found[0].added), "X-TAXII-Date-Added-Last": _micro(found[-1].added)}


def _micro(at: int) -> str:
    return rfc3339(at, "microseconds")
