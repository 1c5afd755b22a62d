"""The header Idempotency-Key: a request that is sent again is not carried out again, its first answer is given again.

The key is written down in the same transaction as the work. Where the route's last `with caller.work()` ends, its transaction is
kept open until the answer is made in the same thread, a moment later; answer and work are then committed together. So there
are three cases, whenever the office is killed:

    before the commit       nothing was done and the key is free: the request is carried out when it is sent again
    after the commit        the stored answer is given again, with `Idempotency-Replayed: true`
    between two transactions of a route that needs more than one, or of an asynchronous route: the key says that it was begun; the
                            request is never carried out again, and gets the problem 'carried-out'

Two at once: the second waits in the database for the first one's transaction, then gets its answer. What was refused before
anything was written leaves no trace and may be sent again with the same key. Answers are sealed: they may hold secrets.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.routing import APIRoute
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tosqauyl.registry.actor import CITIZEN, Actor
from tosqauyl.registry.errors import RegistryError
from tosqauyl.registry.moments import HOUR
from tosqauyl.registry.store import Work, told
from tosqauyl.registry.tables import IdempotentAnswer
from tosqauyl.web.office import Office
from tosqauyl.web.problems import FieldProblem, Refused, answer_of, refused_by

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
PATTERN = r"^[A-Za-z0-9._~:+/=-]{16,128}$"
"""What a key may be: long enough that nobody meets another one's by accident. A UUID is good."""
MOST_BODY = 256 * 1024
"""Bytes of an answer that are stored; a longer one is not given again."""
YOUNG_MS = 60_000
"""A key this young without an answer is perhaps still being worked on."""
_CLAIM = "tosqauyl.claim"
_PURPOSE = "idempotent_answer.body"
_KEPT = ("content-type", "location", "content-disposition")
"""Headers of an answer that are given again."""


class Replayed(Exception):
    """The request was carried out already. answer: the one it had."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer
        super().__init__()


class _Taken(Exception):
    """Another request with the same key was quicker."""


class _Dropped(Exception):
    """Ends a transaction that is not to be committed."""


@dataclass(slots=True)
class Claim:
    """One request's use of its key. key: its keyed token; digest: hash of the request, when its body is there; defer: whether the
    last transaction waits for the answer."""

    office: Office
    actor: Actor
    key: str
    digest: Callable[[], str]
    defer: bool = True
    claimed: bool = False
    _open: ExitStack = field(default_factory=ExitStack)
    _work: Work | None = None

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A transaction; the first one of the request holds the key. Raises Replayed, Refused."""
        self.end_work()
        first = not self.claimed
        with ExitStack() as stack:
            work = stack.enter_context(self.office.registry.work(self.actor))
            if first:
                self._take_key(work)
            yield work
            with told():
                work.db.flush()
            self.claimed = True
            if self.defer:
                self._open, self._work = stack.pop_all(), work

    def end_work(self) -> None:
        """Commit what waits for the answer, without it."""
        stack, self._open, self._work = self._open, ExitStack(), None
        stack.close()

    def drop(self) -> None:
        """Roll back what waits for the answer."""
        if self._work is not None:
            stack, self._open, self._work, self.claimed = self._open, ExitStack(), None, False
            with suppress(RegistryError):  # a database that went away has nothing to roll back
                stack.__exit__(_Dropped, _Dropped(), None)

    def settle(self, answer: Response) -> None:
        """Store the answer with the work and commit both. Raises RegistryError: then nothing was done."""
        if not self.claimed:
            return
        if self._work is not None:
            try:
                with told():
                    self._store(self._work, answer)
            except BaseException:
                self.drop()
                raise
            self.end_work()
            return
        try:
            with self.office.registry.work(self.actor) as work:
                self._store(work, answer)
        except RegistryError:
            self.office.counters["idempotent_not_stored"] = self.office.counters.get("idempotent_not_stored", 0) + 1

    def look(self) -> None:
        """Raise Replayed or Refused where the key was used."""
        with self.office.registry.read(self.actor) as work:
            row = work.db.get(IdempotentAnswer, self.key)
            found = None if row is None or self._is_old(work, row) else self._said(work, row)
        if found is not None:
            raise found

    def _take_key(self, work: Work) -> None:
        row = work.db.get(IdempotentAnswer, self.key)
        if row is not None and not self._is_old(work, row):
            raise _Taken
        if row is not None:
            work.db.delete(row)
            work.db.flush()
        work.db.add(IdempotentAnswer(key=self.key, request=self.digest(), status=0, body=b"", at=work.now))
        try:
            work.db.flush()
        except IntegrityError:
            raise _Taken from None

    def _is_old(self, work: Work, row: IdempotentAnswer) -> bool:
        return row.at <= work.now - self.office.limits.idempotency_hours * HOUR

    def _said(self, work: Work, row: IdempotentAnswer) -> Replayed | Refused | None:
        asked = self.digest()
        if not row.request.startswith(asked):
            return Refused("key-reused", hint="give every request a key of its own")
        if len(asked) < len(row.request):
            return None  # its body has not come: where it writes, it is asked again
        if row.status == 0:
            headers = {"Retry-After": "1"} if work.now - row.at < YOUNG_MS else {}
            return Refused("carried-out", "or it is being carried out now", "read what became of it", headers)
        work.note("replayed", "answer", self.key[:16])
        kept = json.loads(work.vault.open(row.body, _PURPOSE))
        headers = {**kept["headers"], REPLAYED: "true"}
        return Replayed(Response(kept["body"].encode("latin-1"), row.status, headers))

    def _store(self, work: Work, answer: Response) -> None:
        body = getattr(answer, "body", None)
        if body is None or len(body) > MOST_BODY:
            return
        row = work.db.get(IdempotentAnswer, self.key)
        if row is not None:
            headers = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
            kept = json.dumps({"headers": headers, "body": bytes(body).decode("latin-1")})
            row.status, row.body = answer.status_code, work.vault.seal(kept, _PURPOSE)


