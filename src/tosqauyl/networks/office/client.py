"""The office heard over HTTP: GET /v1/lists/calls and a long poll for its changes, and one for modes. docs/publications.md.

https only, except to this machine itself; no redirect is followed, no proxy of the environment used. The token is read from its
file for every request, so that it can be replaced while the gate runs; it is in no log and no error.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.backend import AskFailed
from tosqauyl.networks.body import read_body
from tosqauyl.networks.camara.credentials import bearer
from tosqauyl.networks.camara.outgoing import broken, open_session, outgoing_url, refusal
from tosqauyl.networks.office.list_text import MOST_BYTES, MOST_CHANGES_BYTES, parsed
from tosqauyl.networks.office.modes import MOST_MODES_BYTES
from tosqauyl.networks.office.terms import WAIT_SECONDS, Changes, ListChanged, ModesTold, OfficeOptions, Sink
from tosqauyl.tls import client_context

LISTS = "/v1/lists/calls"
MODES = "/v1/publications/modes"
LONGEST_TAG = 100
LATE_SECONDS = 10.0
"""How much longer than it was asked to wait the office may take to answer; then the connection is given up."""
FETCH_SECONDS = 600.0
SILENT_SECONDS = 30.0
"""For a whole list: in all, and without a byte."""
_NONE: Mapping[str, str] = {}
PIECE = 256 << 10
"""Bytes that are unpacked at once."""


class OfficeClient:
    """An Office. Made outside of a loop or within; the connection is opened with the first question.

    wall: seconds since 1970. Raises TosqauylError where an address or a file cannot be used.
    """

    def __init__(self, options: OfficeOptions, wall: Callable[[], float]) -> None:
        self._url = outgoing_url(options.url.rstrip("/"), "publications.url").rstrip("/")
        self._token_file, self._wall = options.token_file, wall
        self._authorization()
        self._context = client_context(options.ca, options.certificate, options.key)
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, sink: Sink) -> None:
        """The whole list, piece by piece. Raises AskFailed; what the sink raises goes on to the caller."""
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS, sock_read=SILENT_SECONDS)
        async with self._get(LISTS, timeout, "gzip, identity") as answer:
            self._check(answer, "text/plain")
            unpack = _Unpacking(answer.headers.get("Content-Encoding", ""))
            async for data in answer.content.iter_any():
                for piece in unpack.pieces(data):
                    sink(piece)
            unpack.end()

    async def changes(self, list_id: str, after: int, wait: float = WAIT_SECONDS) -> Changes:
        """The changes of this list after number `after`; where there are none, after `wait` seconds an answer without rows.
        Raises AskFailed, or ListChanged."""
        seconds = max(min(int(wait), WAIT_SECONDS), 0)
        timeout = aiohttp.ClientTimeout(total=seconds + LATE_SECONDS)
        async with self._get(f"{LISTS}/changes?list={list_id}&after={after}&wait={seconds}", timeout) as answer:
            if answer.status == 409:
                raise ListChanged
            self._check(answer, "text/plain")
            text, said = await read_body(answer, MOST_CHANGES_BYTES), _date(answer.headers.get("Date", ""))
        try:
            told = await parsed(text)
        except TosqauylError as error:
            raise AskFailed("malformed", error.what) from None
        if (told.list_id, told.after) != (list_id, after):
            raise AskFailed("wrong", "changes of another list, or after another one")
        return told._replace(heard=self._wall(), said=said)

    async def modes(self, known: str, wait: float = WAIT_SECONDS) -> ModesTold | None:
        """The modes that stand, where that is not the state `known`; None where after `wait` seconds nothing is new. Raises
        AskFailed."""
        seconds = max(min(int(wait), WAIT_SECONDS), 0)
        timeout = aiohttp.ClientTimeout(total=seconds + LATE_SECONDS)
        asked = {"Accept": "application/json", **({"If-None-Match": known} if known else {})}
        async with self._get(f"{MODES}?wait={seconds}", timeout, more=asked) as answer:
            if known and answer.status == 304:
                return None
            self._check(answer, "application/json")
            tag = answer.headers.get("ETag", "")
            if not tag.isascii() or not tag.isprintable() or len(tag) > LONGEST_TAG:
                raise AskFailed("malformed", "the state of the modes has no usable name")
            return ModesTold(tag, await read_body(answer, MOST_MODES_BYTES))

    async def close(self) -> None:
        """Let go of connections; a question under way fails. Never raises."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def _get(
        self, path: str, timeout: aiohttp.ClientTimeout, encoding: str = "identity", more: Mapping[str, str] = _NONE
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = open_session(self._context, 2)
        try:
            headers = {
                "Accept": "text/plain",
                "Accept-Encoding": encoding,
                "Authorization": self._authorization(),
                **more,
            }
        except TosqauylError as error:
            raise AskFailed("refused", f"the token cannot be used: {error.what}") from None
        try:
            async with self._session.get(
                self._url + path, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                yield answer
        except (aiohttp.ClientError, OSError, zlib.error) as error:
            raise broken(error) if not isinstance(error, zlib.error) else _not_packed() from None

    def _check(self, answer: aiohttp.ClientResponse, kind: str) -> None:
        """Raise AskFailed where it is not what was asked for. kind: its content type."""
        if answer.status != 200:
            raise refusal(answer.status, answer.headers.get("Retry-After", ""), self._wall())
        if answer.content_type != kind:
            raise AskFailed("malformed", f"the answer is not {kind}")

    def _authorization(self) -> str:
        """The header of a request. Raises TosqauylError, which never quotes the token."""
        try:
            with Path(self._token_file).open(encoding="ascii") as file:
                token = file.read(16_384).strip()
        except (OSError, ValueError) as error:
            what = f"cannot be read: {getattr(error, 'strerror', None) or 'no text'}"
            raise TosqauylError(what, self._token_file) from None
        try:
            return bearer(token)
        except TosqauylError as error:
            raise TosqauylError(f"does not hold a token: {error.hint}", self._token_file) from None


class _Unpacking:
    """What was sent, as it was before it was packed; never more at once than PIECE, however well it was packed."""

    def __init__(self, encoding: str) -> None:
        if encoding.lower() not in ("", "identity", "gzip"):
            raise AskFailed("malformed", "the list is packed in a way that was not asked for")
        self._unpack = zlib.decompressobj(31) if encoding.lower() == "gzip" else None
        self._size = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._unpack is None:
            yield self._counted(data)
            return
        while data:
            if self._unpack.eof:
                raise AskFailed("malformed", "the list goes on behind its end")
            yield self._counted(self._unpack.decompress(data, PIECE))
            data = self._unpack.unconsumed_tail

    def end(self) -> None:
        """Raise AskFailed where something is missing."""
        if self._unpack is not None and (not self._unpack.eof or self._unpack.unused_data):
            raise AskFailed("malformed", "the list is cut off, or goes on behind its end")

    def _counted(self, piece: bytes) -> bytes:
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise AskFailed("malformed", "the list is too large")
        return piece


def _not_packed() -> AskFailed:
    return AskFailed("malformed", "the list cannot be unpacked")


def _date(text: str) -> float:
    """The Date of an answer, seconds since 1970; 0 where there is none."""
    try:
        return max(parsedate_to_datetime(text).timestamp(), 0.0)
    except (ValueError, OverflowError, IndexError, TypeError):
        return 0.0
