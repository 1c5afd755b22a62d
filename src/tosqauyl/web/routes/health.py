"""Whether the office is well, and its metrics."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from tosqauyl import __version__
from tosqauyl.errors import TosqauylError
from tosqauyl.registry.actor import CITIZEN
from tosqauyl.registry.store import told
from tosqauyl.registry.tables import ListHead
from tosqauyl.web.caller import PUBLIC, Caller, needs
from tosqauyl.web.metrics import MEDIA_TYPE, standing
from tosqauyl.web.office import JOBS_AT, Office
from tosqauyl.web.problems import problems

router = APIRouter(tags=["office"])

JOBS_LATE_MS = 5 * 60_000
_MIGRATED = "migrated"
_STATES = frozenset({JOBS_AT, _MIGRATED})
"""Names in `Office.counters` that count nothing."""
METRICS_SCOPE = "statistics:read"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Health(BaseModel):
    """database: whether it can be reached; migrations: whether its tables are of this version; jobs: whether a round of jobs ended
    in the last five minutes; list, seq: which list gates get, and its last publication."""

    status: Literal["ok", "degraded"]
    version: str
    database: bool
    migrations: bool
    jobs: bool
    list: str = Field(max_length=64)
    seq: int


@router.get("/v1/health", response_model=Health, responses=problems())
def read_health(caller: Annotated[Caller, Depends(needs(PUBLIC))]) -> Health:
    """Whether the office is well. 200 also where it is degraded: what is wrong is told by the fields."""
    office = caller.office
    head, migrated = ("", 0), False
    try:
        with office.registry.read(CITIZEN) as work:
            found = work.db.get(ListHead, 1)
            head = (found.list, found.seq) if found is not None else head
        migrated = _is_migrated(office)
        database = True
    except TosqauylError:
        database = False
    jobs = office.registry.clock() - office.counters.get(JOBS_AT, 0) < JOBS_LATE_MS
    status: Literal["ok", "degraded"] = "ok" if database and migrated and jobs else "degraded"
    return Health(
        status=status, version=__version__, database=database, migrations=migrated, jobs=jobs, list=head[0], seq=head[1]
    )


def _is_migrated(office: Office) -> bool:
    """Whether the tables are of this version; asked until it is so once."""
    if not office.counters.get(_MIGRATED):
        from tosqauyl.registry.migrate import is_current

        with told():
            office.counters[_MIGRATED] = int(is_current(office.registry.engine))
    return bool(office.counters[_MIGRATED])


def _scraper() -> Callable[[Request], Caller]:
    """The scope, or this very machine: without a proxy, whoever is on it may read more than this."""
    guarded, anybody = needs(METRICS_SCOPE), needs(PUBLIC)

    def find(request: Request) -> Caller:
        host = request.client.host if request.client else ""
        near = host in _LOOPBACK and not any(name in request.headers for name in _FORWARDED)
        return anybody(request) if near else guarded(request)

    find.scope = METRICS_SCOPE  # type: ignore[attr-defined]
    return find


@router.get(
    "/v1/metrics", response_class=Response,
    responses={**problems(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def read_metrics(request: Request, caller: Annotated[Caller, Depends(_scraper())]) -> Response:
    """Metrics in Prometheus' text format. From the office's own machine no key is needed."""
    with caller.read() as work:
        told = standing(work, {name: count for name, count in caller.office.counters.items() if name not in _STATES})
    return Response(request.app.state.answers.text(told), media_type=MEDIA_TYPE)
