"""A clock that is set during a run changes neither its duration nor the beat of its lease."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reprise.runner import run_clock
from reprise.runner.jobs.lease import Lease
from reprise.runner.run_clock import RunClock


@pytest.mark.parametrize("jump", [-86_400_000, 86_400_000])
def test_the_end_is_the_start_and_the_time_between(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    clock = RunClock.start()
    monkeypatch.setattr(run_clock, "now", lambda: clock.began + jump)
    first = clock.now()
    assert clock.began <= first <= clock.now() < clock.began + 3_600_000


def test_a_lease_beats_also_where_its_last_beat_lies_in_the_future(tmp_path: Path) -> None:
    lease = Lease.take(tmp_path, None, None)
    future = time.time() + 86_400
    os.utime(lease.descriptor, (future, future))
    lease.beat()
    assert os.fstat(lease.descriptor).st_mtime < future
    lease.release()
