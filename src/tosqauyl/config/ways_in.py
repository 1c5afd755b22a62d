"""Who may come in and how: HTTP and its clients, files of events, TLS, streams; and the modes the operator sets."""

import re
from collections.abc import Callable

from tosqauyl.config.addresses import parse_http
from tosqauyl.config.fields import Fields, printable, rows, section
from tosqauyl.config.read import Reader, Table
from tosqauyl.errors import TosqauylError
from tosqauyl.gate.feed_tail import FeedFile
from tosqauyl.gate.http.access import Client
from tosqauyl.gate.http.options import Http
from tosqauyl.gate.streams import StreamOptions
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.tls import TlsFiles

Path = Callable[[str], str]
"""Resolves a path of the file against the file's folder."""

_TOKEN = re.compile(r"sha256:[0-9a-f]{64}")


def http_of(table: Table, reader: Reader, path: Path) -> Http:
    """The [http] table."""
    fields = Fields(section(table, reader, "http"))
    listen = None
    if fields.text("listen"):
        try:
            listen = parse_http(fields.text("listen"))
        except TosqauylError as error:
            reader.wrong("http.listen", error.what, error.hint)
    return Http(
        listen, _tls(fields, reader, "http", path), fields.number("body_kb") << 10, fields.number("bulk_mb") << 20
    )


def tls_of(table: Table, reader: Reader, path: Path) -> TlsFiles:
    """The [tls] table."""
    return _tls(Fields(section(table, reader, "tls")), reader, "tls", path)


def _tls(fields: Fields, reader: Reader, at: str, path: Path) -> TlsFiles:
    names = ("certificate", "key", "client_ca")
    given = [name for name in names if fields.text(name)]
    if given and not {"certificate", "key"} <= set(given):
        missing = next(name for name in ("certificate", "key") if name not in given)
        reader.wrong(f"{at}.{missing}", "is missing", "a certificate and its private key go together")
    return TlsFiles(*(path(fields.text(name)) for name in names))


def streams_of(table: Table, reader: Reader) -> StreamOptions:
    """The [streams] table."""
    fields = Fields(section(table, reader, "streams"))
    return StreamOptions(
        fields.number("connections"),
        fields.number("per_source"),
        float(fields.number("message_seconds")),
        float(fields.number("idle_seconds")),
    )


def clients_of(table: Table, reader: Reader) -> tuple[Client, ...]:
    """Every [[client]]."""
    clients: list[Client] = []
    for at, values in rows(table, reader, "client"):
        fields = Fields(values)
        printable(values, reader, at)
        token = fields.text("token")
        if token and not _TOKEN.fullmatch(token):
            # The value itself is not repeated: it may be the token in clear.
            hint = "a token is never written here in clear; `tosqauyl token` prints both"
            reader.wrong(f"{at}.token", "is not sha256: and 64 hexadecimal digits", hint)
        if not token and not fields.text("certificate"):
            reader.wrong(f"{at}.token", "is missing", "a client is known by a token or by a certificate")
        if "feed" in fields.texts("scopes") and not fields.text("operator"):
            reader.wrong(f"{at}.operator", "is missing", "a feed speaks for one operator's subscribers")
        if any(client.id == fields.text("id") for client in clients):
            reader.wrong(f"{at}.id", f"'{fields.text('id')}' is used twice")
        clients.append(
            Client(
                fields.text("id"),
                token,
                fields.text("certificate"),
                frozenset(fields.texts("scopes")),
                fields.text("operator"),
                frozenset(fields.texts("trunks")),
            )
        )
    return tuple(clients)


def feed_files_of(table: Table, reader: Reader, path: Path) -> tuple[FeedFile, ...]:
    """Every [[feed_file]]."""
    files: list[FeedFile] = []
    for at, values in rows(table, reader, "feed_file"):
        fields = Fields(values)
        printable(values, reader, at)
        followed = FeedFile(fields.text("operator"), path(fields.text("file")))
        if any(other.file == followed.file for other in files):
            reader.wrong(f"{at}.file", f"'{fields.text('file')}' is followed twice")
        files.append(followed)
    return tuple(files)


def modes_of(table: Table, reader: Reader) -> tuple[ModeOverride, ...]:
    """Every [[mode]]; whether the rule exists and may have that mode is the policy's to say."""
    overrides: list[ModeOverride] = []
    for at, values in rows(table, reader, "mode"):
        fields = Fields(values)
        printable(values, reader, at)
        if any(one.rule == fields.text("rule") for one in overrides):
            reader.wrong(f"{at}.rule", f"'{fields.text('rule')}' is set twice")
        overrides.append(
            ModeOverride(
                fields.text("rule"),
                fields.text("mode"),
                fields.number("percent"),
                fields.text("reason"),
                fields.text("by"),
                fields.day("on"),
            )
        )
    return tuple(overrides)
