"""Published indicators as a MISP feed: a manifest, and one event for each day (UTC) on which indicators were approved.

Numbers, links and domains are attributes; accounts, wallets and Telegram accounts are objects of MISP's own templates. Ids are
ours, so an event that is fetched again changes what is there. What was revoked stays in its event as deleted for 30 days: MISP
knows no other way to take back what it was given. (MISP core format: draft-dulaunoy-misp-core-format.)
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID, uuid5

from sqlalchemy import BigInteger, func, literal_column, select

from tosqauyl.registry.errors import Absent
from tosqauyl.registry.exchange.page import (
    NAMESPACE,
    Entry,
    Place,
    Publisher,
    Wanted,
    approved_between,
    is_owed,
    publisher,
    settled,
)  # fmt: skip
from tosqauyl.registry.exchange.stix import stix_id, techniques
from tosqauyl.registry.moments import DAY, rfc3339
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator

ATTRIBUTES = {
    "phone": ("phone-number", "Financial fraud"), "domain": ("domain", "Network activity"), "url": ("url", "Network activity"),
}  # fmt: skip
"""Kind -> type and category of the attribute."""
PAGE = 500
_COLOURS = {"tlp:amber": "#FFC000", "tlp:green": "#33FF00"}


@dataclass(frozen=True, slots=True)
class Template:
    """A template of MISP's objects: name, category and id as misp-objects has them."""

    name: str
    category: str
    uuid: str
    version: str


TEMPLATES = {
    "iban": Template("bank-account", "financial", "b4712203-95a8-4883-80e9-b566f5df11c9", "3"),
    "wallet": Template("coin-address", "financial", "d0e6997e-78da-4815-a6a1-cfc1c1cb8a46", "7"),
    "telegram": Template("telegram-account", "misc", "06f02ecf-5afb-42c5-9cb0-b362e222f52c", "2"),
}


class Reader(Protocol):
    """Gives units of work that read."""

    def read(self) -> AbstractContextManager[Work]:
        """A transaction that only reads."""


def manifest(work: Work) -> dict[str, Any]:
    """The feed's table of contents: event -> what a receiver needs to know whether to fetch it. The moment of an event is that of
    the latest approval or revocation in it."""
    office, day = publisher(work), Indicator.approved // literal_column(str(DAY), BigInteger)
    days = select(day, func.max(Indicator.approved), func.max(Indicator.ended)).where(
        is_owed(work), Indicator.approved <= settled(work)
    )  # fmt: skip
    found = {}
    for number, approved, ended in work.db.execute(days.group_by(day).order_by(day)):
        head = _head(office, int(number), max(int(approved), int(ended)))
        found[head.pop("uuid")] = {name: head[name] for name in _IN_MANIFEST}
    return found


_IN_MANIFEST = ("Orgc", "Tag", "info", "date", "analysis", "threat_level_id", "timestamp")


def event(reader: Reader, event_id: UUID) -> Iterator[str]:
    """One event as JSON in pieces, a transaction for each. Raises Absent, at once."""
    with reader.read() as work:
        office, now = publisher(work), work.now
        number = _day_of(work, office, event_id)
    return _event(reader, office, number, now)


def _event(reader: Reader, office: Publisher, number: int, now: int) -> Iterator[str]:
    head = json.dumps(_head(office, number, now), ensure_ascii=False)
    yield '{"Event":' + head[:-1] + ',"Attribute":['
    yield from _joined(reader, number, tuple(ATTRIBUTES))
    yield '],"Object":['
    yield from _joined(reader, number, tuple(TEMPLATES))
    yield "]}}"


def _joined(reader: Reader, number: int, kinds: tuple[str, ...]) -> Iterator[str]:
    comma = ""
    for entry in _entries(reader, number, kinds):
        yield comma + json.dumps(_object(entry) if entry.kind in TEMPLATES else _attribute(entry), ensure_ascii=False)
        comma = ","


