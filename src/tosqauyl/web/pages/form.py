"""What a browser sent with a form: names and texts, and how they become the body of a call of the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from tosqauyl.registry.moments import EPOCH, MILLISECOND, ZONE
from tosqauyl.web.pages.trouble import OTHER, refused_for_form
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.times import text_of

MOST_FIELDS = 200
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form:
    """values: name -> text as it was typed, blanks around it removed; the last one where a name came twice. many: all of each."""

    values: Mapping[str, str] = field(default_factory=dict)
    many: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def get(self, name: str, default: str = "") -> str:
        """The text of a field; the default where it was not sent."""
        return self.values.get(name, default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every text of a name that comes several times."""
        return self.many.get(name, ())

    def number(self, name: str, scale: int = 1) -> int:
        """A whole number, times scale; 0 where nothing was typed. Blanks between digits do no harm. Raises Refused."""
        text = "".join(self[name].split())
        if not text:
            return 0
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise _wrong(name)
        return int(text) * scale

    def moment(self, name: str) -> str | None:
        """A day or a minute of Kazakhstan, as browsers send them ('2026-11-30', '2026-11-30T07:00'), as the API takes it; None
        where nothing was typed. Raises Refused."""
        if not self[name]:
            return None
        try:
            at = datetime.fromisoformat(self[name])
        except ValueError:
            raise _wrong(name) from None
        return text_of((at.replace(tzinfo=ZONE) - EPOCH) // MILLISECOND)


def read_form(body: bytes) -> Form:
    """A form's body. Raises Refused where it is none."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused("malformed", "it is no form") from None
    return form_of(pairs)


def form_of(pairs: Iterable[tuple[str, str]]) -> Form:
    """A form of names and texts, in the order in which they were sent."""
    many: dict[str, tuple[str, ...]] = {}
    for name, text in pairs:
        many[name] = (*many.get(name, ()), text.replace("\r\n", "\n").strip())
    return Form({name: texts[-1] for name, texts in many.items()}, many)


def body_of(model: type[Body], **values: Any) -> Body:
    """The body of a call of the API. Raises Refused with every value that cannot be."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise refused_for_form(error) from None


def _wrong(name: str) -> Refused:
    return Refused("invalid", fields=[FieldProblem(where=f"/{name}", what=OTHER)])
