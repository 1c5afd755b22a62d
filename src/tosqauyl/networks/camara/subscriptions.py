"""The simulator's subscriptions: who wants to be told of whose moves, and which events a move makes. No I/O.

Source: device-roaming-status-subscriptions.yaml, its table of events above all.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.camara.bodies import (
    CloudEvent,
    Config,
    Device,
    EventData,
    SinkCredential,
    Subscribe,
    Subscription,
)
from tosqauyl.networks.camara.outgoing import is_loopback, outgoing_url

TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0."
KINDS = ("roaming-status", "roaming-on", "roaming-off", "roaming-change-country")
"""What can be subscribed to; an event's type is TYPE and one of them."""
MOST = 10_000
"""Subscriptions at once."""
HOME_MCC, INTERNATIONAL_MCC = 401, 901
MOBILE_COUNTRY_CODES = {
    "AE": 424, "AM": 283, "AZ": 400, "BY": 257, "CN": 460, "CZ": 230, "DE": 262, "EG": 602, "ES": 214, "FR": 208, "GB": 234,
    "GE": 282, "GR": 202, "HK": 454, "ID": 510, "IL": 425, "IT": 222, "JP": 440, "KG": 437, "KR": 450, "MN": 428, "MY": 502,
    "NL": 204, "PL": 260, "RU": 250, "SA": 420, "SG": 525, "TH": 520, "TJ": 436, "TM": 438, "TR": 286, "US": 310, "UZ": 434,
    "VN": 452,
}  # fmt: skip
"""ISO 3166-1 alpha-2 -> MCC (ITU-T E.212), for the countries a simulated subscriber may visit."""


class Problem(Exception):
    """An error to answer with: HTTP status and CAMARA code."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code


class Place(NamedTuple):
    """Where a subscriber is. state: abroad, home or unknown. country: ISO code; '' at home or where it is not known."""

    state: str
    country: str = ""

    @property
    def mcc(self) -> int:
        """Mobile country code of where the subscriber is; that of international networks for a country not in the table."""
        return MOBILE_COUNTRY_CODES.get(self.country, INTERNATIONAL_MCC) if self.country else HOME_MCC


class Notice(NamedTuple):
    """An event to deliver. sink: a URL that was checked. token: to show there, '' for none."""

    sink: str
    event: CloudEvent
    token: str


@dataclass(slots=True)
class _Kept:
    shown: Subscription
    kind: str
    number: str
    ends: float
    left: int
    token: str


class Subscriptions:
    """All subscriptions of one simulated network. anywhere: sinks may be anywhere, not only on this machine."""

    def __init__(self, wall: Callable[[], float], source: str, anywhere: bool = False) -> None:
        self._wall, self._source, self._anywhere = wall, source, anywhere
        self._kept: dict[str, _Kept] = {}
        self._of: dict[str, dict[str, _Kept]] = {}

    def create(self, asked: Subscribe, place: Callable[[str], Place]) -> tuple[Subscription, list[Notice]]:
        """Take a subscription; what is shown of it, and the event it begins with where that was asked for. Raises Problem."""
        number = number_of(asked.config.subscriptionDetail.device)
        kind = _kind(asked.types)
        sink = self._checked(asked)
        ends = _future(asked.config.subscriptionExpireTime, self._wall())
        here = place(number)
        if here.state == "unknown":
            raise Problem(422, "SERVICE_NOT_APPLICABLE")
        if len(self._kept) >= MOST:
            self._kept = {one: kept for one, kept in self._kept.items() if kept.ends > self._wall()}
        if len(self._kept) >= MOST:
            raise Problem(429, "QUOTA_EXCEEDED")
        shown = Subscription(
            id=str(uuid.uuid4()),
            sink=sink,
            protocol="HTTP",
            types=asked.types,
            config=_plain(asked.config, number),
            startsAt=self._now(),
            expiresAt=asked.config.subscriptionExpireTime,
            status="ACTIVE",
        )
        most = asked.config.subscriptionMaxEvents
        credential = asked.sinkCredential
        token = credential.accessToken if credential is not UNSET else ""
        kept = _Kept(shown, kind, number, ends, -1 if most is UNSET else most, token)
        self._kept[shown.id] = kept
        self._of.setdefault(number, {})[shown.id] = kept
        begins = asked.config.initialEvent is True and kind in _kinds_of(here)
        return shown, list(self._event(kept, here)) if begins else []

    def _checked(self, asked: Subscribe) -> str:
        if asked.protocol != "HTTP":
            raise Problem(400, "INVALID_PROTOCOL")
        _check_credential(asked.sinkCredential, self._wall())
        try:
            sink = outgoing_url(asked.sink, "sink")
        except TosqauylError as error:
            raise Problem(400, "INVALID_SINK", f"sink {error.what}") from None
        if not self._anywhere and not is_loopback(urlsplit(sink).hostname or ""):
            raise Problem(400, "INVALID_SINK", "the sink is not on this machine")
        return sink

    def all(self) -> list[Subscription]:
        """Every subscription that has not ended."""
        return [kept.shown for kept in self._kept.values() if kept.ends > self._wall()]

    def get(self, identity: str) -> Subscription:
        """One subscription. Raises Problem (404)."""
        kept = self._kept.get(identity)
        if kept is None or kept.ends <= self._wall():
            raise Problem(404, "NOT_FOUND")
        return kept.shown

    def delete(self, identity: str, place: Callable[[str], Place]) -> list[Notice]:
        """End a subscription; its last event. Raises Problem (404)."""
        self.get(identity)
        kept = self._kept[identity]
        return [self._end(kept, "SUBSCRIPTION_DELETED", place(kept.number))]

    def moved(self, number: str, before: Place, now: Place) -> list[Notice]:
        """The events of a move."""
        kinds = _kinds_of_move(before, now)
        notices: list[Notice] = []
        for kept in tuple(self._of.get(number, {}).values()):
            if kept.ends <= self._wall():
                notices.append(self._end(kept, "SUBSCRIPTION_EXPIRED", now))
            elif kept.kind in kinds:
                notices += self._event(kept, now)
        return notices

    def _event(self, kept: _Kept, place: Place) -> Iterator[Notice]:
        data = EventData(kept.shown.id, Device(kept.number))
        if kept.kind == "roaming-status":
            data = msgspec.structs.replace(data, roaming=place.state == "abroad")
        if kept.kind == "roaming-change-country" or (kept.kind == "roaming-status" and place.country):
            data = msgspec.structs.replace(data, countryCode=place.mcc, countryName=[place.country])
        yield self._notice(kept, kept.kind, data)
        kept.left -= 1
        if kept.left == 0:
            yield self._end(kept, "MAX_EVENTS_REACHED", place)

    def _end(self, kept: _Kept, why: str, place: Place) -> Notice:
        self._kept.pop(kept.shown.id, None)
        del self._of[kept.number][kept.shown.id]
        if not self._of[kept.number]:
            del self._of[kept.number]
        # The API's document demands a countryCode of this event too.
        data = EventData(kept.shown.id, Device(kept.number), countryCode=place.mcc, terminationReason=why)
        return self._notice(kept, "subscription-ended", data)

    def _notice(self, kept: _Kept, kind: str, data: EventData) -> Notice:
        event = CloudEvent(str(uuid.uuid4()), self._source, TYPE + kind, self._now(), data)
        return Notice(kept.shown.sink, event, kept.token)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)


def number_of(device: Device | msgspec.UnsetType) -> str:
    """The number of a request's device. Raises Problem where it names none (two-legged tokens name nobody)."""
    if device is UNSET:
        raise Problem(422, "MISSING_IDENTIFIER")
    if device.phoneNumber is UNSET:
        raise Problem(422, "UNSUPPORTED_IDENTIFIER")
    return device.phoneNumber


