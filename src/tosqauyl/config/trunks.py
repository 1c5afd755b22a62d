"""Trunks and answer profiles out of their tables."""

from ipaddress import ip_network
from typing import Any

from tosqauyl.config.addresses import parse_listen
from tosqauyl.config.fields import Fields, printable, rows
from tosqauyl.config.read import Reader, Table
from tosqauyl.errors import TosqauylError
from tosqauyl.gate.answer import Profile
from tosqauyl.gate.trunks import Entry
from tosqauyl.screen.trunk import Trunk
from tosqauyl.state.ranges import NumberRanges


def entries_of(table: Table, reader: Reader) -> tuple[Entry, ...]:
    """Every [[trunk]] with its [[profile]]; mistakes go to the reader."""
    profiles = _profiles(table, reader)
    entries: list[Entry] = []
    for at, values in rows(table, reader, "trunk"):
        fields = Fields(values)
        printable(values, reader, at)
        if fields.text("profile") not in profiles:
            reader.wrong(f"{at}.profile", f"no [[profile]] is named '{fields.text('profile')}'")
        if any(entry.trunk.id == fields.text("id") for entry in entries):
            reader.wrong(f"{at}.id", f"'{fields.text('id')}' is used twice")
        entries.append(_entry(fields, reader, at, profiles.get(fields.text("profile"), profiles["default"])))
    return tuple(entries)


def ranges_of(texts: tuple[str, ...], reader: Reader, path: str) -> NumberRanges:
    """Number ranges as written; none, and a mistake, where one of them cannot be read."""
    try:
        return NumberRanges(texts)
    except TosqauylError as error:
        reader.wrong(path, error.what, error.hint)
        return NumberRanges()


def command_line_entry(listen: str, sources: tuple[str, ...], number: int) -> Entry:
    """The trunk that `serve --listen` makes: international, P-Asserted-Identity trusted, its sender as next hop."""
    parse_listen(listen)
    try:
        networks = tuple(ip_network(text) for text in sources or ("127.0.0.0/8", "::1/128"))
    except ValueError as error:
        raise TosqauylError(f"--from: {error}", hint="write a network such as 203.0.113.0/24") from None
    trunk = Trunk(f"listen-{number}", "international", "", trust=frozenset(("asserted",)))
    return Entry(trunk, listen, networks, Profile(), next_hop="sender")


def _profiles(table: Table, reader: Reader) -> dict[str, Profile]:
    profiles = {"default": Profile()}
    for at, values in rows(table, reader, "profile"):
        values["pass_code"] = values.pop("pass")
        profile = Profile(**values)  # type: ignore[arg-type]
        printable(values, reader, at)
        profiles[profile.name] = profile
    return profiles


def _entry(fields: Fields, reader: Reader, at: str, profile: Profile) -> Entry:
    trunk = Trunk(
        fields.text("id"),
        fields.text("direction"),
        fields.text("carrier"),
        trust=frozenset(fields.texts("trust")),
        primary=fields.texts("primary") or ("presented",),
        ranges=ranges_of(fields.texts("ranges"), reader, f"{at}.ranges"),
    )
    listen = fields.text("listen")
    _check_way_in(fields, reader, at)
    return Entry(
        trunk,
        listen,
        _networks(fields.texts("from"), reader, f"{at}.from"),
        profile,
        fields.text("tgrp"),
        fields.text("trunk_context"),
        fields.text("header"),
        fields.text("next_hop"),
        fields.text("certificate"),
    )


def _check_way_in(fields: Fields, reader: Reader, at: str) -> None:
    listen = fields.text("listen")
    if not listen:
        return
    try:
        transport = parse_listen(listen).transport
    except TosqauylError as error:
        reader.wrong(f"{at}.listen", error.what, error.hint)
        return
    if transport != "http" and not fields.texts("from"):
        reader.wrong(f"{at}.from", "is missing", "a SIP trunk is recognised by its source networks: ['203.0.113.7/32']")
    if fields.text("certificate") and transport != "tls":
        reader.wrong(f"{at}.certificate", f"means nothing on {transport}", "only a tls: listener sees certificates")


def _networks(texts: tuple[str, ...], reader: Reader, path: str) -> tuple[Any, ...]:
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            reader.wrong(path, f"'{text}' is no network: {error}", "write 203.0.113.0/24 or 203.0.113.7")
    return tuple(networks)