def claim_of(request: Request, office: Office, actor: Actor) -> Claim | None:
    """The claim of a POST with the header; None for any other request. Raises Refused where the key is none or was used for another
    request, Replayed where this one was carried out."""
    shown = request.headers.get(HEADER)
    if shown is None or request.method != "POST":
        return None
    if not re.fullmatch(PATTERN, shown):
        raise Refused(
            "invalid", fields=[FieldProblem(where=f"header:{HEADER}", what="16 to 128 letters, digits, ._~:+/=-")]
        )
    # Whoever has no account is told from others by the address: else key and body would be enough for another one's ticket.
    address = request.client.host if actor.role == CITIZEN.role and request.client else ""
    whose = "\x00".join((actor.organisation, actor.name, address, shown))
    token = office.registry.vault.token(whose, "idempotency")
    claim = request.scope.get(_CLAIM)
    if claim is None or claim.key != token:  # a route may ask for two scopes, and still is one request
        claim = request.scope[_CLAIM] = Claim(office, actor, token, lambda: _digest(request))
        claim.look()
    return claim


def _digest(request: Request) -> str:
    """What was asked: 32 hex digits of the hash of its head, and 32 of the hash of its body as soon as that has come."""
    received = request.scope["tosqauyl.received"]
    asked = [request.method, request.scope["path"], request.scope["query_string"].decode("latin-1")]
    asked.append(request.headers.get("content-type", ""))
    head = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]
    return head + (received.sha256.hexdigest()[:32] if received.complete else "")


def forget(work: Work, hours: int) -> int:
    """Delete keys that are older than `hours`; how many."""
    before = work.now - hours * HOUR
    return int(work.db.execute(delete(IdempotentAnswer).where(IdempotentAnswer.at <= before)).rowcount)  # type: ignore[attr-defined]


def kept(route: APIRoute) -> Callable[..., Any]:
    """The endpoint of a route with its answers kept where the request has a key; otherwise it is called as it is."""
    endpoint = route.endpoint
    if iscoroutinefunction(endpoint):
        return _later(route, endpoint)

    @wraps(endpoint)
    def answered(**given: Any) -> Any:
        claim = _claim_in(given)
        if claim is None:
            return endpoint(**given)
        try:
            answer = _rendered(route, endpoint(**given), given)
        except Exception as error:  # noqa: BLE001 - it is raised again where it is no answer
            answer = _failed(claim, error)
        claim.settle(answer)
        return answer

    return answered


def _later(route: APIRoute, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    async def answered(**given: Any) -> Any:
        claim = _claim_in(given)
        if claim is None:
            return await endpoint(**given)
        claim.defer = False
        try:
            answer = _rendered(route, await endpoint(**given), given)
        except Exception as error:  # noqa: BLE001
            answer = await run_in_threadpool(_failed, claim, error)
        await run_in_threadpool(claim.settle, answer)
        return answer

    return answered


def _claim_in(given: dict[str, Any]) -> Claim | None:
    found = (getattr(one, "claim", None) for one in given.values())
    return next((one for one in found if isinstance(one, Claim)), None)


def _failed(claim: Claim, error: Exception) -> Response:
    """The answer of a refusal, which is kept with what was written before it; for anything else the work is rolled back and
    the error raised again."""
    if isinstance(error, _Taken):
        claim.look()
        raise Refused("conflict", "a request with the same key ended just now", "send it again", {"Retry-After": "1"})
    refused = refused_by(error) if isinstance(error, RegistryError) else error
    if isinstance(refused, Refused) and refused.problem.status < 500:
        return answer_of(refused)
    claim.drop()
    raise error


def _rendered(route: APIRoute, made: Any, given: dict[str, Any]) -> Response:
    """What the framework would make of an endpoint's value, made here and now."""
    if isinstance(made, Response):
        return made
    own = next((one for one in given.values() if isinstance(one, Response)), None)
    status = (own.status_code if own is not None else None) or route.status_code or 200
    answer = Response(status_code=status) if status == 204 else _body_of(route, made, status)
    if own is not None:
        answer.headers.raw.extend(one for one in own.headers.raw if one[0] not in (b"content-length", b"content-type"))
    return answer


def _body_of(route: APIRoute, made: Any, status: int) -> Response:
    if route.response_field is None:
        return JSONResponse(jsonable_encoder(made), status)
    value, errors = route.response_field.validate(made, {}, loc=("response",))
    if errors:
        raise ValueError(f"the answer of {route.name} is not what its model says")
    body = route.response_field.serialize_json(value, exclude_none=route.response_model_exclude_none)
    return Response(body, status, media_type="application/json")
