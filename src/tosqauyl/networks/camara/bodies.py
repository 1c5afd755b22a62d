"""What CAMARA requests and answers hold, as msgspec Structs: they check the JSON of both sides.

Field names are CAMARA's. Fields it does not know are passed over: the API grows by adding some. A field that may be absent is
UNSET; null is refused, as the API's schemas do.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

PhoneNumber = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$")]
"""E.164 with '+' (schema PhoneNumber)."""
MaybeTime = datetime | UnsetType
"""RFC 3339; whether it has a zone is asked where it is used, because the answer to one without differs."""

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding can raise, whatever the bytes are; ValidationError is a DecodeError, and nesting too deep a RecursionError."""


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom it is about (schema Device). Other identifiers than the number are of no use here."""

    phoneNumber: PhoneNumber | UnsetType = UNSET


class Retrieve(msgspec.Struct, frozen=True, omit_defaults=True):
    """Request of POST /retrieve (schema RoamingStatusRequest)."""

    device: Device | UnsetType = UNSET


class Roaming(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer of POST /retrieve (schema RoamingStatusResponse). countryCode: MCC; countryName: ISO 3166-1 alpha-2 codes.

    lastStatusTime is required by the API and yet may be absent here: that it lacks is told apart from an answer that cannot
    be read.
    """

    roaming: bool
    lastStatusTime: MaybeTime = UNSET
    device: Device | UnsetType = UNSET
    countryCode: int | UnsetType = UNSET
    countryName: list[str] | UnsetType = UNSET


class ErrorInfo(msgspec.Struct, frozen=True):
    """Body of every error (schema ErrorInfo)."""

    status: int
    code: str
    message: str


class TokenAnswer(msgspec.Struct, frozen=True):
    """Answer of a token endpoint (RFC 6749 5.1). expires_in: seconds; where it lacks the token is taken to live 5 minutes."""

    access_token: str
    token_type: str
    expires_in: Annotated[float, Meta(ge=0, le=1e9)] = 300.0


class SinkCredential(msgspec.Struct, frozen=True):
    """What an event must show its receiver (schemas SinkCredential, AccessTokenCredential)."""

    credentialType: Literal["PLAIN", "ACCESSTOKEN", "REFRESHTOKEN"]
    accessToken: str = ""
    accessTokenExpiresUtc: MaybeTime = UNSET
    accessTokenType: str = ""


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom a subscription is about (schema CreateSubscriptionDetail)."""

    device: Device | UnsetType = UNSET


class Config(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a subscription asks for (schema Config)."""

    subscriptionDetail: Detail
    subscriptionExpireTime: MaybeTime = UNSET
    subscriptionMaxEvents: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    initialEvent: bool | UnsetType = UNSET


class Subscribe(msgspec.Struct, frozen=True):
    """Request of POST /subscriptions (schema SubscriptionRequest)."""

    sink: Annotated[str, Meta(max_length=2048)]
    protocol: Literal["HTTP", "MQTT3", "MQTT5", "AMQP", "NATS", "KAFKA"]
    config: Config
    types: Annotated[list[str], Meta(min_length=1, max_length=16)]
    sinkCredential: SinkCredential | UnsetType = UNSET


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subscription as the API shows it (schema Subscription); the credential of its sink is never shown."""

    id: str
    sink: str
    protocol: str
    types: list[str]
    config: Config
    startsAt: datetime
    expiresAt: MaybeTime = UNSET
    status: str | UnsetType = UNSET


class EventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened (schemas BasicDeviceEventData, RoamingStatus, RoamingChangeCountry, SubscriptionEnded)."""

    subscriptionId: str
    device: Device
    roaming: bool | UnsetType = UNSET
    countryCode: int | UnsetType = UNSET
    countryName: list[str] | UnsetType = UNSET
    terminationReason: str | UnsetType = UNSET


class CloudEvent(msgspec.Struct, frozen=True):
    """An event (schema CloudEvent; CloudEvents 1.0)."""

    id: str
    source: str
    type: str
    time: datetime
    data: EventData
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
