"""What stands in the console's menu, for those who may see it: a few groups, and the places of the one that one is in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tosqauyl.texts import N_

if TYPE_CHECKING:
    from tosqauyl.web.pages.page import Page

_Places = tuple[tuple[str, str, str], ...]
MENU: tuple[tuple[str, _Places], ...] = (
    (N_("Work"), (
        ("/office", N_("To do"), "reports:read"),
        ("/office/reports", N_("Reports"), "reports:read"),
        ("/office/uploads", N_("Uploads"), "reports:write"),
        ("/office/incidents", N_("Cases"), "cases:read"),
        ("/office/checks", N_("Checks"), "checks:write"),
        ("/office/actions", N_("Actions"), "actions:answer"),
        ("/office/requested-actions", N_("Asked of others"), "cases:read"),
    )),
    (N_("Decisions"), (
        ("/office/indicators", N_("Indicators"), "cases:read"),
        ("/office/findings", N_("Findings"), "cases:read"),
        ("/office/conditions", N_("Lists"), "cases:read"),
        ("/office/protected", N_("Protected"), "cases:read"),
        ("/office/appeals", N_("Appeals"), "appeals:write"),
        ("/office/unproven-appeals", N_("Numbers to prove"), "checks:write"),
    )),
    (N_("Calls"), (
        ("/office/live", N_("Live"), "calls:read"),
        ("/office/policy", N_("Policy"), "calls:read"),
        ("/office/calls", N_("Calls"), "calls:read"),
        ("/office/carriers", N_("Carriers"), "calls:read"),
        ("/office/displacement", N_("Displacement"), "calls:read"),
        ("/office/calls/figures", N_("Figures of calls"), "calls:read"),
    )),
    (N_("Statistics"), (
        ("/office/statistics", N_("Statistics"), "statistics:read"),
    )),
    (N_("Administration"), (
        ("/office/audit", N_("Audit"), "audit:read"),
        ("/office/accounts", N_("Users"), "accounts:write"),
        ("/office/organisations", N_("Organisations"), "accounts:write"),
        ("/office/keys", N_("Keys"), "accounts:write"),
        ("/office/webhooks", N_("Webhooks"), "webhooks:write"),
    )),
)  # fmt: skip
"""Name of a group; path, text and scope of each of its places, in their order."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the menu as one reader sees it. places: path and text of each, one at least; current: the path of the place one
    is in, '' where it is in no place of this group."""

    text: str
    places: tuple[tuple[str, str], ...]
    current: str


def menu(page: "Page") -> list[Group]:
    """The groups of which somebody may see something."""
    found = []
    for text, places in MENU:
        seen = tuple((path, said) for path, said, scope in places if page.may(scope))
        if seen:
            found.append(Group(text, seen, _current(page.path, seen)))
    return found


def _current(path: str, places: tuple[tuple[str, str], ...]) -> str:
    """The place that a page belongs to: its own path, or the longest that it lies under; the inbox has nothing under it."""
    under = [place for place, _ in places if path == place or (place != "/office" and path.startswith(f"{place}/"))]
    return max(under, key=len, default="")
