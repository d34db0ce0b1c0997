"""What a store does with webhooks. The server sends the events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reprise.schemas.entities import Page, Webhook
from reprise.tracking.protocols.subjects import Subject, not_kept


class WebhookStore(Protocol):
    """The verbs of webhooks; a store may leave them out."""

    def create_webhook(
        self,
        name: str,
        url: str,
        events: Sequence[str],
        *,
        description: str | None = None,
        secret: str | None = None,
        status: str = "ACTIVE",
    ) -> Webhook:
        """``events`` are ``entity.action``. Several webhooks may have one name."""
        raise not_kept(Subject.WEBHOOKS)

    def get_webhook(self, webhook_id: str) -> Webhook:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise not_kept(Subject.WEBHOOKS)

    def list_webhooks(self, *, max_results: int = 100, page_token: str | None = None) -> Page[Webhook]:
        """Newest first."""
        raise not_kept(Subject.WEBHOOKS)

    def all_webhooks(self) -> Sequence[Webhook]:
        """Every one, newest first."""
        raise not_kept(Subject.WEBHOOKS)

    def update_webhook(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        secret: str | None = None,
        status: str | None = None,
    ) -> Webhook:
        """None leaves a part as it is."""
        raise not_kept(Subject.WEBHOOKS)

    def delete_webhook(self, webhook_id: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        raise not_kept(Subject.WEBHOOKS)
