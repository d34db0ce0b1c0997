"""Wrong passwords, counted: a client that guesses waits longer and longer, and others do not wait with it.

Counted are the failures of a name at an address, and of an address with any names. A name alone is never
slowed, so that strangers cannot keep its user out.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reprise.errors import TrackingError

_FREE = 5  # wrong passwords for one name that cost no wait
_FREE_OF_ADDRESS = 30
_LONGEST = 60.0  # seconds between two attempts, at most
_LONGEST_OF_ADDRESS = 5.0  # many users can share one
_FORGOTTEN = 15 * 60.0  # seconds without a failure
_MOST = 10_000  # names and addresses that are remembered
_REMEMBERED = 4  # wrong credentials of each: repeating the same one is not guessing


_Key = TypeVar("_Key")


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = -math.inf
    credentials: deque[bytes] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Attempts:
    """Safe to use from one thread at a time; ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pairs: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()

    def is_known_as_wrong(self, name: str, address: str, credential: bytes) -> bool:
        """Return whether this credential was just refused there: repeating it reveals nothing."""
        failures = self._pairs.get((name, _network(address)))
        return failures is not None and credential in failures.credentials

    def refuse_hasty(self, name: str, address: str) -> None:
        """Raise ``REQUEST_LIMIT_EXCEEDED`` when the next attempt of the name there is not due yet."""
        network = _network(address)
        wait = max(
            self._wait(self._pairs.get((name, network)), _FREE, _LONGEST),
            self._wait(self._addresses.get(network), _FREE_OF_ADDRESS, _LONGEST_OF_ADDRESS),
        )
        if wait > 0:
            raise TrackingError(
                f"Too many wrong passwords: try again in {math.ceil(wait)} s", code="REQUEST_LIMIT_EXCEEDED"
            )

    def note_failure(self, name: str, address: str, credential: bytes) -> None:
        """Count a wrong ``credential``, which is a digest."""
        network = _network(address)
        failures = self._count(self._pairs, (name, network))
        failures.credentials.append(credential)
        self._count(self._addresses, network)

    def note_success(self, name: str, address: str) -> None:
        """The failures of the name at the address count no more; those of the address with others do."""
        self._pairs.pop((name, _network(address)), None)

    def clear_credentials(self) -> None:
        """What was wrong may be right now: the users have changed."""
        for failures in self._pairs.values():
            failures.credentials.clear()

    def _wait(self, failures: _Failures | None, free: int, longest: float) -> float:
        if failures is None or failures.count < free:
            return 0.0
        pause = min(longest, 2.0 ** min(failures.count - free, 10))
        return max(0.0, failures.last + pause - self._clock())

    def _count(self, known: OrderedDict[_Key, _Failures], key: _Key) -> _Failures:
        now = self._clock()
        failures = known.pop(key, _Failures())
        if now - failures.last > _FORGOTTEN:
            failures = _Failures()
        failures.count, failures.last = failures.count + 1, now
        known[key] = failures
        while len(known) > _MOST:
            known.popitem(last=False)
        return failures


def _network(address: str) -> str:
    """One client has a whole /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
