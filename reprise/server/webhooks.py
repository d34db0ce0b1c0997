"""The REST verbs of webhooks. A secret goes in, and never comes out."""

from __future__ import annotations

from typing import Annotated

import msgspec

from reprise.schemas.entities import Webhook
from reprise.server.api import shapes
from reprise.server.api.wire import (
    Answer,
    Request,
    Verb,
    Word,
    invalid,
)
from reprise.server.delivery.events import ACTIONS, example_of
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore


class GivenEvent(msgspec.Struct):
    entity: Word
    action: Word


class CreateWebhook(Request):
    name: Word
    url: str
    events: Annotated[tuple[GivenEvent, ...], msgspec.Meta(min_length=1)]
    description: str | None = None
    secret: str | None = None
    status: str | None = None


class WebhookRequest(Request):
    webhook_id: Word


class GetWebhook(WebhookRequest):
    pass


class DeleteWebhook(WebhookRequest):
    pass


class ListWebhooks(Request):
    max_results: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    page_token: str | None = None


class UpdateWebhook(WebhookRequest):
    name: str | None = None
    url: str | None = None
    events: tuple[GivenEvent, ...] = ()
    description: str | None = None
    secret: str | None = None
    status: str | None = None


class TestWebhook(WebhookRequest):
    event: GivenEvent | None = None


def create(store: TrackingStore, request: CreateWebhook) -> Answer:
    _check(request.url)
    webhook = store.create_webhook(
        request.name,
        request.url,
        _events(request.events),
        description=request.description or None,
        secret=request.secret or None,
        status=request.status or "ACTIVE",
    )
    return {"webhook": webhook_shape(webhook)}


def get(store: TrackingStore, request: GetWebhook) -> Answer:
    return {"webhook": webhook_shape(store.get_webhook(request.webhook_id))}


def list_page(store: TrackingStore, request: ListWebhooks) -> Answer:
    found = store.list_webhooks(max_results=request.max_results, page_token=request.page_token or None)
    return shapes.page("webhooks", found, webhook_shape)


def update(store: TrackingStore, request: UpdateWebhook) -> Answer:
    if request.url is not None:
        _check(request.url)
    webhook = store.update_webhook(
        request.webhook_id,
        name=request.name,
        url=request.url,
        events=_events(request.events) or None,
        description=request.description,
        secret=request.secret,
        status=request.status,
    )
    return {"webhook": webhook_shape(webhook)}


def delete(store: TrackingStore, request: DeleteWebhook) -> Answer:
    store.delete_webhook(request.webhook_id)
    return {}


def test(store: TrackingStore, request: TestWebhook) -> Answer:
    """Send an example of an event now, and say what came back."""
    from reprise.server.delivery.post import post_event

    webhook = store.get_webhook(request.webhook_id)
    event = _events([request.event])[0] if request.event else webhook.events[0]
    outcome = post_event(webhook, event, example_of(event))
    is_good = outcome.status is not None and outcome.status < 400
    error = f"Failed to test webhook: {outcome.error}" if outcome.error else None
    result = {
        "success": is_good,
        **shapes.given(response_status=outcome.status, response_body=outcome.body, error_message=error),
    }
    return {"result": result}


def webhook_shape(webhook: Webhook) -> Answer:
    events = (event.partition(".") for event in webhook.events)
    return {
        "webhook_id": webhook.webhook_id,
        "name": webhook.name,
        **shapes.given(description=webhook.description),
        "url": webhook.url,
        "events": [{"entity": entity.upper(), "action": action.upper()} for entity, _, action in events],
        "status": webhook.status,
        "creation_timestamp": webhook.creation_time,
        "last_updated_timestamp": webhook.last_update_time,
    }


def _events(given: tuple[GivenEvent, ...] | list[GivenEvent]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for event in given:
        entity, action = event.entity.lower(), event.action.lower()
        if action not in ACTIONS.get(entity, ()):
            known = f"Valid actions are: {', '.join(ACTIONS.get(entity, ('none',)))}"
            raise invalid(f"Invalid action '{action}' for entity '{entity}'. {known}")
        found[f"{entity}.{action}"] = None
    return tuple(found)


def _check(url: str) -> None:
    from reprise.server.delivery.network import check_url

    check_url(url)


VERBS = (
    Verb("POST", "webhooks", Role.ADMIN, CreateWebhook, create),
    Verb("GET", "webhooks", Role.ADMIN, ListWebhooks, list_page),
    Verb("GET", "webhooks/{webhook_id}", Role.ADMIN, GetWebhook, get),
    Verb("PATCH", "webhooks/{webhook_id}", Role.ADMIN, UpdateWebhook, update),
    Verb("DELETE", "webhooks/{webhook_id}", Role.ADMIN, DeleteWebhook, delete),
    Verb("POST", "webhooks/{webhook_id}/test", Role.ADMIN, TestWebhook, test),
)
