"""CSV files of reports: looked at before anything is stored, and taken."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from tosqauyl.registry.uploads import COLUMNS, Outcome, commit, preview
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain

router = APIRouter(tags=["reports"])

_TAKES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"A CSV file; the first row names its columns: {', '.join(COLUMNS)}.",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "channel,phone,happened\ncall,+7 701 123 45 67,2026-11-30\n",
            }
        },
    }
}
_writes = needs("reports:write")
_Writer = Annotated[Caller, Depends(_writes)]


async def _received(request: Request, caller: _Writer) -> AsyncIterator[BinaryIO]:
    """The body as a file."""
    with caller.office.unnamed_file() as file:
        async for piece in request.stream():
            file.write(piece)
        yield file


_File = Annotated[BinaryIO, Depends(_received)]
_Name = Annotated[Annotated[str, plain(100)], Query(description="A name for the file, without personal data.")]


class RowFaultOut(BaseModel):
    """A value for which a row was refused. line, column: from 1, column 0 for the whole row; value: masked."""

    line: int
    column: int
    name: str
    what: str
    value: str


class OutcomeOut(BaseModel):
    """What became of a file. upload: null for a preview; again: this very file was taken before; taken: new reports; known:
    reports that were there, or twice in the file; refused: rows; faults: of the first 10,000 refused rows."""

    upload: UUID | None
    again: bool
    encoding: str
    delimiter: str
    rows: int
    taken: int
    known: int
    refused: int
    faults: list[RowFaultOut]


@router.post("/v1/uploads:preview", response_model=OutcomeOut, responses=problems(), openapi_extra=_TAKES)
def preview_upload(caller: _Writer, file: _File) -> OutcomeOut:
    """What would become of a CSV file: every row that would be refused, with its reason. Nothing is stored."""
    return _out(preview(caller.registry, caller.actor, file))


@router.post("/v1/uploads", response_model=OutcomeOut, responses=problems(), openapi_extra=_TAKES)
def send_upload(caller: _Writer, file: _File, name: _Name = "") -> OutcomeOut:
    """Take a CSV file of reports. Rows that cannot be are left out and listed. The same file again changes nothing."""
    return _out(commit(caller.registry, caller.actor, file, name))


def _out(outcome: Outcome) -> OutcomeOut:
    faults = [
        RowFaultOut(line=one.line, column=one.column, name=one.name, what=one.what, value=one.value)
        for one in outcome.faults
    ]
    return OutcomeOut(
        upload=outcome.upload, again=outcome.again, encoding=outcome.form.encoding, delimiter=outcome.form.delimiter,
        rows=outcome.rows, taken=outcome.taken, known=outcome.known, refused=outcome.refused, faults=faults,
    )  # fmt: skip
