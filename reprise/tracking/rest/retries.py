"""Timeouts and retries of requests to a tracking server.

A request is repeated if that is safe: it is idempotent, or known not to have been executed. The pause
between attempts grows, with a random part, so that many clients do not return to a restarted server at
once; a pause requested by the server is respected. All attempts together have a limit.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from reprise import progress

if TYPE_CHECKING:
    import httpx

Send = Callable[[Callable[[], None]], "httpx.Response"]
"""Sends a request; calls its argument whenever a part of a large body was taken."""

PAUSES = (0.1, 0.4, 1.6, 6.4)
"""Seconds before each further attempt, before chance makes them up to half longer or shorter."""

FIRST_CONTACT = 3
"""How many of the pauses a server gets that has not answered this program yet and refuses connections."""

_REFUSED_FOR_NOW = {408, 429, 500, 502, 503, 504}
_BUSY = 503
_TOO_MANY = 429


class Patience:
    """The attempts of one request to ``server``, within ``seconds``.

    Args:
        is_known: the server answered before, so that it runs, or is about to run again.
    """

    def __init__(self, server: str, seconds: float, *, is_known: bool = True) -> None:
        self._seconds = seconds
        self._is_known = is_known
        self._deadline = time.monotonic() + seconds
        self._wait = progress.Wait(server)

    def obtain(self, send: Send, *, repeatable: bool) -> httpx.Response:
        """The answer, of whatever status, of the first attempt that cannot be improved.

        Raises:
            httpx.HTTPError, httpx.InvalidURL: the last attempt failed.
        """
        import httpx

        for number, pause in enumerate((*PAUSES, None)):
            try:
                response = self._attempt(send)
            except httpx.RequestError as error:
                never_arrived = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                is_final = isinstance(error, httpx.TooManyRedirects | httpx.ReadTimeout)
                is_final |= never_arrived and not self._is_known and number >= FIRST_CONTACT
                if is_final or not (repeatable or never_arrived) or not self._pause(pause):
                    raise
            else:
                if not _may_repeat(response, repeatable):
                    return response
                asked = asked_pause(response)
                if not self._pause(pause if asked is None or pause is None else asked):
                    return response
                response.close()
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, seconds: float | None) -> bool:
        """Wait before the next attempt; False when it was the last, or there is no time for another."""
        if seconds is None or time.monotonic() + seconds > self._deadline:
            return False
        self._wait.until(_sleep, seconds * random.uniform(0.5, 1.5))
        return True

    def _attempt(self, send: Send) -> httpx.Response:
        """The answer of a thread: it is left when its time is over, however slowly the bytes come."""
        attempt = _Attempt(send, self._renew)
        while not self._wait.until(attempt.ended.wait, self._deadline - time.monotonic()):
            if time.monotonic() >= self._deadline:
                attempt.leave()
                import httpx

                raise httpx.ReadTimeout(f"it did not answer within {self._seconds:g} s")
        return attempt.result()

    def _renew(self) -> None:
        self._deadline = time.monotonic() + self._seconds


class _Attempt:
    def __init__(self, send: Send, advanced: Callable[[], None]) -> None:
        self.ended = threading.Event()
        self._left = False
        self._response: httpx.Response | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._perform, args=(send, advanced), daemon=True).start()

    def leave(self) -> None:
        self._left = True

    def result(self) -> httpx.Response:
        if self._error is not None:
            raise self._error
        assert self._response is not None
        return self._response

    def _perform(self, send: Send, advanced: Callable[[], None]) -> None:
        try:
            self._response = send(advanced)
        except BaseException as error:
            self._error = error
        finally:
            self.ended.set()
        if self._left and self._response is not None:
            self._response.close()


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def asked_pause(response: httpx.Response) -> float | None:
    """The seconds for which a server asks to be left alone, as a number or a time; None if it does not."""
    words = response.headers.get("Retry-After", "").strip()
    if words.isdecimal():
        return float(words)
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(words).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _may_repeat(response: httpx.Response, repeatable: bool) -> bool:
    """Whether asking again can help, and does no harm: nothing was done by who is too busy to."""
    status = response.status_code
    was_refused = status == _TOO_MANY or (status == _BUSY and "Retry-After" in response.headers)
    return status in _REFUSED_FOR_NOW and (repeatable or was_refused)
