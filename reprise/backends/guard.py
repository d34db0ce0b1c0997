"""A process group that does not outlive us, however we die.

The guard is a shell of a few lines in a session of its own. It reads from a pipe whose other end
only this process holds: a line means that the job has ended, end-of-file means that we were killed
without a word (``kill -9``, out of memory), and then the guard ends the group in our place, and
releases what the job has outside of it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

_SCRIPT = """
trap '' HUP INT TERM
read -r _ && exit 0
kill -s TERM -- "-$1" 2>/dev/null
tries=$2
while [ "$tries" -gt 0 ] && kill -s 0 -- "-$1" 2>/dev/null; do sleep 0.1; tries=$((tries - 1)); done
kill -s KILL -- "-$1" 2>/dev/null
shift 2
[ "$#" -eq 0 ] || "$@"
"""


class ProcessGuard:
    """Watches the process group ``group`` until it is dismissed; ``release`` is an argv for its end."""

    def __init__(self, group: int, grace: float, release: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "reprise-guard", str(group), str(round(grace * 10)), *release],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        try:
            self._process.communicate(b"done\n")
        except BrokenPipeError:
            pass  # the guard was killed; there is nothing left to guard


def end_group(group: int, grace: float, signal_number: int = signal.SIGTERM) -> None:
    """Send ``signal_number`` to the group, and SIGKILL when it is still there after ``grace`` seconds.

    A second Ctrl-C while waiting kills it at once.
    """
    if signal_group(group, signal_number):
        kill_after([group], grace)


def kill_after(groups: Iterable[int], grace: float, is_there: Callable[[int], bool] | None = None) -> None:
    """Wait until all the groups have ended, and kill the remaining ones after ``grace`` seconds.

    Ctrl-C while waiting kills them at once. ``is_there`` returns whether a group has not ended.
    """
    is_there = is_there or (lambda group: signal_group(group, 0))
    rest = list(groups)
    deadline = time.monotonic() + grace
    pause = 0.001
    try:
        while (rest := [group for group in rest if is_there(group)]) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, 0.1)
    except KeyboardInterrupt:
        pass
    for group in rest:
        signal_group(group, signal.SIGKILL)


def signal_group(group: int, number: int) -> bool:
    """Whether the group was there to be sent the signal; 0 only asks."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True
