"""Published indicators for tests of the exchange."""

from uuid import UUID

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.observables import observe
from tosqauyl.registry.tables import Indicator

DAY = 86_400_000


def publish(registry, kind: str, value: str, **said) -> UUID:
    """An indicator that was approved at the clock's time; its id."""
    with registry.work(SYSTEM) as work:
        row = indicator(work, observe(work, kind, value).id, **said)
        work.db.add(row)
        return row.id


def indicator(work, observable: UUID, **said) -> Indicator:
    """A row of an active indicator."""
    return Indicator(**{
        "id": new_id(work.now), "organisation": "centre", "observable": observable, "verdict": "fraud", "listing": "", "public": True,
        "confidence": 80, "scheme": "safe-account", "reasons": '[{"slug": "complaints", "text": "Aida said so"}]', "source": "report",
        "state": "active", "valid_from": work.now, "valid_until": work.now + 30 * DAY, "half_life_days": 30, "created": work.now - 1_000,
        "proposed_by": "user:aida", "approved_by": "user:daniyar", "approved": work.now, **said,
    })  # fmt: skip


def revoke(registry, indicator_id: UUID) -> None:
    """Take an indicator back at the clock's time."""
    with registry.work(SYSTEM) as work:
        row = work.db.get_one(Indicator, indicator_id)
        row.state, row.ended = "revoked", work.now


ONE_OF_EACH = {
    "phone": "+77011234567", "iban": "KZ86125KZT5004100100", "wallet": "0x52908400098527886e0f7030069857d2e4169ee7",
    "domain": "kaspi-bonus.example.com", "url": "https://kaspi-bonus.example.com/it's?a=1\\2", "telegram": "@fraud_helper",
}  # fmt: skip
