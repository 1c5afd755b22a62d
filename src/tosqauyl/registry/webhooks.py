"""Webhooks: where organisations want to be told what happens, and the events they can be told of.

    announce(work, "report.received", {"report": report.id}, organisation)

An announcement is written down in the transaction that caused it, so that it is made if and only if that happened; a job
delivers it
(registry/deliveries.py). It is a CloudEvents 1.0 event whose data hold ids and nothing else: whoever is told reads the rest
with his own key, which shows what he may see.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from tosqauyl.registry.actor import CENTRE
from tosqauyl.registry.errors import Invalid, TooMany
from tosqauyl.registry.guarded_fetch import Guard, checked_url
from tosqauyl.registry.moments import rfc3339
from tosqauyl.registry.shipped import Titles, shipped, titles
from tosqauyl.registry.signing import new_secret
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Delivery, Webhook
from tosqauyl.registry.tenancy import newest, of_tenant, visible

SECRET = "webhook.secret"  # noqa: S105 - the purpose it is sealed for
BODY = "delivery.body"
"""What secrets and bodies are sealed for."""
MOST_WEBHOOKS = 20
"""Of one organisation."""
TYPE = "tosqauyl."
"""What is put before an event's name to make the type of a CloudEvent."""
SOURCE = "urn:tosqauyl:office"
_KEPT = "tosqauyl.webhooks"
_ID = re.compile(r"[A-Za-z0-9._:+-]{0,64}")
_NUMBER = re.compile(r"\+?[0-9]{6,}")


def _events() -> Mapping[str, Titles]:
    rows = shipped("events.toml")["event"]
    return MappingProxyType({row["name"]: titles(row, f"events.toml: {row['name']}") for row in rows})


EVENTS: Mapping[str, Titles] = _events()
"""Every event by its name, with what it says in all languages."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook that was made just now. secret: shown this once, and sealed from here on."""

    webhook: Webhook
    secret: str


def announce(work: Work, event: str, data: Mapping[str, object], organisation: str = "") -> None:
    """Have the webhooks of an organisation and of the centre told, once this transaction is committed.

    data: ids, words and whole numbers, or lists of them. What could be a telephone number or a text is left out. organisation:
    whose matter it is, '' for the centre's alone. Raises Invalid for an event that is not in EVENTS.
    """
    if event not in EVENTS:
        raise Invalid("there is no such event", "event", "see registry/data/events.toml")
    told = [one for one in _listening(work, organisation or CENTRE) if event in one.events.split()]
    if not told:
        return
    body = work.vault.seal(_body(work, event, data), BODY)
    work.db.add_all(
        Delivery(id=work.new_id(), webhook=one.id, event=event, body=body, state="waiting", tries=0, next=work.now)
        for one in told
    )
    work.note("announced", "event", event, f"{len(told)} webhooks")


def register(work: Work, url: str, events: Iterable[str], guard: Guard | None = None) -> Registered:
    """A new webhook of the actor's organisation. Raises Invalid, TooMany."""
    wanted = tuple(dict.fromkeys(events))
    if not wanted or not set(wanted) <= EVENTS.keys():
        raise Invalid("no event, or one that is not known", "events", f"some of {', '.join(EVENTS)}")
    address = checked_url(url, guard or Guard())
    ours = select(func.count()).select_from(Webhook)
    ours = ours.where(Webhook.organisation == work.actor.organisation, Webhook.ended == 0)
    if int(work.db.scalar(ours) or 0) >= MOST_WEBHOOKS:
        raise TooMany(
            f"{MOST_WEBHOOKS} webhooks are there already", hint="end one that is not needed", retry_after=3_600
        )
    secret = new_secret()
    webhook = Webhook(
        id=work.new_id(), organisation=work.actor.organisation, url=address, secret=work.vault.seal(secret, SECRET),
        events=" ".join(wanted), created=work.now, ended=0,
    )  # fmt: skip
    work.db.add(webhook)
    work.db.flush()
    work.db.info.pop(_KEPT, None)
    work.note("registered", "webhook", webhook.id, webhook.events)
    return Registered(webhook, secret)


def end(work: Work, webhook_id: UUID) -> None:
    """Take a webhook away; what waits for it is given up. Ending it again changes nothing. Raises Absent."""
    webhook = found(work, webhook_id)
    if webhook.ended:
        return
    webhook.ended = work.now
    waiting = update(Delivery).where(Delivery.webhook == webhook.id, Delivery.state == "waiting")
    work.db.execute(waiting.values(state="given_up", answer="the webhook was ended", body=b""))
    work.db.info.pop(_KEPT, None)
    work.note("ended", "webhook", webhook.id)


def found(work: Work, webhook_id: UUID) -> Webhook:
    """A webhook. Raises Absent, also for another tenant's."""
    return visible(work, work.db.get(Webhook, webhook_id, populate_existing=True), "webhook")


def search(work: Work, cursor: UUID | None, limit: int) -> list[Webhook]:
    """Up to limit + 1 webhooks of the actor's tenant, the latest first, older than the cursor. Ended ones too."""
    chosen = of_tenant(work, select(Webhook), Webhook.organisation)
    return list(work.db.scalars(newest(chosen, Webhook.id, cursor, limit)))


def _listening(work: Work, organisation: str) -> list[Webhook]:
    """Webhooks that may be told of an organisation's matters. Read once a transaction: an upload announces 100,000 reports."""
    kept: dict[str, list[Webhook]] = work.db.info.setdefault(_KEPT, {})
    if organisation not in kept:
        chosen = select(Webhook).where(Webhook.organisation.in_({organisation, CENTRE}), Webhook.ended == 0)
        kept[organisation] = list(work.db.scalars(chosen.order_by(Webhook.id)))
    return kept[organisation]


def _body(work: Work, event: str, data: Mapping[str, object]) -> str:
    """A CloudEvent (CloudEvents 1.0.2, JSON format 1.1). Its id is the same for all webhooks that are told."""
    plain = {name: _plain(value) for name, value in data.items() if _is_plain(value)}
    said: dict[str, Any] = {
        "specversion": "1.0", "id": str(work.new_id()), "source": SOURCE, "type": TYPE + event, "time": rfc3339(work.now),
        "datacontenttype": "application/json", "data": plain,
    }  # fmt: skip
    return json.dumps(said, separators=(",", ":"))


def _is_plain(value: object) -> bool:
    """Whether it is an id, a word or a figure, and can be no number of a person and no text."""
    if isinstance(value, list | tuple):
        return all(_is_plain(one) and not isinstance(one, list | tuple) for one in value)
    if isinstance(value, str):
        return bool(_ID.fullmatch(value)) and not _NUMBER.fullmatch(value)
    return value is None or isinstance(value, UUID | bool | int)


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, UUID) else value
