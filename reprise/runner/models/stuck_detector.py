"""Whether a worker responds, judged by its requests: a stuck worker is alive and answers probes."""

from __future__ import annotations

import time

READY_SECONDS = 600.0
"""Seconds in which a worker has to respond; large models take minutes to load."""

_MOST = 0.9
"""Share of its time that a request must have spent at the worker to count."""


class Pulse:
    """Of a worker whose requests may take ``timeout`` seconds."""

    def __init__(self, timeout: float) -> None:
        self.is_stuck = False
        self._timeout = timeout
        self._has_answered = False
        self._silent_since: float | None = None

    def note_answer(self) -> None:
        """A request was answered."""
        self._has_answered = True
        self._silent_since = None

    def note_missed(self, began: float) -> None:
        """Note that a request from ``began`` (monotonic seconds) was not answered in time.

        A single request may only be slow: the worker counts as stuck if a request that began later is not
        answered either. A model that loads at its first request gets the full time to load.
        """
        now = time.monotonic()
        if now - began < self._timeout * _MOST:  # it had waited for this worker to be started
            return
        if self._silent_since is None:
            self._silent_since = now
        elif began >= self._silent_since:
            self.is_stuck = self._has_answered or now - self._silent_since > READY_SECONDS
