"""The time within a run: the clock of the machine may be set meanwhile, its duration stays true."""

from __future__ import annotations

import time
from typing import Self

from reprise.named_tuple import NamedTuple
from reprise.tracking.names import now

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # which counts sleep too, on Linux


class RunClock(NamedTuple):
    """``began`` is ms since the epoch, by the machine's clock; ``steady`` is monotonic."""

    began: int
    steady: int  # ns

    @classmethod
    def start(cls) -> Self:
        return cls(now(), time.clock_gettime_ns(_STEADY))

    def now(self) -> int:
        """ms since the epoch, as a clock says it that was not set since the start."""
        return self.began + (time.clock_gettime_ns(_STEADY) - self.steady) // 1_000_000
