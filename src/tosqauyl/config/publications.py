"""Which office a gate follows, as a person writes it down: the table [publications]."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tosqauyl.config.fields import Fields, printable, section
from tosqauyl.config.read import Reader, Table
from tosqauyl.networks.office.terms import OfficeOptions

_WEB = ("token_file", "ca", "certificate", "key")
"""Keys that only count with a url."""


@dataclass(frozen=True, slots=True)
class PublicationsOptions:
    """The office, and after how many minutes without a word of it the gate is degraded. Empty where none is followed. modes:
    whether its modes of rules are followed, too."""

    office: OfficeOptions = field(default_factory=OfficeOptions)
    stale_minutes: int = 15
    modes: bool = False


def publications_of(table: Table, reader: Reader, path: Callable[[str], str]) -> PublicationsOptions:
    """The [publications] table."""
    values = section(table, reader, "publications")
    printable(values, reader, "publications")
    fields = Fields(values)
    url, folder = fields.text("url"), path(fields.text("folder"))
    if url and folder:
        reader.wrong(
            "publications.folder", "stands beside a url", "the office is heard in one way: leave one of them out"
        )
    if url and not _is_web(url):
        reader.wrong("publications.url", "is no https:// address", "write https://HOST[:PORT] of the office")
    if url and not fields.text("token_file"):
        reader.wrong(
            "publications.token_file", "is missing", "the office gives its list to whoever has the scope lists:read"
        )
    for name in _WEB if not url else ():
        if fields.text(name):
            reader.wrong(f"publications.{name}", "does nothing without a url", "leave it out")
    if fields.flag("modes") and not url:
        reader.wrong("publications.modes", "needs a url", "the office gives modes of rules over HTTP only")
    files = {name: path(fields.text(name)) for name in _WEB}
    return PublicationsOptions(
        OfficeOptions(url, **files, folder=folder), fields.number("stale_minutes"), fields.flag("modes")
    )


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)
