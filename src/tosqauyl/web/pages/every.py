"""All pages: what is not named here is not served; a test compares it with the folders."""

from functools import cache
from importlib import import_module

from tosqauyl.web.pages.routing import Pages

MODULES = (
    "public.check", "public.report", "public.appeal", "public.help", "public.figures", "office.sign_in", "office.inbox",
    "office.reports", "office.indicators", "office.appeals", "office.conditions", "office.protected", "office.findings",
    "office.uploads", "office.incidents", "office.checks", "office.actions",
    "office.me", "office.accounts", "office.keys", "office.webhooks", "office.audit", "office.statistics",
    "office.policy", "office.policy_drafts", "office.live", "office.tour", "office.carriers", "office.calls",
)  # fmt: skip
"""The modules of pages, each with its `pages`."""


@cache
def all_pages() -> Pages:
    """Every page. Made once."""
    found = Pages()
    for name in MODULES:
        found.served.extend(import_module(f"tosqauyl.web.pages.{name}").pages.served)
    return found
