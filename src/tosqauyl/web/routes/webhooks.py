"""Webhooks: where an organisation wants to be told, what it can be told of, and what became of what it was told."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tosqauyl.registry import deliveries, webhooks
from tosqauyl.registry.guarded_fetch import MOST_URL
from tosqauyl.registry.tables import Delivery, Webhook
from tosqauyl.registry.webhooks import EVENTS
from tosqauyl.web.caller import Caller, needs
from tosqauyl.web.paging import Cursor, Limit, Page
from tosqauyl.web.problems import problems
from tosqauyl.web.texts import plain
from tosqauyl.web.times import Moment

router = APIRouter(tags=["webhooks"])

_Writer = Annotated[Caller, Depends(needs("webhooks:write"))]
EventName = Literal[
    "report.received", "incident.proposed", "incident.closed", "indicator.approved", "indicator.revoked", "listing.changed",
    "action.requested", "action.answered", "check.due", "appeal.filed", "appeal.decided",
]  # fmt: skip
"""The names of registry/data/events.toml; a test holds the two equal."""


class WebhookIn(BaseModel):
    """url: https only, of a public address or one that the office was allowed; no redirect is followed."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, plain(MOST_URL, min_length=9)]
    events: Annotated[list[EventName], Field(min_length=1, max_length=len(EVENTS))]


class WebhookOut(BaseModel):
    """ended: null while it is told."""

    id: UUID
    organisation: str
    url: str
    events: list[str]
    created: Moment
    ended: Moment


class NewWebhookOut(WebhookOut):
    """secret: signs every delivery. It is shown this once."""

    secret: str


class EventOut(BaseModel):
    """name: for programs; type: of the CloudEvent; kk, ru, en: what happened."""

    name: str
    type: str
    kk: str
    ru: str
    en: str


class DeliveryOut(BaseModel):
    """state: waiting (to be sent at `next`), done, given_up; tries: how often it was sent; answer: the last one's status and first
    characters."""

    id: UUID
    event: str
    state: Literal["waiting", "done", "given_up"]
    tries: int
    announced: Moment
    next: Moment
    answer: str


@router.post("/v1/webhooks", response_model=NewWebhookOut, status_code=201, responses=problems())
def create_webhook(said: WebhookIn, caller: _Writer) -> NewWebhookOut:
    """Have an address told of events of the caller's organisation; of the centre's webhooks: of all. At most 20 of one
    organisation."""
    with caller.work() as work:
        made = webhooks.register(work, said.url, said.events, caller.office.receivers)
        return NewWebhookOut(**dict(_shown(made.webhook)), secret=made.secret)


@router.get("/v1/webhooks", response_model=Page[WebhookOut], responses=problems())
def list_webhooks(caller: _Writer, cursor: Cursor = None, limit: Limit = 50) -> Page[WebhookOut]:
    """Webhooks of the caller's organisation, the latest first, ended ones too; the centre sees all."""
    with caller.read() as work:
        found = webhooks.search(work, cursor, limit)
        return Page(items=[_shown(one) for one in found[:limit]], next=_next(found, limit))


@router.get("/v1/webhook-events", response_model=list[EventOut], responses=problems())
def list_webhook_events(caller: _Writer) -> list[EventOut]:
    """What a webhook can be told of."""
    return [EventOut(name=name, type=webhooks.TYPE + name, **text) for name, text in EVENTS.items()]


@router.get("/v1/webhooks/{webhook_id}", response_model=WebhookOut, responses=problems("not-found"))
def read_webhook(webhook_id: UUID, caller: _Writer) -> WebhookOut:
    """One webhook, without its secret."""
    with caller.read() as work:
        return _shown(webhooks.found(work, webhook_id))


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, responses=problems("not-found", "conflict"))
def end_webhook(webhook_id: UUID, caller: _Writer) -> None:
    """Tell it nothing more. What waited for it is given up."""
    with caller.work() as work:
        webhooks.end(work, webhook_id)


@router.get("/v1/webhooks/{webhook_id}/deliveries", response_model=Page[DeliveryOut], responses=problems("not-found"))
def list_deliveries(
    webhook_id: UUID, caller: _Writer, cursor: Cursor = None, limit: Limit = 50
) -> Page[DeliveryOut]:  # fmt: skip
    """What a webhook was told or is still to be told, the latest first. Kept for 30 days."""
    with caller.read() as work:
        found = deliveries.search(work, webhook_id, cursor, limit)
        return Page(items=[_delivery(one) for one in found[:limit]], next=_next(found, limit))


def _delivery(one: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=one.id, event=one.event, state=one.state,  # type: ignore[arg-type]
        tries=one.tries, announced=deliveries.made_at(one.id), next=one.next if one.state == "waiting" else 0, answer=one.answer,
    )  # fmt: skip


def _next(found: Sequence[Webhook | Delivery], limit: int) -> UUID | None:
    return found[limit - 1].id if len(found) > limit else None


def _shown(one: Webhook) -> WebhookOut:
    return WebhookOut(
        id=one.id,
        organisation=one.organisation,
        url=one.url,
        events=one.events.split(),
        created=one.created,
        ended=one.ended,
    )
