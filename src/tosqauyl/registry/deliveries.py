"""Deliveries: what was announced is sent to its webhooks, signed, and sent again with growing waits until it is taken or given up.

    deliver_due(registry, GuardedFetch(guard), now)         a job, every few seconds; several processes may do it at once

Each delivery is sent at least once, and perhaps more often: its id stays the same. Their order is not promised. A round takes
what is due of each webhook to one thread of its own, so a receiver that is slow or gone holds up nobody else, and stops at its
first failure: a receiver that is gone costs one timeout a round, not one for each delivery.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from tosqauyl import __version__
from tosqauyl.registry import webhooks
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.guarded_fetch import Answer, Fetch
from tosqauyl.registry.signing import HEADER, signature
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import Delivery, Webhook
from tosqauyl.registry.tenancy import newest
from tosqauyl.registry.vault import Vault

WAITS_S = (10, 60, 300, 1_800, 7_200, 21_600, 43_200)
"""Seconds after the first, second, ... failure; the last one holds for all that follow."""
GIVE_UP_S = 3 * 86_400
"""After this long a delivery is given up, seconds."""
AT_ONCE = 8
"""Webhooks that are sent to at the same time."""
OF_ONE = 20
"""Deliveries of one webhook in one round."""
MOST_S = 10
"""After this long a round begins no further delivery of a webhook, seconds."""
LEASE_S = 300
"""For so long nobody else takes what a round has taken: longer than a round lasts."""
NOT_TRIED = Answer(0, "not tried")
ID_HEADER = "Tosqauyl-Delivery"
MEDIA_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round: deliveries taken by their receivers, to be tried again, and given up."""

    done: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One delivery outside of any transaction."""

    id: UUID
    tries: int
    url: str
    secret: str
    body: bytes


def deliver_due(registry: Registry, fetch: Fetch, now: int, at_once: int = AT_ONCE) -> Round:
    """Send what is due. now: milliseconds since 1970. Raises RegistryError where the database fails: then what was sent is
    sent again."""
    with registry.work(SYSTEM) as work:
        parcels = _taken(work, now)
    if not parcels:
        return Round()
    with ThreadPoolExecutor(min(at_once, len(parcels)), "deliver") as pool:
        sent = list(pool.map(lambda some: _sent(registry, fetch, some), parcels))
    answers = [pair for some in sent for pair in some]
    with registry.work(SYSTEM) as work:
        states = [_settled(work, parcel, answer, now) for parcel, answer in answers]
    return Round(states.count("done"), states.count("waiting"), states.count("given_up"))


def search(work: Work, webhook_id: UUID, cursor: UUID | None, limit: int) -> list[Delivery]:
    """Up to limit + 1 deliveries of a webhook, the latest first, older than the cursor. Raises Absent."""
    webhook = webhooks.found(work, webhook_id)
    chosen = select(Delivery).where(Delivery.webhook == webhook.id)
    return list(work.db.scalars(newest(chosen, Delivery.id, cursor, limit)))


def made_at(delivery_id: UUID) -> int:
    """When a delivery was announced: its id begins with that moment (RFC 9562 section 5.7)."""
    return delivery_id.int >> 80


def _taken(work: Work, now: int) -> list[list[_Parcel]]:
    """Take what is due, by webhook; whoever asks meanwhile gets something else."""
    taken = []
    for webhook in work.db.scalars(select(Webhook).where(Webhook.ended == 0).order_by(Webhook.id)):
        due = select(Delivery).where(Delivery.webhook == webhook.id, Delivery.state == "waiting", Delivery.next <= now)
        rows = work.db.scalars(due.order_by(Delivery.next).limit(OF_ONE).with_for_update(skip_locked=True)).all()
        for row in rows:
            row.next = now + LEASE_S * 1_000
        if rows:
            taken.append(_parcels(work.vault, webhook, rows))
    return taken


def _parcels(vault: Vault, webhook: Webhook, rows: Sequence[Delivery]) -> list[_Parcel]:
    secret = vault.open(webhook.secret, webhooks.SECRET)
    return [
        _Parcel(row.id, row.tries, webhook.url, secret, vault.open(row.body, webhooks.BODY).encode()) for row in rows
    ]


def _sent(registry: Registry, fetch: Fetch, parcels: Sequence[_Parcel]) -> list[tuple[_Parcel, Answer]]:
    """Send to one webhook, one after another. After a failure the rest is not tried, and shares its fate; what a slow receiver
    leaves no time for is due again at once."""
    answers: list[tuple[_Parcel, Answer]] = []
    began = registry.clock()
    for place, parcel in enumerate(parcels):
        if registry.clock() - began > MOST_S * 1_000:
            return answers + [(one, NOT_TRIED) for one in parcels[place:]]
        answer = fetch(parcel.url, _headers(parcel, registry.clock() // 1_000), parcel.body)
        if not answer.is_taken:
            return answers + [(one, answer) for one in parcels[place:]]
        answers.append((parcel, answer))
    return answers


def _headers(parcel: _Parcel, at: int) -> dict[str, str]:
    return {
        "User-Agent": f"tosqauyl/{__version__}", "Content-Type": MEDIA_TYPE, ID_HEADER: str(parcel.id),
        HEADER: signature(parcel.secret, parcel.body, at),
    }  # fmt: skip


def _settled(work: Work, parcel: _Parcel, answer: Answer, now: int) -> str:
    """Write down what came of one; its new state."""
    row = work.db.get(Delivery, parcel.id, populate_existing=True)
    if row is None or row.state != "waiting":
        return "done"
    if answer is NOT_TRIED:
        row.next = now
        return row.state
    row.tries = parcel.tries + 1
    row.answer = f"{answer.status or '-'} {answer.what}".strip()[:200]
    wait = WAITS_S[min(row.tries, len(WAITS_S)) - 1] * 1_000
    if answer.is_taken:
        row.state, row.body = "done", b""
    elif now + wait - made_at(row.id) > GIVE_UP_S * 1_000:
        row.state, row.body = "given_up", b""
    else:
        row.next = now + wait
    if row.state != "waiting":
        work.note("delivered" if row.state == "done" else "gave-up", "delivery", row.id, row.event)
    return row.state
