"""The application: the route table with its handlers, access before anything is read, problems for everything that fails."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from tosqauyl.gate.http.access import Access, Client
from tosqauyl.gate.http.bodies import Accepted, Health, ScreenRequest
from tosqauyl.gate.http.openapi import document
from tosqauyl.gate.http.options import Http, Limits
from tosqauyl.gate.http.problems import MEDIA_TYPE, Refused
from tosqauyl.gate.http.reading import decoded, read_body
from tosqauyl.gate.http.roaming import RoamingDesk
from tosqauyl.gate.http.routes import JSON, ROUTES, Route
from tosqauyl.gate.http.screening import Asker, ScreeningDesk, choose_language
from tosqauyl.gate.metrics import MEDIA_TYPE as METRICS_TYPE
from tosqauyl.gate.metrics import Metrics

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Answered = Awaitable[Response]


class Watched(Protocol):
    """What the gate tells of itself."""

    def status(self) -> dict[str, object]:
        """Everything, JSON-able, with 'status' ok or degraded."""

    def is_degraded(self) -> bool:
        """Whether something is wrong that somebody should mend."""

    def is_ready(self) -> bool:
        """Whether calls are taken."""


@dataclass(slots=True)
class Parts:
    """What the application serves from. roaming and reload are None where the gate has no feeds or cannot reload."""

    http: Http
    access: Access
    desk: ScreeningDesk
    gate: Watched
    metrics: Metrics
    counters: dict[str, int]
    alarm: Callable[[str], None]
    roaming: RoamingDesk | None = None
    reload: Callable[[], object] | None = None
    limits: Limits = field(default_factory=Limits)


class Application:
    """The handlers, each named as its route."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.answers: defaultdict[str, int] = defaultdict(int)
        self.clients: dict[str, int] = dict.fromkeys((client.id for client in parts.access.clients), 0)
        self._document = json.dumps(document()).encode()
        self._routes: dict[str, dict[str, Route]] = {}
        for route in ROUTES:
            self._routes.setdefault(route.path, {})[route.method] = route

    def asgi(self) -> Starlette:
        """The ASGI application."""
        paths = [Path(path, self._serve, methods=list(by_method)) for path, by_method in self._routes.items()]
        app = Starlette(routes=paths, exception_handlers={HTTPException: self._not_served})
        app.router.redirect_slashes = False
        return app

    async def _serve(self, request: Request) -> Response:
        """One request of a known path and method."""
        methods = self._routes[request.scope["path"]]
        route = methods.get(request.method) or methods["GET"]  # HEAD is GET without the body
        answer = await self._answered(request, route)
        self.answers[f"{route.name} {answer.status_code}"] += 1
        return answer

    async def _answered(self, request: Request, route: Route) -> Response:
        """The handler's answer, or the problem it met."""
        try:
            client = self._client(request, route)
            handler: Callable[[Request, Client | None], Answered] = getattr(self, route.name)
            return await handler(request, client)
        except Refused as refused:
            return _refusal(refused)
        except Exception as error:  # noqa: BLE001 - whatever fails: counted, told, and the gate goes on
            self.parts.counters["http_failed"] += 1
            self.parts.alarm(f"ALARM: HTTP {route.name} failed: {_where(error)}")
            return _refusal(Refused("failed"))

    async def _not_served(self, request: Request, error: Exception) -> Response:
        """404 and 405, which come from the router."""
        known = isinstance(error, HTTPException) and error.status_code == 405
        self.parts.counters["http_not_served"] += 1
        headers = dict(getattr(error, "headers", None) or {})
        return _refusal(Refused("method-not-allowed" if known else "not-found", "", headers))

    def _client(self, request: Request, route: Route) -> Client | None:
        """Whose request it is, if the route is guarded. Raises Refused. Nothing of the body has been read by then."""
        if not route.scope:
            return None
        shown = request.headers.get("authorization")
        client = self.parts.access.client(shown, getattr(request.state, "names", ()))
        if client is None:
            self.parts.counters["http_no_client"] += 1
            error = "" if shown is None else ', error="invalid_token"'
            raise Refused("no-client", "", {"WWW-Authenticate": f'Bearer realm="tosqauyl"{error}'})
        if route.scope not in client.scopes:
            self.parts.counters["http_scope_missing"] += 1
            challenge = f'Bearer realm="tosqauyl", error="insufficient_scope", scope="{route.scope}"'
            self.clients[client.id] += 1
            raise Refused("scope-missing", f"the scope is {route.scope}", {"WWW-Authenticate": challenge})
        self.clients[client.id] += 1
        return client

    def section(self) -> dict[str, Any]:
        """What of it goes into the report: open calls, answers by route and status, requests by client."""
        return {"screenings": len(self.parts.desk), "answers": dict(self.answers), "clients": dict(self.clients)}

    async def screen_call(self, request: Request, client: Client) -> Response:
        """POST /v1/calls:screen."""
        body = await read_body(request, JSON, self.parts.http.body_bytes, self.parts.limits.body)
        asked = decoded(body, ScreenRequest)
        if client.trunks and asked.trunk not in client.trunks:
            raise Refused("trunk-not-allowed")
        entry = self.parts.desk.entry(asked.trunk)
        if entry is None:
            raise Refused("unknown-trunk")
        source = f"{request.client.host}:{request.client.port}" if request.client else ""
        who = Asker(client.id, source, choose_language(request.headers.get("accept-language")))
        answer = await self.parts.desk.screen(asked, entry, who)
        return _answer(answer, headers={"Vary": "Accept-Language"})

    async def report_events(self, request: Request, client: Client) -> Response:
        """POST /v1/roaming."""
        return _answer(msgspec.json.encode(await self._roaming().events(request, client)))

    async def replace_roaming(self, request: Request, client: Client) -> Response:
        """PUT /v1/roaming."""
        return _answer(msgspec.json.encode(await self._roaming().replace(request, client)))

    async def notify_roaming(self, request: Request, client: Client) -> Response:
        """POST /v1/roaming:notify."""
        await self._roaming().notify(request, client)
        return Response(None, 204, _HEADERS)

    def _roaming(self) -> RoamingDesk:
        if self.parts.roaming is None:
            raise Refused("not-served", "this gate takes no roaming feed")
        return self.parts.roaming

    async def reload_snapshot(self, request: Request, client: Client) -> Response:
        """POST /v1/snapshot:reload."""
        if self.parts.reload is None:
            raise Refused("not-served", "this gate cannot reload")
        self.parts.reload()
        return _answer(msgspec.json.encode(Accepted()), 202)

    async def read_status(self, request: Request, client: Client) -> Response:
        """GET /v1/status."""
        return _answer(json.dumps(self.parts.gate.status(), ensure_ascii=False).encode() + b"\n")

    async def read_metrics(self, request: Request, client: Client) -> Response:
        """GET /metrics."""
        return _answer(await self.parts.metrics.text(), media_type=METRICS_TYPE)

    async def read_health(self, request: Request, client: None) -> Response:
        """GET /healthz."""
        return _answer(msgspec.json.encode(Health("degraded" if self.parts.gate.is_degraded() else "ok")))

    async def read_readiness(self, request: Request, client: None) -> Response:
        """GET /readyz."""
        if not self.parts.gate.is_ready():
            return _answer(msgspec.json.encode(Health("degraded")), 503)
        return await self.read_health(request, client)

    async def read_document(self, request: Request, client: None) -> Response:
        """GET /openapi.json."""
        return _answer(self._document)


def _answer(body: bytes, status: int = 200, media_type: str = JSON, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, {**_HEADERS, **(headers or {})}, media_type)


def _refusal(refused: Refused) -> Response:
    problem = refused.problem
    return _answer(msgspec.json.encode(problem), problem.status, MEDIA_TYPE, refused.headers)


def _where(error: BaseException) -> str:
    """Type and place of a bug. Not its text, which may hold a number."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}"
