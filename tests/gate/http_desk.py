"""The HTTP side over a desk's session: requests as ASGI calls, no socket, the journal in a folder of the test."""

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk import WALL, Desk, make_desk

from tosqauyl.gate.feeds import FeedOptions, Feeds
from tosqauyl.gate.http.access import Client, hashed
from tosqauyl.gate.http.app import Application
from tosqauyl.gate.http.options import Http, Limits
from tosqauyl.gate.http.side import HttpSide
from tosqauyl.gate.report import Report
from tosqauyl.gate.server import Gate
from tosqauyl.journal.append import Journal, System

TOKENS = {scope: f"tq_{scope}-token" for scope in ("screen", "feed", "metrics", "reload")}
CLIENTS = (
    *(Client(f"{scope}-client", hashed(token), "", frozenset((scope,)), "kcell" if scope == "feed" else "")
      for scope, token in TOKENS.items()),
    Client("one-trunk", hashed("tq_one-trunk"), "", frozenset(("screen",)), "", frozenset(("home",))),
    Client("by-certificate", "", "sbc.example.kz", frozenset(("screen",))),
    Client("both", hashed("tq_both"), "noc.example.kz", frozenset(("metrics",))),
)  # fmt: skip
CALL = {"trunk": "abroad", "call_id": "c1@sbc", "called": "+77017654321", "presented": "+447700900123"}
Headers = dict[str, str]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Headers
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        return self.json["type"].removeprefix("urn:tosqauyl:problem:")


@dataclass
class HttpDesk:
    """An application with everything behind it within reach."""

    desk: Desk
    gate: Gate
    report: Report
    application: Application
    feeds: Feeds | None
    reloads: list[str]
    alarms: list[str]
    writes: list[int]
    """Lines of each write(2) to the journal; the first is the header's."""

    def __post_init__(self) -> None:
        self.app = self.application.asgi()

    def send(self, method: str, path: str, token: str = "", **how: Any) -> Answer:
        """One request. how: json, body, headers, names (of a client certificate)."""
        return asyncio.run(self.request(method, path, token, **how))

    def screen(self, **call: Any) -> Answer:
        """POST /v1/calls:screen with CALL and what is given here."""
        return self.send("POST", "/v1/calls:screen", TOKENS["screen"], json=CALL | call)

    async def request(self, method: str, path: str, token: str = "", **how: Any) -> Answer:
        headers: Headers = dict(how.get("headers") or {})
        body = how.get("body", b"")
        if "json" in how:
            body = json.dumps(how["json"]).encode()
            headers.setdefault("content-type", "application/json")
        if token:
            headers["authorization"] = f"Bearer {token}"
        return await asgi(
            self.app, method, path, headers, body if isinstance(body, list) else [body], how.get("names", ())
        )

    def counters(self) -> dict[str, int]:
        return {name: count for name, count in self.desk.session.counters.items() if count}

    def rows(self) -> list[str]:
        """What is in the journal by now."""
        return self.gate.journal.segment_path.read_text("utf-8").splitlines()[1:]


async def asgi(
    app: Any, method: str, path: str, headers: Headers, pieces: Iterable[bytes], names: tuple[str, ...] = ()
) -> Answer:
    """Call an ASGI application once; the body comes in pieces."""
    where, _, query = path.partition("?")
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": where, "raw_path": where.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 8060), "state": {"names": names},
    }  # fmt: skip
    await app(scope, receive, send)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(part.get("body", b"") for part in sent[1:]))


def make_http_desk(folder: Path, **options: Any) -> HttpDesk:
    """options: those of make_desk; http, limits, clients, feeds (False for none), reload (False for none)."""
    http = options.pop("http", Http())
    limits, clients = options.pop("limits", Limits()), options.pop("clients", CLIENTS)
    with_feeds, with_reload = options.pop("feeds", True), options.pop("reload", True)
    desk = make_desk(**options)
    make_row = desk.session._make_row
    desk.session._make_row = lambda *decided: make_row(*decided) + "\n"
    alarms: list[str] = []
    writes: list[int] = []
    journal = Journal(folder / "journal", WALL, system=System(write=_counting(writes)))
    gate = Gate(desk.session, journal, [], alarms.append)
    gate.is_serving = True
    report = Report(gate)
    feeds = None
    if with_feeds:
        feeds = Feeds(lambda: desk.session.engine.known, folder / "feeds", FeedOptions(), alarms.append)
        report.add("feeds", feeds.state)
    reloads: list[str] = []
    reload = (lambda: reloads.append("asked")) if with_reload else None
    side = HttpSide(http, clients, report, alarms.append, feeds, reload, limits)
    return HttpDesk(desk, gate, report, side.application(), feeds, reloads, alarms, writes)


def _counting(writes: list[int]) -> Callable[[int, bytes], int]:
    def write(descriptor: int, data: bytes) -> int:
        writes.append(data.count(b"\n"))
        return os.write(descriptor, data)

    return write
