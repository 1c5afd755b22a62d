"""Who acts: the person or program on whose behalf something is read or written, and what it may do."""

from dataclasses import dataclass, field

CENTRE = "centre"
"""The organisation that sees all tenants."""

SCOPES = (
    "reports:write", "reports:read", "cases:write", "cases:read", "decisions:propose", "decisions:approve",
    "actions:answer", "checks:write", "lists:read", "lookup", "statistics:read", "statistics:write", "exchange:read",
    "audit:read", "accounts:write", "webhooks:write", "personal:read", "appeals:write", "findings:write", "calls:read",
    "policy:propose", "policy:approve", "policy:retract",
)  # fmt: skip
"""What can be allowed, each by itself. lists:read is all a gate needs; calls:read is the centre's alone."""

ROLE_SCOPES: dict[str, frozenset[str]] = {
    "operator": frozenset({
        "reports:write", "reports:read", "checks:write", "actions:answer", "lookup", "statistics:read",
        "webhooks:write", "personal:read", "exchange:read",
    }),
    "bank": frozenset({
        "reports:write", "reports:read", "actions:answer", "lookup", "statistics:read", "webhooks:write", "exchange:read",
    }),
    "police": frozenset({
        "reports:write", "reports:read", "cases:read", "actions:answer", "lookup", "statistics:read", "personal:read",
        "exchange:read",
    }),
    "analyst": frozenset({
        "reports:write", "reports:read", "cases:read", "cases:write", "decisions:propose", "lookup", "statistics:read",
        "personal:read", "exchange:read", "appeals:write", "statistics:write", "findings:write", "checks:write", "calls:read",
        "policy:propose", "policy:retract",
    }),
    "supervisor": frozenset({
        "reports:write", "reports:read", "cases:read", "cases:write", "decisions:propose", "decisions:approve", "lookup",
        "statistics:read", "statistics:write", "personal:read", "exchange:read", "appeals:write", "findings:write",
        "checks:write", "webhooks:write", "actions:answer", "calls:read", "policy:propose", "policy:approve", "policy:retract",
    }),
    "auditor": frozenset({"reports:read", "cases:read", "statistics:read", "audit:read", "exchange:read", "calls:read"}),
    "admin": frozenset({"accounts:write", "webhooks:write", "statistics:read"}),
}  # fmt: skip
"""Role -> what it may do."""


@dataclass(frozen=True, slots=True)
class Actor:
    """name: as the audit trail names it ('user:aida', 'key:1f2e', 'citizen', 'system'); organisation: its tenant; kind: of the
    organisation; account: id of the account as text, '' for a program."""

    name: str
    organisation: str
    kind: str = "centre"
    role: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset)
    account: str = ""

    @property
    def sees_all(self) -> bool:
        """Whether it sees every tenant."""
        return self.organisation == CENTRE

    def may(self, scope: str) -> bool:
        """Whether it has the scope."""
        return scope in self.scopes


SYSTEM = Actor("system", CENTRE, scopes=frozenset(SCOPES))
"""Clocks and jobs."""
CITIZEN = Actor("citizen", CENTRE, role="citizen", scopes=frozenset({"reports:write", "lookup", "appeals:write"}))
"""Anybody, without an account. It never reads a tenant's data: only what it holds the ticket of."""
