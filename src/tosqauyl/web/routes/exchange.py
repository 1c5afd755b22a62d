"""Published indicators for other systems, streamed: a STIX 2.1 bundle, a MISP feed, CSV. Each page is a transaction of its
own, so that a slow reader holds nothing; what personal data a page opened is noted before it is sent."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from tosqauyl.registry.exchange import csv_export, misp, stix
from tosqauyl.registry.exchange.page import KINDS, Entry, Publisher, Wanted, page, publisher
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.problems import problems

router = APIRouter(tags=["exchange"])

PAGE = 200
"""Indicators of one page."""
Kind = Literal["phone", "iban", "wallet", "domain", "url", "telegram"]
_Reader = Annotated[Caller, Depends(needs("exchange:read"))]


class StixResponse(JSONResponse):
    """STIX 2.1."""

    media_type = stix.MEDIA_TYPE


class CsvResponse(Response):
    """CSV with its header line (RFC 4180)."""

    media_type = csv_export.MEDIA_TYPE


class BundleOut(BaseModel):
    """A bundle (STIX 2.1 section 8). objects: what all refer to, then three for each active and one for each revoked indicator."""

    type: Literal["bundle"]
    id: str
    objects: list[dict[str, Any]]


class FeedEventOut(BaseModel):
    """A row of the manifest of a MISP feed. timestamp: seconds since 1970 of the last change in it."""

    orgc: dict[str, str] = Field(alias="Orgc")
    tag: list[dict[str, Any]] = Field(alias="Tag")
    info: str
    date: str
    analysis: str
    threat_level_id: str
    timestamp: str


class MispEventOut(BaseModel):
    """An event in MISP's core format."""

    event: dict[str, Any] = Field(alias="Event")


_CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines, see docs/exchange.md.",
        "content": {csv_export.MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


@router.get("/v1/exchange/bundle", response_model=BundleOut, response_class=StixResponse, responses=problems())
def read_bundle(caller: _Reader, kind: Kind | None = None) -> Response:
    """All published indicators as one STIX bundle. A JSON text that ends early was cut off: fetch it again."""
    with caller.read() as work:
        office = publisher(work)
    pieces = _bundle(office, _pages(caller, kind, revoked=True))
    return StreamingResponse(_begun(pieces), media_type=stix.MEDIA_TYPE)


@router.get("/v1/exchange/indicators.csv", response_class=CsvResponse, responses=_CSV | problems())
def read_indicators_csv(caller: _Reader, kind: Kind | None = None) -> Response:
    """All published indicators that hold, as CSV. A file without its last line was cut off: fetch it again."""
    with caller.read() as work:
        office, now = publisher(work), work.now
    pieces = csv_export.lines(_pages(caller, kind, revoked=False), office.name, now)
    headers = {"Content-Disposition": 'attachment; filename="indicators.csv"'}
    return StreamingResponse(_begun(pieces), 200, headers, f"{csv_export.MEDIA_TYPE}; charset=utf-8")


@router.get("/v1/exchange/misp/manifest.json", response_model=dict[UUID, FeedEventOut], responses=problems())
def read_misp_manifest(caller: _Reader) -> Response:
    """The table of contents of the MISP feed: one event for each day on which indicators were approved."""
    with caller.read() as work:
        return JSONResponse(misp.manifest(work))


@router.get("/v1/exchange/misp/{event_id}.json", response_model=MispEventOut, responses=problems("not-found"))
def read_misp_event(event_id: UUID, caller: _Reader) -> Response:
    """One event of the MISP feed."""
    return StreamingResponse(_begun(misp.event(caller, event_id)), media_type="application/json")


def _pages(caller: Caller, kind: Kind | None, revoked: bool) -> Iterator[list[Entry]]:
    wanted = Wanted(kinds=(kind,) if kind else KINDS, revoked=revoked)
    while True:
        with caller.read() as work:
            found = page(work, wanted, PAGE)
        yield found
        if len(found) < PAGE:
            return
        wanted = replace(wanted, behind=found[-1].place)


def _bundle(office: Publisher, pages: Iterable[Iterable[Entry]]) -> Iterator[str]:
    shared = ",".join(text for *_, text in stix.shared(office))
    yield f'{{"type":"bundle","id":{json.dumps(f"bundle--{uuid4()}")},"objects":[{shared}'
    for entries in pages:
        yield "".join("," + text for entry in entries for text in stix.objects(entry, office))
    yield "]}"


def _begun(pieces: Iterator[str]) -> Iterator[str]:
    """The same pieces with the first two already made: what fails there is still answered as a problem."""
    first = list(islice(pieces, 2))
    return chain(first, pieces)
