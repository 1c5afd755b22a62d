"""What stands in the console's menu, for those who may see it."""

from typing import TYPE_CHECKING

from tosqauyl.texts import N_

if TYPE_CHECKING:
    from tosqauyl.web.pages.page import Page

MENU: tuple[tuple[str, str, str], ...] = (
    ("/office", N_("To do"), "reports:read"),
    ("/office/reports", N_("Reports"), "reports:read"),
    ("/office/uploads", N_("Uploads"), "reports:write"),
    ("/office/incidents", N_("Cases"), "cases:read"),
    ("/office/checks", N_("Checks"), "checks:write"),
    ("/office/actions", N_("Actions"), "actions:answer"),
    ("/office/indicators", N_("Indicators"), "cases:read"),
    ("/office/appeals", N_("Appeals"), "appeals:write"),
    ("/office/unproven-appeals", N_("Numbers to prove"), "checks:write"),
    ("/office/conditions", N_("Lists"), "cases:read"),
    ("/office/protected", N_("Protected"), "cases:read"),
    ("/office/findings", N_("Findings"), "cases:read"),
    ("/office/live", N_("Live"), "calls:read"),
    ("/office/carriers", N_("Carriers"), "calls:read"),
    ("/office/statistics", N_("Statistics"), "statistics:read"),
    ("/office/audit", N_("Audit"), "audit:read"),
    ("/office/accounts", N_("Users"), "accounts:write"),
    ("/office/keys", N_("Keys"), "accounts:write"),
    ("/office/webhooks", N_("Webhooks"), "webhooks:write"),
)
"""(path, text, scope that its page asks for), in their order."""


def menu(page: "Page") -> list[tuple[str, str]]:
    """Path and text of what somebody may see."""
    return [(path, text) for path, text, scope in MENU if page.may(scope)]
