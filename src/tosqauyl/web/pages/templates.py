"""The templates of pages: all is escaped, a name that is not given is an error, and a page loads nothing from elsewhere."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tosqauyl.web.pages import words
from tosqauyl.web.pages.assets import asset
from tosqauyl.web.pages.labels import label
from tosqauyl.web.pages.menu import menu
from tosqauyl.web.pages.notices import notice
from tosqauyl.web.pages.tour import STEPS, step_of

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""No script and no style in the page itself, nothing from other sites, no frame around it (CSP level 3)."""


@cache
def template(name: str) -> Template:
    """A template by its path in the folder `templates`."""
    return environment().get_template(name)


@cache
def environment() -> Environment:
    """What all templates share."""
    made = Environment(
        loader=PackageLoader("tosqauyl.web.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {
        "asset": asset,
        "notice": notice,
        "label": label,
        "menu": menu,
        "tour_step": step_of,
        "tour_length": len(STEPS),
    }
    made.globals |= {
        name: getattr(words, name)
        for name in ("when", "stretch", "day", "machine", "left", "ago", "money", "milliseconds")
    }
    return made
