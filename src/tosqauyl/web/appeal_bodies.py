"""Bodies and answers of the routes of appeals."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.registry.appeals import MOST_ANSWER, MOST_CONTACT, MOST_TEXT
from tosqauyl.web.bodies import TitlesOut, Version
from tosqauyl.web.texts import plain
from tosqauyl.web.times import GivenMoment, Moment

State = Literal["filed", "proven", "upheld", "rejected", "withdrawn", "expired"]
Proof = Literal["", "sms", "operator"]


class AppealIn(BaseModel):
    """An appeal against calls being stopped. number: the one that is stopped; rule: what the refused call named as its reason, ''
    if that is not known; language: of the answers."""

    model_config = ConfigDict(extra="forbid")
    number: Annotated[str, plain(64, min_length=1)]
    text: Annotated[str, plain(MOST_TEXT, multiline=True)] = ""
    contact: Annotated[str, plain(MOST_CONTACT)] = ""
    language: Literal["kk", "ru", "en"] = "ru"
    rule: Annotated[str, plain(64)] = ""


class AppealReceiptOut(BaseModel):
    """ticket: follows the appeal and proves its number; keep it, it is not kept here."""

    ticket: str


class AppealTicketIn(BaseModel):
    """ticket: as it was shown; small letters, blanks and a letter O for a zero do no harm."""

    model_config = ConfigDict(extra="forbid")
    ticket: Annotated[str, plain(64, min_length=1)]


class CodeIn(BaseModel):
    """code: the six digits that were sent to the number."""

    model_config = ConfigDict(extra="forbid")
    ticket: Annotated[str, plain(64, min_length=1)]
    code: Annotated[str, plain(16, min_length=1)]


class CodeSentOut(BaseModel):
    """until: the code holds."""

    until: Moment


class ProvenOut(BaseModel):
    """tries_left: with this code; 0 where the number is proven or another code is needed."""

    proven: bool
    tries_left: int


class AppealProgressOut(BaseModel):
    """How an appeal stands. proof: how the number was proven; code_until: until when the last code can be entered; due: when an
    answer must be there; words: the state in plain words; answer: of the person who decided."""

    state: State
    proof: Proof
    filed: Moment
    code_until: Moment
    due: Moment
    decided: Moment
    words: TitlesOut
    answer: str


class AppealOut(BaseModel):
    """An appeal for those who work on it. number: masked; observable: of the number; late: the time for an answer is over;
    indicator: what it is against, null where no entry of the office stopped the number; rule: that stopped it, '' unknown;
    version: to decide on it."""

    id: UUID
    observable: UUID
    number: str
    operator: str
    indicator: UUID | None
    rule: str
    language: str
    state: State
    proof: Proof
    filed: Moment
    due: Moment
    late: bool
    decided: Moment
    decided_by: str
    answer: str
    version: int


class OpenedAppealOut(BaseModel):
    """What is sealed of an appeal."""

    number: str
    text: str
    contact: str


class RevealedAppealOut(AppealOut):
    """An appeal that waits for proof. clear: its number in clear, for its operator."""

    clear: str


class DecideIn(BaseModel):
    """version: that was seen; upheld: what stops the number is taken back at once; answer: for whoever appealed; allow_until: also
    let the number pass until then, null for no."""

    model_config = ConfigDict(extra="forbid")
    version: Version
    upheld: Annotated[bool, Field(strict=True)]
    answer: Annotated[str, plain(MOST_ANSWER, min_length=1, multiline=True)]
    allow_until: GivenMoment = 0


class ConfirmIn(BaseModel):
    """version: that was seen."""

    model_config = ConfigDict(extra="forbid")
    version: Version