def _kind(types: list[str]) -> str:
    if len(types) > 1:
        raise Problem(422, "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED")
    kind = types[0].removeprefix(TYPE)
    if kind not in KINDS or kind == types[0]:
        raise Problem(400, "INVALID_ARGUMENT", "no such event type")
    return kind


def _check_credential(credential: SinkCredential | msgspec.UnsetType, now: float) -> None:
    if credential is UNSET:
        return
    if credential.credentialType != "ACCESSTOKEN":
        raise Problem(400, "INVALID_CREDENTIAL")
    token = credential.accessToken
    if credential.accessTokenType != "bearer" or not token.isascii() or not token.isprintable() or not token:
        raise Problem(400, "INVALID_TOKEN")
    if credential.accessTokenExpiresUtc is UNSET or _future(credential.accessTokenExpiresUtc, now) <= now:
        raise Problem(400, "INVALID_TOKEN")


def _future(when: datetime | msgspec.UnsetType, now: float) -> float:
    """Seconds since 1970; infinity where no time is given. Raises Problem for a time without a zone or in the past."""
    if when is UNSET:
        return float("inf")
    if when.tzinfo is None or when.timestamp() <= now:
        raise Problem(400, "INVALID_ARGUMENT", "a time must have a zone and lie ahead")
    return when.timestamp()


def _plain(config: Config, number: str) -> Config:
    """What is shown of a configuration: the number as the one identifier that was used."""
    detail = msgspec.structs.replace(config.subscriptionDetail, device=Device(number))
    return msgspec.structs.replace(config, subscriptionDetail=detail)


def _kinds_of(place: Place) -> tuple[str, ...]:
    """Events that a place alone gives rise to (initialEvent)."""
    return ("roaming-status", "roaming-on") if place.state == "abroad" else ("roaming-status", "roaming-off")


def _kinds_of_move(before: Place, now: Place) -> tuple[str, ...]:
    if now.state == "unknown":
        return ()
    if now.state == before.state == "abroad":
        return ("roaming-change-country",) if now.country != before.country else ()
    if now.state == "home" and before.state != "abroad":
        return ()
    return _kinds_of(now)
