"""Data files of the package: rules of limits, definitions of figures, texts. Read once a process; a wrong file raises
TosqauylError."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.texts import LANGUAGES
from tosqauyl.toml_text import read_toml

Titles = Mapping[str, str]
"""Language -> text; all of LANGUAGES are there."""


@cache
def shipped(name: str) -> Mapping[str, Any]:
    """The content of a TOML file of the folder `data`. Raises FileMistakes where it is none."""
    return read_toml(shipped_text(name), name)[0]


def shipped_text(name: str) -> str:
    """The text of a file of the folder `data`."""
    return (files("tosqauyl.registry") / "data" / name).read_text(encoding="utf-8")


def titles(value: object, where: str) -> Titles:
    """A text in all languages. where: for the error. Raises TosqauylError where one is missing."""
    if not isinstance(value, dict) or any(not isinstance(value.get(one), str) or not value[one] for one in LANGUAGES):
        raise TosqauylError(f"a text is missing: one each for {', '.join(LANGUAGES)}", where)
    return MappingProxyType({one: value[one] for one in LANGUAGES})
