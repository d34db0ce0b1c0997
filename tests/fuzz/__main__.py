"""``python -m tests.fuzz --minutes N [NAME...]``: tries targets in turn, and keeps each input that fails."""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import time
import traceback

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.inputs import some
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.test_targets import CORPUS, try_once

SLOW = 2.0  # seconds of CPU for one input
MEMORY = 4 << 30  # bytes of address space


def main() -> int:
    """Try until the time is over; return 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("names", nargs="*", help="parts of names of targets; all without")
    asked = parser.parse_args()
    chosen = [it for it in TARGETS if not asked.names or any(name in it.name for name in asked.names)]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    end = time.monotonic() + asked.minutes * 60
    tried, failed, slowest = 0, set[str](), (0.0, "")
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(HOME=home, REPRISE_CACHE_DIR=f"{home}/cache", REPRISE_STATE_DIR=f"{home}/state")
        round_ = 0
        while time.monotonic() < end:
            for it in chosen:
                count, took, fault = try_many(it, round_)
                tried += count
                slowest = max(slowest, (took, it.name))
                if fault:
                    failed.add(f"{it.name}: {fault}")
                    print(f"FAILED {it.name}: {fault}", file=sys.stderr, flush=True)
                if time.monotonic() > end:
                    break
            round_ += 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{tried} inputs for {len(chosen)} targets, {len(failed)} faults")
    print(f"the slowest took {slowest[0]:.2f} s of CPU ({slowest[1]}); {memory} MiB at most")
    return 1 if failed else 0


def try_many(it: Target, round_: int) -> tuple[int, float, str]:
    """How many inputs were tried, the CPU time of the slowest, and what was wrong with the last of them."""
    count, slowest, last = 0, 0.0, b""

    @seed(int.from_bytes(os.urandom(4)) + round_)
    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(some(it.seeds, it.words))
    def try_some(data: bytes) -> None:
        nonlocal count, slowest, last
        count, last = count + 1, data
        began = time.process_time()
        try_once(it, data)
        took = time.process_time() - began
        slowest = max(slowest, took)
        if took > SLOW:
            raise TimeoutError(f"{took:.1f} s for {len(data)} bytes")

    try:
        try_some()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        keep(it, last)
        traceback.print_exc()
        return count, slowest, f"{type(error).__name__}: {error}"[:300]
    return count, slowest, ""


def keep(it: Target, data: bytes) -> None:
    """Put an input that failed into the corpus, where the quick tests try it again."""
    folder = CORPUS / it.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
