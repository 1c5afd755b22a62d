"""An office for tests: a history of changes, told over HTTP by a small server or written to a folder, and in the texts of
docs/publications.md. Not the real one: that is tested end to end elsewhere."""

import asyncio
import gzip
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

from tosqauyl.networks.office.client import OfficeClient
from tosqauyl.networks.office.folder import OfficeFolder
from tosqauyl.networks.office.terms import Office, OfficeOptions

LIST, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2
NOW = 1_790_000_000.0
TOKEN = "tqk_secret-of-this-gate"
Row = tuple[str, str, str, str]
"""Number, listing, expires as it is written, id."""


def sealed(body: str) -> bytes:
    data = body.encode()
    return data + b"end " + hashlib.sha256(data).hexdigest().encode() + b"\n"


def list_text(rows: list[Row], list_id: str = LIST, seq: int = 0) -> bytes:
    body = "".join("\t".join(row) + "\n" for row in rows)
    return sealed(f"tosqauyl-list 1 {list_id} {seq} {len(rows)}\n{body}")


def changes_text(rows: list[Row], after: int = 0, list_id: str = LIST) -> bytes:
    body = "".join(f"{after + place}\t" + "\t".join(row) + "\n" for place, row in enumerate(rows, 1))
    return sealed(f"tosqauyl-changes 1 {list_id} {after} {after + len(rows)}\n{body}")


class FakeOffice:
    """What was published, oldest first. kept: of the history, changes before it are forgotten."""

    def __init__(self, list_id: str = LIST) -> None:
        self.list_id, self.history, self.kept = list_id, list[Row](), 0
        self.news = asyncio.Event()
        self.asked: list[str] = []
        self.answer: web.Response | None = None
        """Given to the next question instead of what would be right."""
        self.spoil = lambda data: data
        self.token = TOKEN

    def publish(self, number: str, listing: str = "block", expires: str = "-", name: str = "i-1") -> int:
        self.history.append((number, listing, expires, name))
        self.news.set()
        self.news = asyncio.Event()
        return len(self.history)

    @property
    def seq(self) -> int:
        return len(self.history)

    def rows(self) -> list[Row]:
        now = {row[0]: row for row in self.history}
        return [row for row in now.values() if row[1] != "none"]

    def whole(self) -> bytes:
        return list_text(self.rows(), self.list_id, self.seq)

    def since(self, after: int, most: int = 10_000) -> bytes:
        return changes_text(self.history[after : after + most], after, self.list_id)

    def write(self, folder: Path, first: int = 1, at: float = NOW) -> None:
        """The list as it is, and the changes from `first` on."""
        self.put(folder / "calls.list", self.spoil(self.whole()), at)
        if first <= self.seq:
            self.put(folder / f"calls.changes.{first}", self.spoil(self.since(first - 1)), at)

    @staticmethod
    def put(path: Path, data: bytes, at: float = NOW) -> None:
        draft = path.with_suffix(".draft")
        draft.write_bytes(data)
        os.utime(draft, (at, at))
        draft.replace(path)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if self.answer is not None:
            answer, self.answer = self.answer, None
            return answer
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"type": "about:blank", "status": 401}, status=401)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if request.path == "/v1/lists/calls":
            data = self.spoil(self.whole())
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                data, headers["Content-Encoding"] = gzip.compress(data), "gzip"
            return web.Response(body=data, headers=headers)
        after = int(request.query["after"])
        if request.query["list"] != self.list_id or not self.kept <= after <= self.seq:
            return web.json_response({"type": "conflict", "status": 409}, status=409)
        if after == self.seq:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), float(request.query["wait"]))
        return web.Response(body=self.spoil(self.since(after)), headers=headers)


@asynccontextmanager
async def serving(office: FakeOffice, context: object = None) -> AsyncIterator[str]:
    """The office on a free port; its URL."""
    server = web.Server(office.handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()  # type: ignore[arg-type]
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def hearing(office: FakeOffice, folder: Path, way: str) -> AsyncIterator[Office]:
    """A client of that office in one of the two ways."""
    if way == "folder":
        yield OfficeFolder(str(folder), lambda: NOW)
        return
    token = folder / "token"
    token.write_text(TOKEN + "\n")
    async with serving(office) as url:
        client = OfficeClient(OfficeOptions(url, str(token)), lambda: NOW)
        try:
            yield client
        finally:
            await client.close()
