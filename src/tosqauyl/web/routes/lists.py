"""The list of calling numbers for gates: whole, and its changes as soon as they are decided."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.list_files import whole
from tosqauyl.registry.list_text import changes_text, gzipped
from tosqauyl.registry.publish import Head, changes, head
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.list_watch import ChangesTexts, Watches
from tosqauyl.web.problems import problems

router = APIRouter(tags=["lists"])

FOLDER = "lists"
"""Of the office's data folder: the list as it was last written whole."""
MOST_WAIT = 25
"""Seconds. Proxies cut off what is silent for 30."""
_TYPE = "text/plain; charset=utf-8"
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Lines, see docs/publishing.md.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
_Gate = Annotated[Caller, Depends(needs("lists:read"))]


@router.get("/v1/lists/calls", response_class=PlainTextResponse, responses=_TEXT | problems())
def read_list(request: Request, caller: _Gate) -> Response:
    """The whole list, as lines with a digest at the end. It is sent in pieces, packed with gzip where that is accepted."""
    with caller.read() as work:
        header, pieces = whole(work, caller.office.data / FOLDER)
        work.note("read-list", "list", header.list, f"{header.entries} numbers as of change {header.seq}")
    headers = {"Vary": "Accept-Encoding"}
    if _takes_gzip(request):
        return _streamed(gzipped(pieces), headers | {"Content-Encoding": "gzip"})
    return _streamed(pieces, headers)


@router.get("/v1/lists/calls/changes", response_class=PlainTextResponse, responses=_TEXT | problems("conflict"))
async def read_list_changes(
    request: Request,
    caller: _Gate,
    list_id: Annotated[str, Query(alias="list", pattern="^[0-9a-f]{32}$", min_length=32, max_length=32)],
    after: Annotated[int, Query(ge=0, le=2**63 - 1)],
    wait: Annotated[int, Query(ge=0, le=MOST_WAIT, description="Seconds to wait for a change.")] = 0,
) -> Response:
    """The changes after a change that the gate knows, at most 10,000. Where there is none it waits for one. `conflict`: the list is
    another one, or the changes are not kept any more; take the whole list."""
    texts, watches = _of_this_application(request, caller)
    found = await run_in_threadpool(_changes, caller, texts, list_id, after)
    if not found and wait:
        await watches.here().wait(after, wait)
        found = await run_in_threadpool(_changes, caller, texts, list_id, after)
    text = found or changes_text(list_id, after, ())
    return Response(text, media_type=_TYPE)


def _changes(caller: Caller, texts: ChangesTexts, list_id: str, after: int) -> bytes:
    """The text of the changes; b'' where there is none. Raises Conflict."""
    with caller.read() as work:
        top = head(work)
        if top.list != list_id:
            raise Conflict("this is another list", hint="take the whole list")
        if top.seq > after:
            return texts.text(work, list_id, after, top.seq)
        changes(work, after, 1)  # a gate that is ahead of the list knows another one
        return b""


def _of_this_application(request: Request, caller: Caller) -> tuple[ChangesTexts, Watches]:
    state, registry = request.app.state, caller.registry
    if not hasattr(state, "list_changes"):

        def look() -> int:
            with registry.read(SYSTEM) as work:
                found: Head = head(work)
            return found.seq

        watches = Watches(look)
        state.list_changes = ChangesTexts(), watches
        caller.office.stopping.append(lambda: watches.here().close())
    made: tuple[ChangesTexts, Watches] = state.list_changes
    return made


def _takes_gzip(request: Request) -> bool:
    accepted = [one.strip().replace(" ", "") for one in request.headers.get("accept-encoding", "").lower().split(",")]
    return any(one.partition(";")[0] in ("gzip", "*") and not one.endswith(("q=0", "q=0.0")) for one in accepted)


def _streamed(pieces: Iterator[bytes], headers: dict[str, str]) -> Response:
    return StreamingResponse(pieces, 200, headers, _TYPE)