def _entries(reader: Reader, number: int, kinds: tuple[str, ...]) -> Iterator[Entry]:
    wanted = Wanted(kinds=kinds)
    while True:
        with reader.read() as work:
            found = approved_between(work, number * DAY, (number + 1) * DAY, wanted, PAGE)
        yield from found
        if len(found) < PAGE:
            return
        wanted = replace(wanted, behind=Place(found[-1].approved, found[-1].indicator))


def _day_of(work: Work, office: Publisher, event_id: UUID) -> int:
    """The day, counted from 1970, of an event's id: there are few enough to try them all."""
    first = work.db.scalar(select(func.min(Indicator.approved)).where(is_owed(work)))
    for number in range((first or work.now) // DAY, work.now // DAY + 1):
        if _event_id(office, number) == event_id:
            return number
    raise Absent("there is no such event")


def _event_id(office: Publisher, number: int) -> UUID:
    return uuid5(NAMESPACE, f"misp {office.id} {number}")


def _head(office: Publisher, number: int, changed: int) -> dict[str, Any]:
    date = rfc3339(number * DAY)[:10]
    return {
        "uuid": str(_event_id(office, number)), "info": f"{office.name}: indicators approved on {date}", "date": date,
        "threat_level_id": "2", "analysis": "2", "published": True, "timestamp": str(changed // 1_000),
        "publish_timestamp": str(changed // 1_000), "Orgc": {"name": office.name, "uuid": str(office.id)},
        "Tag": [_tag("tlp:amber")],
    }  # fmt: skip


def _tag(name: str) -> dict[str, Any]:
    return {"name": name, "colour": _COLOURS.get(name, "#004E9B"), "exportable": True}


def _uuid(entry: Entry) -> str:
    return stix_id("x", entry.indicator).partition("--")[2]


def _attribute(entry: Entry) -> dict[str, Any]:
    kind, category = ATTRIBUTES[entry.kind]
    return _said(entry, _uuid(entry), kind, category, entry.value)


def _said(entry: Entry, uuid: str, kind: str, category: str, value: str) -> dict[str, Any]:
    tags = [f"tlp:{entry.tlp}", f'tosqauyl:verdict="{entry.verdict}"']
    tags += [f'tosqauyl:scheme="{entry.scheme}"'] if entry.scheme else []
    return {
        "uuid": uuid, "type": kind, "category": category, "value": value, "comment": _comment(entry),
        "to_ids": entry.verdict in ("fraud", "suspect") and not entry.revoked, "deleted": entry.revoked,
        "disable_correlation": False, "timestamp": str(entry.added // 1_000), "Tag": [_tag(name) for name in tags],
    }  # fmt: skip


def _comment(entry: Entry) -> str:
    parts = [f"{entry.verdict}, confidence {entry.confidence}"]
    parts += [f"until {rfc3339(entry.valid_until)}"] if entry.valid_until else []
    parts += [f"MITRE F3 {' '.join(known)}"] if (known := techniques(entry.scheme)) else []
    return "; ".join(parts)


def _object(entry: Entry) -> dict[str, Any]:
    template, uuid = TEMPLATES[entry.kind], _uuid(entry)
    relation, kind, category = _relation(entry)
    attribute = _said(entry, str(uuid5(NAMESPACE, f"misp attribute {uuid}")), kind, category, entry.value)
    return {
        "uuid": uuid, "name": template.name, "meta-category": template.category, "template_uuid": template.uuid,
        "template_version": template.version, "description": "", "timestamp": str(entry.added // 1_000),
        "deleted": entry.revoked, "Attribute": [attribute | {"object_relation": relation}],
    }  # fmt: skip


def _relation(entry: Entry) -> tuple[str, str, str]:
    """Name in the template, type and category of an object's attribute."""
    if entry.kind == "iban":
        return "iban", "iban", "Financial fraud"
    if entry.kind == "telegram":
        return "username", "text", "Other"
    if entry.value.startswith(("0x", "T")):
        return "address-crypto", "text", "Financial fraud"
    return "address", "btc", "Financial fraud"
