"""The guided tour of a demonstration: eight steps, each a few sentences and a page. Never in an office for real."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tosqauyl.texts import N_

if TYPE_CHECKING:
    from tosqauyl.web.pages.page import Page

TOUR = "/office/tour"
IN_QUERY = "tour"
"""Name in the query of a page that a step leads to: the step's number, so that the page leads back."""


@dataclass(frozen=True, slots=True)
class Step:
    """title, text: what is to be seen; path, query: where; scope: what its page asks for, '' for anybody."""

    title: str
    text: str
    path: str
    scope: str
    query: dict[str, str] = field(default_factory=dict)


STEPS = (
    Step(
        N_("Calls now"),
        N_(
            "The gate on this machine judges about a hundred invented calls a second. See how many it lets through and stops, by "
            "which rule and over which trunk. The page renews itself."
        ),
        "/office/live", "calls:read",
    ),
    Step(
        N_("One stopped call, and why"),
        N_(
            "Every decision is written down with all its facts before it is answered. Open a stopped call: the rule that stopped "
            "it, the law it rests on, and what was known at that moment. The latest calls arrive here within half a minute."
        ),
        "/office/calls", "calls:read", {"verdict": "stop"},
    ),
    Step(
        N_("Reports"),
        N_(
            "People, banks and police report what happened to them. Numbers, names and texts are sealed and shown masked; whoever "
            "opens a report says why, and that is written down."
        ),
        "/office/reports", "reports:read",
    ),
    Step(
        N_("A case"),
        N_(
            "Where several people name the same number, account or site, a case is proposed. Open one: what belongs together is "
            "drawn as a graph, and its clock says until when somebody must look at it."
        ),
        "/office/incidents", "cases:read",
    ),
    Step(
        N_("Approve a block"),
        N_(
            "An analyst proposed to block the number that ends with 0314. It calls now, and nobody stops it. You are the second "
            "person: open the proposal and approve it. Within seconds the gate stops its calls."
        ),
        "/office/indicators", "decisions:approve", {"state": "proposed"},
    ),
    Step(
        N_("What citizens see"),
        N_(
            "The public page has one box. Enter +44 7700 900314, the number you have just blocked: it says what is known of it, "
            "and what to do now."
        ),
        "/", "",
    ),
    Step(
        N_("An appeal"),
        N_(
            "Whoever is stopped wrongly appeals without an account and proves the number by a code or through the operator. "
            "Open the appeal that waits, and uphold or reject it with an answer."
        ),
        "/office/appeals", "appeals:write",
    ),
    Step(
        N_("Statistics"),
        N_(
            "Each figure has its definition, window, unit and source. Figures of others stand beside ours and are never added to "
            "them. How often each rule was wrong is counted, too."
        ),
        "/office/statistics", "statistics:read",
    ),
)  # fmt: skip


def step_of(page: "Page") -> int:
    """The step that led to a page, from 1; 0 for none."""
    said = page.query.get(IN_QUERY, "")
    return int(said) if said in {str(number + 1) for number in range(len(STEPS))} else 0
