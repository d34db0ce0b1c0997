"""Deliver committed events to webhooks in the background, so that no request waits for a receiver."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable

from reprise.errors import RepriseError
from reprise.schemas.entities import Webhook
from reprise.server.api.wire import Answer, Request
from reprise.server.delivery.events import Event, event_of, may_tell
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.protocols.subjects import Subject

log = logging.getLogger(__name__)

_WORKERS = 4
_MOST_WAITING = 1000
_AT_EXIT = 5.0
"""Seconds that a process which ends waits for what it has still to send."""


class Deliveries:
    """The events of a store for webhooks; its threads start with the first event."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(_MOST_WAITING)
        self._started = threading.Lock()
        self._ends = threading.Event()

    def announce(self, message: Request, answer: Answer) -> None:
        """Notify the webhooks for the event of an answered request."""
        if Subject.WEBHOOKS in self._store.leaves_out or not may_tell(message):
            return
        try:
            event = self._event(message, answer) if (webhooks := self._webhooks()) else None
            for webhook in webhooks:
                if event is not None and event.name in webhook.events:
                    self._put(webhook, event)
        except RepriseError as error:
            log.warning("webhooks are not notified of %s: %s", type(message).__name__, error)

    def _webhooks(self) -> list[Webhook]:
        return [webhook for webhook in self._store.all_webhooks() if webhook.status == "ACTIVE"]

    def _event(self, message: Request, answer: Answer) -> Event | None:
        return event_of(self._store, message, answer)

    def _put(self, webhook: Webhook, event: Event) -> None:
        self._start()
        try:
            self._jobs.put_nowait(lambda: self._send(webhook, event))
        except queue.Full:
            log.error(
                "webhook %r is not notified of %s: too many events are waiting", webhook.name, event.name
            )

    def _start(self) -> None:
        if self._started.acquire(blocking=False):
            for number in range(_WORKERS):
                threading.Thread(target=self._work, name=f"webhooks-{number}", daemon=True).start()
            atexit.register(self._finish)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            except Exception:
                log.exception("a webhook was not notified")
            finally:
                self._jobs.task_done()

    def _send(self, webhook: Webhook, event: Event) -> None:
        from reprise.server.delivery.post import post_event

        outcome = post_event(webhook, event.name, event.data, self._pause)
        if outcome.status is None or outcome.status >= 400:
            what = outcome.error or f"answered {outcome.status}"
            log.error("webhook %r was not notified of %s: %s", webhook.name, event.name, what)

    def _pause(self, seconds: float) -> bool:
        return not self._ends.wait(seconds)

    def _finish(self) -> None:
        self._ends.set()
        limit = time.monotonic() + _AT_EXIT
        while self._jobs.unfinished_tasks and time.monotonic() < limit:
            time.sleep(0.02)
