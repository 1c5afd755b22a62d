"""What do I do now: by how far it went and by scheme, whom to call first, what to keep, which deadlines matter."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.responses import Response

from tosqauyl.registry.shipped import Titles, titles
from tosqauyl.registry.taxonomy import schemes
from tosqauyl.texts import LANGUAGES, N_
from tosqauyl.toml_text import read_toml
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages

pages = Pages()
FAR = {"talked": N_("I only talked or read"), "data": N_("I gave data or a code"), "paid": N_("I paid or sent money")}
"""How far it went -> in a reader's words."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do. far: for whom; urgent: before anything else; source: of a deadline in it."""

    far: tuple[str, ...]
    urgent: bool
    text: Titles
    source: Titles | None


@dataclass(frozen=True, slots=True)
class Advice:
    """steps: in their order; schemes: slug -> language -> what is special about it."""

    version: str
    steps: tuple[Step, ...]
    schemes: Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def advice() -> Advice:
    """The shipped advice. Raises TosqauylError where a text is missing."""
    name = "advice.toml"
    table, _ = read_toml((files("tosqauyl.web.pages") / "data" / name).read_text("utf-8"), name)
    steps = tuple(
        Step(tuple(one["far"]), one.get("urgent", False), titles(one, f"{name}: step {place}"), _source(one, name))
        for place, one in enumerate(table["step"], 1)
    )
    special = {one["slug"]: {said: tuple(one[said]) for said in LANGUAGES} for one in table["scheme"]}
    return Advice(table["version"], steps, special)


def _source(one: Mapping[str, Any], name: str) -> Titles | None:
    return titles(one["source"], f"{name}: source") if "source" in one else None


@pages.get("/help")
def help_page(page: Page) -> Response:
    """The questions and, once one is answered, the steps."""
    t, found = page.t, advice()
    far, scheme = page.query.get("far", ""), page.query.get("scheme", "")
    steps = [one for one in found.steps if far in one.far]
    return page.render(
        "public/help.html", far=far if far in FAR else "", fars=FAR, scheme=scheme if scheme in found.schemes else "",
        schemes=[(one.slug, t.pick(one.titles)) for one in schemes().by_slug.values() if one.slug in found.schemes],
        urgent=[one for one in steps if one.urgent], steps=[one for one in steps if not one.urgent],
        special=found.schemes.get(scheme, {}).get(t.language, ()), version=found.version,
    )  # fmt: skip
