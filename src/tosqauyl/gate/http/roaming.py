"""The operators' feeds over HTTP: bodies and queries read and checked here, what they mean is gate/feeds' to say.

The operator is the client's own, from the configuration. No number is repeated in an answer.
"""

import re
import time
from collections.abc import Mapping

from starlette.requests import Request

from tosqauyl.gate.feed_notices import NoticeDesk
from tosqauyl.gate.feeds import BulkOrder, FeedResult, Feeds
from tosqauyl.gate.http.access import Client
from tosqauyl.gate.http.bodies import RefusedLine, RoamingAnswer, RoamingEvents
from tosqauyl.gate.http.options import EVENTS_FACTOR, Http, Limits
from tosqauyl.gate.http.problems import Refused
from tosqauyl.gate.http.reading import check_type, decoded, pieces, read_body
from tosqauyl.gate.http.routes import JSON, TEXT
from tosqauyl.networks.camara.events import BATCH_TYPE, EVENT_TYPE, read_batch, read_event

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{1,12}(\.\d{1,6})?")
_COUNT = re.compile(r"\d{1,9}")
_LATER = {"busy": "5", "reloaded": "5", "not-stored": "60"}
"""Why nothing was applied although the request was good, and after how many seconds it is worth sending again."""


class RoamingDesk:
    """Takes the requests of the feed routes to the feeds."""

    def __init__(self, feeds: Feeds, http: Http, limits: Limits) -> None:
        self._feeds, self._http, self._limits = feeds, http, limits
        self._notices = NoticeDesk(feeds)

    async def events(self, request: Request, client: Client) -> RoamingAnswer:
        """POST: single subscribers moved. Raises Refused."""
        query = _query(request, {"confirm": _DIGEST})
        body = await read_body(request, JSON, self._http.body_bytes * EVENTS_FACTOR, self._limits.body)
        said = [
            (one.number, one.state) if one.at is None else (one.number, one.state, one.at)
            for one in decoded(body, RoamingEvents).events
        ]
        result = self._feeds.events(client.operator, said, time.monotonic(), time.time(), query.get("confirm", ""))
        return _answer(result, 1)

    async def notify(self, request: Request, client: Client) -> None:
        """POST: a home network notifies. Returns where all of it was taken; raises Refused."""
        query = _query(request, {"confirm": _DIGEST})
        kind = check_type(request, EVENT_TYPE, BATCH_TYPE)
        body = await read_body(request, kind, self._http.body_bytes * EVENTS_FACTOR, self._limits.body)
        notices = read_event(body) if kind == EVENT_TYPE else read_batch(body)
        if notices.malformed:
            raise Refused("malformed", "no JSON of a CloudEvent or of a list of them")
        confirm = query.get("confirm", "")
        result = self._notices.take(client.operator, notices, time.monotonic(), time.time(), confirm).result
        answer = _answer(result, 1)
        if answer.refused_count:
            rest: dict[str, object] = {"refused": answer.refused, "refused_count": answer.refused_count}
            raise Refused("not-taken", "what is not named was taken", {}, rest)

    async def replace(self, request: Request, client: Client) -> RoamingAnswer:
        """PUT: the whole list, handed on as it comes. Raises Refused."""
        known = {"complete": re.compile("true|false"), "as_of": _TIME, "count": _COUNT, "confirm": _DIGEST}
        query = _query(request, known)
        check_type(request, TEXT)
        order = BulkOrder(
            query.get("complete") == "true",
            float(query.get("as_of", "0")),
            int(query.get("count", "-1")),
            query.get("confirm", ""),
        )
        chunks = pieces(request, self._http.bulk_bytes, self._limits.bulk)
        return _answer(await self._feeds.receive_bulk(client.operator, chunks, order, _clock), 0)


def _clock() -> tuple[float, float]:
    return time.monotonic(), time.time()


def _query(request: Request, known: Mapping[str, re.Pattern[str]]) -> dict[str, str]:
    """The query's parameters, each once and as its pattern says. Raises Refused: a misspelt 'complete' must not be passed over."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        pattern = known.get(name)
        if pattern is None or name in found or not pattern.fullmatch(value):
            raise Refused("bad-query", f"known are, each once: {', '.join(known)}")
        found[name] = value
    return found


def _answer(result: FeedResult, first: int) -> RoamingAnswer:
    """What the client is told. first: added to the indices, so that all count from 1. Raises Refused."""
    refused = [RefusedLine(place + first, why) for place, why in result.refused]
    if not result.why:
        return RoamingAnswer(
            result.accepted, result.changed, refused, result.refused_count, result.sequence,
            round(result.swing_percent, 2), result.promise,  # type: ignore[arg-type]
            result.durable, result.digest,
        )  # fmt: skip
    if result.held:
        rest: dict[str, object] = {"digest": result.digest, "swing_percent": round(result.swing_percent, 2)}
        raise Refused("held", "send the same again with confirm=<digest> if it is true", {}, rest)
    if result.why in _LATER:
        raise Refused("busy", result.why, {"Retry-After": _LATER[result.why]}, {"why": result.why})
    rest = {"why": result.why, "refused": refused, "refused_count": result.refused_count}
    raise Refused("feed-refused", "nothing was applied; see why", {}, rest)
