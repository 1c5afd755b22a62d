"""The application: every router of web/routes, mounted with kept answers, behind limits, counts and headers; problems for all that
fails."""

import re
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tosqauyl.registry.errors import RegistryError
from tosqauyl.web.bodies_limit import BodiesLimit
from tosqauyl.web.failures import failed, refused_for_values
from tosqauyl.web.headers import SecureHeaders
from tosqauyl.web.idempotency import Replayed, kept
from tosqauyl.web.metrics import Answers
from tosqauyl.web.office import Office
from tosqauyl.web.openapi import document
from tosqauyl.web.pages.every import all_pages
from tosqauyl.web.problems import Refused, answer_of, refused_by, refused_for
from tosqauyl.web.table import Table

MODULES = (
    "accounts", "actions", "appeals", "audit", "carriers", "calls", "checks", "conditions", "exchange", "findings", "health",
    "incidents", "indicators", "keys", "lists", "live", "lookup", "me", "personal", "policy", "policy_backtests",
    "policy_draft", "protected", "publications",
    "reports", "sign_in", "statistics", "taxii", "uploads", "webhooks", "worklist",
)  # fmt: skip
"""The modules of web/routes, each with its `router`. What is not named here is not served: a test compares it with the folder."""
DOCUMENT = "/openapi.json"
"""Where the OpenAPI document is. There are no pages that load scripts from elsewhere."""
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""The framework would send traces, with texts of errors, wherever the environment says."""


def build(office: Office, modules: Sequence[str] = MODULES) -> FastAPI:
    """The ASGI application. Raises ImportError where a module of routes is missing."""
    served = _served([import_module(f"tosqauyl.web.routes.{name}").router for name in modules])
    app = FastAPI(
        title="Tosqauyl office", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )  # fmt: skip
    app.router.routes.extend(served.routes)
    pages = all_pages()
    table = Table(served.routes, pages.rows())
    app.state.office, app.state.table, app.state.answers = office, table, Answers()
    _add_document(app, served)
    app.router.routes.extend(pages.routes())
    _add_handlers(app)
    app.add_middleware(BodiesLimit, office=office, table=table)
    app.add_middleware(Failures, office=office, answers=app.state.answers, table=table)
    app.add_middleware(SecureHeaders, tls=office.public_url.startswith("https:"))
    return app


class _Served:
    """Mounted routes and their document. They know no office and take a second to make, so each is made once."""

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self.routers = routers
        self.routes = tuple(_mounted(one) for router in routers for one in router.routes if isinstance(one, APIRoute))

    @cached_property
    def document(self) -> dict[str, Any]:
        return document(self.routes)


_MADE: dict[tuple[int, ...], _Served] = {}
"""By the identity of their routers, which live as long as they stand here."""


def _served(routers: Sequence[APIRouter]) -> _Served:
    key = tuple(map(id, routers))
    if key not in _MADE:
        _MADE[key] = _Served(routers)
    return _MADE[key]


def _mounted(route: APIRoute) -> APIRoute:
    """A route as its module wrote it, with answers kept under an Idempotency-Key; its function's name is its operation id.

    No id has a colon: '/v1/reports/7:close' is no report of the id '7:close'.
    """
    made = APIRoute(
        route.path, kept(route), methods=route.methods, name=route.name, operation_id=route.operation_id or route.name,
        response_model=route.response_model, status_code=route.status_code, responses=route.responses,
        response_class=route.response_class, response_description=route.response_description, tags=route.tags,
        dependencies=route.dependencies, summary=route.summary, description=route.description, deprecated=route.deprecated,
        openapi_extra=route.openapi_extra, include_in_schema=route.include_in_schema,
        response_model_exclude_none=route.response_model_exclude_none,
        response_model_exclude_unset=route.response_model_exclude_unset,
    )  # fmt: skip
    made.path_regex = re.compile(made.path_regex.pattern.replace("[^/]+", "[^/:]+"))
    return made


def _add_document(app: FastAPI, served: _Served) -> None:
    app.openapi = lambda: served.document  # type: ignore[method-assign]

    def read_document(request: Request) -> Response:
        return JSONResponse(served.document)

    app.add_route(DOCUMENT, read_document, methods=["GET"], include_in_schema=False)


def _add_handlers(app: FastAPI) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        found = error if isinstance(error, Refused) else refused_by(error)  # type: ignore[arg-type]
        return answer_of(found, request.scope["path"])

    async def replayed(request: Request, error: Exception) -> Response:
        return error.answer  # type: ignore[attr-defined, no-any-return]

    async def not_served(request: Request, error: Exception) -> Response:
        found = refused_for(error)  # type: ignore[arg-type]
        if found.slug == "method-not-allowed":
            found.headers = {"Allow": ", ".join(app.state.table.methods_of(request.scope["path"])) or "GET"}
        return answer_of(found, request.scope["path"])

    async def values(request: Request, error: Exception) -> Response:
        return answer_of(refused_for_values(error), request.scope["path"])  # type: ignore[arg-type]

    app.add_exception_handler(RegistryError, refused)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(Replayed, replayed)
    app.add_exception_handler(HTTPException, not_served)
    app.add_exception_handler(RequestValidationError, values)


class Failures:
    """ASGI middleware: a bug is counted, told to the operator without what was asked, and answered as a problem. Counts answers."""

    def __init__(self, app: ASGIApp, office: Office, answers: Answers, table: Table) -> None:
        self._app, self._office, self._answers, self._table = app, office, answers, table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        row = self._table.find(scope["method"], scope["path"])
        name, status = row.name if row is not None else "unknown", 0

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        with self._answers.timed(name) as seen:
            try:
                await self._app(scope, receive, sending)
            except RecursionError:
                if status:
                    raise
                await answer_of(Refused("malformed", "it is nested too deeply"), scope["path"])(scope, receive, sending)
            except Exception as error:  # noqa: BLE001 - whatever fails: counted, told, and the office goes on
                failed(self._office, name, error)
                if status:
                    raise ConnectionAbortedError("it failed after its answer had begun") from None
                await answer_of(Refused("failed"), scope["path"])(scope, receive, sending)
            seen.status = status
