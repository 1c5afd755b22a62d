"""Webhooks: where the own organisation is told of events, what it is told of, and what became of it."""

from starlette.responses import Response

from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.routes.webhooks import (
    WebhookIn,
    create_webhook,
    end_webhook,
    list_deliveries,
    list_webhook_events,
    list_webhooks,
    read_webhook,
)

pages = Pages()
SCOPE = "webhooks:write"
LIST = "/office/webhooks"
NEW = "/office/webhooks/new"
ONE = "/office/webhooks/{webhook_id}"


def _events(page: Page) -> dict[str, str]:
    """Events by name, and what happened."""
    return {one.name: page.t.pick(one.model_dump()) for one in page.ask(list_webhook_events)}


@pages.get(LIST, SCOPE)
def webhooks_page(page: Page) -> Response:
    """All webhooks, the latest first, ended ones too."""
    return page.render("office/webhooks.html", found=page.ask(list_webhooks, cursor=page.cursor()))


@pages.get(NEW, SCOPE)
def new_webhook_page(page: Page) -> Response:
    """The form."""
    return page.render("office/webhook-new.html", events=_events(page))


@pages.post(NEW, SCOPE, again=new_webhook_page)
def webhook_added(page: Page) -> Response:
    """The secret that signs deliveries, on this answer only."""
    said = body_of(WebhookIn, url=page.form["url"], events=list(page.form.all("event")))
    return page.render("office/webhook-made.html", made=page.ask(create_webhook, said=said))


@pages.get(ONE, SCOPE)
def webhook_shown(page: Page) -> Response:
    """What it is told of, and its deliveries, the latest first."""
    which = page.id("webhook_id")
    found = page.ask(read_webhook, webhook_id=which)
    sent = page.ask(list_deliveries, webhook_id=which, cursor=page.cursor())
    return page.render("office/webhook.html", found=found, sent=sent, events=_events(page))


@pages.post(ONE + "/end", SCOPE, again=webhook_shown)
def webhook_ended(page: Page) -> Response:
    """It is told nothing more."""
    page.ask(end_webhook, webhook_id=page.id("webhook_id"))
    return page.go(f"{LIST}/{page.id('webhook_id')}", "webhook-ended")
