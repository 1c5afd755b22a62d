"""Notifications of the CAMARA API device-roaming-status-subscriptions (v0, v1): CloudEvents 1.0 in structured JSON.

One event (`application/cloudevents+json`), a batch of them (`application/cloudevents-batch+json`), or one a line in a file. Pure,
and total over any bytes: what cannot be taken is told by its place in the input, never by what stands there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

EVENT_TYPE = "application/cloudevents+json"
"""Media type of one event (CloudEvents JSON format 1.0.2, section 3)."""
BATCH_TYPE = "application/cloudevents-batch+json"
"""Media type of a batch: a JSON array of events (section 4)."""
_API = "org.camaraproject.device-roaming-status-subscriptions.v"
_STATES = {"roaming-on": "abroad", "roaming-change-country": "abroad", "roaming-off": "home", "roaming-status": ""}
_WHY = {
    "specversion": "version", "type": "type", "time": "time", "data.device.phoneNumber": "number", "data.roaming": "roaming",
}  # fmt: skip
"""Attributes that have a word of their own for being wrong."""
_LONGEST = 256
"""Characters of an event's id and source that tell it from others."""
_DAY_ONE = 86_400.0


class Device(msgspec.Struct, frozen=True):
    """Whose event it is. Other identifiers of the device may stand beside the number; they are passed over."""

    phoneNumber: Annotated[
        Annotated[str, Meta(description="E.164 with +.", pattern=r"^\+[1-9][0-9]{4,14}$", examples=["+77011234567"])]
        | None,
        Meta(description="Needed in every event that says where a subscriber is."),
    ] = None


class EventData(msgspec.Struct, frozen=True):
    """What happened. Country, subscription and all else may be there; they are passed over."""

    device: Device | None = None
    roaming: Annotated[bool | None, Meta(description="With roaming-status: whether the subscriber is abroad.")] = None


class CloudEvent(msgspec.Struct, frozen=True):
    """One event of device-roaming-status-subscriptions. Further attributes are passed over."""

    id: Annotated[
        str, Meta(description="With `source` it names the event: a second one changes nothing.", min_length=1)
    ]
    source: Annotated[str, Meta(description="Who sends it (URI reference).", min_length=1)]
    specversion: Annotated[str, Meta(pattern=r"^1\.0$")]
    type: Annotated[
        str,
        Meta(
            description="roaming-on and roaming-change-country: abroad. roaming-off: home. roaming-status: as data.roaming says. "
            "subscription-...: the operator is there, nobody moved.",
            pattern=r"^org\.camaraproject\.device-roaming-status-subscriptions\.v[01]\."
            r"(roaming-(status|on|off|change-country)|subscription-(started|updated|ended|ends))$",
        ),
    ]
    time: Annotated[datetime, Meta(description="When it happened (RFC 3339, with a time zone).", tz=True)]
    data: EventData | None = None


class Move(NamedTuple):
    """A subscriber moved. place: of the event in the input, from 0; state: abroad or home; at: when, seconds since 1970;
    event: what tells it from other events."""

    place: int
    number: str
    state: str
    at: float
    event: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Notices:
    """What an input says.

    moves: in the order given, a repeated event once; refused: place from 0 and why ('malformed', 'version', 'type', 'time',
    'number', 'roaming', 'event'); events: how many there were; ended: how many said that a subscription ended; malformed:
    nothing could be read at all.
    """

    moves: tuple[Move, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()
    events: int = 0
    ended: int = 0
    malformed: bool = False


_NOTHING = Notices(malformed=True)
_decode_event: Callable[[bytes | msgspec.Raw], CloudEvent] = msgspec.json.Decoder(CloudEvent).decode
_decode_batch: Callable[[bytes], list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw]).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_event(body: bytes) -> Notices:
    """One event in structured mode. Never raises."""
    read = _Reading()
    read.take(0, body)
    return _NOTHING if read.refused == [(0, "malformed")] else read.notices(1)


def read_batch(body: bytes) -> Notices:
    """A batch. One bad event does not spoil the others; what is no JSON array does. Never raises."""
    try:
        events = _decode_batch(body)
    except _UNREADABLE:
        return _NOTHING
    return read_all(events)


def read_all(events: Iterable[bytes | msgspec.Raw]) -> Notices:
    """Events one by one, such as the lines of a file. 2 us each. Never raises."""
    read, count = _Reading(), 0
    for count, event in enumerate(events, 1):
        read.take(count - 1, event)
    return read.notices(count)


class _Reading:
    """One run over an input."""

    def __init__(self) -> None:
        self.moves: dict[tuple[str, str], Move] = {}
        self.refused: list[tuple[int, str]] = []
        self.ended = 0

    def notices(self, events: int) -> Notices:
        """What was found."""
        return Notices(tuple(self.moves.values()), tuple(self.refused), events, self.ended)

    def take(self, place: int, text: bytes | msgspec.Raw) -> None:
        """One event."""
        try:
            event = _decode_event(text)
        except msgspec.ValidationError as error:
            self.refused.append((place, _why(error)))
            return
        except _UNREADABLE:
            self.refused.append((place, "malformed"))
            return
        kind = event.type.removesuffix("\n").rpartition(".")[2]
        if kind in _STATES:
            self._move(place, event, _STATES[kind])
        else:
            self.ended += kind.startswith("subscription-end")

    def _move(self, place: int, event: CloudEvent, state: str) -> None:
        data = event.data or EventData()
        number = (data.device.phoneNumber if data.device else None) or ""
        at = event.time.timestamp()
        if not number[1:].isdigit():
            self.refused.append((place, "number"))
        elif at < _DAY_ONE:
            self.refused.append((place, "time"))
        elif not state and data.roaming is None:
            self.refused.append((place, "roaming"))
        else:
            name = (event.source[:_LONGEST], event.id[:_LONGEST])
            self.moves.setdefault(name, Move(place, number, state or ("abroad" if data.roaming else "home"), at, name))


def _why(error: msgspec.ValidationError) -> str:
    """Which attribute is wrong. The message itself is not told: it may repeat what stands there."""
    _, _, where = str(error).rpartition("`$.")
    return _WHY.get(where.rstrip("`"), "event")
