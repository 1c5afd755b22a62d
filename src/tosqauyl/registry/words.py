"""The words of the registry: every kind, state and role that is stored, each with the places it may go to next.

They are stored as these texts, appear in the API as these texts, and are translated where people read them.
"""

from collections.abc import Mapping

OBSERVABLES = (
    "phone", "iban", "card_token", "wallet", "domain", "url", "telegram", "imei", "iin_token", "trunk",
)  # fmt: skip
"""What can be seen of a fraud and recognised again."""

PERSONAL = frozenset({"phone", "iban", "card_token", "telegram", "imei", "iin_token"})
"""Observables that are, or may be, personal data: kept as a keyed token and, sealed, in the vault; never in clear."""

ORGANISATIONS = ("centre", "operator", "bank", "police", "platform")
"""Kinds of organisations. The centre sees all tenants; everybody else their own."""

ROLES = ("operator", "analyst", "supervisor", "auditor", "bank", "police", "admin")
"""operator, bank, police: staff of such an organisation, their own tenant only. analyst: works on cases and proposes;
supervisor: also approves; auditor: reads everything and its audit trail, writes nothing; admin: accounts and keys, no personal
data, no cases."""

REPORTERS = ("citizen", "operator", "bank", "platform", "police", "ledger")
"""Who reports. ledger: a finding of the statistics."""

CHANNELS = ("call", "sms", "messenger", "advert", "site", "transfer", "other")
"""How the fraud reached its victim."""

VERDICTS = ("fraud", "suspect", "clean", "protected")
"""What an indicator says of its observable."""

LISTINGS = ("block", "mark", "allow")
"""What gates are told of a number; 'none' takes a listing back."""

PERSPECTIVES = ("caller", "callee", "payer", "payee", "both")
"""From which side of a call or a transfer a condition holds."""

CONDITIONS = ("block-always", "allow", "block")
"""Conditions, strongest first: a block that no allowance lifts, an allowance, a block that an allowance lifts."""

ACTIONS = ("suspend", "notify", "hold", "unblock")
"""What an organisation is asked to do: suspend a number, notify its person, hold a transfer, lift what was done."""

Moves = Mapping[str, tuple[str, ...]]
"""State -> the states it may go to."""

REPORT_MOVES: Moves = {
    "received": ("triaged", "linked", "closed"),
    "triaged": ("linked", "closed"),
    "linked": ("closed", "triaged"),
    "closed": ("triaged",),
}
REPORT_OUTCOMES = ("", "false", "duplicate", "confirmed")

INCIDENT_MOVES: Moves = {
    "proposed": ("pending", "closed"),
    "pending": ("investigating", "closed"),
    "investigating": ("snoozed", "closed", "pending"),
    "snoozed": ("investigating", "closed"),
    "closed": ("investigating",),
}
INCIDENT_OUTCOMES = ("", "confirmed_risk", "valuable_alert", "false_positive")

INDICATOR_MOVES: Moves = {
    "draft": ("proposed", "revoked"),
    "proposed": ("active", "draft", "revoked"),
    "active": ("decayed", "revoked"),
    "decayed": ("proposed", "revoked"),
    "revoked": (),
}

ACTION_MOVES: Moves = {
    "requested": ("acknowledged", "done", "partly", "refused", "expired"),
    "acknowledged": ("done", "partly", "refused", "expired"),
    "done": (), "partly": (), "refused": (), "expired": (),
}  # fmt: skip

MODE_STATES = ("proposed", "approved", "turned-down", "retracted")
"""A promotion of a rule waits for a second person, came to hold, or was turned down; a retraction holds at once."""

CHECK_OUTCOMES = ("", "confirmed", "not_confirmed")

APPEAL_MOVES: Moves = {
    "filed": ("proven", "withdrawn", "expired"),
    "proven": ("upheld", "rejected", "withdrawn"),
    "upheld": (), "rejected": (), "withdrawn": (), "expired": (),
}  # fmt: skip


def may_move(moves: Moves, before: str, after: str) -> bool:
    """Whether a state may be followed by another."""
    return after in moves.get(before, ())
