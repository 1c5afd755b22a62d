"""Bodies and answers of the routes of reports."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from tosqauyl.registry.submission import MOST_CONTACT, MOST_LOSS, MOST_OBSERVABLES, MOST_TEXT, MOST_VICTIMS
from tosqauyl.web.bodies import NamedOut, ObservableKind, TitlesOut, Version
from tosqauyl.web.texts import plain
from tosqauyl.web.times import GivenMoment, Moment

Reporter = Literal["citizen", "operator", "bank", "platform", "police", "ledger"]
Channel = Literal["call", "sms", "messenger", "advert", "site", "transfer", "other"]
State = Literal["received", "triaged", "linked", "closed"]
Sealed = Literal["text", "contact", "victim"]
"""What may be sealed of a report."""
Slug = Annotated[str, plain(32)]
Code = Annotated[str, plain(8)]


class ObservableIn(BaseModel):
    """Something that was seen. value: as it was written; spellings are made one."""

    model_config = ConfigDict(extra="forbid")
    kind: ObservableKind
    value: Annotated[str, plain(2_048, min_length=1)]


class PublicReportIn(BaseModel):
    """A report by anybody. external_id: of the sender's own making; the same id is the same report. loss: tiyn."""

    model_config = ConfigDict(extra="forbid")
    channel: Channel
    observables: Annotated[list[ObservableIn], Field(min_length=1, max_length=MOST_OBSERVABLES)]
    scheme: Slug = ""
    region: Code = ""
    text: Annotated[str, plain(MOST_TEXT, multiline=True)] = ""
    contact: Annotated[str, plain(MOST_CONTACT)] = ""
    loss: Annotated[int, Field(ge=0, le=MOST_LOSS, strict=True)] = 0
    happened: GivenMoment = 0
    consent: StrictBool = False
    external_id: Annotated[str, plain(100)] = ""


class ReportIn(PublicReportIn):
    """A report by an organisation. reporter: null for the organisation itself; 'citizen' for somebody who complained to it;
    victim: whoever suffered, as far as is known; victims: persons."""

    reporter: Reporter | None = None
    victim: Annotated[str, plain(MOST_CONTACT)] = ""
    victims: Annotated[int, Field(ge=0, le=MOST_VICTIMS, strict=True)] = 0


class ReceiptOut(BaseModel):
    """ticket: follows the report without an account; duplicate: the same report was there, nothing was changed; incident: the
    case it is in, where the caller may see that."""

    id: UUID
    ticket: str
    state: State
    duplicate: bool
    incident: UUID | None


class PublicReceiptOut(BaseModel):
    """ticket: follows the report; keep it, it is not kept here. duplicate: the same report was there, nothing was changed."""

    ticket: str
    state: State
    duplicate: bool


class TicketIn(BaseModel):
    """ticket: as it was shown; small letters, blanks and a letter O for a zero do no harm."""

    model_config = ConfigDict(extra="forbid")
    ticket: Annotated[str, plain(64, min_length=1)]


class ProgressOut(BaseModel):
    """What its author may see of a report. changed: when its state was last changed; words: the state in plain words."""

    state: State
    received: Moment
    changed: Moment
    words: TitlesOut


class ReportedOut(NamedOut):
    """An observable of a report. reports: how many reports name it, told to the centre, 0 to others; operator: of a phone."""

    reports: int


class ReportOut(BaseModel):
    """A report without what is sealed of it. sealed: which of its texts there are; loss: tiyn; version: to decide on it."""

    id: UUID
    organisation: str
    reporter: Reporter
    channel: Channel
    scheme: str
    region: str
    loss: int
    victims: int
    consent: bool
    happened: Moment
    received: Moment
    changed: Moment
    state: State
    outcome: Literal["", "false", "duplicate", "confirmed"]
    incident: UUID | None
    observables: list[ReportedOut]
    sealed: list[Sealed]
    version: int


class SearchIn(BaseModel):
    """Which reports: all that is said must hold. observable: named by them; observable_id: the same by its id, as reports show it;
    since, until: received, until not included."""

    model_config = ConfigDict(extra="forbid")
    observable: ObservableIn | None = None
    observable_id: UUID | None = None
    state: State | None = None
    scheme: Slug = ""
    reporter: Reporter | None = None
    region: Code = ""
    since: GivenMoment = 0
    until: GivenMoment = 0
    incident: UUID | None = None
    cursor: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=200, strict=True)] = 50


class ClearOut(BaseModel):
    """An observable in clear; value '' where only its token is kept."""

    id: UUID
    kind: ObservableKind
    value: str


class OpenedOut(BaseModel):
    """What is sealed of a report, in clear."""

    text: str
    contact: str
    victim: str
    observables: list[ClearOut]


class TriageIn(BaseModel):
    """version: of the report as it was seen; scheme, region: null to leave them."""

    model_config = ConfigDict(extra="forbid")
    version: Version
    scheme: Slug | None = None
    region: Code | None = None


class CloseIn(BaseModel):
    """version: of the report as it was seen."""

    model_config = ConfigDict(extra="forbid")
    version: Version
    outcome: Literal["false", "duplicate", "confirmed"]


class SchemeOut(BaseModel):
    """A scheme. source: who counts it so; parent: the scheme that it belongs to; techniques: of the framework."""

    slug: str
    source: str
    source_date: str
    parent: str
    techniques: list[str]
    titles: TitlesOut


class SchemesOut(BaseModel):
    """The code list of schemes."""

    version: str
    framework: str
    schemes: list[SchemeOut]


class RegionOut(BaseModel):
    """A region by ISO 3166-2:KZ."""

    code: str
    kind: Literal["region", "city"]
    titles: TitlesOut
