"""Whether a worker answers, as its requests tell: one that is stuck lives still, and answers probes."""

from __future__ import annotations

import time

READY_SECONDS = 600.0
"""Within which a worker has to answer; large models take minutes to load."""

_MOST = 0.9
"""Of its time a request must have spent with the worker, to tell something of it."""


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
        """A request of ``began`` (monotonic seconds) was not answered in time.

        One alone may only be slow: the worker counts as stuck when one that began after that is not
        answered either. A model that loads itself at its first request has as long as any to load.
        """
        now = time.monotonic()
        if now - began < self._timeout * _MOST:  # it had waited for this worker to be started
            return
        if self._silent_since is None:
            self._silent_since = now
        elif began >= self._silent_since:
            self.is_stuck = self._has_answered or now - self._silent_since > READY_SECONDS
