"""Texts as people may send them: a length, and no character that does harm where the text is stored or shown.

    class In(BaseModel):
        title: Annotated[str, plain(200, min_length=1)]
        story: Annotated[str, plain(10_000, multiline=True)] = ""

What is refused: NUL (PostgreSQL keeps none), control characters, halves of surrogate pairs (they are no UTF-8), and the characters
that turn the direction of a text and so show it as another one (U+202A to U+202E, U+2066 to U+2069). Markup is let through: it is
escaped where it is shown.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_ALWAYS = "\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069"
_ONE_LINE = f"^[^\\u0000-\\u001f\\u2028\\u2029{_ALWAYS}]*$"
_LINES = f"^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f{_ALWAYS}]*$"
"""As ECMA 262 patterns, which is what the OpenAPI document has."""

_TURNS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_NEVER_IN_LINES = frozenset(map(chr, (*_TURNS, *_CONTROLS))) - {"\t", "\n", "\r"}
_NEVER_IN_ONE = frozenset(map(chr, (*_TURNS, *_CONTROLS, 0x2028, 0x2029)))


def is_plain(text: str, multiline: bool = False) -> bool:
    """Whether a text has no character that is refused. multiline: tabs and ends of lines may be in it."""
    never = _NEVER_IN_LINES if multiline else _NEVER_IN_ONE
    return never.isdisjoint(text) and not any("\ud800" <= character <= "\udfff" for character in text)


@dataclass(frozen=True, slots=True)
class Plain:
    """What `plain` gives: stands in an `Annotated[str, ...]`, checks the text and describes itself in the OpenAPI document."""

    max_length: int
    min_length: int = 0
    multiline: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Length first: it is the cheaper check."""
        texts = core_schema.str_schema(strict=True, min_length=self.min_length, max_length=self.max_length)
        return core_schema.no_info_after_validator_function(self._checked, texts)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The lengths, and the characters as a pattern."""
        found = {"type": "string", "maxLength": self.max_length, "pattern": _LINES if self.multiline else _ONE_LINE}
        return found | ({"minLength": self.min_length} if self.min_length else {})

    def _checked(self, text: str) -> str:
        if not is_plain(text, self.multiline):
            raise PydanticCustomError(
                "characters", "has a character that is not taken: a control, a turn of direction, half a pair"
            )
        return text


def plain(max_length: int, min_length: int = 0, multiline: bool = False) -> Plain:
    """What makes a `str` a plain text: `Annotated[str, plain(200)]`. multiline: it may have lines and tabs."""
    return Plain(max_length, min_length, multiline)
