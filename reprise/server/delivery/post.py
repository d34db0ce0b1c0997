"""Sends one event to one webhook: signed, and again later when the receiver is busy or breaks down."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache

import httpcore

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import Webhook
from reprise.server.delivery.network import NotPublic, open_pool

TIMEOUT = "MLFLOW_WEBHOOK_REQUEST_TIMEOUT"
RETRIES = "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES"
_LATER = {429, 500, 502, 503, 504}
_LONGEST_PAUSE = 60.0  # seconds
_LONGEST_ANSWER = 64 << 10  # bytes

_pool = cache(open_pool)


class DeliveryOutcome(NamedTuple):
    """``status`` is that of the last answer, None when there was none; ``error`` says why."""

    status: int | None
    body: str = ""
    error: str = ""
    wait: float | None = None


def signature(secret: str, delivery_id: str, timestamp: str, payload: str) -> str:
    """What ``X-MLflow-Signature`` says, by which a receiver knows who sends."""
    signed = f"{delivery_id}.{timestamp}.{payload}".encode()
    return f"v1,{base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()}"


def post_event(
    webhook: Webhook, event: str, data: Mapping[str, object], pause: Callable[[float], bool] | None = None
) -> DeliveryOutcome:
    """The outcome of the last attempt.

    ``pause`` waits so many seconds before another one, and says whether to make it; without it there is
    one attempt.
    """
    entity, _, action = event.partition(".")
    sent = {"entity": entity, "action": action, "timestamp": datetime.now(UTC).isoformat(), "data": data}
    payload = json.dumps(sent)
    delivery_id, timestamp = str(uuid.uuid4()), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "reprise",
        "X-MLflow-Delivery-Id": delivery_id,
        "X-MLflow-Timestamp": timestamp,
    }
    if webhook.secret:
        headers["X-MLflow-Signature"] = signature(webhook.secret, delivery_id, timestamp, payload)
    retries = _setting(RETRIES, 3) if pause else 0
    outcome = _post(webhook.url, headers, payload)
    for attempt in range(retries):
        if outcome.wait is None or pause is None:
            break
        if not pause(min(max(outcome.wait, 2.0**attempt) + random.random(), _LONGEST_PAUSE)):
            break
        outcome = _post(webhook.url, headers, payload)
    return outcome


def _post(url: str, headers: Mapping[str, str], payload: str) -> DeliveryOutcome:
    timeout = float(_setting(TIMEOUT, 30))
    limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}
    try:
        with _pool().stream(
            "POST", url, headers=[*headers.items()], content=payload.encode(), extensions=limits
        ) as response:
            body = b""
            for piece in response.iter_stream():
                body += piece
                if len(body) >= _LONGEST_ANSWER:
                    break
            given = dict(response.headers).get(b"retry-after", b"")
            wait = float(given) if given.isdigit() else 0.0
            text = body[:_LONGEST_ANSWER].decode(errors="replace")
            return DeliveryOutcome(response.status, text, wait=wait if response.status in _LATER else None)
    except NotPublic as error:
        return DeliveryOutcome(None, error=str(error))
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        return DeliveryOutcome(None, error=f"{type(error).__name__}: {error}", wait=0.0)


def _setting(name: str, default: int) -> int:
    """A number of the environment."""
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default
