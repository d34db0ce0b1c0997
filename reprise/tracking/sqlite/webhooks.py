"""The verbs of webhooks: addresses that hear of what happens in the registry."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence

from reprise.errors import missing
from reprise.schemas.entities import Page, Webhook
from reprise.tracking import validation
from reprise.tracking.names import now
from reprise.tracking.sqlite.rows import Connection, Verbs

_NAME = r"(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9._\-]*[A-Za-z0-9])?"
_SCOPE = "webhooks"
_STATUSES = ("ACTIVE", "DISABLED")
_COLUMNS = "webhook_id, name, url, events, description, secret, status, creation_time, last_update_time"


class Webhooks(Verbs):
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
        _check(name, status)
        with self._database.writing() as connection:
            time, webhook_id = now(), str(uuid.uuid4())
            connection.execute(
                f"INSERT INTO webhook ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (webhook_id, name, url, json.dumps(events), description, secret, status, time, time),
            )
            return _found(connection, webhook_id)

    def get_webhook(self, webhook_id: str) -> Webhook:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            return _found(connection, webhook_id)

    def list_webhooks(self, *, max_results: int = 100, page_token: str | None = None) -> Page[Webhook]:
        """Newest first."""
        from reprise.tracking.search.paging import decode, encode

        validation.page_size(max_results, limit=1000)
        before = decode(page_token, _SCOPE, 1)[0] if page_token else 2**62
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT id, {_COLUMNS} FROM webhook WHERE id < ? ORDER BY id DESC LIMIT ?",
                (before, max_results + 1),
            ).fetchall()
        shown = rows[:max_results]
        token = encode([shown[-1][0]], _SCOPE) if len(rows) > max_results else None
        return Page([_webhook(row[1:]) for row in shown], token)

    def all_webhooks(self) -> Sequence[Webhook]:
        """Every one, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM webhook ORDER BY id DESC")
            return [_webhook(row) for row in rows]

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
        with self._database.writing() as connection:
            here = _found(connection, webhook_id)
            _check(here.name if name is None else name, status or here.status)
            connection.execute(
                "UPDATE webhook SET name = coalesce(?, name), url = coalesce(?, url),"
                " events = coalesce(?, events), description = coalesce(?, description),"
                " secret = coalesce(?, secret), status = coalesce(?, status), last_update_time = ?"
                " WHERE webhook_id = ?",
                (
                    name,
                    url,
                    None if events is None else json.dumps(events),
                    description,
                    secret,
                    status,
                    max(now(), here.last_update_time + 1),
                    webhook_id,
                ),
            )
            return _found(connection, webhook_id)

    def delete_webhook(self, webhook_id: str) -> None:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.writing() as connection:
            _found(connection, webhook_id)
            connection.execute("DELETE FROM webhook WHERE webhook_id = ?", (webhook_id,))


def _check(name: str, status: str) -> None:
    if not re.fullmatch(_NAME, name):
        raise validation.invalid(
            f"Webhook name {name!r} is invalid. It starts and ends with a letter or digit, has at most 63"
            " characters, and holds only letters, digits, dots, underscores and hyphens"
        )
    if status not in _STATUSES:
        raise validation.invalid(f"Invalid value {status!r} for parameter 'status' supplied: {_STATUSES}")


def _found(connection: Connection, webhook_id: str) -> Webhook:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM webhook WHERE webhook_id = ?", (webhook_id,)
    ).fetchone()
    if row is None:
        raise missing(f"Webhook with ID {webhook_id} not found")
    return _webhook(row)


def _webhook(row: Sequence[object]) -> Webhook:
    webhook = Webhook._make(row)
    return webhook._replace(events=tuple(json.loads(str(webhook.events))))
